//! What is done for each command, by subject. A handler loads, decides by the rules, stores, and gives packets back;
//! it never touches a socket.
pub(crate) mod contacts;
pub(crate) mod groups;
pub(crate) mod login;
pub(crate) mod messages;
pub(crate) mod pictures;
pub(crate) mod presence;
pub(crate) mod register;
pub(crate) mod rooms;
pub(crate) mod sync;

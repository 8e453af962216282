//! The numbers by which accounts, contacts, rooms and messages are known.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $repr:ty;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(pub $repr);
        )+
    };
}

ids! {
    /// An account.
    UserId: u32;
    /// A contact, in its owner's list: each owner counts from 1.
    ContactId: u32;
    /// A group of contacts, likewise. Group 1 is always there.
    GroupId: u32;
    /// A room.
    RoomId: u32;
    /// A stay-logged-in token.
    TokenId: u64;
    /// A message's place among all messages; grows with time.
    Seq: u64;
    /// A connection of this process.
    SessionNumber: u64;
}

/// The group that every account has, and that cannot be removed.
pub const FIRST_GROUP: GroupId = GroupId(1);

//! What the person sees, one part a file. Parts get what they need of the state by props and say an `Intent`.
pub(crate) mod add_contact_dialog;
pub(crate) mod auth;
pub(crate) mod avatar;
pub(crate) mod banner;
pub(crate) mod chat;
pub(crate) mod composer;
pub(crate) mod contact_row;
pub(crate) mod controls;
pub(crate) mod dialog;
pub(crate) mod form;
pub(crate) mod icons;
pub(crate) mod log;
pub(crate) mod members;
pub(crate) mod menu;
pub(crate) mod message;
pub(crate) mod notices;
pub(crate) mod picture;
pub(crate) mod presence;
pub(crate) mod rooms_dialog;
pub(crate) mod sidebar;
pub(crate) mod tray;

/// The value of a `class` attribute: what is always there, and what is there now.
pub(crate) fn class(always: &'static str, now: &[(&'static str, bool)]) -> yew::AttrValue {
    let mut class = String::from(always);
    for (name, _) in now.iter().filter(|(_, is_so)| *is_so) {
        class.push(' ');
        class.push_str(name);
    }
    class.into()
}

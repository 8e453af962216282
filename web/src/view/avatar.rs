//! A round sign for a person or a room: a letter on one of a few tints.
use mig33_client::{ChatId, Presence};
use yew::prelude::*;

use crate::view::icons::{Icon, icon};
use crate::view::presence;

/// How many tints there are (css/base.css).
const TINTS: u32 = 8;

/// A person's sign, with presence where it is known.
pub(crate) fn person(name: &str, presence: Option<Presence>) -> Html {
    let letter: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    html! {
        <span class={classes!("avatar", tint(name))} aria-hidden="true">
            { letter }
            { presence.map(presence::mark) }
        </span>
    }
}

/// A chat's sign.
pub(crate) fn chat(id: &ChatId, presence: Option<Presence>) -> Html {
    match id {
        ChatId::Private(name) => person(name, presence),
        ChatId::Room(name) => html! {
            <span class={classes!("avatar", "room", tint(name))} aria-hidden="true">{ icon(Icon::Rooms) }</span>
        },
    }
}

/// The class of a name's tint: the same for the same name, whatever its case.
pub(crate) fn tint(name: &str) -> String {
    let sum = name
        .chars()
        .flat_map(char::to_lowercase)
        .fold(5381_u32, |sum, c| sum.wrapping_mul(33) ^ u32::from(c));
    format!("tint-{}", (sum ^ (sum >> 15)) % TINTS)
}

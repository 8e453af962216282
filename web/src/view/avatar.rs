//! A round sign for a person or a room: a letter on one of a few tints.
use mig33_client::{ChatId, Presence};
use yew::prelude::*;

use crate::view::icons::{Icon, icon};
use crate::view::presence;

/// A person's sign, with presence where it is known.
pub(crate) fn person(name: &str, presence: Option<Presence>) -> Html {
    let letter: String = name.chars().take(1).collect();
    html! {
        <span class={format!("avatar {}", tint(name))} aria-hidden="true">
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
            <span class={format!("avatar room {}", tint(name))} aria-hidden="true">{ icon(Icon::Rooms) }</span>
        },
    }
}

/// The class of a name's tint, one of eight (css/base.css): the same for the same name, whatever its case.
pub(crate) fn tint(name: &str) -> String {
    // FNV-1a, and of its product the high bits, which are mixed best
    let hash = name
        .to_ascii_lowercase()
        .chars()
        .fold(0x811c_9dc5_u32, |hash, c| (hash ^ u32::from(c)).wrapping_mul(0x0100_0193));
    format!("tint-{}", hash.wrapping_mul(0x9e37_79b1) >> 29)
}

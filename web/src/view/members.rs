//! Who is in a room.
use std::rc::Rc;

use mig33_client::{Member, Room};
use yew::prelude::*;

use crate::intent::Intent;
use crate::isolated::isolated;
use crate::sorted::sorted;
use crate::view::avatar;
use crate::view::controls::icon_button;
use crate::view::icons::Icon;

/// The pane with a room's members; `me` is our own name.
pub(crate) fn members(room: &Room, me: &str, emit: &Callback<Intent>) -> Html {
    let members = sorted(room.members.iter().collect(), |(key, member): &(&Rc<str>, &Member)| {
        format!("{}{key}", u8::from(!member.administrator))
    });
    let me = me.to_ascii_lowercase();
    let rows = members.iter().map(|(key, member)| {
        let tag = match (***key == *me, member.administrator, member.muted) {
            (true, true, _) => Some("you, administrator"),
            (true, false, true) => Some("you, muted"),
            (true, false, false) => Some("you"),
            (false, true, _) => Some("administrator"),
            (false, false, true) => Some("muted"),
            (false, false, false) => None,
        };
        html! {
            <li key={key.to_string()} class="member">
                { avatar::person(&member.name, None) }
                <span class="member-name">{ isolated(&member.name) }</span>
                if let Some(tag) = tag { <span class="tag">{ tag }</span> }
            </li>
        }
    });
    html! {
        <aside class="members" aria-label="Members">
            <header class="pane-head">
                <h2>{ "Members" }<span class="count">{ members.len() }</span></h2>
                { icon_button("Close", Icon::Close, emit.reform(|_| Intent::ToggleMembers)) }
            </header>
            <ul class="member-list" tabindex="0" aria-label="Names">{ for rows }</ul>
        </aside>
    }
}

//! Asks somebody to become a contact.
use std::rc::Rc;

use mig33_client::{Action, LiteMap};
use yew::prelude::*;

use crate::intent::Intent;
use crate::part::keyed;
use crate::view::controls::{error_line, field, spinner};
use crate::view::dialog::{self, Dialog};
use crate::view::form::filled;

/// The dialog: `error` says why the last try was refused, `busy` whether one is under way.
pub(crate) fn add_contact_dialog(
    groups: &LiteMap<u32, Rc<str>>,
    error: Option<&str>,
    busy: bool,
    emit: &Callback<Intent>,
) -> Html {
    let on_submit = emit.reform(move |event: SubmitEvent| {
        let [username, group] = filled(&event, ["username", "group"]);
        let username = username.trim().to_owned();
        if busy || username.is_empty() {
            return Intent::Nothing;
        }
        Intent::Ask(Action::AddContact { username, group: group.parse().unwrap_or(0) })
    });
    let username = html! {
        <input name="username" required=true maxlength="32" autocomplete="off" autocapitalize="none" autocorrect="off"
            spellcheck="false" autofocus=true />
    };
    let group = html! {
        <select name="group">
            <option key="0" value="0">{ "None" }</option>
            { for groups.iter().map(|(id, name)| html! { <option key={id.to_string()} value={id.to_string()}>{ &**name }</option> }) }
        </select>
    };
    let children = html! {
            <form onsubmit={on_submit}>
                <p class="dialog-hint">{ "They get a request. Once they accept, you see each other’s presence and can chat." }</p>
                { error_line(error) }
                { field("Username", username) }
                if !groups.is_empty() {
                    { field("Group", group) }
                }
                <div class="dialog-buttons">
                    <button type="submit" class="button primary" aria-disabled={busy.then_some("true")}>
                        if busy { { spinner() } }
                        { "Send request" }
                    </button>
                </div>
            </form>
    };
    let on_close = emit.reform(|()| Intent::Close);
    keyed::<Dialog>(
        "add",
        dialog::Props { title: "Add contact".into(), class: "narrow", on_close, children },
    )
}

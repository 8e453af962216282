//! Asks somebody to become a contact.
use std::collections::BTreeMap;
use std::rc::Rc;

use mig33_client::Action;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::intent::Intent;
use crate::view::dialog::Dialog;
use crate::view::icons::{Icon, icon};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) groups: Rc<BTreeMap<u32, Rc<str>>>,
    /// Why the last try was refused.
    pub(crate) error: Option<Rc<str>>,
    /// Whether a try is under way.
    pub(crate) busy: bool,
    pub(crate) emit: Callback<Intent>,
}

#[component]
pub(crate) fn AddContactDialog(props: &Props) -> Html {
    let Props { groups, error, busy, emit } = props;
    let (username, group) = (use_node_ref(), use_node_ref());
    let on_submit = {
        let (username, group, emit, busy) = (username.clone(), group.clone(), emit.clone(), *busy);
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let name =
                username.cast::<HtmlInputElement>().map(|input| input.value().trim().to_owned());
            let chosen =
                group.cast::<HtmlSelectElement>().and_then(|select| select.value().parse().ok());
            if let Some(username) = name.filter(|name| !name.is_empty() && !busy) {
                emit.emit(Intent::Ask(Action::AddContact { username, group: chosen.unwrap_or(0) }));
            }
        })
    };
    html! {
        <Dialog title="Add contact" class="narrow" on_close={emit.reform(|()| Intent::Close)}>
            <form onsubmit={on_submit}>
                <p class="dialog-hint">{ "They get a request. Once they accept, you see each other’s presence and can chat." }</p>
                if let Some(error) = error {
                    <p class="error" role="alert">{ icon(Icon::Warning) }<span>{ &**error }</span></p>
                }
                <label class="field">
                    <span>{ "Username" }</span>
                    <input ref={username} required=true maxlength="32" autocomplete="off" autocapitalize="none" autocorrect="off"
                        spellcheck="false" autofocus=true />
                </label>
                if !groups.is_empty() {
                    <label class="field">
                        <span>{ "Group" }</span>
                        <select ref={group}>
                            <option key="0" value="0">{ "None" }</option>
                            { for groups.iter().map(|(id, name)| html! { <option key={id.to_string()} value={id.to_string()}>{ &**name }</option> }) }
                        </select>
                    </label>
                }
                <div class="dialog-buttons">
                    <button type="submit" class="button primary" aria-disabled={busy.then_some("true")}>
                        if *busy { <span class="spinner" aria-hidden="true"></span> }
                        { "Send request" }
                    </button>
                </div>
            </form>
        </Dialog>
    }
}

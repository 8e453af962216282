//! Asks somebody to become a contact.
use std::rc::Rc;

use mig33_client::{Action, LiteMap};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::intent::Intent;
use crate::view::controls::{error_line, field, spinner};
use crate::view::dialog::Dialog;

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) groups: Rc<LiteMap<u32, Rc<str>>>,
    /// Why the last try was refused.
    pub(crate) error: Option<Rc<str>>,
    /// Whether a try is under way.
    pub(crate) busy: bool,
    pub(crate) emit: Callback<Intent>,
}

pub(crate) struct AddContactDialog {
    username: NodeRef,
    group: NodeRef,
}

impl Component for AddContactDialog {
    /// Send what is filled in.
    type Message = ();
    type Properties = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self { username: NodeRef::default(), group: NodeRef::default() }
    }

    fn update(&mut self, ctx: &Context<Self>, (): ()) -> bool {
        let name =
            self.username.cast::<HtmlInputElement>().map(|input| input.value().trim().to_owned());
        let group =
            self.group.cast::<HtmlSelectElement>().and_then(|select| select.value().parse().ok());
        if let Some(username) = name.filter(|name| !name.is_empty() && !ctx.props().busy) {
            let group = group.unwrap_or(0);
            ctx.props().emit.emit(Intent::Ask(Action::AddContact { username, group }));
        }
        false
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { groups, error, busy, emit } = ctx.props();
        html! {
                    <Dialog title="Add contact" class="narrow" on_close={emit.reform(|()| Intent::Close)}>
                        <form onsubmit={ctx.link().callback(|event: SubmitEvent| event.prevent_default())}>
                            <p class="dialog-hint">{ "They get a request. Once they accept, you see each other’s presence and can chat." }</p>
                            { error_line(error.as_deref()) }
                            { field("Username", html! {
        <input ref={self.username.clone()} required=true maxlength="32" autocomplete="off" autocapitalize="none" autocorrect="off"
                                    spellcheck="false" autofocus=true />
        }) }
                            if !groups.is_empty() {
                                { field("Group", html! {
        <select ref={self.group.clone()}>
                                        <option key="0" value="0">{ "None" }</option>
                                        { for groups.iter().map(|(id, name)| html! { <option key={id.to_string()} value={id.to_string()}>{ &**name }</option> }) }
                                    </select>
        }) }
                            }
                            <div class="dialog-buttons">
                                <button type="submit" class="button primary" aria-disabled={busy.then_some("true")}>
                                    if *busy { { spinner() } }
                                    { "Send request" }
                                </button>
                            </div>
                        </form>
                    </Dialog>
                }
    }
}

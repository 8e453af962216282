//! Logging in and registering.
use std::rc::Rc;

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::intent::Intent;
use crate::view::icons::{Icon, icon, logo};

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    /// Why the last try failed, or why we were logged out.
    pub(crate) error: Option<Rc<str>>,
    /// Whether a try is under way.
    pub(crate) busy: bool,
    pub(crate) emit: Callback<Intent>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    LogIn,
    Register,
}

#[component]
pub(crate) fn Auth(props: &Props) -> Html {
    let tab = use_state(|| Tab::LogIn);
    let (username, password, phone) = (use_node_ref(), use_node_ref(), use_node_ref());
    let tabs =
        [(Tab::LogIn, use_node_ref(), "Log in"), (Tab::Register, use_node_ref(), "Register")];

    let show = {
        let (tab, emit) = (tab.clone(), props.emit.clone());
        Callback::from(move |next: Tab| {
            if *tab != next {
                tab.set(next);
                emit.emit(Intent::ForgetError);
            }
        })
    };
    let on_key = {
        let (show, tab) = (show.clone(), *tab);
        let nodes = [tabs[0].1.clone(), tabs[1].1.clone()];
        Callback::from(move |event: KeyboardEvent| {
            let (next, node) = match event.key().as_str() {
                "ArrowLeft" | "ArrowRight" if tab == Tab::LogIn => (Tab::Register, &nodes[1]),
                "ArrowLeft" | "ArrowRight" => (Tab::LogIn, &nodes[0]),
                "Home" => (Tab::LogIn, &nodes[0]),
                "End" => (Tab::Register, &nodes[1]),
                _ => return,
            };
            event.prevent_default();
            show.emit(next);
            if let Some(button) = node.cast::<web_sys::HtmlElement>() {
                let _ = button.focus();
            }
        })
    };
    let on_submit = {
        let (username, password, phone) = (username.clone(), password.clone(), phone.clone());
        let (emit, tab, busy) = (props.emit.clone(), *tab, props.busy);
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if busy {
                return;
            }
            let (username, password) = (value(&username).trim().to_owned(), value(&password));
            emit.emit(match tab {
                Tab::LogIn => Intent::LogIn { username, password },
                Tab::Register => {
                    let mobile_phone = value(&phone).chars().filter(char::is_ascii_digit).collect();
                    Intent::Register { username, password, mobile_phone }
                }
            });
        })
    };

    let registering = *tab == Tab::Register;
    let submit = match (registering, props.busy) {
        (false, false) => "Log in",
        (false, true) => "Logging in…",
        (true, false) => "Create account",
        (true, true) => "Creating the account…",
    };
    html! {
        <main class="auth">
            <div class="auth-card">
                <header class="auth-head">
                    { logo() }
                    <h1>{ "mig33" }</h1>
                    <p>{ "Chat with friends and in rooms, from the browser or an old phone." }</p>
                </header>
                <div class="tabs" role="tablist" aria-label="Account" onkeydown={on_key}>
                    { for tabs.iter().map(|(of, node, name)| {
                        let selected = *tab == *of;
                        let of = *of;
                        html! {
                            <button key={*name} ref={node.clone()} type="button" role="tab" id={format!("tab-{}", if of == Tab::LogIn { "log-in" } else { "register" })}
                                aria-selected={if selected { "true" } else { "false" }} aria-controls="auth-panel"
                                tabindex={if selected { "0" } else { "-1" }} onclick={show.reform(move |_| of)}>{ *name }</button>
                        }
                    }) }
                </div>
                <form id="auth-panel" role="tabpanel" aria-labelledby={if registering { "tab-register" } else { "tab-log-in" }}
                    onsubmit={on_submit}>
                    if let Some(error) = &props.error {
                        <p class="error" role="alert">{ icon(Icon::Warning) }<span>{ &**error }</span></p>
                    }
                    <label class="field">
                        <span>{ "Username" }</span>
                        <input ref={username} name="username" required=true maxlength="32" autocomplete="username"
                            autocapitalize="none" autocorrect="off" spellcheck="false" autofocus=true />
                    </label>
                    <label class="field">
                        <span>{ "Password" }</span>
                        <input ref={password} name="password" type="password" required=true maxlength="60"
                            autocomplete={if registering { "new-password" } else { "current-password" }} />
                    </label>
                    if registering {
                        <label class="field">
                            <span>{ "Mobile phone (optional)" }</span>
                            <input ref={phone} name="phone" type="tel" autocomplete="tel" maxlength="24"
                                placeholder="with country code" />
                        </label>
                    }
                    <button type="submit" class="button primary wide" aria-disabled={props.busy.then_some("true")}>
                        if props.busy { <span class="spinner" aria-hidden="true"></span> }
                        { submit }
                    </button>
                </form>
            </div>
        </main>
    }
}

fn value(node: &NodeRef) -> String {
    node.cast::<HtmlInputElement>().map(|input| input.value()).unwrap_or_default()
}

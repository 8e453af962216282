//! Logging in and registering.
use std::rc::Rc;

use web_sys::HtmlElement;
use yew::prelude::*;

use crate::intent::Intent;
use crate::part::{Context, Part};
use crate::view::controls::{error_line, field, spinner};
use crate::view::form::filled;
use crate::view::icons::logo;

#[derive(PartialEq)]
pub(crate) struct Props {
    /// Why the last try failed, or why we were logged out.
    pub(crate) error: Option<Rc<str>>,
    /// Whether a try is under way.
    pub(crate) busy: bool,
    pub(crate) emit: Callback<Intent>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    LogIn,
    Register,
}

const TABS: [(Tab, &str); 2] = [(Tab::LogIn, "Log in"), (Tab::Register, "Register")];

pub(crate) enum Msg {
    Show(Tab),
    /// The same, by a key: the focus goes along.
    GoTo(Tab),
    Submit {
        username: String,
        password: String,
        phone: String,
    },
}

pub(crate) struct Auth {
    tab: Tab,
    tabs: [NodeRef; 2],
}

impl Part for Auth {
    type Message = Msg;
    type Props = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self { tab: Tab::LogIn, tabs: Default::default() }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        let Props { busy, emit, .. } = ctx.props();
        match msg {
            Msg::Show(tab) => self.show(tab, emit),
            Msg::GoTo(tab) => {
                let [log_in, register] = &self.tabs;
                let node = if tab == Tab::LogIn { log_in } else { register };
                if let Some(button) = node.cast::<HtmlElement>() {
                    let _ = button.focus();
                }
                self.show(tab, emit);
            }
            Msg::Submit { .. } if *busy => {}
            Msg::Submit { username, password, phone } => {
                let username = username.trim().to_owned();
                emit.emit(match self.tab {
                    Tab::LogIn => Intent::LogIn { username, password },
                    Tab::Register => {
                        let mobile_phone = phone.chars().filter(char::is_ascii_digit).collect();
                        Intent::Register { username, password, mobile_phone }
                    }
                });
            }
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let (link, Props { error, busy, .. }) = (ctx.link(), ctx.props());
        let tab = self.tab;
        let on_key = link.batch_callback(move |event: KeyboardEvent| {
            let to = match event.key().as_str() {
                "ArrowLeft" | "ArrowRight" if tab == Tab::LogIn => Tab::Register,
                "ArrowLeft" | "ArrowRight" | "Home" => Tab::LogIn,
                "End" => Tab::Register,
                _ => return None,
            };
            event.prevent_default();
            Some(Msg::GoTo(to))
        });
        let on_submit = link.callback(|event: SubmitEvent| {
            let [username, password, phone] = filled(&event, ["username", "password", "phone"]);
            Msg::Submit { username, password, phone }
        });
        let registering = self.tab == Tab::Register;
        let submit = match (registering, *busy) {
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
                                { for TABS.iter().zip(&self.tabs).map(|((of, name), node)| {
                                    let selected = self.tab == *of;
                                    let of = *of;
                                    html! {
                                        <button key={*name} ref={node.clone()} type="button" role="tab" id={format!("tab-{}", if of == Tab::LogIn { "log-in" } else { "register" })}
                                            aria-selected={if selected { "true" } else { "false" }} aria-controls="auth-panel"
                                            tabindex={if selected { "0" } else { "-1" }} onclick={link.callback(move |_: MouseEvent| Msg::Show(of))}>{ *name }</button>
                                    }
                                }) }
                            </div>
                            <div id="auth-panel" role="tabpanel" aria-labelledby={if registering { "tab-register" } else { "tab-log-in" }}>
                            <form onsubmit={on_submit}>
                                { error_line(error.as_deref()) }
                                { field("Username", html! {
        <input name="username" required=true maxlength="32" autocomplete="username"
                                        autocapitalize="none" autocorrect="off" spellcheck="false" autofocus=true />
        }) }
                                { field("Password", html! {
        <input name="password" type="password" required=true maxlength="60"
                                        autocomplete={if registering { "new-password" } else { "current-password" }} />
        }) }
                                if registering {
                                    { field("Mobile phone (optional)", html! {
        <input name="phone" type="tel" autocomplete="tel" maxlength="24"
                                            placeholder="with country code" />
        }) }
                                }
                                <button type="submit" class="button primary wide" aria-disabled={busy.then_some("true")}>
                                    if *busy { { spinner() } }
                                    { submit }
                                </button>
                            </form>
                            </div>
                        </div>
                    </main>
                }
    }
}

impl Auth {
    fn show(&mut self, tab: Tab, emit: &Callback<Intent>) {
        if self.tab != tab {
            self.tab = tab;
            emit.emit(Intent::ForgetError);
        }
    }
}

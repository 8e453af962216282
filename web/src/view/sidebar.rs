//! The list: oneself, who asks to become a contact, rooms, contacts by group.
use std::rc::Rc;

use mig33_client::{Account, Action, ChatId, Feature, Presence};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::intent::{DialogKind, Intent};
use crate::isolated::isolated;
use crate::part::{Context, Part, keyed, part};
use crate::roster::Section;
use crate::view::avatar;
use crate::view::contact_row::{self, ContactRow};
use crate::view::controls::{button_with, icon_button};
use crate::view::icons::{Icon, icon};

/// What one can be, and what it is called.
const PRESENCES: [(Presence, &str); 4] = [
    (Presence::AVAILABLE, "Available"),
    (Presence::AWAY, "Away"),
    (Presence::BUSY, "Busy"),
    (Presence::OFFLINE, "Appear offline"),
];

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) account: Rc<Account>,
    pub(crate) requests: Rc<Vec<Rc<str>>>,
    pub(crate) sections: Rc<Vec<Section>>,
    /// What the server does not serve: there is no form for it.
    pub(crate) unserved: Vec<Feature>,
    pub(crate) open: Option<ChatId>,
    /// Days since 1970.
    pub(crate) today: i64,
    /// Whether the list has come.
    pub(crate) loaded: bool,
    pub(crate) emit: Callback<Intent>,
}

pub(crate) struct Sidebar;

impl Part for Sidebar {
    type Message = ();
    type Props = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { account, requests, sections, unserved, open, today, loaded, emit } =
            ctx.props();
        let serves = |feature| !unserved.contains(&feature);
        let has_contacts = sections.iter().any(|section| !section.entries.is_empty());
        html! {
            <nav class="sidebar" aria-label="Chats">
                { part::<Profile>(ProfileProps {
                    account: account.clone(),
                    has_presence: serves(Feature::Presence),
                    has_status: serves(Feature::StatusMessage),
                    emit: emit.clone(),
                }) }
                <div class="sidebar-actions">
                    if serves(Feature::Contacts) {
                        { opener(Icon::AddPerson, "Add contact", DialogKind::AddContact, emit) }
                    }
                    if serves(Feature::Directory) || serves(Feature::NewRooms) {
                        { opener(Icon::Rooms, "Rooms", DialogKind::Rooms, emit) }
                    }
                </div>
                <div class="sidebar-scroll">
                    <div class="slot">
                    if !requests.is_empty() {
                        <section class="requests" aria-label="Contact requests">
                            <h3 key=" title" class="section-title">{ "Contact requests" }</h3>
                            { for requests.iter().map(|username| request(username, emit)) }
                        </section>
                    }
                    </div>
                    <div class="sections">
                    { for sections.iter().map(|section| html! {
                        <section key={format!("{:?}", section.key)} role="group" aria-label={section.title.to_string()}>
                            <h3 key="title" class="section-title">{ &*section.title }</h3>
                            { for section.entries.iter().map(|entry| keyed::<ContactRow>(format!("{:?}", entry.chat), contact_row::Props {
                                entry: entry.clone(),
                                open: open.as_ref() == Some(&entry.chat),
                                today: *today,
                            })) }
                        </section>
                    }) }
                    </div>
                    if !has_contacts && *loaded {
                        <p class="sidebar-empty">{ "Nobody is here yet. Add a contact by username, or browse rooms." }</p>
                    }
                </div>
            </nav>
        }
    }
}

fn opener(picture: Icon, words: &'static str, dialog: DialogKind, emit: &Callback<Intent>) -> Html {
    let open = emit.reform(move |_: MouseEvent| Intent::Open(dialog.clone()));
    html! { <button type="button" class="button" onclick={open}>{ icon(picture) }{ words }</button> }
}

fn request(username: &Rc<str>, emit: &Callback<Intent>) -> Html {
    let (accepted, rejected) = (username.clone(), username.clone());
    let accept =
        emit.reform(move |_| Intent::Act(Action::AcceptContact { username: accepted.clone() }));
    let reject = emit.reform(move |_| {
        Intent::Act(Action::RejectContact { username: rejected.clone(), block: false })
    });
    html! {
        <div key={username.to_string()} class="request">
            { avatar::person(username, None) }
            <span class="request-name">{ isolated(username) }</span>
            <span class="request-buttons">
                { button_with("button small primary", format!("Accept {}", isolated(username)).into(), html! { "Accept" }, accept) }
                { button_with("button small", format!("Reject {}", isolated(username)).into(), html! { "Reject" }, reject) }
            </span>
        </div>
    }
}

#[derive(PartialEq)]
struct ProfileProps {
    account: Rc<Account>,
    has_presence: bool,
    has_status: bool,
    emit: Callback<Intent>,
}

/// What is done to the status message.
enum Typed {
    Text(String),
    Save,
    Undo,
}

/// Own name, presence, status message, and the way out.
struct Profile {
    /// The status message that is typed and not saved.
    typed: Option<String>,
}

impl Part for Profile {
    type Message = Typed;
    type Props = ProfileProps;

    fn create(_ctx: &Context<Self>) -> Self {
        Self { typed: None }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Typed) -> bool {
        let ProfileProps { account, emit, .. } = ctx.props();
        match msg {
            Typed::Text(text) => self.typed = Some(text),
            Typed::Undo => self.typed = None,
            Typed::Save => {
                if let Some(text) = self.typed.take().map(|text| text.trim().to_owned())
                    && *text != *account.status_message
                {
                    emit.emit(Intent::Act(Action::SetStatusMessage(text)));
                }
            }
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let (link, ProfileProps { account, has_presence, has_status, emit }) =
            (ctx.link(), ctx.props());
        let on_presence = emit.reform(|event: Event| {
            let value = event.target_unchecked_into::<HtmlSelectElement>().value();
            Intent::Act(Action::SetPresence(value.parse().map_or(Presence::AVAILABLE, Presence)))
        });
        let status: AttrValue = match &self.typed {
            Some(typed) => typed.clone().into(),
            None => account.status_message.clone().into(),
        };
        let chosen = if PRESENCES.iter().any(|(presence, _)| *presence == account.presence) {
            account.presence
        } else {
            Presence::AVAILABLE
        };
        html! {
            <header class="profile">
                { avatar::person(&account.username, Some(chosen)) }
                <span class="profile-name">{ &*account.username }</span>
                if *has_presence {
                <select class="profile-presence" aria-label="Presence" onchange={on_presence}>
                    { for PRESENCES.iter().map(|(presence, name)| html! {
                        <option key={*name} value={presence.0.to_string()} selected={*presence == chosen}>{ *name }</option>
                    }) }
                </select>
                }
                { icon_button("Log out", Icon::Leave, emit.reform(|_| Intent::AskToLogOut)) }
                if *has_status {
                <form class="profile-status" onsubmit={link.callback(|event: SubmitEvent| { event.prevent_default(); Typed::Save })}>
                    <input aria-label="Status message" placeholder="Set a status message" maxlength="160" value={status}
                        enterkeyhint="done" autocomplete="off" oninput={link.callback(|event: InputEvent| Typed::Text(event.target_unchecked_into::<HtmlInputElement>().value()))}
                    onkeydown={link.batch_callback(|event: KeyboardEvent| (event.key() == "Escape").then_some(Typed::Undo))}
                    onblur={link.callback(|_: FocusEvent| Typed::Save)} />
                </form>
                }
            </header>
        }
    }
}

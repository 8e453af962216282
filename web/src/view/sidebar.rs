//! The list: oneself, who asks to become a contact, rooms, contacts by group.
use std::rc::Rc;

use mig33_client::{Account, Action, ChatId, Presence};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::intent::{DialogKind, Intent};
use crate::roster::Section;
use crate::view::avatar;
use crate::view::contact_row::ContactRow;
use crate::view::icons::{Icon, icon};

/// What one can be, and what it is called.
const PRESENCES: [(Presence, &str); 4] = [
    (Presence::AVAILABLE, "Available"),
    (Presence::AWAY, "Away"),
    (Presence::BUSY, "Busy"),
    (Presence::OFFLINE, "Appear offline"),
];

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    pub(crate) account: Rc<Account>,
    pub(crate) requests: Rc<Vec<Rc<str>>>,
    pub(crate) sections: Rc<Vec<Section>>,
    pub(crate) open: Option<ChatId>,
    /// Days since 1970.
    pub(crate) today: i64,
    /// Whether the list has come.
    pub(crate) loaded: bool,
    pub(crate) emit: Callback<Intent>,
}

#[component]
pub(crate) fn Sidebar(props: &Props) -> Html {
    let Props { account, requests, sections, open, today, loaded, emit } = props;
    let has_contacts = sections.iter().any(|section| !section.entries.is_empty());
    html! {
        <nav class="sidebar" aria-label="Chats">
            <Profile account={account.clone()} emit={emit.clone()} />
            <div class="sidebar-actions">
                <button type="button" class="button" onclick={emit.reform(|_| Intent::Open(DialogKind::AddContact))}>{ icon(Icon::AddPerson) }{ "Add contact" }</button>
                <button type="button" class="button" onclick={emit.reform(|_| Intent::Open(DialogKind::Rooms))}>{ icon(Icon::Rooms) }{ "Rooms" }</button>
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
                        { for section.entries.iter().map(|entry| html! {
                            <ContactRow key={format!("{:?}", entry.chat)} entry={entry.clone()} open={open.as_ref() == Some(&entry.chat)} today={*today} />
                        }) }
                    </section>
                }) }
                </div>
                if !has_contacts && *loaded {
                    <p class="sidebar-empty">{ "Nobody is here yet. Add a contact by username, or look into a room." }</p>
                }
            </div>
        </nav>
    }
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
            <span class="request-name">{ &**username }</span>
            <span class="request-buttons">
                <button type="button" class="button small primary" aria-label={format!("Accept {username}")} onclick={accept}>{ "Accept" }</button>
                <button type="button" class="button small" aria-label={format!("Reject {username}")} onclick={reject}>{ "Reject" }</button>
            </span>
        </div>
    }
}

#[derive(PartialEq, Properties)]
struct ProfileProps {
    account: Rc<Account>,
    emit: Callback<Intent>,
}

/// Own name, presence, status message, and the way out.
#[component]
fn Profile(props: &ProfileProps) -> Html {
    let ProfileProps { account, emit } = props;
    let typed = use_state(|| None::<AttrValue>);
    let on_presence = emit.reform(|event: Event| {
        let value = event.target_unchecked_into::<HtmlSelectElement>().value();
        Intent::Act(Action::SetPresence(value.parse().map_or(Presence::AVAILABLE, Presence)))
    });
    let on_input = {
        let typed = typed.clone();
        Callback::from(move |event: InputEvent| {
            typed.set(Some(event.target_unchecked_into::<HtmlInputElement>().value().into()));
        })
    };
    let save = {
        let (typed, emit, saved) = (typed.clone(), emit.clone(), account.status_message.clone());
        Callback::from(move |()| {
            if let Some(text) = typed.as_ref().map(|text| text.trim().to_owned())
                && *text != *saved
            {
                emit.emit(Intent::Act(Action::SetStatusMessage(text)));
            }
            typed.set(None);
        })
    };
    let on_submit = {
        let save = save.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            save.emit(());
        })
    };
    let on_key = {
        let typed = typed.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" {
                typed.set(None);
            }
        })
    };
    let status = (*typed).clone().unwrap_or_else(|| account.status_message.clone().into());
    let chosen = if PRESENCES.iter().any(|(presence, _)| *presence == account.presence) {
        account.presence
    } else {
        Presence::AVAILABLE
    };
    html! {
        <header class="profile">
            { avatar::person(&account.username, Some(chosen)) }
            <span class="profile-name">{ &*account.username }</span>
            <select class="profile-presence" aria-label="Presence" onchange={on_presence}>
                { for PRESENCES.iter().map(|(presence, name)| html! {
                    <option key={*name} value={presence.0.to_string()} selected={*presence == chosen}>{ *name }</option>
                }) }
            </select>
            <button type="button" class="icon-button" aria-label="Log out" title="Log out" onclick={emit.reform(|_| Intent::LogOut)}>{ icon(Icon::Leave) }</button>
            <form class="profile-status" onsubmit={on_submit}>
                <input aria-label="Status message" placeholder="Set a status message" maxlength="160" value={status}
                    enterkeyhint="done" autocomplete="off" oninput={on_input} onkeydown={on_key} onblur={save.reform(|_| ())} />
            </form>
        </header>
    }
}

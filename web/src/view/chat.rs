//! The open chat: head, log, composer.
use std::rc::Rc;

use mig33_client::{Action, Chat, Contact, Membership};
use wasm_bindgen::JsCast;
use web_sys::Node;
use yew::prelude::*;

use crate::intent::{DialogKind, Intent};
use crate::isolated::isolated;
use crate::part::{Context, Part, keyed};
use crate::roster::{REQUEST_SENT, presence_words};
use crate::view::avatar;
use crate::view::class;
use crate::view::composer::{self, Composer};
use crate::view::controls::{button, button_with};
use crate::view::icons::{Icon, icon};
use crate::view::log::{self, Log};
use crate::view::menu::{item, menu};
use crate::view::tray::{Sending, tray};

/// The id of the heading, which gets the focus where no keyboard is wanted.
pub(crate) const HEADING: &str = "chat-name";

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) chat: Rc<Chat>,
    /// The contact, where it is one.
    pub(crate) contact: Option<Rc<Contact>>,
    /// Whether who is none cannot be written to.
    pub(crate) contacts_only: bool,
    /// The guid of the first unread message.
    pub(crate) unread_from: Option<Rc<str>>,
    /// Whether that is known by now.
    pub(crate) settled: bool,
    /// Whether the person looks at it.
    pub(crate) looking: bool,
    /// What was typed here before.
    pub(crate) draft: Option<Rc<str>>,
    /// Pictures on their way.
    pub(crate) sending: Vec<Sending>,
    /// Whether the room's members are shown.
    pub(crate) members_open: bool,
    /// Days since 1970.
    pub(crate) today: i64,
    /// Counts how often the log was asked to go to its end.
    pub(crate) jumps: u32,
    /// Whether there is a connection.
    pub(crate) online: bool,
    pub(crate) emit: Callback<Intent>,
}

/// Whether a file is being dragged over it.
pub(crate) struct ChatPane {
    node: NodeRef,
    is_target: bool,
}

impl Part for ChatPane {
    type Message = bool;
    type Props = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self { node: NodeRef::default(), is_target: false }
    }

    fn update(&mut self, _ctx: &Context<Self>, is_target: bool) -> bool {
        std::mem::replace(&mut self.is_target, is_target) != is_target
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let props = ctx.props();
        let Props { chat, unread_from, draft, sending, today, jumps, online, emit, .. } = props;
        let key = format!("{:?}", chat.id);
        let foot = foot(props);
        // where nothing can be said, no file is taken either
        let takes = foot.is_none();
        let on_drag = ctx.link().batch_callback(move |event: DragEvent| {
            let data = event.data_transfer().filter(|_| takes)?;
            let files =
                data.types().iter().any(|kind| kind.as_string().as_deref() == Some("Files"));
            files.then(|| {
                event.prevent_default();
                true
            })
        });
        let on_leave = {
            let node = self.node.clone();
            // from one of its elements to another, it is still over it
            ctx.link().batch_callback(move |event: DragEvent| {
                let to = event.related_target().and_then(|to| to.dyn_into::<Node>().ok());
                let stays =
                    node.get().is_some_and(|pane| to.is_some() && pane.contains(to.as_ref()));
                (!stays).then_some(false)
            })
        };
        let on_drop = {
            let (emit, chat) = (emit.clone(), chat.id.clone());
            ctx.link().callback(move |event: DragEvent| {
                if let Some(data) = event.data_transfer().filter(|_| takes)
                    && data.files().is_some_and(|files| files.length() > 0)
                {
                    event.prevent_default();
                    let (pictures, not_sent) = composer::pictures(&data);
                    emit.emit(Intent::SendPictures(chat.clone(), pictures));
                    if let Some(words) = not_sent {
                        emit.emit(Intent::Complain(words));
                    }
                }
                false
            })
        };
        html! {
            <section ref={self.node.clone()} aria-label={format!("Chat {}", chat.name)} class={class("chat", &[("drop-target", self.is_target)])} ondragenter={on_drag.clone()} ondragover={on_drag}
                ondragleave={on_leave} ondrop={on_drop}>
                { head(props) }
                // each in a place of its own: lists in which only some have keys are not told apart well
                <div class="slot">
                    { keyed::<Log>(key.clone(), log::Props {
                        chat: chat.clone(),
                        unread_from: unread_from.clone(),
                        settled: props.settled,
                        looking: props.looking,
                        today: *today,
                        jumps: *jumps,
                        online: *online,
                        emit: emit.clone(),
                    }) }
                </div>
                { tray(sending, emit) }
                <div class="slot">
                    { match foot {
                        Some(foot) => foot,
                        None => keyed::<Composer>(key, composer::Props { chat: chat.id.clone(), draft: draft.clone(), emit: emit.clone() }),
                    } }
                </div>
                <div class="drop-hint" aria-hidden="true">{ icon(Icon::Picture) }{ "Drop to send the picture" }</div>
            </section>
        }
    }
}

fn head(props: &Props) -> Html {
    let Props { chat, contact, members_open, emit, .. } = props;
    let presence =
        contact.as_ref().filter(|contact| !contact.pending).map(|contact| contact.presence);
    let mut below = String::new();
    if contact.as_ref().is_some_and(|contact| contact.pending) {
        "has not answered yet".clone_into(&mut below);
    } else if let Some(contact) = contact {
        below.push_str(presence_words(contact.presence));
        if !contact.status_message.is_empty() {
            below.push_str(" · ");
            below.push_str(&isolated(&contact.status_message));
        }
    } else if let Some(room) = &chat.room {
        below = match (&room.membership, room.members.len()) {
            (_, 1) if room.is_entered() => "only you".to_owned(),
            (_, count) if room.is_entered() => format!("{count} members"),
            (Membership::Inside | Membership::Joining, _) => "joining…".to_owned(),
            (Membership::Outside | Membership::Refused(_), _) => "not joined".to_owned(),
        };
    } else if !chat.id.is_room() {
        "not a contact".clone_into(&mut below);
    }
    let items = match (contact, chat.id.is_room()) {
        (Some(contact), _) => {
            let (id, username) = (contact.id, contact.username.clone());
            item("Remove contact", true, emit, move || {
                Intent::Open(DialogKind::RemoveContact { id, username: username.clone() })
            })
        }
        (None, false) => {
            let username = chat.name.to_string();
            item("Add to contacts", false, emit, move || {
                Intent::Act(Action::AddContact { username: username.clone(), group: 0 })
            })
        }
        (None, true) => {
            let id = chat.id.clone();
            item("Leave room", true, emit, move || {
                Intent::Act(Action::LeaveRoom { chat: id.clone() })
            })
        }
    };
    html! {
        <header class="pane-head">
            { button_with("icon-button only-narrow", "Back".into(), icon(Icon::Back), emit.reform(|_| Intent::Back)) }
            { avatar::chat(&chat.id, presence) }
            <div class="chat-title">
                <h2 id={HEADING} tabindex="-1">{ isolated(&chat.name) }</h2>
                <p class="chat-below">{ below }</p>
            </div>
            if chat.id.is_room() {
                <button type="button" class="icon-button" aria-label="Members" title="Members"
                    aria-pressed={if *members_open { "true" } else { "false" }} onclick={emit.reform(|_| Intent::ToggleMembers)}>{ icon(Icon::Members) }</button>
            }
            { menu("Actions", items) }
        </header>
    }
}

/// What stands where the composer would be, where nothing can be said: in a room that we are not in, to a contact who has
/// not answered, to a stranger.
fn foot(props: &Props) -> Option<Html> {
    let Props { chat, contact, contacts_only, emit, .. } = props;
    let name = chat.name.to_string();
    let add = || Action::AddContact { username: name.clone(), group: 0 };
    let join = || Action::JoinRoom { name: name.clone() };
    let (words, verb, action) = match (chat.room.as_ref().map(|room| &room.membership), contact) {
        (Some(Membership::Outside), _) => {
            ("You are not in this room.".to_owned(), "Join this room", join())
        }
        (Some(Membership::Refused(reason)), _) => (reason.to_string(), "Try again", join()),
        (None, Some(contact)) if contact.pending => {
            (REQUEST_SENT.to_owned(), "Cancel", Action::RemoveContact { id: contact.id })
        }
        (None, None) if *contacts_only => {
            (format!("{} is not one of your contacts.", isolated(&name)), "Add to contacts", add())
        }
        _ => return None,
    };
    let act = emit.reform(move |_| Intent::Act(action.clone()));
    Some(html! {
        <div key="foot" class="chat-foot">
            <p>{ words }</p>
            { button("button primary", verb, act) }
        </div>
    })
}

//! The app as it is seen: log-in, or list, chat and members, and what lies over them.
use std::rc::Rc;

use mig33_client::{Action, Chat, Feature};
use yew::prelude::*;

use super::{App, OpenDialog};
use crate::clock;
use crate::intent::{DialogKind, Intent};
use crate::isolated::isolated;
use crate::part::{keyed, part};
use crate::view::add_contact_dialog::add_contact_dialog;
use crate::view::auth::{self, Auth};
use crate::view::banner::{self, Banner};
use crate::view::chat::{self, ChatPane};
use crate::view::class;
use crate::view::controls::{button, error_line};
use crate::view::dialog::{self, Dialog};
use crate::view::icons::logo;
use crate::view::members::members;
use crate::view::notices::notices;
use crate::view::rooms_dialog::{self, RoomsDialog};
use crate::view::sidebar::{self, Sidebar};

impl App {
    pub(super) fn show(&self) -> Html {
        let emit = &self.emit;
        let Some(account) = &self.account else {
            return html! {
                <div class="page">
                    { part::<Auth>(auth::Props { error: self.log_in_error.clone(), busy: self.is_logging_in(), emit: emit.clone() }) }
                    { notices(&self.state.notices, &self.errors, emit) }
                </div>
            };
        };
        let account = self.state.account.as_ref().unwrap_or(account).clone();
        let online = self.state.link.is_up();
        let chat = self.route.chat().map(|id| self.chat(id));
        let room = chat
            .as_ref()
            .and_then(|chat| chat.room.clone())
            .filter(|room| self.members_open && room.is_entered());
        let class = class(
            if chat.is_some() { "shell at-chat" } else { "shell at-list" },
            &[("with-members", room.is_some())],
        );
        html! {
            <div class="page">
            <div {class}>
                <main class="slot">
                <h1 class="unseen">{ "mig33" }</h1>
                { part::<Sidebar>(sidebar::Props {
                    account: account.clone(),
                    requests: self.state.contact_requests.clone(),
                    sections: self.sections.clone(),
                    unserved: self.state.unserved.clone(),
                    open: self.route.chat().cloned(),
                    today: self.today,
                    loaded: self.state.account.is_some(),
                    emit: emit.clone(),
                }) }
                <div class="slot">
                    { chat.map_or_else(|| self.nothing_open(), |chat| self.chat_pane(chat, online)) }
                </div>
                </main>
                <div class="slot">
                    { for room.map(|room| members(&room, &account.username, emit)) }
                </div>
            </div>
            { part::<Banner>(banner::Props {
                link: self.state.link.clone(),
                quiet_until: self.state.quiet_until(),
                emit: emit.clone(),
            }) }
            { notices(&self.state.notices, &self.errors, emit) }
            <div class="slot">
                { for self.dialog.as_ref().map(|dialog| self.dialog_view(dialog, online)) }
            </div>
            </div>
        }
    }

    fn chat_pane(&self, chat: Rc<Chat>, online: bool) -> Html {
        let contact =
            if chat.id.is_room() { None } else { self.state.contact(&chat.name).cloned() };
        let props = chat::Props {
            contact,
            contacts_only: self.state.contacts_only,
            unread_from: self.reading.unread_from().cloned(),
            settled: self.reading.is_settled(),
            looking: self.is_looking(),
            draft: self.drafts.get(&chat.id).cloned(),
            sending: self.transfers.of(&chat.id),
            members_open: self.members_open,
            today: self.today,
            jumps: self.jumps,
            online,
            emit: self.emit.clone(),
            chat,
        };
        keyed::<ChatPane>("chat", props)
    }

    fn nothing_open(&self) -> Html {
        html! {
            <div key="nothing" class="nothing-open">
                { logo() }
                <h2>{ "Pick a chat" }</h2>
                <p>{ "Choose somebody from the list, or browse rooms." }</p>
                <p class="keys"><kbd>{ "Alt" }</kbd>{ " + " }<kbd>{ "↑" }</kbd>{ " " }<kbd>{ "↓" }</kbd>{ " goes from chat to chat" }</p>
            </div>
        }
    }

    fn dialog_view(&self, dialog: &OpenDialog, online: bool) -> Html {
        let emit = &self.emit;
        let (error, busy) = (dialog.error.clone(), dialog.busy.is_some());
        let on_close = emit.reform(|()| Intent::Close);
        match &dialog.kind {
            DialogKind::AddContact => {
                add_contact_dialog(&self.state.groups, error.as_deref(), busy, emit)
            }
            DialogKind::Rooms => {
                let (directory, joined) = (self.state.directory.clone(), self.joined.clone());
                let emit = emit.clone();
                let online = online || self.state.is_away_briefly(clock::now());
                let lists = self.state.serves(Feature::Directory);
                let makes = self.state.serves(Feature::NewRooms);
                let props = rooms_dialog::Props {
                    directory,
                    joined,
                    error,
                    busy,
                    online,
                    lists,
                    makes,
                    emit,
                };
                keyed::<RoomsDialog>("rooms", props)
            }
            DialogKind::RemoveContact { id, username } => {
                let id = *id;
                let remove = emit.reform(move |_| Intent::Ask(Action::RemoveContact { id }));
                let children = html! {
                    <>
                        <p class="dialog-hint">{ "You are removed from each other’s contacts. Your messages are kept." }</p>
                        { error_line(error.as_deref()) }
                        <div class="dialog-buttons">
                            { button("button", "Keep", emit.reform(|_| Intent::Close)) }
                            { button("button grave", "Remove", remove) }
                        </div>
                    </>
                };
                let title = format!("Remove {}?", isolated(username)).into();
                keyed::<Dialog>(
                    "remove",
                    dialog::Props { title, class: "narrow", on_close, children },
                )
            }
            DialogKind::LogOut => {
                let children = html! {
                    <>
                        <p class="dialog-hint">{ "Drafts and unsent messages will be lost." }</p>
                        <div class="dialog-buttons">
                            { button("button", "Stay", emit.reform(|_| Intent::Close)) }
                            { button("button grave", "Log out", emit.reform(|_| Intent::LogOut)) }
                        </div>
                    </>
                };
                let title = "Log out?".into();
                keyed::<Dialog>(
                    "log-out",
                    dialog::Props { title, class: "narrow", on_close, children },
                )
            }
            DialogKind::Picture { source, name } => {
                let children = html! { <img src={source.to_string()} alt={name.to_string()} /> };
                let title = name.to_string().into();
                keyed::<Dialog>(
                    "picture",
                    dialog::Props { title, class: "viewer", on_close, children },
                )
            }
        }
    }
}

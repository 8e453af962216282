//! What the app does about what the person wants.
use std::rc::Rc;

use mig33_client::{Action, Chat, ChatId, Delivery, NoticeKind};

use super::{App, OpenDialog, Purpose, Then, surroundings};
use crate::clock;
use crate::intent::{DialogKind, Intent};
use crate::part::Context;
use crate::route::Route;

impl App {
    /// Does it; true when the page has to be drawn anew.
    pub(super) fn wish(&mut self, ctx: &Context<Self>, intent: Intent) -> bool {
        match intent {
            Intent::LogIn { username, password } => {
                self.log_in(ctx, &username.clone(), |session| {
                    session.log_in(clock::now(), &username, &password)
                });
            }
            Intent::Register { username, password, mobile_phone } => {
                let phone = Some(&*mobile_phone).filter(|phone| !phone.is_empty());
                self.log_in(ctx, &username.clone(), |session| {
                    session.register(clock::now(), &username, &password, phone)
                });
            }
            Intent::Nothing => return false,
            Intent::ForgetError => self.log_in_error = None,
            Intent::AskToLogOut => {
                let next = if self.would_lose() {
                    Intent::Open(DialogKind::LogOut)
                } else {
                    Intent::LogOut
                };
                return self.wish(ctx, next);
            }
            Intent::LogOut => self.log_out(ctx),
            Intent::ConnectNow => {
                self.session.reconnect_now(clock::now());
                self.pump(ctx);
            }
            Intent::Show(route) => {
                self.dialog = None;
                self.go(ctx, route);
            }
            Intent::Back => {
                if self.came_from_list {
                    surroundings::go_back();
                } else {
                    self.set_route(&Route::List, true);
                    self.enter(ctx, Route::List);
                }
            }
            Intent::Act(action) => return self.act(ctx, action),
            Intent::Ask(action) => {
                let then = self.then(&action);
                let id = self.session.act(clock::now(), action);
                self.asked.push((id, Purpose::Dialog(then)));
                if let Some(dialog) = &mut self.dialog {
                    dialog.error = None;
                    dialog.busy = Some(id);
                }
                self.pump(ctx);
            }
            Intent::Open(kind) => {
                self.dialog = Some(OpenDialog { kind, error: None, busy: None });
                self.cover();
            }
            Intent::Close => {
                self.dialog = None;
                self.refresh(ctx);
            }
            Intent::Draft(chat, text) => {
                self.set_draft(&chat, &text);
                return false;
            }
            Intent::Send(chat, text) => {
                self.drafts.set(&chat, "");
                if let Some(account) = &self.account {
                    self.store.draft_sent(&account.username, &chat, &text);
                }
                self.session.act(clock::now(), Action::SendText { chat, text });
                self.pump(ctx);
                // at once, not in the next frame: it is the answer to a key
                self.refresh(ctx);
            }
            Intent::SendPictures(chat, files) => self.send_pictures(ctx, &chat, files, false),
            Intent::ShowPictures(chat, files) => self.send_pictures(ctx, &chat, files, true),
            Intent::SendShown(chat) => {
                self.transfers.release(&chat);
                self.next_picture(ctx);
            }
            Intent::RetryPicture(id) => self.retry_picture(ctx, id),
            Intent::DropPicture(id) => {
                self.transfers.remove(id);
                self.next_picture(ctx);
            }
            Intent::AtBottom(at_end) => {
                self.reading.at_end = at_end;
                self.refresh(ctx);
            }
            Intent::Seen(guid) => {
                self.reading.seen = guid;
                self.refresh(ctx);
            }
            Intent::ToggleMembers => {
                self.members_open = !self.members_open;
                if surroundings::is_wide() {
                    self.store.set_members_pane(self.members_open);
                }
                self.cover();
                self.refresh(ctx);
            }
            Intent::Complain(text) => self.complain(text),
            Intent::DismissError(id) => {
                std::rc::Rc::make_mut(&mut self.errors).retain(|error| error.id != id);
            }
        }
        true
    }

    /// Does what follows on an action that is done.
    pub(super) fn follow(&mut self, ctx: &Context<Self>, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Show(chat) => {
                self.dialog = None;
                self.go(ctx, Route::Chat(chat));
            }
            // where it is open
            Then::Leave(chat) if self.route.chat() == Some(&chat) => {
                self.set_route(&Route::List, true);
                self.enter(ctx, Route::List);
            }
            Then::Leave(_) => {}
            Then::Keep(presence) => {
                if let Some(account) = &self.account {
                    self.store.set_presence(&account.username, presence);
                }
            }
        }
    }

    /// What will follow on an action.
    fn then(&self, action: &Action) -> Then {
        if let Action::JoinRoom { name } | Action::CreateRoom { name, .. } = action {
            Then::Show(ChatId::room(name))
        } else if let Action::LeaveRoom { chat } = action {
            Then::Leave(chat.clone())
        } else if let Action::RemoveContact { id } = action
            && let Some(contact) = self.state.contacts.get(id)
        {
            Then::Leave(ChatId::private(&contact.username))
        } else if let Action::SetPresence(presence) = action {
            Then::Keep(*presence)
        } else {
            Then::Nothing
        }
    }

    fn act(&mut self, ctx: &Context<Self>, action: Action) -> bool {
        if let Action::Dismiss { notice } = &action
            && let Some(account) = &self.account
            && let Some(notice) = self.state.notices.iter().find(|known| known.id == *notice)
            && notice.kind == NoticeKind::MessageOfTheDay
        {
            self.store.set_dismissed_motd(&account.username, Some(&notice.text));
        }
        // what becomes of these is seen in the log, or is not worth a word
        let is_quiet = matches!(
            action,
            Action::SendText { .. }
                | Action::SendPicture { .. }
                | Action::Retry { .. }
                | Action::Discard { .. }
                | Action::OpenChat { .. }
                | Action::LoadOlder { .. }
                | Action::MarkRead { .. }
                | Action::Dismiss { .. }
        );
        let purpose = if matches!(action, Action::SearchRooms { .. }) {
            Purpose::Rooms
        } else {
            Purpose::Act(self.then(&action))
        };
        let id = self.session.act(clock::now(), action);
        if !is_quiet {
            self.asked.push((id, purpose));
        }
        self.pump(ctx);
        false
    }

    /// Whether something would be lost with a log-out: what waits to be sent, and what is only written.
    fn would_lose(&self) -> bool {
        let unsent = |chat: &Rc<Chat>| {
            chat.messages.iter().any(|message| {
                message.own && matches!(message.delivery, Delivery::Sending | Delivery::Failed(_))
            })
        };
        self.transfers.any() || self.drafts.any() || self.state.chats.values().any(unsent)
    }

    fn set_draft(&mut self, chat: &ChatId, text: &str) {
        self.drafts.set(chat, text);
        if let Some(account) = &self.account {
            self.store.set_draft(&account.username, chat, text);
        }
    }
}

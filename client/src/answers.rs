//! Packets that answer a request, by what the request was for; and requests that end without an answer.
use std::rc::Rc;

use mig33_codec::packets::{self, Group};
use mig33_codec::{Command, Decode, DecodeError, Frame, Text};

use crate::arrivals::contact;
use crate::change::Change;
use crate::requests::{Purpose, Then};
use crate::session::Session;
use crate::state::{Membership, Millis, NoticeKind, RoomEntry};

impl Session {
    /// A packet with the number of an open request.
    pub(crate) fn handle_answer(&mut self, now: Millis, frame: &Frame) -> Result<(), DecodeError> {
        let number = frame.transaction;
        match frame.command {
            Command::ERROR => {
                let error = packets::Error::decode(frame)?;
                if let Some(purpose) = self.requests.finish(number) {
                    self.refused(now, purpose, &error.description.unwrap_or_default().as_str());
                }
            }
            Command::OK => {
                let ok = packets::Ok::decode(frame)?;
                self.done(now, number, &ok);
            }
            Command::PONG => {
                self.requests.finish(number);
            }
            Command::LOGIN_CHALLENGE => {
                let challenge = packets::LoginChallenge::decode(frame)?;
                self.requests.finish(number);
                self.challenged(now, &challenge);
            }
            Command::LOGIN_OK => {
                let ok = packets::LoginOk::decode(frame)?;
                self.requests.finish(number);
                self.logged_in(now, &ok);
            }
            _ => return self.part_of_answer(now, frame),
        }
        Ok(())
    }

    /// An answer of several packets: they are gathered until the last one.
    fn part_of_answer(&mut self, now: Millis, frame: &Frame) -> Result<(), DecodeError> {
        let number = frame.transaction;
        let Some(purpose) = self.requests.get(now, number) else {
            return self.handle_arrival(now, frame);
        };
        match (frame.command, purpose) {
            (Command::GROUP, Purpose::Contacts { groups, .. }) => {
                let group = Group::decode(frame)?;
                if let Some(id) = group.group_id {
                    groups.insert(id, string(group.group_name.as_ref()));
                }
            }
            (Command::CONTACT, Purpose::Contacts { contacts, .. }) => {
                if let Some(contact) = contact(&packets::Contact::decode(frame)?) {
                    contacts.insert(contact.id, Rc::new(contact));
                }
            }
            (Command::GET_CONTACTS_COMPLETE, Purpose::Contacts { .. }) => {
                if let Some(Purpose::Contacts { groups, contacts }) = self.requests.finish(number) {
                    self.change(Change::Contacts { groups, contacts });
                }
            }
            (Command::CONTACT_REQUEST, Purpose::ContactRequests { found }) => {
                found.push(string(packets::ContactRequest::decode(frame)?.username.as_ref()));
            }
            (Command::CHAT, Purpose::Chats { .. }) => {
                let chat = self.chat_listed(&packets::Chat::decode(frame)?);
                if let Some(Purpose::Chats { listed }) = self.requests.get(now, number) {
                    listed.extend(chat);
                }
            }
            (Command::CHAT_LIST_VERSION, Purpose::Chats { .. }) => {
                if let Some(Purpose::Chats { listed }) = self.requests.finish(number) {
                    self.chats_are_listed(now, listed);
                }
            }
            (Command::END_MESSAGES, Purpose::History(_)) => {
                let end = packets::EndMessages::decode(frame)?;
                if let Some(Purpose::History(request)) = self.requests.finish(number) {
                    self.history_came(now, request, end.messages_sent);
                }
            }
            (Command::MESSAGE, Purpose::History(_)) => {
                let packet = packets::Message::decode(frame)?;
                let message = self.read_message(now, &packet);
                if let (Some(Purpose::History(request)), Some((_, _, message))) =
                    (self.requests.get(now, number), message)
                {
                    request.found.push(message);
                }
            }
            (Command::CHATROOM, Purpose::Directory { found, .. }) => {
                let room = packets::Chatroom::decode(frame)?;
                found.push(RoomEntry {
                    name: string(room.chatroom_name.as_ref()),
                    description: string(room.description.as_ref()),
                    participants: room.participants.unwrap_or(0),
                    capacity: room.max_participants.unwrap_or(0),
                });
            }
            (Command::GET_CHATROOMS_COMPLETE, Purpose::Directory { .. }) => {
                let complete = packets::GetChatroomsComplete::decode(frame)?;
                if let Some(Purpose::Directory { action, page, found: rooms }) =
                    self.requests.finish(number)
                {
                    // one that found nothing may have no page at all
                    let pages = complete.number_of_pages.unwrap_or(1).max(page);
                    self.change(Change::DirectoryPage { page, pages, rooms });
                    self.answer(action, Ok(()));
                }
            }
            // of some servers one of these is the only sign that we are in
            (Command::CHATROOM, Purpose::Join { .. }) => self.joined(now, number),
            (Command::CHATROOM_PARTICIPANTS, Purpose::Join { .. }) => {
                self.handle_arrival(now, frame)?;
                self.joined(now, number);
            }
            _ => return self.handle_arrival(now, frame),
        }
        Ok(())
    }

    fn done(&mut self, now: Millis, number: u16, ok: &packets::Ok) {
        let Some(purpose) = self.requests.get(now, number) else {
            return;
        };
        if matches!(purpose, Purpose::Join { .. }) {
            return self.joined(now, number);
        }
        let Some(purpose) = self.requests.finish(number) else {
            return;
        };
        match purpose {
            Purpose::Register => self.registered(now),
            Purpose::ContactRequests { found } => self.change(Change::ContactRequests(found)),
            Purpose::Send { chat, guid, action } => {
                let time = ok.value.unwrap_or_else(|| self.server_time(now));
                self.message_accepted(chat, guid, time, action);
            }
            Purpose::Create { name, action } => self.join_room(now, Some(action), &name),
            Purpose::Upload { action } => {
                let url = string(ok.text.as_ref());
                self.event(crate::Event::UploadAddress { action, url });
                self.answer(action, Ok(()));
            }
            Purpose::Do { action, then } => {
                self.follow(now, then);
                self.answer(action, Ok(()));
            }
            Purpose::Contacts { groups, contacts } => {
                self.change(Change::Contacts { groups, contacts })
            }
            Purpose::Chats { listed } => self.chats_are_listed(now, listed),
            Purpose::History(request) => self.history_came(now, request, None),
            Purpose::Directory { action, page, found: rooms } => {
                self.change(Change::DirectoryPage { page, pages: 1, rooms });
                self.answer(action, Ok(()));
            }
            Purpose::KeepAlive
            | Purpose::LogIn
            | Purpose::Prove
            | Purpose::Join { .. }
            | Purpose::Tell
            | Purpose::Receipt { .. } => {}
        }
    }

    fn follow(&mut self, now: Millis, then: Then) {
        match then {
            Then::RefreshContacts => self.ask_contacts(now),
            Then::RequestGone(name) => self.change(Change::ContactRequestGone(name)),
            Then::ContactGone(id) => self.change(Change::ContactGone(id)),
            Then::Presence(presence) => {
                self.presence = presence;
                self.change(Change::OwnPresence(presence));
            }
            Then::StatusMessage(text) => self.change(Change::OwnStatusMessage(text)),
            Then::RoomLeft(chat) => {
                self.change(Change::Membership { chat, membership: Membership::Outside })
            }
        }
    }

    /// The server said no, or nothing in time.
    pub(crate) fn refused(&mut self, now: Millis, purpose: Purpose, text: &str) {
        let text = if text.is_empty() { "The server refused it without a reason." } else { text };
        match purpose {
            Purpose::Register | Purpose::LogIn | Purpose::Prove => {
                self.login_refused(now, &purpose, text)
            }
            Purpose::Send { chat, guid, action } => self.message_failed(&chat, &guid, action, text),
            Purpose::Directory { action, .. } => {
                self.change(Change::DirectoryFailed);
                self.answer(action, Err(text.into()));
            }
            Purpose::Join { chat, action } => self.join_refused(&chat, action, text),
            Purpose::Create { action, .. }
            | Purpose::Upload { action }
            | Purpose::Do { action, .. } => {
                self.answer(action, Err(text.into()));
            }
            Purpose::History(request) => self.history_failed(&request),
            Purpose::Contacts { .. } => {
                self.notice(
                    NoticeKind::Problem,
                    &format!("The contact list could not be loaded: {text}"),
                    None,
                );
            }
            Purpose::ContactRequests { .. }
            | Purpose::Chats { .. }
            | Purpose::KeepAlive
            | Purpose::Tell
            | Purpose::Receipt { .. } => {}
        }
    }

    /// The connection was lost before the answer: what can be sent again waits, the person hears of the rest.
    pub(crate) fn interrupted(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Directory { action, .. } => {
                self.change(Change::DirectoryFailed);
                self.answer(action, Err(LOST.into()));
            }
            Purpose::Create { action, .. }
            | Purpose::Upload { action }
            | Purpose::Do { action, .. }
            | Purpose::Join { action: Some(action), .. } => self.answer(action, Err(LOST.into())),
            Purpose::History(request) => self.history_failed(&request),
            Purpose::Join { action: None, .. }
            | Purpose::Register
            | Purpose::LogIn
            | Purpose::Prove
            | Purpose::Contacts { .. }
            | Purpose::ContactRequests { .. }
            | Purpose::Chats { .. }
            | Purpose::Send { .. }
            | Purpose::KeepAlive
            | Purpose::Tell
            | Purpose::Receipt { .. } => {}
        }
    }
}

const LOST: &str = "The connection was lost before the server answered.";

/// A text that may be missing.
pub(crate) fn string(text: Option<&Text>) -> Rc<str> {
    text.map_or_else(|| "".into(), |text| text.as_str().into())
}

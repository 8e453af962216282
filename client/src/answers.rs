//! Packets that answer a request, by what the request was for; and requests that end without an answer.
use std::rc::Rc;

use mig33_codec::packets::{self, Group};
use mig33_codec::{Command, Decode, DecodeError, Frame, Text};

use crate::arrivals::{contact, is_unserved};
use crate::change::Change;
use crate::login::Login;
use crate::requests::{Purpose, Then};
use crate::session::Session;
use crate::state::{Feature, History, Membership, Millis, NoticeKind, RoomEntry};

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
            _ => return self.part_of_answer(now, number, frame),
        }
        Ok(())
    }

    /// A packet without a number: unasked, or a part of an answer of which only the last packet has it (spec/wire.md
    /// section 9).
    pub(crate) fn handle_unnumbered(
        &mut self,
        now: Millis,
        frame: &Frame,
    ) -> Result<(), DecodeError> {
        if let Some(number) = self.asked_for(now, frame)? {
            self.part_of_answer(now, number, frame)?;
            // these may as well be news
            if !matches!(frame.command, Command::CONTACT | Command::CONTACT_REQUEST) {
                return Ok(());
            }
        }
        self.handle_arrival(now, frame)
    }

    /// The number of the open request that a packet without one may be a part of the answer to.
    fn asked_for(&self, now: Millis, frame: &Frame) -> Result<Option<u16>, DecodeError> {
        let fits: fn(&Purpose) -> bool = match frame.command {
            Command::GROUP | Command::CONTACT => |asked| matches!(asked, Purpose::Contacts { .. }),
            Command::CONTACT_REQUEST => |asked| matches!(asked, Purpose::ContactRequests { .. }),
            Command::CHAT => |asked| matches!(asked, Purpose::Chats { .. }),
            Command::CHATROOM => |asked| matches!(asked, Purpose::Directory { .. }),
            // ours numbers history: what comes without is news, however old
            Command::MESSAGE if !self.is_ours() => {
                let packet = packets::Message::decode(frame)?;
                let (Some((chat, _, message)), Some(time)) =
                    (self.read_message(now, &packet), packet.timestamp)
                else {
                    return Ok(None);
                };
                return Ok(self.requests.open_since(|asked, sent| {
                    matches!(asked, Purpose::History(asked) if asked.chat == chat
                        && (asked.oldest..=asked.latest).contains(&message.time)
                        && time <= self.server_time(sent))
                }));
            }
            _ => return Ok(None),
        };
        Ok(self.requests.open_since(|asked, _| fits(asked)))
    }

    /// Whether it is a server of this project, by its extensions: it numbers all parts of its answers, and keeps guids.
    pub(crate) fn is_ours(&self) -> bool {
        self.login.as_ref().is_some_and(Login::has_token)
    }

    /// An answer of several packets: they are gathered until the last one.
    fn part_of_answer(
        &mut self,
        now: Millis,
        number: u16,
        frame: &Frame,
    ) -> Result<(), DecodeError> {
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
                    self.contacts_came(groups, contacts);
                }
            }
            (Command::CONTACT_REQUEST, Purpose::ContactRequests { found }) => {
                let name = string(packets::ContactRequest::decode(frame)?.username.as_ref());
                if !found.contains(&name) {
                    found.push(name);
                }
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
                let before = ok.previous_message_guid.as_ref();
                self.continue_own(now, &chat, time, before);
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
            Purpose::Contacts { groups, contacts } => self.contacts_came(groups, contacts),
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
            | Purpose::Read { .. }
            | Purpose::Receipt { .. } => {}
        }
    }

    fn follow(&mut self, now: Millis, then: Then) {
        match then {
            Then::RefreshContacts | Then::ContactAsked => self.ask_contacts(now),
            Then::RequestGone(name) => self.change(Change::ContactRequestGone(name)),
            Then::ContactGone(id) => {
                let gone = self.state.contacts.get(&id).map(|contact| contact.username.clone());
                self.asked.retain(|name| {
                    !gone.as_ref().is_some_and(|gone| gone.eq_ignore_ascii_case(name))
                });
                self.change(Change::ContactGone(id));
            }
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
        if let Some(feature) = feature(&purpose).filter(|_| is_unserved(text)) {
            self.change(Change::Serves { feature, serves: false });
        }
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
            Purpose::History(request) => {
                let history = if is_unserved(text) { History::Unkept } else { History::Failed };
                self.history_failed(&request, history);
            }
            Purpose::Contacts { .. } if self.is_ours() => {
                self.notice(
                    NoticeKind::Problem,
                    &format!("The contact list could not be loaded: {text}"),
                    None,
                );
            }
            // the question has nothing in it that could be wrong: a server that refuses it does not know it
            Purpose::Contacts { groups, contacts } => {
                if contacts.is_empty() {
                    self.change(Change::Serves { feature: Feature::Contacts, serves: false });
                } else {
                    self.contacts_came(groups, contacts);
                }
            }
            // what is shown is loaded without
            Purpose::Chats { listed } => self.chats_are_listed(now, listed),
            Purpose::ContactRequests { .. }
            | Purpose::KeepAlive
            | Purpose::Tell
            | Purpose::Read { .. }
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
            Purpose::History(request) => self.history_failed(&request, History::More),
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
            | Purpose::Read { .. }
            | Purpose::Receipt { .. } => {}
        }
    }
}

/// What a server lacks that does not know the command of this request.
const fn feature(purpose: &Purpose) -> Option<Feature> {
    match purpose {
        Purpose::Contacts { .. } | Purpose::Do { then: Then::ContactAsked, .. } => {
            Some(Feature::Contacts)
        }
        Purpose::Directory { .. } => Some(Feature::Directory),
        Purpose::Create { .. } => Some(Feature::NewRooms),
        Purpose::Do { then: Then::Presence(_), .. } => Some(Feature::Presence),
        Purpose::Do { then: Then::StatusMessage(_), .. } => Some(Feature::StatusMessage),
        Purpose::Do { .. }
        | Purpose::KeepAlive
        | Purpose::Register
        | Purpose::LogIn
        | Purpose::Prove
        | Purpose::ContactRequests { .. }
        | Purpose::Chats { .. }
        | Purpose::History(_)
        | Purpose::Send { .. }
        | Purpose::Join { .. }
        | Purpose::Upload { .. }
        | Purpose::Tell
        | Purpose::Read { .. }
        | Purpose::Receipt { .. } => None,
    }
}

const LOST: &str = "The connection was lost before the server answered.";

/// A text that may be missing.
pub(crate) fn string(text: Option<&Text>) -> Rc<str> {
    text.map_or_else(|| "".into(), |text| text.as_str().into())
}

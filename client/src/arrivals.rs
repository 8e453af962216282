//! Packets that the server sends unasked: messages, presence, notices, the end of the session.
use std::rc::Rc;

use mig33_codec::packets;
use mig33_codec::values::{ChatUserStatus, ParticipantType, Presence};
use mig33_codec::{Command, Decode, DecodeError, Frame};

use crate::answers::string;
use crate::change::Change;
use crate::session::Session;
use crate::state::{Body, ChatId, Contact, Feature, LiteMap, Member, Message, Millis, NoticeKind};

impl Session {
    /// A packet that answers no open request.
    pub(crate) fn handle_arrival(&mut self, now: Millis, frame: &Frame) -> Result<(), DecodeError> {
        match frame.command {
            Command::MESSAGE => {
                let packet = packets::Message::decode(frame)?;
                self.message_arrived(now, &packet);
            }
            Command::MESSAGE_STATUS_EVENT => {
                let packet = packets::MessageStatusEvent::decode(frame)?;
                self.status_arrived(&packet);
            }
            Command::PRESENCE => {
                let packet = packets::Presence::decode(frame)?;
                if let (Some(id), Some(presence)) = (packet.contact_id, packet.presence) {
                    self.change(Change::ContactPresence { id, presence });
                }
            }
            Command::STATUS_MESSAGE => {
                let packet = packets::StatusMessage::decode(frame)?;
                if let Some(id) = packet.contact_id {
                    self.change(Change::ContactStatusMessage {
                        id,
                        text: string(packet.status_message.as_ref()),
                    });
                }
            }
            // our own, set in another session or kept by the server
            Command::AVATAR => {
                let packet = packets::Avatar::decode(frame)?;
                if let Some(text) = &packet.status_message {
                    self.change(Change::OwnStatusMessage(string(Some(text))));
                }
            }
            Command::CONTACT => {
                if let Some(contact) = contact(&packets::Contact::decode(frame)?) {
                    self.contact_came(contact);
                }
            }
            Command::CONTACT_REQUEST => {
                let packet = packets::ContactRequest::decode(frame)?;
                self.change(Change::ContactRequested(string(packet.username.as_ref())));
            }
            // the list has changed in a way that no other packet tells
            Command::CONTACT_LIST_VERSION => self.ask_contacts(now),
            Command::CHATROOM_PARTICIPANTS => {
                self.participants(&packets::ChatroomParticipants::decode(frame)?)
            }
            Command::CHATROOM_USER_STATUS => self.user_status(now, frame)?,
            Command::CHATROOM_NOTIFICATION => self.room_notification(now, frame)?,
            Command::FILE_RECEIVED => {
                let packet = packets::FileReceived::decode(frame)?;
                self.file_received(&packet);
            }
            Command::ALERT => {
                let packet = packets::Alert::decode(frame)?;
                let (title, text) =
                    (string(packet.title.as_ref()), string(packet.content.as_ref()));
                let text =
                    if title.is_empty() { text.to_string() } else { format!("{title}: {text}") };
                self.notice(NoticeKind::Alert, &text, None);
            }
            Command::NOTIFICATION => {
                let packet = packets::Notification::decode(frame)?;
                let url = packet.url.as_ref().map(|url| url.as_str().into_owned());
                self.notice(NoticeKind::System, &string(packet.text.as_ref()), url.as_deref());
            }
            Command::ERROR => {
                let packet = packets::Error::decode(frame)?;
                let text = string(packet.description.as_ref());
                // what a server does not know is nothing that the person could mend
                if !is_unserved(&text) {
                    self.notice(NoticeKind::Problem, &text, None);
                }
            }
            Command::SESSION_TERMINATED => {
                let packet = packets::SessionTerminated::decode(frame)?;
                self.terminated(now, &string(packet.reason.as_ref()));
            }
            // what this client has no use for is no error (spec/wire.md section 2)
            _ => {}
        }
        Ok(())
    }

    fn terminated(&mut self, now: Millis, reason: &str) {
        match reason {
            "shutdown" => self.await_restart(now, None),
            "kicked" => self.end(now, Some("The server ended the session."), false),
            "taken over" => self.end(now, Some("This session goes on somewhere else."), false),
            other => self.end(now, Some(other), false),
        }
    }

    /// A picture's address also stands in its chat; it is a notice only until that message comes.
    fn file_received(&mut self, packet: &packets::FileReceived) {
        let url = string(packet.url.as_ref());
        let in_chat =
            |message: &Rc<Message>| matches!(&message.body, Body::PictureAt(at) if *at == url);
        let source = ChatId::private(&string(packet.source.as_ref()));
        let shown =
            self.state.chats.get(&source).is_some_and(|chat| chat.messages.iter().any(in_chat));
        if !shown && !self.has_chat_sync {
            self.notice(NoticeKind::System, &string(packet.text.as_ref()), Some(&*url));
        }
    }

    fn participants(&mut self, packet: &packets::ChatroomParticipants) {
        let Some(name) = &packet.chatroom_name else {
            return;
        };
        let entries = |list: &Option<mig33_codec::List<';'>>| {
            list.as_ref().map(|list| list.entries()).unwrap_or_default()
        };
        let lower = |names: Vec<String>| {
            names.iter().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>()
        };
        let (administrators, muted) =
            (lower(entries(&packet.administrator_list)), lower(entries(&packet.muted_list)));
        let mut names = entries(&packet.participant_list);
        // whether the other two lists are part of the first one differs between servers
        for name in
            entries(&packet.administrator_list).into_iter().chain(entries(&packet.muted_list))
        {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                names.push(name);
            }
        }
        let members = names
            .iter()
            .map(|name| Member {
                name: name.as_str().into(),
                administrator: administrators.contains(&name.to_ascii_lowercase()),
                muted: muted.contains(&name.to_ascii_lowercase()),
            })
            .collect();
        let name: Rc<str> = name.as_str().into();
        let chat = ChatId::room(&name);
        self.change(Change::ChatKnown { chat: chat.clone(), name });
        self.change(Change::Members { chat, members });
    }

    fn user_status(&mut self, now: Millis, frame: &Frame) -> Result<(), DecodeError> {
        let Some((status, room, name, kind)) = user_status(frame)? else {
            return Ok(());
        };
        let chat = ChatId::room(&room);
        if !self.state.chats.contains_key(&chat) {
            return Ok(());
        }
        let member = Member {
            name,
            administrator: kind == ParticipantType::ADMINISTRATOR,
            muted: kind == ParticipantType::MUTED,
        };
        match status {
            ChatUserStatus::JOINED => self.moved(now, &chat, member, true),
            ChatUserStatus::LEFT => self.moved(now, &chat, member, false),
            _ => {}
        }
        Ok(())
    }

    /// A contact is new or has changed.
    pub(crate) fn contact_came(&mut self, contact: Contact) {
        self.tell_acceptance(&contact);
        self.change(Change::Contact(contact));
    }

    /// The whole list of contacts has come.
    pub(crate) fn contacts_came(
        &mut self,
        groups: LiteMap<u32, Rc<str>>,
        contacts: LiteMap<u32, Rc<Contact>>,
    ) {
        for contact in contacts.values() {
            self.tell_acceptance(contact);
        }
        // who was there and is not any more was removed in another session
        let is_listed = |name: &str| {
            contacts.values().any(|contact| contact.username.eq_ignore_ascii_case(name))
        };
        let state = &self.state;
        self.asked.retain(|name| is_listed(name) || state.contact(name).is_none());
        self.change(Change::Serves { feature: Feature::Contacts, serves: true });
        self.change(Change::Contacts { groups, contacts });
        self.change(Change::ContactsOnly(self.is_ours() && !self.takes_strangers));
    }

    /// Somebody who had not answered has: the person hears of a yes.
    fn tell_acceptance(&mut self, contact: &Contact) {
        let known = self.state.contact(&contact.username).is_some_and(|known| known.pending);
        if contact.pending {
            return;
        }
        let asked = self.asked.iter().position(|name| name.eq_ignore_ascii_case(&contact.username));
        if let Some(at) = asked {
            self.asked.swap_remove(at);
        }
        if known || asked.is_some() {
            let text = format!("{} accepted your contact request.", contact.username);
            self.notice(NoticeKind::System, &text, None);
        }
    }
}

/// Whether these are a server's words for a command that it does not know.
pub(crate) fn is_unserved(text: &str) -> bool {
    const WORDS: [&str; 6] = [
        "not serve",
        "not implement",
        "unknown command",
        "unknown packet",
        "unsupported command",
        "command not supported",
    ];
    WORDS.iter().any(|words| places(text, words).next().is_some())
}

/// Where some words stand in a text, whatever their case. A search of the library's would be a kilobyte of the page.
pub(crate) fn places(text: &str, words: &str) -> impl Iterator<Item = usize> {
    let (text, words) = (text.as_bytes(), words.as_bytes());
    // an empty name is nowhere
    let found = text.windows(words.len().max(1)).enumerate();
    found.filter(|(_, part)| part.eq_ignore_ascii_case(words)).map(|(at, _)| at)
}

type UserStatus = (ChatUserStatus, Rc<str>, Rc<str>, ParticipantType);

/// CHATROOM_USER_STATUS in either dialect, told apart by the length of block 1 (spec/wire.md section 9).
fn user_status(frame: &Frame) -> Result<Option<UserStatus>, DecodeError> {
    let first = frame.block(1).unwrap_or_default();
    if first.len() > 1 {
        let text = |id| string(frame.block(id).map(mig33_codec::Text::from_bytes).as_ref());
        let (status, kind) = match frame.block(3).and_then(|status| status.last().copied()) {
            Some(0) => (ChatUserStatus::JOINED, ParticipantType::NORMAL),
            Some(1 | 2) => (ChatUserStatus::JOINED, ParticipantType::ADMINISTRATOR),
            Some(3) => (ChatUserStatus::JOINED, ParticipantType::MUTED),
            Some(4) => (ChatUserStatus::LEFT, ParticipantType::NORMAL), // banned
            _ => return Ok(None),
        };
        return Ok(Some((status, text(1), text(2), kind)));
    }
    let packet = packets::ChatroomUserStatus::decode(frame)?;
    let kind = packet.participant_type.unwrap_or(ParticipantType::NORMAL);
    let (room, name) = (string(packet.chatroom_name.as_ref()), string(packet.username.as_ref()));
    Ok(packet.status.map(|status| (status, room, name, kind)))
}

/// A contact as the wire has it; nothing without an id and a name.
pub(crate) fn contact(packet: &packets::Contact) -> Option<Contact> {
    let id = packet.contact_id?;
    let username = string(packet.username.as_ref().or(packet.display_name.as_ref()));
    if username.is_empty() {
        return None;
    }
    let display_name = match string(packet.display_name.as_ref()) {
        name if name.is_empty() => username.clone(),
        name => name,
    };
    Some(Contact {
        id,
        group: packet.group_id.unwrap_or(0),
        username,
        display_name,
        presence: packet.presence.unwrap_or(Presence::OFFLINE),
        status_message: string(packet.status_message.as_ref()),
        pending: packet.pending == Some(true),
    })
}

//! Packets that the server sends unasked: messages, presence, notices, the end of the session.
use std::rc::Rc;

use mig33_codec::packets;
use mig33_codec::values::{ChatUserStatus, ParticipantType, Presence};
use mig33_codec::{Command, Decode, DecodeError, Frame};

use crate::answers::string;
use crate::change::Change;
use crate::session::Session;
use crate::state::{Body, ChatId, Contact, Delivery, Member, Message, Millis, NoticeKind};

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
                    self.change(Change::Contact(contact));
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
            Command::CHATROOM_NOTIFICATION => {
                let packet = packets::ChatroomNotification::decode(frame)?;
                // some servers put the room first and the text fourth (spec/wire.md section 9)
                let text = frame.block(4).map(mig33_codec::Text::from_bytes).or(packet.text);
                self.notice(NoticeKind::System, &string(text.as_ref()), None);
            }
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
                self.notice(NoticeKind::Problem, &string(packet.description.as_ref()), None);
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
            name: name.clone(),
            administrator: kind == ParticipantType::ADMINISTRATOR,
            muted: kind == ParticipantType::MUTED,
        };
        let here = |session: &Self| {
            let room = session.state.chats.get(&chat).and_then(|chat| chat.room.as_ref());
            room.is_some_and(|room| room.members.contains_key(&*name.to_ascii_lowercase()))
        };
        let was_here = here(self);
        let change = match status {
            ChatUserStatus::JOINED => Change::MemberJoined { chat: chat.clone(), member },
            ChatUserStatus::LEFT => Change::MemberLeft { chat: chat.clone(), name: name.clone() },
            _ => return Ok(()),
        };
        self.change(change);
        if was_here != here(self) {
            let body = if was_here { Body::Left } else { Body::Joined };
            let guid = self.guid();
            let time = self.server_time(now);
            let message =
                Message { guid, author: name, own: false, time, body, delivery: Delivery::Sent };
            self.change(Change::Message { chat, message, unread: false });
        }
        Ok(())
    }
}

type UserStatus = (ChatUserStatus, Rc<str>, Rc<str>, ParticipantType);

/// CHATROOM_USER_STATUS in either dialect, told apart by the length of block 1 (spec/wire.md section 9).
fn user_status(frame: &Frame) -> Result<Option<UserStatus>, DecodeError> {
    let first = frame.block(1).unwrap_or_default();
    if first.len() > 1 {
        let text = |id| string(frame.block(id).map(mig33_codec::Text::from_bytes).as_ref());
        let status = frame.block(3).and_then(|status| status.last().copied());
        return Ok(status
            .map(|status| (ChatUserStatus(status), text(1), text(2), ParticipantType::NORMAL)));
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
    })
}

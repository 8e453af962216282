//! What a room says and nobody in it: notices of other servers, as packets of their own and among its messages (spec/wire.md
//! section 9).
use std::rc::Rc;

use mig33_codec::packets::Message as MessagePacket;
use mig33_codec::{Decode, values::ChatDestination};
use mig33_codec::{DecodeError, Frame, Text, packets};

use crate::answers::string;
use crate::arrivals::places;
use crate::change::Change;
use crate::session::Session;
use crate::state::{Body, ChatId, Delivery, Member, Membership, Message, Millis, NoticeKind};

/// What the MIME type of a notice among a room's messages begins with.
const SYSTEM: &str = "system/chatroom-";
/// What somebody reads who was put out of a room without a word.
const PUT_OUT: &str = "You were removed from this room.";

/// A notice among a room's messages.
pub(crate) struct Notice {
    /// What happened to whom, where somebody came or went: whether they are in the room now.
    pub(crate) moved: Option<(Rc<str>, bool)>,
    /// What it says; empty for nothing.
    pub(crate) text: Rc<str>,
}

impl Session {
    /// CHATROOM_NOTIFICATION: of ours a text, of other servers what happened to whom.
    pub(crate) fn room_notification(
        &mut self,
        now: Millis,
        frame: &Frame,
    ) -> Result<(), DecodeError> {
        let text = |id| string(frame.block(id).map(Text::from_bytes).as_ref());
        let chat = ChatId::room(&text(1));
        let kind = match frame.block(2).as_deref() {
            Some([kind]) if self.state.chats.contains_key(&chat) => *kind,
            _ => {
                let packet = packets::ChatroomNotification::decode(frame)?;
                let words = frame.block(4).map(Text::from_bytes).or(packet.text);
                self.notice(NoticeKind::System, &string(words.as_ref()), None);
                return Ok(());
            }
        };
        let (who, words) = (text(3), text(4));
        let (is_out, is_us) = (matches!(kind, 0 | 1), self.is_us(&who));
        if is_out && is_us {
            self.put_out(&chat, &words);
        } else if is_out {
            self.change(Change::MemberLeft { chat: chat.clone(), name: who.clone() });
        } else if let Some(member) = self.member(&chat, &who) {
            let member = match kind {
                2 | 3 => Member { muted: kind == 2, ..member },
                4 | 5 => Member { administrator: kind == 4, ..member },
                _ => member,
            };
            self.change(Change::MemberJoined { chat: chat.clone(), member });
        }
        if !words.is_empty() {
            self.room_line(now, chat, "".into(), Body::Line(words));
        }
        Ok(())
    }

    /// A message of a room that nobody in it has said. In front of a server of this project there is none: its rooms say
    /// nothing among their messages, so whatever looks like it was written by somebody in the room.
    pub(crate) fn room_notice(&self, packet: &MessagePacket) -> Option<Notice> {
        if self.is_ours() { None } else { notice(packet) }
    }

    /// Whether it is our name.
    pub(crate) fn is_us(&self, name: &str) -> bool {
        let account = self.state.account.as_ref();
        account.is_some_and(|account| account.username.eq_ignore_ascii_case(name))
    }

    /// Somebody in a room, where they are.
    pub(crate) fn member(&self, chat: &ChatId, name: &str) -> Option<Member> {
        let room = self.state.chats.get(chat)?.room.as_ref()?;
        room.members.get(&*name.to_ascii_lowercase()).cloned()
    }

    /// We are out of a room by somebody else's doing: it is not entered again, and nothing more is sent to it.
    pub(crate) fn put_out(&mut self, chat: &ChatId, words: &str) {
        let words = if words.is_empty() { PUT_OUT } else { words };
        let membership = Membership::Refused(words.into());
        self.change(Change::Membership { chat: chat.clone(), membership });
        self.fail_waiting(chat, words);
    }

    /// Somebody came into a room or left it: the members follow, and a line says so where that is new.
    pub(crate) fn moved(&mut self, now: Millis, chat: &ChatId, member: Member, is_here: bool) {
        let name = member.name.clone();
        let was_here = self.member(chat, &name).is_some();
        let chat = chat.clone();
        self.change(if is_here {
            Change::MemberJoined { chat: chat.clone(), member }
        } else {
            Change::MemberLeft { chat: chat.clone(), name: name.clone() }
        });
        if was_here != is_here {
            let body = if is_here { Body::Joined } else { Body::Left };
            self.room_line(now, chat, name, body);
        }
    }

    /// Puts a line of ours into a room.
    fn room_line(&mut self, now: Millis, chat: ChatId, author: Rc<str>, body: Body) {
        let (guid, time) = (self.guid(), self.server_time(now));
        let message = Message { guid, author, own: false, time, body, delivery: Delivery::Sent };
        self.change(Change::Message { chat, message, unread: false });
    }
}

impl Message {
    /// Whether nothing of it is to be seen: it only has its place among the messages.
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        matches!(&self.body, Body::Notice(text) if text.is_empty())
    }
}

/// Reads a message of a room that nobody in it has said: `None` for what somebody has.
fn notice(packet: &MessagePacket) -> Option<Notice> {
    if packet.destination_type != Some(ChatDestination::CHATROOM) {
        return None;
    }
    let content = packet.content.clone().unwrap_or_default();
    let content = String::from_utf8_lossy(&content);
    let mime_type = string(packet.mime_type.as_ref());
    let Some(kind) = mime_type.strip_prefix(SYSTEM) else {
        let (source, room) = (string(packet.source.as_ref()), string(packet.destination.as_ref()));
        let nobody = source.is_empty() || source.eq_ignore_ascii_case(&room);
        return nobody.then(|| Notice { moved: None, text: (&*content).into() });
    };
    // a sentence with the facts beside it, or the facts alone
    let data = string(packet.mime_type_data.as_ref());
    let is_sentence = !content.trim_start().starts_with('{');
    let facts = if data.is_empty() { &*content } else { &*data };
    let fact = |names: [&str; 3]| names.iter().find_map(|name| fact(facts, name));
    let who = fact(["username", "participant", "nickname"]);
    let (is_here, verb) = match kind {
        "participant-enter" => (Some(true), "joined"),
        "participant-exit" => (Some(false), "left"),
        other => (None, other),
    };
    let text = match (who, fact(["text", "message", "description"])) {
        _ if is_sentence && !content.is_empty() => (&*content).into(),
        (_, Some(text)) => text.into(),
        (Some(who), None) => format!("{who} {verb}").into(),
        (None, None) => "".into(),
    };
    let moved = who.and_then(|who| Some((who.into(), is_here?)));
    Some(Notice { moved, text })
}

/// The text of this name in a small flat JSON object; escapes stay as they are.
fn fact<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    places(json, name).find_map(|at| {
        let quoted = json.get(..at)?.ends_with('"');
        let rest = json.get(at + name.len()..).filter(|_| quoted)?.strip_prefix('"')?;
        let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        value.split('"').next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_the_texts_of_a_flat_object() {
        let json = r#" {"userName" : "böb", "level":3,"of":"text","text":"a, b: c"} "#;
        assert_eq!(fact(json, "username"), Some("böb"));
        assert_eq!(fact(json, "text"), Some("a, b: c"));
        assert_eq!(fact(json, "level"), None);
        for broken in ["", "{", "{\"a", "{\"a\":", "\"a\"", "a\":\"x", "é"] {
            assert_eq!(fact(broken, "a"), None, "{broken}");
        }
    }
}

//! Messages: writing, sending, sending again, and reading what arrives (spec/wire.md section 4).
use std::rc::Rc;

use bytes::Bytes;
use mig33_codec::packets::{Message as MessagePacket, MessageStatusEvent};
use mig33_codec::values::{ChatDestination, ContentType, MessageType, StatusEvent};

use crate::action::{ActionId, Event};
use crate::arrivals::places;
use crate::change::Change;
use crate::outbox;
use crate::requests::{Purpose, Urgency};
use crate::session::Session;
use crate::state::{Body, ChatId, Delivery, Member, Membership, Message, Millis};
use crate::transcript;

/// The most bytes that a text may have (spec/wire.md section 10).
const MAX_TEXT: usize = 8 * 1024;
/// The most bytes of a picture inside a packet; the rest of the packet's limit is for its other blocks.
pub(crate) const MAX_PICTURE: usize = 350_000;
/// The most bytes of a picture's name (spec/wire.md section 4).
const MAX_FILE_NAME: usize = 255;
/// What an emote begins with.
const EMOTE: &str = "/me ";

impl Session {
    pub(crate) fn send_text(&mut self, now: Millis, action: ActionId, chat: ChatId, text: &str) {
        let text = text.trim_end();
        if is_blank(text) {
            return self.answer(action, Err("There is nothing to send.".into()));
        }
        if text.len() > MAX_TEXT {
            return self.answer(action, Err("A message may have at most 8 KiB of text.".into()));
        }
        let body = text_body(text);
        self.send(now, action, chat, body);
    }

    pub(crate) fn send_picture(
        &mut self,
        now: Millis,
        action: ActionId,
        chat: ChatId,
        mime_type: &str,
        file_name: &str,
        bytes: Bytes,
    ) {
        if bytes.len() > MAX_PICTURE {
            return self
                .answer(action, Err("The picture is too large: at most 350,000 bytes.".into()));
        }
        let (file_name, _) = file_name.split_at(file_name.floor_char_boundary(MAX_FILE_NAME));
        let file_name = Some(file_name).filter(|name| !name.is_empty()).map(Into::into);
        let body = Body::Picture { mime_type: mime_type.into(), file_name, bytes };
        self.send(now, action, chat, body);
    }

    fn send(&mut self, now: Millis, action: ActionId, chat: ChatId, body: Body) {
        // before the first LOGIN_OK after a reload it waits as it does while the connection is down
        let account = self.state.account.as_ref().map(|account| account.username.clone());
        let Some(author) =
            account.or_else(|| self.login.as_ref().map(|login| login.username.clone()))
        else {
            return self.answer(action, Err("Not logged in.".into()));
        };
        let guid = self.guid();
        let message = Message {
            guid: guid.clone(),
            author,
            own: true,
            time: self.server_time(now),
            body,
            delivery: Delivery::Sending,
        };
        self.change(Change::Message { chat: chat.clone(), message, unread: false });
        self.send_message(now, &chat, &guid, Some(action));
    }

    /// Sends a message that stands in its chat, if the connection and, in a room, our membership allow it now; it is
    /// sent later otherwise.
    fn send_message(
        &mut self,
        now: Millis,
        chat: &ChatId,
        guid: &Rc<str>,
        action: Option<ActionId>,
    ) {
        let Some(entry) = self.state.chats.get(chat) else {
            return;
        };
        let membership =
            entry.room.as_ref().map_or(Membership::Inside, |room| room.membership.clone());
        match membership {
            Membership::Inside => {}
            Membership::Joining => return,
            Membership::Outside | Membership::Refused(_) => {
                return self.message_failed(chat, guid, action, "You are not in this room.");
            }
        }
        if !self.state.link.is_up() || self.is_under_way(guid) {
            return;
        }
        let Some(at) = transcript::position(&entry.messages, guid) else {
            return;
        };
        let Some(packet) =
            entry.messages.get(at).and_then(|message| outbox::packet(chat, &entry.name, message))
        else {
            return;
        };
        let purpose = Purpose::Send { chat: chat.clone(), guid: guid.clone(), action };
        self.request(now, &packet, purpose, Urgency::Soon);
    }

    /// Sends everything that waits in these chats, in the order in which it was written.
    pub(crate) fn send_waiting(&mut self, now: Millis, which: impl Fn(&ChatId) -> bool) {
        let mut waiting: Vec<(Millis, ChatId, Rc<str>)> = Vec::new();
        for chat in self.state.chats.values().filter(|chat| which(&chat.id)) {
            for message in chat.messages.iter() {
                if message.own && message.delivery == Delivery::Sending {
                    // by time; of one time, those of one chat stay as they stand
                    let at = waiting.partition_point(|(time, ..)| *time <= message.time);
                    waiting.insert(at, (message.time, chat.id.clone(), message.guid.clone()));
                }
            }
        }
        for (_, chat, guid) in waiting {
            self.send_message(now, &chat, &guid, None);
        }
    }

    pub(crate) fn retry(&mut self, now: Millis, action: ActionId, chat: &ChatId, guid: &Rc<str>) {
        let delivery = Delivery::Sending;
        self.change(Change::MessageDelivery { chat: chat.clone(), guid: guid.clone(), delivery });
        self.send_message(now, chat, guid, Some(action));
    }

    pub(crate) fn message_accepted(
        &mut self,
        chat: ChatId,
        guid: Rc<str>,
        time: Millis,
        action: Option<ActionId>,
    ) {
        self.change(Change::MessageAccepted { chat, guid, time });
        if let Some(action) = action {
            self.answer(action, Ok(()));
        }
    }

    pub(crate) fn message_failed(
        &mut self,
        chat: &ChatId,
        guid: &Rc<str>,
        action: Option<ActionId>,
        reason: &str,
    ) {
        let arrived =
            |chat: &Rc<crate::state::Chat>| match transcript::position(&chat.messages, guid) {
                Some(at) => {
                    chat.messages.get(at).is_some_and(|message| !outbox::is_unsent(message))
                }
                // under a guid of the server's
                None => true,
            };
        if self.state.chats.get(chat).is_some_and(arrived) {
            // it came back: where nothing else answers, that was the answer
            if let Some(action) = action {
                self.answer(action, Ok(()));
            }
            return;
        }
        let delivery = Delivery::Failed(reason.into());
        self.change(Change::MessageDelivery { chat: chat.clone(), guid: guid.clone(), delivery });
        if let Some(action) = action {
            self.answer(action, Err(reason.into()));
        }
    }

    fn is_under_way(&self, guid: &str) -> bool {
        self.requests
            .outstanding()
            .any(|purpose| matches!(purpose, Purpose::Send { guid: sent, .. } if **sent == *guid))
    }

    /// The oldest message of ours that is on its way and says the same, where a server does not keep our guids.
    fn echo_of(&self, chat: &ChatId, echo: &Message) -> Option<Rc<str>> {
        let entry = self.state.chats.get(chat).filter(|_| echo.own && !self.is_ours())?;
        if transcript::position(&entry.messages, &echo.guid).is_some() {
            return None;
        }
        let is_sent = |guid: &Rc<str>| {
            let sends =
                |asked: &Purpose| matches!(asked, Purpose::Send { guid: sent, .. } if sent == guid);
            self.requests.open_since(|asked, _| sends(asked)).is_some()
        };
        let same = |message: &&Rc<Message>| {
            message.own
                && message.delivery == Delivery::Sending
                && message.body == echo.body
                && is_sent(&message.guid)
        };
        entry.messages.iter().find(same).map(|message| message.guid.clone())
    }

    /// A message came unasked: new, or again since it was not acknowledged.
    pub(crate) fn message_arrived(&mut self, now: Millis, packet: &MessagePacket) {
        let Some((chat, name, mut message)) = self.read_message(now, packet) else {
            return;
        };
        if let Some(guid) = self.echo_of(&chat, &message) {
            let (new_guid, time) = (message.guid, message.time);
            self.whole.goes_on(&chat, time);
            return self.change(Change::MessageCameBack { chat, guid, new_guid, time });
        }
        let is_known = self.state.chats.contains_key(&chat);
        if let Some((who, is_here)) = self.room_notice(packet).and_then(|notice| notice.moved)
            && is_known
        {
            self.moved(now, &chat, Member::normal(who), is_here);
            message.body = Body::Notice("".into()); // said by the line
        }
        // nothing to be seen, but the next message may name it as the one before
        if message.says_nothing() && !(is_known && self.has_chat_sync) {
            return;
        }
        let known = self.state.chats.get(&chat);
        let is_new =
            known.is_none_or(|chat| transcript::position(&chat.messages, &message.guid).is_none());
        let is_news = self.no_news_until.get(&chat).is_none_or(|until| message.time > *until);
        let previous = packet.previous_message_guid.as_ref().filter(|guid| !guid.is_empty());
        let is_first = previous.is_none();
        let follows = previous.is_none_or(|guid| {
            known.is_some_and(|chat| transcript::position(&chat.messages, &guid.as_str()).is_some())
        });
        let (guid, time, own) = (message.guid.clone(), message.time, message.own);

        self.change(Change::ChatKnown { chat: chat.clone(), name });
        let is_line = message.is_line();
        if packet.guid.is_some() {
            self.acknowledge(now, &chat, &message);
        }
        // what waited for us may come after the list of chats that counts it
        let is_counted = self.counted.get(&chat).is_some_and(|until| time <= *until);
        self.change(Change::Message {
            chat: chat.clone(),
            message,
            unread: is_news && !is_counted,
        });
        if is_new && self.has_chat_sync {
            self.continue_chat(now, &chat, time, is_first, follows);
            self.forget_oldest(&chat);
        }
        if is_new && is_news && !own && !is_line {
            self.event(Event::MessageReceived { chat, guid });
        }
    }

    /// A packet as a message and where it belongs; nothing when it says neither.
    pub(crate) fn read_message(
        &self,
        now: Millis,
        packet: &MessagePacket,
    ) -> Option<(ChatId, Rc<str>, Message)> {
        let us = self.state.account.as_ref()?.username.clone();
        let source: Rc<str> =
            packet.source.as_ref().map_or_else(|| "".into(), |source| source.as_str().into());
        let destination: Rc<str> =
            packet.destination.as_ref().map_or_else(|| "".into(), |to| to.as_str().into());
        let own = source.eq_ignore_ascii_case(&us);
        let (chat, name) = match packet.destination_type {
            Some(ChatDestination::CHATROOM) => (ChatId::room(&destination), destination),
            _ if own => (ChatId::private(&destination), destination),
            _ => (ChatId::private(&source), source.clone()),
        };
        if name.is_empty() {
            return None;
        }
        let time = packet.timestamp.unwrap_or_else(|| self.server_time(now));
        // history says of our own how far they got
        let delivery = match packet.status {
            Some(StatusEvent::RECEIVED) if own => Delivery::Received,
            Some(StatusEvent::READ) if own => Delivery::Read,
            _ => Delivery::Sent,
        };
        let guid: Rc<str> = match &packet.guid {
            Some(guid) if !guid.is_empty() => guid.as_str().into(),
            // a server that gives no ids sends nothing twice: the time tells its messages apart
            _ => format!(
                "{time}-{source}-{}",
                packet.content.as_ref().map_or(0, |content| content.len())
            )
            .into(),
        };
        let (author, body) = match self.room_notice(packet) {
            Some(notice) => ("".into(), Body::Notice(notice.text)),
            None => (source, body(packet)),
        };
        Some((chat, name, Message { guid, author, own, time, body, delivery }))
    }

    /// Something happened to a message of ours, or we have read a chat elsewhere.
    pub(crate) fn status_arrived(&mut self, packet: &MessageStatusEvent) {
        let (Some(guid), Some(event)) = (&packet.message_guid, packet.message_event_type) else {
            return;
        };
        let guid: Rc<str> = guid.as_str().into();
        let holds =
            |chat: &&Rc<crate::state::Chat>| transcript::position(&chat.messages, &guid).is_some();
        let Some(chat) = self.state.chats.values().find(holds).map(|chat| chat.id.clone()) else {
            return self.read_elsewhere(packet, event);
        };
        let about = self.state.chats.get(&chat).and_then(|chat| {
            transcript::position(&chat.messages, &guid).and_then(|at| chat.messages.get(at))
        });
        let (own, up_to) = about.map_or((false, 0), |about| (about.own, about.time));
        match event {
            StatusEvent::RECEIVED if own => {
                self.change(Change::MessageDelivery { chat, guid, delivery: Delivery::Received });
            }
            StatusEvent::READ if own => self.read_up_to(&chat, &guid),
            StatusEvent::READ => self.change(Change::ChatRead { chat, up_to: Some(up_to) }),
            _ => {}
        }
    }

    /// We have read, in another session, a chat whose messages are not loaded here. Where it is not ourselves who have,
    /// it is one of our own messages that was read.
    fn read_elsewhere(&mut self, packet: &MessageStatusEvent, event: StatusEvent) {
        let (Some(account), Some(reader), Some(author), StatusEvent::READ) =
            (&self.state.account, &packet.message_source, &packet.message_destination, event)
        else {
            return;
        };
        let chat = ChatId::private(&author.as_str());
        if reader.as_str().eq_ignore_ascii_case(&account.username)
            && self.state.chats.contains_key(&chat)
        {
            let up_to = packet.message_timestamp;
            self.change(Change::ChatRead { chat, up_to });
        }
    }

    /// The person has seen the chat up to this message: tells the author and our other sessions.
    pub(crate) fn mark_read(&mut self, now: Millis, chat: &ChatId, up_to: &str) {
        let Some(entry) = self.state.chats.get(chat).filter(|entry| entry.unread > 0) else {
            return;
        };
        let at = transcript::position(&entry.messages, up_to);
        let seen = at.and_then(|at| entry.messages.get(..=at)).unwrap_or_default();
        let Some(up_to) = transcript::newest(seen) else { return };
        let is_told =
            |message: &&Rc<Message>| !message.own && !message.is_line() && !message.guid.is_empty();
        let told = seen.iter().rev().find(is_told).map(|message| {
            (message.guid.clone(), message.author.clone(), entry.name.clone(), message.time)
        });
        let told = told.filter(|(.., time)| entry.read_at.is_none_or(|before| *time > before));
        self.change(Change::ChatRead { chat: chat.clone(), up_to: Some(up_to) });
        if let (Some((guid, author, name, _)), true, true) =
            (told, self.state.link.is_up(), self.has_chat_sync)
        {
            self.requests.forget_read(chat);
            self.tell(now, chat, (&guid, &author), &name, Purpose::Read { chat: chat.clone() });
        }
    }

    fn acknowledge(&mut self, now: Millis, chat: &ChatId, message: &Message) {
        if !message.own && !chat.is_room() && self.has_chat_sync {
            let purpose = Purpose::Receipt { chat: chat.clone(), time: message.time };
            self.tell(now, chat, (&message.guid, &message.author), "", purpose);
        }
    }

    /// Says what has become of a message; `room` is the name of its room, where it is in one.
    fn tell(
        &mut self,
        now: Millis,
        chat: &ChatId,
        (guid, author): (&str, &str),
        room: &str,
        purpose: Purpose,
    ) {
        let Some(account) = &self.state.account else { return };
        let is_receipt = matches!(purpose, Purpose::Receipt { .. });
        let event = if is_receipt { StatusEvent::RECEIVED } else { StatusEvent::READ };
        let destination = if chat.is_room() { room } else { &account.username };
        let packet = MessageStatusEvent {
            message_type: Some(MessageType::MIG33),
            message_source: Some(author.into()),
            message_destination_type: Some(destination_type(chat)),
            message_destination: Some(destination.into()),
            message_guid: Some(guid.into()),
            message_event_type: Some(event),
            ..MessageStatusEvent::default()
        };
        // what is read is received: it does not wait for receipts
        let urgency = if is_receipt { Urgency::Later } else { Urgency::Soon };
        self.request(now, &packet, purpose, urgency);
    }

    /// All of ours up to this one has been read.
    fn read_up_to(&mut self, chat: &ChatId, guid: &str) {
        let Some(entry) = self.state.chats.get(chat) else {
            return;
        };
        let Some(last) = transcript::position(&entry.messages, guid) else {
            return;
        };
        let read: Vec<Rc<str>> = entry
            .messages
            .iter()
            .take(last + 1)
            .filter(|message| {
                message.own && matches!(message.delivery, Delivery::Sent | Delivery::Received)
            })
            .map(|message| message.guid.clone())
            .collect();
        for guid in read {
            self.change(Change::MessageDelivery {
                chat: chat.clone(),
                guid,
                delivery: Delivery::Read,
            });
        }
    }
}

/// How the wire says what kind of chat it is.
pub(crate) const fn destination_type(chat: &ChatId) -> ChatDestination {
    if chat.is_room() { ChatDestination::CHATROOM } else { ChatDestination::PRIVATE }
}

/// What a packet says.
pub(crate) fn body(packet: &MessagePacket) -> Body {
    let content = packet.content.clone().unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    match packet.content_type.unwrap_or(ContentType::TEXT) {
        ContentType::TEXT => text_body(&text),
        ContentType::EMOTE => {
            let author = packet.source.as_ref().map(mig33_codec::Text::as_str);
            emote_body(text.strip_prefix(EMOTE).unwrap_or(&text), &author.unwrap_or_default())
        }
        ContentType::EXISTING_FILE => Body::PictureAt(text.into()),
        ContentType::IMAGE => {
            let mime_type = packet
                .mime_type
                .as_ref()
                .map_or_else(|| "image/jpeg".into(), |kind| kind.as_str().into());
            let file_name = packet.file_name.as_ref().map(|name| name.as_str().into());
            Body::Picture { mime_type, file_name, bytes: content }
        }
        other => Body::Other(other.0),
    }
}

/// What somebody does. A server may say it as a whole sentence with the name in it, which is not to stand there twice.
fn emote_body(text: &str, author: &str) -> Body {
    let bytes = text.as_bytes();
    let is_letter = |c: &u8| c.is_ascii_alphanumeric() || !c.is_ascii() || b"_-".contains(c);
    let mut places = places(text, author).filter(|at| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        !before.is_some_and(is_letter) && !bytes.get(at + author.len()).is_some_and(is_letter)
    });
    let Some(at) = places.next() else { return Body::Emote(text.into()) };
    match text.split_at_checked(at + author.len()) {
        Some((before, rest))
            if rest.starts_with(' ') && !before.trim_start_matches(['*', ' ']).contains(' ') =>
        {
            Body::Emote(rest.trim_start().into())
        }
        _ => Body::Text(text.into()),
    }
}

/// Whether nothing is seen of a text.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c,
                '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
    })
}

fn text_body(text: &str) -> Body {
    match text.strip_prefix(EMOTE) {
        Some(emote) if !is_blank(emote) => Body::Emote(emote.into()),
        _ => Body::Text(text.into()),
    }
}

//! The list of chats and their history: what is loaded, and when (spec/wire.md section 7).
use std::rc::Rc;

use mig33_codec::packets;
use mig33_codec::values::ChatDestination;

use crate::action::ActionId;
use crate::answers::string;
use crate::change::Change;
use crate::messages::{MAX_PICTURE, destination_type};
use crate::requests::{HistoryReason, HistoryRequest, Purpose, Urgency};
use crate::session::Session;
use crate::state::{Body, ChatId, Delivery, History, Membership, Message, Millis};
use crate::whole::{PAGE, page};

/// Messages that are loaded of a chat that is not shown, so that the list has its last one.
const PREVIEW: u32 = 20;
/// How many chats are loaded so after a log-in.
const PREVIEWS: usize = 20;
/// Bytes of content up to which no server ends a page early.
const LIGHT_PAGE: usize = 64 * 1024;

impl Session {
    /// The person looks at a chat.
    pub(crate) fn open_chat(&mut self, now: Millis, action: ActionId, chat: &ChatId) {
        self.close_chat();
        self.shown = Some(chat.clone());
        let name = self.contact_name(chat);
        self.change(Change::ChatKnown { chat: chat.clone(), name });
        if self.state.link.is_up() {
            self.settle_history_of(chat);
        }
        self.catch_up(now, chat, PAGE, Urgency::Soon);
        let loaded = self.state.chats.get(chat).map_or(0, |chat| chat.messages.len());
        if loaded < PREVIEW as usize {
            self.load_older(now, chat);
        }
        self.answer(action, Ok(()));
    }

    /// The person looks at no chat.
    pub(crate) fn close_chat(&mut self) {
        if let Some(before) = self.shown.take() {
            self.forget_oldest(&before);
        }
    }

    /// Asks for the page before the oldest message.
    pub(crate) fn load_older(&mut self, now: Millis, chat: &ChatId) {
        let Some(entry) = self.state.chats.get(chat) else { return };
        let Some(oldest) = entry.oldest().filter(|_| self.whole.to(chat) > 0) else {
            return self.catch_up(now, chat, PAGE, Urgency::Soon);
        };
        if matches!(entry.history, History::More | History::Failed) && self.can_ask_history(chat) {
            self.change(Change::History { chat: chat.clone(), history: History::Loading });
            let request = page(chat, 0, oldest.saturating_sub(1), PAGE, HistoryReason::Older);
            self.ask_history(now, request, Urgency::Soon);
        }
    }

    /// One chat of the list: when something last happened in it, and which one.
    pub(crate) fn chat_listed(&mut self, packet: &packets::Chat) -> Option<(Millis, ChatId)> {
        let name = string(packet.chat_id.as_ref());
        let chat = match packet.chat_type {
            Some(ChatDestination::CHATROOM) => ChatId::room(&name),
            Some(ChatDestination::GROUP_CHAT) => return None, // later
            _ => ChatId::private(&name),
        };
        if name.is_empty() {
            return None;
        }
        self.change(Change::ChatKnown { chat: chat.clone(), name });
        let (active, unread) = (packet.timestamp.unwrap_or(0), packet.unread_message_count);
        // nothing has come of it on this connection, so it is not the list that is behind
        if active > 0 && active < self.whole.to(&chat) && !self.whole.is_in_step(&chat) {
            self.forget_chat(&chat);
        }
        let read_at = packet.read_at;
        if unread.is_some() {
            self.counted.insert(chat.clone(), active);
        }
        self.change(Change::ChatListed { chat: chat.clone(), active, unread, read_at });
        Some((active, chat))
    }

    /// All chats are listed: fetches what is new in them, the one that is shown first, then those of late.
    pub(crate) fn chats_are_listed(&mut self, now: Millis, listed: Vec<(Millis, ChatId)>) {
        self.change(Change::ChatsListed);
        if let Some(shown) = self.shown.clone() {
            self.catch_up(now, &shown, PAGE, Urgency::Soon);
        }
        let mut behind: Vec<(Millis, ChatId)> = Vec::new();
        for (_, chat) in listed.iter().take(PREVIEWS) {
            self.ask_marks(now, chat);
        }
        for (active, chat) in listed {
            if active > self.whole.to(&chat) {
                let at = behind.partition_point(|(other, _)| *other >= active);
                behind.insert(at, (active, chat));
            } else if active > 0 {
                self.whole.set_in_step(&chat, active);
            }
        }
        for (_, chat) in behind.iter().take(PREVIEWS) {
            self.catch_up(now, chat, PREVIEW, Urgency::Later);
        }
    }

    /// A page of a chat's messages is complete.
    pub(crate) fn history_came(&mut self, now: Millis, request: HistoryRequest, sent: Option<u32>) {
        let HistoryRequest { chat, oldest, limit, reason, found, .. } = request;
        let first = found.first().map(|message| message.time);
        let last = found.last().map(|message| message.time);
        let is_full = sent.unwrap_or(found.len() as u32) >= limit || is_heavy(&found);
        for message in found {
            self.change(Change::Message { chat: chat.clone(), message, unread: false });
        }
        match reason {
            HistoryReason::Older => {
                let history = if is_full { History::More } else { History::Complete };
                self.change(Change::History { chat, history });
            }
            HistoryReason::Newest => self.newest_came(now, chat, first, is_full),
            HistoryReason::Marks => {}
            HistoryReason::Since { pages } => {
                self.missing_came(now, chat, oldest, pages, (first, last), is_full);
            }
        }
    }

    pub(crate) fn history_failed(&mut self, request: &HistoryRequest, history: History) {
        if matches!(request.reason, HistoryReason::Older | HistoryReason::Newest) {
            self.change(Change::History { chat: request.chat.clone(), history });
        }
    }

    /// Whether the server keeps history is known: where it does not, nothing is waited for.
    pub(crate) fn settle_history(&mut self) {
        let chats: Vec<ChatId> = self.state.chats.values().map(|chat| chat.id.clone()).collect();
        for chat in chats {
            self.settle_history_of(&chat);
        }
    }

    fn settle_history_of(&mut self, chat: &ChatId) {
        let known = self.state.chats.get(chat).map(|chat| chat.history);
        let history = match (self.has_chat_sync, known) {
            (false, Some(History::More | History::Loading | History::Failed)) => History::Unkept,
            (true, Some(History::Unkept | History::Failed)) => History::More,
            _ => return,
        };
        self.change(Change::History { chat: chat.clone(), history });
    }

    pub(crate) fn ask_history(&mut self, now: Millis, request: HistoryRequest, urgency: Urgency) {
        let name = self.name_of(&request.chat);
        let packet = packets::GetMessages {
            chat_id: Some((&*name).into()),
            chat_type: Some(destination_type(&request.chat)),
            latest_timestamp: (request.latest < Millis::MAX).then_some(request.latest),
            oldest_timestamp: (request.oldest > 0).then_some(request.oldest),
            limit: Some(request.limit),
            ..packets::GetMessages::default()
        };
        self.request(now, &packet, Purpose::History(request), urgency);
    }

    /// Asks how far messages of ours got that were not read when the connection was lost: nothing else tells.
    fn ask_marks(&mut self, now: Millis, chat: &ChatId) {
        let to = self.whole.to(chat);
        let Some(entry) = self.state.chats.get(chat).filter(|_| !chat.is_room() && to > 0) else {
            return;
        };
        let unread = |message: &&Rc<Message>| {
            message.own && matches!(message.delivery, Delivery::Sent | Delivery::Received)
        };
        if let Some(oldest) = entry.messages.iter().find(unread).map(|message| message.time) {
            let request = page(chat, oldest, to, PAGE, HistoryReason::Marks);
            self.ask_history(now, request, Urgency::Later);
        }
    }

    /// Whether the server would answer: a room's history is for who is in it.
    pub(crate) fn can_ask_history(&self, chat: &ChatId) -> bool {
        let room = self.state.chats.get(chat).and_then(|chat| chat.room.as_ref());
        self.has_chat_sync
            && self.state.link.is_up()
            && room.is_none_or(|room| room.membership == Membership::Inside)
    }

    /// A contact's name as it is written, or what is known of the chat's.
    fn contact_name(&self, chat: &ChatId) -> Rc<str> {
        let contact = match chat {
            ChatId::Private(key) => self.state.contact(key),
            ChatId::Room(_) => None,
        };
        contact.map_or_else(|| self.name_of(chat), |contact| contact.username.clone())
    }

    /// A chat's name as the server writes it, as far as that is known.
    pub(crate) fn name_of(&self, chat: &ChatId) -> Rc<str> {
        let known = self.state.chats.get(chat);
        known.map_or_else(|| chat.written().into(), |chat| chat.name.clone())
    }
}

/// Whether a server may have ended the page for its size before it had as many messages as were asked for.
fn is_heavy(found: &[Message]) -> bool {
    let bytes = |message: &Message| match &message.body {
        Body::Text(text) | Body::Emote(text) => text.len(),
        Body::Picture { bytes, .. } => bytes.len(),
        // the server may have counted the picture, whose size is not known here
        Body::PictureAt(_) => MAX_PICTURE,
        Body::Other(_) | Body::Notice(_) | Body::Line(_) | Body::Joined | Body::Left => 0,
    };
    found.iter().map(bytes).sum::<usize>() > LIGHT_PAGE
}

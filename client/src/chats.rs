//! The list of chats and their history: what is loaded, and how a gap is found and filled (spec/wire.md section 7).
use std::rc::Rc;

use mig33_codec::packets;
use mig33_codec::values::ChatDestination;

use crate::action::ActionId;
use crate::answers::string;
use crate::change::Change;
use crate::messages::destination_type;
use crate::requests::{HistoryRequest, Purpose, Urgency};
use crate::session::Session;
use crate::state::{Body, ChatId, History, Link, Message, Millis};

/// Messages that are asked for at once.
const PAGE: u32 = 50;
/// Messages that are loaded of a chat that is not shown, so that the list has its last one.
const PREVIEW: u32 = 20;
/// How many chats are loaded so after a log-in.
const PREVIEWS: usize = 20;
/// Bytes of content up to which no server ends a page early.
const LIGHT_PAGE: usize = 64 * 1024;
/// Pages after which a gap is given up: what came before it is dropped, and can be loaded again.
const MOST_GAP_PAGES: u32 = 10;

impl Session {
    /// The person looks at a chat.
    pub(crate) fn open_chat(&mut self, now: Millis, action: ActionId, chat: &ChatId) {
        self.shown = Some(chat.clone());
        let name = self.contact_name(chat);
        self.change(Change::ChatKnown { chat: chat.clone(), name });
        if let Some(entry) = self.state.chats.get(chat)
            && entry.history == History::More
            && entry.messages.len() < PREVIEW as usize
        {
            self.load_older(now, chat);
        }
        self.answer(action, Ok(()));
    }

    /// Asks for the page before the oldest message.
    pub(crate) fn load_older(&mut self, now: Millis, chat: &ChatId) {
        let Some(entry) = self.state.chats.get(chat) else {
            return;
        };
        if entry.history != History::More || !self.can_ask_history() {
            return;
        }
        let latest = entry.oldest().map_or(Millis::MAX, |oldest| oldest.saturating_sub(1));
        self.change(Change::History { chat: chat.clone(), history: History::Loading });
        self.ask_history(now, page(chat, 0, latest, PAGE), Urgency::Soon);
    }

    /// A message came whose predecessor we do not have.
    pub(crate) fn fill_gap(
        &mut self,
        now: Millis,
        chat: &ChatId,
        newest: Option<Millis>,
        before: Millis,
    ) {
        match newest {
            Some(newest) if newest < before => {
                self.ask_gap(now, chat, newest + 1, before.saturating_sub(1), 0)
            }
            Some(_) => {}
            None => self.load_older(now, chat),
        }
    }

    pub(crate) fn chat_listed(&mut self, packet: &packets::Chat) {
        let name = string(packet.chat_id.as_ref());
        let chat = match packet.chat_type {
            Some(ChatDestination::CHATROOM) => ChatId::room(&name),
            Some(ChatDestination::GROUP_CHAT) => return, // later
            _ => ChatId::private(&name),
        };
        if name.is_empty() {
            return;
        }
        self.change(Change::ChatKnown { chat: chat.clone(), name });
        let (active, unread) =
            (packet.timestamp.unwrap_or(0), packet.unread_message_count.unwrap_or(0));
        self.change(Change::ChatListed { chat, active, unread });
    }

    /// All chats are listed: loads what is new in them, the one that is shown first, then those of late.
    pub(crate) fn chats_are_listed(&mut self, now: Millis) {
        let mut behind: Vec<(bool, Millis, ChatId)> = Vec::new();
        for chat in self.state.chats.values() {
            let shown = Some(&chat.id) == self.shown.as_ref();
            if shown || chat.active > chat.newest().unwrap_or(0) {
                let before = (shown, chat.active);
                let at = behind.partition_point(|(shown, active, _)| (*shown, *active) >= before);
                behind.insert(at, (shown, chat.active, chat.id.clone()));
            }
        }
        for (shown, _, chat) in behind.into_iter().take(PREVIEWS) {
            let newest = self.state.chats.get(&chat).and_then(|chat| chat.newest());
            match newest {
                Some(newest) => self.ask_gap(now, &chat, newest + 1, Millis::MAX, 0),
                None if shown => self.load_older(now, &chat),
                None => self.preview(now, &chat),
            }
        }
    }

    /// A page of a chat's messages is complete.
    pub(crate) fn history_came(&mut self, now: Millis, request: HistoryRequest, sent: Option<u32>) {
        let HistoryRequest { chat, oldest, limit, gap, found, .. } = request;
        let first = found.first().map(|message| message.time);
        let is_full = sent.unwrap_or(found.len() as u32) >= limit || is_heavy(&found);
        for message in found {
            self.change(Change::Message { chat: chat.clone(), message, unread: false });
        }
        match (gap, first) {
            (None, _) => {
                let history = if is_full { History::More } else { History::Complete };
                self.change(Change::History { chat, history });
            }
            (Some(pages), Some(first)) if is_full && first > oldest => {
                if pages + 1 < MOST_GAP_PAGES {
                    self.ask_gap(now, &chat, oldest, first - 1, pages + 1);
                } else {
                    self.change(Change::MessagesBeforeGone { chat, time: first });
                }
            }
            (Some(_), _) => {}
        }
    }

    pub(crate) fn history_failed(&mut self, request: &HistoryRequest) {
        if request.gap.is_none() {
            self.change(Change::History { chat: request.chat.clone(), history: History::More });
        }
    }

    fn preview(&mut self, now: Millis, chat: &ChatId) {
        if self.state.chats.get(chat).is_some_and(|chat| chat.history == History::More) {
            self.change(Change::History { chat: chat.clone(), history: History::Loading });
            self.ask_history(now, page(chat, 0, Millis::MAX, PREVIEW), Urgency::Later);
        }
    }

    fn ask_gap(&mut self, now: Millis, chat: &ChatId, oldest: Millis, latest: Millis, pages: u32) {
        let same = |purpose: &Purpose| {
            matches!(purpose, Purpose::History(asked)
                if asked.chat == *chat && asked.oldest <= oldest && asked.latest >= latest)
        };
        if oldest <= latest && self.can_ask_history() && !self.requests.outstanding().any(same) {
            let request = HistoryRequest { gap: Some(pages), ..page(chat, oldest, latest, PAGE) };
            self.ask_history(now, request, Urgency::Soon);
        }
    }

    fn ask_history(&mut self, now: Millis, request: HistoryRequest, urgency: Urgency) {
        let name = self
            .state
            .chats
            .get(&request.chat)
            .map_or_else(|| request.chat.key().into(), |chat| chat.name.clone());
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

    fn can_ask_history(&self) -> bool {
        self.has_chat_sync && self.state.link == Link::Online
    }

    /// A contact's name as it is written, or the key.
    fn contact_name(&self, chat: &ChatId) -> Rc<str> {
        let contact = match chat {
            ChatId::Private(key) => self.state.contact(key),
            ChatId::Room(_) => None,
        };
        let known = || self.state.chats.get(chat).map(|chat| chat.name.clone());
        let name = contact.map(|contact| contact.username.clone()).or_else(known);
        name.unwrap_or_else(|| chat.key().into())
    }
}

/// Whether a server may have ended the page for its size before it had as many messages as were asked for.
fn is_heavy(found: &[Message]) -> bool {
    let bytes = |message: &Message| match &message.body {
        Body::Text(text) | Body::Emote(text) | Body::PictureAt(text) => text.len(),
        Body::Picture { bytes, .. } => bytes.len(),
        Body::Other(_) | Body::Joined | Body::Left => 0,
    };
    found.iter().map(bytes).sum::<usize>() > LIGHT_PAGE
}

fn page(chat: &ChatId, oldest: Millis, latest: Millis, limit: u32) -> HistoryRequest {
    HistoryRequest { chat: chat.clone(), oldest, latest, limit, gap: None, found: Vec::new() }
}

//! Which part of a chat is known to be whole, and how the rest is fetched (spec/wire.md section 7).
//!
//! A newest message is no sign that everything before it is here: what was sent into a connection that was dying is not.
//! So each chat has a time up to which nothing is missing. It goes on with what arrives only while the chat is in step
//! with the server: since everything after that time was fetched on this very connection, whose order can be trusted.
//! A server may leave out what others say while this side reads too slowly: then the next message names one before it
//! that is not here.
use mig33_codec::Text;

use crate::change::Change;
use crate::requests::{HistoryReason, HistoryRequest, Purpose, Urgency};
use crate::session::Session;
use crate::state::{ChatId, History, LiteMap, Millis};
use crate::transcript;

/// Messages that are asked for at once.
pub(crate) const PAGE: u32 = 50;
/// Pages after which the missing part is given up: what came before it is dropped, and can be loaded again.
const MOST_PAGES: u32 = 10;
/// Accepted messages that stay of a chat which nobody looks at, once it has [`MOST_KEPT`].
const KEPT: usize = 1_000;
const MOST_KEPT: usize = 2_000;

/// How far each chat is whole.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    chats: LiteMap<ChatId, Extent>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    /// Nothing is missing between the oldest loaded message and this time; 0 where nothing was loaded.
    to: Millis,
    /// Whether what arrives now continues it.
    in_step: bool,
    /// Once what was asked for has come: up to when it is all there was.
    covered: Millis,
    /// More was missed since the newest page of that came.
    missed_more: bool,
}

impl Whole {
    /// The connection is gone: what was said meanwhile has to be asked for.
    pub(crate) fn connection_lost(&mut self) {
        for (_, extent) in self.chats.iter_mut() {
            extent.in_step = false;
        }
    }

    /// The time up to which a chat is whole; 0 where nothing was loaded.
    pub(crate) fn to(&self, chat: &ChatId) -> Millis {
        self.chats.get(chat).map_or(0, |extent| extent.to)
    }

    /// Whether what arrives now continues the whole part.
    pub(crate) fn is_in_step(&self, chat: &ChatId) -> bool {
        self.chats.get(chat).is_some_and(|extent| extent.in_step)
    }

    /// A message was accepted at this time, ours or another's.
    pub(crate) fn goes_on(&mut self, chat: &ChatId, time: Millis) {
        if let Some(extent) = self.chats.get_mut(chat).filter(|extent| extent.in_step) {
            extent.to = extent.to.max(time);
        }
    }

    /// Everything up to this time is here, and what arrives continues it.
    pub(crate) fn set_in_step(&mut self, chat: &ChatId, to: Millis) {
        let before = self.to(chat);
        let extent = Extent { to: before.max(to), in_step: true, ..Extent::default() };
        self.chats.insert(chat.clone(), extent);
    }

    /// Nothing of a chat is whole.
    fn forget(&mut self, chat: &ChatId) {
        if let Some(extent) = self.chats.get_mut(chat) {
            *extent = Extent::default();
        }
    }

    /// Something between this time and what has come is missing.
    fn set_out_of_step(&mut self, chat: &ChatId) {
        if let Some(extent) = self.chats.get_mut(chat) {
            (extent.in_step, extent.missed_more) = (false, true);
        }
    }

    /// The newest page of what is missing has come; it ends with this time.
    fn newest_page_came(&mut self, chat: &ChatId, last: Millis) {
        if let Some(extent) = self.chats.get_mut(chat) {
            (extent.covered, extent.missed_more) = (last, false);
        }
    }

    /// All pages have come. Where more was missed meanwhile, the chat is whole up to the newest page only.
    fn is_all(&mut self, chat: &ChatId) -> bool {
        let Some(extent) = self.chats.get_mut(chat).filter(|extent| extent.missed_more) else {
            return true;
        };
        extent.to = extent.to.max(extent.covered);
        false
    }
}

impl Session {
    /// The server's times of a chat are others now (spec/wire.md section 7): what is loaded of it goes, but for what was not
    /// accepted yet.
    pub(crate) fn forget_chat(&mut self, chat: &ChatId) {
        self.whole.forget(chat);
        self.change(Change::MessagesBeforeGone { chat: chat.clone(), time: Millis::MAX });
    }

    /// A message arrived: `follows` tells whether the one before it is here.
    pub(crate) fn continue_chat(
        &mut self,
        now: Millis,
        chat: &ChatId,
        time: Millis,
        is_first: bool,
        follows: bool,
    ) {
        if is_first && self.whole.to(chat) == 0 && !self.has_accepted_before(chat, time) {
            self.whole.set_in_step(chat, time);
        } else if self.whole.is_in_step(chat) && follows {
            self.whole.goes_on(chat, time);
        } else {
            self.whole.set_out_of_step(chat);
            self.catch_up(now, chat, PAGE, Urgency::Soon);
        }
    }

    /// A message of ours was accepted; the server may name the one before it.
    pub(crate) fn continue_own(
        &mut self,
        now: Millis,
        chat: &ChatId,
        time: Millis,
        before: Option<&Text>,
    ) {
        let known = self.state.chats.get(chat);
        let is_here = |guid: &Text| {
            known.is_some_and(|chat| transcript::position(&chat.messages, &guid.as_str()).is_some())
        };
        if before.is_none_or(is_here) {
            self.whole.goes_on(chat, time);
        } else if self.whole.to(chat) > 0 {
            self.whole.set_out_of_step(chat);
            self.catch_up(now, chat, PAGE, Urgency::Soon);
        }
    }

    /// Fetches what is missing at the end of a chat, unless that is under way or nothing is.
    pub(crate) fn catch_up(&mut self, now: Millis, chat: &ChatId, limit: u32, urgency: Urgency) {
        let under_way = |purpose: &Purpose| {
            matches!(purpose, Purpose::History(asked)
                if asked.chat == *chat
                    && matches!(asked.reason, HistoryReason::Newest | HistoryReason::Since { .. }))
        };
        if self.whole.is_in_step(chat)
            || !self.can_ask_history(chat)
            || self.requests.outstanding().any(under_way)
        {
            return;
        }
        match self.whole.to(chat) {
            0 => {
                let known = self.state.chats.get(chat).map(|chat| chat.history);
                // an empty one that is asked for again, after a lost connection, shows what it did
                if known != Some(History::Complete) {
                    self.change(Change::History { chat: chat.clone(), history: History::Loading });
                }
                let request = page(chat, 0, Millis::MAX, limit, HistoryReason::Newest);
                self.ask_history(now, request, urgency);
            }
            to => {
                let reason = HistoryReason::Since { pages: 1 };
                self.ask_history(now, page(chat, to + 1, Millis::MAX, PAGE, reason), urgency);
            }
        }
    }

    /// The newest page of a chat of which nothing was known to be whole.
    pub(crate) fn newest_came(
        &mut self,
        now: Millis,
        chat: ChatId,
        first: Option<Millis>,
        is_full: bool,
    ) {
        if let Some(time) = first.filter(|_| is_full) {
            // single messages that had arrived before may stand apart from this page
            self.change(Change::MessagesBeforeGone { chat: chat.clone(), time });
        }
        let history = if is_full { History::More } else { History::Complete };
        self.change(Change::History { chat: chat.clone(), history });
        self.whole.newest_page_came(&chat, 0);
        self.caught_up(now, &chat);
    }

    /// A page of what is missing after the whole part, the newest first.
    pub(crate) fn missing_came(
        &mut self,
        now: Millis,
        chat: ChatId,
        oldest: Millis,
        pages: u32,
        (first, last): (Option<Millis>, Option<Millis>),
        is_full: bool,
    ) {
        if pages == 1 {
            self.whole.newest_page_came(&chat, last.unwrap_or(0));
        }
        match first.filter(|first| is_full && *first > oldest) {
            Some(first) if pages < MOST_PAGES => {
                let reason = HistoryReason::Since { pages: pages + 1 };
                let request = page(&chat, oldest, first - 1, PAGE, reason);
                return self.ask_history(now, request, Urgency::Soon);
            }
            Some(time) => self.change(Change::MessagesBeforeGone { chat: chat.clone(), time }),
            None => {}
        }
        self.caught_up(now, &chat);
    }

    /// Forgets the oldest messages of a chat that has grown long while nobody looks at it: they can be loaded again. Not
    /// before the server knows that they were here, or they would come again as new ones.
    pub(crate) fn forget_oldest(&mut self, chat: &ChatId) {
        let Some(entry) = self.state.chats.get(chat) else { return };
        if entry.messages.len() <= MOST_KEPT
            || self.shown.as_ref() == Some(chat)
            || !self.can_ask_history(chat)
        {
            return;
        }
        let Some(oldest) = transcript::nth_newest(&entry.messages, KEPT - 1) else { return };
        let needs_them = |purpose: &Purpose| {
            matches!(purpose, Purpose::History(asked) if asked.chat == *chat)
                || matches!(purpose, Purpose::Receipt { chat: of, time } if of == chat && *time < oldest)
        };
        if !self.requests.outstanding().any(needs_them) {
            self.change(Change::MessagesBeforeGone { chat: chat.clone(), time: oldest });
        }
    }

    fn caught_up(&mut self, now: Millis, chat: &ChatId) {
        if !self.whole.is_all(chat) {
            return self.catch_up(now, chat, PAGE, Urgency::Soon);
        }
        // what arrived on this connection since the question is in order
        let newest = self.state.chats.get(chat).and_then(|chat| chat.newest());
        self.whole.set_in_step(chat, newest.unwrap_or(0));
    }

    fn has_accepted_before(&self, chat: &ChatId, time: Millis) -> bool {
        let oldest = self.state.chats.get(chat).and_then(|chat| chat.oldest());
        oldest.is_some_and(|oldest| oldest < time)
    }
}

/// A page of a chat's messages; both bounds are inclusive.
pub(crate) fn page(
    chat: &ChatId,
    oldest: Millis,
    latest: Millis,
    limit: u32,
    reason: HistoryReason,
) -> HistoryRequest {
    HistoryRequest { chat: chat.clone(), oldest, latest, limit, reason, found: Vec::new() }
}

//! Requests: numbered when they go out, matched to their answers, given up after a time.
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::BytesMut;
use mig33_codec::packets::Ping;
use mig33_codec::{Encode, Frame};

use crate::action::ActionId;
use crate::pace::Pace;
use crate::state::{ChatId, Contact, LiteMap, Millis, Presence, RoomEntry};

/// Milliseconds that a request waits for its answer, counted anew at each packet of an answer that has several.
pub(crate) const ANSWER_WITHIN: Millis = 20_000;

/// The same, while other things come all the time.
const BEHIND_OTHERS_WITHIN: Millis = 120_000;

/// The highest transaction number; the next one is 1 again (spec/wire.md section 1).
const LAST_TRANSACTION: u16 = 32_767;

/// What a request is for, with what its answer needs.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    KeepAlive,
    Register,
    LogIn,
    Prove,
    Contacts {
        groups: LiteMap<u32, Rc<str>>,
        contacts: LiteMap<u32, Rc<Contact>>,
    },
    ContactRequests {
        found: Vec<Rc<str>>,
    },
    Chats {
        listed: Vec<(Millis, ChatId)>,
    },
    History(HistoryRequest),
    Send {
        chat: ChatId,
        guid: Rc<str>,
        action: Option<ActionId>,
    },
    Directory {
        action: ActionId,
        page: u8,
        found: Vec<RoomEntry>,
    },
    Join {
        chat: ChatId,
        action: Option<ActionId>,
    },
    Create {
        name: String,
        action: ActionId,
    },
    Upload {
        action: ActionId,
    },
    /// Answered by OK or ERROR, with what follows when it was done.
    Do {
        action: ActionId,
        then: Then,
    },
    /// Nobody waits for an answer.
    Tell,
    /// Nor here: how far a chat was read.
    Read {
        chat: ChatId,
    },
    /// Nor here, but until it has gone out the server does not know that a message of this time is here.
    Receipt {
        chat: ChatId,
        time: Millis,
    },
}

/// What follows when a request was done.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    RefreshContacts,
    /// Somebody was asked to become a contact.
    ContactAsked,
    RequestGone(Rc<str>),
    ContactGone(u32),
    Presence(Presence),
    StatusMessage(Rc<str>),
    RoomLeft(ChatId),
}

/// A page of a chat's messages that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct HistoryRequest {
    pub(crate) chat: ChatId,
    /// Both inclusive, in milliseconds since 1970.
    pub(crate) oldest: Millis,
    pub(crate) latest: Millis,
    pub(crate) limit: u32,
    pub(crate) reason: HistoryReason,
    pub(crate) found: Vec<crate::state::Message>,
}

/// Why a page of messages was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HistoryReason {
    /// The person wants to see what came before.
    Older,
    /// Nothing of the chat is known to be whole.
    Newest,
    /// How far our messages got while there was no connection.
    Marks,
    /// What came since the whole part, of which this is the so-manyth page.
    Since {
        /// From 1.
        pages: u32,
    },
}

/// How soon a request goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Log-in and keep-alive: at once, and it does not count.
    AtOnce,
    /// What the person does.
    Soon,
    /// What nobody waits for.
    Later,
}

#[derive(Debug)]
struct Pending {
    purpose: Purpose,
    sent: Millis,
    deadline: Millis,
}

impl Pending {
    fn new(now: Millis, purpose: Purpose) -> Self {
        let deadline = now + ANSWER_WITHIN;
        Self { purpose, sent: now, deadline }
    }

    /// On a slow line an answer may stand behind much that others say: while something comes it may still come, but not
    /// for ever. What a person waits for is not put off so.
    fn wait_behind_what_comes(&mut self, now: Millis, last_heard: Millis) {
        let may_wait = matches!(self.purpose, Purpose::KeepAlive | Purpose::History(_));
        if self.deadline <= now && last_heard > self.sent && may_wait {
            let until = (last_heard + ANSWER_WITHIN).min(self.sent + BEHIND_OTHERS_WITHIN);
            self.deadline = self.deadline.max(until);
        }
    }
}

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct Requests {
    next: u16,
    pending: LiteMap<u16, Pending>,
    soon: VecDeque<(Frame, Purpose)>,
    later: VecDeque<(Frame, Purpose)>,
    pub(crate) pace: Pace,
}

impl Requests {
    pub(crate) fn new() -> Self {
        Self {
            next: 1,
            pending: LiteMap::new(),
            soon: VecDeque::new(),
            later: VecDeque::new(),
            pace: Pace::CAREFUL,
        }
    }

    /// The number that the next request gets.
    pub(crate) fn number_from(&mut self, next: u16) {
        self.next = next;
    }

    /// Puts a request into its queue, or out at once.
    pub(crate) fn add(
        &mut self,
        now: Millis,
        frame: Frame,
        purpose: Purpose,
        urgency: Urgency,
        out: &mut BytesMut,
    ) {
        match urgency {
            Urgency::AtOnce => self.send(now, frame, purpose, out),
            Urgency::Soon => self.soon.push_back((frame, purpose)),
            Urgency::Later => self.later.push_back((frame, purpose)),
        }
    }

    /// Forgets how far a chat was read where that has not gone out: it was read further.
    pub(crate) fn forget_read(&mut self, chat: &ChatId) {
        self.soon
            .retain(|(_, purpose)| !matches!(purpose, Purpose::Read { chat: of } if of == chat));
    }

    /// Sends what the pace allows.
    pub(crate) fn flush(&mut self, now: Millis, out: &mut BytesMut) {
        while !(self.soon.is_empty() && self.later.is_empty()) && self.pace.take(now) {
            let next = self.soon.pop_front().or_else(|| self.later.pop_front());
            let Some((frame, purpose)) = next else { break };
            self.send(now, frame, purpose, out);
        }
    }

    /// Sends a keep-alive whose answer has to come within this many milliseconds.
    pub(crate) fn keep_alive(&mut self, now: Millis, within: Millis, out: &mut BytesMut) {
        let number = self.number();
        let Ok(ping) = Ping::default().encode(number) else { return };
        ping.write_to(out);
        let pending = Pending { deadline: now + within, ..Pending::new(now, Purpose::KeepAlive) };
        self.pending.insert(number, pending);
    }

    /// What a packet with this number answers; it stays until it is taken out.
    pub(crate) fn get(&mut self, now: Millis, transaction: u16) -> Option<&mut Purpose> {
        let pending = self.pending.get_mut(&transaction)?;
        pending.deadline = now + ANSWER_WITHIN;
        Some(&mut pending.purpose)
    }

    /// The number of a request that has gone out and is not answered yet, by what it is for and when it went.
    pub(crate) fn open_since(&self, fits: impl Fn(&Purpose, Millis) -> bool) -> Option<u16> {
        let mut open = self.pending.iter();
        open.find(|(_, pending)| fits(&pending.purpose, pending.sent)).map(|(number, _)| *number)
    }

    /// Takes out the request that was answered in full.
    pub(crate) fn finish(&mut self, transaction: u16) -> Option<Purpose> {
        self.pending.remove(&transaction).map(|pending| pending.purpose)
    }

    /// What has been sent may take until then.
    pub(crate) fn wait_until(&mut self, deadline: Millis) {
        for (_, pending) in self.pending.iter_mut() {
            pending.deadline = deadline;
        }
    }

    /// Takes out what was not answered in time. Nothing at all has come since one of them was sent, or one is a
    /// keep-alive or a step of the log-in: then the connection is dead, whatever the socket says, and `None` comes and
    /// all of it stays.
    pub(crate) fn overdue(&mut self, now: Millis, last_heard: Millis) -> Option<Vec<Purpose>> {
        for (_, pending) in self.pending.iter_mut() {
            pending.wait_behind_what_comes(now, last_heard);
        }
        let mut late = Vec::new();
        for (number, pending) in self.pending.iter().filter(|(_, p)| p.deadline <= now) {
            let is_vital = matches!(
                pending.purpose,
                Purpose::KeepAlive | Purpose::Register | Purpose::LogIn | Purpose::Prove
            );
            if is_vital || last_heard < pending.sent {
                return None;
            }
            late.push(*number);
        }
        Some(late.iter().filter_map(|number| self.finish(*number)).collect())
    }

    /// What was sent counts as sent now: there was a time without a connection.
    pub(crate) fn restart(&mut self, now: Millis) {
        for (_, pending) in self.pending.iter_mut() {
            (pending.sent, pending.deadline) = (now, now + ANSWER_WITHIN);
        }
    }

    /// Everything that was asked for and not answered.
    pub(crate) fn outstanding(&self) -> impl Iterator<Item = &Purpose> {
        let queued = self.soon.iter().chain(&self.later).map(|(_, purpose)| purpose);
        self.pending.values().map(|pending| &pending.purpose).chain(queued)
    }

    /// Ends all of it: what was for something is given back.
    pub(crate) fn drain(&mut self) -> Vec<Purpose> {
        let pending =
            std::mem::take(&mut self.pending).into_iter().map(|(_, pending)| pending.purpose);
        let queued = self.soon.drain(..).chain(self.later.drain(..)).map(|(_, purpose)| purpose);
        pending.chain(queued).collect()
    }

    /// When something is to be done next, `Millis::MAX` where nothing is; `may_send`: what waits in a queue may go out.
    pub(crate) fn next_timeout(&self, may_send: bool) -> Millis {
        let mut next = Millis::MAX;
        for pending in self.pending.values() {
            next = next.min(pending.deadline);
        }
        let waits = !(self.soon.is_empty() && self.later.is_empty());
        if waits && may_send { next.min(self.pace.ready_at()) } else { next }
    }

    fn send(&mut self, now: Millis, mut frame: Frame, purpose: Purpose, out: &mut BytesMut) {
        let number = self.number();
        frame.transaction = number;
        frame.write_to(out);
        if !matches!(purpose, Purpose::Tell | Purpose::Read { .. } | Purpose::Receipt { .. }) {
            self.pending.insert(number, Pending::new(now, purpose));
        }
    }

    /// The next number that no open request has.
    fn number(&mut self) -> u16 {
        loop {
            let number = self.next;
            self.next = if number >= LAST_TRANSACTION { 1 } else { number + 1 };
            if !self.pending.contains_key(&number) {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(requests: &mut Requests) -> u16 {
        let mut out = BytesMut::new();
        requests.keep_alive(0, 5, &mut out);
        u16::from_be_bytes([out[3], out[4]])
    }

    #[test]
    fn numbers_wrap_to_one_and_leave_out_those_still_open() {
        let mut requests = Requests::new();
        requests.number_from(LAST_TRANSACTION);
        assert_eq!(sent(&mut requests), LAST_TRANSACTION);
        assert_eq!(sent(&mut requests), 1);
        requests.number_from(LAST_TRANSACTION);
        assert_eq!(sent(&mut requests), 2);
    }

    #[test]
    fn what_is_late_comes_out_once() {
        let mut requests = Requests::new();
        sent(&mut requests);
        assert_eq!(requests.next_timeout(true), 5);
        assert_eq!(requests.overdue(4, 0).map(|late| late.len()), Some(0));
        assert!(requests.overdue(5, 0).is_none(), "a keep-alive: the connection is dead");
    }

    #[test]
    fn an_answer_may_stand_behind_what_comes_all_the_time() {
        let mut requests = Requests::new();
        sent(&mut requests);
        let mut now = 5;
        while requests.overdue(now, now - 1).is_some() {
            assert!(requests.next_timeout(true) > now, "asked again when it is due");
            now = requests.next_timeout(true);
        }
        assert_eq!(now, BEHIND_OTHERS_WITHIN, "but not for ever");
        let mut requests = Requests::new();
        sent(&mut requests);
        assert!(requests.overdue(100, 99).is_some());
        assert!(requests.overdue(99 + ANSWER_WITHIN, 99).is_none(), "nothing comes any more");
    }
}

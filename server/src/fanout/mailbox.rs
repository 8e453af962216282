//! `Mailbox`: what waits to be written to one session, with a hard bound.
//!
//! Answers and events go into one queue, so a session sees them in the order in which things happened. Events that do not
//! fit within the bound are left out, and what they told is brought once the queue has been written (`left_out.rs`): so
//! nobody's session ends because others talk. What it has asked for does not count: its next request is not read before
//! the answers are written.
//!
//! Private messages come in the order of their places. While a session is brought those that waited for it, the ones
//! that happen are kept, within the same bound, and put in where they belong: each comes once, from the store or from
//! here.
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use mig33_codec::packets::{Packet, SessionTerminated};

use super::event::{Event, Mark, encode};
use super::later::Later;
use super::left_out::{Chat, LeftOut, Missed};
use crate::ids::{RoomId, Seq};

/// How much is handed to the stream at a time.
const CHUNK: usize = 16 << 10;
/// Of what is no message a quarter more than the bound may wait: it is small, and seldom what there is too much of.
const RESERVE: usize = 4;
/// Events that may be held back while one request is answered.
const HELD: usize = 4096;

/// What waits to be written to one session.
#[derive(Debug)]
pub struct Mailbox {
    base_url: Box<str>,
    /// Whether large contents come by address.
    by_address: AtomicBool,
    bound: usize,
    queue: Mutex<Queue>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Item>,
    bytes: usize,
    /// How many of them are events'.
    event_bytes: usize,
    /// Events that wait until the present request is answered.
    held: Option<Vec<Event>>,
    /// While private messages come from the store, oldest first: the ones that have happened meanwhile.
    catching_up: Option<Later>,
    /// Messages up to these have been sent from the store.
    caught_up: Seq,
    rooms_caught_up: Vec<(RoomId, Seq)>,
    /// The last private message that was put in, from wherever it came.
    last: Seq,
    left_out: Option<Box<LeftOut>>,
    ending: Option<Ending>,
}

#[derive(Debug)]
struct Item {
    bytes: Bytes,
    message: Option<Seq>,
    fetched: Vec<Seq>,
    kind: Kind,
}

/// Why something is in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The session has asked for it, or has it coming in batches: as much as it reads.
    Asked,
    /// It happened.
    Event,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It broke the rules for too long.
    Kicked,
    /// Another connection goes on with it.
    TakenOver,
    /// The service stops.
    Shutdown,
    /// It logged out.
    Logout,
    /// Nobody has logged in on it, and somebody new gets its place.
    CrowdedOut,
    /// Its wrong answer cannot be held back: so many are.
    TooManyWrong,
    /// It read nothing, or next to nothing, of what waits for it.
    NotReading,
}

impl Ending {
    /// What the client is told (spec/wire.md section 3); nothing, where it would not read it or has asked for it.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Kicked => Some("kicked"),
            Self::TakenOver => Some("taken over"),
            Self::Shutdown => Some("shutdown"),
            Self::Logout | Self::CrowdedOut | Self::TooManyWrong | Self::NotReading => None,
        }
    }
}

/// Bytes to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Whole packets.
    pub bytes: Bytes,
    /// The last private message among them that waits for this session's user.
    pub message: Option<Seq>,
    /// How many such messages there are.
    pub messages: u32,
    /// Waiting messages that are in it because the session has fetched them.
    pub fetched: Vec<Seq>,
}

impl Mailbox {
    /// A mailbox that holds at most `bound` bytes of events, for a session that sees pictures below `base_url`.
    #[must_use]
    pub fn new(base_url: &str, bound: usize) -> Self {
        Self {
            base_url: base_url.into(),
            by_address: AtomicBool::new(false),
            bound,
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
        }
    }

    /// The mailbox of a seat that is kept for somebody who is not here: what it is told goes nowhere.
    #[must_use]
    pub fn of_nobody() -> Self {
        let queue = Queue { ending: Some(Ending::Shutdown), ..Queue::default() };
        Self { queue: Mutex::new(queue), ..Self::new("", 0) }
    }

    /// What the addresses of pictures start with for this session.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The client takes large contents by address. It does where it has an address to fetch from.
    pub fn send_by_address(&self) {
        self.by_address.store(!self.base_url.is_empty(), Ordering::Relaxed);
    }

    /// Whether large contents come by address.
    #[must_use]
    pub fn is_by_address(&self) -> bool {
        self.by_address.load(Ordering::Relaxed)
    }

    /// Puts in an event, unless the session has it or will get it from the store.
    pub fn tell(&self, event: &Event) {
        let mut queue = self.lock();
        if let Some(held) = &mut queue.held {
            if held.len() < HELD {
                held.push(event.clone());
            } else {
                queue.leave_out(event.mark());
            }
            return;
        }
        queue.tell(event, self);
        drop(queue);
        self.waker.wake();
    }

    /// Puts in the answer to a request (whole packets, or nothing), then the events that were held back for it. `fetched`
    /// are the waiting messages in it.
    pub fn answer(&self, packets: Bytes, fetched: Vec<Seq>) {
        let mut queue = self.lock();
        queue.put(packets, None, fetched, Kind::Asked);
        for event in queue.held.take().unwrap_or_default() {
            queue.tell(&event, self);
        }
        drop(queue);
        self.waker.wake();
    }

    /// Holds events back until the present request is answered.
    pub fn hold(&self) {
        self.lock().held.get_or_insert_default();
    }

    /// Private messages come from the store from now on, oldest first.
    pub fn start_catching_up(&self) {
        self.lock().catching_up.get_or_insert_default();
    }

    /// Puts in a private message that came from the store, behind those before it that the store has no more.
    pub fn catch_up(&self, message: Bytes, seq: Seq) {
        let mut queue = self.lock();
        while let Some((seq, message)) =
            queue.catching_up.as_mut().and_then(|later| later.pop_before(seq))
        {
            queue.put(message, Some(seq), Vec::new(), Kind::Event);
        }
        if let Some(later) = &mut queue.catching_up {
            later.drop_first(seq);
        }
        queue.caught_up = queue.caught_up.max(seq);
        if let Some(left_out) = &mut queue.left_out {
            left_out.has_come_from_store(seq);
        }
        queue.tidy();
        queue.put(message, Some(seq), Vec::new(), Kind::Asked);
        drop(queue);
        self.waker.wake();
    }

    /// The store has no more of them: what has happened meanwhile follows, and then messages come as they happen. Where
    /// there was no room for one meanwhile, [`missed`](Self::missed) says so, and it goes on.
    pub fn stop_catching_up(&self) {
        let mut queue = self.lock();
        if queue.left_out.as_ref().is_some_and(|left_out| left_out.has_waiting()) {
            return;
        }
        let mut later = queue.catching_up.take().unwrap_or_default();
        while let Some((seq, message)) = later.pop() {
            queue.put(message, Some(seq), Vec::new(), Kind::Event);
        }
        drop(queue);
        self.waker.wake();
    }

    /// What the session lacks, to be brought now that everything is written. Where that is no message, events are held
    /// back until it is in, by [`answer`](Self::answer).
    pub fn missed(&self) -> Option<Missed> {
        let mut queue = self.lock();
        let after = queue.last.max(queue.caught_up);
        let missed = queue.left_out.as_mut()?.next(after);
        if matches!(missed, Some(Missed::Contacts | Missed::Members(_))) {
            queue.held.get_or_insert_default();
        }
        queue.tidy();
        missed
    }

    /// Puts in the last message of a chat of which some were left out, or nothing where there is none any more; not where
    /// a later one has been left out meanwhile.
    pub fn bring(&self, chat: Chat, seq: Seq, message: Bytes) {
        let mut queue = self.lock();
        if queue.left_out.as_mut().is_some_and(|left_out| left_out.has_come(chat, seq)) {
            queue.put(message, None, Vec::new(), Kind::Asked);
        }
        queue.tidy();
        drop(queue);
        self.waker.wake();
    }

    /// The room's messages up to this one have been sent from the store.
    pub fn room_caught_up(&self, room: RoomId, seq: Seq) {
        let mut queue = self.lock();
        if let Some(left_out) = &mut queue.left_out {
            left_out.has_come(Chat::Room(room), seq);
        }
        queue.tidy();
        queue.rooms_caught_up.retain(|(other, _)| *other != room);
        queue.rooms_caught_up.push((room, seq));
    }

    /// The session is no longer in the room.
    pub fn room_left(&self, room: RoomId) {
        let mut queue = self.lock();
        queue.rooms_caught_up.retain(|(other, _)| *other != room);
        if let Some(left_out) = &mut queue.left_out {
            left_out.room_left(room);
        }
        queue.tidy();
    }

    /// Ends the session, once what waits is written. The first reason stays, but for a log-out that was under way when the
    /// service was stopped: nobody comes back to that.
    pub fn end(&self, ending: Ending) {
        let mut queue = self.lock();
        match queue.ending {
            None => queue.end(ending),
            Some(Ending::Shutdown) if ending == Ending::Logout => queue.ending = Some(ending),
            Some(_) => {}
        }
        drop(queue);
        self.waker.wake();
    }

    /// The session is gone, and its seat is kept: what it is told goes nowhere. False where it was to end for another
    /// reason than a stop.
    pub fn keep_seat(&self) -> bool {
        let mut queue = self.lock();
        let is_kept = queue.ending.is_none_or(|ending| ending == Ending::Shutdown);
        if is_kept {
            *queue = Queue { ending: Some(Ending::Shutdown), ..Queue::default() };
        }
        is_kept
    }

    /// Why the session ends, if it does.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.lock().ending
    }

    /// How many bytes wait.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// The next bytes to be written.
    #[must_use]
    pub fn take(&self) -> Option<Outgoing> {
        let mut queue = self.lock();
        let Item { bytes: first, mut message, mut fetched, .. } = queue.take()?;
        let fits = |queue: &Queue, taken: usize| {
            queue.waiting.front().is_some_and(|next| taken + next.bytes.len() <= CHUNK)
        };
        let mut messages = u32::from(message.is_some());
        if !fits(&queue, first.len()) {
            return Some(Outgoing { bytes: first, message, messages, fetched });
        }
        let mut bytes = BytesMut::from(&first[..]);
        while fits(&queue, bytes.len())
            && let Some(next) = queue.take()
        {
            bytes.extend_from_slice(&next.bytes);
            messages += u32::from(next.message.is_some());
            message = message.max(next.message);
            fetched.extend(next.fetched);
        }
        Some(Outgoing { bytes: bytes.freeze(), message, messages, fetched })
    }

    /// Ready when there may be something to write or to bring, or the session is to end. For one task.
    pub fn poll_changed(&self, context: &mut Context<'_>) -> Poll<()> {
        self.waker.register(context.waker());
        let queue = self.lock();
        if queue.waiting.is_empty() && queue.left_out.is_none() && queue.ending.is_none() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn tell(&mut self, event: &Event, mailbox: &Mailbox) {
        if self.ending.is_some() {
            return;
        }
        let mark = event.mark();
        let message = match mark {
            Mark::Private { seq, waits: true, .. } if seq <= self.caught_up => return,
            Mark::Private { seq, waits: true, .. } => Some(seq),
            Mark::InRoom(room, seq) => {
                if self.rooms_caught_up.iter().any(|(other, up_to)| *other == room && seq <= *up_to)
                {
                    return;
                }
                None
            }
            Mark::Private { .. }
            | Mark::None
            | Mark::Receipt
            | Mark::Members(_)
            | Mark::Contacts => None,
        };
        // behind a message that was left out, none of the same chat comes before that one is brought
        let follows = |chat| self.left_out.as_ref().is_some_and(|left_out| left_out.has(chat));
        if mark.chat().is_some_and(follows) {
            return self.leave_out(mark);
        }
        let bytes = event.bytes(&mailbox.base_url, mailbox.is_by_address());
        if !self.has_room(bytes.len(), mark, mailbox.bound) {
            self.leave_out(mark);
        } else if let (Some(seq), Some(later)) = (message, &mut self.catching_up) {
            later.push(seq, bytes);
        } else {
            self.put(bytes, message, Vec::new(), Kind::Event);
        }
    }

    /// Whether so many more bytes of events fit. One always does where there are none.
    fn has_room(&self, bytes: usize, mark: Mark, bound: usize) -> bool {
        let later = self.catching_up.as_ref().map_or(0, Later::bytes);
        let waiting = self.event_bytes.saturating_add(later);
        let most = match mark {
            Mark::None | Mark::Private { .. } | Mark::InRoom(..) => bound,
            Mark::Receipt | Mark::Members(_) | Mark::Contacts => {
                bound.saturating_add(bound / RESERVE)
            }
        };
        waiting == 0 || waiting.saturating_add(bytes) <= most
    }

    /// There is no room for an event: remembers what has to be brought in its place.
    fn leave_out(&mut self, mark: Mark) {
        if matches!(mark, Mark::None | Mark::Receipt) || self.ending.is_some() {
            return;
        }
        let left_out = self.left_out.get_or_insert_default();
        match mark {
            Mark::None | Mark::Receipt => {}
            Mark::Private { with, seq, waits } => {
                left_out.message(Chat::Private(with), seq);
                if waits {
                    left_out.waiting();
                    self.catching_up.get_or_insert_default();
                }
            }
            Mark::InRoom(room, seq) => left_out.message(Chat::Room(room), seq),
            Mark::Members(room) => left_out.members(room),
            Mark::Contacts => left_out.contacts(),
        }
    }

    /// A session that lacks nothing keeps nothing.
    fn tidy(&mut self) {
        self.left_out.take_if(|left_out| left_out.is_empty());
    }

    fn put(&mut self, bytes: Bytes, message: Option<Seq>, fetched: Vec<Seq>, kind: Kind) {
        if bytes.is_empty() || self.ending.is_some() {
            return;
        }
        self.bytes += bytes.len();
        self.last = self.last.max(message.unwrap_or_default());
        if kind == Kind::Event {
            self.event_bytes += bytes.len();
        }
        self.waiting.push_back(Item { bytes, message, fetched, kind });
    }

    fn end(&mut self, ending: Ending) {
        if let Some(reason) = ending.reason() {
            let packet =
                SessionTerminated { reason: Some(reason.into()), ..SessionTerminated::default() };
            self.put(encode(&Packet::SessionTerminated(packet), 0), None, Vec::new(), Kind::Asked);
        }
        self.ending = Some(ending);
        self.left_out = None;
    }

    fn take(&mut self) -> Option<Item> {
        let item = self.waiting.pop_front()?;
        self.bytes -= item.bytes.len();
        if item.kind == Kind::Event {
            self.event_bytes -= item.bytes.len();
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new(); // an idle session keeps nothing
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests;

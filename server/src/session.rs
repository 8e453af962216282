//! `Session`: one client's session as a state machine. Bytes and the time come in; requests and the end come out.
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mig33_codec::values::Presence;
use mig33_codec::{Decoder, Frame, FrameError, MAX_PARAMS, MAX_PARAMS_BEFORE_LOGIN};

use mig33_peer::{Bucket, Rate};

use crate::commands;
use crate::fanout::Seat;
use crate::ids::{RoomId, Seq, TokenId};
use crate::limits::Used;
use crate::settings::Limits;
use crate::store::Account;
use crate::written::Written;

/// One client's session. It does no I/O and reads no clock.
#[derive(Debug)]
pub(crate) struct Session {
    /// How far it has come.
    pub(crate) phase: Phase,
    decoder: Decoder,
    limits: Arc<Limits>,
    opened: Instant,
    last_heard: Option<Instant>,
    /// When the first byte came of a packet that is not whole yet.
    packet_since: Option<Instant>,
    /// Since when nothing is read; what the client sends meanwhile is not its fault.
    unread_since: Option<Instant>,
    /// For what it asks before log-in.
    requests: Bucket,
    refused: Bucket,
}

/// How far a session has come.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Connected.
    Open,
    /// Asked for a proof; it is good for one answer.
    Challenged(Box<Challenge>),
    /// Logged in.
    Member(Box<Member>),
}

/// A proof that was asked for.
#[derive(Debug)]
pub(crate) struct Challenge {
    /// What the password is hashed with.
    pub(crate) text: String,
    /// The name that was given, in lower case.
    pub(crate) name_key: String,
    /// The account of that name. The answer must not tell whether there is one.
    pub(crate) account: Option<Account>,
    /// The id that the client was told for the session.
    pub(crate) public_id: Arc<str>,
    /// What else LOGIN_1 said.
    pub(crate) wish: Wish,
}

/// What a client wants beside logging in.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// What to show.
    pub(crate) presence: Presence,
    /// The session to go on with.
    pub(crate) take_over: Option<String>,
    /// Whether it asks for a stay-logged-in token.
    pub(crate) token: bool,
    /// Whether it takes large contents by address.
    pub(crate) by_address: bool,
}

/// Who is logged in, and what this session has seen.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its place among the others.
    pub(crate) seat: Seat,
    /// The rooms that it is in.
    pub(crate) rooms: Vec<(RoomId, Arc<str>)>,
    /// The tokens that end with it at LOGOUT.
    pub(crate) tokens: Vec<TokenId>,
    /// Where it stands in the messages that waited for it; none once it has them all.
    pub(crate) backlog: Option<Seq>,
    /// The private messages that were written to it, where it does not say itself what it has.
    pub(crate) written: Written,
    /// Whether the client says itself what it has received.
    pub(crate) receipts: bool,
    /// What the client has said it received and is not stored yet: the sender's name in lower case, and the guid.
    pub(crate) received: Vec<(String, String)>,
    /// What its account may ask, with all its sessions.
    pub(crate) used: Arc<Used>,
    /// Status events that the messages it was sent have earned it, free of charge.
    pub(crate) free_events: u32,
}

/// What a client wants now.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// To have this done.
    Request(Frame),
    /// More than it may have in this time: it is to wait so long.
    TooMany(Frame, Duration),
    /// It goes on and on with that: the session is to end.
    FarTooMany,
}

/// The time that a session had is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Overdue {
    /// Nothing was heard of it for three keep-alive periods.
    Silent,
    /// Its first packet did not come.
    FirstPacket,
    /// A packet was begun and not ended.
    Packet,
    /// It did not log in.
    Login,
}

impl Session {
    pub(crate) fn new(limits: Arc<Limits>, now: Instant) -> Self {
        let second = Duration::from_secs(1);
        let requests = Rate::new(limits.request_burst, limits.requests_per_s, second);
        let refused = Rate::new(limits.refused_requests, limits.refused_requests, 60 * second);
        Self {
            phase: Phase::Open,
            decoder: Decoder::new(),
            limits,
            opened: now,
            last_heard: None,
            packet_since: None,
            unread_since: None,
            requests: Bucket::new(requests, now),
            refused: Bucket::new(refused, now),
        }
    }

    /// Says whether bytes are read from now on. Time in which they are not does not count for the limits on silence and
    /// on a packet that does not end.
    pub(crate) fn set_reading(&mut self, now: Instant, reads: bool) {
        if !reads {
            self.unread_since.get_or_insert(now);
        } else if let Some(unread_since) = self.unread_since.take() {
            for since in [&mut self.last_heard, &mut self.packet_since].into_iter().flatten() {
                *since += now.saturating_duration_since((*since).max(unread_since));
            }
        }
    }

    /// Takes the bytes that came.
    pub(crate) fn handle_bytes(&mut self, now: Instant, bytes: Bytes) {
        self.packet_since.get_or_insert(now);
        self.decoder.push(bytes);
    }

    /// The next whole packet, unless more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError`] when the bytes are no packet: the connection is of no use any more.
    pub(crate) fn next(&mut self, now: Instant) -> Result<Option<Incoming>, FrameError> {
        self.decoder.set_max_params(if self.is_member() {
            MAX_PARAMS
        } else {
            MAX_PARAMS_BEFORE_LOGIN
        });
        let Some(frame) = self.decoder.next_frame()? else {
            if self.decoder.buffered() == 0 {
                self.packet_since = None;
            }
            return Ok(None);
        };
        self.last_heard = Some(now);
        self.packet_since = Some(now);
        let cost = commands::cost(&frame, &mut self.phase);
        let allowed = match &self.phase {
            Phase::Open | Phase::Challenged(_) => self.requests.take(cost, now),
            Phase::Member(member) => member.used.request(cost, frame.wire_len(), now),
        };
        let Err(wait) = allowed else { return Ok(Some(Incoming::Request(frame))) };
        Ok(Some(match self.refused.take(1, now) {
            Ok(()) => Incoming::TooMany(frame, wait),
            Err(_) => Incoming::FarTooMany,
        }))
    }

    /// Whether somebody is logged in.
    pub(crate) const fn is_member(&self) -> bool {
        matches!(self.phase, Phase::Member(_))
    }

    /// Bytes that have come and are no whole packet yet.
    pub(crate) fn buffered(&self) -> usize {
        self.decoder.buffered()
    }

    /// The stream has ended: whether it did so between two packets.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] when it did not.
    pub(crate) fn finish(&self) -> Result<(), FrameError> {
        self.decoder.finish()
    }

    /// When [`overdue`](Self::overdue) has to be asked next; never, while no limit counts.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines().map(|(at, _)| at).min()
    }

    /// What this session's time is over for.
    pub(crate) fn overdue(&self, now: Instant) -> Option<Overdue> {
        self.deadlines()
            .filter(|(at, _)| *at <= now)
            .min_by_key(|(at, _)| *at)
            .map(|(_, what)| what)
    }

    fn deadlines(&self) -> impl Iterator<Item = (Instant, Overdue)> {
        let after = |from: Instant, seconds: u64| from + Duration::from_secs(seconds);
        let reads = self.unread_since.is_none();
        let heard = match self.last_heard {
            Some(heard) => reads.then(|| (after(heard, self.limits.silence_s), Overdue::Silent)),
            None => Some((after(self.opened, self.limits.first_packet_s), Overdue::FirstPacket)),
        };
        let packet = self
            .packet_since
            .filter(|_| reads)
            .map(|since| (after(since, self.limits.packet_s), Overdue::Packet));
        let login = (!matches!(self.phase, Phase::Member(_)))
            .then(|| (after(self.opened, self.limits.login_s), Overdue::Login));
        [heard, packet, login].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use mig33_codec::Encode;
    use mig33_codec::packets::Ping;

    use super::*;

    fn ping() -> Bytes {
        let mut out = bytes::BytesMut::new();
        Ping::default().encode_into(1, &mut out).unwrap();
        out.freeze()
    }

    fn session(now: Instant) -> Session {
        Session::new(Arc::new(Limits::default()), now)
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_silent_session_ends_after_three_periods_and_a_heard_one_does_not() {
        let start = Instant::now();
        let mut session = session(start);
        session.limits = Arc::new(Limits { login_s: 10_000, ..Limits::default() });
        for n in 1..=20 {
            let now = start + seconds(60 * n);
            assert_eq!(session.overdue(now - seconds(1)), None);
            session.handle_bytes(now, ping());
            assert!(matches!(session.next(now), Ok(Some(Incoming::Request(_)))));
            assert!(matches!(session.next(now), Ok(None)));
        }
        let last = start + seconds(1200);
        assert_eq!(session.deadline(), Some(last + seconds(180)));
        assert_eq!(session.overdue(last + seconds(179)), None);
        assert_eq!(session.overdue(last + seconds(180)), Some(Overdue::Silent));
    }

    #[test]
    fn a_packet_has_to_begin_and_to_end() {
        let start = Instant::now();
        let mut session = session(start);
        assert_eq!(session.overdue(start + seconds(90)), Some(Overdue::FirstPacket));
        session.handle_bytes(start + seconds(80), ping());
        assert!(session.next(start + seconds(80)).unwrap().is_some());
        assert!(session.next(start + seconds(80)).unwrap().is_none());
        // one byte at a time does not buy time
        for n in 0..8 {
            let now = start + seconds(81 + n);
            session.handle_bytes(now, ping().slice(n as usize..=n as usize));
            assert!(session.next(now).unwrap().is_none());
        }
        assert_eq!(session.overdue(start + seconds(200)), None);
        assert_eq!(session.overdue(start + seconds(201)), Some(Overdue::Packet));
    }

    #[test]
    fn time_in_which_nobody_reads_does_not_count() {
        let start = Instant::now();
        let mut session = session(start);
        session.limits = Arc::new(Limits { login_s: 10_000, ..Limits::default() });
        session.handle_bytes(start, ping());
        assert!(session.next(start).unwrap().is_some());
        assert!(session.next(start).unwrap().is_none());
        // the beginning of a packet has come, and its end is not read for ten minutes
        session.handle_bytes(start + seconds(10), ping().slice(..3));
        assert!(session.next(start + seconds(10)).unwrap().is_none());
        session.set_reading(start + seconds(20), false);
        session.set_reading(start + seconds(30), false);
        assert_eq!(session.overdue(start + seconds(600)), None);
        assert!(session.deadline() > Some(start + seconds(600)), "no timer is needed for it");
        session.set_reading(start + seconds(620), true);
        assert_eq!(session.overdue(start + seconds(729)), None);
        assert_eq!(session.overdue(start + seconds(730)), Some(Overdue::Packet));
        session.handle_bytes(start + seconds(700), ping().slice(3..));
        assert!(session.next(start + seconds(700)).unwrap().is_some());
        assert!(session.next(start + seconds(700)).unwrap().is_none());
        // what was heard meanwhile counts from then
        session.set_reading(start + seconds(690), false);
        session.set_reading(start + seconds(710), true);
        assert_eq!(session.overdue(start + seconds(889)), None);
        assert_eq!(session.overdue(start + seconds(890)), Some(Overdue::Silent));
    }

    #[test]
    fn keep_alive_is_not_enough_without_a_log_in() {
        let start = Instant::now();
        let mut session = session(start);
        let mut now = start;
        while session.overdue(now).is_none() {
            session.handle_bytes(now, ping());
            assert!(session.next(now).unwrap().is_some());
            assert!(session.next(now).unwrap().is_none());
            now += seconds(60);
        }
        assert_eq!(session.overdue(now), Some(Overdue::Login));
    }

    #[test]
    fn too_many_requests_are_refused_and_far_too_many_end_it() {
        let start = Instant::now();
        let mut session = session(start);
        session.requests = Bucket::new(Rate::new(3, 1, seconds(1)), start);
        session.refused = Bucket::new(Rate::new(2, 2, seconds(60)), start);
        for _ in 0..7 {
            session.handle_bytes(start, ping());
        }
        let mut seen = Vec::new();
        while let Some(incoming) = session.next(start).unwrap() {
            seen.push(match incoming {
                Incoming::Request(_) => 0,
                Incoming::TooMany(_, wait) => wait.as_millis(),
                Incoming::FarTooMany => u128::MAX,
            });
        }
        assert_eq!(seen, [0, 0, 0, 1000, 1000, u128::MAX, u128::MAX]);
    }
}

//! `Guard`: counts wrong answers, and says how long a wrong answer is held back.
//!
//! A hash of 32 bits is little, and so are most passwords: guessing has to be slow. But whoever can make the service
//! refuse an answer can lock out its owner, since behind a proxy, a firm's or a phone network's gateway a guesser and
//! the owner have one address. So (spec/wire.md section 3):
//!
//! - **Every answer is looked at, at once, and a right one lets in at once.** What others got wrong costs the owner
//!   nothing. That is no help to who guesses: only a right answer is quick.
//! - **The ERROR for a wrong one is held back**, and its connection with it, until the client hangs up. Wrong
//!   answers that come side by side are in line one behind the other, so more connections make hardly more guesses, and
//!   so does hanging up: an answer stays in line for its time. The line is as long as the time that a connection has for
//!   its log-in (10 minutes): it holds none for longer than it could have stayed by itself.
//! - They count for the account from that address, for the address and the networks around it, and for the account from
//!   everywhere. The last one alone holds back for a minute at most; and neither it nor the networks count where the
//!   owner has logged in from before, so the owner's own mistakes there stay cheap. Loopback is everybody's address and
//!   never such a place.
//! - At most a quarter of the connections are held. Once so many are, a refusal is told without its pause, and its
//!   connection ends: a flood of guesses does not fill the service, nor does it keep anybody's answer from being looked
//!   at.
//! - What bounds the guesses of one network is how many of its answers may be in line: as many as it may have
//!   connections. Over that, an answer from there is not looked at, unless the owner has been there. For who has no address
//!   it is a quarter of all connections, for each account.
//!
//! What is left, after a few free ones: 120 guesses an hour at an account in turn, and side by side 600 an hour from one
//! address, since an answer is in line for 10 minutes then and an address may have 100.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mig33_peer::{Crowd, Prefix, prefixes};

use crate::settings::Limits;

/// How long a wrong answer counts.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);
/// The longest pause that wrong answers from elsewhere can cause.
const FROM_ELSEWHERE: Duration = Duration::from_secs(60);
/// How many times more wrong answers are free for a whole address, or for an account from everywhere.
const SHARED: u32 = 10;
/// Entries from which on old ones are looked for, and how many there may be.
const MANY: usize = 10_000;
const MOST: usize = 10 * MANY;
/// Answers of one address that may be in line where its connections have no limit.
const IN_LINE: u32 = 100;

/// Counts wrong answers.
#[derive(Debug)]
pub(crate) struct Guard {
    free: u32,
    /// The longest that one wrong answer is held for itself.
    longest: Duration,
    /// The longest that it is held with those before it.
    in_line: Duration,
    /// How many connections are held at once.
    max_held: usize,
    /// How many answers from one address may be in line.
    max_per_address: u32,
    held: AtomicUsize,
    state: Mutex<State>,
}

/// A place that an answer comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The address.
    pub(crate) peer: Option<IpAddr>,
    /// Whether the account's owner has logged in from there before.
    pub(crate) is_known: bool,
}

/// A connection that is held, for as long as this lives.
#[derive(Debug)]
pub(crate) struct HeldBack<'a>(&'a AtomicUsize);

#[derive(Debug, Default)]
struct State {
    tallies: HashMap<Key, Tally>,
    /// When each answer's time is over, the next one first, and where it came from.
    line: BinaryHeap<Reverse<(Instant, Origin)>>,
    /// How many of them are from each network.
    networks: Crowd,
    /// How many of them are from nowhere, for each account.
    nowhere: HashMap<String, usize>,
    /// With how many entries the tallies are looked through again: twice what was left, so that it costs little each.
    look_at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Address(IpAddr),
    /// No address that says anything; the account that was guessed at.
    Nowhere(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    AccountAt(String, Option<Prefix>),
    Network(Prefix),
    Account(String),
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    wrong: u32,
    last: Instant,
    /// When the last of those that are in line is told.
    held_until: Instant,
}

impl Guard {
    pub(crate) fn new(limits: &Limits) -> Self {
        let per_address = limits.connections_per_address;
        Self {
            free: limits.free_wrong_answers,
            longest: Duration::from_secs(limits.wrong_answer_pause_s),
            in_line: Duration::from_secs(limits.login_s),
            max_held: (limits.connections / 4).max(1),
            max_per_address: if per_address == 0 { IN_LINE } else { per_address },
            held: AtomicUsize::new(0),
            state: Mutex::default(),
        }
    }

    /// Whether an answer may be looked at: not while too many from there are in line, unless the owner has been there.
    pub(crate) fn may_answer(&self, account: &str, place: Place, now: Instant) -> bool {
        let mut state = self.lock();
        state.pass(now);
        place.is_known
            || match origin(account, place.peer) {
                Origin::Address(ip) => state.networks.full(ip, self.max_per_address).is_none(),
                Origin::Nowhere(account) => {
                    state.nowhere.get(&account).copied().unwrap_or_default() < self.max_held
                }
            }
    }

    /// Counts a wrong answer: how long to wait before saying so.
    pub(crate) fn wrong(&self, account: &str, place: Place, now: Instant) -> Duration {
        let mut state = self.lock();
        state.forget(now);
        state.pass(now);
        let mut pause = Duration::ZERO;
        for (key, free, in_line) in self.keys(account, place) {
            let tally = state.tallies.entry(key).or_insert(Tally::new(now));
            if now.saturating_duration_since(tally.last) > REMEMBERED {
                tally.wrong = 0;
            }
            tally.wrong = tally.wrong.saturating_add(1);
            tally.last = now;
            let over = tally.wrong.saturating_sub(free);
            let own = match over.checked_sub(1) {
                None => Duration::ZERO,
                Some(doublings) => Duration::from_secs(1 << doublings.min(16)).min(self.longest),
            };
            if own.is_zero() {
                continue;
            }
            tally.held_until = (tally.held_until.max(now) + own).min(now + in_line);
            pause = pause.max(tally.held_until - now);
        }
        if !pause.is_zero() {
            state.stand_in_line(now + pause, origin(account, place.peer));
        }
        pause
    }

    /// Holds a connection back, unless so many are held that this one has to end.
    pub(crate) fn hold(&self) -> Option<HeldBack<'_>> {
        let more = |held: usize| (held < self.max_held).then_some(held + 1);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(HeldBack(&self.held))
    }

    /// The right answer was given: the account's count from this address starts anew. What is in line stays there.
    pub(crate) fn right(&self, account: &str, peer: Option<IpAddr>) {
        let key = Key::AccountAt(account.to_owned(), peer.and_then(Prefix::of));
        if let Some(tally) = self.lock().tallies.get_mut(&key) {
            tally.wrong = 0;
        }
    }

    /// What a wrong answer counts for: how many are free, and how long the longest line is.
    fn keys(&self, account: &str, place: Place) -> Vec<(Key, u32, Duration)> {
        let here = Key::AccountAt(account.to_owned(), place.peer.and_then(Prefix::of));
        let mut keys = vec![(here, self.free, self.in_line)];
        if !place.is_known {
            let shared = self.free.saturating_mul(SHARED);
            let networks = place.peer.into_iter().flat_map(prefixes);
            keys.extend(networks.map(|(network, factor)| {
                (Key::Network(network), shared.saturating_mul(factor), self.in_line)
            }));
            let anywhere = Key::Account(account.to_owned());
            keys.push((anywhere, shared, self.in_line.min(FROM_ELSEWHERE)));
        }
        keys
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn origin(account: &str, peer: Option<IpAddr>) -> Origin {
    match peer.filter(|ip| Prefix::of(*ip).is_some()) {
        Some(ip) => Origin::Address(ip),
        None => Origin::Nowhere(account.to_owned()),
    }
}

impl Tally {
    const fn new(now: Instant) -> Self {
        Self { wrong: 0, last: now, held_until: now }
    }
}

impl State {
    /// One more in line. Where the line is as long as it may be, what bounds it are the pauses alone.
    fn stand_in_line(&mut self, until: Instant, origin: Origin) {
        if self.line.len() >= MOST {
            return;
        }
        match &origin {
            Origin::Address(ip) => {
                let _ = self.networks.enter(*ip, 0); // without a limit: it cannot be full
            }
            Origin::Nowhere(account) => *self.nowhere.entry(account.clone()).or_default() += 1,
        }
        self.line.push(Reverse((until, origin)));
    }

    /// Those whose time is over are in line no more.
    fn pass(&mut self, now: Instant) {
        while self.line.peek().is_some_and(|Reverse((until, _))| *until <= now)
            && let Some(Reverse((_, origin))) = self.line.pop()
        {
            match origin {
                Origin::Address(ip) => self.networks.leave(ip),
                Origin::Nowhere(account) => {
                    if let Some(count) = self.nowhere.get_mut(&account) {
                        *count -= 1;
                        if *count == 0 {
                            self.nowhere.remove(&account);
                        }
                    }
                }
            }
        }
    }

    /// Keeps the memory bounded: what is old goes first, then what holds nobody back, then everything. So inventing
    /// names does not make it forget a guesser.
    fn forget(&mut self, now: Instant) {
        if self.tallies.len() >= self.look_at.max(MANY) {
            self.tallies.retain(|_, tally| now.saturating_duration_since(tally.last) < REMEMBERED);
            if self.tallies.len() > MOST / 2 {
                self.tallies.retain(|_, tally| tally.held_until > now);
            }
            if self.tallies.len() > MOST / 2 {
                self.tallies.clear();
            }
            self.look_at = 2 * self.tallies.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new(&Limits { free_wrong_answers: 2, ..Limits::default() })
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Where the owner has not been.
    fn new(peer: Option<IpAddr>) -> Place {
        Place { peer, is_known: false }
    }

    fn known(peer: Option<IpAddr>) -> Place {
        Place { peer, is_known: true }
    }

    /// The pauses of wrong answers that come all at once.
    fn at_once(guard: &Guard, account: &str, place: Place, now: Instant, count: usize) -> Vec<u64> {
        (0..count).map(|_| guard.wrong(account, place, now).as_secs()).collect()
    }

    /// The pauses of wrong answers that come one after the other, each when the one before has been told.
    fn in_turn(
        guard: &Guard,
        account: &str,
        place: Place,
        now: &mut Instant,
        count: usize,
    ) -> Vec<u64> {
        let one = |_| {
            let pause = guard.wrong(account, place, *now);
            *now += pause;
            pause.as_secs()
        };
        (0..count).map(one).collect()
    }

    const HOME: &str = "192.0.2.1";

    #[test]
    fn wrong_answers_are_answered_ever_more_slowly() {
        let (guard, mut now) = (guard(), Instant::now());
        let pauses = in_turn(&guard, "bob", new(address(HOME)), &mut now, 9);
        assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(in_turn(&guard, "bob", new(address("192.0.2.2")), &mut now, 1), [0]);
        now += REMEMBERED + Duration::from_secs(1);
        assert_eq!(in_turn(&guard, "bob", new(address(HOME)), &mut now, 1), [0]);
    }

    #[test]
    fn more_connections_make_hardly_more_guesses() {
        for peer in [None, address("127.0.0.1"), address(HOME)] {
            let (guard, now) = (guard(), Instant::now());
            let pauses = at_once(&guard, "bob", new(peer), now, 8);
            assert_eq!(pauses, [0, 0, 1, 3, 7, 15, 31, 61], "one behind the other");
            // a hundred connections, each used again as soon as it is free: guesses in six hours
            let mut free: Vec<Instant> = vec![now; 100];
            let mut guesses = 0;
            while let Some(at) = free.iter_mut().min()
                && *at < now + Duration::from_secs(6 * 60 * 60)
            {
                *at += guard.wrong("bob", new(peer), *at).max(Duration::from_millis(100));
                guesses += 1;
            }
            assert!(guesses <= 100 + 6 * 620, "{guesses}");
        }
    }

    #[test]
    fn a_flood_of_guesses_keeps_nobodys_answer_from_being_looked_at() {
        let limits = Limits { free_wrong_answers: 2, connections: 40, ..Limits::default() };
        let (guard, start) = (Guard::new(&limits), Instant::now());
        let held: Vec<_> = (0..12).map_while(|_| guard.hold()).collect();
        assert_eq!(held.len(), 10, "a quarter of the connections");
        for n in 0..200 {
            let stranger = new(address(&format!("198.51.{n}.1")));
            assert!(guard.may_answer("bob", stranger, start));
            at_once(&guard, "bob", stranger, start, 3);
        }
        assert!(guard.may_answer("bob", new(address(HOME)), start));
        drop(held);
        assert!(guard.hold().is_some());
    }

    #[test]
    fn a_network_has_so_many_answers_in_line_as_connections() {
        let guard = guard();
        let start = Instant::now();
        let from = |n: u32| new(address(&format!("2001:db8:0:{n:x}::1")));
        let looked_at = |n: u32| {
            let may = guard.may_answer("bob", from(n), start);
            if may {
                guard.wrong("bob", from(n), start);
            }
            may
        };
        // two of them are free
        assert_eq!((0..1000).filter(|_| looked_at(0)).count(), 102);
        let more = (0..40_000).filter(|n| looked_at(n % 256)).count();
        assert!(more < 300 + 2 * 256, "four times as many from all of a /56: {more}");
        assert!(!guard.may_answer("alice", from(1), start), "whomever it asks for");
        assert!(guard.may_answer("bob", known(from(1).peer), start), "the owner has been there");
        assert!(guard.may_answer("bob", new(address(HOME)), start), "another is not concerned");
        let later = start + Duration::from_secs(601);
        assert!(guard.may_answer("bob", from(1), later), "their time is over");
        assert!(guard.lock().networks.is_empty());
    }

    #[test]
    fn behind_a_proxy_that_names_nobody_one_account_is_not_looked_at_after_a_flood() {
        let limits = Limits { free_wrong_answers: 2, connections: 40, ..Limits::default() };
        let (guard, start) = (Guard::new(&limits), Instant::now());
        at_once(&guard, "bob", new(None), start, 12);
        assert!(!guard.may_answer("bob", new(None), start));
        assert!(guard.may_answer("alice", new(None), start));
        assert!(guard.may_answer("bob", new(address(HOME)), start));
        assert!(guard.may_answer("bob", new(None), start + Duration::from_secs(2)), "one was told");
    }

    #[test]
    fn an_address_that_tries_many_accounts_is_slowed_down() {
        let (guard, now) = (guard(), Instant::now());
        for n in 0..20 {
            assert_eq!(guard.wrong(&format!("user{n}"), new(address(HOME)), now), Duration::ZERO);
        }
        assert!(!guard.wrong("other", new(address(HOME)), now).is_zero());
        assert!(guard.wrong("yet-another", new(None), now).is_zero());
    }

    #[test]
    fn the_owners_own_mistakes_stay_cheap_where_the_owner_has_been() {
        let (guard, now) = (guard(), Instant::now());
        guard.right("bob", address(HOME));
        for n in 0..200 {
            let stranger = address(&format!("198.51.100.{n}"));
            assert!(guard.wrong("bob", new(stranger), now) <= FROM_ELSEWHERE);
            guard.wrong(&format!("user{n}"), new(address(HOME)), now);
        }
        assert!(guard.wrong("bob", new(address("203.0.113.1")), now) > Duration::from_secs(10));
        assert_eq!(at_once(&guard, "bob", known(address(HOME)), now, 3), [0, 0, 1]);
    }

    #[test]
    fn a_proxy_is_no_place_where_the_owner_has_been() {
        let (guard, mut now) = (guard(), Instant::now());
        for _ in 0..20 {
            guard.right("bob", None);
            in_turn(&guard, "bob", new(None), &mut now, 1);
        }
        guard.right("bob", None);
        assert_eq!(
            in_turn(&guard, "bob", new(None), &mut now, 1),
            [1],
            "it counts as one from anywhere"
        );
    }

    #[test]
    fn the_right_answer_clears_the_count_and_not_the_line() {
        let (guard, now) = (guard(), Instant::now());
        at_once(&guard, "bob", new(None), now, 2);
        guard.right("bob", None);
        assert_eq!(at_once(&guard, "bob", new(None), now, 4), [0, 0, 1, 3]);
        guard.right("bob", None);
        assert_eq!(at_once(&guard, "bob", new(None), now, 3), [0, 0, 4]);
    }

    #[test]
    fn invented_names_do_not_make_it_forget_a_guesser() {
        let (guard, now) = (guard(), Instant::now());
        at_once(&guard, "bob", new(None), now, 10);
        for n in 0..2 * MOST {
            guard.wrong(&format!("user{n}"), new(None), now);
        }
        assert!(guard.wrong("bob", new(None), now) > Duration::from_secs(30));
        assert!(guard.lock().tallies.len() <= MOST);
    }
}

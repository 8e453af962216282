//! `Guard`: counts wrong answers and registrations, and says how long a wrong answer is held back.
//!
//! A hash of 32 bits is little, and so are most passwords: guessing has to be slow. But whoever can make the service
//! refuse an answer can lock out its owner, since behind a proxy, a firm's or a phone network's gateway a guesser and
//! the owner have one address. So (spec/wire.md section 3):
//!
//! - **Every answer is looked at, at once, and a right one lets in at once.** What others got wrong costs the owner
//!   nothing. That is no help to who guesses: only a right answer is quick.
//! - **The ERROR for a wrong one is held back**, and its connection with it, also when the client has hung up. Wrong
//!   answers that come side by side are held one behind the other, so more connections make hardly more guesses. The
//!   line is as long as the time that a connection has for its log-in (10 minutes): it holds none for longer than it
//!   could have stayed by itself.
//! - They count for the account from that address, for the address, and for the account from everywhere. The last one
//!   alone holds back for a minute at most; and neither it nor the address counts where the owner has logged in from
//!   before, so the owner's own mistakes there stay cheap. Loopback is everybody's address and never such a place.
//!
//! - At most a quarter of the connections are held. Once so many are, an answer from where the owner has not been is not
//!   looked at, so that a flood of guesses neither fills the service nor learns anything. Tokens go on working.
//!
//! What is left, after a few free ones: 120 guesses an hour at an account, with one connection or with 20, and 6 an hour
//! for each connection more, since each is held for 10 minutes then. An address may have 100 connections: 600 an hour.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::session::Bucket;
use crate::settings::{AddressKey, Limits};

/// How long a wrong answer counts.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);
/// The longest pause that wrong answers from elsewhere can cause.
const FROM_ELSEWHERE: Duration = Duration::from_secs(60);
/// What registrations are counted in.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How many times more wrong answers are free for a whole address, or for an account from everywhere.
const SHARED: u32 = 10;
/// Entries from which on old ones are looked for, and how many there may be.
const MANY: usize = 10_000;
const MOST: usize = 10 * MANY;

/// Counts wrong answers and registrations.
#[derive(Debug)]
pub(crate) struct Guard {
    free: u32,
    /// The longest that one wrong answer is held for itself.
    longest: Duration,
    /// The longest that it is held with those before it.
    in_line: Duration,
    /// How many connections are held at once.
    most_held: usize,
    registrations: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tallies: HashMap<Key, Tally>,
    registrations: HashMap<AddressKey, Bucket>,
    /// When each connection that is held is told, the next one first.
    held: BinaryHeap<Reverse<Instant>>,
    /// With how many entries each of them is looked through again: twice what was left, so that it costs little each.
    look_at: (usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    AccountAt(String, Option<AddressKey>),
    Address(AddressKey),
    Account(String),
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    wrong: u32,
    /// The owner has been here.
    known: bool,
    last: Instant,
    /// When the last of those that are held back is told.
    held_until: Instant,
}

impl Guard {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            free: limits.free_wrong_answers,
            longest: Duration::from_secs(limits.wrong_answer_pause_s),
            in_line: Duration::from_secs(limits.login_s),
            most_held: limits.connections / 4,
            registrations: limits.registrations_per_hour,
            state: Mutex::default(),
        }
    }

    /// Whether an answer may be looked at: not while too many connections are held, unless the owner has been here.
    pub(crate) fn may_answer(&self, account: &str, peer: Option<IpAddr>, now: Instant) -> bool {
        let mut state = self.lock();
        while state.held.peek().is_some_and(|Reverse(until)| *until <= now) {
            state.held.pop();
        }
        let here = Key::AccountAt(account.to_owned(), AddressKey::of(peer));
        state.held.len() < self.most_held
            || state.tallies.get(&here).is_some_and(|tally| tally.known)
    }

    /// Counts a wrong answer: how long to wait before saying so.
    pub(crate) fn wrong(&self, account: &str, peer: Option<IpAddr>, now: Instant) -> Duration {
        let mut state = self.lock();
        state.forget(now);
        let keys: Vec<_> = self.keys(&state, account, peer).collect();
        let mut pause = Duration::ZERO;
        for (key, free, in_line) in keys {
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
            state.held.push(Reverse(now + pause));
        }
        pause
    }

    /// The right answer was given: the account's count from this address starts anew. What is held stays in line.
    pub(crate) fn right(&self, account: &str, peer: Option<IpAddr>, now: Instant) {
        let mut state = self.lock();
        state.forget(now);
        let address = AddressKey::of(peer);
        let key = Key::AccountAt(account.to_owned(), address);
        let tally = state.tallies.entry(key).or_insert(Tally::new(now));
        *tally = Tally { wrong: 0, known: address.is_some(), last: now, ..*tally };
    }

    /// Counts a registration; when there were too many from this address, how long to wait.
    pub(crate) fn register(&self, peer: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let Some(address) = AddressKey::of(peer) else { return Ok(()) };
        let mut state = self.lock();
        state.forget(now);
        let full = || Bucket::new(self.registrations, self.registrations, HOUR, now);
        state.registrations.entry(address).or_insert_with(full).take(1, now)
    }

    /// What a wrong answer counts for: how many are free, and how long the longest line is.
    fn keys(
        &self,
        state: &State,
        account: &str,
        peer: Option<IpAddr>,
    ) -> impl Iterator<Item = (Key, u32, Duration)> + use<> {
        let address = AddressKey::of(peer);
        let here = Key::AccountAt(account.to_owned(), address);
        let known = state.tallies.get(&here).is_some_and(|tally| tally.known);
        let shared = self.free.saturating_mul(SHARED);
        let at_address = address.map(|address| (Key::Address(address), shared, self.in_line));
        let anywhere = (Key::Account(account.to_owned()), shared, self.in_line.min(FROM_ELSEWHERE));
        [
            Some((here, self.free, self.in_line)),
            at_address.filter(|_| !known),
            Some(anywhere).filter(|_| !known),
        ]
        .into_iter()
        .flatten()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    const fn new(now: Instant) -> Self {
        Self { wrong: 0, known: false, last: now, held_until: now }
    }
}

impl State {
    /// Keeps the memory bounded: what is old goes first, then what holds nobody back, then everything. So inventing
    /// names does not make it forget a guesser.
    fn forget(&mut self, now: Instant) {
        if self.tallies.len() >= self.look_at.0.max(MANY) {
            self.tallies.retain(|_, tally| now.saturating_duration_since(tally.last) < REMEMBERED);
            if self.tallies.len() > MOST / 2 {
                self.tallies.retain(|_, tally| tally.held_until > now);
            }
            if self.tallies.len() > MOST / 2 {
                self.tallies.clear();
            }
            self.look_at.0 = 2 * self.tallies.len();
        }
        if self.registrations.len() >= self.look_at.1.max(MANY) {
            self.registrations.retain(|_, bucket| !bucket.is_full(now));
            self.look_at.1 = 2 * self.registrations.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new(&Limits {
            free_wrong_answers: 2,
            registrations_per_hour: 60,
            ..Limits::default()
        })
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// The pauses of wrong answers that come all at once.
    fn at_once(
        guard: &Guard,
        account: &str,
        peer: Option<IpAddr>,
        now: Instant,
        count: usize,
    ) -> Vec<u64> {
        (0..count).map(|_| guard.wrong(account, peer, now).as_secs()).collect()
    }

    /// The pauses of wrong answers that come one after the other, each when the one before has been told.
    fn in_turn(
        guard: &Guard,
        account: &str,
        peer: Option<IpAddr>,
        now: &mut Instant,
        count: usize,
    ) -> Vec<u64> {
        let one = |_| {
            let pause = guard.wrong(account, peer, *now);
            *now += pause;
            pause.as_secs()
        };
        (0..count).map(one).collect()
    }

    const HOME: &str = "192.0.2.1";

    #[test]
    fn wrong_answers_are_answered_ever_more_slowly() {
        let (guard, mut now) = (guard(), Instant::now());
        let pauses = in_turn(&guard, "bob", address(HOME), &mut now, 9);
        assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(in_turn(&guard, "bob", address("192.0.2.2"), &mut now, 1), [0]);
        now += REMEMBERED + Duration::from_secs(1);
        assert_eq!(in_turn(&guard, "bob", address(HOME), &mut now, 1), [0]);
    }

    #[test]
    fn more_connections_make_hardly_more_guesses() {
        for peer in [None, address("127.0.0.1"), address(HOME)] {
            let (guard, now) = (guard(), Instant::now());
            let pauses = at_once(&guard, "bob", peer, now, 8);
            assert_eq!(pauses, [0, 0, 1, 3, 7, 15, 31, 61], "one behind the other");
            // a hundred connections, each used again as soon as it is free: guesses in six hours
            let mut free: Vec<Instant> = vec![now; 100];
            let mut guesses = 0;
            while let Some(at) = free.iter_mut().min()
                && *at < now + Duration::from_secs(6 * 60 * 60)
            {
                *at += guard.wrong("bob", peer, *at).max(Duration::from_millis(100));
                guesses += 1;
            }
            assert!(guesses <= 100 + 6 * 620, "{guesses}");
        }
    }

    #[test]
    fn a_flood_of_guesses_holds_a_quarter_of_the_connections_at_most() {
        let guard =
            Guard::new(&Limits { free_wrong_answers: 2, connections: 40, ..Limits::default() });
        let start = Instant::now();
        guard.right("bob", address(HOME), start);
        for _ in 0..12 {
            assert!(guard.may_answer("bob", None, start));
            guard.wrong("bob", None, start);
        }
        for peer in [None, address("192.0.2.2")] {
            assert!(!guard.may_answer("bob", peer, start), "ten are held: {peer:?}");
            assert!(!guard.may_answer("alice", peer, start), "{peer:?}");
        }
        assert!(guard.may_answer("bob", address(HOME), start), "the owner has been there");
        assert!(guard.may_answer("bob", None, start + Duration::from_secs(2)), "one was told");
    }

    #[test]
    fn an_address_that_tries_many_accounts_is_slowed_down() {
        let (guard, now) = (guard(), Instant::now());
        for n in 0..20 {
            assert_eq!(guard.wrong(&format!("user{n}"), address(HOME), now), Duration::ZERO);
        }
        assert!(!guard.wrong("other", address(HOME), now).is_zero());
        assert!(guard.wrong("yet-another", None, now).is_zero());
    }

    #[test]
    fn the_owners_own_mistakes_stay_cheap_where_the_owner_has_been() {
        let (guard, now) = (guard(), Instant::now());
        guard.right("bob", address(HOME), now);
        for n in 0..200 {
            let stranger = address(&format!("198.51.100.{n}"));
            assert!(guard.wrong("bob", stranger, now) <= FROM_ELSEWHERE);
            guard.wrong(&format!("user{n}"), address(HOME), now);
        }
        assert!(guard.wrong("bob", address("203.0.113.1"), now) > Duration::from_secs(10));
        assert_eq!(at_once(&guard, "bob", address(HOME), now, 3), [0, 0, 1]);
    }

    #[test]
    fn a_proxy_is_no_place_where_the_owner_has_been() {
        let (guard, mut now) = (guard(), Instant::now());
        for _ in 0..20 {
            guard.right("bob", None, now);
            in_turn(&guard, "bob", None, &mut now, 1);
        }
        guard.right("bob", None, now);
        assert_eq!(
            in_turn(&guard, "bob", None, &mut now, 1),
            [1],
            "it counts as one from anywhere"
        );
    }

    #[test]
    fn the_right_answer_clears_the_count_and_not_the_line() {
        let (guard, now) = (guard(), Instant::now());
        at_once(&guard, "bob", None, now, 2);
        guard.right("bob", None, now);
        assert_eq!(at_once(&guard, "bob", None, now, 4), [0, 0, 1, 3]);
        guard.right("bob", None, now);
        assert_eq!(at_once(&guard, "bob", None, now, 3), [0, 0, 4]);
    }

    #[test]
    fn invented_names_do_not_make_it_forget_a_guesser() {
        let (guard, now) = (guard(), Instant::now());
        at_once(&guard, "bob", None, now, 10);
        for n in 0..2 * MOST {
            guard.wrong(&format!("user{n}"), None, now);
        }
        assert!(guard.wrong("bob", None, now) > Duration::from_secs(30));
        assert!(guard.lock().tallies.len() <= MOST);
    }

    #[test]
    fn registrations_are_counted_by_address() {
        let (guard, now) = (guard(), Instant::now());
        let all = |peer, now| (0..100).filter(|_| guard.register(peer, now).is_ok()).count();
        assert_eq!(all(address("192.0.2.1"), now), 60);
        assert_eq!(all(address("192.0.2.2"), now), 60);
        assert_eq!(all(address("192.0.2.1"), now + Duration::from_secs(600)), 10);
        assert_eq!(all(address("127.0.0.1"), now), 100);
    }

    #[test]
    fn an_hour_gives_back_as_many_registrations_as_it_may_have() {
        for registrations_per_hour in [1, 2, 3, 7, 20] {
            let guard = Guard::new(&Limits { registrations_per_hour, ..Limits::default() });
            let now = Instant::now();
            let all = |now| (0..30).filter(|_| guard.register(address(HOME), now).is_ok()).count();
            assert_eq!(all(now), registrations_per_hour as usize);
            let wait = guard.register(address(HOME), now).unwrap_err();
            let each = Duration::from_secs(3600) / registrations_per_hour;
            assert_eq!(wait, each, "{registrations_per_hour} an hour");
            assert!(guard.register(address(HOME), now + wait).is_ok());
            assert_eq!(
                all(now + wait + 2 * Duration::from_secs(3600)),
                registrations_per_hour as usize
            );
        }
        let nobody = Guard::new(&Limits { registrations_per_hour: 0, ..Limits::default() });
        let later = Instant::now() + Duration::from_secs(100_000);
        assert!(nobody.register(address(HOME), later).is_err());
    }
}

//! `Guard`: counts wrong answers and registrations, and says how long somebody has to wait.
//!
//! A hash of 32 bits is little, so guessing has to be slow (spec/wire.md section 3): wrong answers count for the
//! account from that address, for the address, and for the account from everywhere. The last one is bounded to a few
//! seconds, and does not hold for an address from which the account's owner has logged in: nobody can lock out others.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::session::Bucket;
use crate::settings::{AddressKey, Limits};

/// How long a wrong answer counts.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);
/// The longest pause that wrong answers from elsewhere can cause.
const FROM_ELSEWHERE: Duration = Duration::from_secs(5);
/// How many times more wrong answers are free for a whole address, or for an account from everywhere.
const SHARED: u32 = 10;
/// Entries from which on old ones are looked for.
const MANY: usize = 10_000;

/// Counts wrong answers and registrations.
#[derive(Debug)]
pub(crate) struct Guard {
    free: u32,
    longest: Duration,
    registrations: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tallies: HashMap<Key, Tally>,
    registrations: HashMap<AddressKey, Bucket>,
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
    /// The answer to the last wrong one is on its way until then.
    not_before: Instant,
}

impl Guard {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            free: limits.free_wrong_answers,
            longest: Duration::from_secs(limits.wrong_answer_pause_s),
            registrations: limits.registrations_per_hour,
            state: Mutex::default(),
        }
    }

    /// Whether an answer for this account may be looked at now; else, how long to wait.
    pub(crate) fn may_answer(
        &self,
        account: &str,
        peer: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Duration> {
        let state = self.lock();
        let wait = self
            .keys(&state, account, peer)
            .filter_map(|(key, ..)| state.tallies.get(&key))
            .map(|tally| tally.not_before.saturating_duration_since(now))
            .max()
            .unwrap_or_default();
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Counts a wrong answer: how long to wait before saying so.
    pub(crate) fn wrong(&self, account: &str, peer: Option<IpAddr>, now: Instant) -> Duration {
        let mut state = self.lock();
        state.forget(now);
        let keys: Vec<_> = self.keys(&state, account, peer).collect();
        let mut pause = Duration::ZERO;
        for (key, free, longest) in keys {
            let tally = state.tallies.entry(key).or_insert(Tally::new(now));
            if now.saturating_duration_since(tally.last) > REMEMBERED {
                tally.wrong = 0;
            }
            tally.wrong = tally.wrong.saturating_add(1);
            tally.last = now;
            let over = tally.wrong.saturating_sub(free);
            let own = match over.checked_sub(1) {
                None => Duration::ZERO,
                Some(doublings) => Duration::from_secs(1 << doublings.min(16)).min(longest),
            };
            tally.not_before = now + own;
            pause = pause.max(own);
        }
        pause
    }

    /// The right answer was given: the account's count from this address starts anew.
    pub(crate) fn right(&self, account: &str, peer: Option<IpAddr>, now: Instant) {
        let mut state = self.lock();
        state.forget(now);
        let key = Key::AccountAt(account.to_owned(), AddressKey::of(peer));
        state.tallies.insert(key, Tally { known: true, ..Tally::new(now) });
    }

    /// Counts a registration; when there were too many from this address, how long to wait.
    pub(crate) fn register(&self, peer: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let Some(address) = AddressKey::of(peer) else { return Ok(()) };
        let mut state = self.lock();
        state.forget(now);
        let full =
            || Bucket::new(self.registrations, self.registrations.saturating_mul(1000) / 3600, now);
        state.registrations.entry(address).or_insert_with(full).take(1, now)
    }

    /// What an answer counts for: how many wrong ones are free, and how long the longest pause is.
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
        [
            Some((here, self.free, self.longest)),
            address.map(|address| (Key::Address(address), shared, self.longest)),
            (!known).then(|| {
                (Key::Account(account.to_owned()), shared, self.longest.min(FROM_ELSEWHERE))
            }),
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
        Self { wrong: 0, known: false, last: now, not_before: now }
    }
}

impl State {
    /// Keeps the memory bounded: what is old goes first, then everything.
    fn forget(&mut self, now: Instant) {
        if self.tallies.len() >= MANY {
            self.tallies.retain(|_, tally| now.saturating_duration_since(tally.last) < REMEMBERED);
            if self.tallies.len() >= 10 * MANY {
                self.tallies.clear();
            }
        }
        if self.registrations.len() >= MANY {
            self.registrations.retain(|_, bucket| !bucket.is_full(now));
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

    fn pauses(
        guard: &Guard,
        account: &str,
        peer: Option<IpAddr>,
        now: Instant,
        count: usize,
    ) -> Vec<u64> {
        (0..count).map(|_| guard.wrong(account, peer, now).as_secs()).collect()
    }

    #[test]
    fn wrong_answers_are_answered_ever_more_slowly() {
        let (guard, now) = (guard(), Instant::now());
        assert_eq!(
            pauses(&guard, "bob", address("192.0.2.1"), now, 9),
            [0, 0, 1, 2, 4, 8, 16, 30, 30]
        );
        assert_eq!(
            guard.may_answer("bob", address("192.0.2.1"), now),
            Err(Duration::from_secs(30))
        );
        assert_eq!(
            guard.may_answer("bob", address("192.0.2.1"), now + Duration::from_secs(30)),
            Ok(())
        );
        assert_eq!(guard.may_answer("bob", address("192.0.2.2"), now), Ok(()));
        let later = now + REMEMBERED + Duration::from_secs(1);
        assert_eq!(pauses(&guard, "bob", address("192.0.2.1"), later, 1), [0]);
    }

    #[test]
    fn an_address_that_tries_many_accounts_is_slowed_down() {
        let (guard, now) = (guard(), Instant::now());
        for n in 0..20 {
            assert_eq!(guard.wrong(&format!("user{n}"), address("192.0.2.1"), now), Duration::ZERO);
        }
        assert!(!guard.wrong("other", address("192.0.2.1"), now).is_zero());
        assert!(guard.may_answer("yet-another", address("192.0.2.1"), now).is_err());
        assert_eq!(guard.may_answer("yet-another", None, now), Ok(()));
    }

    #[test]
    fn an_account_tried_from_everywhere_stays_open_to_its_owner() {
        let (guard, now) = (guard(), Instant::now());
        guard.right("bob", address("192.0.2.1"), now);
        for n in 0..30 {
            assert!(guard.wrong("bob", address(&format!("198.51.100.{n}")), now) <= FROM_ELSEWHERE);
        }
        assert!(guard.may_answer("bob", address("203.0.113.1"), now).is_err());
        assert_eq!(guard.may_answer("bob", address("192.0.2.1"), now), Ok(()));
    }

    #[test]
    fn the_right_answer_clears_the_count() {
        let (guard, now) = (guard(), Instant::now());
        pauses(&guard, "bob", None, now, 2);
        guard.right("bob", None, now);
        assert_eq!(pauses(&guard, "bob", None, now, 3), [0, 0, 1]);
    }

    #[test]
    fn registrations_are_counted_by_address() {
        let (guard, now) = (guard(), Instant::now());
        let all = |peer, now| (0..100).filter(|_| guard.register(peer, now).is_ok()).count();
        assert_eq!(all(address("192.0.2.1"), now), 60);
        assert_eq!(all(address("192.0.2.2"), now), 60);
        assert_eq!(all(address("192.0.2.1"), now + Duration::from_secs(600)), 9);
        assert_eq!(all(address("127.0.0.1"), now), 100);
    }
}

//! `Accounts`: what each account has used up, all its sessions together, those before included.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mig33_peer::{Bucket, Rate};

use crate::ids::UserId;
use crate::settings::Limits;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Accounts from which on those are looked for that have used nothing up.
const MANY: usize = 1_000;

/// Sessions for each of which an account may make a burst of requests: each of our pages asks for its rooms and their
/// history when it comes back, all of them at once after a restart. Few people have more open; a program that opens more
/// gains no more by it, and however many there are, requests for long are as many as one may make.
const SESSIONS: u32 = 8;

/// What each account has used up.
#[derive(Debug)]
pub(crate) struct Accounts {
    rates: Rates,
    request_burst: u32,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Rates {
    requests: Rate,
    bytes: Rate,
    bytes_of_a_day: Rate,
    asked: Rate,
}

#[derive(Debug, Default)]
struct Table {
    used: HashMap<UserId, Arc<Used>>,
    /// With how many accounts they are looked through again: twice what was left, so that it costs little each.
    look_at: usize,
}

/// What one account has used up. Each of its sessions holds it.
#[derive(Debug)]
pub(crate) struct Used {
    buckets: Mutex<Buckets>,
    /// Requests at once, for each session.
    request_burst: u32,
}

#[derive(Debug)]
struct Buckets {
    requests: Bucket,
    bytes: Bucket,
    bytes_of_a_day: Bucket,
    asked: Bucket,
}

impl Accounts {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rates = Rates {
            requests: Rate::new(limits.request_burst, limits.requests_per_s, SECOND),
            bytes: Rate::new(limits.account_burst_bytes, limits.account_bytes_per_s, SECOND),
            bytes_of_a_day: Rate::new(
                limits.account_bytes_per_day,
                limits.account_bytes_per_day,
                DAY,
            ),
            asked: Rate::new(limits.add_contact_burst, limits.add_contacts_per_hour, HOUR),
        };
        Self { rates, request_burst: limits.request_burst, table: Mutex::default() }
    }

    /// What this account has used up, for one more session of it.
    pub(crate) fn of(&self, user: UserId, now: Instant) -> Arc<Used> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.forget(now);
        let new = || Arc::new(Used::new(&self.rates, self.request_burst, now));
        Arc::clone(table.used.entry(user).or_insert_with(new))
    }
}

impl Table {
    /// Keeps the memory bounded: an account without a session that has used nothing up is as one that never came.
    fn forget(&mut self, now: Instant) {
        if self.used.len() >= self.look_at.max(MANY) {
            self.used.retain(|_, used| Arc::strong_count(used) > 1 || !used.is_nothing(now));
            self.look_at = 2 * self.used.len();
            self.used.shrink_to(self.look_at);
        }
    }
}

impl Used {
    fn new(rates: &Rates, request_burst: u32, now: Instant) -> Self {
        let buckets = Buckets {
            requests: Bucket::new(rates.requests, now),
            bytes: Bucket::new(rates.bytes, now),
            bytes_of_a_day: Bucket::new(rates.bytes_of_a_day, now),
            asked: Bucket::new(rates.asked, now),
        };
        Self { buckets: Mutex::new(buckets), request_burst }
    }

    /// How many sessions the account has now, of those that count.
    fn sessions(self: &Arc<Self>) -> u32 {
        let held = Arc::strong_count(self).saturating_sub(1); // the table holds it, too
        u32::try_from(held).unwrap_or(u32::MAX).clamp(1, SESSIONS)
    }

    /// Takes a request that counts for `cost` ordinary ones and has so many bytes; how long to wait, where that is too
    /// much.
    pub(crate) fn request(
        self: &Arc<Self>,
        cost: u32,
        bytes: usize,
        now: Instant,
    ) -> Result<(), Duration> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let burst = self.request_burst.saturating_mul(self.sessions());
        let mut buckets = self.lock();
        buckets.requests.set_burst(burst);
        buckets.requests.has(cost, now)?;
        buckets.bytes.has(bytes, now)?;
        buckets.bytes_of_a_day.take(bytes, now)?;
        buckets.bytes.take(bytes, now)?;
        buckets.requests.take(cost, now)
    }

    /// Takes the wish to have somebody as a contact.
    pub(crate) fn ask(&self, now: Instant) -> Result<(), Duration> {
        self.lock().asked.take(1, now)
    }

    fn is_nothing(&self, now: Instant) -> bool {
        let Buckets { requests, bytes, bytes_of_a_day, asked } = &*self.lock();
        [requests, bytes, bytes_of_a_day, asked].into_iter().all(|bucket| bucket.is_full(now))
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_share_however_often_it_comes() {
        let limits = Limits { request_burst: 10, requests_per_s: 2, ..Limits::default() };
        let (accounts, now) = (Accounts::new(&limits), Instant::now());
        let made = |now| {
            let come = |_: &u32| accounts.of(UserId(1), now).request(1, 9, now).is_ok();
            (0..100).filter(come).count()
        };
        assert_eq!(made(now), 10);
        assert_eq!(made(now + 3 * SECOND), 6);
        assert!(accounts.of(UserId(2), now).request(10, 9, now).is_ok(), "another has its own");
    }

    #[test]
    fn each_session_that_is_there_has_a_burst_and_all_have_one_rate() {
        let limits = Limits { request_burst: 10, requests_per_s: 2, ..Limits::default() };
        let (accounts, now) = (Accounts::new(&limits), Instant::now());
        let come =
            |sessions| (0..sessions).map(|_| accounts.of(UserId(1), now)).collect::<Vec<_>>();
        let made =
            |used: &Arc<Used>, now| (0..1000).filter(|_| used.request(1, 9, now).is_ok()).count();
        let three = come(3);
        assert_eq!(made(&three[0], now), 30);
        drop(three);
        // nobody gains by coming back, however often
        for _ in 0..5 {
            assert_eq!(made(&come(3)[2], now), 0);
        }
        assert_eq!(made(&come(100)[99], now), 10 * SESSIONS as usize - 30);
        assert_eq!(made(&come(100)[0], now + 3 * SECOND), 6);
    }

    #[test]
    fn bytes_have_a_burst_a_rate_and_a_quota() {
        let limits = Limits {
            account_burst_bytes: 1000,
            account_bytes_per_s: 100,
            account_bytes_per_day: 1500,
            ..Limits::default()
        };
        let (accounts, now) = (Accounts::new(&limits), Instant::now());
        let used = accounts.of(UserId(1), now);
        assert_eq!(used.request(1, 1000, now), Ok(()));
        assert_eq!(used.request(1, 100, now), Err(SECOND));
        assert_eq!(used.request(1, 500, now + 5 * SECOND), Ok(()));
        let wait = used.request(1, 100, now + 60 * SECOND).unwrap_err();
        assert!(wait > HOUR, "the day's are used up: {wait:?}");
    }

    #[test]
    fn who_has_used_nothing_up_is_forgotten() {
        let (accounts, now) = (Accounts::new(&Limits::default()), Instant::now());
        let here = accounts.of(UserId(0), now);
        assert_eq!(accounts.of(UserId(1), now).request(1, 9, now), Ok(()));
        for user in 2..MANY as u32 {
            drop(accounts.of(UserId(user), now));
        }
        drop(accounts.of(UserId(5000), now));
        let table = accounts.table.lock().unwrap();
        assert_eq!(table.used.len(), 3, "who is here, who has made a request, and the new one");
        drop((table, here));
    }

    #[test]
    fn wishes_for_contacts_have_a_limit_of_their_own() {
        let limits = Limits { add_contact_burst: 2, add_contacts_per_hour: 6, ..Limits::default() };
        let (accounts, now) = (Accounts::new(&limits), Instant::now());
        let used = accounts.of(UserId(1), now);
        assert_eq!((used.ask(now), used.ask(now)), (Ok(()), Ok(())));
        assert_eq!(used.ask(now), Err(HOUR / 6));
        assert_eq!(used.request(1, 9, now), Ok(()));
    }
}

//! `Arrivals`: how fast connections come from each network, in a table that cannot grow without end.
//!
//! A crate for rate limits would keep an entry for everybody who ever came until it is told to look through them all.
//! Here an entry is one point in time, and one that lies in the past says nothing: it can go at any time.
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Rate;

/// Entries from which on those that say nothing are looked for.
const MANY: usize = 1_000;
/// The most entries. Whoever comes while it is full of others is not counted: the limit in all still holds, and those
/// who filled it stay slowed.
const MOST: usize = 100_000;
/// How long a table with many entries that all say something is not looked through again.
const PAUSE: Duration = Duration::from_secs(1);

/// When each network's bucket is full again.
#[derive(Debug)]
pub(super) struct Arrivals<K> {
    rate: Rate,
    full_at: HashMap<K, Instant>,
    /// With how many entries they are looked through again: twice what was left, so that it costs little each.
    look_at: usize,
    /// Not before this time, either.
    look_after: Option<Instant>,
}

impl<K: Eq + Hash> Arrivals<K> {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full_at: HashMap::new(), look_at: MANY, look_after: None }
    }

    /// Counts one; when there were too many, how long until the next may come.
    pub(super) fn count(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        if self.rate.per_s == 0 {
            return Ok(());
        }
        self.forget(now);
        let full = self.full_at.len() >= MOST;
        if full && !self.full_at.contains_key(&key) {
            return Ok(());
        }
        let at = self.full_at.entry(key).or_insert(now);
        let next = (*at).max(now) + self.rate.time_for(1);
        match (next - now).checked_sub(self.rate.ahead()) {
            Some(wait) if !wait.is_zero() => Err(wait),
            Some(_) | None => {
                *at = next;
                Ok(())
            }
        }
    }

    fn forget(&mut self, now: Instant) {
        let due = self.look_after.is_none_or(|at| now >= at);
        if due && self.full_at.len() >= self.look_at {
            self.full_at.retain(|_, at| *at > now);
            self.look_at = (2 * self.full_at.len()).clamp(MANY, MOST);
            self.look_after = (self.full_at.len() > MOST / 2).then(|| now + PAUSE);
            self.full_at.shrink_to(self.look_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let now = Instant::now();
        let mut arrivals = Arrivals::new(Rate { per_s: 4, burst: 3 });
        for _ in 0..3 {
            assert_eq!(arrivals.count("a", now), Ok(()));
        }
        assert_eq!(arrivals.count("a", now), Err(Duration::from_millis(250)));
        assert_eq!(arrivals.count("b", now), Ok(()), "another is not concerned");
        let later = now + Duration::from_millis(250);
        assert_eq!(arrivals.count("a", later), Ok(()), "who was refused has not been counted");
        assert!(arrivals.count("a", later).is_err());
    }

    #[test]
    fn it_does_not_grow_without_end_and_forgets_nobody_who_is_too_fast() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(Rate { per_s: 1, burst: 1 });
        assert_eq!(arrivals.count(0, start), Ok(()));
        for network in 1..3 * MOST {
            let _ = arrivals.count(network, start);
        }
        assert_eq!(arrivals.full_at.len(), MOST);
        assert!(arrivals.count(0, start).is_err());
        let later = start + Duration::from_secs(2);
        assert_eq!(arrivals.count(1, later), Ok(()));
        assert_eq!(arrivals.full_at.len(), 1);
        assert!(arrivals.full_at.capacity() < 4 * MANY);
    }
}

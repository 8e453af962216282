//! `Pace`: how fast one client may send. Token buckets that only ever slow down: what has been read is passed on, and
//! the client is not read again until it is paid for.
use std::time::Duration;

use tokio::time::Instant;

/// So many a second in the long run, and so many at once. A `per_s` of 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many a second.
    pub per_s: u32,
    /// How many at once before that counts. 0 is taken as 1.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self { per_s: 0, burst: 0 };

    /// How long `count` takes at this rate.
    pub(super) fn time_for(self, count: u64) -> Duration {
        let per_s = u64::from(self.per_s.max(1));
        let part = (count % per_s) * 1_000_000_000 / per_s;
        Duration::from_secs(count / per_s) + Duration::from_nanos(part)
    }

    /// How far ahead of its time a bucket may be: the burst, as time.
    pub(super) fn ahead(self) -> Duration {
        self.time_for(u64::from(self.burst.max(1)))
    }

    const fn is_limit(self) -> bool {
        self.per_s > 0
    }
}

/// The bytes and the packets of one client.
///
/// ```
/// use mig33_bridge::limits::{Pace, Rate};
/// use tokio::time::{Duration, Instant};
///
/// let now = Instant::now();
/// let packets = Rate { per_s: 10, burst: 20 };
/// let mut pace = Pace::new(Rate::UNLIMITED, packets, now);
/// pace.take(now, 9_000, 20);
/// assert_eq!(pace.ready_at(), None);
/// pace.take(now, 450, 1);
/// assert_eq!(pace.ready_at(), Some(now + Duration::from_millis(100)));
/// ```
#[derive(Clone, Debug)]
pub struct Pace {
    bytes: Bucket,
    packets: Bucket,
    ready_at: Option<Instant>,
}

impl Pace {
    /// Full buckets.
    #[must_use]
    pub const fn new(bytes: Rate, packets: Rate, now: Instant) -> Self {
        Self { bytes: Bucket::new(bytes, now), packets: Bucket::new(packets, now), ready_at: None }
    }

    /// Pays for what has been read. There may be more of it than the buckets hold: the client waits for the rest.
    pub fn take(&mut self, now: Instant, bytes: usize, packets: usize) {
        let bytes = self.bytes.take(now, bytes);
        let packets = self.packets.take(now, packets);
        self.ready_at = bytes.max(packets);
    }

    /// When the client may be read again; none: at once. It changes with [`take`](Self::take) only, so it may be over.
    #[must_use]
    pub const fn ready_at(&self) -> Option<Instant> {
        self.ready_at
    }
}

/// A token bucket as one point in time: when it will be full.
#[derive(Clone, Debug)]
struct Bucket {
    rate: Rate,
    full_at: Instant,
}

impl Bucket {
    const fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    /// When it is no longer overdrawn; none: it is not.
    fn take(&mut self, now: Instant, count: usize) -> Option<Instant> {
        if !self.rate.is_limit() {
            return None;
        }
        self.full_at = self.full_at.max(now) + self.rate.time_for(count as u64);
        let ready = self.full_at.checked_sub(self.rate.ahead())?;
        (ready > now).then_some(ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_is_free_and_what_is_over_is_waited_for() {
        let start = Instant::now();
        let mut pace =
            Pace::new(Rate { per_s: 1000, burst: 4000 }, Rate { per_s: 10, burst: 30 }, start);
        pace.take(start, 4000, 30);
        assert_eq!(pace.ready_at(), None);
        pace.take(start, 500, 1);
        assert_eq!(pace.ready_at(), Some(start + Duration::from_millis(500)), "the bytes' time");
        let later = start + Duration::from_millis(500);
        pace.take(later, 0, 9);
        assert_eq!(pace.ready_at(), Some(later + Duration::from_millis(500)), "the packets' time");
        let full = start + Duration::from_secs(60);
        pace.take(full, 4000, 30);
        assert_eq!(pace.ready_at(), None, "after a while it is full again, and no fuller");
        pace.take(full, 1, 0);
        assert_eq!(pace.ready_at(), Some(full + Duration::from_millis(1)));
    }

    #[test]
    fn no_limit_never_waits() {
        let now = Instant::now();
        let mut pace = Pace::new(Rate::UNLIMITED, Rate::UNLIMITED, now);
        pace.take(now, usize::MAX, usize::MAX);
        assert_eq!(pace.ready_at(), None);
    }

    #[test]
    fn a_packet_larger_than_the_burst_passes_and_is_paid_for() {
        let now = Instant::now();
        let mut pace = Pace::new(Rate { per_s: 100, burst: 10 }, Rate::UNLIMITED, now);
        pace.take(now, 400_000, 1);
        assert_eq!(pace.ready_at(), Some(now + Duration::from_millis(3_999_900)));
    }

    proptest! {
        /// Who sends whatever is allowed, whenever it is allowed, gets the rate and the burst, and no more than the last
        /// read over it.
        #[test]
        fn the_long_run_is_the_rate(
            per_s in 1..5_000_u32,
            burst in 1..10_000_u32,
            reads in prop::collection::vec((0..2_000_usize, 0..50_u64), 1..200),
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut pace = Pace::new(Rate { per_s, burst }, Rate::UNLIMITED, start);
            let mut sent = 0_u64;
            for (count, pause_ms) in reads {
                now = pace.ready_at().unwrap_or(now).max(now) + Duration::from_millis(pause_ms);
                pace.take(now, count, 0);
                // all but the last read, which may be of any size
                let allowed = (now - start).as_secs_f64() * f64::from(per_s) + f64::from(burst);
                prop_assert!(sent as f64 <= allowed + 1.0, "{sent} after {:?}", now - start);
                sent += count as u64;
            }
        }
    }
}

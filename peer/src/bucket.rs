//! `Rate` and `Bucket`: so much at once, and so much a time for long. Time comes in as a parameter.
use std::time::{Duration, Instant};

/// How long one takes to come back where none does.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// So many at once, and then so many in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How long one takes to come back; zero: there is no limit.
    each: Duration,
    burst: u32,
}

impl Rate {
    /// No limit.
    pub const OFF: Self = Self { each: Duration::ZERO, burst: 0 };

    /// `burst` at once, then `count` in each `period`. Where either is 0 there is no limit.
    #[must_use]
    pub fn new(burst: u32, count: u32, period: Duration) -> Self {
        if burst == 0 {
            return Self::OFF;
        }
        period.checked_div(count).map_or(Self::OFF, |each| Self { each, burst })
    }

    /// Whether there is a limit.
    #[must_use]
    pub const fn is_limit(self) -> bool {
        !self.each.is_zero()
    }

    /// This many times as much.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        Self { each: self.each / factor.max(1), burst: self.burst.saturating_mul(factor) }
    }

    /// When a bucket that is full at `full_at` will be full again with so much taken out. More than the burst can be
    /// taken from a full one, and is paid for afterwards.
    ///
    /// # Errors
    /// There is not so much in it; how long it takes until there is.
    pub(crate) fn after(
        self,
        full_at: Instant,
        amount: u32,
        now: Instant,
    ) -> Result<Instant, Duration> {
        let missing = full_at.saturating_duration_since(now);
        let may_miss = self.each.saturating_mul(self.burst - amount.min(self.burst));
        match missing.checked_sub(may_miss) {
            Some(wait) if !wait.is_zero() => Err(wait),
            Some(_) | None => Ok(full_at.max(now) + self.each.saturating_mul(amount).min(NEVER)),
        }
    }
}

/// A bucket of a rate. It is kept as one point in time, when it will be full, so that slow ones lose nothing to rounding.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: Rate,
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub const fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    /// Takes so much out.
    ///
    /// # Errors
    /// There is not so much in it, and nothing is taken; how long it takes until there is.
    pub fn take(&mut self, amount: u32, now: Instant) -> Result<(), Duration> {
        self.full_at = self.rate.after(self.full_at, amount, now)?;
        Ok(())
    }

    /// Whether so much could be taken out.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn has(&self, amount: u32, now: Instant) -> Result<(), Duration> {
        self.rate.after(self.full_at, amount, now).map(drop)
    }

    /// So much may be taken at once from now on, and comes back as fast as before. What was taken stays taken.
    pub const fn set_burst(&mut self, burst: u32) {
        self.rate.burst = burst;
    }

    /// Whether it is full again: it says nothing then, and can be forgotten.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_bucket_fills_again_to_its_brim() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::new(2, 1, seconds(2)), start);
        assert_eq!((bucket.take(1, start), bucket.take(1, start)), (Ok(()), Ok(())));
        assert_eq!(bucket.has(1, start), Err(seconds(2)));
        assert_eq!(bucket.take(1, start), Err(seconds(2)));
        assert_eq!(bucket.take(1, start + seconds(1)), Err(seconds(1)));
        assert_eq!(bucket.take(1, start + seconds(2)), Ok(()));
        assert!(!bucket.is_full(start + seconds(5)));
        assert!(bucket.is_full(start + seconds(60)));
    }

    #[test]
    fn a_bucket_that_grows_and_shrinks_again_gives_nothing_away() {
        let now = Instant::now();
        let mut bucket = Bucket::new(Rate::new(2, 1, seconds(1)), now);
        for _ in 0..3 {
            bucket.set_burst(6);
            while bucket.take(1, now).is_ok() {}
            bucket.set_burst(2);
            assert_eq!(bucket.take(1, now), Err(seconds(5)), "six were taken, once");
        }
        assert_eq!(bucket.take(1, now + seconds(5)), Ok(()));
        let mut off = Bucket::new(Rate::OFF, now);
        off.set_burst(1);
        assert!((0..100).all(|_| off.take(1, now).is_ok()), "no limit stays none");
    }

    #[test]
    fn more_than_the_burst_is_taken_from_a_full_one_and_paid_for() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::new(2, 1, seconds(1)), start);
        assert_eq!(bucket.take(5, start), Ok(()));
        assert_eq!(bucket.take(1, start), Err(seconds(4)));
        assert_eq!(bucket.take(5, start + seconds(4)), Err(seconds(1)));
        assert_eq!(bucket.take(5, start + seconds(5)), Ok(()));
    }

    #[test]
    fn zero_is_no_limit_and_a_factor_makes_it_larger() {
        let now = Instant::now();
        for rate in [Rate::new(0, 5, seconds(1)), Rate::new(5, 0, seconds(1)), Rate::OFF] {
            assert!(!rate.is_limit());
            let mut bucket = Bucket::new(rate.times(4), now);
            assert!((0..1000).all(|_| bucket.take(u32::MAX, now).is_ok()) && bucket.is_full(now));
        }
        let mut bucket = Bucket::new(Rate::new(2, 1, seconds(8)).times(4), now);
        assert_eq!((0..10).filter(|_| bucket.take(1, now).is_ok()).count(), 8);
        assert_eq!(bucket.take(1, now), Err(seconds(2)));
    }
}

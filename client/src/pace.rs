//! How fast requests may go out: servers end a session that asks too much (spec/wire.md section 9).
use crate::state::Millis;

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    burst: u32,
    /// Milliseconds a token takes to come back.
    interval: u64,
    tokens: u32,
    since: Millis,
}

impl Pace {
    /// For any server: at most 17 packets within 10 s, where some allow 20.
    pub(crate) const CAREFUL: Self = Self::new(8, 1_000);
    /// For a server that says it has chat sync, as ours.
    pub(crate) const BRISK: Self = Self::new(40, 100);

    const fn new(burst: u32, interval: u64) -> Self {
        Self { burst, interval, tokens: burst, since: 0 }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Millis) -> bool {
        self.refill(now);
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }

    /// When the next token is there.
    pub(crate) fn ready_at(&self) -> Millis {
        if self.tokens > 0 { 0 } else { self.since.saturating_add(self.interval) }
    }

    fn refill(&mut self, now: Millis) {
        let come_back = now.saturating_sub(self.since) / self.interval;
        if come_back >= u64::from(self.burst - self.tokens) {
            self.tokens = self.burst;
            self.since = now;
        } else {
            // fewer than the burst, which is a u32
            self.tokens += come_back as u32;
            self.since += come_back * self.interval;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_any_ten_seconds_a_careful_client_stays_below_the_limit() {
        let mut pace = Pace::CAREFUL;
        let sent: Vec<Millis> = (1_000..60_000).step_by(10).filter(|now| pace.take(*now)).collect();
        let most = sent
            .iter()
            .map(|from| sent.iter().filter(|at| (*from..from + 10_000).contains(at)).count())
            .max();
        assert_eq!(most, Some(17));
        assert!(sent.len() > 60);
    }

    #[test]
    fn says_when_the_next_may_go() {
        let mut pace = Pace::CAREFUL;
        while pace.take(5_000) {}
        assert_eq!(pace.ready_at(), 6_000);
        assert!(!pace.take(5_999));
        assert!(pace.take(6_000));
    }
}

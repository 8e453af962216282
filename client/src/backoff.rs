//! When to connect again: at a random time within a span that doubles, so that many clients do not come at once.

/// The first span, in milliseconds.
const FIRST: u64 = 1_000;
/// The longest span, in milliseconds.
const LONGEST: u64 = 30_000;

/// Counts attempts that did not end in a log-in.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Milliseconds to wait before the next attempt.
    pub(crate) fn next_delay(&mut self, random: [u8; 16]) -> u64 {
        let span = FIRST.saturating_mul(1 << self.attempts.min(16)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        let [a, b, c, d, ..] = random;
        u64::from(u32::from_be_bytes([a, b, c, d])) * span / u64::from(u32::MAX)
    }

    /// The log-in worked, or the person wants it now.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_doubles_up_to_the_longest_and_starts_anew() {
        let mut backoff = Backoff::default();
        let delays: Vec<u64> = (0..7).map(|_| backoff.next_delay([255; 16])).collect();
        assert_eq!(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(backoff.next_delay([0; 16]), 0);
        backoff.reset();
        assert_eq!(backoff.next_delay([255; 16]), 1_000);
    }
}

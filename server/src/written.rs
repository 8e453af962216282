//! `Written`: which messages count as delivered to a client that says nothing of them (spec/wire.md section 4).
//!
//! What a stream has taken may still be lost: in the machine, on the way, or in a client that breaks off. So a message
//! counts only when the client says something long enough after the message's last byte was written.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ids::Seq;

/// Marks that are kept; what is written while there are as many belongs to the last one.
const MARKS: usize = 64;

/// What was written to a client, and when.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Oldest first; the places grow, too.
    marks: VecDeque<Mark>,
}

/// Everything up to a message was written by a moment.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    up_to: Seq,
}

impl Written {
    /// The last byte of this message was written now. `wait` as in [`heard`](Self::heard).
    pub(crate) fn note(&mut self, now: Instant, up_to: Seq, wait: Duration) {
        // of those that any packet from now on confirms, the last says it all
        while self.marks.get(1).is_some_and(|mark| mark.at + wait <= now) {
            self.marks.pop_front();
        }
        if self.marks.len() >= MARKS {
            self.marks.pop_back();
        }
        self.marks.push_back(Mark { at: now, up_to });
    }

    /// The client has sent something at this moment: up to which message it has what was written at least `wait` before,
    /// where that is news.
    pub(crate) fn heard(&mut self, came: Instant, wait: Duration) -> Option<Seq> {
        let mut has = None;
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.at + wait <= came) {
            has = Some(mark.up_to);
        }
        if self.marks.is_empty() {
            self.forget(); // a session at rest holds no room for it
        }
        has
    }

    /// The client speaks for itself.
    pub(crate) fn forget(&mut self) {
        self.marks = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn what_was_written_long_enough_before_counts_once() {
        let start = Instant::now();
        let mut written = Written::default();
        for n in 1..=3 {
            written.note(start + seconds(n), Seq(n), WAIT);
        }
        assert_eq!(written.heard(start + seconds(10), WAIT), None);
        assert_eq!(written.heard(start + seconds(12), WAIT), Some(Seq(2)));
        assert_eq!(written.heard(start + seconds(12), WAIT), None);
        assert_eq!(written.heard(start + seconds(100), WAIT), Some(Seq(3)));
        assert_eq!(written.marks.capacity(), 0);
    }

    #[test]
    fn at_the_end_all_counts_but_what_was_written_after_it_was_sent() {
        let start = Instant::now();
        let mut written = Written::default();
        written.note(start + seconds(1), Seq(1), WAIT);
        written.note(start + seconds(3), Seq(2), WAIT);
        assert_eq!(written.heard(start + seconds(2), Duration::ZERO), Some(Seq(1)));
        assert_eq!(written.heard(start + seconds(3), Duration::ZERO), Some(Seq(2)));
    }

    #[test]
    fn however_much_is_written_few_marks_are_kept_and_none_counts_too_early() {
        let start = Instant::now();
        let mut written = Written::default();
        let (mut heard, step) = (Seq(0), Duration::from_millis(1));
        let mut confirmed_after = Duration::ZERO;
        for n in 1..=100_000_u32 {
            let now = start + step * n;
            written.note(now, Seq(n.into()), WAIT);
            assert!(written.marks.len() <= MARKS);
            if n % 15_000 == 0
                && let Some(seq) = written.heard(now, WAIT)
            {
                let age = step * (n - u32::try_from(seq.0).unwrap());
                assert!(age >= WAIT && seq > heard);
                (heard, confirmed_after) = (seq, confirmed_after.max(age));
            }
        }
        assert!(heard > Seq(0), "and some count while more is written all the time");
        assert!(confirmed_after < 3 * WAIT, "{confirmed_after:?}");
    }
}

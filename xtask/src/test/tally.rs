//! Counts tests from the closing lines of the programs that run them.

use std::fmt;

/// How many tests passed and failed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

/// Whose closing lines they are.
#[derive(Clone, Copy)]
pub(super) enum Runner {
    CargoTest,
    Nextest,
    Playwright,
}

impl Tally {
    /// Adds what a line says, if it is a closing line; colours have to be taken out before.
    pub(super) fn read(&mut self, runner: Runner, line: &str) {
        let line = line.trim();
        let counts = match runner {
            // test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s
            Runner::CargoTest => after(line, "test result:", ". ").split(';'),
            // Summary [   0.042s] 12 tests run: 11 passed (1 slow), 1 failed, 2 skipped
            Runner::Nextest => after(line, "Summary [", " run: ").split(','),
            // 12 passed (1.2m), and other counts in lines of their own; a line with several is another reporter's
            Runner::Playwright => line.split('\n'),
        };
        for count in counts {
            let Some((number, word)) = count.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            let word = word.split_once(" (").map_or(word, |(word, _)| word);
            match word {
                "passed" | "flaky" => self.passed += number,
                "failed" | "timed out" | "exec failed" | "interrupted" | "did not run" => {
                    self.failed += number;
                }
                _ => {}
            }
        }
    }

    /// Ends a step: one that counted nothing counts as one, and one that failed has at least one failure.
    pub(super) fn settle(&mut self, good: bool) {
        if !good {
            self.failed = self.failed.max(1);
        } else if *self == Self::default() {
            self.passed = 1;
        }
    }

    /// Adds another tally to this one.
    pub(super) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// What comes after `mark` in a line that begins with `start`; nothing of any other line.
fn after<'a>(line: &'a str, start: &str, mark: &str) -> &'a str {
    let rest = line.strip_prefix(start).and_then(|rest| rest.split_once(mark));
    rest.map_or("", |(_, rest)| rest)
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(runner: Runner, lines: &str) -> (u64, u64) {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.read(runner, line));
        (tally.passed, tally.failed)
    }

    #[test]
    fn cargo_test_is_counted_over_all_its_programs() {
        let lines = "test codec::tests::works ... ok
            test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
            7 passed";
        assert_eq!(tally(Runner::CargoTest, lines), (8, 2));
    }

    #[test]
    fn nextest_is_counted_by_its_summary() {
        let line = "     Summary [   1.234s] 14/16 tests run: 11 passed (1 slow), 1 failed, 2 timed out, 3 skipped";
        assert_eq!(tally(Runner::Nextest, line), (11, 3));
        let line = "     Summary [   0.010s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(tally(Runner::Nextest, line), (1, 0));
        assert_eq!(tally(Runner::Nextest, "        PASS [   0.004s] mig33-codec 5 passed"), (0, 0));
    }

    #[test]
    fn playwright_is_counted_by_its_last_lines() {
        let lines = "Running 9 tests using 1 worker
              ✓  1 chat.spec.ts:12:5 › two people chat (3.1s)
              1 failed
                [chromium] › room.spec.ts:4:5 › a room
              1 flaky
              2 skipped
              1 did not run
              4 passed (1.2m)
            4 passed, 2 failed";
        assert_eq!(tally(Runner::Playwright, lines), (5, 2));
    }

    #[test]
    fn a_step_without_tests_counts_as_one() {
        let settled = |passed, failed, good| {
            let mut tally = Tally { passed, failed };
            tally.settle(good);
            (tally.passed, tally.failed)
        };
        assert_eq!(settled(0, 0, true), (1, 0));
        assert_eq!(settled(0, 0, false), (0, 1));
        assert_eq!(settled(5, 0, true), (5, 0));
        assert_eq!(settled(5, 2, false), (5, 2));
        assert_eq!(settled(5, 0, false), (5, 1));
    }
}

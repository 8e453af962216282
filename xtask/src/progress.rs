//! Shows what is being done and how far it is: numbered steps with their time, on a terminal also a live line.
//! All of it goes to stderr; stdout belongs to the programs that are started.

use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use anyhow::Result;

/// How often a log (no terminal) hears from a step that goes on.
const LOG_EVERY: Duration = Duration::from_secs(20);

/// The steps of one command, counted.
pub(crate) struct Progress {
    total: usize,
    started: usize,
    live: bool,
}

impl Progress {
    /// `total` is how many steps there will be.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, started: 0, live: is_live() }
    }

    /// Does one step, and shows it while it lasts and how it ended.
    pub(crate) fn step<T>(
        &mut self,
        title: &str,
        work: impl FnOnce(&mut Step) -> Result<T>,
    ) -> Result<T> {
        let label = self.next(title);
        let mut step = Step::begin(label, self.live);
        let result = work(&mut step);
        step.finish(result.is_ok());
        result
    }

    /// Shows the last step, which goes on for as long as the user wants.
    pub(crate) fn last(&mut self, title: &str) {
        eprintln!("{}", self.next(title));
    }

    fn next(&mut self, title: &str) -> String {
        self.started += 1;
        format!("[{}/{}] {title}", self.started, self.total)
    }
}

/// A step that is under way.
pub(crate) struct Step {
    label: String,
    detail: String,
    started: Instant,
    logged: Instant,
    live: bool,
}

impl Step {
    fn begin(label: String, live: bool) -> Self {
        let now = Instant::now();
        let step = Self { label, detail: String::new(), started: now, logged: now, live };
        if step.live {
            step.draw();
        } else {
            eprintln!("{} …", step.label);
        }
        step
    }

    /// Time since the step began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// A line that stays, under the step.
    pub(crate) fn say(&self, line: impl fmt::Display) {
        self.above(|| eprintln!("      {line}"));
    }

    /// Writes something that stays, with the live line out of the way.
    pub(crate) fn above(&self, write: impl FnOnce()) {
        self.clear();
        write();
        if self.live {
            self.draw();
        }
    }

    /// What the step is at: shown in the live line, or in a log from time to time.
    pub(crate) fn at(&mut self, detail: String) {
        self.detail = detail;
    }

    /// To be called several times a second while the step waits.
    pub(crate) fn tick(&mut self) {
        if self.live {
            self.draw();
        } else if self.logged.elapsed() >= LOG_EVERY {
            self.logged = Instant::now();
            eprintln!("      {} … {}", Clock(self.elapsed()), self.detail);
        }
    }

    fn finish(self, good: bool) {
        self.clear();
        let end = if good { "done in" } else { "FAILED after" };
        eprintln!("{}: {end} {}", self.label, Clock(self.elapsed()));
    }

    fn draw(&self) {
        // the terminal cuts the line at its edge, so nobody needs to know how wide it is
        let line = format!(
            "\r\x1b[2K\x1b[?7l{} … {}  {}\x1b[?7h",
            self.label,
            Clock(self.elapsed()),
            self.detail
        );
        // a terminal that is gone is no reason to stop
        let _ = stderr().write_all(line.as_bytes());
    }

    fn clear(&self) {
        if self.live {
            let _ = stderr().write_all(b"\r\x1b[2K");
        }
    }
}

/// A duration as minutes and seconds, `1:05`.
pub(crate) struct Clock(pub(crate) Duration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        // padded as one piece, so that a table can align it
        f.pad(&format!("{}:{:02}", seconds / 60, seconds % 60))
    }
}

/// Whether a line may be drawn over and over.
fn is_live() -> bool {
    let variable = |name| std::env::var(name).unwrap_or_default();
    stderr().is_terminal() && variable("TERM") != "dumb" && variable("CI").is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_minutes_and_seconds() {
        let shown = |seconds| Clock(Duration::from_secs(seconds)).to_string();
        assert_eq!([shown(0), shown(65), shown(3600)], ["0:00", "1:05", "60:00"]);
        assert_eq!(format!("{:>6}", Clock(Duration::from_secs(5))), "  0:05");
    }
}

//! What came of each step of the tests, and the table and last line that say so.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::tally::Tally;
use crate::progress::{Clock, Progress, Step};
use crate::signals;

/// The steps so far.
pub(super) struct Report {
    progress: Progress,
    began: Instant,
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    took: Duration,
    tally: Tally,
    /// Tests were counted; else the step counts as one.
    counted: bool,
}

impl Report {
    /// `steps` is how many there will be.
    pub(super) fn new(steps: usize) -> Self {
        Self { progress: Progress::new(steps), began: Instant::now(), rows: Vec::new() }
    }

    /// Does a step unless we were told to stop. `None` if it failed, which the report then knows.
    pub(super) fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Step, &mut Tally) -> Result<T>,
    ) -> Option<T> {
        if signals::received().is_some() {
            return None;
        }
        let began = Instant::now();
        let mut tally = Tally::default();
        let result = self.progress.step(name, |step| {
            let result = work(step, &mut tally);
            if let Err(error) = &result {
                step.say(format_args!("error: {error:#}"));
            }
            result
        });
        let counted = tally != Tally::default();
        tally.settle(result.is_ok());
        self.rows.push(Row { name, took: began.elapsed(), tally, counted });
        result.ok()
    }

    /// Notes a step that could not be done, which is a failure. Returns false.
    pub(super) fn skip(&mut self, name: &'static str, why: &'static str) -> bool {
        self.step::<()>(name, |_, _| bail!("not run: {why}")).is_some()
    }

    /// Prints the table and the last line; an error if anything failed.
    pub(super) fn close(self) -> Result<()> {
        if signals::received().is_some() {
            bail!("stopped");
        }
        let mut all = Tally::default();
        println!();
        for row in &self.rows {
            let result = if row.tally.failed == 0 { "ok" } else { "FAILED" };
            let tests = if row.counted { row.tally.to_string() } else { String::new() };
            println!("{:<28} {result:<6} {:>6}  {tests}", row.name, Clock(row.took));
            all.add(&row.tally);
        }
        println!("{:<28} {:<6} {:>6}\n", "all", "", Clock(self.began.elapsed()));
        println!("{all}");
        if all.failed > 0 {
            bail!("not everything passed");
        }
        Ok(())
    }
}

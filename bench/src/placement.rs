//! Where processes run: on one processor for as long as a latency is measured.
//!
//! Waking a thread on another processor takes many times as long as waking one on the same, above all in a virtual
//! machine; left alone, the kernel's choice decides more about a round trip than the program does.
use std::fs;

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// Keeps processes on one processor until it is dropped.
pub(crate) struct OneProcessor {
    threads: Vec<Pid>,
    before: CpuSet,
}

impl OneProcessor {
    /// Puts all threads of these processes, and of this one, on the first processor that this one may use.
    pub(crate) fn keep(processes: &[u32]) -> Result<Self> {
        let before = sched_getaffinity(None)?;
        let first = (0..CpuSet::MAX_CPU)
            .find(|cpu| before.is_set(*cpu))
            .context("no processor may be used")?;
        let mut one = CpuSet::new();
        one.set(first);
        let mut threads = Vec::new();
        for process in processes.iter().copied().chain([std::process::id()]) {
            for entry in fs::read_dir(format!("/proc/{process}/task"))? {
                let name = entry?.file_name();
                let thread =
                    name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
                threads.extend(thread);
            }
        }
        for thread in &threads {
            sched_setaffinity(Some(*thread), &one)?;
        }
        Ok(Self { threads, before })
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        for thread in &self.threads {
            // a thread that has ended needs no place
            let _ = sched_setaffinity(Some(*thread), &self.before);
        }
    }
}

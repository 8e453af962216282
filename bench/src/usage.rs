//! What processes have used, from /proc (proc(5)).
use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};

/// The clock ticks a second that /proc/PID/stat counts CPU time in, on Linux always. One is 5 µs for each of 2,000
/// connections, which is more than what is to be told apart.
const TICKS: f64 = 100.0;
/// What /proc/PID/task/TID/schedstat counts a second in.
const NANOSECONDS: f64 = 1e9;

/// What a process and all that it has started have used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Seconds of CPU time, their own and the kernel's for them, also of those that have ended.
    pub(crate) cpu: f64,
    /// KiB of memory that are resident. Pages that several of the processes share count once.
    pub(crate) resident: f64,
}

impl Usage {
    /// Of this process and its descendants, until now.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let family = family(process)?;
        let mut usage = Self { cpu: 0.0, resident: 0.0 };
        for member in &family {
            // a descendant may end at any time; its parent has its time then
            let stat = match read_stat(*member) {
                Err(_) if *member != process => continue,
                stat => stat?,
            };
            let own = on_processors(*member).unwrap_or(stat.own / TICKS);
            usage.cpu += own + stat.ended / TICKS;
        }
        usage.resident = match family.as_slice() {
            [] | [_] => kib(&fs::read_to_string(format!("/proc/{process}/status"))?, "VmRSS:"),
            // each has its part of what they share
            many => many.iter().filter_map(|member| proportional(*member)).reduce(|a, b| a + b),
        }
        .context("/proc tells no resident memory")?;
        Ok(usage)
    }
}

/// What /proc/PID/stat says.
struct Stat {
    parent: u32,
    /// Ticks of its own.
    own: f64,
    /// Ticks of its children whose end it knows.
    ended: f64,
}

/// Seconds that the threads of a process have run, of those that are there; none where the kernel does not count them.
fn on_processors(process: u32) -> Option<f64> {
    let mut sum = 0.0;
    for thread in fs::read_dir(format!("/proc/{process}/task")).ok()? {
        // one that has just ended is missed, as all that ended before
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        sum += text.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    (sum > 0.0).then_some(sum / NANOSECONDS)
}

/// A process and its descendants.
fn family(process: u32) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok())
            && let Ok(stat) = read_stat(pid)
        {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut family = vec![process];
    let mut next = 0;
    while let Some(member) = family.get(next) {
        family.extend(children.remove(member).unwrap_or_default());
        next += 1;
    }
    Ok(family)
}

fn read_stat(process: u32) -> Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    stat(&text).context("/proc/PID/stat is not as expected")
}

fn stat(text: &str) -> Option<Stat> {
    // the name is in brackets, and may have any characters
    let (_, after_name) = text.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        ended: ticks(13)? + ticks(14)?,
    })
}

fn proportional(process: u32) -> Option<f64> {
    kib(&fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?, "Pss:")
}

/// The number in a line `NAME   123 kB`.
fn kib(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name() {
        let text = "42 (a) S 9 (b) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0";
        let stat = stat(text).unwrap();
        assert_eq!((stat.parent, stat.own, stat.ended), (7, 120.0, 7.0));
    }

    #[test]
    fn time_on_processors_is_counted_closer_than_in_ticks_and_agrees_with_them() {
        let used = || Usage::of(std::process::id()).unwrap().cpu;
        let (before, start) = (used(), std::time::Instant::now());
        while used() - before < 0.03 {
            assert!(start.elapsed().as_secs() < 10, "it is not counted");
        }
        let ticks = read_stat(std::process::id()).unwrap().own / TICKS;
        let counted = on_processors(std::process::id());
        assert!(
            counted.is_none_or(|counted| (counted - ticks).abs() < 0.1),
            "{counted:?}, {ticks}"
        );
    }

    #[test]
    fn lines_of_memory_are_read_by_their_name() {
        let text = "Rss:   9 kB\nPss:                 123 kB\nPss_Dirty: 5 kB\n";
        assert_eq!(kib(text, "Pss:"), Some(123.0));
        assert_eq!(kib(text, "VmRSS:"), None);
    }

    #[test]
    fn a_child_is_of_its_parents_family() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let family = family(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(family.contains(&child.id()) && family.first() == Some(&std::process::id()));
    }
}

//! How many files a process may have open: a connection is one, and through a bridge two.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What 10,000 connections through a bridge need, and some more.
const WANTED: u64 = 32_768;
/// Files that a process has besides its connections.
const OTHERS: u64 = 100;

/// Raises the limit of this process, and so of those that it starts, as far as it may. How many connections they can
/// have through a bridge then.
pub(crate) fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.map(|maximum| maximum.max(WANTED));
    let more = Rlimit { current: Some(WANTED), maximum };
    let allowed = Rlimit { current: limit.maximum, ..limit };
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= WANTED);
    if !is_enough(limit.current) && setrlimit(Resource::Nofile, more).is_err() {
        // as it is, it is enough for everything but the largest scenario
        let _ = setrlimit(Resource::Nofile, allowed);
    }
    connections(getrlimit(Resource::Nofile).current)
}

/// How many connections fit in a limit.
fn connections(limit: Option<u64>) -> usize {
    let limit = limit.unwrap_or(u64::MAX);
    usize::try_from(limit.saturating_sub(OTHERS) / 2).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_through_a_bridge_needs_two_files() {
        assert_eq!(connections(Some(20_100)), 10_000);
        assert_eq!(connections(Some(100)), 0);
        assert!(connections(None) > 1_000_000);
    }
}

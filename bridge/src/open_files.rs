//! The process's limit of open files: each connection is one, and each to a server is another.
use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::settings::Settings;
use crate::upstream::UpstreamSetting;

/// What the program has open beside connections, at most: listeners, the store, its standard streams, files being read.
const OTHERS: u64 = 100;
/// What each thread for connections has open: what it waits with, and its handle on the listener.
const EACH_THREAD: u64 = 4;

/// How many files may be open at once by the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    files: u64,
    /// What does not depend on how many tunnels there are.
    others: u64,
    /// Files that a tunnel takes.
    each: u64,
    /// Whether it is no more than the defaults would need: nobody has asked for so many connections.
    is_usual: bool,
}

/// There may be fewer open files than the limits on connections need, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFew {
    may: u64,
    needed: Needed,
}

impl Needed {
    /// By these settings.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let usual = Settings {
            upstream: settings.upstream.clone(),
            threads: settings.threads,
            ..Settings::default()
        };
        let needed = Self::count(settings);
        Self { is_usual: needed.files <= Self::count(&usual).files, ..needed }
    }

    fn count(settings: &Settings) -> Self {
        let limits = &settings.limits;
        let tunnels = u64::from(limits.connections);
        let requests = u64::from(limits.requests);
        let (each, clients, others) = match settings.upstream {
            UpstreamSetting::Embedded => (1, tunnels.max(service_clients(settings)), 0),
            // a session that waits for its client has no client's socket, and its server's
            UpstreamSetting::Servers(_) if settings.resume_grace > 0 => {
                (2, 2 * tunnels, settings.resume_detached as u64)
            }
            UpstreamSetting::Servers(_) => (2, 2 * tunnels, 0),
        };
        let threads = settings.threads().get() as u64;
        let others = others.saturating_add(requests + OTHERS + EACH_THREAD * threads);
        Self { files: clients.saturating_add(others), others, each, is_usual: true }
    }

    /// What is wrong where so many may be open.
    pub(crate) const fn against(self, may: u64) -> Option<TooFew> {
        if may < self.files { Some(TooFew { may, needed: self }) } else { None }
    }
}

/// The connections of the service's own clients, tunnels among them.
#[cfg(feature = "embedded")]
const fn service_clients(settings: &Settings) -> u64 {
    settings.server.limits.connections as u64
}

#[cfg(not(feature = "embedded"))]
const fn service_clients(_settings: &Settings) -> u64 {
    0
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { may, needed: Needed { files, others, each, .. } } = self;
        write!(
            f,
            "this process may have {may} open files, and its limits on connections need {files}: it has room for {} \
             connections (`limits.connections`); for more, raise LimitNOFILE= or `ulimit -Hn`",
            may.saturating_sub(*others) / each
        )
    }
}

/// Raises the limit to what the system allows this process, which is seldom what it starts with. Where that is less than
/// what is needed, the log says so: as a warning where somebody has set limits that need it.
pub fn raise(needed: Needed) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        warn!(%error, ?current, "the limit of open files cannot be raised");
        return;
    }
    match maximum.and_then(|maximum| needed.against(maximum)) {
        Some(few) if needed.is_usual => info!("{few}"),
        Some(few) => warn!("{few}"),
        None => info!(maximum, "open files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(upstream: &str) -> Settings {
        let mut settings = Settings { upstream: upstream.parse().unwrap(), ..Settings::default() };
        settings.limits.connections = 1000;
        settings.limits.requests = 50;
        settings.resume_detached = 300;
        settings.threads = 25;
        settings
    }

    #[test]
    fn a_tunnel_to_a_server_is_two_files_and_a_session_that_waits_is_one() {
        let mut settings = settings("127.0.0.1:1");
        assert_eq!(Needed::of(&settings).files, 2550);
        settings.resume_grace = 0;
        assert_eq!(Needed::of(&settings).files, 2250);
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn the_services_own_clients_are_files_too() {
        let mut settings = settings("embedded");
        settings.server.limits.connections = 1000;
        assert_eq!(Needed::of(&settings).files, 1250, "tunnels are among them");
        settings.server.limits.connections = 5000;
        assert_eq!(Needed::of(&settings).files, 5250);
        settings.server.limits.connections = 1;
        assert_eq!(Needed::of(&settings).files, 1250);
    }

    #[test]
    fn it_says_how_many_connections_there_is_room_for() {
        let needed = Needed::of(&settings("127.0.0.1:1"));
        assert_eq!(needed.against(2550), None);
        let few = needed.against(1550).unwrap().to_string();
        assert!(few.contains("1550 open files") && few.contains("need 2550"), "{few}");
        assert!(few.contains("room for 500 connections"), "{few}");
        assert!(needed.against(10).unwrap().to_string().contains("room for 0 "));
    }

    #[test]
    fn what_nobody_has_asked_for_is_no_warning() {
        let mut settings = Settings::default();
        for (upstream, connections, is_usual) in [
            ("127.0.0.1:1", 10_000, true),
            ("127.0.0.1:1", 10_001, false),
            ("embedded", 10_000, true),
            ("embedded", 20_000, false),
        ] {
            settings.upstream = upstream.parse().unwrap();
            settings.limits.connections = connections;
            assert_eq!(Needed::of(&settings).is_usual, is_usual, "{upstream} {connections}");
        }
    }

    #[test]
    fn the_limit_is_what_the_system_allows() {
        raise(Needed::of(&Settings::default()));
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}

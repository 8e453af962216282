//! The process's limit of open files: each connection is one, and each to a server is another.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::settings::Settings;
use crate::upstream::UpstreamSetting;

/// What the program has open beside connections, at most: listeners, the store, its standard streams, files being read.
const OTHERS: u64 = 100;

/// Raises the limit to what the system allows this process, which is seldom what it starts with; says so in the log if that
/// is less than what is needed.
pub fn raise(needed: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        warn!(%error, ?current, "the limit of open files cannot be raised");
        return;
    }
    match maximum {
        Some(maximum) if maximum < needed => warn!(
            maximum,
            needed,
            "this process may have fewer open files than its limits of connections need: raise the one (ulimit -n, \
             LimitNOFILE), or lower the others"
        ),
        Some(_) | None => info!(maximum, "open files"),
    }
}

/// How many files may be open at once by the settings.
#[must_use]
pub fn needed(settings: &Settings) -> u64 {
    let each = match settings.upstream {
        UpstreamSetting::Embedded => 1,
        UpstreamSetting::Servers(_) => 2,
    };
    let limits = &settings.limits;
    each * u64::from(limits.connections) + u64::from(limits.requests) + OTHERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_to_a_server_is_two_files() {
        let mut settings = Settings::default();
        settings.limits.connections = 1000;
        settings.limits.requests = 50;
        settings.upstream = UpstreamSetting::Embedded;
        assert_eq!(needed(&settings), 1150);
        settings.upstream = "127.0.0.1:1".parse().unwrap();
        assert_eq!(needed(&settings), 2150);
    }

    #[test]
    fn the_limit_is_what_the_system_allows() {
        raise(0);
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}

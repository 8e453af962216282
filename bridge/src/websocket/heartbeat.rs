//! When a client is pinged, and when it counts as dead. No clock: the tunnel tells when a period is over.
use std::time::Duration;

/// How often a client is pinged; one that has given no sign of life for a whole period after a ping is dead.
pub(crate) const PERIOD: Duration = Duration::from_secs(25);

/// What is due at the end of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Send a ping.
    Ping,
    /// End the tunnel.
    Dead,
}

/// Signs of life in the present period.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heartbeat {
    seen: bool,
    pinged: bool,
}

impl Heartbeat {
    /// The client has sent bytes, or has taken some that had been waiting for it.
    pub(crate) const fn alive(&mut self) {
        self.seen = true;
    }

    /// A period is over. `listening` says whether the client was read: while its bytes are left in the socket, because
    /// the upstream is slow, its silence means nothing.
    pub(crate) const fn period_over(&mut self, listening: bool) -> Beat {
        if self.pinged && !self.seen && listening {
            return Beat::Dead;
        }
        self.seen = false;
        self.pinged = true;
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_after_a_ping_is_death() {
        let mut heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.period_over(true), Beat::Ping);
        heartbeat.alive();
        assert_eq!(heartbeat.period_over(true), Beat::Ping);
        assert_eq!(heartbeat.period_over(true), Beat::Dead);
    }

    #[test]
    fn who_is_not_read_does_not_die() {
        let mut heartbeat = Heartbeat::default();
        for _ in 0..10 {
            assert_eq!(heartbeat.period_over(false), Beat::Ping);
        }
        assert_eq!(heartbeat.period_over(true), Beat::Dead);
    }
}

//! `Throttle`: the pace of one client as its tunnel needs it, with no memory where there is no limit.
use std::net::IpAddr;

use tokio::time::Instant;

use super::{LimitSettings, Pace, Rate};

/// Whether a client may be read, and from when on.
#[derive(Debug, Default)]
pub struct Throttle {
    pace: Option<Box<Pace>>,
    /// The client is not read before.
    until: Option<Instant>,
}

impl Throttle {
    /// That of a client from `peer`. Whoever is on this machine has no limit.
    #[must_use]
    pub fn new(limits: &LimitSettings, peer: Option<IpAddr>) -> Self {
        let is_local = peer.is_none_or(|peer| peer.to_canonical().is_loopback());
        let (bytes, packets) = limits.client_rates();
        if is_local || (bytes == Rate::UNLIMITED && packets == Rate::UNLIMITED) {
            return Self::default();
        }
        Self::of(Pace::new(bytes, packets, Instant::now()))
    }

    /// That of a client with this pace.
    #[must_use]
    pub fn of(pace: Pace) -> Self {
        Self { pace: Some(Box::new(pace)), until: None }
    }

    /// Pays for what was read.
    pub(crate) fn pay(&mut self, bytes: usize, packets: usize) {
        if let Some(pace) = &mut self.pace {
            pace.take(Instant::now(), bytes, packets);
            self.until = pace.ready_at();
        }
    }

    /// From when on the client may be read; none: it may be read now.
    pub(crate) fn until(&mut self) -> Option<Instant> {
        self.until = self.until.filter(|until| *until > Instant::now());
        self.until
    }

    /// As [`until`](Self::until) was when it was asked last.
    pub(crate) const fn last_until(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_clients_from_elsewhere_are_slowed_down() {
        let limits = LimitSettings::default();
        for (peer, is_limited) in [
            (None, false),
            (Some("127.0.0.1"), false),
            // as a listener for both families says it
            (Some("::ffff:127.0.0.1"), false),
            (Some("192.0.2.1"), true),
        ] {
            let mut throttle = Throttle::new(&limits, peer.map(|peer| peer.parse().unwrap()));
            throttle.pay(100_000_000, 100_000);
            assert_eq!(throttle.until().is_some(), is_limited, "{peer:?}");
        }
        let unlimited = LimitSettings { client_bytes_per_s: 0, client_packets_per_s: 0, ..limits };
        let mut throttle = Throttle::new(&unlimited, Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
        throttle.pay(100_000_000, 100_000);
        assert_eq!(throttle.until(), None);
    }
}

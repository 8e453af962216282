//! `Idle`: how long a tunnel may be without a packet, and how long without its client's first one.
use std::time::Duration;

use tokio::time::Instant;

use super::LimitSettings;
use crate::close::End;

/// When something moved last, where that is of interest.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Within this time something has to move.
    limit: Option<Duration>,
    /// Within this time the client has to send something; none once it has.
    first: Option<Duration>,
    since: Instant,
}

impl Default for Idle {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Idle {
    /// Something has to move within this time, from now on; none: it does not.
    #[must_use]
    pub fn new(limit: Option<Duration>) -> Self {
        Self { limit, first: None, since: Instant::now() }
    }

    /// As the settings have it, from now on. Loopback is no exception, as for the other time limits: they are about one
    /// connection, and what is asked of it is the same behind a proxy.
    #[must_use]
    pub fn of(limits: &LimitSettings) -> Self {
        Self { first: limits.first_packet_time(), ..Self::new(limits.idle_time()) }
    }

    /// The client has sent something.
    pub(crate) fn heard(&mut self) {
        self.first = None;
        self.moved();
    }

    /// Something has moved. That the server speaks gives a client that has never spoken no more time.
    pub(crate) fn moved(&mut self) {
        // the clock is not free
        if self.limit.is_some() && self.first.is_none() {
            self.since = Instant::now();
        }
    }

    /// The client has come back, and has all its time again.
    pub(crate) fn renew(&mut self) {
        self.since = Instant::now();
    }

    /// When it has been too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let least = self.limit.into_iter().chain(self.first).min();
        least.map(|time| self.since + time)
    }

    /// How the tunnel ends, if it has been too long.
    pub(crate) fn over(&self, now: Instant) -> Option<End> {
        let is_over = self.deadline().is_some_and(|deadline| deadline <= now);
        is_over.then_some(if self.first.is_some() { End::NoPacket } else { End::Idle })
    }
}

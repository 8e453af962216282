//! `Idle`: how long a tunnel may be without a packet.
use std::time::Duration;

use tokio::time::Instant;

/// When something moved last, where that is of interest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle(Option<(Duration, Instant)>);

impl Idle {
    /// Something has to move within this time, from now on; none: it does not.
    #[must_use]
    pub fn new(limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (limit, Instant::now())))
    }

    /// Something has moved.
    pub(crate) fn moved(&mut self) {
        if let Some((_, last)) = &mut self.0 {
            *last = Instant::now();
        }
    }

    /// When it has been too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.map(|(limit, last)| last + limit)
    }

    /// Whether it has been too long.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }
}

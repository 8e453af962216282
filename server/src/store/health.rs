//! `Health`: whether a store keeps what it is given, and how often it did not.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// What a store could not do, counted by cause, and whether it can store anything at the moment.
#[derive(Debug)]
pub struct Health {
    failures: Failures,
    is_failing: AtomicBool,
}

/// What was asked of a store and failed.
pub(crate) type Failures = Family<ByCause, Counter<u64, AtomicU64>>;

/// Why a store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is no room on the disk.
    Full,
    /// The disk does not do what it is told.
    Disk,
    /// Somebody else had the database for too long.
    Busy,
    /// Anything else.
    Other,
}

impl Cause {
    const ALL: [Self; 4] = [Self::Full, Self::Disk, Self::Busy, Self::Other];

    const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Disk => "disk",
            Self::Busy => "busy",
            Self::Other => "other",
        }
    }
}

/// Counted by cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByCause {
    cause: &'static str,
}

impl From<Cause> for ByCause {
    fn from(cause: Cause) -> Self {
        Self { cause: cause.label() }
    }
}

impl Default for Health {
    fn default() -> Self {
        let failures = Failures::default();
        // told from the start, since an alert sees no increase in what was not there before
        for cause in Cause::ALL {
            drop(failures.get_or_create(&cause.into()));
        }
        Self { failures, is_failing: AtomicBool::new(false) }
    }
}

impl Health {
    /// So many things that were asked for were not done.
    pub(crate) fn failed(&self, cause: Cause, count: usize) {
        self.failures.get_or_create(&cause.into()).inc_by(count as u64);
    }

    /// Nothing can be stored, as far as is known, until [`stored`](Self::stored).
    pub(crate) fn cannot_store(&self) {
        self.is_failing.store(true, Ordering::Relaxed);
    }

    /// Something was stored.
    pub(crate) fn stored(&self) {
        self.is_failing.store(false, Ordering::Relaxed);
    }

    /// Whether the last attempt to store something has failed.
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> &Failures {
        &self.failures
    }
}

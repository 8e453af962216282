//! The service's figures, for Prometheus.
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::disk::DataFolder;
use crate::end::REASONS;
use crate::store::Health;
use crate::wall_clock::ClockFigures;

/// The service's figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    /// Connections at the moment.
    pub(crate) connections: Gauge,
    /// Logged-in sessions at the moment.
    pub(crate) sessions: Gauge,
    /// Requests, by command.
    pub(crate) requests: Family<ByCommand, Counter<u64, AtomicU64>>,
    /// Requests that were answered with an ERROR.
    pub(crate) refused: Counter<u64, AtomicU64>,
    /// Messages that were stored.
    pub(crate) messages: Counter<u64, AtomicU64>,
    /// Connections that ended, by reason.
    pub(crate) ended: Family<ByReason, Counter<u64, AtomicU64>>,
    /// Wrong answers at log-in.
    pub(crate) wrong_answers: Counter<u64, AtomicU64>,
    /// Pictures that were uploaded.
    pub(crate) pictures: Counter<u64, AtomicU64>,
    /// The machine's clock.
    pub(crate) clock: ClockFigures,
}

/// Counted by command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByCommand {
    /// The command's name in the catalogue, or `unknown`.
    pub(crate) command: &'static str,
}

/// Counted by reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByReason {
    /// Why.
    pub(crate) reason: &'static str,
}

/// A connection, counted for as long as this lives.
#[derive(Debug)]
pub(crate) struct CountedConnection(Gauge);

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counts a connection.
    pub(crate) fn connection(&self) -> CountedConnection {
        self.connections.inc();
        CountedConnection(self.connections.clone())
    }

    /// Adds the figures to a registry.
    pub(crate) fn register(&self, registry: &mut Registry, store: &Health, disk: DataFolder) {
        // told from the start, since an alert sees no increase in what was not there before
        for reason in REASONS {
            drop(self.ended.get_or_create(&ByReason { reason }));
        }
        let registry = registry.sub_registry_with_prefix("mig33_server");
        registry.register("connections", "Connections at the moment", self.connections.clone());
        registry.register("sessions", "Logged-in sessions at the moment", self.sessions.clone());
        registry.register("requests", "Requests by command", self.requests.clone());
        registry.register(
            "requests_refused",
            "Requests answered with an ERROR",
            self.refused.clone(),
        );
        registry.register("messages_stored", "Messages stored", self.messages.clone());
        registry.register(
            "connections_ended",
            "Connections that ended, by reason",
            self.ended.clone(),
        );
        registry.register("wrong_answers", "Wrong answers at log-in", self.wrong_answers.clone());
        registry.register("pictures_stored", "Pictures uploaded", self.pictures.clone());
        registry.register(
            "store_failures",
            "What the database did not do, by cause",
            store.failures().clone(),
        );
        registry.register_collector(Box::new(disk));
        let ClockFigures { jumps, ahead } = &self.clock;
        registry.register("clock_jumps", "Jumps of the machine's clock", jumps.clone());
        registry.register_with_unit(
            "clock_offset",
            "How far the machine's clock is ahead of the service's",
            Unit::Seconds,
            ahead.clone(),
        );
    }
}

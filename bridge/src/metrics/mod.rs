//! What the bridge counts, for Prometheus.

mod commands;
mod refusals;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tracing::info;

pub(crate) use self::commands::Tally;
use self::commands::{PacketCounters, PacketLabels};
pub use self::refusals::{Refusal, Unserved};
use crate::close::{self, End};
use crate::resume::NOT_RESUMED;
use crate::tls::{Ends, Refreshed};
use crate::traces::{Trace, Traces};

/// The media type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What became of a client that came back, where it goes on with its session.
const RESUMED: &str = "resumed";

/// The bridge's figures, and the registry that they and the chat service's are told from.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// What tunnels count.
    pub tunnel: Arc<TunnelMetrics>,
    refusals: Family<RefusalLabels, Counter>,
    certificates: Family<ResultLabels, Counter>,
    certificate_ends: Family<CertificateLabels, Gauge>,
}

impl Metrics {
    /// Counters at zero, beside what `registry` holds already.
    #[must_use]
    pub fn new(mut registry: Registry) -> Self {
        let tunnel = Arc::new(TunnelMetrics::default());
        let refusals = Family::<RefusalLabels, Counter>::default();
        // all that can be is told from the start, since an alert sees no increase in what was not there before
        let reasons = Refusal::ALL.map(Refusal::label).into_iter();
        for reason in reasons.chain(Unserved::ALL.map(Unserved::label)) {
            drop(refusals.get_or_create(&RefusalLabels { reason }));
        }
        let own = registry.sub_registry_with_prefix("mig33_bridge");
        tunnel.register(own);
        own.register(
            "refusals",
            "Requests for a tunnel, and connections, that were refused",
            refusals.clone(),
        );
        let certificates = Family::<ResultLabels, Counter>::default();
        for result in ["ok", "failed"] {
            drop(certificates.get_or_create(&ResultLabels { result }));
        }
        own.register(
            "certificate_reads",
            "Times that the certificate has changed, by whether the new one could be used",
            certificates.clone(),
        );
        let certificate_ends = Family::<CertificateLabels, Gauge>::default();
        own.register_with_unit(
            "certificate_expiry_timestamp",
            "When the certificate in use ends (own), and the first of those behind it (authority)",
            Unit::Seconds,
            certificate_ends.clone(),
        );
        Self { registry, tunnel, refusals, certificates, certificate_ends }
    }

    /// Counts a request that got no tunnel.
    pub fn refused(&self, refusal: Refusal) {
        self.refusals.get_or_create(&RefusalLabels { reason: refusal.label() }).inc();
    }

    /// Counts a connection that got no answer, or a short one.
    pub fn unserved(&self, why: Unserved) {
        self.refusals.get_or_create(&RefusalLabels { reason: why.label() }).inc();
    }

    /// Counts a change of the certificate.
    pub(crate) fn certificate_read(&self, refreshed: Refreshed) {
        let result = match refreshed {
            Refreshed::Same => return,
            Refreshed::New => "ok",
            Refreshed::Bad => "failed",
        };
        self.certificates.get_or_create(&ResultLabels { result }).inc();
    }

    /// Another certificate is in use.
    pub(crate) fn certificate_in_use(&self, ends: Ends) {
        for (certificate, end) in [("own", ends.own), ("authority", ends.authority)] {
            let labels = CertificateLabels { certificate };
            match end.and_then(|end| i64::try_from(end.as_secs()).ok()) {
                Some(end) => drop(self.certificate_ends.get_or_create(&labels).set(end)),
                None => drop(self.certificate_ends.remove(&labels)),
            }
        }
    }

    /// All figures, in the text format of OpenMetrics.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // writing to a String does not fail
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

/// What tunnels count.
#[derive(Debug)]
pub struct TunnelMetrics {
    open: Gauge,
    opened: Counter,
    connect_failures: Counter,
    closes: Family<CloseLabels, Counter>,
    bytes: Family<DirectionLabels, Counter>,
    packets: Family<PacketLabels, Counter>,
    latency: Family<DirectionLabels, Histogram>,
    to_upstream: Direction,
    to_client: Direction,
    sessions_detached: Gauge,
    resumes: Family<ResumeLabels, Counter>,
    replayed_bytes: Counter,
    detach_refusals: Counter,
    /// Where connections are told of one by one, too.
    traces: OnceLock<Arc<Traces>>,
}

/// The counters of one direction, held apart from their family so that counting needs no look-up.
#[derive(Debug)]
struct Direction {
    bytes: Counter,
    packets: PacketCounters,
    latency: Histogram,
}

impl Default for TunnelMetrics {
    fn default() -> Self {
        let (bytes, packets) = (Family::<DirectionLabels, Counter>::default(), Family::default());
        let latency = Family::new_with_constructor(latency_histogram as fn() -> Histogram);
        let direction = |direction| {
            let labels = DirectionLabels { direction };
            Direction {
                bytes: bytes.get_or_create_owned(&labels),
                packets: PacketCounters::new(direction, packets.clone()),
                latency: latency.get_or_create_owned(&labels),
            }
        };
        let closes = Family::<CloseLabels, Counter>::default();
        for end in close::ALL {
            drop(closes.get_or_create(&CloseLabels::of(end)));
        }
        let resumes = Family::<ResumeLabels, Counter>::default();
        for outcome in [RESUMED].into_iter().chain(NOT_RESUMED) {
            drop(resumes.get_or_create(&ResumeLabels { outcome }));
        }
        Self {
            open: Gauge::default(),
            opened: Counter::default(),
            connect_failures: Counter::default(),
            closes,
            to_upstream: direction("to_upstream"),
            to_client: direction("to_client"),
            bytes: bytes.clone(),
            packets: packets.clone(),
            latency: latency.clone(),
            sessions_detached: Gauge::default(),
            resumes,
            replayed_bytes: Counter::default(),
            detach_refusals: Counter::default(),
            traces: OnceLock::new(),
        }
    }
}

impl TunnelMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("connections_open", "Tunnels that are open", self.open.clone());
        registry.register("connections", "Tunnels that were opened", self.opened.clone());
        registry.register(
            "upstream_connect_failures",
            "Connections to the upstream that could not be made",
            self.connect_failures.clone(),
        );
        registry.register(
            "closes",
            "Tunnels that ended, by cause and by the close code sent (0: none)",
            self.closes.clone(),
        );
        registry.register("bytes", "Bytes read from one side for the other", self.bytes.clone());
        registry.register(
            "packets",
            "Packets passed on, by command (other: in no catalogue)",
            self.packets.clone(),
        );
        registry.register_with_unit(
            "latency",
            "Time from a read on one side to the end of the write on the other, of one read in 16",
            Unit::Seconds,
            self.latency.clone(),
        );
        registry.register(
            "sessions_detached",
            "Sessions that wait for their clients",
            self.sessions_detached.clone(),
        );
        registry.register(
            "resumes",
            "Clients that came back, by outcome: resumed, or why not",
            self.resumes.clone(),
        );
        registry.register(
            "replayed_bytes",
            "Bytes sent again to clients that came back",
            self.replayed_bytes.clone(),
        );
        registry.register(
            "detach_refusals",
            "Sessions that ended because too many waited already, or none may",
            self.detach_refusals.clone(),
        );
    }

    /// Connections are traced from now on.
    pub(crate) fn trace_to(&self, traces: Arc<Traces>) {
        // there is one bridge, which does it once
        let _ = self.traces.set(traces);
    }

    /// Where connections are traced.
    pub(crate) fn traces(&self) -> Option<&Arc<Traces>> {
        self.traces.get()
    }

    /// What is told of one connection.
    pub(crate) fn trace(&self, connection: u64) -> Trace<'_> {
        Trace::new(self.traces.get().map(Arc::as_ref), connection)
    }

    /// A tunnel was opened.
    pub(crate) fn opened(&self) {
        self.opened.inc();
        self.open.inc();
    }

    /// A tunnel is no more.
    pub(crate) fn closed(&self, end: End) {
        self.open.dec();
        self.closes.get_or_create(&CloseLabels::of(end)).inc();
        if end == End::UpstreamUnreachable {
            self.connect_failures.inc();
        }
    }

    /// A session waits for its client.
    pub(crate) fn detached(&self) {
        self.sessions_detached.inc();
    }

    /// It waits no more.
    pub(crate) fn attached(&self) {
        self.sessions_detached.dec();
    }

    /// A session may not wait for its client.
    pub(crate) fn detach_refused(&self) {
        self.detach_refusals.inc();
    }

    /// A client goes on with its session, and was sent so many bytes again.
    pub(crate) fn resumed(&self, replayed: usize) {
        self.resumes.get_or_create(&ResumeLabels { outcome: RESUMED }).inc();
        self.replayed_bytes.inc_by(replayed as u64);
    }

    /// A client could not go on with its session.
    pub(crate) fn not_resumed(&self, why: &'static str) {
        self.resumes.get_or_create(&ResumeLabels { outcome: why }).inc();
    }

    /// The client has sent bytes for the upstream; the packets that began with them are counted, and the tally emptied.
    pub(crate) fn count_from_client(&self, bytes: usize, packets: &mut Tally) {
        self.to_upstream.count(bytes, packets);
    }

    /// The upstream has sent bytes for the client; as [`count_from_client`](Self::count_from_client).
    pub(crate) fn count_from_upstream(&self, bytes: usize, packets: &mut Tally) {
        self.to_client.count(bytes, packets);
    }

    /// What was read from the client was with the upstream after this time.
    pub(crate) fn to_upstream_took(&self, time: Duration) {
        self.to_upstream.latency.observe(time.as_secs_f64());
    }

    /// What was read from the upstream was with the client after this time.
    pub(crate) fn to_client_took(&self, time: Duration) {
        self.to_client.latency.observe(time.as_secs_f64());
    }
}

/// Counts, logs and traces the end of a connection.
pub(crate) fn closed(metrics: &TunnelMetrics, connection: u64, end: End) {
    metrics.closed(end);
    metrics.trace(connection).ended(end);
    info!(
        connection,
        end = end.label(),
        code = end.code(),
        reason = %end.reason(),
        "connection closed"
    );
}

impl Direction {
    fn count(&self, bytes: usize, packets: &mut Tally) {
        self.bytes.inc_by(bytes as u64);
        self.packets.count(packets);
    }
}

fn latency_histogram() -> Histogram {
    Histogram::new([5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 1e-2, 1e-1])
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabels {
    end: &'static str,
    code: u16,
}

impl CloseLabels {
    fn of(end: End) -> Self {
        Self { end: end.label(), code: end.code().unwrap_or(0) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertificateLabels {
    certificate: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResumeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabels {
    direction: &'static str,
}

#[cfg(test)]
mod tests {
    use mig33_codec::{Command, Header};

    use super::*;

    #[test]
    fn what_may_be_counted_is_told_from_the_start() {
        let text = Metrics::new(Registry::default()).text();
        let count = |name: &str| {
            let zero = |line: &&str| line.starts_with(&format!("{name}{{")) && line.ends_with(" 0");
            text.lines().filter(zero).count()
        };
        assert_eq!(count("mig33_bridge_closes_total"), close::ALL.len());
        assert_eq!(count("mig33_bridge_refusals_total"), 13);
        assert_eq!(count("mig33_bridge_resumes_total"), 3);
        assert_eq!(count("mig33_bridge_certificate_reads_total"), 2);
        assert_eq!(count("mig33_bridge_packets_total"), 0, "there are too many commands");
        assert!(!text.contains("mig33_bridge_certificate_expiry_timestamp_seconds{"));
    }

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new(Registry::default());
        metrics.tunnel.opened();
        metrics.tunnel.opened();
        let mut packets = Tally::default();
        let header = Header { command: Command::PING, transaction: 1, length: 0 };
        packets.add(&header);
        packets.add(&header);
        metrics.tunnel.count_from_client(30, &mut packets);
        packets.add(&Header { command: Command::PONG, ..header });
        metrics.tunnel.count_from_upstream(9, &mut packets);
        metrics.tunnel.to_upstream_took(Duration::from_micros(7));
        metrics.tunnel.closed(End::UpstreamUnreachable);
        metrics.refused(Refusal::Origin);
        let text = metrics.text();
        for line in [
            "mig33_bridge_connections_open 1",
            "mig33_bridge_connections_total 2",
            "mig33_bridge_upstream_connect_failures_total 1",
            "mig33_bridge_bytes_total{direction=\"to_upstream\"} 30",
            "mig33_bridge_packets_total{direction=\"to_upstream\",command=\"PING\"} 2",
            "mig33_bridge_packets_total{direction=\"to_client\",command=\"PONG\"} 1",
            "mig33_bridge_latency_seconds_bucket{le=\"0.00001\",direction=\"to_upstream\"} 1",
            "mig33_bridge_closes_total{end=\"upstream_unreachable\",code=\"1013\"} 1",
            "mig33_bridge_refusals_total{reason=\"origin\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}

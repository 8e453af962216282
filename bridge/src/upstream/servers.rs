//! `Servers`: the mig33 servers that tunnels lead to, tried in their order, and which of them answer.
//!
//! The first one that answers gets a new tunnel. One that did not answer last time is tried after the others. Where there
//! are several, all are asked every few seconds, so that no client waits for one that is known to be away.
use std::io;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Link;
use super::server::Dialer;
use super::setting::ServerAddress;
use crate::traces::Trace;

/// How often each of several servers is asked.
const PERIOD: Duration = Duration::from_secs(5);
/// How long the answer of a single one is good: asking often for readiness costs it nothing.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// All servers of a bridge.
#[derive(Debug)]
pub struct Servers {
    dialer: Dialer,
    servers: Vec<Server>,
    failures: Family<ServerLabels, Counter<u64, AtomicU64>>,
    up: Family<ServerLabels, Gauge>,
}

#[derive(Debug)]
struct Server {
    address: ServerAddress,
    /// When it was tried last, and whether it answered.
    last: Mutex<Option<(Instant, bool)>>,
    /// Whether it did, as it is told: held here, so that connecting needs no look-up.
    up: OnceLock<Gauge>,
}

impl Servers {
    pub(super) fn new(dialer: Dialer, addresses: Vec<ServerAddress>) -> Self {
        let failures = Family::<ServerLabels, Counter<u64, AtomicU64>>::default();
        for address in &addresses {
            // told from the start, since an alert sees no increase in what was not there before
            drop(failures.get_or_create(&ServerLabels::of(address)));
        }
        let servers = addresses
            .into_iter()
            .map(|address| Server { address, last: Mutex::new(None), up: OnceLock::new() })
            .collect();
        Self { dialer, servers, failures, up: Family::default() }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let own = registry.sub_registry_with_prefix("mig33_bridge");
        own.register(
            "upstream_failures",
            "Connections to a server that could not be made, also to see whether it answers",
            self.failures.clone(),
        );
        own.register(
            "upstream_up",
            "Whether a server answered when it was tried last (1) or not (0)",
            self.up.clone(),
        );
    }

    /// A connection for a client to the first server that answers.
    ///
    /// # Errors
    /// None does; the error is the last one's.
    pub(super) async fn connect(
        &self,
        client: Option<IpAddr>,
        trace: Trace<'_>,
    ) -> io::Result<Link> {
        let (away, there): (Vec<_>, Vec<_>) =
            self.servers.iter().partition(|server| server.is_away());
        let mut failed = io::Error::from(io::ErrorKind::NotConnected);
        for server in there.into_iter().chain(away) {
            let began = trace.dialing();
            let link = self.dial(server, client).await;
            trace.dialed(&server.address, began, link.as_ref().err());
            match link {
                Ok(link) => return Ok(link),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Whether a connection can be made now, or could a moment ago.
    pub(super) async fn reachable(&self) -> bool {
        // several are asked by themselves
        let good_for = if self.servers.len() > 1 {
            2 * PERIOD + self.dialer.connect_time
        } else {
            ANSWER_TIME
        };
        for server in &self.servers {
            let known = server.last().filter(|(when, _)| when.elapsed() < good_for);
            let answers = match known {
                Some((_, answers)) => answers,
                None => self.dial(server, None).await.is_ok(),
            };
            if answers {
                return true;
            }
        }
        false
    }

    /// Asks all servers every few seconds, where there are several.
    pub(super) async fn watch(&self, stop: CancellationToken) {
        if self.servers.len() < 2 {
            return;
        }
        let mut period = interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = period.tick() => {}
                () = stop.cancelled() => return,
            }
            for server in &self.servers {
                tokio::select! {
                    _ = self.dial(server, None) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }

    /// A connection to this server. What comes of it is noted.
    async fn dial(&self, server: &Server, client: Option<IpAddr>) -> io::Result<Link> {
        let link = self.dialer.connect(&server.address, client).await;
        let labels = || ServerLabels::of(&server.address);
        let before = server.note(link.is_ok());
        let up = server.up.get_or_init(|| self.up.get_or_create_owned(&labels()));
        up.set(i64::from(link.is_ok()));
        match &link {
            Ok(_) if before == Some(false) => {
                info!(server = %server.address, "a server answers again")
            }
            Ok(_) => {}
            Err(error) => {
                self.failures.get_or_create(&labels()).inc();
                if before != Some(false) {
                    warn!(server = %server.address, %error, "a server does not answer");
                }
            }
        }
        link
    }
}

impl Server {
    fn last(&self) -> Option<(Instant, bool)> {
        *self.lock()
    }

    fn is_away(&self) -> bool {
        self.last().is_some_and(|(_, answers)| !answers)
    }

    /// Notes whether it answers; and whether it did before.
    fn note(&self, answers: bool) -> Option<bool> {
        self.lock().replace((Instant::now(), answers)).map(|(_, before)| before)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, bool)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    server: String,
}

impl ServerLabels {
    fn of(address: &ServerAddress) -> Self {
        Self { server: address.to_string() }
    }
}

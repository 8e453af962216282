//! `mig33.resume` on streams in memory and virtual time: a client written for the tests, cut off wherever that can be.

mod client;
mod cuts;
mod ends;
mod rules;

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use mig33_bridge::close::End;
use mig33_bridge::limits::LimitSettings;
use mig33_bridge::metrics::TunnelMetrics;
use mig33_bridge::resume::{Arrival, Limits, Registry};
use mig33_bridge::tunnel::Framing;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::client::Client;
use crate::support::LOGIN_OK;

/// Bytes that each stream may hold.
const STREAM: usize = 1024;
const GRACE: Duration = Duration::from_secs(120);

/// What sessions may take where a test is about something else.
pub(crate) fn limits() -> Limits {
    Limits {
        grace: GRACE,
        buffer: 65_536,
        detached: 10,
        detached_per_address: 10,
        client: LimitSettings {
            client_bytes_per_s: 0,
            client_packets_per_s: 0,
            first_packet_s: 0,
            ..LimitSettings::default()
        },
        framing: Framing::Checked,
    }
}

/// A bridge's sessions, and the servers' ends of those that begin.
pub(crate) struct Sessions {
    registry: Arc<Registry<DuplexStream>>,
    connect: mpsc::UnboundedSender<DuplexStream>,
    servers: mpsc::UnboundedReceiver<DuplexStream>,
    stop: CancellationToken,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self::with(limits())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let registry =
            Registry::new(limits, Arc::new(TunnelMetrics::default()), TaskTracker::new());
        let (connect, servers) = mpsc::unbounded_channel();
        Self { registry, connect, servers, stop: CancellationToken::new() }
    }

    /// A connection whose handshake is done, from the address that ends in `host`.
    pub(crate) fn connection_from(&self, host: u8) -> DuplexStream {
        let (client, near) = duplex(STREAM);
        let registry = Arc::clone(&self.registry);
        let connect = self.connect.clone();
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let peer = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)));
            let server = Box::pin(async move {
                let (far, server) = duplex(STREAM);
                connect.send(server).unwrap();
                Ok(far)
            });
            let shutdown = async move {
                stop.cancelled().await;
                End::Shutdown { retry_ms: 700 }
            };
            registry.serve(Arrival::new(near, 1, peer), Vec::new(), server, shutdown).await;
        });
        client
    }

    pub(crate) fn connection(&self) -> DuplexStream {
        self.connection_from(1)
    }

    /// The server's end of the session that begins next.
    pub(crate) async fn server(&mut self) -> DuplexStream {
        self.servers.recv().await.unwrap()
    }

    /// A client with a new session, and its server.
    pub(crate) async fn begin(&mut self) -> (Client, DuplexStream) {
        let client = Client::begin(self.connection()).await;
        (client, self.server().await)
    }

    /// No session has begun that was not taken by [`server`](Self::server).
    pub(crate) fn no_server(&mut self) -> bool {
        self.servers.try_recv().is_err()
    }
}

/// Has the server let the client in.
pub(crate) async fn log_in(client: &mut Client, server: &mut DuplexStream) {
    server.write_all(&LOGIN_OK).await.unwrap();
    client.receive(client.received.len() + LOGIN_OK.len()).await.unwrap();
}

/// Lets so many seconds of virtual time pass, and all happen that happens in them.
pub(crate) async fn pass(seconds: u64) {
    assert!(timeout(Duration::from_secs(seconds), pending::<()>()).await.is_err());
}

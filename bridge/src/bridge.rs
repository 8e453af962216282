//! `Bridge`: all listeners and the upstream, started and stopped together.
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::accept::accept;
use crate::address::Address;
use crate::metrics::Metrics;
use crate::origin::Origin;
use crate::page::Page;
use crate::resume;
use crate::settings::{Settings, UpstreamSetting};
use crate::tick::tick;
use crate::upstream::Upstream;
use crate::{admin, app};

/// A bridge that runs until it is stopped.
pub struct Bridge {
    shared: Arc<Shared>,
    addresses: Addresses,
    drain_time: Duration,
    stop: CancellationToken,
    connections: TaskTracker,
    #[cfg(feature = "embedded")]
    service: Option<mig33_server::Service>,
}

/// Where a bridge listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The page and `/ws`.
    pub page: SocketAddr,
    /// The embedded service's TCP clients.
    pub tcp: Option<SocketAddr>,
    /// Health and metrics.
    pub admin: SocketAddr,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) upstream: Upstream,
    pub(crate) metrics: Metrics,
    /// Sessions that can be gone on with.
    pub(crate) sessions: Arc<resume::Registry<TcpStream>>,
    pub(crate) page: Page,
    pub(crate) allow_origin: Vec<Origin>,
    /// What links start with, where it is set.
    pub(crate) public_url: Option<String>,
    /// No new tunnels, and an end to the open ones.
    pub(crate) draining: CancellationToken,
    pub(crate) tunnels: TaskTracker,
    connections: AtomicU64,
}

/// Why a bridge does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {what}: {source}{}", advice(source, what))]
    Listen {
        /// Which listener.
        what: Listener,
        /// Where.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// The program was built without the service that it is told to embed.
    #[error("this program has no chat service in it: name one with --upstream HOST:PORT")]
    NotEmbedded,
    /// The embedded service does not start.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Service(#[from] mig33_server::StartError),
}

/// One of the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The page and `/ws`.
    Page,
    /// The embedded service's TCP clients.
    Tcp,
    /// Health and metrics.
    Admin,
}

impl Listener {
    const fn flag(self) -> &'static str {
        match self {
            Self::Page => "--listen",
            Self::Tcp => "--tcp-listen",
            Self::Admin => "--admin-listen",
        }
    }
}

impl std::fmt::Display for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Page => "the page",
            Self::Tcp => "TCP clients",
            Self::Admin => "health and metrics",
        })
    }
}

fn advice(error: &io::Error, what: &Listener) -> String {
    if error.kind() == io::ErrorKind::AddrInUse {
        format!("; another program has it: stop that, or choose another port with {}", what.flag())
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        format!("; choose a port from 1024 on with {}", what.flag())
    } else {
        String::new()
    }
}

impl Bridge {
    /// Binds all listeners, opens the upstream and begins to serve.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running then.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Page::embedded()).await
    }

    /// As [`start`](Self::start), with another page.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(settings: Settings, page: Page) -> Result<Self, StartError> {
        let (page_listener, page_address) = bind(Listener::Page, &settings.listen).await?;
        let (admin_listener, admin_address) = bind(Listener::Admin, &settings.admin_listen).await?;
        let connections = TaskTracker::new();
        let stop = CancellationToken::new();
        let mut registry = Registry::default();
        let opened = open(&settings, page_address, &mut registry, &connections).await?;
        let drain_time = settings.drain_time();
        let metrics = Metrics::new(registry);
        let tunnels = TaskTracker::new();
        let sessions = resume::Registry::new(
            settings.resume_limits(),
            Arc::clone(&metrics.tunnel),
            tunnels.clone(),
        );
        let shared = Arc::new(Shared {
            upstream: opened.upstream,
            metrics,
            sessions,
            page,
            allow_origin: settings.allow_origin,
            public_url: opened.public_url,
            draining: CancellationToken::new(),
            tunnels,
            connections: AtomicU64::new(0),
        });
        if !shared.page.is_there() {
            warn!("the page is not in this program: `cargo xtask build` makes one that has it");
        }
        connections.spawn(tick(stop.clone()));
        let page_router = app::router(&shared, opened.pictures);
        connections.spawn(accept(page_listener, page_router, stop.clone(), connections.clone()));
        connections.spawn(accept(
            admin_listener,
            admin::router(&shared),
            stop.clone(),
            connections.clone(),
        ));
        Ok(Self {
            shared,
            addresses: Addresses { page: page_address, tcp: opened.tcp, admin: admin_address },
            drain_time,
            stop,
            connections,
            #[cfg(feature = "embedded")]
            service: opened.service,
        })
    }

    /// Where it listens, with the ports that were chosen for port 0.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Stops in good order: not ready any more, a close to every tunnel, then the service. It takes as long as the drain
    /// time at most, and what the service needs to close its store.
    pub async fn stop(self) {
        info!(tunnels = self.shared.tunnels.len(), "stopping");
        self.shared.draining.cancel();
        self.shared.tunnels.close();
        if timeout(self.drain_time, self.shared.tunnels.wait()).await.is_err() {
            warn!(tunnels = self.shared.tunnels.len(), "the drain time is over");
        }
        #[cfg(feature = "embedded")]
        if let Some(service) = &self.service {
            service.shutdown().await;
        }
        self.stop.cancel();
        self.connections.close();
        // an idle connection ends at once; one that does not is ended with the program
        let _ = timeout(self.drain_time, self.connections.wait()).await;
        info!("stopped");
    }
}

impl Shared {
    /// A number for a new connection, for logs.
    pub(crate) fn next_connection(&self) -> u64 {
        1 + self.connections.fetch_add(1, Ordering::Relaxed)
    }
}

/// The upstream, and what comes with it.
struct Opened {
    upstream: Upstream,
    public_url: Option<String>,
    tcp: Option<SocketAddr>,
    pictures: Option<axum::Router>,
    #[cfg(feature = "embedded")]
    service: Option<mig33_server::Service>,
}

#[cfg(feature = "embedded")]
async fn open(
    settings: &Settings,
    page: SocketAddr,
    registry: &mut Registry,
    connections: &TaskTracker,
) -> Result<Opened, StartError> {
    let mut server = settings.server.clone();
    let public_url = server.public_url.clone();
    if let UpstreamSetting::Tcp(address) = &settings.upstream {
        let upstream = Upstream::tcp(address.clone());
        return Ok(Opened { upstream, public_url, tcp: None, pictures: None, service: None });
    }
    let (tcp_listener, tcp) = bind(Listener::Tcp, &settings.tcp_listen).await?;
    // links for clients that have not come through the page lead to it all the same
    server.public_url.get_or_insert_with(|| url(page));
    let service = mig33_server::Service::start(server).await?;
    service.register_metrics(registry);
    let listening = service.clone();
    connections.spawn(async move { listening.listen(tcp_listener).await });
    Ok(Opened {
        upstream: Upstream::Embedded(crate::upstream::Embedded::new(
            service.clone(),
            connections.clone(),
        )),
        public_url,
        tcp: Some(tcp),
        pictures: Some(service.http_router()),
        service: Some(service),
    })
}

#[cfg(not(feature = "embedded"))]
async fn open(
    settings: &Settings,
    _page: SocketAddr,
    _registry: &mut Registry,
    _connections: &TaskTracker,
) -> Result<Opened, StartError> {
    match &settings.upstream {
        UpstreamSetting::Tcp(address) => {
            let upstream = Upstream::tcp(address.clone());
            Ok(Opened { upstream, public_url: None, tcp: None, pictures: None })
        }
        UpstreamSetting::Embedded => Err(StartError::NotEmbedded),
    }
}

async fn bind(what: Listener, address: &Address) -> Result<(TcpListener, SocketAddr), StartError> {
    let error = |source| StartError::Listen { what, address: address.clone(), source };
    let listener = TcpListener::bind(address.as_str()).await.map_err(error)?;
    let local = listener.local_addr().map_err(error)?;
    Ok((listener, local))
}

/// The page's address as a link on this machine.
#[cfg_attr(
    not(feature = "embedded"),
    expect(dead_code, reason = "only the embedded service makes links")
)]
fn url(page: SocketAddr) -> String {
    let host = if page.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { page.ip() };
    format!("http://{}", SocketAddr::new(host, page.port()))
}

//! `Bridge`: all listeners and the upstream, started and stopped together.
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mig33_peer::{Proxies, Trusted};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::accept::{Door, accept};
use crate::address::Address;
use crate::drain::Drain;
use crate::forwarded::ForwardedHeader;
use crate::inherited::Inherited;
use crate::limits::Admission;
use crate::metrics::Metrics;
use crate::page::Page;
use crate::reload::{Changes, Live};
use crate::resume;
use crate::settings::Settings;
use crate::socket::Socket;
use crate::tick::tick;
use crate::tls::{Offer, TlsError};
use crate::traces::{FLUSH_TIME, Traces, TracesError};
use crate::tunnel::Framing;
use crate::upstream::{Upstream, UpstreamSetting};
use crate::workers::Workers;
use crate::{admin, app, origin};

/// More than the embedded service takes to end its sessions and to close its store.
const SERVICE_TIME: Duration = Duration::from_secs(15);

/// A bridge that runs until it is stopped.
pub struct Bridge {
    shared: Arc<Shared>,
    addresses: Addresses,
    /// As they were read last.
    settings: Settings,
    /// Ends the accepting on listeners that were here before this program, and will be after it.
    leave: CancellationToken,
    stop: CancellationToken,
    connections: TaskTracker,
    /// Where clients of the page's listener are served.
    _threads: Option<DropGuard>,
    #[cfg(feature = "embedded")]
    service: Option<mig33_server::Service>,
}

/// Where a bridge listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The page and `/ws`.
    pub page: SocketAddr,
    /// Whether these speak TLS.
    pub is_secure: bool,
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
    pub(crate) sessions: Arc<resume::Registry<Socket>>,
    pub(crate) page: Page,
    /// Whether the page's listener speaks TLS.
    pub(crate) is_secure: bool,
    /// What may change while it runs.
    pub(crate) live: Live,
    /// What links start with, where it is set.
    pub(crate) public_url: Option<String>,
    /// The host in it: what tunnels are asked for at.
    pub(crate) public_host: Option<String>,
    /// Whose word about a client counts.
    pub(crate) trusted: Trusted,
    pub(crate) forwarded_header: ForwardedHeader,
    pub(crate) framing: Framing,
    /// Counts the connections of the page's listener that are no tunnel.
    pub(crate) requests: Arc<Admission>,
    /// Counts the tunnels.
    pub(crate) admission: Arc<Admission>,
    /// No new tunnels, and an end to the open ones.
    pub(crate) drain: Arc<Drain>,
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
    /// There is no thread for connections, or it cannot watch the page's listener.
    #[error("cannot start the threads for connections: {0}")]
    Threads(#[source] io::Error),
    /// TLS cannot be had as the settings have it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Traces cannot be sent as the settings have it.
    #[error(transparent)]
    Traces(#[from] TracesError),
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Page, Self::Tcp, Self::Admin];

    /// Its name where a socket for it is handed over (`FileDescriptorName=`), and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Tcp => "tcp",
            Self::Admin => "admin",
        }
    }

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
        Self::start_on(settings, Page::embedded(), Inherited::default()).await
    }

    /// As [`start`](Self::start), with another page.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(settings: Settings, page: Page) -> Result<Self, StartError> {
        Self::start_on(settings, page, Inherited::default()).await
    }

    /// As [`start`](Self::start), with another page, and on listeners that are open already; the settings say where the
    /// others are. When it is stopped, it leaves those who come to an inherited listener to the program that has it next.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_on(
        settings: Settings,
        page: Page,
        inherited: Inherited,
    ) -> Result<Self, StartError> {
        let threads = Some(settings.threads());
        Self::start_all(settings, page, inherited, threads).await
    }

    /// As [`start_with`](Self::start_with), with no threads of its own: all connections are served where this is called,
    /// by that runtime's clock.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_here(settings: Settings, page: Page) -> Result<Self, StartError> {
        Self::start_all(settings, page, Inherited::default(), None).await
    }

    async fn start_all(
        settings: Settings,
        page: Page,
        mut inherited: Inherited,
        threads: Option<NonZeroUsize>,
    ) -> Result<Self, StartError> {
        let leave = CancellationToken::new();
        let stop = CancellationToken::new();
        let until = |is_inherited| if is_inherited { leave.clone() } else { stop.clone() };
        let (page_listener, page_address, page_inherited) =
            bind(Listener::Page, &settings.listen, &mut inherited).await?;
        let (admin_listener, admin_address, admin_inherited) =
            bind(Listener::Admin, &settings.admin_listen, &mut inherited).await?;
        let (workers, threads) =
            threads.map(Workers::start).transpose().map_err(StartError::Threads)?.unzip();
        let (page_listener, accepting) = match &workers {
            None => (page_listener, Handle::current()),
            Some(workers) => workers.adopt(page_listener).map_err(StartError::Threads)?,
        };
        let connections = TaskTracker::new();
        let mut registry = Registry::default();
        let offer = Offer::of(&settings)?;
        let page_url = url(page_address, offer.is_some());
        let traces = Traces::start(&settings.otlp, &mut registry)?;
        // last of what may fail: a service that has started has taken the seats that were kept out of its store
        let opened =
            open(&settings, page_url, &mut registry, &connections, inherited, until).await?;
        let proxies = settings.proxies();
        let metrics = Metrics::new(registry);
        if let Some(traces) = traces {
            metrics.tunnel.trace_to(traces);
        }
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
            is_secure: offer.is_some(),
            live: Live::new(&settings),
            public_host: opened.public_url.as_deref().and_then(origin::host_of),
            public_url: opened.public_url,
            trusted: proxies.trusted.clone(),
            forwarded_header: settings.forwarded_header,
            framing: settings.framing,
            requests: Admission::new(settings.limits.requests()),
            admission: Admission::new(settings.limits.tunnels()),
            drain: Arc::default(),
            tunnels,
            connections: AtomicU64::new(0),
        });
        if !shared.page.is_there() {
            warn!("the page is not in this program: `cargo xtask build` makes one that has it");
        }
        connections.spawn(tick(stop.clone()));
        let page_router = app::router(&shared, opened.pictures);
        let door = |router, admission, has_tunnels, proxies, tls, workers, is_inherited| Door {
            router,
            has_tunnels,
            proxies,
            tls,
            handshake_time: settings.limits.handshake_time(),
            admission,
            header_time: settings.limits.header_time(),
            answer_time: settings.limits.answer_time(),
            shared: Arc::clone(&shared),
            workers,
            leave: until(is_inherited),
            stop: stop.clone(),
            connections: connections.clone(),
        };
        let acceptor = offer.as_ref().map(Offer::acceptor);
        if let Some(offer) = offer {
            connections.spawn(offer.keep_up(Arc::clone(&shared), stop.clone()));
        }
        let (watched, until) = (Arc::clone(&shared), stop.clone());
        connections.spawn(async move { watched.upstream.watch(until).await });
        // each listener has its own count: a full page keeps nobody from the figures
        let (of_page, of_admin) =
            (Arc::clone(&shared.requests), Admission::new(settings.limits.requests()));
        let page_door =
            door(page_router, of_page, true, proxies.clone(), acceptor, workers, page_inherited);
        let admin_router = admin::router(&shared);
        let admin_door =
            door(admin_router, of_admin, false, Proxies::default(), None, None, admin_inherited);
        connections.spawn_on(accept(page_listener, page_door), &accepting);
        info!(version = env!("CARGO_PKG_VERSION"), page = %page_address, "started");
        connections.spawn(accept(admin_listener, admin_door));
        Ok(Self {
            addresses: Addresses {
                page: page_address,
                is_secure: shared.is_secure,
                tcp: opened.tcp,
                admin: admin_address,
            },
            shared,
            settings,
            leave,
            stop,
            connections,
            _threads: threads,
            #[cfg(feature = "embedded")]
            service: opened.service,
        })
    }

    /// Where it listens, with the ports that were chosen for port 0.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Takes over what it can of other settings; what that is. Connections keep what they came with.
    pub fn reload(&mut self, settings: Settings) -> Changes {
        let changes = Changes::between(&self.settings, &settings);
        self.shared.live.set(&settings);
        self.shared.sessions.set_client_limits(&settings.limits);
        self.shared.requests.set(settings.limits.requests());
        self.shared.admission.set(settings.limits.tunnels());
        info!(applied = ?changes.applied, at_restart = ?changes.at_restart, "settings were read again");
        self.settings = settings;
        changes
    }

    /// How long [`stop`](Self::stop) may take.
    #[must_use]
    pub fn longest_stop(&self) -> Duration {
        // tunnels, then the rest of the connections; the service has its own time between the two
        let flush = self.shared.metrics.tunnel.traces().map_or(Duration::ZERO, |_| FLUSH_TIME);
        2 * self.settings.drain_time() + SERVICE_TIME + flush
    }

    /// Stops in good order: not ready any more, a close to every tunnel, then the service. It takes as long as the drain
    /// time at most, and what the service needs to close its store.
    pub async fn stop(self) {
        info!(tunnels = self.shared.tunnels.len(), "stopping");
        self.leave.cancel();
        #[cfg(feature = "embedded")]
        if let Some(service) = &self.service {
            service.prepare_shutdown();
        }
        self.shared.drain.begin(self.shared.tunnels.len());
        self.shared.tunnels.close();
        if timeout(self.settings.drain_time(), self.shared.tunnels.wait()).await.is_err() {
            warn!(tunnels = self.shared.tunnels.len(), "the drain time is over");
        }
        #[cfg(feature = "embedded")]
        if let Some(service) = &self.service {
            service.shutdown().await;
        }
        self.stop.cancel();
        self.connections.close();
        // an idle connection ends at once; one that does not is ended with the program
        let _ = timeout(self.settings.drain_time(), self.connections.wait()).await;
        if let Some(traces) = self.shared.metrics.tunnel.traces() {
            traces.flush().await;
        }
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
    page_url: String,
    registry: &mut Registry,
    connections: &TaskTracker,
    mut inherited: Inherited,
    until: impl Fn(bool) -> CancellationToken,
) -> Result<Opened, StartError> {
    let mut server = settings.server.clone();
    let public_url = server.public_url.clone();
    if let UpstreamSetting::Servers(servers) = &settings.upstream {
        let upstream = Upstream::servers(servers.clone(), settings.dialing(), registry)?;
        inherited.close_unused();
        return Ok(Opened { upstream, public_url, tcp: None, pictures: None, service: None });
    }
    let (tcp_listener, tcp, is_inherited) =
        bind(Listener::Tcp, &settings.tcp_listen, &mut inherited).await?;
    // links for clients that have not come through the page lead to it all the same
    server.public_url.get_or_insert(page_url);
    let service = mig33_server::Service::start(server).await?;
    service.register_metrics(registry);
    let listening = service.clone();
    let proxies = settings.proxies();
    let until = until(is_inherited);
    connections.spawn(async move {
        tokio::select! {
            biased;
            () = until.cancelled() => {}
            () = listening.listen_behind(tcp_listener, proxies) => {}
        }
    });
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
    _page_url: String,
    registry: &mut Registry,
    _connections: &TaskTracker,
    inherited: Inherited,
    _until: impl Fn(bool) -> CancellationToken,
) -> Result<Opened, StartError> {
    match &settings.upstream {
        UpstreamSetting::Servers(servers) => {
            inherited.close_unused();
            let upstream = Upstream::servers(servers.clone(), settings.dialing(), registry)?;
            Ok(Opened { upstream, public_url: None, tcp: None, pictures: None })
        }
        UpstreamSetting::Embedded => Err(StartError::NotEmbedded),
    }
}

/// A listener, where it listens, and whether it was there before this program.
async fn bind(
    what: Listener,
    address: &Address,
    inherited: &mut Inherited,
) -> Result<(TcpListener, SocketAddr, bool), StartError> {
    let error = |source| StartError::Listen { what, address: address.clone(), source };
    let (listener, is_inherited) = match inherited.take(what) {
        Some(listener) => (TcpListener::from_std(listener).map_err(error)?, true),
        None => (TcpListener::bind(address.as_str()).await.map_err(error)?, false),
    };
    let local = listener.local_addr().map_err(error)?;
    if is_inherited {
        info!(listener = what.name(), address = %local, "took over a socket; {} does not count", what.flag());
    }
    Ok((listener, local, is_inherited))
}

/// The page's address as a link on this machine.
fn url(page: SocketAddr, is_secure: bool) -> String {
    let host = if page.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { page.ip() };
    let scheme = if is_secure { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(host, page.port()))
}

//! Upstream: where the chat service is, and how a tunnel gets to it.

mod break_off;
mod server;
mod servers;
mod setting;

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub use self::break_off::BreakOff;
use self::server::Dialer;
pub use self::servers::Servers;
pub use self::setting::{BadUpstream, ServerAddress, UpstreamSetting};
use crate::pipe::PipeEnd;
use crate::tls::{self, TlsError};
use crate::traces::Trace;

/// Bytes that may be on the way to the embedded service, and back.
#[cfg(feature = "embedded")]
const PIPE: usize = 64 * 1024;

/// The chat service that every tunnel of a bridge leads to.
#[derive(Debug)]
pub enum Upstream {
    /// Servers on TCP.
    Servers(Servers),
    /// The service in this program.
    #[cfg(feature = "embedded")]
    Embedded(Embedded),
}

/// What the upstream is told of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Where it comes from.
    pub peer: Option<IpAddr>,
    /// What the page's address starts with for it: `http://HOST[:PORT]`.
    pub base_url: Option<String>,
}

/// How connections to servers are made.
#[derive(Clone, Copy, Debug)]
pub struct Dialing<'a> {
    /// How long one may take, with the handshake of TLS.
    pub connect_time: Duration,
    /// Whether servers are told each client's address in a PROXY header.
    pub proxy_protocol: bool,
    /// The authorities (PEM) that vouch for servers by TLS; none: those of the system.
    pub authorities: Option<&'a Path>,
}

impl Upstream {
    /// These servers.
    ///
    /// # Errors
    /// One of them is to be spoken to by TLS, and that cannot be had.
    pub fn servers(
        servers: Vec<ServerAddress>,
        dialing: Dialing<'_>,
        registry: &mut Registry,
    ) -> Result<Self, TlsError> {
        let needs_tls = servers.iter().any(|server| server.is_tls);
        let dialer = Dialer {
            connect_time: dialing.connect_time,
            proxy_protocol: dialing.proxy_protocol,
            tls: needs_tls.then(|| tls::connector(dialing.authorities)).transpose()?,
        };
        let servers = Servers::new(dialer, servers);
        servers.register(registry);
        Ok(Self::Servers(servers))
    }

    /// A connection for one client.
    ///
    /// # Errors
    /// Nobody answers, or the time is over.
    pub(crate) async fn connect(&self, client: Client, trace: Trace<'_>) -> io::Result<Link> {
        match self {
            Self::Servers(servers) => servers.connect(client.peer, trace).await,
            #[cfg(feature = "embedded")]
            Self::Embedded(upstream) => {
                trace.embedded();
                Ok(Link::Pipe(upstream.connect(client)))
            }
        }
    }

    /// Sends somebody away who has not logged in, for somebody new; false where nobody can be.
    pub(crate) fn make_room(&self) -> bool {
        match self {
            Self::Servers(_) => false,
            #[cfg(feature = "embedded")]
            Self::Embedded(upstream) => upstream.service.push_out_stranger(),
        }
    }

    /// Whether it is told what the page's address starts with.
    pub(crate) const fn is_told_base_url(&self) -> bool {
        match self {
            Self::Servers(_) => false,
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => true,
        }
    }

    /// Whether a connection can be made now, or could a moment ago.
    pub async fn reachable(&self) -> bool {
        match self {
            Self::Servers(servers) => servers.reachable().await,
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => true,
        }
    }

    /// Whether the chat service can store what it is sent, as far as is known here.
    pub async fn can_store(&self) -> bool {
        match self {
            Self::Servers(_) => true,
            #[cfg(feature = "embedded")]
            Self::Embedded(upstream) => upstream.service.can_store().await,
        }
    }

    /// Sees to it that it is known who answers, until told to stop.
    pub(crate) async fn watch(&self, stop: CancellationToken) {
        match self {
            Self::Servers(servers) => servers.watch(stop).await,
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => {}
        }
    }
}

/// The service in this program, behind a pipe for each client.
#[cfg(feature = "embedded")]
pub struct Embedded {
    service: mig33_server::Service,
    connections: tokio_util::task::TaskTracker,
}

#[cfg(feature = "embedded")]
impl Embedded {
    /// Clients of `service`; the tasks that serve them are in `connections`.
    #[must_use]
    pub const fn new(
        service: mig33_server::Service,
        connections: tokio_util::task::TaskTracker,
    ) -> Self {
        Self { service, connections }
    }

    fn connect(&self, client: Client) -> PipeEnd {
        let (near, far) = crate::pipe::pipe(PIPE);
        let service = self.service.clone();
        let info = mig33_server::ClientInfo { peer: client.peer, base_url: client.base_url };
        self.connections.spawn(async move { service.serve_connection(far, info).await });
        near
    }
}

#[cfg(feature = "embedded")]
impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

/// A connection to the upstream.
#[derive(Debug)]
pub enum Link {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over TLS, boxed so that the others have no room for it.
    Tls(Box<TlsStream<TcpStream>>),
    /// Within the program.
    Pipe(PipeEnd),
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Pipe(end) => Pin::new(end).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, from),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, from),
            Self::Pipe(end) => Pin::new(end).poll_write(cx, from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Pipe(end) => Pin::new(end).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Pipe(end) => Pin::new(end).poll_shutdown(cx),
        }
    }
}

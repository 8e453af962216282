//! Upstream: where the chat service is, and how a tunnel gets to it.
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use mig33_peer::proxy_header;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::address::Address;
use crate::pipe::PipeEnd;

/// A proxy that forwards HTTP does not say which port its client has.
const UNKNOWN_PORT: u16 = 0;
/// How long connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long the answer to [`Upstream::reachable`] is good: asking often costs the upstream nothing.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Bytes that may be on the way to the embedded service, and back.
#[cfg(feature = "embedded")]
const PIPE: usize = 64 * 1024;

/// The chat service that every tunnel of a bridge leads to.
#[derive(Debug)]
pub enum Upstream {
    /// A server on TCP.
    Tcp(TcpUpstream),
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

impl Upstream {
    /// A server on TCP. With `proxy_protocol` it is told each client's address in a PROXY header.
    #[must_use]
    pub const fn tcp(address: Address, proxy_protocol: bool) -> Self {
        Self::Tcp(TcpUpstream { address, proxy_protocol, reachable: Mutex::new(None) })
    }

    /// A connection for one client.
    ///
    /// # Errors
    /// Nobody listens there, or the time is over.
    pub async fn connect(&self, client: Client) -> io::Result<Link> {
        match self {
            Self::Tcp(upstream) => upstream.connect(client.peer).await.map(Link::Tcp),
            #[cfg(feature = "embedded")]
            Self::Embedded(upstream) => Ok(Link::Pipe(upstream.connect(client))),
        }
    }

    /// Whether a connection can be made now, or could a moment ago.
    pub async fn reachable(&self) -> bool {
        match self {
            Self::Tcp(upstream) => upstream.reachable().await,
            #[cfg(feature = "embedded")]
            Self::Embedded(_) => true,
        }
    }
}

/// A server on TCP.
#[derive(Debug)]
pub struct TcpUpstream {
    address: Address,
    /// Whether each connection begins with a PROXY header.
    proxy_protocol: bool,
    /// When it was last asked whether it is reachable, and the answer.
    reachable: Mutex<Option<(Instant, bool)>>,
}

impl TcpUpstream {
    async fn connect(&self, client: Option<IpAddr>) -> io::Result<TcpStream> {
        let connect = async {
            let mut stream = TcpStream::connect(self.address.as_str()).await?;
            if self.proxy_protocol {
                let client = client.map(|ip| SocketAddr::new(ip, UNKNOWN_PORT));
                let header = proxy_header::version_2(client, stream.peer_addr()?);
                stream.write_all(&header).await?;
            }
            Ok::<_, io::Error>(stream)
        };
        let stream = timeout(CONNECT_TIME, connect)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        // it fails only where the connection is gone again, which reading tells better
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    async fn reachable(&self) -> bool {
        if let Some((asked, answer)) = *self.last_answer()
            && asked.elapsed() < ANSWER_TIME
        {
            return answer;
        }
        let answer = self.connect(None).await.is_ok();
        *self.last_answer() = Some((Instant::now(), answer));
        answer
    }

    fn last_answer(&self) -> std::sync::MutexGuard<'_, Option<(Instant, bool)>> {
        self.reachable.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
            Self::Pipe(end) => Pin::new(end).poll_write(cx, from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Pipe(end) => Pin::new(end).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Pipe(end) => Pin::new(end).poll_shutdown(cx),
        }
    }
}

//! `Server`: one mig33 server on TCP, and how a connection to it is made.
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mig33_peer::proxy_header;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Link;
use super::setting::ServerAddress;
use crate::tls;

/// A proxy that forwards HTTP does not say which port its client has.
const UNKNOWN_PORT: u16 = 0;

/// How connections to servers are made.
#[derive(Clone)]
pub(super) struct Dialer {
    /// How long it may take, with the handshake of TLS.
    pub(super) connect_time: Duration,
    /// Whether each connection begins with a PROXY header.
    pub(super) proxy_protocol: bool,
    /// Where a server is reached by TLS.
    pub(super) tls: Option<TlsConnector>,
}

impl Dialer {
    /// A connection to one server, for a client.
    pub(super) async fn connect(
        &self,
        server: &ServerAddress,
        client: Option<IpAddr>,
    ) -> io::Result<Link> {
        timeout(self.connect_time, self.dial(server, client))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn dial(&self, server: &ServerAddress, client: Option<IpAddr>) -> io::Result<Link> {
        let mut stream = TcpStream::connect(server.address.as_str()).await?;
        // it fails only where the connection is gone again, which reading tells better
        let _ = stream.set_nodelay(true);
        if self.proxy_protocol {
            let client = client.map(|ip| SocketAddr::new(ip, UNKNOWN_PORT));
            let header = proxy_header::version_2(client, stream.peer_addr()?);
            stream.write_all(&header).await?;
        }
        match &self.tls {
            Some(tls) if server.is_tls => {
                let name = tls::server_name(server.address.host())
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
                // boxed, so that a plain connection has no room for it
                let stream = Box::pin(tls.connect(name, stream)).await?;
                Ok(Link::Tls(Box::new(stream)))
            }
            Some(_) | None => Ok(Link::Tcp(stream)),
        }
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer")
            .field("connect_time", &self.connect_time)
            .field("proxy_protocol", &self.proxy_protocol)
            .finish_non_exhaustive()
    }
}

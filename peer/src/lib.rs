//! Who is at the other end of a connection: networks whose word about that counts, and the PROXY protocol's header; and
//! what limits by address count by.
//!
//! A connection comes from the address that its socket says, unless that is a trusted proxy's: then the proxy says whom it
//! stands for. Nobody else is believed, since limits by address are worth nothing once a client can choose its own.

mod bucket;
mod networks;
pub mod proxy_header;
mod trusted;

pub use self::bucket::{Bucket, Rate};
pub use self::networks::{Arrivals, Crowd, Prefix, prefixes};
pub use self::proxy_header::HeaderError;
pub use self::trusted::{BadNetwork, Network, Trusted};

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::timeout;

/// Whom a listener believes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The proxies' networks.
    pub trusted: Trusted,
    /// Whether connections from there begin with a PROXY header. It is not guessed: one that begins with something
    /// else is wrong.
    pub proxy_protocol: bool,
    /// How long that header may take; none: for ever.
    pub header_time: Option<Duration>,
}

impl Proxies {
    /// Whether a connection from there begins with a header.
    #[must_use]
    pub fn sends_header(&self, peer: IpAddr) -> bool {
        self.proxy_protocol && self.trusted.contains(peer)
    }

    /// Who is at the other end of a connection that comes from `peer`. Takes the header off the stream where there has to
    /// be one, and nothing behind it.
    ///
    /// # Errors
    /// The header is missing, broken or late: the connection is good for nothing.
    pub async fn client<S: AsyncRead + Unpin>(
        &self,
        stream: &mut S,
        peer: SocketAddr,
    ) -> Result<SocketAddr, HeaderError> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if !self.sends_header(peer.ip()) {
            return Ok(peer);
        }
        let header = proxy_header::read(stream);
        let named = match self.header_time {
            Some(time) => timeout(time, header).await.map_err(|_| HeaderError::Late)?,
            None => header.await,
        }?;
        Ok(named.unwrap_or(peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        Proxies {
            trusted: Trusted::new(vec!["192.0.2.0/24".parse().unwrap()]),
            proxy_protocol: true,
            header_time: Some(Duration::from_secs(5)),
        }
    }

    #[tokio::test]
    async fn only_a_trusted_proxy_is_believed() {
        let header: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 4000 80\r\nrest";
        let proxy = "192.0.2.9:1".parse().unwrap();
        let mut stream = header;
        let client = proxies().client(&mut stream, proxy).await.unwrap();
        assert_eq!(client, "203.0.113.7:4000".parse().unwrap());
        assert_eq!(stream, b"rest");
        for (peer, found) in
            [("198.51.100.1:1", "198.51.100.1:1"), ("[::ffff:198.51.100.1]:1", "198.51.100.1:1")]
        {
            let mut stream = header;
            let client = proxies().client(&mut stream, peer.parse().unwrap()).await.unwrap();
            assert_eq!(client, found.parse().unwrap());
            assert_eq!(stream, header, "nothing is taken off");
        }
        let off = Proxies { proxy_protocol: false, ..proxies() };
        let mut stream = header;
        assert_eq!(off.client(&mut stream, proxy).await.unwrap(), proxy);
        assert_eq!(stream, header);
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_does_not_come_is_late() {
        let (mut near, far) = tokio::io::duplex(16);
        let begin = tokio::time::Instant::now();
        let error = proxies().client(&mut near, "192.0.2.9:1".parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, HeaderError::Late));
        assert_eq!(begin.elapsed(), Duration::from_secs(5));
        let patient = Proxies { header_time: None, ..proxies() };
        let peer = "192.0.2.9:1".parse().unwrap();
        let forever = timeout(Duration::from_secs(3600), patient.client(&mut near, peer));
        assert!(forever.await.is_err());
        drop(far);
    }
}

//! The header of the PROXY protocol, versions 1 and 2: taken off a stream, and made for one.
//!
//! The protocol: <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>.
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, the command, the family and the length.
const V2_START: usize = 16;
/// The most bytes that a version 2 header may say follow. Addresses take 36; the rest are additions that nobody here reads.
const V2_REST: usize = 4096;
/// What version 1 begins with.
const V1_START: &[u8] = b"PROXY ";
/// The most bytes of a version 1 header, with its end of line.
const V1_MOST: usize = 107;

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The connection ended or broke within it.
    #[error("the connection ended within the PROXY header: {0}")]
    Cut(#[from] io::Error),
    /// What came is none.
    #[error("a PROXY header has to come first, and something else came")]
    Missing,
    /// It is one, but a broken one.
    #[error("the PROXY header is broken: {0}")]
    Broken(proxy_header::Error),
    /// It says that it is longer than any that makes sense.
    #[error("the PROXY header says that {0} bytes follow, and {V2_REST} may")]
    TooLong(usize),
    /// It did not come in time.
    #[error("the PROXY header did not come in time")]
    Late,
}

/// Takes a header off a stream, and not a byte behind it. Tells the client's address; none where the proxy speaks for
/// itself, or does not know.
///
/// # Errors
/// What is there is no header, or a broken one.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<SocketAddr>, HeaderError> {
    // the shortest header of version 1 has 15 bytes
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        header.resize(V2_START, 0);
        stream.read_exact(&mut header[SIGNATURE.len()..]).await?;
        let rest = usize::from(u16::from_be_bytes([header[V2_START - 2], header[V2_START - 1]]));
        if rest > V2_REST {
            return Err(HeaderError::TooLong(rest));
        }
        header.resize(V2_START + rest, 0);
        stream.read_exact(&mut header[V2_START..]).await?;
    } else if header.starts_with(V1_START) {
        while header.last() != Some(&b'\n') {
            if header.len() == V1_MOST {
                return Err(HeaderError::Broken(proxy_header::Error::Invalid));
            }
            header.push(stream.read_u8().await?);
        }
    } else {
        return Err(HeaderError::Missing);
    }
    let (parsed, _) =
        ProxyHeader::parse(&header, ParseConfig::default()).map_err(HeaderError::Broken)?;
    Ok(parsed.proxied_address().map(|address| canonical(address.source)))
}

/// A version 2 header that names a client, for a connection to `to`; without one, that the proxy speaks for itself. The
/// client's port may be 0: not known.
#[must_use]
pub fn version_2(client: Option<SocketAddr>, to: SocketAddr) -> Vec<u8> {
    let header = match client.map(canonical) {
        Some(client) => {
            ProxyHeader::with_address(ProxiedAddress::stream(client, of_same_family(to, client)))
        }
        None => ProxyHeader::with_local(),
    };
    let mut bytes = Vec::with_capacity(52);
    header.encode_v2(&mut bytes).expect("addresses of one family and no additions fit");
    bytes
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A header has addresses of one family: another is written as one that says nothing.
fn of_same_family(address: SocketAddr, other: SocketAddr) -> SocketAddr {
    let address = canonical(address);
    if address.is_ipv4() == other.is_ipv4() {
        return address;
    }
    let nothing: IpAddr =
        if other.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    SocketAddr::new(nothing, address.port())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Version 2, PROXY, TCP over IPv4, from 203.0.113.7:4000 to 192.0.2.1:80, with an addition of two bytes.
    const KNOWN: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x11\xcb\x00\x71\x07\xc0\x00\x02\x01\x0f\xa0\x00\x50\
        \x04\x00\x02ab";

    async fn all(mut bytes: &[u8]) -> (Result<Option<SocketAddr>, HeaderError>, usize) {
        let read = read(&mut bytes).await;
        (read, bytes.len())
    }

    #[tokio::test]
    async fn known_headers_are_read_to_their_end_and_no_further() {
        let cases: [(&[u8], Option<&str>); 7] = [
            (KNOWN, Some("203.0.113.7:4000")),
            (b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", None),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x00\x03\x04\x00\x00", None),
            (b"PROXY TCP4 203.0.113.7 192.0.2.1 4000 80\r\n", Some("203.0.113.7:4000")),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 4000 80\r\n", Some("[2001:db8::7]:4000")),
            (b"PROXY UNKNOWN\r\n", None),
            (b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n", None),
        ];
        for (header, expected) in cases {
            let (found, rest) = all(&[header, b"\r\nGET"].concat()).await;
            assert_eq!(found.unwrap(), expected.map(|text| text.parse().unwrap()), "{header:?}");
            assert_eq!(rest, 5, "{header:?}");
            for cut in 0..header.len() {
                let (cut_off, _) = all(&header[..cut]).await;
                assert!(matches!(cut_off, Err(HeaderError::Cut(_))), "{header:?} cut at {cut}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_said() {
        let missing: [&[u8]; 3] =
            [b"GET / HTTP/1.1\r\n\r\n", b"\x02\x00\x02\x00\x04\0\0\0\0\x02\0\0", b"proxy TCP4 203"];
        for bytes in missing {
            assert!(matches!(all(bytes).await.0, Err(HeaderError::Missing)), "{bytes:?}");
        }
        let broken: [&[u8]; 5] = [
            b"PROXY TCP4 203.0.113.7 192.0.2.1 4000\r\n",
            b"PROXY TCP4 203.0.113.700 192.0.2.1 4000 80\r\n",
            b"PROXY TCP4 203.0.113.7 192.0.2.1 4000 80\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x00",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x04\xcb\x00\x71\x07",
        ];
        for bytes in broken {
            assert!(matches!(all(bytes).await.0, Err(HeaderError::Broken(_))), "{bytes:?}");
        }
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        assert!(matches!(all(&endless).await.0, Err(HeaderError::Broken(_))));
        let long = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff";
        assert!(matches!(all(long).await.0, Err(HeaderError::TooLong(65_535))));
    }

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        let to = "192.0.2.1:9119".parse().unwrap();
        for client in ["203.0.113.7:4000", "203.0.113.7:0", "[2001:db8::7]:4000"] {
            let client: SocketAddr = client.parse().unwrap();
            assert_eq!(all(&version_2(Some(client), to)).await.0.unwrap(), Some(client));
        }
        let mapped = version_2(Some("[::ffff:203.0.113.7]:4000".parse().unwrap()), to);
        let plain = version_2(Some("203.0.113.7:4000".parse().unwrap()), to);
        assert_eq!(mapped, plain);
        assert_eq!(plain.len(), 28);
        assert_eq!(plain[..16], *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c");
        assert_eq!(version_2(None, to), b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(tail in prop::collection::vec(any::<u8>(), 0..300), v2: bool) {
            let start: &[u8] = if v2 { SIGNATURE } else { V1_START };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(all(&[start, &tail].concat()));
        }
    }
}

//! TLS to clients and to servers: handshakes, the certificate's change, what a slow reader gets, the end.
use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mig33_bridge::metrics::TunnelMetrics;
use mig33_bridge::tunnel::Tunnel;
use mig33_bridge::{Bridge, Settings};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::support::{
    bridge_here, bridge_with, client, close_code, closed, get, handshake_on, log_in, packet,
    receive, send, settings, upstream,
};

/// More than enough for anything here.
const LONG: Duration = Duration::from_secs(30);

/// A certificate for this machine that vouches for itself, and its key.
pub(crate) struct Pair {
    folder: TempDir,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let pair = Self { folder: tempfile::tempdir().unwrap() };
        pair.renew();
        pair
    }

    fn renew(&self) {
        self.renew_until(4096);
    }

    /// Another one, that ends where this year begins.
    fn renew_until(&self, year: i32) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        fs::write(self.cert(), params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(self.key(), key.serialize_pem()).unwrap();
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.cert()).unwrap()
    }

    /// What believes this certificate and no other.
    pub(crate) fn connector(&self, protocols: &[&str]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).unwrap();
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from_pem_file(self.key()).unwrap();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.der()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

pub(crate) async fn connect(
    connector: &TlsConnector,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    connector.connect(ServerName::IpAddress(address.ip().into()), stream).await
}

pub(crate) fn secure(pair: &Pair, upstream: SocketAddr) -> Settings {
    let mut settings = settings(upstream);
    settings.tls_cert = Some(pair.cert());
    settings.tls_key = Some(pair.key());
    settings
}

type SecureClient = WebSocketStream<TlsStream<TcpStream>>;

async fn tunnel(bridge: &Bridge, pair: &Pair, listener: &TcpListener) -> (SecureClient, TcpStream) {
    let page = bridge.addresses().page;
    let stream = connect(&pair.connector(&["http/1.1"]), page).await.unwrap();
    let (client, accepted) = tokio::join!(handshake_on(page, stream, &[]), listener.accept());
    (client.unwrap().0, accepted.unwrap().0)
}

#[tokio::test]
async fn the_page_says_to_come_by_tls_only_and_speaks_http_1_1_only() {
    let (pair, (_listener, address)) = (Pair::new(), upstream().await);
    let bridge = bridge_with(secure(&pair, address)).await;
    assert!(bridge.addresses().is_secure);
    let page = bridge.addresses().page;
    let mut stream = connect(&pair.connector(&["h2", "http/1.1"]), page).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    // without a close_notify it is an error
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    let stream = connect(&pair.connector(&["http/1.1"]), page).await.unwrap();
    let (_, answer) = handshake_on(page, stream, &[]).await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    assert!(connect(&pair.connector(&["h2"]), page).await.is_err());
    // what is no TLS gets no answer that could be taken for one
    let plain = get_or_nothing(page).await;
    assert!(!plain.starts_with(b"HTTP"), "{plain:?}");
    // a client is told before the two are counted
    let both = "refusals_total{reason=\"tls_handshake\"} 2";
    let counted =
        async { while !get(bridge.addresses().admin, "/metrics").await.contains(both) {} };
    timeout(LONG, counted).await.expect("both are counted");
}

async fn get_or_nothing(address: SocketAddr) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn a_plain_page_does_not_say_so() {
    let (_listener, address) = upstream().await;
    let bridge = bridge_with(settings(address)).await;
    let page = get(bridge.addresses().page, "/").await;
    assert!(!page.contains("strict-transport-security"), "{page}");
}

#[tokio::test]
async fn packets_pass_and_the_end_is_a_clean_one() {
    let (pair, (listener, address)) = (Pair::new(), upstream().await);
    let bridge = bridge_with(secure(&pair, address)).await;
    let (mut client, mut upstream) = tunnel(&bridge, &pair, &listener).await;
    log_in(&mut client, &mut upstream).await;
    let largest = packet(mig33_codec::MAX_PACKET - 9);
    send(&mut client, &largest).await;
    let mut got = vec![0; largest.len()];
    upstream.read_exact(&mut got).await.unwrap();
    assert!(got == largest);
    let sent = largest.clone();
    let writing = tokio::spawn(async move {
        upstream.write_all(&sent).await.unwrap();
        upstream
    });
    assert!(receive(&mut client).await == largest);
    drop(writing.await.unwrap());
    assert_eq!(close_code(&mut client).await, Some(1000));
    assert_eq!(client.get_mut().read(&mut [0]).await.unwrap(), 0, "a close_notify came");
}

#[tokio::test]
async fn a_handshake_that_does_not_begin_is_closed_in_time() {
    let (pair, (_listener, address)) = (Pair::new(), upstream().await);
    let bridge = bridge_here(secure(&pair, address)).await;
    let mut silent = TcpStream::connect(bridge.addresses().page).await.unwrap();
    tokio::task::yield_now().await;
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(begin.elapsed() <= Duration::from_secs(10), "{:?}", begin.elapsed());
}

/// Both ends of TLS over a stream that holds little: the server's, and the client's.
async fn narrow(
    pair: &Pair,
) -> (tokio_rustls::server::TlsStream<DuplexStream>, TlsStream<DuplexStream>) {
    let (near, far) = duplex(1024);
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let (acceptor, connector) = (pair.acceptor(), pair.connector(&[]));
    let (server, client) = tokio::join!(acceptor.accept(near), connector.connect(name, far));
    (server.unwrap(), client.unwrap())
}

/// What TLS has taken and the socket has not, must not wait for something else to be written.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_late_gets_the_last_byte() {
    let pair = Pair::new();
    let (near, client) = narrow(&pair).await;
    let (mut upstream, far) = duplex(60_000);
    let tunnel = Tunnel::new(near, Vec::new(), far, Arc::new(TunnelMetrics::default()));
    tokio::spawn(tunnel.run(pending()));
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    upstream.write_all(&packet(50_000)).await.unwrap();
    assert!(timeout(Duration::from_secs(1), pending::<()>()).await.is_err());
    let message = timeout(Duration::from_secs(1), receive(&mut client)).await;
    assert!(message.expect("the rest comes by itself") == packet(50_000));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_late_gets_the_last_byte() {
    let pair = Pair::new();
    let (mut server, far) = narrow(&pair).await;
    let (client, near) = duplex(60_000);
    let tunnel = Tunnel::new(near, Vec::new(), far, Arc::new(TunnelMetrics::default()));
    tokio::spawn(tunnel.run(pending()));
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    log_in(&mut client, &mut server).await;
    send(&mut client, &packet(50_000)).await;
    assert!(timeout(Duration::from_secs(1), pending::<()>()).await.is_err());
    let mut got = vec![0; 50_009];
    let read = timeout(Duration::from_secs(1), server.read_exact(&mut got)).await;
    read.expect("the rest comes by itself").unwrap();
    assert!(got == packet(50_000));
}

#[tokio::test]
async fn a_new_certificate_is_used_and_no_tunnel_is_lost() {
    let (pair, (listener, address)) = (Pair::new(), upstream().await);
    let bridge = bridge_with(secure(&pair, address)).await;
    let (mut before, mut upstream) = tunnel(&bridge, &pair, &listener).await;
    let old = pair.connector(&[]);
    let figures = async || get(bridge.addresses().admin, "/metrics").await;
    let end = "mig33_bridge_certificate_expiry_timestamp_seconds{certificate=\"own\"}";
    let before_that = figures().await;
    assert!(before_that.contains(&format!("{end} 67090118400\n")), "{before_that}");
    pair.renew_until(2051);
    let new = pair.connector(&[]);
    let page = bridge.addresses().page;
    // time that is waited for is over at once, and the files are looked at
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    let changed = async { while connect(&new, page).await.is_err() {} };
    timeout(LONG, changed).await.expect("the new certificate is used");
    assert!(connect(&old, page).await.is_err());
    send(&mut before, &packet(3)).await;
    upstream.read_exact(&mut [0; 12]).await.unwrap();
    let renewed = format!("{end} 2556144000\n");
    // told a moment after it is used
    let told = async { while !figures().await.contains(&renewed) {} };
    timeout(LONG, told).await.expect("the new end is told");
    let metrics = figures().await;
    assert!(metrics.contains("mig33_bridge_certificate_reads_total{result=\"ok\"} 1"), "{metrics}");
}

#[tokio::test]
async fn one_file_without_the_other_is_said() {
    let (pair, (_listener, address)) = (Pair::new(), upstream().await);
    let mut settings = secure(&pair, address);
    settings.tls_key = None;
    let Err(error) = Bridge::start(settings).await else { panic!("half a pair") };
    assert!(error.to_string().contains("--tls-key"), "{error}");
}

#[tokio::test]
async fn a_server_is_spoken_to_by_tls_if_its_authority_is_known() {
    let (pair, (listener, address)) = (Pair::new(), upstream().await);
    let settings = |authority: &Pair| Settings {
        upstream: format!("tls://{address}").parse().unwrap(),
        upstream_ca: Some(authority.cert()),
        ..settings(address)
    };
    let bridge = bridge_with(settings(&pair)).await;
    let (mut open, accepted) = tokio::join!(client(&bridge), accept_with(&listener, &pair));
    let mut server = accepted.unwrap();
    send(&mut open, &packet(3)).await;
    let mut got = [0; 12];
    server.read_exact(&mut got).await.unwrap();
    // more than a socket holds
    let all = packet(300_000).repeat(30);
    let length = all.len();
    let writing = tokio::spawn(async move {
        server.write_all(&all).await.unwrap();
        server.shutdown().await.unwrap();
    });
    let (got, close) = timeout(LONG, closed(&mut open)).await.unwrap();
    assert_eq!((got.len(), close.unwrap().0), (length, 1000));
    writing.await.unwrap();

    let stranger = bridge_with(settings(&Pair::new())).await;
    let (mut refused, accepted) = tokio::join!(client(&stranger), accept_with(&listener, &pair));
    assert!(accepted.is_err());
    assert_eq!(close_code(&mut refused).await, Some(1013));
}

async fn accept_with(
    listener: &TcpListener,
    pair: &Pair,
) -> std::io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let (stream, _) = listener.accept().await.unwrap();
    pair.acceptor().accept(stream).await
}

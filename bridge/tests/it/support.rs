//! Packets, bridges on free ports, upstreams and clients for the tests.
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use mig33_bridge::page::Page;
use mig33_bridge::{Bridge, Settings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// A packet with so many bytes of PARAMS.
pub(crate) fn packet(length: usize) -> Vec<u8> {
    let mut packet = vec![2, 1, 244, 0, 7];
    packet.extend(u32::try_from(length).unwrap().to_be_bytes());
    packet.extend((0..length).map(|at| at as u8));
    packet
}

/// What lets a client in: from then on it may send packets of any length.
pub(crate) const LOGIN_OK: [u8; 9] = [2, 0, 203, 0, 2, 0, 0, 0, 0];

/// Has the upstream let the client in.
pub(crate) async fn log_in<S, U>(client: &mut WebSocketStream<S>, upstream: &mut U)
where
    S: AsyncRead + AsyncWrite + Unpin,
    U: AsyncWrite + Unpin,
{
    upstream.write_all(&LOGIN_OK).await.unwrap();
    assert_eq!(receive(client).await, LOGIN_OK);
}

pub(crate) fn free_port() -> mig33_bridge::address::Address {
    "127.0.0.1:0".parse().unwrap()
}

/// Settings for a bridge on free ports.
pub(crate) fn settings(upstream: SocketAddr) -> Settings {
    Settings {
        listen: free_port(),
        admin_listen: free_port(),
        upstream: upstream.to_string().parse().unwrap(),
        ..Settings::default()
    }
}

/// A bridge with a page of one file.
pub(crate) async fn bridge(upstream: SocketAddr) -> Bridge {
    bridge_with(settings(upstream)).await
}

/// The same, with these settings.
pub(crate) async fn bridge_with(settings: Settings) -> Bridge {
    let page = Page::of([("index.html".to_owned(), "<title>mig33</title>".into())]);
    Bridge::start_with(settings, page).await.unwrap()
}

/// The same, with the clock of the test.
pub(crate) async fn bridge_here(settings: Settings) -> Bridge {
    let page = Page::of([("index.html".to_owned(), "<title>mig33</title>".into())]);
    Bridge::start_here(settings, page).await.unwrap()
}

/// Something to connect to, and its address.
pub(crate) async fn upstream() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A tunnel through a new bridge to a new upstream: both of its ends.
pub(crate) struct Ends {
    /// It stops with the ends.
    _bridge: Bridge,
    pub(crate) client: WebSocketStream<TcpStream>,
    pub(crate) upstream: TcpStream,
}

pub(crate) async fn ends() -> Ends {
    let (listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let (client, accepted) = tokio::join!(client(&bridge), listener.accept());
    Ends { _bridge: bridge, client, upstream: accepted.unwrap().0 }
}

/// A WebSocket's client.
pub(crate) type Client = WebSocketStream<TcpStream>;

/// A WebSocket to a bridge.
pub(crate) async fn client(bridge: &Bridge) -> WebSocketStream<TcpStream> {
    handshake(bridge, &[]).await.unwrap().0
}

/// A handshake with further headers.
pub(crate) async fn handshake(
    bridge: &Bridge,
    headers: &[(&'static str, &str)],
) -> Result<(WebSocketStream<TcpStream>, Response), Error> {
    let address = bridge.addresses().page;
    let stream = TcpStream::connect(address).await.unwrap();
    handshake_on(address, stream, headers).await
}

/// The same on a stream that leads there.
pub(crate) async fn handshake_on<S: AsyncRead + AsyncWrite + Unpin>(
    address: SocketAddr,
    stream: S,
    headers: &[(&'static str, &str)],
) -> Result<(WebSocketStream<S>, Response), Error> {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    client_async(request, stream).await
}

pub(crate) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
    bytes: &[u8],
) {
    client.send(Message::Binary(bytes.to_vec().into())).await.unwrap();
}

/// The next binary message.
pub(crate) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
) -> Vec<u8> {
    loop {
        match client.next().await.expect("the connection is open").unwrap() {
            Message::Binary(bytes) => return bytes.to_vec(),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            other @ (Message::Text(_) | Message::Close(_)) => {
                panic!("{other:?} where a packet should be")
            }
        }
    }
}

/// Reads to the end: the bytes of all messages, and the code and reason of the close.
pub(crate) async fn closed<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
) -> (Vec<u8>, Option<(u16, String)>) {
    let (mut bytes, mut close) = (Vec::new(), None);
    while let Some(message) = client.next().await {
        match message {
            Ok(Message::Binary(more)) => bytes.extend_from_slice(&more),
            Ok(Message::Close(frame)) => {
                close = frame.map(|f| (f.code.into(), f.reason.to_string()))
            }
            Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(_) => break,
        }
    }
    (bytes, close)
}

/// The code that a client sees.
pub(crate) async fn close_code<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut WebSocketStream<S>,
) -> Option<u16> {
    closed(client).await.1.map(|(code, _)| code)
}

/// Sends a request as it is and reads the answer to the connection's end.
pub(crate) async fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The answer to a GET.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    http(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
        .await
}

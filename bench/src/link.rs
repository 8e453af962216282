//! One connection, through a contender or past all of them, as a stream of packets.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, WebSocketConfig, frame::coding::CloseCode,
};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::resume::Session;

/// The least that a connection has room for when it reads.
const LEAST_ROOM: usize = 4096;
/// Connections from one address: it has 28,000 ports, and some wait for a minute after their use.
const PER_SOURCE: usize = 5_000;

/// Where connections lead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// To somebody else's WebSocket.
    WebSocket(SocketAddr),
    /// To a bridge's `/ws`, for a plain tunnel.
    Bridge(SocketAddr),
    /// To a bridge's `/ws`, for a session.
    Resume(SocketAddr),
    /// To the upstream itself, or what looks like it.
    Tcp(SocketAddr),
}

/// A connection.
pub(crate) enum Link {
    WebSocket(Box<WebSocketStream<TcpStream>>),
    Resume(Box<Session>),
    Tcp { stream: TcpStream, buffer: BytesMut, room: usize },
}

impl Link {
    /// Opens a connection that will have so many bytes in flight. It reads into room for no more than that, since the
    /// WebSocket library clears all of its room before each read, and that time would count as the bridge's.
    pub(crate) async fn open(target: Target, in_flight: usize) -> Result<Self> {
        Self::open_one_of_many(target, in_flight, 0).await
    }

    /// As [`open`](Self::open), for one of so many connections that one address has no ports for all of them.
    pub(crate) async fn open_one_of_many(
        target: Target,
        in_flight: usize,
        number: usize,
    ) -> Result<Self> {
        let room = in_flight.max(LEAST_ROOM);
        let websocket = async |address, protocol| {
            let stream = connect(address, number).await?;
            let mut request = format!("ws://{address}/ws").into_client_request()?;
            if let Some(protocol) = protocol {
                let protocol = HeaderValue::from_static(protocol);
                request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
            }
            let config = WebSocketConfig::default().read_buffer_size(room);
            let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
            anyhow::Ok(socket)
        };
        match target {
            Target::WebSocket(address) => {
                Ok(Self::WebSocket(Box::new(websocket(address, None).await?)))
            }
            Target::Bridge(address) => {
                Ok(Self::WebSocket(Box::new(websocket(address, Some("mig33")).await?)))
            }
            Target::Resume(address) => {
                let socket = websocket(address, Some("mig33.resume")).await?;
                Ok(Self::Resume(Box::new(Session::begin(socket).await?)))
            }
            Target::Tcp(address) => {
                let stream = connect(address, number).await?;
                Ok(Self::Tcp { stream, buffer: BytesMut::new(), room })
            }
        }
    }

    pub(crate) async fn send(&mut self, packet: &Bytes) -> Result<()> {
        match self {
            Self::WebSocket(socket) => socket.send(Message::Binary(packet.clone())).await?,
            Self::Resume(session) => session.send(packet).await?,
            Self::Tcp { stream, .. } => stream.write_all(packet).await?,
        }
        Ok(())
    }

    /// Bytes that have come; waits for some.
    pub(crate) async fn receive(&mut self) -> Result<Bytes> {
        match self {
            Self::WebSocket(socket) => loop {
                match socket.next().await.context("the bridge closed the connection")?? {
                    Message::Binary(bytes) => return Ok(bytes),
                    Message::Close(frame) => bail!("the bridge closed the connection: {frame:?}"),
                    Message::Text(text) => bail!("the bridge sent text: {text}"),
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                }
            },
            Self::Resume(session) => session.receive().await,
            Self::Tcp { stream, buffer, room } => {
                buffer.reserve(*room);
                if stream.read_buf(buffer).await? == 0 {
                    bail!("the upstream closed the connection");
                }
                Ok(buffer.split().freeze())
            }
        }
    }

    /// Sends a packet and waits until as many bytes have come back.
    pub(crate) async fn round_trip(&mut self, packet: &Bytes) -> Result<()> {
        self.send(packet).await?;
        let mut missing = packet.len();
        while missing > 0 {
            let more = self.receive().await?.len();
            missing = missing.checked_sub(more).context("more came back than was sent")?;
        }
        Ok(())
    }

    /// Does what a client does on a connection that has been silent for a second.
    pub(crate) async fn rest(&mut self) -> Result<()> {
        match self {
            Self::Resume(session) => session.acknowledge().await,
            Self::WebSocket(_) | Self::Tcp { .. } => Ok(()),
        }
    }

    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Self::WebSocket(socket) => close(*socket).await,
            Self::Resume(session) => close(session.into_socket()).await,
            Self::Tcp { mut stream, .. } => Ok(stream.shutdown().await?),
        }
    }
}

async fn connect(address: SocketAddr, number: usize) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if number >= PER_SOURCE {
        let source = Ipv4Addr::new(127, 0, 0, u8::try_from(1 + number / PER_SOURCE)?);
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Closes with a code that ends a session too, and waits for the answer.
async fn close(mut socket: WebSocketStream<TcpStream>) -> Result<()> {
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    socket.close(Some(frame)).await?;
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

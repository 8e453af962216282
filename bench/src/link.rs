//! One connection, through the bridge or past it, as a stream of packets.
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// The least that a connection has room for when it reads.
const LEAST_ROOM: usize = 4096;

/// Where connections lead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// To a bridge's `/ws`.
    Bridge(SocketAddr),
    /// To the upstream itself: no bridge can be faster.
    Tcp(SocketAddr),
}

/// A connection.
pub(crate) enum Link {
    Bridge(Box<WebSocketStream<TcpStream>>),
    Tcp { stream: TcpStream, buffer: BytesMut, room: usize },
}

impl Link {
    /// Opens a connection that will have so many bytes in flight. It reads into room for no more than that, since the
    /// WebSocket library clears all of its room before each read, and that time would count as the bridge's.
    pub(crate) async fn open(target: Target, in_flight: usize) -> Result<Self> {
        let room = in_flight.max(LEAST_ROOM);
        match target {
            Target::Bridge(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let config = WebSocketConfig::default().read_buffer_size(room);
                let (socket, _) =
                    client_async_with_config(format!("ws://{address}/ws"), stream, Some(config))
                        .await?;
                Ok(Self::Bridge(Box::new(socket)))
            }
            Target::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp { stream, buffer: BytesMut::new(), room })
            }
        }
    }

    pub(crate) async fn send(&mut self, packet: &Bytes) -> Result<()> {
        match self {
            Self::Bridge(socket) => socket.send(Message::Binary(packet.clone())).await?,
            Self::Tcp { stream, .. } => stream.write_all(packet).await?,
        }
        Ok(())
    }

    /// Bytes that have come; waits for some.
    pub(crate) async fn receive(&mut self) -> Result<Bytes> {
        match self {
            Self::Bridge(socket) => loop {
                match socket.next().await.context("the bridge closed the connection")?? {
                    Message::Binary(bytes) => return Ok(bytes),
                    Message::Close(frame) => bail!("the bridge closed the connection: {frame:?}"),
                    Message::Text(text) => bail!("the bridge sent text: {text}"),
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                }
            },
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

    pub(crate) async fn close(self) -> Result<()> {
        match self {
            Self::Bridge(mut socket) => {
                WebSocketStream::close(&mut socket, None).await?;
                while let Some(Ok(_)) = socket.next().await {}
            }
            Self::Tcp { mut stream, .. } => stream.shutdown().await?,
        }
        Ok(())
    }
}

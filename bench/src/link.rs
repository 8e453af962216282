//! One connection, through the bridge or past it, as a stream of packets.
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// The most that is read at once past the bridge.
const READ: usize = 256 * 1024;

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
    Tcp(TcpStream, BytesMut),
}

impl Link {
    pub(crate) async fn open(target: Target) -> Result<Self> {
        match target {
            Target::Bridge(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let (socket, _) = client_async(format!("ws://{address}/ws"), stream).await?;
                Ok(Self::Bridge(Box::new(socket)))
            }
            Target::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream, BytesMut::new()))
            }
        }
    }

    pub(crate) async fn send(&mut self, packet: &Bytes) -> Result<()> {
        match self {
            Self::Bridge(socket) => socket.send(Message::Binary(packet.clone())).await?,
            Self::Tcp(stream, _) => stream.write_all(packet).await?,
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
            Self::Tcp(stream, buffer) => {
                buffer.reserve(READ);
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
            Self::Tcp(mut stream, _) => stream.shutdown().await?,
        }
        Ok(())
    }
}

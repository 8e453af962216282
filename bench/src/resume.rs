//! A session's client (spec/resume.md), as far as one needs it that never loses its connection.
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Bytes that are acknowledged at once (spec/resume.md, "Acknowledgements").
const ACKNOWLEDGE_BYTES: u64 = 16 * 1024;
/// How long fewer of them may wait.
const ACKNOWLEDGE_TIME: Duration = Duration::from_secs(1);

/// A session on its first connection.
pub(crate) struct Session {
    socket: WebSocketStream<TcpStream>,
    /// How much has been sent, and how much of it the bridge has acknowledged.
    sent: u64,
    written: u64,
    /// How much has come, and how much of it we have acknowledged.
    received: u64,
    acknowledged: u64,
    /// Since when some of it is not.
    since: Option<Instant>,
}

impl Session {
    /// Asks for a new session on a connection whose handshake is done.
    pub(crate) async fn begin(mut socket: WebSocketStream<TcpStream>) -> Result<Self> {
        socket.send(Message::text(r#"{"new":true}"#)).await?;
        let answer = socket.next().await.context("the bridge closed the connection")??;
        let answer: Value = serde_json::from_str(answer.to_text()?)?;
        ensure!(answer["resumed"] == false && answer["received"] == 0, "no new session: {answer}");
        Ok(Self { socket, sent: 0, written: 0, received: 0, acknowledged: 0, since: None })
    }

    pub(crate) async fn send(&mut self, packet: &Bytes) -> Result<()> {
        self.sent += packet.len() as u64;
        Ok(self.socket.send(Message::Binary(packet.clone())).await?)
    }

    /// Bytes that have come; waits for some, and acknowledges them when it is time.
    pub(crate) async fn receive(&mut self) -> Result<Bytes> {
        loop {
            match self.socket.next().await.context("the bridge closed the connection")?? {
                Message::Binary(bytes) => {
                    self.received += bytes.len() as u64;
                    let since = *self.since.get_or_insert_with(Instant::now);
                    let is_enough = self.received - self.acknowledged >= ACKNOWLEDGE_BYTES;
                    if is_enough || since.elapsed() >= ACKNOWLEDGE_TIME {
                        self.acknowledge().await?;
                    }
                    return Ok(bytes);
                }
                Message::Text(text) => self.acknowledgement(&text)?,
                Message::Close(frame) => bail!("the bridge closed the connection: {frame:?}"),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Acknowledges all that has come.
    pub(crate) async fn acknowledge(&mut self) -> Result<()> {
        if self.since.take().is_some() {
            self.acknowledged = self.received;
            let text = format!("{{\"ack\":{}}}", self.received);
            self.socket.send(Message::text(text)).await?;
        }
        Ok(())
    }

    pub(crate) fn into_socket(self) -> WebSocketStream<TcpStream> {
        self.socket
    }

    /// An acknowledgement of the bridge's: it may be neither behind the last nor ahead of what was sent.
    fn acknowledgement(&mut self, text: &str) -> Result<()> {
        let message: Value = serde_json::from_str(text)?;
        let offset = message["ack"].as_u64().with_context(|| format!("unknown: {text}"))?;
        ensure!((self.written..=self.sent).contains(&offset), "{text} with {} sent", self.sent);
        self.written = offset;
        Ok(())
    }
}

//! A session's client (spec/resume.md) that comes back on line after line, and holds all that comes against what is due.
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::socket::{Protocol, handshake};
use super::traffic::Traffic;

/// Bytes that are acknowledged at once (spec/resume.md, "Acknowledgements").
const ACKNOWLEDGE_BYTES: usize = 16 * 1024;
/// How long fewer of them may wait.
const ACKNOWLEDGE_TIME: Duration = Duration::from_secs(1);
/// After how long a silence a line counts as dead: longer than an acknowledgement may wait.
const DEAD: Duration = Duration::from_millis(1500);
/// The same of a handshake.
const DEAD_HANDSHAKE: Duration = Duration::from_millis(700);
/// How long the answer to a close may take.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// Why a line is used no more.
pub(crate) enum Stop {
    /// It was cut, or looks so: the client comes back.
    Lost,
    /// The bridge did what it may not do.
    Wrong(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Wrong(error)
    }
}

impl From<Error> for Stop {
    fn from(_: Error) -> Self {
        Self::Lost
    }
}

type Socket = WebSocketStream<TcpStream>;

/// Both streams from the client's end, whatever line they are on.
pub(crate) struct Conversation {
    to_server: Arc<Traffic>,
    to_client: Arc<Traffic>,
    token: Option<String>,
    /// How much was ever sent, and how much of it the bridge has acknowledged.
    sent: usize,
    written: usize,
    /// How much has come, how much of it we have acknowledged, and when.
    received: usize,
    told: usize,
    told_at: Instant,
    /// Openings without an answer: the bridge may have sessions that nobody knows of.
    pub(crate) unanswered: usize,
    /// Answers to a client that came back.
    pub(crate) resumed: usize,
}

impl Conversation {
    pub(crate) fn new(to_server: Arc<Traffic>, to_client: Arc<Traffic>) -> Self {
        Self {
            to_server,
            to_client,
            token: None,
            sent: 0,
            written: 0,
            received: 0,
            told: 0,
            told_at: Instant::now(),
            unanswered: 0,
            resumed: 0,
        }
    }

    /// How much has been exchanged, both ways.
    pub(crate) const fn bytes(&self) -> usize {
        self.written + self.received
    }

    /// Goes on, on another line, until everything is exchanged and acknowledged.
    pub(crate) async fn go_on(&mut self, line: TcpStream, rng: &mut Rng) -> Result<(), Stop> {
        let mut socket = self.open(line).await?;
        self.exchange(&mut socket, rng).await
    }

    /// Goes on where everything is exchanged, and ends the session.
    pub(crate) async fn end(&mut self, line: TcpStream, rng: &mut Rng) -> Result<(), Stop> {
        let mut socket = self.open(line).await?;
        self.exchange(&mut socket, rng).await?;
        // the stream to the server ends in good order only for a client that has said that it has everything
        self.acknowledge(&mut socket).await?;
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        socket.close(Some(frame)).await?;
        let answer = async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return Ok(frame.code),
                    Some(Ok(Message::Binary(_))) => {
                        return Err(anyhow!("data came behind the last of it"));
                    }
                    Some(Ok(_)) => {}
                    other => return Err(anyhow!("{other:?} came in place of a close")),
                }
            }
        };
        let code = timeout(CLOSE_TIME, answer).await.context("a close has no answer")??;
        Ok(ensure_that(code == CloseCode::Normal, || {
            format!("a close with 1000 is answered {code}")
        })?)
    }

    /// The handshake, the first message and its answer.
    async fn open(&mut self, line: TcpStream) -> Result<Socket, Stop> {
        // whatever is wrong with it, a line that is cut is a reason
        let opening = timeout(DEAD_HANDSHAKE, handshake(line, Protocol::Resume));
        let Ok(Ok(mut socket)) = opening.await else { return Err(Stop::Lost) };
        let first = match &self.token {
            None => json!({ "new": true }),
            Some(token) => json!({ "resume": token, "received": self.received }),
        };
        if self.token.is_none() {
            self.unanswered += 1;
        }
        socket.send(Message::text(first.to_string())).await?;
        let answer = loop {
            match next(&mut socket, DEAD_HANDSHAKE).await? {
                Message::Text(text) => break control(&text)?,
                Message::Binary(_) => return Err(anyhow!("data before the answer").into()),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Close(_) => {}
            }
        };
        let is_resumed = self.token.is_some();
        ensure_that(answer["resumed"] == is_resumed, || {
            format!(
                "an answer to {}: {}",
                if is_resumed { "a resume" } else { "new" },
                said(&answer)
            )
        })?;
        let offset = offset(&answer["received"])?;
        ensure_that((self.written..=self.sent).contains(&offset), || {
            format!(
                "the bridge has {offset} bytes: {} were acknowledged, {} sent",
                self.written, self.sent
            )
        })?;
        let token = answer["session"].as_str().context("an answer without a token")?;
        if is_resumed {
            self.resumed += 1;
        } else {
            self.unanswered -= 1;
        }
        self.token = Some(token.to_owned());
        (self.written, self.sent) = (offset, offset);
        (self.told, self.told_at) = (self.received, Instant::now());
        Ok(socket)
    }

    async fn exchange(&mut self, socket: &mut Socket, rng: &mut Rng) -> Result<(), Stop> {
        while self.received < self.to_client.len() || self.written < self.to_server.len() {
            let mut patience = DEAD;
            if self.sent < self.to_server.len() {
                // in any cut
                let piece =
                    self.to_server.part(self.sent, self.sent + rng.usize(1..self.longest_piece()));
                self.sent += piece.len();
                let sending = timeout(DEAD, socket.send(Message::Binary(piece)));
                sending.await.map_err(|_| Stop::Lost)??;
                // a short wait, so that both directions are busy at once
                patience = Duration::from_millis(rng.u64(..3));
            }
            match timeout(patience, socket.next()).await {
                Ok(message) => self.take(message.ok_or(Stop::Lost)??)?,
                Err(_) if patience == DEAD => return Err(Stop::Lost),
                Err(_) => {}
            }
            let untold = self.received - self.told;
            if untold >= ACKNOWLEDGE_BYTES || self.told_at.elapsed() >= ACKNOWLEDGE_TIME {
                self.acknowledge(socket).await?;
            }
        }
        Ok(())
    }

    /// Tells the bridge how much has come, where it does not know.
    async fn acknowledge(&mut self, socket: &mut Socket) -> Result<(), Stop> {
        if self.received > self.told {
            (self.told, self.told_at) = (self.received, Instant::now());
            socket.send(Message::text(json!({ "ack": self.told }).to_string())).await?;
        }
        Ok(())
    }

    /// Bytes that go in one message at most: the more there are, the more at once.
    fn longest_piece(&self) -> usize {
        5_000.max(self.to_server.len() / 100)
    }

    fn take(&mut self, message: Message) -> Result<(), Stop> {
        match message {
            Message::Binary(bytes) => {
                self.received = self.to_client.follow(self.received, &bytes)?;
            }
            Message::Text(text) => {
                let offset = offset(&control(&text)?["ack"])?;
                ensure_that((self.written..=self.sent).contains(&offset), || {
                    format!(
                        "{offset} bytes acknowledged: {} before, {} sent",
                        self.written, self.sent
                    )
                })?;
                self.written = offset;
            }
            Message::Close(frame) => {
                return Err(anyhow!("the bridge closed the connection: {frame:?}").into());
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Ok(())
    }
}

async fn next(socket: &mut Socket, patience: Duration) -> Result<Message, Stop> {
    let message = timeout(patience, socket.next()).await.map_err(|_| Stop::Lost)?;
    let message = message.ok_or(Stop::Lost)??;
    if let Message::Close(frame) = message {
        return Err(anyhow!("the bridge closed the connection: {frame:?}").into());
    }
    Ok(message)
}

fn control(text: &str) -> Result<Value> {
    serde_json::from_str(text).context("a control message is no JSON")
}

fn offset(value: &Value) -> Result<usize> {
    let offset = value.as_u64().context("a control message without its offset")?;
    Ok(usize::try_from(offset)?)
}

/// An answer as it may be told: without its token.
fn said(answer: &Value) -> String {
    json!({ "resumed": answer["resumed"], "reason": answer["reason"] }).to_string()
}

fn ensure_that(holds: bool, else_say: impl FnOnce() -> String) -> Result<()> {
    ensure!(holds, "{}", else_say());
    Ok(())
}

//! A client of `mig33.resume`, straight from spec/resume.md.
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// Both streams from this end, and the connection that they are on.
pub(crate) struct Client<S = DuplexStream> {
    pub(crate) socket: WebSocketStream<S>,
    pub(crate) token: String,
    /// All that was ever sent.
    pub(crate) sent: Vec<u8>,
    /// How much of it is acknowledged.
    pub(crate) acknowledged: usize,
    /// All that has ever come.
    pub(crate) received: Vec<u8>,
    /// How much of it we have acknowledged.
    pub(crate) told: usize,
}

/// How a connection ended: the close's code, where there was a close.
pub(crate) type Lost = Option<u16>;

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// With a new session.
    pub(crate) async fn begin(stream: S) -> Self {
        let mut client = Self::on(stream).await;
        let answer = client.open().await.unwrap();
        assert_eq!(
            (&answer["resumed"], &answer["reason"], &answer["received"]),
            (&json!(false), &json!("new"), &json!(0))
        );
        client
    }

    /// On a connection on which nothing is said yet.
    pub(crate) async fn on(stream: S) -> Self {
        Self {
            socket: WebSocketStream::from_raw_socket(stream, Role::Client, None).await,
            token: String::new(),
            sent: Vec::new(),
            acknowledged: 0,
            received: Vec::new(),
            told: 0,
        }
    }

    /// Goes on with the session on another connection.
    pub(crate) async fn resume(&mut self, stream: S) -> Result<Value, Lost> {
        self.socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        self.open().await
    }

    /// The first message and its answer; sends what the server has not got.
    pub(crate) async fn open(&mut self) -> Result<Value, Lost> {
        let first = if self.token.is_empty() {
            json!({ "new": true })
        } else {
            json!({ "resume": self.token, "received": self.received.len() })
        };
        self.say(&first).await?;
        let answer = loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    break serde_json::from_str::<Value>(&text).unwrap();
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(_))) => panic!("data before the answer"),
                other => return Err(lost(other)),
            }
        };
        // only now: where the answer is lost, the token before is still good
        self.token = answer["session"].as_str().unwrap().to_owned();
        let offset = usize::try_from(answer["received"].as_u64().unwrap()).unwrap();
        if answer["resumed"] == true {
            self.told = self.received.len();
            assert!((self.acknowledged..=self.sent.len()).contains(&offset), "{offset}");
            self.acknowledged = offset;
            let rest = self.sent[offset..].to_vec();
            if !rest.is_empty() {
                self.socket.send(Message::binary(rest)).await.map_err(|_| None)?;
            }
        }
        Ok(answer)
    }

    pub(crate) async fn say(&mut self, control: &Value) -> Result<(), Lost> {
        self.socket.send(Message::text(control.to_string())).await.map_err(|_| None)
    }

    /// Sends bytes of the stream; they count as sent, whatever becomes of them.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.sent.extend(bytes);
        self.socket.send(Message::binary(bytes.to_vec())).await.map_err(|_| None)
    }

    /// Takes one message: data or an acknowledgement.
    pub(crate) async fn take(&mut self) -> Result<(), Lost> {
        match self.socket.next().await {
            Some(Ok(Message::Binary(bytes))) => self.received.extend(bytes),
            Some(Ok(Message::Text(text))) => {
                let control: Value = serde_json::from_str(&text).unwrap();
                let offset = usize::try_from(control["ack"].as_u64().unwrap()).unwrap();
                assert!((self.acknowledged..=self.sent.len()).contains(&offset), "{offset}");
                self.acknowledged = offset;
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            other => return Err(lost(other)),
        }
        Ok(())
    }

    /// Takes until so much has come, and acknowledges as the specification says by bytes.
    pub(crate) async fn receive(&mut self, total: usize) -> Result<(), Lost> {
        while self.received.len() < total {
            self.take().await?;
            if self.received.len() - self.told >= 16 * 1024 {
                self.acknowledge().await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn acknowledge(&mut self) -> Result<(), Lost> {
        self.told = self.received.len();
        self.say(&json!({ "ack": self.told })).await
    }

    /// Takes until the connection ends; the code of its close.
    pub(crate) async fn ended(&mut self) -> Lost {
        loop {
            if let Err(lost) = self.take().await {
                return lost;
            }
        }
    }

    /// Closes with a code and waits for the end.
    pub(crate) async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.socket.close(Some(frame)).await.unwrap();
        self.ended().await;
    }
}

fn lost(last: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Lost {
    match last {
        Some(Ok(Message::Close(frame))) => frame.map(|frame| frame.code.into()),
        _ => None,
    }
}

//! A WebSocket to the bridge that nothing is done to.
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::upstream::RECEIVE_BUFFER;

/// How long a handshake may take on a busy machine.
const OPEN_TIME: Duration = Duration::from_secs(5);

/// What is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `mig33`: messages of whole packets.
    Plain,
    /// `mig33.resume`: a session.
    Resume,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Resume];

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "mig33",
            Self::Resume => "mig33.resume",
        }
    }
}

/// A tunnel, or a session that has just begun.
pub(crate) async fn connect(
    page: SocketAddr,
    protocol: Protocol,
) -> Result<WebSocketStream<TcpStream>> {
    let opening = async {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let stream = socket.connect(page).await?;
        stream.set_nodelay(true)?;
        let mut socket = handshake(stream, protocol).await?;
        if protocol == Protocol::Resume {
            socket.send(Message::text(r#"{"new":true}"#)).await?;
            let answer = socket.next().await.context("no answer to the first message")??;
            let answer: Value = serde_json::from_str(answer.to_text()?)?;
            ensure!(answer["resumed"] == false && answer["received"] == 0, "no new session");
        }
        Ok(socket)
    };
    timeout(OPEN_TIME, opening).await.context("a handshake takes too long")?
}

/// The handshake of WebSocket, and nothing behind it.
pub(crate) async fn handshake(
    stream: TcpStream,
    protocol: Protocol,
) -> Result<WebSocketStream<TcpStream>> {
    let mut request = format!("ws://{}/ws", stream.peer_addr()?).into_client_request()?;
    let protocol = HeaderValue::from_static(protocol.name());
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    Ok(client_async(request, stream).await?.0)
}

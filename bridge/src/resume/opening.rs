//! A client's first message on a new connection.
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::control::{self, First};
use crate::close::End;
use crate::websocket::{Message, Reader, scratch};

/// How long a client may take to say what it wants.
const FIRST_MESSAGE_TIME: Duration = Duration::from_secs(5);

/// Max bytes read up to the end of the first message, frame headers and control frames included.
const MAX_OPENING: usize = 4096;

/// Reads it. `early` is what the client has sent behind its handshake.
///
/// # Errors
/// The client left, was silent for too long, or sent something else.
pub(super) async fn first_message<C: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut C,
    reader: &mut Reader,
    early: &mut [u8],
) -> Result<First, End> {
    match timeout(FIRST_MESSAGE_TIME, read(socket, reader, early)).await {
        Ok(first) => first,
        Err(_) => Err(End::ClientSilent),
    }
}

async fn read<C: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut C,
    reader: &mut Reader,
    early: &mut [u8],
) -> Result<First, End> {
    let mut answers = Vec::new();
    let mut total = early.len();
    let mut taken = take(reader, early, &mut answers);
    loop {
        if !answers.is_empty() {
            socket.write_all(&answers).await.map_err(|_| End::ClientGone)?;
            answers.clear();
        }
        if let Some(first) = taken? {
            return Ok(first);
        }
        if total > MAX_OPENING {
            return Err(End::ClientControl);
        }
        taken = poll_fn(|cx| {
            scratch::with(|scratch| {
                let mut into = ReadBuf::new(&mut scratch.from_client);
                match Pin::new(&mut *socket).poll_read(cx, &mut into) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Ok(())) if !into.filled().is_empty() => {
                        total += into.filled().len();
                        Poll::Ready(take(reader, into.filled_mut(), &mut answers))
                    }
                    Poll::Ready(_) => Poll::Ready(Err(End::ClientGone)),
                }
            })
        })
        .await;
    }
}

/// The first message, if it is in these bytes; there may be nothing behind it before it is answered.
fn take(
    reader: &mut Reader,
    bytes: &mut [u8],
    answers: &mut Vec<u8>,
) -> Result<Option<First>, End> {
    let mut first = None;
    reader.take(bytes, answers, |message| match message {
        Message::Text(text) if first.is_none() => {
            first = Some(control::first(text)?);
            Ok(())
        }
        Message::Text(_) | Message::Binary(_) => Err(End::ClientControl),
    })?;
    Ok(first)
}

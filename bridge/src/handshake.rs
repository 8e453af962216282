//! The handshake in place: what nearly every tunnel begins with, a request that may have what it asks for, is answered where
//! it is read.
//!
//! All else goes through hyper and axum as if nobody had looked at it: a request that has content, that is refused or traced;
//! the page.
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use axum::http::header;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::Request;

use crate::accept::{HEADER_SIZE, Peer};
use crate::app::{TUNNELS, hsts};
use crate::bridge::Shared;
use crate::socket::Socket;
use crate::upgrade::{Accepted, accepted};
use crate::websocket::scratch;

/// The most headers of a request that is answered here: hyper refuses more.
const MOST_HEADERS: usize = 100;

/// What a connection begins with.
pub(crate) enum First {
    /// A handshake, and what its client has sent behind it.
    Handshake(Accepted, Vec<u8>),
    /// Something else, which is to be read again.
    Other,
}

/// Waits for the header of a connection's first request. What has been read of it is in `seen` when it is something else, and
/// while it comes in parts.
///
/// # Errors
/// It broke.
pub(crate) async fn first(
    socket: &mut Socket,
    seen: &mut Vec<u8>,
    peer: Peer,
    shared: &Shared,
) -> io::Result<First> {
    poll_fn(|cx| {
        scratch::with(|scratch| {
            loop {
                let room = HEADER_SIZE.saturating_sub(seen.len());
                let mut into =
                    ReadBuf::new(scratch.from_client.get_mut(..room).unwrap_or_default());
                ready!(Pin::new(&mut *socket).poll_read(cx, &mut into))?;
                let bytes = into.filled();
                // nothing is copied where the first read has all of it
                if seen.is_empty()
                    && let Some(handshake @ First::Handshake(..)) = look(bytes, peer, shared)
                {
                    return Poll::Ready(Ok(handshake));
                }
                seen.extend_from_slice(bytes);
                let first = look(seen, peer, shared);
                let is_last = bytes.is_empty() || seen.len() == HEADER_SIZE;
                if let Some(first) = first.or(is_last.then_some(First::Other)) {
                    return Poll::Ready(Ok(first));
                }
            }
        })
    })
    .await
}

/// What the bytes are; none where it takes more of them to say.
fn look(bytes: &[u8], peer: Peer, shared: &Shared) -> Option<First> {
    match Request::try_parse(bytes) {
        Ok(None) => None,
        Ok(Some((length, request))) if is_for_a_tunnel(&request) => {
            match accepted(shared, &request, peer) {
                Ok(accepted) => {
                    let early = bytes.get(length..).unwrap_or_default();
                    Some(First::Handshake(accepted, early.to_vec()))
                }
                Err(_) => Some(First::Other),
            }
        }
        Ok(Some(_)) | Err(_) => Some(First::Other),
    }
}

fn is_for_a_tunnel(request: &Request) -> bool {
    let headers = request.headers();
    request.uri().path() == TUNNELS
        && headers.len() <= MOST_HEADERS
        && ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING]
            .iter()
            .any(|name| headers.contains_key(name))
}

/// Tells a client that its connection is a tunnel now.
///
/// # Errors
/// It is gone.
pub(crate) async fn answer(
    socket: &mut Socket,
    accepted: &Accepted,
    shared: &Shared,
) -> io::Result<()> {
    let mut head = Vec::with_capacity(256);
    head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    for (name, value) in accepted.answer().chain(hsts(shared)) {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    socket.write_all(&head).await?;
    socket.flush().await
}

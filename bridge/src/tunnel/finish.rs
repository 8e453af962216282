//! The end of a tunnel: what is on the way is delivered, then both sides are closed so that the other end sees why.
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::backlog::Backlog;
use super::{Tunnel, outbound, scratch};
use crate::close::End;

/// How long a side that takes nothing is waited for while something is left to be delivered.
const STALL: Duration = Duration::from_secs(10);
/// How long a side has to close after us, while what it still sends is thrown away. Closing with unread bytes would
/// reset the connection, and the other end would lose what we sent last: a browser would see 1006 in place of our code.
const LINGER: Duration = Duration::from_secs(3);

impl<C, U> Tunnel<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) async fn finish(mut self, end: End) {
        if let Some(frame) = end.frame() {
            self.to_client.push(&outbound::close(frame));
        }
        let client = async {
            // a client that has sent its own close sends nothing behind it
            if end.client_is_there() {
                close(self.client, self.to_client, end != End::ClientClosed).await;
            }
        };
        let upstream = async {
            if end.upstream_is_there() && !self.upstream_deaf {
                close(self.upstream, self.to_upstream, true).await;
            }
        };
        tokio::join!(client, upstream);
    }
}

/// A client whose upstream could not be reached is told so.
pub(crate) async fn refuse<C: AsyncRead + AsyncWrite + Unpin>(client: C, end: End) {
    let mut last = Backlog::default();
    if let Some(frame) = end.frame() {
        last.push(&outbound::close(frame));
    }
    close(client, last, true).await;
}

/// Delivers, ends our direction, and waits for the other end to do the same if it may still be sending.
async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    mut backlog: Backlog,
    may_send: bool,
) {
    while !backlog.is_empty() {
        let step = timeout(STALL, poll_fn(|cx| backlog.poll_write_some(&mut socket, cx)));
        if !matches!(step.await, Ok(Ok(()))) {
            return;
        }
    }
    if socket.shutdown().await.is_ok() && may_send {
        // the end of the time is as good as the end of the stream
        let _ = timeout(LINGER, discard(&mut socket)).await;
    }
}

/// Reads until the end of the stream and throws everything away.
async fn discard<S: AsyncRead + Unpin>(socket: &mut S) -> io::Result<()> {
    poll_fn(|cx| {
        scratch::with(|scratch| {
            loop {
                let mut into = ReadBuf::new(&mut scratch.from_client);
                match Pin::new(&mut *socket).poll_read(cx, &mut into) {
                    Poll::Ready(Ok(())) if into.filled().is_empty() => return Poll::Ready(Ok(())),
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
    })
    .await
}

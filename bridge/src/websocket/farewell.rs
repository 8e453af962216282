//! The end of a tunnel: what is on the way is delivered, then both sides are closed so that the other end sees why.
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::task::coop::unconstrained;
use tokio::time::timeout;

use super::{Backlog, Reader, frames, scratch};
use crate::close::End;
use crate::upstream::BreakOff;

/// How long a side that takes nothing is waited for while something is left to be delivered.
const STALL: Duration = Duration::from_secs(10);
/// How long a side has to close after us, while what it still sends is thrown away. Closing with unread bytes would
/// reset the connection, and the other end would lose what we sent last: a browser would see 1006 in place of our code.
const LINGER: Duration = Duration::from_secs(3);

/// The most bytes of a client's that are thrown away: more than are on the way, unless it goes on regardless.
const MAX_DISCARDED: usize = 4 << 20;

/// Tells a client that it gets no tunnel; nothing, where it is gone.
pub(crate) async fn refuse<C: AsyncRead + AsyncWrite + Unpin>(client: C, reader: Reader, end: End) {
    if end.client_is_there() {
        close_client(client, Backlog::default(), reader, end).await;
    }
}

/// Delivers what is left and the close, then waits for the client's.
pub(crate) async fn close_client<C>(mut client: C, mut left: Backlog, mut reader: Reader, end: End)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(frame) = end.frame() {
        left.push(&frames::close(frame));
    }
    let delivered = deliver(&mut client, left).await;
    // a client that has sent its own close sends nothing behind it
    if delivered && !matches!(end, End::ClientClosed { .. }) {
        // behind bytes that are no WebSocket, or a message that is not read, there is no close to be found
        let mut is_lost = matches!(end, End::ClientTooBig | End::ClientUtf8 | End::ClientProtocol);
        let mut discarded = 0;
        discard(&mut client, LINGER, |bytes, answers| {
            discarded += bytes.len();
            if discarded > MAX_DISCARDED {
                return true;
            }
            if is_lost {
                return false;
            }
            answers.clear();
            let taken = reader.take(bytes, answers, |_| Ok(()));
            is_lost =
                matches!(taken, Err(End::ClientTooBig | End::ClientUtf8 | End::ClientProtocol));
            matches!(taken, Err(End::ClientClosed { .. }))
        })
        .await;
    }
}

/// Delivers what is left and ends the stream, then waits for its other direction to end.
pub(crate) async fn close_upstream<U>(mut upstream: U, left: Backlog)
where
    U: AsyncRead + AsyncWrite + Unpin,
{
    if deliver(&mut upstream, left).await {
        discard(&mut upstream, LINGER, |_, _| false).await;
    }
}

/// Delivers what is left and ends the stream, unless more has come from it, which its client does not get: then it is
/// broken off.
pub(crate) async fn close_read_upstream<U>(mut upstream: U, left: Backlog)
where
    U: AsyncRead + AsyncWrite + BreakOff + Unpin,
{
    if write_out(&mut upstream, left).await && !has_more(&mut upstream).await {
        close_upstream(upstream, Backlog::default()).await;
    } else {
        break_off_upstream(upstream, Backlog::default()).await;
    }
}

/// Delivers what is left and breaks the stream off: its client may not have got what came from it.
pub(crate) async fn break_off_upstream<U>(mut upstream: U, left: Backlog)
where
    U: AsyncRead + AsyncWrite + BreakOff + Unpin,
{
    let on_the_way = upstream.on_the_way();
    if write_out(&mut upstream, left).await && !on_the_way.is_zero() {
        discard(&mut upstream, on_the_way, |_, _| false).await;
    }
    upstream.break_off();
}

/// Whether something is there to be read. It takes some of it.
async fn has_more<S: AsyncRead + Unpin>(socket: &mut S) -> bool {
    let mut byte = [0];
    // a task that has used up its turn would see nothing
    let look = unconstrained(poll_fn(|cx| {
        let mut into = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut *socket).poll_read(cx, &mut into);
        Poll::Ready(read.is_ready() && !into.filled().is_empty())
    }));
    look.await
}

/// Writes what is left and ends our direction; whether that could be done.
async fn deliver<S: AsyncWrite + Unpin>(socket: &mut S, left: Backlog) -> bool {
    write_out(socket, left).await && socket.shutdown().await.is_ok()
}

/// Writes what is left; whether that could be done.
async fn write_out<S: AsyncWrite + Unpin>(socket: &mut S, mut left: Backlog) -> bool {
    while !left.is_empty() {
        let step = timeout(STALL, poll_fn(|cx| left.poll_write_some(socket, cx, |_| {})));
        if !matches!(step.await, Ok(Ok(()))) {
            return false;
        }
    }
    true
}

/// Reads and throws away, until the stream or the time is over or `last` says that this was all. It is given what came,
/// and room to work in.
async fn discard<S: AsyncRead + Unpin>(
    socket: &mut S,
    time: Duration,
    mut last: impl FnMut(&mut [u8], &mut Vec<u8>) -> bool,
) {
    let end = poll_fn(|cx| {
        scratch::with(|scratch| {
            loop {
                let mut into = ReadBuf::new(&mut scratch.from_client);
                match Pin::new(&mut *socket).poll_read(cx, &mut into) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Ready(Ok(())) => {}
                }
                let bytes = into.filled_mut();
                if bytes.is_empty() || last(bytes, &mut scratch.batch.answers) {
                    return Poll::Ready(());
                }
            }
        })
    });
    // the end of the time is as good as any other
    let _ = timeout(time, end).await;
}

//! `Backlog`: bytes that a socket has not taken yet. It holds no memory while it is empty.
//!
//! TLS may take bytes and keep them because the socket below is full. They go out only when somebody asks for it, so a
//! backlog is not empty before that is done either.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// Bytes in the order in which they have to go out.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: Vec<u8>,
    /// How many of them have gone out.
    sent: usize,
    /// The socket holds bytes that it was not yet able to send.
    is_held: bool,
}

impl Backlog {
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.is_held
    }

    /// Puts bytes behind the others.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Puts what is left of another behind.
    pub(crate) fn append(&mut self, other: Self) {
        self.push(other.bytes.get(other.sent..).unwrap_or_default());
        self.is_held |= other.is_held;
    }

    /// Writes what is here until all is out or the socket takes no more; the socket's waker is set when it does not.
    pub(crate) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_write_with(socket, cx, |_| {})
    }

    /// As [`poll_write`](Self::poll_write), and shows the bytes that the socket has taken, also where an error follows.
    pub(crate) fn poll_write_with<W: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut W,
        cx: &mut Context<'_>,
        mut written: impl FnMut(&[u8]),
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            ready!(self.poll_write_some(socket, cx, &mut written))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes as much as the socket takes at once, or has it send what it holds.
    pub(crate) fn poll_write_some<W: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut W,
        cx: &mut Context<'_>,
        mut written: impl FnMut(&[u8]),
    ) -> Poll<io::Result<()>> {
        let rest = self.bytes.get(self.sent..).unwrap_or_default();
        if !rest.is_empty() {
            match ready!(Pin::new(&mut *socket).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    written(rest.get(..count).unwrap_or_default());
                    self.sent += count;
                }
            }
            if self.sent < self.bytes.len() {
                return Poll::Ready(Ok(()));
            }
            *self = Self { is_held: true, ..Self::default() };
        }
        let flushed = ready!(Pin::new(socket).poll_flush(cx));
        self.is_held = false;
        Poll::Ready(flushed)
    }

    /// Writes `bytes` at once, behind what is here, and keeps what the socket does not take.
    pub(crate) fn write_or_keep<W: AsyncWrite + Unpin>(
        &mut self,
        bytes: &[u8],
        socket: &mut W,
        cx: &mut Context<'_>,
    ) -> io::Result<()> {
        self.write_or_keep_with(bytes, socket, cx, |_| {})
    }

    /// As [`write_or_keep`](Self::write_or_keep), and shows the bytes that the socket has taken.
    pub(crate) fn write_or_keep_with<W: AsyncWrite + Unpin>(
        &mut self,
        mut bytes: &[u8],
        socket: &mut W,
        cx: &mut Context<'_>,
        mut written: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let is_first = self.is_empty();
        while is_first && !bytes.is_empty() {
            match Pin::new(&mut *socket).poll_write(cx, bytes) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    let (taken, rest) = bytes.split_at(count);
                    written(taken);
                    bytes = rest;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        self.push(bytes);
        if is_first && bytes.is_empty() {
            self.is_held = Pin::new(socket).poll_flush(cx)?.is_pending();
        }
        Ok(())
    }

    /// Forgets what is here and was not taken.
    pub(crate) fn clear(&mut self) {
        *self = Self { is_held: self.is_held, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::pipe::pipe;

    #[test]
    fn what_is_not_taken_is_kept_in_order_and_let_go_of() {
        let (mut near, mut far) = pipe(4);
        let mut cx = Context::from_waker(Waker::noop());
        let mut backlog = Backlog::default();
        backlog.write_or_keep(b"abcdef", &mut near, &mut cx).unwrap();
        backlog.write_or_keep(b"gh", &mut near, &mut cx).unwrap();
        assert!(backlog.poll_write(&mut near, &mut cx).is_pending());
        let mut got = Vec::new();
        while got.len() < 8 {
            let mut buffer = [0; 3];
            let mut into = tokio::io::ReadBuf::new(&mut buffer);
            assert!(
                tokio::io::AsyncRead::poll_read(Pin::new(&mut far), &mut cx, &mut into).is_ready()
            );
            got.extend_from_slice(into.filled());
            let _ = backlog.poll_write(&mut near, &mut cx);
        }
        assert_eq!(got, b"abcdefgh");
        assert!(backlog.is_empty() && backlog.bytes.capacity() == 0);
    }
}

//! A bounded pipe inside the process, both ways, that holds no buffer while nothing is on the way.
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::poll_proceed;

/// One of a pipe's two ends. What is written to one end is read from the other; dropping it closes both ways.
#[derive(Debug)]
pub struct PipeEnd {
    pipe: Arc<[Mutex<Way>; 2]>,
    /// The way that this end writes to: 0 or 1.
    writes: usize,
}

/// One direction of a pipe.
#[derive(Debug)]
struct Way {
    bytes: Vec<u8>,
    /// How many of `bytes` have been read.
    read: usize,
    capacity: usize,
    writer_closed: bool,
    /// The writer has broken it off: behind what is still to be read comes an error.
    is_broken: bool,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// A pipe that holds at most `capacity` bytes each way; a writer who is ahead waits.
///
/// # Panics
/// If `capacity` is 0.
#[must_use]
pub fn pipe(capacity: usize) -> (PipeEnd, PipeEnd) {
    assert!(capacity > 0, "a pipe without room passes nothing");
    let pipe = Arc::new([Mutex::new(Way::new(capacity)), Mutex::new(Way::new(capacity))]);
    (PipeEnd { pipe: Arc::clone(&pipe), writes: 0 }, PipeEnd { pipe, writes: 1 })
}

impl PipeEnd {
    /// Closes both ways as a reset would: the other end reads what is there, and then an error.
    pub fn break_off(self) {
        self.outgoing().is_broken = true;
    }

    fn outgoing(&self) -> MutexGuard<'_, Way> {
        lock(if self.writes == 0 { &self.pipe[0] } else { &self.pipe[1] })
    }

    fn incoming(&self) -> MutexGuard<'_, Way> {
        lock(if self.writes == 0 { &self.pipe[1] } else { &self.pipe[0] })
    }
}

/// No code panics while it holds a way, and a way is whole between any two statements.
fn lock(way: &Mutex<Way>) -> MutexGuard<'_, Way> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Way {
    const fn new(capacity: usize) -> Self {
        Self {
            bytes: Vec::new(),
            read: 0,
            capacity,
            writer_closed: false,
            is_broken: false,
            reader_gone: false,
            reader: None,
            writer: None,
        }
    }

    fn put(&mut self, from: &[u8]) -> usize {
        let room = self.capacity - (self.bytes.len() - self.read);
        let taken = room.min(from.len());
        if self.read > 0 && self.bytes.len() + taken > self.bytes.capacity() {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(from.get(..taken).unwrap_or_default());
        taken
    }

    fn take(&mut self, into: &mut ReadBuf<'_>) {
        let waiting = self.bytes.get(self.read..).unwrap_or_default();
        let taken = waiting.len().min(into.remaining());
        into.put_slice(waiting.get(..taken).unwrap_or_default());
        self.read += taken;
        if self.read == self.bytes.len() {
            self.bytes = Vec::new();
            self.read = 0;
        }
    }
}

impl AsyncRead for PipeEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let turn = ready!(poll_proceed(cx));
        let writer = {
            let mut way = self.incoming();
            if way.bytes.is_empty() {
                if way.is_broken {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                if way.writer_closed || into.remaining() == 0 {
                    return Poll::Ready(Ok(()));
                }
                way.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            way.take(into);
            way.writer.take()
        };
        turn.made_progress();
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PipeEnd {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        let turn = ready!(poll_proceed(cx));
        let (taken, reader) = {
            let mut way = self.outgoing();
            if way.reader_gone || way.writer_closed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let taken = way.put(from);
            if taken == 0 && !from.is_empty() {
                way.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            (taken, way.reader.take())
        };
        turn.made_progress();
        if let Some(reader) = reader {
            reader.wake();
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reader = {
            let mut way = self.outgoing();
            way.writer_closed = true;
            way.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let reader = {
            let mut way = self.outgoing();
            way.writer_closed = true;
            way.reader.take()
        };
        let writer = {
            let mut way = self.incoming();
            way.reader_gone = true;
            way.bytes = Vec::new();
            way.read = 0;
            way.writer.take()
        };
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_writer_waits_for_room_and_all_arrives_in_order() {
        let (mut near, mut far) = pipe(16);
        let sent: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let expected = sent.clone();
        let writer = tokio::spawn(async move {
            near.write_all(&sent).await.unwrap();
            near.shutdown().await.unwrap();
            near
        });
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, expected);
        let near = writer.await.unwrap();
        assert_eq!(near.outgoing().bytes.capacity(), 0, "nothing is kept once all is read");
    }

    #[tokio::test]
    async fn a_full_pipe_takes_no_more() {
        let (mut near, _far) = pipe(4);
        assert_eq!(near.write(b"abcdef").await.unwrap(), 4);
        assert_eq!(poll_write_once(&mut near, b"g"), None, "there is no room");
    }

    #[tokio::test]
    async fn the_far_end_sees_a_drop_both_ways() {
        let (near, mut far) = pipe(4);
        drop(near);
        assert_eq!(far.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(far.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_writer_that_waits_is_woken_by_the_readers_end() {
        let (mut near, far) = pipe(1);
        near.write_all(b"a").await.unwrap();
        let waiting = tokio::spawn(async move { near.write_all(b"b").await });
        tokio::task::yield_now().await;
        drop(far);
        assert_eq!(waiting.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn an_end_that_is_broken_off_is_an_error_behind_what_was_written() {
        let (mut near, mut far) = pipe(8);
        near.write_all(b"abc").await.unwrap();
        near.break_off();
        let mut got = [0; 8];
        assert_eq!(far.read(&mut got).await.unwrap(), 3);
        assert_eq!(far.read(&mut got).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(far.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    /// Polls one write once.
    fn poll_write_once(end: &mut PipeEnd, bytes: &[u8]) -> Option<usize> {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(end).poll_write(&mut cx, bytes) {
            Poll::Ready(taken) => Some(taken.unwrap()),
            Poll::Pending => None,
        }
    }

    proptest! {
        #[test]
        fn any_writes_and_reads_keep_the_bytes(steps in prop::collection::vec((any::<bool>(), 1..40_usize), 0..200)) {
            let (mut near, mut far) = pipe(32);
            let mut cx = Context::from_waker(Waker::noop());
            let (mut sent, mut got) = (Vec::new(), Vec::new());
            for (write, length) in steps {
                if write {
                    let bytes: Vec<u8> = (0..length).map(|i| (sent.len() + i) as u8).collect();
                    if let Poll::Ready(taken) = Pin::new(&mut near).poll_write(&mut cx, &bytes) {
                        sent.extend_from_slice(&bytes[..taken.unwrap()]);
                    }
                } else {
                    let mut buffer = vec![0; length];
                    let mut into = ReadBuf::new(&mut buffer);
                    if Pin::new(&mut far).poll_read(&mut cx, &mut into).is_ready() {
                        got.extend_from_slice(into.filled());
                    }
                }
                prop_assert!(sent.len() - got.len() <= 32);
                prop_assert!(sent.starts_with(&got));
            }
        }
    }
}

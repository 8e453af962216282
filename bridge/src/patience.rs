//! `Patience`: a stream whose writes fail when the other end reads too slowly for too long.
//!
//! HTTP answers are written through it: without it, a client that asks for much and reads nothing keeps its place among the
//! connections for as long as it likes. Tunnels have rules of their own.
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Bytes that the other end must take in each stretch, while more than that waits.
const LEAST: usize = 16 * 1024;

/// A stream with a least rate for its writes.
#[derive(Debug)]
pub(crate) struct Patience<S> {
    stream: S,
    /// The length of a stretch; `None` is no limit.
    time: Option<Duration>,
    /// The stretch under way; `None` while nothing waits to be written.
    stretch: Option<Stretch>,
}

#[derive(Debug)]
struct Stretch {
    over: Pin<Box<Sleep>>,
    taken: usize,
}

impl<S> Patience<S> {
    pub(crate) const fn new(stream: S, time: Option<Duration>) -> Self {
        Self { stream, time, stretch: None }
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// Passes on the outcome of a write, or fails it once a stretch has ended with too little taken.
    fn heed<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_pending()
            && let Some(time) = self.time
        {
            let begin = || Stretch { over: Box::pin(sleep(time)), taken: 0 };
            let stretch = self.stretch.get_or_insert_with(begin);
            if stretch.over.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        written
    }

    fn took(&mut self, written: &Poll<io::Result<usize>>) {
        if let (Some(stretch), Poll::Ready(Ok(count))) = (&mut self.stretch, written) {
            stretch.taken += count;
            if stretch.taken >= LEAST {
                self.stretch = None;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, from);
        this.took(&written);
        this.heed(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, from);
        this.took(&written);
        this.heed(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if flushed.is_ready() {
            this.stretch = None;
        }
        this.heed(flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.heed(shut, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    /// The outcome of a write of 100 KiB, and its time, while the other end reads `part` bytes a second.
    async fn written(part: usize) -> (io::Result<()>, Duration) {
        let (near, mut far) = duplex(1000);
        let mut near = Patience::new(near, Some(Duration::from_secs(10)));
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; part];
            loop {
                sleep(Duration::from_secs(1)).await;
                if part > 0 && far.read_exact(&mut buffer).await.is_err() {
                    return;
                }
            }
        });
        let begin = Instant::now();
        let done = near.write_all(&[7; 100 * 1024]).await;
        reading.abort();
        (done, begin.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_too_little_is_waited_for_one_stretch() {
        for part in [0, 1, 1000] {
            let (done, time) = written(part).await;
            assert_eq!(done.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert!(time >= Duration::from_secs(10) && time <= Duration::from_secs(11), "{time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_enough_gets_all_of_it_however_long_that_is() {
        let (done, time) = written(2000).await;
        done.unwrap();
        assert!(time > Duration::from_secs(40), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_while_there_is_nothing_to_take() {
        let (near, mut far) = duplex(1000);
        let mut near = Patience::new(near, Some(Duration::from_secs(10)));
        for _ in 0..3 {
            // the second half waits for a moment
            let reading = async {
                sleep(Duration::from_secs(9)).await;
                far.read_exact(&mut [0; 2000]).await.unwrap();
            };
            let writing = async {
                near.write_all(&[7; 2000]).await.unwrap();
                near.flush().await.unwrap();
            };
            tokio::join!(reading, writing);
            sleep(Duration::from_secs(60)).await;
        }
    }
}

//! Writes to a stream, and whether who reads it takes enough: one that takes next to nothing holds what waits for it for
//! as long as it likes.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use tokio::io::AsyncWrite;
use tokio::time::Instant;

use crate::fanout::Outgoing;

/// Bytes that have to be taken in each stretch of `stalled_write_s`, while more than that waits. In the 60 s that it is
/// by default, the slowest data call of GSM (9,600 bit/s) takes seventeen times as many.
const LEAST: usize = 4 << 10;

/// How far a client has come with what waits for it.
#[derive(Debug, Default)]
pub(super) struct Taking {
    /// The stretch that is under way; none while nothing waits.
    stretch: Option<Stretch>,
}

#[derive(Debug)]
struct Stretch {
    since: Instant,
    taken: usize,
}

impl Taking {
    /// Something waits to be written, or nothing any more.
    pub(super) fn waits(&mut self, waits: bool) {
        if !waits {
            self.stretch = None;
        } else if self.stretch.is_none() {
            self.stretch = Some(Stretch { since: Instant::now(), taken: 0 });
        }
    }

    /// When the stretch is over that may take so long; none while nothing waits.
    pub(super) fn deadline(&self, stretch_s: u64) -> Option<Instant> {
        let stretch = self.stretch.as_ref()?;
        Some(stretch.since + Duration::from_secs(stretch_s))
    }

    /// Writes all of it, and flushes.
    pub(super) fn write<S: AsyncWrite>(
        &mut self,
        mut stream: Pin<&mut S>,
        context: &mut Context<'_>,
        outgoing: &mut Outgoing,
    ) -> Poll<io::Result<()>> {
        while outgoing.bytes.has_remaining() {
            match stream.as_mut().poll_write(context, &outgoing.bytes) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    outgoing.bytes.advance(count);
                    self.took(count);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        stream.poll_flush(context)
    }

    fn took(&mut self, count: usize) {
        if let Some(stretch) = &mut self.stretch {
            stretch.taken += count;
            if stretch.taken >= LEAST {
                *stretch = Stretch { since: Instant::now(), taken: 0 };
            }
        }
    }
}

//! The end of a connection: what its client still gets to read.
use std::future::poll_fn;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Connection, LAST, LAST_AT_STOP, Step, read};
use crate::end::End;
use crate::fanout::Ending;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<'_, S> {
    /// Lets the client read the last packets.
    pub(super) async fn finish(&mut self, end: End) {
        match &end {
            End::Framing(error) => {
                tracing::info!(connection = self.number.0, offset = error.offset(), %error, "bytes that are no packet");
            }
            End::Broken(error) => {
                tracing::debug!(connection = self.number.0, %error, "the connection broke")
            }
            End::Session(_) | End::Closed | End::BeforeLogin | End::Overdue(_) => {
                tracing::debug!(
                    connection = self.number.0,
                    reason = end.reason(),
                    "the connection ended"
                );
            }
        }
        if matches!(end, End::Broken(_) | End::Session(Ending::NotReading | Ending::CrowdedOut)) {
            return;
        }
        let linger = match end {
            End::Session(Ending::Shutdown) => LAST_AT_STOP,
            End::Session(_)
            | End::Closed
            | End::Broken(_)
            | End::Framing(_)
            | End::BeforeLogin
            | End::Overdue(_) => LAST,
        };
        if !matches!(tokio::time::timeout(LAST, self.stream.shutdown()).await, Ok(Ok(()))) {
            return;
        }
        // closing on bytes that nobody has read would take away what the client has not read yet
        let rest = async {
            let mut left = 64;
            while left > 0 && !self.eof {
                let step = poll_fn(|context| read(Pin::new(&mut self.stream), context)).await;
                if !matches!(step, Step::Read(_)) {
                    break;
                }
                left -= 1;
            }
        };
        drop(tokio::time::timeout(linger, rest).await); // it is over either way
    }
}

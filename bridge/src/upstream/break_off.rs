//! `BreakOff`: an end that a server can tell from an orderly one.
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::Link;
use crate::pipe::PipeEnd;

/// Time for written bytes to reach the server before the reset; bytes still on their way then are lost.
const ON_THE_WAY: Duration = Duration::from_millis(250);

/// A stream that can end as if it had been cut.
///
/// A client that closes its WebSocket in good order has what was sent to it, and one whose connection broke may not: a
/// server that goes by that (spec/wire.md section 4) has to see the difference.
pub trait BreakOff {
    /// How long what was written may take to the other end, which has to read it before the stream is broken off.
    fn on_the_way(&self) -> Duration;

    /// Ends the stream: the other end reads an error, and not that it is over.
    fn break_off(self);
}

impl BreakOff for Link {
    fn on_the_way(&self) -> Duration {
        match self {
            Self::Tcp(stream) => stream.on_the_way(),
            Self::Tls(stream) => stream.on_the_way(),
            Self::Pipe(end) => end.on_the_way(),
        }
    }

    fn break_off(self) {
        match self {
            Self::Tcp(stream) => stream.break_off(),
            Self::Tls(stream) => stream.break_off(),
            Self::Pipe(end) => BreakOff::break_off(end),
        }
    }
}

impl BreakOff for TcpStream {
    fn on_the_way(&self) -> Duration {
        ON_THE_WAY
    }

    fn break_off(self) {
        // it fails only where the connection is gone already
        let _ = self.set_zero_linger();
    }
}

impl<S: BreakOff> BreakOff for TlsStream<S> {
    fn on_the_way(&self) -> Duration {
        self.get_ref().0.on_the_way()
    }

    fn break_off(self) {
        // without a close of TLS's own, which whoever reads it misses
        self.into_inner().0.break_off();
    }
}

impl BreakOff for PipeEnd {
    fn on_the_way(&self) -> Duration {
        Duration::ZERO
    }

    fn break_off(self) {
        Self::break_off(self);
    }
}

/// One without a way to say it.
impl BreakOff for DuplexStream {
    fn on_the_way(&self) -> Duration {
        Duration::ZERO
    }

    fn break_off(self) {}
}

//! The client's stream, on its way to the server: checked as it comes, counted as it is written.
use std::io;
use std::task::{Context, Poll, ready};

use mig33_codec::{Command, HEADER_LEN};
use tokio::io::AsyncWrite;
use tokio::time::Instant;

use super::keepalive::{PING, Pings};
use crate::close::End;
use crate::metrics::Tally;
use crate::tunnel::{Framing, Track};
use crate::websocket::Backlog;

/// A stream whose offset is what the server's socket has taken, and never what we have only read.
#[derive(Debug)]
pub(super) struct ToServer {
    /// Follows what was read.
    checked: Track,
    /// Follows what was written; its offset is the stream's.
    written: Track,
    backlog: Backlog,
    /// A PING of our own that is on its way, and in no offset.
    ping: Backlog,
    /// When something was written last.
    last_written: Instant,
    has_logged_out: bool,
    pings: Pings,
    /// Packets that are written and not counted yet.
    tally: Tally,
    /// The server takes nothing any more.
    is_deaf: bool,
}

impl ToServer {
    pub(super) fn new(framing: Framing, now: Instant) -> Self {
        Self {
            checked: Track::new(framing),
            written: Track::new(framing),
            backlog: Backlog::default(),
            ping: Backlog::default(),
            last_written: now,
            has_logged_out: false,
            pings: Pings::default(),
            tally: Tally::default(),
            is_deaf: false,
        }
    }

    /// Checks the stream's next bytes, in which no packet may have more than `max` bytes; how many packets end in them.
    ///
    /// # Errors
    /// They are no packets, or one is too long.
    pub(super) fn check(&mut self, bytes: &[u8], max: usize) -> Result<usize, End> {
        let mut is_too_long = false;
        let scan = self.checked.advance(bytes, |header| {
            is_too_long |= HEADER_LEN + header.length as usize > max;
        });
        let packets = scan.map_err(End::ClientFraming)?.packets;
        if is_too_long { Err(End::ClientTooBig) } else { Ok(packets) }
    }

    /// How much of the stream is written.
    pub(super) const fn offset(&self) -> u64 {
        self.written.offset()
    }

    /// Whether LOGOUT was written.
    pub(super) const fn has_logged_out(&self) -> bool {
        self.has_logged_out
    }

    /// When something was written last.
    pub(super) const fn last_written(&self) -> Instant {
        self.last_written
    }

    /// PINGs that wait for their answers.
    pub(super) const fn pings(&mut self) -> &mut Pings {
        &mut self.pings
    }

    /// Packets whose headers were written and that are not counted yet.
    pub(super) const fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Writes what was checked, and keeps what the server does not take.
    pub(super) fn write<U: AsyncWrite + Unpin>(
        &mut self,
        bytes: &[u8],
        server: &mut U,
        cx: &mut Context<'_>,
    ) {
        if self.is_deaf || bytes.is_empty() {
            return;
        }
        let result = if self.ping.is_empty() {
            let note =
                note(&mut self.written, &mut self.has_logged_out, &mut self.pings, &mut self.tally);
            self.backlog.write_or_keep_with(bytes, server, cx, note)
        } else {
            self.backlog.push(bytes);
            Ok(())
        };
        self.heed(result);
    }

    /// Writes what is left over. While it is pending the client is not to be read.
    pub(super) fn poll_flush<U: AsyncWrite + Unpin>(
        &mut self,
        server: &mut U,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.ping.is_empty() && self.backlog.is_empty() {
            return Poll::Ready(());
        }
        let mut result = self.ping.poll_write(server, cx);
        if matches!(result, Poll::Ready(Ok(()))) {
            let note =
                note(&mut self.written, &mut self.has_logged_out, &mut self.pings, &mut self.tally);
            result = self.backlog.poll_write_with(server, cx, note);
        }
        let result = ready!(result);
        self.heed(result);
        Poll::Ready(())
    }

    /// Whether a PING of our own would stand between two packets.
    pub(super) fn takes_ping(&self) -> bool {
        !self.is_deaf
            && self.written.takes_packet()
            && self.backlog.is_empty()
            && self.ping.is_empty()
    }

    /// Sends one; the server's stream has to stand between two packets, too. [`poll_flush`](Self::poll_flush) has to be called then.
    pub(super) fn send_ping(&mut self, now: Instant) {
        self.ping.push(&PING);
        self.pings.sent();
        self.last_written = now;
    }

    /// Looks again whether a PING can be sent after another silence.
    pub(super) const fn put_off_ping(&mut self, now: Instant) {
        self.last_written = now;
    }

    /// Whether something that was read still has to be written.
    pub(super) const fn is_waiting(&self) -> bool {
        !self.backlog.is_empty() || !self.ping.is_empty()
    }

    /// Throws away what was read and is not written: the client sends it again.
    pub(super) fn discard(&mut self) {
        self.backlog.clear();
        self.checked = self.written.clone();
    }

    /// What is left to be delivered, where the server still takes something.
    pub(super) fn into_rest(self) -> Option<Backlog> {
        let mut rest = self.ping;
        rest.append(self.backlog);
        (!self.is_deaf).then_some(rest)
    }

    fn heed(&mut self, result: io::Result<()>) {
        self.last_written = Instant::now();
        if result.is_err() {
            self.is_deaf = true;
            self.backlog.clear();
            self.ping.clear();
        }
    }
}

/// Notes what the server's socket has taken.
fn note<'a>(
    written: &'a mut Track,
    has_logged_out: &'a mut bool,
    pings: &'a mut Pings,
    tally: &'a mut Tally,
) -> impl FnMut(&[u8]) + 'a {
    move |bytes| {
        let scan = written.advance(bytes, |header| {
            *has_logged_out |= header.command == Command::LOGOUT;
            pings.written(&header);
            tally.add(&header);
        });
        debug_assert!(scan.is_ok(), "it was checked as it came");
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Waker;

    use tokio::io::{AsyncRead, ReadBuf};

    use mig33_codec::MAX_PACKET;

    use super::*;
    use crate::pipe::{PipeEnd, pipe};

    const LOGOUT: [u8; 9] = {
        let [high, low] = Command::LOGOUT.0.to_be_bytes();
        [2, high, low, 0, 9, 0, 0, 0, 0]
    };

    fn read(from: &mut PipeEnd, cx: &mut Context<'_>) -> Vec<u8> {
        let mut buffer = [0; 64];
        let mut into = ReadBuf::new(&mut buffer);
        assert!(Pin::new(from).poll_read(cx, &mut into).is_ready());
        into.filled().to_vec()
    }

    #[tokio::test]
    async fn only_what_is_written_counts_and_the_rest_can_be_discarded() {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut near, mut far) = pipe(12);
        let mut stream = ToServer::new(Framing::Checked, Instant::now());
        let packets = [PING, LOGOUT].concat();
        stream.check(&packets, MAX_PACKET).unwrap();
        stream.write(&packets, &mut near, &mut cx);
        assert_eq!(stream.tally().take_total(), 1);
        assert_eq!((stream.offset(), stream.has_logged_out()), (12, false));
        assert!(stream.poll_flush(&mut near, &mut cx).is_pending());
        stream.discard();
        assert_eq!(stream.offset(), 12);
        // the client sends the rest again, and another packet
        stream.check(&[&packets[12..], &PING].concat(), MAX_PACKET).unwrap();
        assert_eq!(read(&mut far, &mut cx), packets[..12]);
        stream.write(&packets[12..], &mut near, &mut cx);
        assert_eq!(stream.tally().take_total(), 1);
        assert_eq!((stream.offset(), stream.has_logged_out()), (18, true));
        assert_eq!(read(&mut far, &mut cx), packets[12..]);
    }

    #[tokio::test]
    async fn our_ping_goes_before_what_comes_later_and_counts_nowhere() {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut near, mut far) = pipe(4);
        let mut stream = ToServer::new(Framing::Checked, Instant::now());
        assert!(stream.takes_ping());
        stream.send_ping(Instant::now());
        assert!(!stream.takes_ping());
        stream.check(&LOGOUT, MAX_PACKET).unwrap();
        stream.write(&LOGOUT, &mut near, &mut cx);
        assert_eq!(stream.tally().take_total(), 0);
        let mut got = Vec::new();
        while got.len() < 18 {
            let _ = stream.poll_flush(&mut near, &mut cx);
            got.extend(read(&mut far, &mut cx));
        }
        assert_eq!(got, [PING, LOGOUT].concat());
        assert_eq!((stream.offset(), stream.tally().take_total()), (9, 1));
    }

    #[tokio::test]
    async fn a_server_that_is_gone_takes_nothing_and_counts_nothing() {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut near, far) = pipe(100);
        drop(far);
        let mut stream = ToServer::new(Framing::Checked, Instant::now());
        stream.check(&LOGOUT, MAX_PACKET).unwrap();
        stream.write(&LOGOUT, &mut near, &mut cx);
        assert_eq!(stream.offset(), 0);
        assert!(!stream.takes_ping() && stream.into_rest().is_none());
    }
}

//! `Connected`: the WebSocket that a session's client is on.
use std::mem;
use std::net::IpAddr;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::control::Answer;
use super::registry::Arrival;
use crate::close::End;
use crate::websocket::{Backlog, Heartbeat, PERIOD, Reader, frames};

/// The client's connection.
#[derive(Debug)]
pub(super) struct Connected<C> {
    pub(super) socket: C,
    pub(super) reader: Reader,
    pub(super) to_client: Backlog,
    /// Bytes of answers to control frames that may be in `to_client`.
    pub(super) answers: usize,
    /// The socket takes no more at the moment.
    pub(super) is_full: bool,
    pub(super) heartbeat: Heartbeat,
    pub(super) beat_at: Instant,
    /// How much of its stream we have acknowledged.
    pub(super) acknowledged: u64,
    /// When the rest is due.
    pub(super) acknowledge_at: Option<Instant>,
    /// Something has come on it since our answer.
    pub(super) is_confirmed: bool,
    pub(super) connection: u64,
    pub(super) peer: Option<IpAddr>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Connected<C> {
    /// A connection whose client is told `answer` first.
    pub(super) fn new(arrival: Arrival<C>, answer: &Answer, now: Instant) -> Self {
        let Arrival { socket, reader, connection, peer } = arrival;
        let mut to_client = Backlog::default();
        to_client.push(&frames::text(answer.to_text()));
        Self {
            socket,
            reader,
            to_client,
            answers: 0,
            is_full: false,
            heartbeat: Heartbeat::default(),
            beat_at: now + PERIOD,
            acknowledged: 0,
            acknowledge_at: None,
            is_confirmed: false,
            connection,
            peer,
        }
    }

    /// Writes what waits.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, End> {
        if self.to_client.is_empty() {
            return Ok(Poll::Ready(()));
        }
        match self.to_client.poll_write(&mut self.socket, cx) {
            Poll::Pending => {
                self.is_full = true;
                return Ok(Poll::Pending);
            }
            Poll::Ready(Ok(())) => self.answers = 0,
            Poll::Ready(Err(_)) => return Err(End::ClientGone),
        }
        if mem::take(&mut self.is_full) {
            self.heartbeat.alive();
        }
        Ok(Poll::Ready(()))
    }

    pub(super) fn send(&mut self, frame: &[u8], cx: &mut Context<'_>) -> Result<(), End> {
        self.to_client.write_or_keep(frame, &mut self.socket, cx).map_err(|_| End::ClientGone)
    }
}

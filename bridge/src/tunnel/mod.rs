//! A tunnel: one WebSocket and one connection to the upstream, driven by one task until either ends.
//!
//! What comes in, what goes out and when it ends is decided by parts without I/O (`inbound`, `outbound`,
//! [`crate::close`]); this file moves the bytes. Each direction reads only while nothing that it has read
//! before is still waiting: a side that is ahead is not read.

mod framing;
mod inbound;
mod outbound;

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

pub use self::framing::Framing;
pub(crate) use self::framing::{Allowance, Track};
use self::inbound::Inbound;
use self::outbound::Outbound;
use crate::close::End;
use crate::drive::{Driven, drive};
use crate::limits::{Idle, Throttle};
use crate::metrics::TunnelMetrics;
use crate::upstream::BreakOff;
use crate::websocket::{
    Backlog, Batch, Beat, Heartbeat, MAX_ANSWERS, PERIOD, Scratch, break_off_upstream,
    close_client, close_read_upstream, frames,
};

/// Both connections, and what is on the way between them.
#[derive(Debug)]
pub struct Tunnel<C, U> {
    client: C,
    upstream: U,
    /// What the client sent together with its request.
    early: Vec<u8>,
    framing: Framing,
    inbound: Inbound,
    outbound: Outbound,
    to_client: Backlog,
    to_upstream: Backlog,
    /// Bytes of answers to control frames that may be in `to_client`.
    answers: usize,
    /// The client's socket takes no more at the moment.
    client_full: bool,
    /// Something waited for the client when it closed.
    was_behind: bool,
    /// The upstream takes nothing any more; what it has still sent is read.
    upstream_deaf: bool,
    heartbeat: Heartbeat,
    beat_at: Instant,
    throttle: Throttle,
    idle: Idle,
    metrics: Arc<TunnelMetrics>,
}

impl<C, U> Tunnel<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + BreakOff + Unpin,
{
    /// A tunnel between a WebSocket whose handshake is done and an upstream. `early` is what the client has sent since.
    #[must_use]
    pub fn new(client: C, early: Vec<u8>, upstream: U, metrics: Arc<TunnelMetrics>) -> Self {
        Self {
            client,
            upstream,
            early,
            framing: Framing::Checked,
            inbound: Inbound::new(Framing::Checked),
            outbound: Outbound::new(Framing::Checked),
            to_client: Backlog::default(),
            to_upstream: Backlog::default(),
            answers: 0,
            client_full: false,
            was_behind: false,
            upstream_deaf: false,
            heartbeat: Heartbeat::default(),
            beat_at: Instant::now() + PERIOD,
            throttle: Throttle::default(),
            idle: Idle::default(),
            metrics,
        }
    }

    /// The same, passing what `framing` says.
    #[must_use]
    pub fn with_framing(self, framing: Framing) -> Self {
        let (inbound, outbound) = (Inbound::new(framing), Outbound::new(framing));
        Self { framing, inbound, outbound, ..self }
    }

    /// The most bytes of a message of the client's before the upstream has let it in; none: as after it.
    #[must_use]
    pub fn before_login(mut self, max: Option<usize>) -> Self {
        let allowance = Allowance::new(self.framing, max);
        self.inbound.allow(allowance);
        self.outbound.allow(allowance);
        self
    }

    /// How fast the client may send, and how long nothing may move.
    #[must_use]
    pub fn limited(self, throttle: Throttle, idle: Idle) -> Self {
        Self { throttle, idle, ..self }
    }

    /// Passes packets both ways until one side ends or `shutdown` says so, then closes both sides in good order.
    pub async fn run(mut self, shutdown: impl Future<Output = End>) -> End {
        let end = drive(&mut self, shutdown).await;
        // boxed, so that a tunnel at rest has no room for its end
        Box::pin(self.finish(end)).await;
        end
    }

    async fn finish(self, end: End) {
        let client = async {
            if end.client_is_there() {
                let reader = self.inbound.into_reader();
                close_client(self.client, self.to_client, reader, end).await;
            }
        };
        let upstream = async {
            if !end.upstream_is_there() || self.upstream_deaf {
                return;
            }
            let has_all = !self.was_behind && self.outbound.at_boundary();
            if end.is_orderly() && has_all {
                close_read_upstream(self.upstream, self.to_upstream).await;
            } else {
                break_off_upstream(self.upstream, self.to_upstream).await;
            }
        };
        tokio::join!(client, upstream);
    }

    /// Reads the client once and writes its packets to the upstream; whether there was something.
    fn move_from_client(
        &mut self,
        scratch: &mut Scratch,
        cx: &mut Context<'_>,
    ) -> Result<bool, End> {
        // asked whatever else there is to wait for: a time that is over must not go on being the next deadline
        let is_paused = self.throttle.until().is_some();
        if !self.to_upstream.is_empty() {
            match self.to_upstream.poll_write(&mut self.upstream, cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => self.upstream_takes_no_more(),
            }
        }
        if self.answers > MAX_ANSWERS || is_paused {
            return Ok(false);
        }
        let mut into = ReadBuf::new(&mut scratch.from_client);
        match Pin::new(&mut self.client).poll_read(cx, &mut into) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(())) if into.filled().is_empty() => return Err(End::ClientGone),
            Poll::Ready(Err(_)) => return Err(End::ClientGone),
            Poll::Ready(Ok(())) => {}
        }
        self.heartbeat.alive();
        let count = into.filled().len();
        let start = scratch.sampler.start();
        let bytes = scratch.from_client.get_mut(..count).unwrap_or_default();
        self.take_from_client(bytes, &mut scratch.batch, cx)?;
        if let Some(start) = start {
            self.metrics.to_upstream_took(start.elapsed());
        }
        Ok(true)
    }

    fn take_from_client(
        &mut self,
        bytes: &mut [u8],
        batch: &mut Batch,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        let Batch { packets, answers, tally } = batch;
        packets.clear();
        answers.clear();
        let read = bytes.len();
        let taken = self.inbound.take(bytes, packets, answers, tally);
        // whatever it was: pongs and parts of messages are work, too
        self.throttle.pay(read, taken.unwrap_or_default());
        if !packets.is_empty() && !self.upstream_deaf {
            self.metrics.count_from_client(packets.len(), tally);
            self.idle.heard();
            if self.to_upstream.write_or_keep(packets, &mut self.upstream, cx).is_err() {
                self.upstream_takes_no_more();
            }
        }
        // before the answer to a close waits there as well
        self.was_behind = !self.to_client.is_empty();
        if !answers.is_empty() {
            self.answers += answers.len();
            self.to_client.push(answers);
        }
        taken.map(|_| ())
    }

    /// Reads the upstream once and writes its packets to the client; whether there was something.
    fn move_from_upstream(
        &mut self,
        scratch: &mut Scratch,
        cx: &mut Context<'_>,
    ) -> Result<bool, End> {
        if !self.to_client.is_empty() {
            match self.to_client.poll_write(&mut self.client, cx) {
                Poll::Pending => {
                    self.client_full = true;
                    return Ok(false);
                }
                Poll::Ready(Ok(())) => self.answers = 0,
                Poll::Ready(Err(_)) => return Err(End::ClientGone),
            }
            if mem::take(&mut self.client_full) {
                self.heartbeat.alive();
            }
        }
        let mut into = ReadBuf::new(self.outbound.room(&mut scratch.from_upstream));
        let count = match Pin::new(&mut self.upstream).poll_read(cx, &mut into) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(())) => into.filled().len(),
            Poll::Ready(Err(_)) => return Err(End::UpstreamBroke),
        };
        if count == 0 {
            return Err(if self.outbound.at_boundary() {
                End::UpstreamEnded
            } else {
                End::UpstreamCut
            });
        }
        let start = scratch.sampler.start();
        let tally = &mut scratch.batch.tally;
        let taken = self
            .outbound
            .take(&mut scratch.from_upstream, count, tally)
            .map_err(End::UpstreamFraming)?;
        self.metrics.count_from_upstream(count, tally);
        self.inbound.allow(taken.allowance);
        if !taken.message.is_empty() {
            self.idle.moved();
            self.to_client
                .write_or_keep(taken.message, &mut self.client, cx)
                .map_err(|_| End::ClientGone)?;
            if let Some(start) = start {
                self.metrics.to_client_took(start.elapsed());
            }
        }
        Ok(true)
    }

    fn upstream_takes_no_more(&mut self) {
        self.upstream_deaf = true;
        self.to_upstream.clear();
    }
}

impl<C, U> Driven for Tunnel<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + BreakOff + Unpin,
{
    fn next_deadline(&self) -> Instant {
        let others = self.throttle.last_until().into_iter().chain(self.idle.deadline());
        others.fold(self.beat_at, Instant::min)
    }

    /// Pings the client when a period is over.
    fn time_passed(&mut self, now: Instant) -> Result<(), End> {
        if let Some(end) = self.idle.over(now) {
            return Err(end);
        }
        if self.beat_at <= now {
            self.beat_at = now + PERIOD;
            let is_read = self.to_upstream.is_empty() && self.throttle.last_until().is_none();
            match self.heartbeat.period_over(is_read) {
                Beat::Dead => return Err(End::ClientDead),
                Beat::Ping => self.to_client.push(&frames::ping()),
            }
        }
        Ok(())
    }

    fn advance(&mut self, scratch: &mut Scratch, cx: &mut Context<'_>) -> Result<(), End> {
        let mut early = mem::take(&mut self.early);
        if !early.is_empty() {
            self.take_from_client(&mut early, &mut scratch.batch, cx)?;
        }
        loop {
            let from_client = self.move_from_client(scratch, cx)?;
            let from_upstream = self.move_from_upstream(scratch, cx)?;
            if !from_client && !from_upstream {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::advance;

    use super::*;
    use crate::limits::{Pace, Rate};
    use crate::pipe::{PipeEnd, pipe};
    use crate::websocket::scratch;

    const PING: [u8; 9] = [2, 0, 2, 0, 4, 0, 0, 0, 0];

    /// A tunnel whose client has been too fast, the client, and the upstream.
    async fn too_fast(upstream_room: usize) -> (Tunnel<PipeEnd, PipeEnd>, PipeEnd, PipeEnd) {
        let rate = Rate { per_s: 2, burst: 2 };
        let (mut client, near) = pipe(4096);
        let (far, upstream) = pipe(upstream_room);
        let metrics = Arc::new(TunnelMetrics::default());
        let pace = Pace::new(Rate::UNLIMITED, rate, Instant::now());
        let mut tunnel = Tunnel::new(near, Vec::new(), far, metrics)
            .limited(Throttle::of(pace), Idle::default());
        for _ in 0..4 {
            client.write_all(&[&[0x82, 0x89, 0, 0, 0, 0], &PING[..]].concat()).await.unwrap();
        }
        go_on(&mut tunnel);
        assert!(tunnel.next_deadline() < tunnel.beat_at, "the client is slowed down");
        (tunnel, client, upstream)
    }

    fn go_on(tunnel: &mut Tunnel<PipeEnd, PipeEnd>) {
        let mut cx = Context::from_waker(Waker::noop());
        scratch::with(|scratch| tunnel.advance(scratch, &mut cx)).unwrap();
    }

    /// Whether the upstream's stream ends in good order when a client closes so; with `count` packets that the bridge
    /// has read for it, and one that it has not where `more`.
    async fn ends_in_order(close: [u8; 2], count: usize, more: bool) -> bool {
        let (mut client, near) = pipe(16);
        let (far, mut upstream) = pipe(4096);
        let metrics = Arc::new(TunnelMetrics::default());
        let mut tunnel = Tunnel::new(near, Vec::new(), far, metrics);
        upstream.write_all(&PING.repeat(count)).await.unwrap();
        go_on(&mut tunnel);
        client.write_all(&[&[0x88, 0x82, 0, 0, 0, 0], &close[..]].concat()).await.unwrap();
        if more {
            upstream.write_all(&PING).await.unwrap();
        }
        tunnel.run(std::future::pending()).await;
        upstream.read(&mut [0; 9]).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_is_an_orderly_end_where_the_client_had_everything() {
        let (normal, away) = (1000_u16.to_be_bytes(), 1001_u16.to_be_bytes());
        assert!(ends_in_order(normal, 1, false).await);
        assert!(!ends_in_order(normal, 3, false).await, "some of it is not written");
        assert!(!ends_in_order(normal, 1, true).await, "some of it is not read");
        assert!(!ends_in_order(away, 1, false).await, "a page that is reloaded");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_over_is_no_deadline_whatever_else_is_waited_for() {
        let (mut tunnel, _client, _upstream) = too_fast(10).await;
        assert!(!tunnel.to_upstream.is_empty(), "the upstream takes no more");
        advance(Duration::from_secs(20)).await;
        go_on(&mut tunnel);
        assert_eq!(tunnel.next_deadline(), tunnel.beat_at);

        let (mut tunnel, _client, _upstream) = too_fast(4096).await;
        tunnel.answers = MAX_ANSWERS + 1;
        advance(Duration::from_secs(20)).await;
        go_on(&mut tunnel);
        assert_eq!(tunnel.next_deadline(), tunnel.beat_at);
    }
}

//! A session: one connection to the server, and the client's connections one after another.
//!
//! One task drives it, whether a client is there or not. What moves the bytes is here; what they mean is decided by
//! parts without I/O (`to_server`, `replay`, `keepalive`, `control`).
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tracing::{debug, info};

use super::connected::Connected;
use super::control::{self, Answer, Reason};
use super::registry::{Arrival, Membership, Newcomer, Registry, Waiting};
use super::replay::Replay;
use super::to_server::ToServer;
use crate::close::End;
use crate::drive::{Driven, drive};
use crate::limits::{Idle, Throttle};
use crate::metrics::{TunnelMetrics, closed};
use crate::tunnel::{Allowance, Track};
use crate::upstream::BreakOff;
use crate::websocket::frames::{self, HEADER_ROOM};
use crate::websocket::scratch::READ;
use crate::websocket::{
    Batch, Beat, MAX_ANSWERS, Message, PERIOD, Scratch, break_off_upstream, close_client,
    close_read_upstream, close_upstream,
};

/// Bytes of the client's stream that are acknowledged at once.
const ACKNOWLEDGE_BYTES: u64 = 16 * 1024;
/// How long fewer of them may wait.
const ACKNOWLEDGE_TIME: Duration = Duration::from_secs(1);
/// After how long a silence the server of a detached session gets a PING.
const SILENCE: Duration = Duration::from_secs(60);

/// The least time that a client has to take the rest once the server's stream is over.
const REST_TIME: Duration = Duration::from_secs(10);

/// A session and its task's state.
#[derive(Debug)]
pub(super) struct Session<C, U> {
    client: Option<Connected<C>>,
    server: U,
    to_server: ToServer,
    /// Follows the server's stream as it is read.
    from_server: Track,
    replay: Replay,
    /// Why the server's stream has ended, and until when the client may take what is in `replay`.
    server_end: Option<(End, Instant)>,
    /// While no client is there.
    detached: Option<Detached<C>>,
    membership: Membership<C>,
    throttle: Throttle,
    /// Max length of the client's next message.
    allowance: Allowance,
    idle: Idle,
    metrics: Arc<TunnelMetrics>,
}

#[derive(Debug)]
struct Detached<C> {
    until: Instant,
    _waiting: Waiting<C>,
}

impl<C, U> Session<C, U>
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    U: AsyncRead + AsyncWrite + BreakOff + Unpin,
{
    /// A new session, which the client of `arrival` is told of.
    pub(super) fn new(
        registry: &Arc<Registry<C>>,
        arrival: Arrival<C>,
        reason: Reason,
        server: U,
    ) -> Self {
        let membership = registry.enter();
        let answer = Answer {
            session: membership.token(),
            resumed: false,
            received: 0,
            grace_s: registry.limits().grace.as_secs(),
            reason: Some(reason),
        };
        let now = Instant::now();
        let (limits, client) = (registry.limits(), registry.client_limits());
        let allowance = Allowance::new(limits.framing, client.login_bytes());
        let mut connected = Connected::new(arrival, &answer, now);
        connected.reader.allow(allowance.max());
        Self {
            throttle: Throttle::new(&client, connected.peer),
            allowance,
            idle: Idle::of(&client),
            client: Some(connected),
            server,
            to_server: ToServer::new(limits.framing, now),
            from_server: Track::new(limits.framing),
            replay: Replay::new(registry.limits().buffer),
            server_end: None,
            detached: None,
            membership,
            metrics: Arc::clone(registry.metrics()),
        }
    }

    /// Passes the streams on until the session ends or `shutdown` is over.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = End>) -> End {
        let end = drive(&mut self, shutdown).await;
        // boxed, so that a session at rest has no room for its end
        Box::pin(self.finish(end)).await;
        end
    }

    /// Shows the server that we are still there, where that is possible between two packets of both streams.
    fn keep_alive(&mut self, now: Instant) {
        let is_possible = self.server_end.is_none()
            && self.from_server.at_boundary()
            && !self.to_server.pings().is_open()
            && self.to_server.takes_ping();
        if is_possible {
            self.to_server.send_ping(now);
        } else {
            self.to_server.put_off_ping(now);
        }
    }

    /// Takes the connection that the client came back on.
    fn go_on(&mut self, newcomer: Newcomer<C>) -> Result<(), End> {
        let before = self.replay.start();
        if self.replay.acknowledge(newcomer.received).is_err() {
            info!(
                connection = newcomer.arrival.connection,
                received = newcomer.received,
                kept_from = before,
                "a client came back with an offset that is gone"
            );
            newcomer.refuse(Ok(Reason::Offset));
            return Err(End::BadOffset);
        }
        if let Some(old) = self.client.take() {
            self.let_go(old, End::Replaced);
        }
        self.to_server.discard();
        self.membership.renew(newcomer.token);
        let answer = Answer {
            session: self.membership.token(),
            resumed: true,
            received: self.to_server.offset(),
            grace_s: self.membership.registry().limits().grace.as_secs(),
            reason: None,
        };
        let mut client = Connected::new(newcomer.into_arrival(), &answer, Instant::now());
        client.acknowledged = self.to_server.offset();
        client.reader.allow(self.allowance.max());
        let mut replayed = 0;
        for part in self.replay.parts() {
            if !part.is_empty() {
                client.to_client.push(&frames::binary(part));
                replayed += part.len();
            }
        }
        self.metrics.resumed(replayed);
        let connection = client.connection;
        self.metrics.trace(connection).resumed(replayed);
        debug!(connection, replayed, "a session goes on");
        self.client = Some(client);
        self.detached = None;
        self.idle.renew();
        Ok(())
    }

    /// The client's connection is over: the session waits for another, or ends with it.
    fn client_ended(&mut self, end: End) -> Result<(), End> {
        if !end.may_come_back() || self.to_server.has_logged_out() {
            return Err(end);
        }
        let Some(client) = self.client.take() else { return Ok(()) };
        let registry = self.membership.registry();
        let grace = registry.limits().grace;
        match registry.wait(client.peer) {
            Some(waiting) if !grace.is_zero() => {
                let until = Instant::now() + grace;
                self.detached = Some(Detached { until, _waiting: waiting });
                self.let_go(client, end);
                Ok(())
            }
            Some(_) | None => {
                self.metrics.detach_refused();
                self.client = Some(client);
                Err(end)
            }
        }
    }

    /// Ends a connection that the session goes on without.
    fn let_go(&self, client: Connected<C>, end: End) {
        closed(&self.metrics, client.connection, end);
        if end.client_is_there() {
            let Connected { socket, to_client, reader, .. } = client;
            let farewell = close_client(socket, to_client, reader, end);
            self.membership.registry().farewells().spawn(farewell);
        }
    }

    /// Reads the client once and writes its stream to the server; whether there was something.
    fn move_from_client(
        &mut self,
        scratch: &mut Scratch,
        cx: &mut Context<'_>,
    ) -> Result<bool, End> {
        let flushed = self.to_server.poll_flush(&mut self.server, cx);
        self.count_to_server(0);
        let Some(client) = &mut self.client else { return Ok(false) };
        let is_paused = self.throttle.until().is_some();
        if flushed.is_pending() || is_paused || client.answers > MAX_ANSWERS {
            return Ok(false);
        }
        let mut into = ReadBuf::new(&mut scratch.from_client);
        match Pin::new(&mut client.socket).poll_read(cx, &mut into) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(())) if into.filled().is_empty() => return Err(End::ClientGone),
            Poll::Ready(Err(_)) => return Err(End::ClientGone),
            Poll::Ready(Ok(())) => {}
        }
        client.heartbeat.alive();
        let read = into.filled().len();
        let start = scratch.sampler.start();
        let Batch { packets, answers, tally: _ } = &mut scratch.batch;
        packets.clear();
        answers.clear();
        let (to_server, replay) = (&mut self.to_server, &mut self.replay);
        let bytes = scratch.from_client.get_mut(..read).unwrap_or_default();
        let (mut has_message, mut count, max) = (false, 0, self.allowance.max());
        let taken = client.reader.take(bytes, answers, |message| {
            has_message = true;
            match message {
                Message::Binary(bytes) => {
                    count += to_server.check(bytes, max)?;
                    packets.extend_from_slice(bytes);
                }
                Message::Text(text) => {
                    if let Some(offset) = control::acknowledgement(text)? {
                        replay.acknowledge(offset).map_err(|_| End::ClientAck)?;
                    }
                }
            }
            Ok(())
        });
        // whatever it was: control and parts of messages are work, too
        self.throttle.pay(read, count);
        if has_message && !mem::replace(&mut client.is_confirmed, true) {
            self.membership.confirm();
        }
        if !answers.is_empty() {
            client.answers += answers.len();
            client.to_client.push(answers);
        }
        if !packets.is_empty() {
            self.idle.heard();
            self.to_server.write(packets, &mut self.server, cx);
            let length = packets.len();
            self.count_to_server(length);
            if let Some(start) = start {
                self.metrics.to_upstream_took(start.elapsed());
            }
        }
        taken.map(|()| true)
    }

    fn count_to_server(&mut self, bytes: usize) {
        let tally = self.to_server.tally();
        if bytes > 0 || !tally.is_empty() {
            self.metrics.count_from_client(bytes, tally);
        }
    }

    /// Reads the server once and sends its stream to the client; whether there was something.
    fn move_from_server(
        &mut self,
        scratch: &mut Scratch,
        cx: &mut Context<'_>,
    ) -> Result<bool, End> {
        if let Some(client) = &mut self.client
            && client.poll_flush(cx)?.is_pending()
        {
            return Ok(false);
        }
        let room = self.replay.room().min(READ);
        if room == 0 || self.server_end.is_some() {
            return Ok(false);
        }
        let Scratch { from_upstream: buffer, batch: Batch { tally, .. }, sampler, .. } = scratch;
        let mut into =
            ReadBuf::new(buffer.get_mut(HEADER_ROOM..HEADER_ROOM + room).unwrap_or_default());
        let count = match Pin::new(&mut self.server).poll_read(cx, &mut into) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(())) => into.filled().len(),
            Poll::Ready(Err(_)) => {
                return Ok(self.server_ended(End::UpstreamBroke));
            }
        };
        if count == 0 {
            let is_between = self.from_server.at_boundary();
            return Ok(self.server_ended(if is_between {
                End::UpstreamEnded
            } else {
                End::UpstreamCut
            }));
        }
        let start = sampler.start();
        let bytes = buffer.get(HEADER_ROOM..HEADER_ROOM + count).unwrap_or_default();
        let pings = self.to_server.pings();
        let is_open = pings.is_open();
        let allowance = &mut self.allowance;
        let scanned = self.from_server.advance(bytes, |header| {
            tally.add(&header);
            allowance.heed(&header);
            if !is_open {
                pings.answered(&header);
            }
        });
        match scanned {
            Ok(_) => {
                self.metrics.count_from_upstream(count, tally);
                if let Some(client) = &mut self.client {
                    client.reader.allow(self.allowance.max());
                }
                self.idle.moved();
            }
            Err(error) => return Ok(self.server_ended(End::UpstreamFraming(error))),
        }
        if is_open {
            let kept = pings.sieve(bytes);
            self.replay.push(&kept);
            if let Some(client) = self.client.as_mut().filter(|_| !kept.is_empty()) {
                client.send(&frames::binary(&kept), cx)?;
            }
            return Ok(true);
        }
        self.replay.push(bytes);
        if let Some(client) = &mut self.client {
            let frame = frames::put_binary_header(buffer, count);
            client.send(buffer.get(frame..HEADER_ROOM + count).unwrap_or_default(), cx)?;
            if let Some(start) = start {
                self.metrics.to_client_took(start.elapsed());
            }
        }
        Ok(true)
    }

    /// The server's stream is over: the client may still take the rest. That is something.
    fn server_ended(&mut self, end: End) -> bool {
        let grace = self.membership.registry().limits().grace;
        self.server_end = Some((end, Instant::now() + grace.max(REST_TIME)));
        true
    }

    /// Acknowledges what was written to the server, once it is enough or its time has come; whether it did.
    fn acknowledge(&mut self) -> bool {
        let offset = self.to_server.offset();
        let Some(client) = &mut self.client else { return false };
        let count = offset - client.acknowledged;
        // behind what the client does not take, it would only pile up
        if count == 0 || !client.to_client.is_empty() {
            return false;
        }
        let is_due = count >= ACKNOWLEDGE_BYTES
            || match client.acknowledge_at {
                Some(due) => due <= Instant::now(),
                None => {
                    client.acknowledge_at = Some(Instant::now() + ACKNOWLEDGE_TIME);
                    false
                }
            };
        if is_due {
            client.acknowledged = offset;
            client.acknowledge_at = None;
            client.to_client.push(&frames::text(control::acknowledge(offset)));
        }
        is_due
    }

    async fn finish(self, end: End) {
        // nobody can come back to it any more
        drop(self.membership);
        let client = async {
            let Some(client) = self.client else { return };
            closed(&self.metrics, client.connection, end);
            if end.client_is_there() {
                close_client(client.socket, client.to_client, client.reader, end).await;
            }
        };
        let server = async {
            // who has logged out has said that it has everything
            let has_logged_out = self.to_server.has_logged_out();
            let has_all = self.replay.is_empty() && self.from_server.at_boundary();
            if !end.upstream_is_there() {
                return;
            }
            match self.to_server.into_rest() {
                Some(rest) if has_logged_out => close_upstream(self.server, rest).await,
                Some(rest) if end.is_end_of_session() && has_all => {
                    close_read_upstream(self.server, rest).await;
                }
                Some(rest) => break_off_upstream(self.server, rest).await,
                None => {}
            }
        };
        tokio::join!(client, server);
    }
}

impl<C, U> Driven for Session<C, U>
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    U: AsyncRead + AsyncWrite + BreakOff + Unpin,
{
    fn advance(&mut self, scratch: &mut Scratch, cx: &mut Context<'_>) -> Result<(), End> {
        while let Poll::Ready(newcomer) = self.membership.poll_newcomer(cx) {
            self.go_on(newcomer)?;
        }
        loop {
            let from_client = match self.move_from_client(scratch, cx) {
                Ok(moved) => moved,
                Err(end) => self.client_ended(end).map(|()| true)?,
            };
            let from_server = match self.move_from_server(scratch, cx) {
                Ok(moved) => moved,
                Err(end) => self.client_ended(end).map(|()| true)?,
            };
            if !from_client && !from_server && !self.acknowledge() {
                break;
            }
        }
        // the rest is with the client, and nothing more will come
        match self.server_end {
            Some((end, _)) if self.client.is_some() && self.replay.is_empty() => Err(end),
            Some(_) | None => Ok(()),
        }
    }

    fn next_deadline(&self) -> Instant {
        let of_client = self.client.as_ref().map(|client| {
            // what waits behind other bytes is acknowledged when those are out
            let acknowledge_at = client.acknowledge_at.filter(|_| client.to_client.is_empty());
            let end_at = self.server_end.map(|(_, until)| until);
            let others = [acknowledge_at, end_at, self.throttle.last_until(), self.idle.deadline()];
            others.into_iter().flatten().fold(client.beat_at, Instant::min)
        });
        let of_wait = self.detached.as_ref().map(|detached| {
            // a PING that cannot go out at its time is tried again a whole period later
            detached.until.min(self.to_server.last_written() + SILENCE)
        });
        of_client.or(of_wait).unwrap_or_else(|| Instant::now() + PERIOD)
    }

    fn time_passed(&mut self, now: Instant) -> Result<(), End> {
        if let Some(end) = self.idle.over(now).filter(|_| self.client.is_some()) {
            return Err(end);
        }
        if let Some(client) = &mut self.client
            && client.beat_at <= now
        {
            client.beat_at = now + PERIOD;
            let is_read = !self.to_server.is_waiting() && self.throttle.last_until().is_none();
            match client.heartbeat.period_over(is_read) {
                Beat::Dead => self.client_ended(End::ClientDead)?,
                Beat::Ping => client.to_client.push(&frames::ping()),
            }
        }
        if let Some((end, until)) = self.server_end
            && self.client.is_some()
            && until <= now
        {
            return Err(end);
        }
        if let Some(detached) = &self.detached {
            if detached.until <= now {
                return Err(End::GraceOver);
            }
            if self.to_server.last_written() + SILENCE <= now {
                self.keep_alive(now);
            }
        }
        Ok(())
    }
}

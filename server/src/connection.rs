//! One connection: moves bytes between a stream, its session and its mailbox. One task, and no buffer while it rests.
mod before_login;
mod closing;
mod delivery;
mod taking;

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mig33_codec::packets::{self, Packet};
use mig33_codec::values::ErrorCode;
use mig33_codec::{Frame, FrameError};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use self::before_login::poll_ending;
use self::taking::Taking;
use crate::admission::Admitted;
use crate::answer::{Number, Outcome, Refused};
use crate::backlog::{bring, catch_up};
use crate::commands;
use crate::core::{Call, Core};
use crate::end::End;
use crate::fanout::{Ending, Mailbox, Missed, Outgoing, encode, encode_into};
use crate::ids::SessionNumber;
use crate::limits::Held;
use crate::metrics::{ByCommand, ByReason};
use crate::seats;
use crate::session::{Incoming, Phase, Session};

/// Bytes read at a time, on the stack.
const READ: usize = 4096;
/// While more than this waits to be written, the session's requests wait.
const AHEAD: usize = 64 << 10;
/// The same of somebody who is not logged in.
const AHEAD_BEFORE_LOGIN: usize = 8 << 10;
/// How long the end of the stream may take, and how long what the client still sends is read after it.
const LAST: Duration = Duration::from_secs(1);
/// How long that is read when the service stops: a client that is told of it may stay, and is not waited for.
const LAST_AT_STOP: Duration = Duration::from_millis(250);

/// Serves one client until its session ends.
pub(crate) async fn serve<S>(
    core: &Arc<Core>,
    stopping: &CancellationToken,
    stream: S,
    peer: Option<IpAddr>,
    mailbox: Arc<Mailbox>,
    place: &Admitted<'_>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut connection = Connection {
        core,
        session: Session::new(Arc::clone(&core.limits), Instant::now().into_std()),
        number: core.session_number(),
        peer,
        place: Some(place),
        mailbox,
        stopping,
        stream,
        writing: None,
        taking: Taking::default(),
        held: core.before_login.nothing(),
        came: Instant::now(),
        was_empty: false,
        early: None,
        is_behind: false,
        eof: false,
        bad_bytes: None,
    };
    let end = connection.run().await;
    core.metrics.ended.get_or_create(&ByReason { reason: end.reason() }).inc();
    if matches!(end, End::Closed) {
        connection.has_what_was_written(Duration::ZERO).await;
    }
    connection.leave(&end).await;
    connection.finish(end).await;
}

/// Tells somebody who cannot be served why, such as that there are too many connections.
pub(crate) async fn turn_away<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, why: &str) {
    let packet = Packet::Error(packets::Error {
        code: Some(ErrorCode::UNDEFINED),
        description: Some(why.into()),
        ..packets::Error::default()
    });
    let last = async {
        stream.write_all(&encode(&packet, 0)).await?;
        stream.shutdown().await
    };
    drop(tokio::time::timeout(LAST, last).await); // it is gone either way
}

struct Connection<'a, S> {
    core: &'a Arc<Core>,
    session: Session,
    number: SessionNumber,
    peer: Option<IpAddr>,
    /// Its place among the connections, until somebody logs in on it.
    place: Option<&'a Admitted<'a>>,
    mailbox: Arc<Mailbox>,
    stopping: &'a CancellationToken,
    stream: S,
    writing: Option<Outgoing>,
    taking: Taking,
    /// The memory that it takes before log-in.
    held: Held<'a>,
    /// Since when what is read may have been there: the stream was empty until then.
    came: Instant,
    /// The stream was found empty while waiting.
    was_empty: bool,
    /// What was read beside writing.
    early: Option<Step>,
    /// Packets that were read wait for the client to take what is before them.
    is_behind: bool,
    eof: bool,
    /// The bytes that came are no packet; it ends once what came before them is answered.
    bad_bytes: Option<FrameError>,
}

/// What came about while waiting.
enum Step {
    Read(Bytes),
    Eof,
    /// The stream has taken what was being written.
    Written(Outgoing),
    /// There is something to write, or the session is to end.
    Changed,
    Time,
    Stopping,
    Broken(io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<'_, S> {
    async fn run(&mut self) -> End {
        let mut timer = pin!(tokio::time::sleep_until(self.deadline()));
        let mut stopping = pin!(self.stopping.cancelled());
        loop {
            self.session.set_reading(Instant::now().into_std(), false);
            if self.bad_bytes.is_none() {
                self.bad_bytes = self.requests().await.err();
            }
            if self.session.is_member()
                && let Some(place) = self.place.take()
            {
                place.keep();
            }
            if self.mailbox.ending() == Some(Ending::CrowdedOut) {
                return End::Session(Ending::CrowdedOut);
            }
            self.backlog().await;
            if self.writing.is_none() {
                self.writing = self.mailbox.take();
                self.taking.waits(self.writing.is_some());
            }
            if self.writing.is_none() {
                // in this order: once it is ending, nothing more is put in
                if let Some(ending) = self.mailbox.ending()
                    && self.mailbox.waiting_bytes() == 0
                {
                    return End::Session(ending);
                }
                if let Some(error) = self.bad_bytes {
                    return End::Framing(error);
                }
                if self.eof {
                    return self.session.finish().map_or_else(End::Framing, |()| End::Closed);
                }
            }
            if self.held.set(self.held_before_login()).is_err() {
                return End::BeforeLogin;
            }
            self.session.set_reading(Instant::now().into_std(), self.reads());
            self.arm(timer.as_mut());
            let step =
                poll_fn(|context| self.poll(context, timer.as_mut(), stopping.as_mut())).await;
            let now = Instant::now();
            if std::mem::take(&mut self.was_empty) && !self.is_behind {
                self.came = now;
            }
            match step {
                Step::Read(bytes) => self.session.handle_bytes(now.into_std(), bytes),
                Step::Eof => self.eof = true,
                Step::Written(outgoing) => self.written(now, outgoing).await,
                Step::Changed => {}
                Step::Time => {
                    if let Some(overdue) = self.session.overdue(now.into_std()) {
                        return End::Overdue(overdue);
                    }
                    if self.write_deadline().is_some_and(|deadline| now >= deadline) {
                        return End::Session(Ending::NotReading);
                    }
                }
                Step::Stopping => self.mailbox.end(Ending::Shutdown),
                Step::Broken(error) => return End::Broken(error),
            }
        }
    }

    /// Whether what the client sends is read: not while the answers to what it has sent wait for it.
    fn reads(&self) -> bool {
        !self.eof && self.bad_bytes.is_none() && !self.is_ahead()
    }

    /// Whether more waits to be written than may, for more to be asked.
    fn is_ahead(&self) -> bool {
        let most = if self.session.is_member() { AHEAD } else { AHEAD_BEFORE_LOGIN };
        self.mailbox.waiting_bytes() > most
    }

    /// The next moment at which a time limit may be over.
    fn arm(&self, timer: Pin<&mut Sleep>) {
        let deadline = self.deadline();
        // a timer that goes off early is asked again; setting it anew for each packet would cost more
        if timer.is_elapsed() || deadline < timer.deadline() {
            timer.reset(deadline);
        }
    }

    fn deadline(&self) -> Instant {
        let session = self.session.deadline().map(Instant::from_std);
        let first = session.into_iter().chain(self.write_deadline()).min();
        // a session that is not read is one that is written to; if not, it is looked at now and then
        first.unwrap_or_else(|| Instant::now() + LAST)
    }

    fn write_deadline(&self) -> Option<Instant> {
        self.taking.deadline(self.core.limits.stalled_write_s)
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        timer: Pin<&mut Sleep>,
        stopping: Pin<&mut impl Future<Output = ()>>,
    ) -> Poll<Step> {
        if let Some(step) = self.early.take() {
            return Poll::Ready(step);
        }
        if let Some(outgoing) = &mut self.writing {
            if let Poll::Ready(result) =
                self.taking.write(Pin::new(&mut self.stream), context, outgoing)
            {
                return Poll::Ready(match (result, self.writing.take()) {
                    (Ok(()), Some(outgoing)) => {
                        // whatever is not there now comes behind what was written; that nothing was there while it waited
                        // to be written says nothing of that
                        self.was_empty = false;
                        self.early = self.read(context);
                        Step::Written(outgoing)
                    }
                    (Ok(()), None) => Step::Changed,
                    (Err(error), _) => Step::Broken(error),
                });
            }
            if self.place.is_some() && poll_ending(&self.mailbox, context).is_ready() {
                return Poll::Ready(Step::Changed);
            }
        } else if self.mailbox.poll_changed(context).is_ready() {
            return Poll::Ready(Step::Changed);
        }
        if let Some(step) = self.read(context) {
            return Poll::Ready(step);
        }
        if timer.poll(context).is_ready() {
            return Poll::Ready(Step::Time);
        }
        if self.mailbox.ending().is_none() && stopping.poll(context).is_ready() {
            return Poll::Ready(Step::Stopping);
        }
        Poll::Pending
    }

    /// What the stream has, where it is read.
    fn read(&mut self, context: &mut Context<'_>) -> Option<Step> {
        if !self.reads() {
            return None;
        }
        match read(Pin::new(&mut self.stream), context) {
            Poll::Ready(step) => Some(step),
            Poll::Pending => {
                self.was_empty = true;
                None
            }
        }
    }

    /// Does what the packets that have arrived ask for, one after the other.
    async fn requests(&mut self) -> Result<(), FrameError> {
        self.is_behind = true;
        while !self.is_ahead() && self.mailbox.ending().is_none() {
            let now = Instant::now().into_std();
            match self.session.next(now)? {
                None => {
                    self.is_behind = false;
                    self.store_received().await;
                    return Ok(());
                }
                Some(Incoming::Request(frame)) => match self.may_ask(&frame, now) {
                    Ok(()) => self.request(&frame).await,
                    Err(wait) => self.answer(&frame, Err(Refused::TooMany(wait))),
                },
                Some(Incoming::TooMany(frame, wait)) => {
                    self.answer(&frame, Err(Refused::TooMany(wait)))
                }
                Some(Incoming::FarTooMany) => self.mailbox.end(Ending::Kicked),
            }
        }
        Ok(())
    }

    async fn request(&mut self, frame: &Frame) {
        let name = frame.command.name().unwrap_or("unknown");
        self.core.metrics.requests.get_or_create(&ByCommand { command: name }).inc();
        self.heard(frame).await;
        let call = Call {
            core: self.core,
            session: &mut self.session,
            number: self.number,
            mailbox: &self.mailbox,
            peer: self.peer,
            frame,
            instant: Instant::now().into_std(),
        };
        // in a box: a connection that rests does not keep room for what handlers need
        let outcome = Box::pin(commands::run(call)).await;
        if let Err(refused) = &outcome {
            let pause = refused.pause();
            if !pause.is_zero() {
                let told = self.hold_back(pause).await;
                self.answer(frame, outcome);
                if let Err(ending) = told {
                    self.mailbox.end(ending);
                }
                return;
            }
        }
        self.answer(frame, outcome);
    }

    fn answer(&mut self, frame: &Frame, outcome: Outcome) {
        let mut out = BytesMut::new();
        match outcome {
            Ok(answer) => {
                for (number, packet) in &answer.packets {
                    let transaction = match number {
                        Number::OfRequest => frame.transaction,
                        Number::Unasked => 0,
                    };
                    encode_into(packet, transaction, &mut out);
                }
                self.mailbox.answer(out.freeze(), answer.fetched);
                if let Some(ending) = answer.ending {
                    self.mailbox.end(ending);
                }
            }
            Err(refused) => {
                self.core.metrics.refused.inc();
                if let Refused::Store(error) = &refused {
                    tracing::error!(%error, command = %frame.command, "a request failed");
                }
                encode_into(&refused.packet(), frame.transaction, &mut out);
                self.mailbox.answer(out.freeze(), Vec::new());
            }
        }
    }

    /// Goes on with the messages that waited for this session's user, and with what there was no room for, once everything
    /// before is written.
    async fn backlog(&mut self) {
        let Phase::Member(member) = &mut self.session.phase else { return };
        if self.writing.is_some()
            || self.mailbox.waiting_bytes() > 0
            || self.mailbox.ending().is_some()
        {
            return;
        }
        let after = match member.backlog {
            Some(after) => after,
            None => match self.mailbox.missed() {
                None => return,
                Some(Missed::Waiting(after)) => after,
                Some(missed) => {
                    return Box::pin(bring(self.core, &self.mailbox, member, missed)).await;
                }
            },
        };
        match Box::pin(catch_up(self.core, &self.mailbox, member, after)).await {
            Ok(next) => member.backlog = next,
            Err(error) => {
                // without these the session would miss what it is owed
                tracing::error!(%error, "the messages that waited could not be read");
                self.mailbox.end(Ending::Kicked);
            }
        }
    }

    /// The session is gone for everybody else, or its seat is kept.
    async fn leave(&mut self, end: &End) {
        if let Phase::Member(member) = std::mem::replace(&mut self.session.phase, Phase::Open) {
            seats::leave(self.core, *member, end.may_come_back()).await;
        }
    }
}

impl<S> Drop for Connection<'_, S> {
    /// Whoever drops a connection that is being served ends its session, too.
    fn drop(&mut self) {
        if let Phase::Member(member) = std::mem::replace(&mut self.session.phase, Phase::Open)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let core = Arc::clone(self.core);
            runtime.spawn(async move { seats::leave(&core, *member, true).await });
        }
    }
}

/// Reads what is there. The buffer is on the stack: a stream that rests holds none.
fn read<S: AsyncRead>(stream: Pin<&mut S>, context: &mut Context<'_>) -> Poll<Step> {
    let mut space = [std::mem::MaybeUninit::uninit(); READ];
    let mut buffer = ReadBuf::uninit(&mut space);
    match stream.poll_read(context, &mut buffer) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Err(error)) => Poll::Ready(Step::Broken(error)),
        Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(Step::Eof),
        Poll::Ready(Ok(())) => Poll::Ready(Step::Read(Bytes::copy_from_slice(buffer.filled()))),
    }
}

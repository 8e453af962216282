//! What is asked of a connection before log-in, and a wrong answer's refusal, which waits for as long as the client does
//! (spec/wire.md section 3).
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use mig33_codec::{Frame, MAX_PARAMS_BEFORE_LOGIN};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{Connection, Step, read};
use crate::commands;
use crate::fanout::{Ending, Mailbox};

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<'_, S> {
    /// Whether a request may be made: those before log-in are counted by address, too.
    pub(super) fn may_ask(
        &mut self,
        frame: &Frame,
        now: std::time::Instant,
    ) -> Result<(), Duration> {
        if self.session.is_member() {
            return Ok(());
        }
        let cost = commands::cost(frame, &mut self.session.phase);
        self.core.addresses.before_login(self.peer, cost, now)
    }

    /// Bytes that are kept for somebody who is not logged in.
    pub(super) fn held_before_login(&self) -> usize {
        if self.session.is_member() {
            return 0;
        }
        let writing = self.writing.as_ref().map_or(0, |outgoing| outgoing.bytes.len());
        self.session.buffered() + writing + self.mailbox.waiting_bytes()
    }

    /// Lets time pass before a wrong answer is told, while the client is there. What it sends meanwhile waits.
    pub(super) async fn hold_back(&mut self, pause: Duration) -> Result<(), Ending> {
        let core = self.core;
        let Some(_held) = core.guard.hold() else { return Err(Ending::TooManyWrong) };
        let mut pause = pin!(tokio::time::sleep(pause));
        let mut stopping = pin!(self.stopping.cancelled());
        loop {
            let (mut early, stream) = (self.early.take(), &mut self.stream);
            let reading = poll_fn(|context| match early.take() {
                Some(step) => Poll::Ready(step),
                None => read(Pin::new(&mut *stream), context),
            });
            let step = tokio::select! {
                biased; // what has come early is not lost
                step = reading => step,
                () = poll_fn(|context| poll_ending(&self.mailbox, context)) => return Ok(()),
                () = &mut pause => return Ok(()),
                () = &mut stopping => return Ok(()),
            };
            let Step::Read(bytes) = step else {
                // it hears the refusal if it has closed one side only
                self.eof = true;
                return Ok(());
            };
            self.session.handle_bytes(Instant::now().into_std(), bytes);
            // more than a client sends that waits for an answer
            if self.session.buffered() > MAX_PARAMS_BEFORE_LOGIN
                || self.held.set(self.session.buffered()).is_err()
            {
                return Err(Ending::Kicked);
            }
        }
    }
}

/// Ready when somebody else has ended the session, whatever waits to be written.
pub(super) fn poll_ending(mailbox: &Mailbox, context: &mut Context<'_>) -> Poll<()> {
    match mailbox.poll_changed(context) {
        Poll::Ready(()) if mailbox.ending().is_some() => Poll::Ready(()),
        Poll::Ready(()) | Poll::Pending => Poll::Pending,
    }
}

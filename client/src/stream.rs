//! The two byte streams of a session, which go on over every connection that carries them (spec/resume.md).
//!
//! On a plain tunnel or TCP they end with the connection. Where the bridge speaks `mig33.resume` they count what comes
//! and goes, keep what the bridge has not acknowledged, and go on where the last connection stopped.
use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use mig33_codec::Secret;
use thiserror::Error;

use crate::action::Output;
use crate::control::Control;
use crate::state::Millis;

/// Bytes that arrive before they are acknowledged at once.
const ACKNOWLEDGE_AFTER: u64 = 16 * 1024;
/// Milliseconds after which they are, however few they are.
const ACKNOWLEDGE_WITHIN: Millis = 1_000;
/// Bytes kept from which on nothing more is sent until the bridge acknowledges. A packet may be larger than what is left.
const ENOUGH_KEPT: u64 = 1024 * 1024;

/// What kind of connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// TCP, or a WebSocket that carries packets and nothing else.
    Plain,
    /// A WebSocket with the subprotocol `mig33.resume`.
    Resume,
}

/// What the bridge's answer to the first message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A session that knows of nothing before.
    New,
    /// The streams go on; what was lost on the way has been sent again.
    Resumed,
}

/// The bridge breaks the rules of spec/resume.md: nothing more can be trusted on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Violation {
    #[error("a control message that is none")]
    Control,
    #[error("an answer that does not fit what was asked")]
    Answer,
    #[error("data before the answer")]
    Early,
    #[error("an acknowledgement behind the last one, or ahead of what was sent")]
    Acknowledgement,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// There is no connection.
    #[default]
    Cut,
    /// The first message has been sent.
    Asked,
    /// Both streams flow.
    Open,
}

/// Both streams of a session. Offsets count bytes from the session's start.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    phase: Phase,
    /// What the bridge knows the session by; none where it cannot be resumed.
    token: Option<Secret<String>>,
    /// Milliseconds that the session waits for us.
    grace: Millis,
    /// What was sent from the offset `acknowledged` to the offset `sent`.
    kept: VecDeque<Bytes>,
    acknowledged: u64,
    sent: u64,
    received: u64,
    /// What the bridge knows of `received`.
    told: u64,
    tell_at: Option<Millis>,
}

impl Stream {
    /// For how many milliseconds the session waits when its connection is lost; none where it does not.
    pub(crate) fn grace(&self) -> Option<Millis> {
        self.token.as_ref().map(|_| self.grace)
    }

    /// Whether there is no connection.
    pub(crate) const fn is_cut(&self) -> bool {
        matches!(self.phase, Phase::Cut)
    }

    /// Whether more may be sent: not while the bridge leaves too much unacknowledged.
    pub(crate) const fn has_room(&self) -> bool {
        self.sent - self.acknowledged < ENOUGH_KEPT
    }

    /// A connection is open. On a plain one the streams begin at once; else `false`: after the bridge's answer.
    pub(crate) fn open(&mut self, tunnel: Tunnel, out: &mut VecDeque<Output>) -> bool {
        if tunnel == Tunnel::Plain {
            *self = Self { phase: Phase::Open, ..Self::default() };
            return true;
        }
        let first = match &self.token {
            // letters, digits, `-` and `_` need no escape, and who gave another one reads it itself
            Some(token) => {
                format!("{{\"resume\":\"{}\",\"received\":{}}}", token.expose(), self.received)
            }
            None => "{\"new\":true}".into(),
        };
        out.push_back(Output::SendText(first.into()));
        self.phase = Phase::Asked;
        (self.told, self.tell_at) = (self.received, None);
        false
    }

    /// The connection is gone. What was sent and not acknowledged is kept where the session can be resumed.
    pub(crate) fn cut(&mut self) {
        self.phase = Phase::Cut;
        self.tell_at = None;
    }

    /// The session is over, or begins anew.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The next bytes for the server.
    pub(crate) fn send(&mut self, bytes: Bytes, out: &mut VecDeque<Output>) {
        if self.token.is_some() {
            self.sent += bytes.len() as u64;
            self.kept.push_back(bytes.clone());
        }
        if self.phase == Phase::Open {
            out.push_back(Output::Send(bytes));
        }
    }

    /// So many bytes have come from the server.
    pub(crate) fn arrived(
        &mut self,
        now: Millis,
        count: usize,
        out: &mut VecDeque<Output>,
    ) -> Result<(), Violation> {
        if self.phase != Phase::Open {
            return Err(Violation::Early);
        }
        if self.token.is_some() {
            self.received += count as u64;
            if self.received - self.told >= ACKNOWLEDGE_AFTER {
                self.acknowledge(out);
            } else if self.received > self.told {
                self.tell_at.get_or_insert(now + ACKNOWLEDGE_WITHIN);
            }
        }
        Ok(())
    }

    /// A control message has come. Something when it is the answer to the first message.
    pub(crate) fn control(
        &mut self,
        control: Option<Control>,
        out: &mut VecDeque<Output>,
    ) -> Result<Option<Answer>, Violation> {
        if self.phase != Phase::Asked && (self.is_cut() || self.token.is_none()) {
            // a plain tunnel has no control messages: other bridges may say something in theirs
            return Ok(None);
        }
        let control = control.ok_or(Violation::Control)?;
        if self.phase == Phase::Asked {
            return self.answered(control, out).map(Some);
        }
        if let Some(offset) = control.ack {
            self.acknowledged(offset)?;
        }
        Ok(None)
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called; `Millis::MAX` for never.
    pub(crate) fn next_timeout(&self) -> Millis {
        self.tell_at.unwrap_or(Millis::MAX)
    }

    /// Acknowledges what has waited for long enough.
    pub(crate) fn handle_timeout(&mut self, now: Millis, out: &mut VecDeque<Output>) {
        if self.tell_at.is_some_and(|at| at <= now) {
            self.acknowledge(out);
        }
    }

    fn acknowledge(&mut self, out: &mut VecDeque<Output>) {
        (self.told, self.tell_at) = (self.received, None);
        out.push_back(Output::SendText(format!("{{\"ack\":{}}}", self.received).into()));
    }

    fn answered(
        &mut self,
        answer: Control,
        out: &mut VecDeque<Output>,
    ) -> Result<Answer, Violation> {
        let Control {
            session: Some(token),
            resumed: Some(resumed),
            received: Some(received),
            grace_s: Some(grace_s),
            ack: _,
        } = answer
        else {
            return Err(Violation::Answer);
        };
        match (resumed, &self.token) {
            (true, Some(_)) => self.acknowledged(received)?,
            (false, _) if received == 0 => self.forget(),
            _ => return Err(Violation::Answer),
        }
        self.phase = Phase::Open;
        self.token = Some(token);
        self.grace = grace_s.saturating_mul(1_000);
        out.extend(self.kept.iter().cloned().map(Output::Send));
        Ok(if resumed { Answer::Resumed } else { Answer::New })
    }

    /// The bridge has everything before this offset.
    fn acknowledged(&mut self, offset: u64) -> Result<(), Violation> {
        if !(self.acknowledged..=self.sent).contains(&offset) {
            return Err(Violation::Acknowledgement);
        }
        let mut count = offset - self.acknowledged;
        self.acknowledged = offset;
        while let Some(front) = self.kept.front_mut() {
            let taken = count.min(front.len() as u64);
            front.advance(taken as usize);
            count -= taken;
            if !front.is_empty() {
                break;
            }
            self.kept.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod bridge;
#[cfg(test)]
mod tests;

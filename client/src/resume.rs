//! What becomes of a session whose connection is lost: it goes on with the next one, where the bridge has kept it, or
//! ends and is logged in again (spec/resume.md).
use crate::action::{Close, Output};
use crate::change::Change;
use crate::control::Control;
use crate::session::{Session, UNREADABLE};
use crate::state::{Link, Millis};
use crate::stream::Answer;

/// Milliseconds that one attempt to go on may take, until the bridge's answer.
const ANSWERED_WITHIN: Millis = 10_000;
/// A connection that stood for so many milliseconds is replaced at once, any other after a pause: a bridge that drops
/// everybody is not called without end.
const STEADY: Millis = 1_000;

/// Milliseconds that a bridge may keep us away when it stops.
const LONGEST_PAUSE: Millis = 60_000;

/// The code of a close that says that another connection has taken the session over.
const TAKEN_OVER: u16 = 4001;

/// Whether a close leaves the session waiting in the bridge: there was none (1006), or one without a code (1005), or one
/// of something between that went away (1001). Each of the bridge's own codes ends the session.
const fn leaves_session(code: u16) -> bool {
    matches!(code, 1001 | 1005 | 1006)
}

/// Milliseconds after which a bridge that stops wants us back, from the reason of its close: `retry_ms=4000`.
fn retry_after(reason: &str) -> Option<Millis> {
    let pause: u32 = reason.strip_prefix("retry_ms=")?.parse().ok()?;
    Some(Millis::from(pause).min(LONGEST_PAUSE))
}

/// Where an attempt to go on with a session stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attempt {
    /// It begins at this time.
    At(Millis),
    /// It is given up at this time.
    Until(Millis),
}

impl Session {
    /// The connection is closed, or could not be opened. `code` is that of WebSocket's close, 1006 where there was none
    /// or the connection was TCP; `reason` what the other side said, for the person.
    pub fn disconnected(&mut self, now: Millis, code: u16, reason: Option<&str>) {
        let reason = reason.filter(|reason| !reason.is_empty());
        match (self.detached_since(), &self.state.link) {
            (Some(_), _) if matches!(self.attempt, Attempt::At(_)) => return,
            (None, Link::Idle | Link::Waiting { .. }) => return,
            _ => {}
        }
        if code == TAKEN_OVER && self.state.link.is_up() {
            // who took it over goes on with it: two that took it from each other in turn would never end
            self.end(now, Some("This session goes on somewhere else."), false);
        } else {
            if !leaves_session(code) && code != TAKEN_OVER {
                self.session_is_gone();
            }
            if !((leaves_session(code) || self.leaves_anew()) && self.detach(now)) {
                match reason.and_then(retry_after) {
                    Some(pause) => self.await_restart(now, Some(pause)),
                    None => self.lose(now, reason),
                }
            }
        }
        // there is nothing left to be closed
        self.outputs.retain(|output| matches!(output, Output::Connect));
    }

    /// A text message has arrived; nothing where it could not be read.
    pub fn handle_control(&mut self, now: Millis, control: Option<Control>) {
        match self.stream.control(control, &mut self.outputs) {
            Ok(Some(Answer::New)) => self.begin_on_connection(now),
            Ok(Some(Answer::Resumed)) => self.resumed(now),
            Ok(None) => self.flush(now),
            Err(_) => self.lose(now, Some(UNREADABLE)),
        }
    }

    /// The connection answers no more: it is closed, and the session goes on with another one, or ends.
    pub(crate) fn give_up_connection(&mut self, now: Millis, reason: &str) {
        // again: it is not the connection that is dead, but what is behind it
        if self.is_resumed_in_vain || !self.detach(now) {
            self.lose(now, Some(reason));
        }
    }

    /// The connection is gone, and the session waits in the bridge: opens another one. `false` where it does not wait.
    fn detach(&mut self, now: Millis) -> bool {
        let since = match self.detached_since() {
            // somebody waits to log in
            Some(_) if self.state.link == Link::Connecting => return false,
            Some(since) => since,
            None if self.state.link == Link::Online => now,
            None => return false,
        };
        if self.stream.grace().is_none() && !self.leaves_anew() {
            return false;
        }
        let stood_since = std::mem::replace(&mut self.connected_at, Millis::MAX);
        self.stream.cut();
        self.outputs.push_back(Output::Close(Close::Dead));
        if self.leaving.is_none() {
            self.change(Change::Link(Link::Resuming { since }));
        }
        if now.saturating_sub(stood_since) >= STEADY {
            self.try_to_resume(now);
        } else {
            self.try_later(now);
        }
        true
    }

    /// The next attempt is after a pause.
    pub(crate) fn try_later(&mut self, now: Millis) {
        self.attempt = Attempt::At(now + self.backoff.next_delay((self.config.random)()));
    }

    /// Opens a connection to go on with the session.
    pub(crate) fn try_to_resume(&mut self, now: Millis) {
        self.answered_within(now);
        self.outputs.push_back(Output::Connect);
    }

    /// The bridge, or the server, has its whole time to answer.
    pub(crate) const fn answered_within(&mut self, now: Millis) {
        self.attempt = Attempt::Until(now + ANSWERED_WITHIN);
    }

    /// When something is due while the session is to be resumed.
    pub(crate) fn resume_timeout(&self, since: Millis) -> Millis {
        let (Attempt::At(due) | Attempt::Until(due)) = self.attempt;
        due.min(self.wait_until(since))
    }

    /// Does what is due while the session is to be resumed.
    pub(crate) fn handle_resume_timeout(&mut self, now: Millis, since: Millis) {
        match self.attempt {
            _ if self.wait_until(since) <= now => self.lose(now, None),
            Attempt::At(due) if due <= now => self.try_to_resume(now),
            Attempt::Until(due) if due <= now => {
                if !self.detach(now) {
                    self.lose(now, None);
                }
            }
            Attempt::At(_) | Attempt::Until(_) => {}
        }
    }

    /// The bridge waits no longer than this.
    fn wait_until(&self, since: Millis) -> Millis {
        since.saturating_add(self.sought_for())
    }

    /// The session goes on as if nothing had happened: what was asked for has its whole time again.
    fn resumed(&mut self, now: Millis) {
        if self.leaves_anew() {
            // what the server answers has been kept for us
            return self.answered_within(now);
        }
        if self.leaving.is_some() {
            return self.stop_leaving(now);
        }
        self.backoff.reset();
        self.connected_at = now;
        self.is_resumed_in_vain = true;
        self.requests.restart(now);
        self.start_keep_alive(now);
        self.change(Change::Link(Link::Online));
        self.flush(now);
    }
}

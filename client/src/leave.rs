//! Logging out, also where the connection is lost: the person is out at once, and the server hears of it over the next
//! connection. Where the session waits in the bridge, LOGOUT goes out in it (spec/resume.md); where there is none any more,
//! as while a server is restarted, it takes a log-in first (spec/wire.md section 8).
use std::rc::Rc;

use mig33_codec::packets::Logout;
use mig33_codec::{Command, Frame, Secret};

use crate::action::{Close, Event, Output};
use crate::away::SOON;
use crate::change::Change;
use crate::config::Config;
use crate::requests::{Purpose, Requests, Urgency};
use crate::resume::Attempt;
use crate::session::Session;
use crate::state::{Link, Millis, Presence};
use crate::whole::Whole;

/// Milliseconds for which a log-out that takes a log-in is tried: longer than a restart, and the minute that a server
/// then keeps the person's place.
const TRIED_FOR: Millis = 120_000;

/// A log-out that the server has to hear of.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// Since when there is no connection for it.
    pub(crate) since: Millis,
    /// Whether the session waits in the bridge: LOGOUT goes out as soon as it goes on.
    is_detached: bool,
    /// LOGIN by token, for where it does not; none where there is no token.
    log_in: Option<Secret<Frame>>,
}

impl Session {
    /// Logs out: the client forgets everything at once. The server forgets the session and its token as soon as it can be
    /// reached, which this session goes on trying; a log-in that comes before that waits for one attempt.
    pub fn log_out(&mut self, now: Millis) {
        match self.state.link {
            _ if self.leaving.is_some() => {}
            Link::Idle => {}
            Link::Online => self.send_logout(now),
            Link::Resuming { since } => {
                let log_in = self.log_in_to_leave();
                self.leaving = Some(Leaving { since, is_detached: true, log_in });
                self.send_logout(now);
            }
            Link::Waiting { until, .. } => self.leave_anew(now, until.min(now + SOON)),
            Link::Connecting | Link::LoggingIn => self.leave_anew(now, now),
        }
        self.end(now, None, true);
    }

    fn send_logout(&mut self, now: Millis) {
        self.request(now, &Logout::default(), Purpose::Tell, Urgency::AtOnce);
    }

    /// There is no session to log out of, but a token that is good for one.
    fn leave_anew(&mut self, now: Millis, first_attempt: Millis) {
        let Some(log_in) = self.log_in_to_leave() else { return };
        if !matches!(self.state.link, Link::Waiting { .. }) {
            self.outputs.push_back(Output::Close(Close::Done));
        }
        self.stream.forget();
        (self.attempt, self.connected_at) = (Attempt::At(first_attempt), Millis::MAX);
        self.leaving = Some(Leaving { since: now, is_detached: false, log_in: Some(log_in) });
    }

    fn log_in_to_leave(&mut self) -> Option<Secret<Frame>> {
        // others do not see us come for this
        self.presence = Presence::OFFLINE;
        let login = self.login.as_ref().filter(|login| login.has_token())?;
        mig33_codec::encode(&self.login_packet(login), 0).ok().map(Secret::new)
    }

    /// Whether a log-in is on its way, or will be, for nothing but a log-out.
    pub(crate) fn leaves_anew(&self) -> bool {
        self.leaving.as_ref().is_some_and(|leaving| !leaving.is_detached)
    }

    /// The session does not wait in the bridge any more: it takes a log-in, where that can be had.
    pub(crate) fn session_is_gone(&mut self) {
        if let Some(leaving) = self.leaving.as_mut().filter(|leaving| leaving.log_in.is_some()) {
            leaving.is_detached = false;
        }
    }

    /// Milliseconds for which a connection is sought, from when it was lost.
    pub(crate) fn sought_for(&self) -> Millis {
        if self.leaves_anew() { TRIED_FOR } else { self.stream.grace().unwrap_or(0) }
    }

    /// A connection is open that knows of no session before.
    pub(crate) fn leave_on_connection(&mut self, now: Millis) {
        self.session_is_gone();
        let Some(Leaving { log_in: Some(log_in), .. }) = &self.leaving else {
            return self.stop_leaving(now);
        };
        let frame = log_in.expose().clone();
        self.requests = Requests::new();
        self.requests.add(now, frame, Purpose::LogIn, Urgency::AtOnce, &mut self.sending);
        self.answered_within(now);
        self.flush(now);
    }

    /// What the server says to a log-in that is for nothing but a log-out.
    pub(crate) fn handle_leaving(&mut self, now: Millis, frame: &Frame) {
        match (frame.command, frame.transaction) {
            (_, 0) => {}
            (Command::LOGIN_OK, _) => {
                self.send_logout(now);
                self.flush(now);
                self.stop_leaving(now);
            }
            // the token is not good any more: so it cannot be used either
            (Command::LOGIN_CHALLENGE, _) => self.stop_leaving(now),
            _ if self.state.link == Link::Connecting => self.stop_leaving(now),
            // it can do nothing just now, and says so
            _ => {
                self.stream.forget();
                self.outputs.push_back(Output::Close(Close::Done));
                self.try_later(now);
            }
        }
    }

    /// Becomes a session that knows of nobody; a log-out that is under way goes on.
    pub fn renew(&mut self, config: Config) {
        let before = std::mem::replace(self, Self::new(config));
        if before.leaving.is_some() {
            (self.leaving, self.stream) = (before.leaving, before.stream);
            (self.decoder, self.requests) = (before.decoder, before.requests);
            (self.attempt, self.backoff) = (before.attempt, before.backoff);
            self.connected_at = before.connected_at;
        }
        self.outputs = before.outputs;
    }

    /// Ends the session for good.
    pub(crate) fn end(&mut self, now: Millis, reason: Option<&str>, forget_token: bool) {
        self.flush(now);
        if self.leaving.is_none() {
            if !matches!(self.state.link, Link::Idle | Link::Waiting { .. }) {
                self.outputs.push_back(Output::Close(Close::Done));
            }
            self.stream.forget();
        }
        for purpose in self.requests.drain() {
            self.interrupted(purpose);
        }
        self.give_up_held();
        let username = self.login.take().map(|login| login.username);
        let username =
            self.state.account.as_ref().map(|account| account.username.clone()).or(username);
        if forget_token && let Some(username) = username {
            self.event(Event::TokenChanged { username, token: None });
        }
        self.shown = None;
        self.last_motd = None;
        self.whole = Whole::default();
        self.presence = Presence::AVAILABLE;
        self.no_news_until.clear();
        self.change(Change::Link(Link::Idle));
        self.change(Change::LoggedOut);
        self.event(Event::LoggedOut { reason: reason.map(Rc::from) });
    }

    /// Since when a session waits in the bridge for its connection.
    pub(crate) fn detached_since(&self) -> Option<Millis> {
        match self.state.link {
            Link::Resuming { since } => Some(since),
            Link::Idle
            | Link::Waiting { .. }
            | Link::Connecting
            | Link::LoggingIn
            | Link::Online => self.leaving.as_ref().map(|leaving| leaving.since),
        }
    }

    /// The log-out has gone out, or cannot any more: on to whoever waits to log in.
    pub(crate) fn stop_leaving(&mut self, now: Millis) {
        self.leaving = None;
        self.stream.forget();
        self.outputs.push_back(Output::Close(Close::Done));
        if self.state.link == Link::Connecting {
            self.backoff.reset();
            self.connect(now);
        }
    }
}

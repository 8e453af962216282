//! Logging out, also where the connection is lost: the person is out at once, and the server hears of it over the next
//! connection, or with the end of the session that waits in the bridge (spec/resume.md).
use std::rc::Rc;

use mig33_codec::packets::Logout;

use crate::action::{Close, Event, Output};
use crate::change::Change;
use crate::config::Config;
use crate::requests::{Purpose, Urgency};
use crate::session::Session;
use crate::state::{Link, Millis, Presence};
use crate::whole::Whole;

impl Session {
    /// Logs out: the client forgets everything at once. The server forgets the session and its token as soon as it can be
    /// reached, which this session goes on trying; a log-in that comes before that waits for one attempt.
    pub fn log_out(&mut self, now: Millis) {
        if let Link::Resuming { since } = self.state.link {
            self.leaving = Some(since);
        }
        if self.state.link == Link::Online || self.leaving.is_some() {
            self.request(now, &Logout::default(), Purpose::Tell, Urgency::AtOnce);
        }
        self.end(now, None, true);
    }

    /// Becomes a session that knows of nobody; a log-out that is under way goes on.
    pub fn renew(&mut self, config: Config) {
        let before = std::mem::replace(self, Self::new(config));
        if before.leaving.is_some() {
            (self.leaving, self.stream) = (before.leaving, before.stream);
            (self.attempt, self.backoff) = (before.attempt, before.backoff);
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
    pub(crate) const fn detached_since(&self) -> Option<Millis> {
        match self.state.link {
            Link::Resuming { since } => Some(since),
            Link::Idle
            | Link::Waiting { .. }
            | Link::Connecting
            | Link::LoggingIn
            | Link::Online => self.leaving,
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

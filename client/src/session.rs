//! `Session`: one person's connection to a server, opened again when it is lost, and what is known because of it.
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use mig33_codec::{Decoder, Encode, Frame};

use crate::action::{Action, ActionId, Close, Event, Output};
use crate::backoff::Backoff;
use crate::change::Change;
use crate::config::Config;
use crate::leave::Leaving;
use crate::login::Login;
use crate::requests::{Purpose, Requests, Then, Urgency};
use crate::resume::Attempt;
use crate::state::{ChatId, Link, LiteMap, Millis, Notice, NoticeKind, Presence, State};
use crate::stream::{Stream, Tunnel};
use crate::whole::Whole;

/// Milliseconds between keep-alives (spec/wire.md section 3).
const KEEP_ALIVE_EVERY: Millis = 60_000;
/// Milliseconds in which a keep-alive has to be answered.
const KEEP_ALIVE_WITHIN: Millis = 20_000;
/// The same, when the person is looking and the connection may be long dead.
const WAKE_WITHIN: Millis = 5_000;
/// Milliseconds that opening a connection and logging in may take.
const LOGGED_IN_WITHIN: Millis = 30_000;

/// What the person reads when the other side broke the rules of framing or tunnel.
pub(crate) const UNREADABLE: &str = "The server sent something that is no packet.";

/// The same, when it says that it stops and comes back.
pub(crate) const RESTARTING: &str = "The server is being restarted.";

/// The same, when it wants to send more than a packet holds.
pub(crate) const TOO_LARGE: &str = "This is too large to be sent.";

/// A client's session, sans-I/O; see the crate's front page for how it is driven.
pub struct Session {
    pub(crate) config: Config,
    pub(crate) state: State,
    pub(crate) requests: Requests,
    pub(crate) login: Option<Login>,
    pub(crate) backoff: Backoff,
    /// The chat that is shown: its messages are loaded first.
    pub(crate) shown: Option<ChatId>,
    /// Messages of a room up to this time are no news: they were there before we came.
    pub(crate) no_news_until: LiteMap<ChatId, Millis>,
    /// Messages of a chat up to this time are in the number of unread ones that the server gave.
    pub(crate) counted: LiteMap<ChatId, Millis>,
    /// Milliseconds that the server's clock is ahead of `now`.
    pub(crate) ahead: i64,
    /// The same of the device's.
    pub(crate) device_ahead: i64,
    /// Whether the server keeps history.
    pub(crate) has_chat_sync: bool,
    /// Who was asked to become a contact before the page was loaded.
    pub(crate) asked: Vec<Rc<str>>,
    /// Whether the server says that anybody can be written to.
    pub(crate) takes_strangers: bool,
    /// How far each chat is whole.
    pub(crate) whole: Whole,
    /// What others see of us after the next log-in.
    pub(crate) presence: Presence,
    /// The message of the day that was shown last: it is not shown again after a reconnect.
    pub(crate) last_motd: Option<Rc<str>>,
    /// What carries the bytes over lost connections.
    pub(crate) stream: Stream,
    /// How far we are with going on, where the link is [`Link::Resuming`].
    pub(crate) attempt: Attempt,
    /// A log-out that is under way.
    pub(crate) leaving: Option<Leaving>,
    /// Since when the connection stands that carries the session.
    pub(crate) connected_at: Millis,
    /// What the person wants of the next connection.
    pub(crate) held: Vec<(Frame, Purpose)>,
    /// The session was resumed, and the server has said nothing since.
    pub(crate) is_resumed_in_vain: bool,
    last_heard: Millis,
    pub(crate) outputs: VecDeque<Output>,
    /// When the connection has to be logged in, or else is given up.
    pub(crate) give_up_at: Millis,
    pub(crate) decoder: Decoder,
    pub(crate) sending: BytesMut,
    events: VecDeque<Event>,
    keep_alive_at: Millis,
    next_action: u32,
    next_notice: u32,
}

impl Session {
    /// A session that is not logged in.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            state: State::default(),
            requests: Requests::new(),
            login: None,
            backoff: Backoff::default(),
            shown: None,
            no_news_until: LiteMap::new(),
            counted: LiteMap::new(),
            ahead: 0,
            device_ahead: 0,
            has_chat_sync: false,
            asked: Vec::new(),
            takes_strangers: false,
            whole: Whole::default(),
            presence: Presence::AVAILABLE,
            last_motd: None,
            stream: Stream::default(),
            attempt: Attempt::At(0),
            leaving: None,
            connected_at: 0,
            held: Vec::new(),
            is_resumed_in_vain: false,
            last_heard: 0,
            outputs: VecDeque::new(),
            decoder: Decoder::new(),
            sending: BytesMut::new(),
            events: VecDeque::new(),
            give_up_at: 0,
            keep_alive_at: 0,
            next_action: 0,
            next_notice: 0,
        }
    }

    /// What is known. A copy is cheap.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Makes an account, then logs in to it on the same connection. The event that answers it tells how it ended.
    pub fn register(
        &mut self,
        now: Millis,
        username: &str,
        password: &str,
        mobile_phone: Option<&str>,
    ) -> ActionId {
        let action = self.action_id();
        self.begin(now, Login::registration(username, password, mobile_phone, action));
        action
    }

    /// Logs in with a password. The event that answers it tells how it ended.
    pub fn log_in(&mut self, now: Millis, username: &str, password: &str) -> ActionId {
        let action = self.action_id();
        self.begin(now, Login::with_password(username, password, action));
        action
    }

    /// Logs in with what [`Event::TokenChanged`] brought. The connection is tried until there is one.
    pub fn log_in_with_token(&mut self, now: Millis, username: &str, token: Bytes) -> ActionId {
        let action = self.action_id();
        self.begin(now, Login::with_token(username, token, action));
        action
    }

    /// Replaces the token that the next connection logs in with, by one that another page of the same account got.
    pub fn set_token(&mut self, token: Bytes) {
        if let Some(login) = &mut self.login {
            login.replace_token(token);
        }
    }

    /// Sets what others will see of us after the log-in; [`Presence::AVAILABLE`] where nobody has chosen.
    pub const fn set_initial_presence(&mut self, presence: Presence) {
        self.presence = presence;
    }

    /// Does what the person wants; [`Event::Answered`] tells how it ended.
    pub fn act(&mut self, now: Millis, action: Action) -> ActionId {
        let id = self.action_id();
        self.hasten(now);
        self.carry_out(now, id, action);
        self.flush(now);
        id
    }

    /// The network is back, or the person looks at the page again: connects now, or finds out whether the connection
    /// is still alive.
    pub fn reconnect_now(&mut self, now: Millis) {
        match self.state.link {
            _ if self.detached_since().is_some() => {
                if matches!(self.attempt, Attempt::At(_)) {
                    self.backoff.reset();
                    self.try_to_resume(now);
                }
            }
            Link::Waiting { .. } => {
                self.backoff.reset();
                self.connect(now);
            }
            Link::Online => {
                self.requests.keep_alive(now, WAKE_WITHIN, &mut self.sending);
                self.flush(now);
            }
            Link::Idle | Link::Connecting | Link::LoggingIn | Link::Resuming { .. } => {}
        }
    }

    /// What is to be done on the connection next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Millis> {
        if let Some(since) = self.detached_since() {
            return Some(self.resume_timeout(since));
        }
        let of_link = match self.state.link {
            Link::Idle | Link::Resuming { .. } => return None,
            Link::Waiting { until, .. } => return Some(until.min(self.held_until())),
            Link::Connecting => return Some(self.give_up_at.min(self.held_until())),
            Link::LoggingIn => self.give_up_at,
            Link::Online => self.keep_alive_at,
        };
        let of_requests = self.requests.next_timeout(self.stream.has_room());
        Some(of_link.min(of_requests).min(self.stream.next_timeout()).min(self.held_until()))
    }

    /// Does what is due. Calling it early or late does no harm.
    pub fn handle_timeout(&mut self, now: Millis) {
        if let Some(since) = self.detached_since() {
            return self.handle_resume_timeout(now, since);
        }
        if self.held_until() <= now {
            self.give_up_held();
        }
        match self.state.link {
            Link::Idle | Link::Resuming { .. } => return,
            Link::Waiting { until, .. } if until <= now => return self.connect(now),
            Link::Waiting { .. } => return,
            Link::Connecting | Link::LoggingIn if self.give_up_at <= now => {
                return self.lose(now, Some("The server did not answer in time."));
            }
            Link::Connecting => return,
            Link::Online if self.keep_alive_at <= now => {
                self.keep_alive_at = now + KEEP_ALIVE_EVERY;
                self.requests.keep_alive(now, KEEP_ALIVE_WITHIN, &mut self.sending);
            }
            Link::LoggingIn | Link::Online => {}
        }
        let Some(overdue) = self.requests.overdue(now, self.last_heard) else {
            return self.give_up_connection(now, "The server does not answer.");
        };
        for purpose in overdue {
            self.refused(now, purpose, "The server did not answer in time.");
        }
        self.stream.handle_timeout(now, &mut self.outputs);
        self.flush(now);
    }

    /// The connection that [`Output::Connect`] asked for is open.
    pub fn connected(&mut self, now: Millis, tunnel: Tunnel) {
        let wanted = match self.detached_since() {
            Some(_) => matches!(self.attempt, Attempt::Until(_)),
            None => self.state.link == Link::Connecting,
        };
        if wanted && self.stream.open(tunnel, &mut self.outputs) {
            self.begin_on_connection(now);
        }
    }

    /// Bytes have arrived: whole packets or not.
    pub fn handle_bytes(&mut self, now: Millis, bytes: Bytes) {
        if self.stream.is_cut() {
            return;
        }
        if self.stream.arrived(now, bytes.len(), &mut self.outputs).is_err() {
            return self.lose(now, Some(UNREADABLE));
        }
        (self.last_heard, self.is_resumed_in_vain) = (now, false);
        self.decoder.push(bytes);
        loop {
            match self.decoder.next_frame() {
                Ok(Some(frame)) => self.handle_frame(now, &frame),
                Ok(None) => break,
                Err(_) => return self.lose(now, Some(UNREADABLE)),
            }
            if self.stream.is_cut() {
                return;
            }
        }
        self.flush(now);
    }

    fn handle_frame(&mut self, now: Millis, frame: &Frame) {
        if self.leaving.is_some() {
            return self.handle_leaving(now, frame);
        }
        let read = if frame.transaction == 0 {
            self.handle_unnumbered(now, frame)
        } else if self.requests.get(now, frame.transaction).is_none() {
            self.handle_arrival(now, frame)
        } else {
            self.handle_answer(now, frame)
        };
        if let Err(error) = read {
            self.notice(
                NoticeKind::Problem,
                // numbers, not the error's own words: the names of all packets would be a part of the page
                &format!(
                    "The server sent a packet that cannot be read: block {} of command {}.",
                    error.block, error.command.0
                ),
                None,
            );
        }
    }

    fn begin(&mut self, now: Millis, login: Login) {
        if self.leaving.is_some() {
            self.login = Some(login);
            self.change(Change::Link(Link::Connecting));
            // once, and at once: the log-in comes after it
            return self.reconnect_now(now);
        }
        if !matches!(self.state.link, Link::Idle | Link::Waiting { .. }) {
            self.outputs.push_back(Output::Close(Close::Done));
        }
        self.stream.forget();
        self.login = Some(login);
        self.backoff.reset();
        self.connect(now);
    }

    pub(crate) fn connect(&mut self, now: Millis) {
        self.give_up_at = now + LOGGED_IN_WITHIN;
        self.change(Change::Link(Link::Connecting));
        self.outputs.push_back(Output::Connect);
    }

    /// A session that knows of nothing before begins on the connection: registers, or logs in.
    pub(crate) fn begin_on_connection(&mut self, now: Millis) {
        if self.leaving.is_some() {
            self.decoder = Decoder::new();
            return self.leave_on_connection(now);
        }
        if matches!(self.state.link, Link::Resuming { .. }) {
            self.interrupt();
        }
        self.decoder = Decoder::new();
        self.sending.clear();
        self.requests = Requests::new();
        (self.last_heard, self.connected_at, self.is_resumed_in_vain) = (now, now, false);
        self.give_up_at = now + LOGGED_IN_WITHIN;
        self.change(Change::Link(Link::LoggingIn));
        self.start_login(now);
        self.flush(now);
    }

    /// What was asked for in a session that is over is not answered any more.
    fn interrupt(&mut self) {
        for purpose in self.requests.drain() {
            self.interrupted(purpose);
        }
        self.whole.connection_lost();
        self.leave_rooms_for_now();
    }

    /// The session is gone: comes back later, unless it was the first try of a log-in by password.
    pub(crate) fn lose(&mut self, now: Millis, reason: Option<&str>) {
        if self.leaving.is_some() {
            return self.stop_leaving(now);
        }
        self.sending.clear();
        self.stream.forget();
        self.outputs.push_back(Output::Close(Close::Done));
        self.interrupt();
        if let Some(action) = self.login.as_mut().and_then(Login::first_try_by_password) {
            let reason = reason.unwrap_or("The server cannot be reached.");
            self.login = None;
            self.change(Change::Link(Link::Idle));
            return self.answer(action, Err(reason.into()));
        }
        let delay = self.backoff.next_delay((self.config.random)());
        let link = Link::Waiting { until: now + delay, reason: reason.map(Rc::from) };
        self.change(Change::Link(link));
    }

    /// Puts a request into its queue, as a frame that gets its number when it goes out.
    pub(crate) fn request(
        &mut self,
        now: Millis,
        packet: &dyn Encode,
        purpose: Purpose,
        urgency: Urgency,
    ) {
        match mig33_codec::encode(packet, 0) {
            Ok(frame) => self.requests.add(now, frame, purpose, urgency, &mut self.sending),
            Err(_) => self.refused(now, purpose, TOO_LARGE),
        }
    }

    /// A request of the person's that is answered by OK or ERROR.
    pub(crate) fn ask(&mut self, now: Millis, packet: &dyn Encode, action: ActionId, then: Then) {
        self.ask_with(now, packet, action, Purpose::Do { action, then });
    }

    /// A request of the person's that makes sense only now.
    pub(crate) fn ask_with(
        &mut self,
        now: Millis,
        packet: &dyn Encode,
        action: ActionId,
        purpose: Purpose,
    ) {
        if self.state.link.is_up() {
            self.request(now, packet, purpose, Urgency::Soon);
        } else if self.state.is_away_briefly(now) {
            self.hold(now, packet, purpose);
        } else {
            let text = "Not connected. Try again once the connection is back.";
            self.answer(action, Err(text.into()));
        }
    }

    /// Sends what the pace allows, as one output.
    pub(crate) fn flush(&mut self, now: Millis) {
        if self.state.link == Link::Online && self.stream.has_room() {
            self.requests.flush(now, &mut self.sending);
        }
        if !self.sending.is_empty() {
            self.stream.send(self.sending.split().freeze(), &mut self.outputs);
        }
    }

    pub(crate) fn change(&mut self, change: Change) {
        self.state.apply(change);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn answer(&mut self, action: ActionId, result: Result<(), Rc<str>>) {
        self.events.push_back(Event::Answered { action, result });
    }

    pub(crate) fn notice(&mut self, kind: NoticeKind, text: &str, url: Option<&str>) {
        self.next_notice += 1;
        let notice =
            Notice { id: self.next_notice, kind, text: text.into(), url: url.map(Rc::from) };
        self.change(Change::Notice(notice));
    }

    pub(crate) fn start_keep_alive(&mut self, now: Millis) {
        self.keep_alive_at = now + KEEP_ALIVE_EVERY;
    }

    /// The server's time where it says it, else the device's: milliseconds since 1970.
    #[must_use]
    pub const fn server_time(&self, now: Millis) -> Millis {
        now.saturating_add_signed(self.ahead)
    }

    /// A new id of a message: a version 4 UUID.
    pub(crate) fn guid(&mut self) -> Rc<str> {
        let number = u128::from_be_bytes((self.config.random)());
        let versioned = number & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let mut guid = String::new();
        for (place, digit) in format!("{versioned:032x}").chars().enumerate() {
            if matches!(place, 8 | 12 | 16 | 20) {
                guid.push('-');
            }
            guid.push(digit);
        }
        guid.into()
    }

    fn action_id(&mut self) -> ActionId {
        self.next_action = self.next_action.wrapping_add(1);
        ActionId(self.next_action)
    }
}

/// What waits to be sent is left out: a log-in is among it.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("link", &self.state.link).finish_non_exhaustive()
    }
}

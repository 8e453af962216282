//! Registration, log-in by password or token, and what is asked for once it is done (spec/wire.md sections 3 and 8).
use std::rc::Rc;

use bytes::Bytes;
use mig33_codec::packets;
use mig33_codec::{Secret, Text};

use crate::action::{ActionId, Event};
use crate::change::Change;
use crate::pace::Pace;
use crate::requests::{Purpose, Urgency};
use crate::session::Session;
use crate::state::{Account, Link, Millis, NoticeKind};

/// The protocol version that clients of old said.
const PROTOCOL_VERSION: u16 = 1;
/// The number of REGISTER on a fresh connection (spec/wire.md section 1).
const REGISTER_NUMBER: u16 = 2;
/// Milliseconds that the answer to a person's own proof may take: a server holds what it says of wrong ones back, ours
/// for up to ten minutes (spec/wire.md section 3).
const PROVEN_WITHIN: Millis = 11 * 60_000;
/// What the server is told that this client can do: it fetches large contents by their addresses.
const FEATURES: &str = "content-addresses";
/// What a server can do that takes private messages from who is no contact (spec/wire.md section 8).
const STRANGERS: &str = "strangers";
/// What the person reads where the server does not take again what it took before.
const ASKS_AGAIN: &str = "The server asks for your password again.";
/// How many chats are asked for after a log-in.
const CHATS: u32 = 100;

/// Who logs in, and how it is proven.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) username: Rc<str>,
    /// Kept only until there is a token.
    password: Option<Secret<String>>,
    token: Option<Secret<Bytes>>,
    /// Mobile phone of an account that is still to be made; empty for none.
    registration: Option<String>,
    /// The session that the server gave, to be taken over after a lost connection.
    session_id: Option<Text>,
    /// The first log-in, not answered yet.
    action: Option<ActionId>,
}

impl Login {
    pub(crate) fn with_password(username: &str, password: &str, action: ActionId) -> Self {
        Self {
            username: username.trim().into(),
            password: Some(Secret::new(password.into())),
            token: None,
            registration: None,
            session_id: None,
            action: Some(action),
        }
    }

    pub(crate) fn registration(
        username: &str,
        password: &str,
        mobile_phone: Option<&str>,
        action: ActionId,
    ) -> Self {
        let registration = Some(mobile_phone.unwrap_or_default().trim().into());
        Self { registration, ..Self::with_password(username, password, action) }
    }

    pub(crate) fn with_token(username: &str, token: Bytes, action: ActionId) -> Self {
        Self {
            token: Some(Secret::new(token)),
            password: None,
            ..Self::with_password(username, "", action)
        }
    }

    pub(crate) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Takes a newer token in place of the one that is there.
    pub(crate) fn replace_token(&mut self, token: Bytes) {
        if self.token.is_some() {
            self.token = Some(Secret::new(token));
        }
    }

    /// The action of a first log-in by password that is not answered yet: it is not tried again by itself.
    pub(crate) fn first_try_by_password(&mut self) -> Option<ActionId> {
        if self.token.is_none() { self.action.take() } else { None }
    }
}

impl Session {
    /// Names who had not answered when the same person was here last, before the log-in: a yes since then is told.
    pub fn remember_asked(&mut self, usernames: Vec<Rc<str>>) {
        self.asked = usernames;
    }

    /// Says what time the device has now. All that waits goes by `now`, which may be a clock of its own that nobody sets;
    /// this one dates what is written, from the next log-in on, where the server does not say its time.
    pub const fn set_device_time(&mut self, now: Millis, device: Millis) {
        self.device_ahead = device.cast_signed().saturating_sub(now.cast_signed());
    }

    /// The connection is open: registers, or logs in.
    pub(crate) fn start_login(&mut self, now: Millis) {
        let Some(login) = &self.login else { return };
        if let (Some(phone), Some(password)) = (&login.registration, &login.password) {
            let packet = packets::NewRegistration {
                service_type: Some(1),
                username: Some((&*login.username).into()),
                password: Some(Text::from(password.expose().as_str()).into()),
                mobile_phone: (!phone.is_empty()).then(|| phone.as_str().into()),
                user_agent: Some(self.config.user_agent.as_str().into()),
                ..packets::NewRegistration::default()
            };
            self.requests.number_from(REGISTER_NUMBER);
            return self.request(now, &packet, Purpose::Register, Urgency::AtOnce);
        }
        self.send_login(now);
    }

    fn send_login(&mut self, now: Millis) {
        let Some(login) = &self.login else { return };
        let packet = self.login_packet(login);
        self.request(now, &packet, Purpose::LogIn, Urgency::AtOnce);
    }

    pub(crate) fn login_packet(&self, login: &Login) -> packets::Login {
        let (width, height) = self.config.screen;
        let language = &self.config.language;
        packets::Login {
            protocol_version: Some(PROTOCOL_VERSION),
            client_type: Some(self.config.client_type),
            service_type: Some(1),
            username: Some((&*login.username).into()),
            user_agent: Some(self.config.user_agent.as_str().into()),
            initial_presence: Some(self.presence),
            screen_width: (width > 0).then_some(width),
            screen_height: (height > 0).then_some(height),
            language: (!language.is_empty()).then(|| language.as_str().into()),
            session_id: login.session_id.clone(),
            // an empty one asks for the first
            resume_token: Some(login.token.clone().unwrap_or_default()),
            features: Some([FEATURES].iter().collect()),
            ..packets::Login::default()
        }
    }

    /// The account is there: on to the log-in.
    pub(crate) fn registered(&mut self, now: Millis) {
        if let Some(login) = &mut self.login {
            login.registration = None;
        }
        self.send_login(now);
    }

    /// The server wants the password proven.
    pub(crate) fn challenged(&mut self, now: Millis, challenge: &packets::LoginChallenge) {
        let Some(login) = &mut self.login else { return };
        login.session_id.clone_from(&challenge.session_id);
        let Some(password) = &login.password else {
            return self.end(now, Some("Please log in again."), true);
        };
        let text = challenge.challenge.clone().unwrap_or_default();
        let hash = (self.config.hash)(&text.as_str(), password.expose());
        let packet =
            packets::LoginResponse { password_hash: Some(hash.into()), ..Default::default() };
        let is_first = login.action.is_some();
        self.request(now, &packet, Purpose::Prove, Urgency::AtOnce);
        if is_first {
            self.give_up_at = now + PROVEN_WITHIN;
            self.requests.wait_until(self.give_up_at);
        }
    }

    /// Logged in: asks for what the server knows.
    pub(crate) fn logged_in(&mut self, now: Millis, ok: &packets::LoginOk) {
        let Some(login) = &mut self.login else { return };
        let username: Rc<str> = match &ok.username {
            Some(name) if !name.is_empty() => name.as_str().into(),
            _ => login.username.clone(),
        };
        login.username = username.clone();
        if let Some(token) = ok.resume_token.clone().filter(|token| !token.expose().is_empty()) {
            login.password = None;
            login.token = Some(token.clone());
            self.event(Event::TokenChanged { username: username.clone(), token: Some(token) });
        }
        let action = self.login.as_mut().and_then(|login| login.action.take());
        self.ahead = ok
            .server_time
            .map_or(self.device_ahead, |time| time.cast_signed().saturating_sub(now.cast_signed()));
        self.has_chat_sync = ok.supports_chat_sync == Some(true);
        self.settle_history();
        let features = ok.features.as_ref().map(|features| features.entries()).unwrap_or_default();
        self.takes_strangers = features.iter().any(|name| name == STRANGERS);
        self.requests.pace = if self.has_chat_sync { Pace::BRISK } else { Pace::CAREFUL };
        self.backoff.reset();
        self.start_keep_alive(now);

        let known = self.state.account.clone();
        let account = Account {
            username,
            presence: ok.presence.unwrap_or(self.presence),
            status_message: known
                .map_or_else(|| "".into(), |account| account.status_message.clone()),
        };
        self.change(Change::LoggedIn(account));
        self.change(Change::Link(Link::Online));
        if let Some(alert) = ok.alert.as_ref().filter(|alert| !alert.is_empty()) {
            self.message_of_the_day(&alert.as_str());
        }
        self.ask_for_everything(now);
        self.send_held(now);
        if let Some(action) = action {
            self.answer(action, Ok(()));
        }
        self.event(Event::LoggedIn);
    }

    /// The server refused a step of the log-in: to the person when they asked for it, else it is tried again unless
    /// the password itself is wrong.
    pub(crate) fn login_refused(&mut self, now: Millis, step: &Purpose, text: &str) {
        let action = self.login.as_mut().and_then(|login| login.action.take());
        let by_token = self.login.as_ref().is_some_and(|login| login.token.is_some());
        match action {
            Some(action) if !by_token => {
                self.end(now, None, false);
                self.answer(action, Err(text.into()));
            }
            // what it took once it does not take again, as after a restart: nobody has typed anything wrong
            _ if matches!(step, Purpose::Prove) => self.end(now, Some(ASKS_AGAIN), true),
            _ => self.lose(now, Some(text)),
        }
    }

    fn message_of_the_day(&mut self, text: &str) {
        if self.last_motd.as_deref() != Some(text) {
            self.last_motd = Some(text.into());
            self.notice(NoticeKind::MessageOfTheDay, text, None);
        }
    }

    fn ask_for_everything(&mut self, now: Millis) {
        self.ask_contacts(now);
        let packet = packets::GetContactRequests::default();
        self.request(now, &packet, Purpose::ContactRequests { found: Vec::new() }, Urgency::Soon);
        if self.has_chat_sync {
            // without a version: the newest ones
            let packet = packets::GetChats { limit: Some(CHATS), ..Default::default() };
            self.request(now, &packet, Purpose::Chats { listed: Vec::new() }, Urgency::Soon);
        } else {
            self.change(Change::ChatsListed);
        }
        self.rejoin_rooms(now);
        self.send_waiting(now, |chat| !chat.is_room());
    }

    /// Asks for the contact list, unless that is under way.
    pub(crate) fn ask_contacts(&mut self, now: Millis) {
        let asked = |purpose: &Purpose| matches!(purpose, Purpose::Contacts { .. });
        if !self.requests.outstanding().any(asked) {
            let purpose =
                Purpose::Contacts { groups: Default::default(), contacts: Default::default() };
            self.request(now, &packets::GetContacts::default(), purpose, Urgency::Soon);
        }
    }
}

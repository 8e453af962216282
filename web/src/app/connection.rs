//! The app's end of the connection: carries out what the session wants, and keeps what has to survive a reload.
use std::rc::Rc;

use bytes::Bytes;
use gloo_render::request_animation_frame;
use gloo_timers::callback::Timeout;
use mig33_client::{Action, ActionId, Event, Output, Session};

use super::{App, Msg, Purpose, named, surroundings};
use crate::clock;
use crate::intent::DialogKind;
use crate::part::Context;
use crate::route::Route;
use crate::socket::{CONNECTED, Socket, SocketEvent};

/// WebSocket's code where there was no close.
const NO_CLOSE: u16 = 1006;

impl App {
    /// Comes back as whoever was logged in, where a token was kept.
    pub(super) fn come_back(&mut self, ctx: &Context<Self>) {
        let Some(username) = self.store.account() else { return };
        let Some(token) = self.store.token(&username) else { return };
        self.come_back_with(ctx, &username, token);
    }

    /// Logs in by a token, on a session that knows of nobody else.
    pub(super) fn come_back_with(&mut self, ctx: &Context<Self>, username: &str, token: Bytes) {
        self.account = Some(named(username));
        self.sign = self.store.sign(username);
        self.token = Some(token.clone());
        self.begin(username);
        self.session.log_in_with_token(clock::now(), username, token);
        self.furnish(username);
        self.pump(ctx);
    }

    /// Logs in or registers with a password, on a session that knows of nobody else.
    pub(super) fn log_in(
        &mut self,
        ctx: &Context<Self>,
        username: &str,
        start: impl FnOnce(&mut Session) -> ActionId,
    ) {
        self.start_anew();
        (self.token, self.log_in_error) = (None, None);
        self.begin(username);
        let action = start(&mut self.session);
        self.asked.push((action, Purpose::LogIn));
        self.pump(ctx);
    }

    /// Carries out what the session wants until it wants nothing more, and sees to it that changes are drawn.
    pub(super) fn pump(&mut self, ctx: &Context<Self>) {
        loop {
            if let Some(output) = self.session.poll_output() {
                self.carry_out(ctx, output);
            } else if let Some(event) = self.session.poll_event() {
                self.event(ctx, event);
            } else {
                break;
            }
        }
        self.set_timer(ctx);
        self.keep_outbox();
        self.draw_soon(ctx);
    }

    pub(super) fn socket_event(&mut self, ctx: &Context<Self>, event: SocketEvent) {
        let now = clock::now();
        match event {
            SocketEvent::Opened(tunnel) => {
                self.asking.opened();
                self.session.set_device_time(now, clock::on_device());
                self.session.connected(now, tunnel);
                surroundings::tell(CONNECTED);
            }
            SocketEvent::Bytes(bytes) => self.session.handle_bytes(now, bytes),
            SocketEvent::Text(text) => {
                self.session.handle_control(now, crate::control::read(&text))
            }
            SocketEvent::Closed(..) if self.asking.closed() => self.open_socket(ctx, false),
            SocketEvent::Closed(code, reason) => {
                self.socket = None;
                self.session.disconnected(now, code, Some(&reason));
            }
        }
        self.pump(ctx);
    }

    fn carry_out(&mut self, ctx: &Context<Self>, output: Output) {
        match output {
            Output::Connect => {
                // another page of this account may have got a newer one, with which ours has died
                let username = self.account.as_ref().map(|account| account.username.clone());
                if let Some(token) = username.and_then(|name| self.store.token(&name)) {
                    self.token = Some(token.clone());
                    self.session.set_token(token);
                }
                let asks = self.asking.begin();
                self.open_socket(ctx, asks);
            }
            Output::Send(bytes) => {
                if let Some(socket) = &self.socket {
                    socket.send(&bytes);
                }
            }
            Output::SendText(text) => {
                if let Some(socket) = &self.socket {
                    socket.send_text(text.expose());
                }
            }
            Output::Close(how) => {
                self.generation = self.generation.wrapping_add(1);
                if let Some(socket) = self.socket.take() {
                    socket.close(how.code());
                }
            }
        }
    }

    fn open_socket(&mut self, ctx: &Context<Self>, asks: bool) {
        // events of the sockets before have an older generation
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let on_event = ctx.link().callback(move |event| Msg::Socket(generation, event));
        self.socket = Socket::open(asks, &on_event).ok();
        if self.socket.is_none() {
            on_event.emit(SocketEvent::Closed(NO_CLOSE, String::new()));
        }
    }

    fn event(&mut self, ctx: &Context<Self>, event: Event) {
        match event {
            Event::Answered { action, result } => self.answered(ctx, action, result),
            Event::UploadAddress { action, url } => self.upload_address(ctx, action, &url),
            Event::TokenChanged { username, token: Some(token) } => {
                self.store.set_token(&username, Some(token.expose()));
                self.token = Some(token.into_inner());
            }
            Event::TokenChanged { username, token: None } => self.token_is_dead(&username),
            Event::LoggedIn => self.logged_in(ctx),
            Event::LoggedOut { reason } => self.logged_out(ctx, reason),
            Event::MessageReceived { .. } => {}
        }
    }

    fn logged_in(&mut self, ctx: &Context<Self>) {
        let Some(account) = self.session.state().account.clone() else { return };
        let is_new = self.account.is_none();
        self.tell_day();
        self.store.set_account(&account.username);
        self.put_out = None;
        if is_new {
            self.sign = self.store.sign(&account.username);
        }
        self.account = Some(account.clone());
        if is_new {
            self.furnish(&account.username);
        }
        if self.route == Route::List
            && surroundings::is_wide()
            && let Some(chat) = self.store.last_chat(&account.username)
        {
            let route = Route::Chat(chat);
            self.set_route(&route, true);
            self.enter(ctx, route);
        }
    }

    fn logged_out(&mut self, ctx: &Context<Self>, reason: Option<Rc<str>>) {
        let Some(account) = self.account.take() else {
            // a try to log in that failed: what answers it tells why
            self.log_in_error = reason.or(self.log_in_error.take());
            return;
        };
        if reason.is_some() && self.goes_on(ctx, &account) {
            return;
        }
        let kept = self.store.kept_sign(&account.username);
        if kept.is_some() && kept != self.sign {
            // the same person has logged in again in another tab since: what the browser keeps is of that log-in
            self.store.forget_tab();
        } else {
            self.store.set_dismissed_motd(&account.username, None);
            self.store.forget_account(&account.username);
        }
        self.log_in_error = reason;
        self.set_route(&Route::List, true);
        self.route = Route::List;
        self.start_anew();
    }

    /// Forgets everything of whoever was here before. Only a log-out may still be on its way, over the socket.
    pub(super) fn start_anew(&mut self) {
        self.session.renew(surroundings::config());
        self.asked.clear();
        self.dialog = None;
        self.drafts = super::Drafts::default();
        self.kept_outbox = Bytes::new();
        self.transfers.clear();
        self.errors = Rc::default();
        self.reading = super::Reading::default();
    }

    /// What was kept of this person, before the log-in.
    fn begin(&mut self, username: &str) {
        if let Some(presence) = self.store.presence(username) {
            self.session.set_initial_presence(presence);
        }
        self.asked_contacts = self.store.asked(username);
        self.session.remember_asked(self.asked_contacts.clone());
        self.drafts = self.store.drafts(username);
        let outbox = self.store.take_outbox(username);
        self.kept_outbox = outbox.clone();
        self.session.restore_outbox(outbox);
    }

    /// The rooms that this person was in, and the chat in the address.
    fn furnish(&mut self, username: &str) {
        let now = clock::now();
        for name in self.store.rooms(username) {
            self.session.act(now, Action::JoinRoom { name });
        }
        if let Some(chat) = self.route.chat().cloned() {
            self.reading = super::Reading::open(Some(chat.clone()));
            self.session.act(now, Action::OpenChat { chat });
        }
    }

    fn set_timer(&mut self, ctx: &Context<Self>) {
        let due = self.session.poll_timeout();
        if self.timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        self.timer = due.map(|at| {
            let pause = at.saturating_sub(clock::now()).min(3_600_000);
            let link = ctx.link().clone();
            let pause = u32::try_from(pause).unwrap_or(u32::MAX);
            (at, Timeout::new(pause, move || link.send_message(Msg::Timeout)))
        });
    }

    fn keep_outbox(&mut self) {
        let Some(account) = &self.account else { return };
        let outbox = self.session.outbox();
        if outbox != self.kept_outbox {
            self.store.set_outbox(&account.username, &outbox);
            self.kept_outbox = outbox;
        }
    }

    /// Draws in the next frame, together with what else comes until then.
    fn draw_soon(&mut self, ctx: &Context<Self>) {
        if self.frame_is_due {
            return;
        }
        self.frame_is_due = true;
        let link = ctx.link().clone();
        if surroundings::hidden() {
            // there are no frames now, but there are a title and an icon
            link.send_message(Msg::Frame);
        } else {
            self.frame = Some(request_animation_frame(move |_| link.send_message(Msg::Frame)));
        }
    }

    fn answered(&mut self, ctx: &Context<Self>, action: ActionId, result: Result<(), Rc<str>>) {
        if self.transfers.asked(action).is_some() {
            if let Err(words) = result {
                self.upload_refused(ctx, action, &words);
            }
            return;
        }
        let asked = self.asked.iter().position(|(asked, _)| *asked == action);
        match (asked.map(|at| self.asked.swap_remove(at).1), result) {
            (Some(Purpose::LogIn), Err(words)) => self.log_in_error = Some(words),
            (Some(Purpose::Dialog(then)), result) => {
                let Some(dialog) =
                    self.dialog.as_mut().filter(|dialog| dialog.busy == Some(action))
                else {
                    return;
                };
                dialog.busy = None;
                match result {
                    Ok(()) => {
                        self.dialog = None;
                        self.follow(ctx, then);
                    }
                    Err(words) => dialog.error = Some(words),
                }
            }
            (Some(Purpose::Act(then)), Ok(())) => self.follow(ctx, then),
            (Some(Purpose::Rooms), Err(words)) => match &mut self.dialog {
                Some(dialog) if dialog.kind == DialogKind::Rooms => dialog.error = Some(words),
                _ => {}
            },
            (Some(Purpose::Act(_)), Err(words)) => self.complain(words),
            (Some(Purpose::LogIn | Purpose::Rooms), Ok(())) | (None, _) => {}
        }
    }
}

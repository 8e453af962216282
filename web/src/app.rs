//! The app: bytes go into the session, its state goes to the components, what the person wants comes back as intents.
mod connection;
mod covers;
mod intents;
mod listeners;
mod pictures;
mod reading;
mod show;
mod surroundings;
mod tabs;
mod transfers;

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use gloo_events::EventListener;
use gloo_render::AnimationFrame;
use gloo_timers::callback::{Interval, Timeout};
use mig33_client::{
    Account, Action, ActionId, Chat, ChatId, History, Membership, Presence, Room, Session, State,
};
use yew::prelude::*;

use self::reading::Reading;
use self::transfers::Transfers;
use crate::clock;
use crate::intent::{DialogKind, Intent};
use crate::isolated::isolated;
use crate::keys::Command;
use crate::part::{Context, Part};
use crate::picture::{Picture, Unfit};
use crate::roster::{self, Drafts, Section};
use crate::route::Route;
use crate::socket::{Asking, Socket, SocketEvent};
use crate::storage::Store;
use crate::upload::UploadEvent;
use crate::view::notices::PageError;

/// What happens to the app.
pub(crate) enum Msg {
    /// The person wants something.
    Intent(Intent),
    /// Something happened on the socket of this generation.
    Socket(u32, SocketEvent),
    /// The session's time has come.
    Timeout,
    /// It is time to draw what has changed.
    Frame,
    /// The address has changed.
    Address,
    /// Another tab has changed what the browser keeps; the name and value of what it took away.
    Stored(Option<(String, String)>),
    /// The page came to the front, or the network back.
    Awake,
    /// The page got or lost the focus.
    Focus,
    /// A menu was opened or closed.
    Menu,
    /// A minute has passed.
    Minute,
    /// A key that no field took.
    Key(Command),
    /// A file was made fit to be sent, or is not.
    Fitted(u32, Result<Picture, Unfit>),
    /// The bytes of a picture were read.
    Read(u32, Option<Vec<u8>>),
    /// Something happened to an upload.
    Upload(u32, UploadEvent),
}

/// Why an action was asked for: who is told how it ended.
enum Purpose {
    /// The log-in view.
    LogIn,
    /// The dialog, which closes when it is done.
    Dialog(Then),
    /// Nobody, unless it fails.
    Act(Then),
    /// The list of rooms.
    Rooms,
}

/// What the page does once an action is done.
enum Then {
    Nothing,
    /// Shows the chat.
    Show(ChatId),
    /// Goes away from the chat that is no more.
    Leave(ChatId),
    /// Keeps the presence for the next log-in.
    Keep(Presence),
}

/// A dialog that is open.
struct OpenDialog {
    kind: DialogKind,
    error: Option<Rc<str>>,
    busy: Option<ActionId>,
}

/// Where the focus goes once everything is drawn.
enum Focus {
    Chat,
    Entry(ChatId),
}

/// The app.
pub(crate) struct App {
    session: Session,
    /// What is drawn: the session's state at the last frame.
    state: State,
    store: Store,
    socket: Option<Socket>,
    asking: Asking,
    generation: u32,
    timer: Option<(u64, Timeout)>,
    frame: Option<AnimationFrame>,
    frame_is_due: bool,
    /// Whose page it is, also before the connection is up.
    account: Option<Rc<Account>>,
    /// What logs the session in, as it was given to it or got by it last.
    token: Option<Bytes>,
    /// The last one that the server did not take.
    refused: Option<Bytes>,
    /// Whose page it was until their token was refused: a log-in in another tab brings them back.
    put_out: Option<Rc<str>>,
    /// What the account's tabs have in common until its person logs out in one of them.
    sign: Option<String>,
    log_in_error: Option<Rc<str>>,
    /// What was asked for and not answered yet.
    asked: Vec<(ActionId, Purpose)>,
    dialog: Option<OpenDialog>,
    route: Route,
    /// Whether the present step in the browser's history is that of a dialog, a menu or members that cover the page.
    on_cover: bool,
    /// Whether the step before in the browser's history is the list.
    came_from_list: bool,
    reading: Reading,
    /// Counts how often the log was asked to go to its end.
    jumps: u32,
    drafts: Drafts,
    sections: Rc<Vec<Section>>,
    joined: Rc<Vec<ChatId>>,
    /// Contacts who have not answered.
    asked_contacts: Vec<Rc<str>>,
    kept_outbox: Bytes,
    members_open: bool,
    transfers: Transfers,
    errors: Rc<Vec<PageError>>,
    next_error: u32,
    today: i64,
    focus: Option<Focus>,
    /// Whether leaving the page now would lose something.
    busy: Rc<Cell<bool>>,
    emit: Callback<Intent>,
    _listeners: Vec<EventListener>,
    _minute: Interval,
}

impl Part for App {
    type Message = Msg;
    type Props = ();

    fn create(ctx: &Context<Self>) -> Self {
        let store = Store::open(&page_name());
        let members_open = store.members_pane().unwrap_or_else(surroundings::is_very_wide);
        let link = ctx.link().clone();
        let busy = Rc::new(Cell::new(false));
        let mut app = Self {
            session: Session::new(surroundings::config()),
            state: State::default(),
            members_open: members_open && surroundings::is_wide(),
            store,
            socket: None,
            asking: Asking::default(),
            generation: 0,
            timer: None,
            frame: None,
            frame_is_due: false,
            account: None,
            token: None,
            refused: None,
            put_out: None,
            sign: None,
            log_in_error: None,
            asked: Vec::new(),
            dialog: None,
            route: surroundings::route(),
            on_cover: surroundings::is_on_cover(),
            came_from_list: false,
            reading: Reading::default(),
            jumps: 0,
            drafts: Drafts::default(),
            sections: Rc::default(),
            joined: Rc::default(),
            asked_contacts: Vec::new(),
            kept_outbox: Bytes::new(),
            transfers: Transfers::default(),
            errors: Rc::default(),
            next_error: 0,
            today: clock::day_of(clock::now()),
            focus: None,
            busy: Rc::clone(&busy),
            emit: ctx.link().callback(Msg::Intent),
            _listeners: listeners::listeners(ctx, busy),
            _minute: Interval::new(60_000, move || link.send_message(Msg::Minute)),
        };
        app.come_back(ctx);
        // nobody has pointed at anything yet: a touch screen would show where the focus is
        if app.account.is_some() && app.route != Route::List && !surroundings::is_touch() {
            app.focus = Some(Focus::Chat);
        }
        app.refresh(ctx);
        app
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        let draws = self.happen(ctx, msg);
        self.busy.set(self.transfers.any_running());
        draws
    }

    fn view(&self, _ctx: &Context<Self>) -> Html {
        self.show()
    }

    fn rendered(&mut self, _ctx: &Context<Self>, _first_render: bool) {
        match self.focus.take() {
            Some(_) if self.dialog.is_some() => {}
            Some(Focus::Chat) => surroundings::focus_chat(),
            Some(Focus::Entry(chat)) => surroundings::focus_entry(&chat),
            None => {}
        }
    }
}

impl App {
    /// Takes what happened; true when the page has to be drawn anew.
    fn happen(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Intent(intent) => self.wish(ctx, intent),
            Msg::Socket(generation, event) => {
                if generation == self.generation {
                    self.socket_event(ctx, event);
                }
                false
            }
            Msg::Timeout => {
                self.timer = None;
                self.session.handle_timeout(clock::now());
                self.pump(ctx);
                false
            }
            Msg::Frame => {
                self.frame_is_due = false;
                self.refresh(ctx);
                true
            }
            Msg::Address => {
                let route = surroundings::route();
                if route == self.route {
                    return self.uncover(ctx);
                }
                self.clear_covers();
                self.on_cover = surroundings::is_on_cover();
                self.came_from_list = self.route == Route::List;
                self.enter(ctx, route);
                true
            }
            Msg::Stored(gone) => {
                let draws = self.come_along(ctx) || self.leave_with_others(ctx);
                gone.is_some_and(|(name, text)| self.forget_draft(ctx, &name, &text)) || draws
            }
            Msg::Awake => {
                self.come_along(ctx);
                self.leave_with_others(ctx);
                self.session.reconnect_now(clock::now());
                self.pump(ctx);
                self.refresh(ctx);
                true
            }
            Msg::Focus => {
                self.refresh(ctx);
                true
            }
            Msg::Menu => {
                self.cover();
                self.refresh(ctx);
                true
            }
            Msg::Minute => {
                if clock::has_slept() {
                    // the connection may be dead, and no timer has noticed
                    self.session.reconnect_now(clock::now());
                    self.pump(ctx);
                }
                self.tell_day()
            }
            Msg::Key(command) => self.key(ctx, command),
            Msg::Fitted(id, fitted) => self.picture_fitted(ctx, id, fitted),
            Msg::Read(id, bytes) => self.picture_read(ctx, id, bytes),
            Msg::Upload(id, event) => self.upload_event(ctx, id, event),
        }
    }

    /// Finds out what day it is, by the server's clock; true where that has changed.
    fn tell_day(&mut self) -> bool {
        let today = clock::day_of(self.session.server_time(clock::now()));
        std::mem::replace(&mut self.today, today) != today
    }

    /// Takes what the session knows now, and what follows from it: what is read, the list, title and icon.
    fn refresh(&mut self, ctx: &Context<Self>) {
        self.state = self.session.state().clone();
        self.cover_by_members();
        if let Some(id) = self.route.chat()
            && let Some(chat) = self.state.chats.get(id)
            && let Some(up_to) = self.reading.follow(chat, self.state.listed, self.is_looking())
        {
            let chat = id.clone();
            self.session.act(clock::now(), Action::MarkRead { chat, up_to });
            self.pump(ctx);
            self.state = self.session.state().clone();
        }
        self.list();
        self.keep_asked();
        self.dismiss_known_motd();
        let unread = self.state.unread();
        let mut title = String::new();
        if self.account.is_some() && unread > 0 {
            title.push_str(&format!("({unread}) "));
        }
        if let Some(id) = self.route.chat().filter(|_| self.account.is_some()) {
            let name = self.state.chats.get(id).map_or(id.written(), |chat| &*chat.name);
            title.push_str(&isolated(name));
            title.push_str(" – ");
        }
        title.push_str("mig33");
        surroundings::set_title(&title, unread);
    }

    /// Lays out the list of chats, and keeps which rooms we are in.
    fn list(&mut self) {
        let sections = roster::sections(&self.state, &self.drafts, self.route.chat());
        if *self.sections != sections {
            self.sections = Rc::new(sections);
        }
        let mut names = Vec::new();
        let joined: Vec<ChatId> = self
            .state
            .chats
            .values()
            .filter(|chat| {
                let inside = |room: &Rc<Room>| {
                    matches!(room.membership, Membership::Inside | Membership::Joining)
                };
                chat.room.as_ref().is_some_and(inside)
            })
            .map(|chat| {
                names.push(chat.name.clone());
                chat.id.clone()
            })
            .collect();
        if *self.joined != joined {
            self.joined = Rc::new(joined);
            if let Some(account) = &self.account {
                self.store.set_rooms(&account.username, &names);
            }
        }
    }

    /// Keeps who has not answered, so that a yes is told also after a reload.
    fn keep_asked(&mut self) {
        let pending = self.state.contacts.values().filter(|contact| contact.pending);
        let asked: Vec<Rc<str>> = pending.map(|contact| contact.username.clone()).collect();
        // before the list has come nothing is known
        if let Some(account) = &self.account
            && self.state.contacts_listed
            && self.asked_contacts != asked
        {
            self.store.set_asked(&account.username, &asked);
            self.asked_contacts = asked;
        }
    }

    /// The message of the day comes with each log-in: once put away, it stays away until it says something else.
    fn dismiss_known_motd(&mut self) {
        let Some(account) = &self.account else { return };
        let Some(dismissed) = self.store.dismissed_motd(&account.username) else { return };
        let known: Vec<u32> = self
            .state
            .notices
            .iter()
            .filter(|notice| {
                notice.kind == mig33_client::NoticeKind::MessageOfTheDay
                    && *notice.text == *dismissed
            })
            .map(|notice| notice.id)
            .collect();
        for notice in known {
            self.session.act(clock::now(), Action::Dismiss { notice });
            self.state = self.session.state().clone();
        }
    }

    /// Shows a route that is in the address already.
    fn enter(&mut self, ctx: &Context<Self>, route: Route) {
        let before = std::mem::replace(&mut self.route, route);
        let Some(account) = &self.account else { return };
        let chat = self.route.chat().cloned();
        self.store.set_last_chat(&account.username, chat.as_ref());
        self.reading = Reading::open(chat.clone());
        self.focus = match (&chat, before) {
            (Some(_), _) => Some(Focus::Chat),
            (None, Route::Chat(before)) => Some(Focus::Entry(before)),
            (None, Route::List) => None,
        };
        let shows = chat.map_or(Action::CloseChat, |chat| Action::OpenChat { chat });
        self.session.act(clock::now(), shows);
        self.pump(ctx);
        self.refresh(ctx);
    }

    /// Goes somewhere, as a step that Back undoes.
    fn go(&mut self, ctx: &Context<Self>, route: Route) {
        if route != self.route {
            self.set_route(&route, self.on_cover);
            self.came_from_list = self.route == Route::List;
            self.enter(ctx, route);
        }
    }

    fn key(&mut self, ctx: &Context<Self>, command: Command) -> bool {
        let next = match command {
            Command::Step(steps) => roster::neighbour(&self.sections, self.route.chat(), steps),
            Command::StepUnread(steps) => {
                let unread = roster::unread_only(&self.sections, self.route.chat());
                roster::neighbour(&unread, self.route.chat(), steps)
            }
            Command::Escape => {
                self.jumps = self.jumps.wrapping_add(1);
                surroundings::focus_composer();
                return true;
            }
            Command::Compose | Command::Picture => None,
        };
        match next {
            Some(chat) => {
                self.go(ctx, Route::Chat(chat));
                true
            }
            None => false,
        }
    }

    /// The chat, also before the server has told of it.
    fn chat(&self, id: &ChatId) -> Rc<Chat> {
        self.state.chats.get(id).cloned().unwrap_or_else(|| {
            Rc::new(Chat {
                id: id.clone(),
                name: id.written().into(),
                messages: Rc::default(),
                unread: 0,
                read_at: None,
                history: History::Loading,
                active: 0,
                room: id
                    .is_room()
                    .then(|| Rc::new(Room { membership: Membership::Joining, ..Room::default() })),
            })
        })
    }

    fn complain(&mut self, text: Rc<str>) {
        if self.errors.iter().any(|error| error.text == text) {
            return;
        }
        self.next_error += 1;
        Rc::make_mut(&mut self.errors).push(PageError { id: self.next_error, text });
    }

    fn is_logging_in(&self) -> bool {
        self.asked.iter().any(|(_, purpose)| matches!(purpose, Purpose::LogIn))
    }
}

/// A name for this page's part of the storage.
fn page_name() -> String {
    format!("{:x}", u128::from_be_bytes((surroundings::config().random)()))
}

/// An account of which nothing but the name is known.
fn named(username: &str) -> Rc<Account> {
    Rc::new(Account {
        username: username.into(),
        presence: Presence::AVAILABLE,
        status_message: "".into(),
    })
}

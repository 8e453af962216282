//! The log of a chat: a window over its messages that stays where one reads.
mod place;

use std::cell::RefCell;
use std::rc::Rc;

use mig33_client::{Action, Chat, ChatId, Delivery, History, Membership, Message};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{ClipboardEvent, Element, ResizeObserver};
use yew::prelude::*;

use self::place::{Anchor, Shape, below, find_anchor, first_below, restore, row};
use crate::clock;
use crate::intent::Intent;
use crate::isolated::isolated;
use crate::part::{Context, Part, keyed};
use crate::timeline::{self, Row};
use crate::view::controls::{button, spinner};
use crate::view::icons::{Icon, icon};
use crate::view::message::{self, MessageRow};
use crate::window::Window;

/// Within so many pixels of the end, the log sticks to it.
const STICKS_WITHIN: f64 = 30.0;
/// The row of the unread divider.
const UNREAD: &str = "unread";
/// The divider stands so many pixels below the top of the log when the chat is opened, less where there are few.
const CONTEXT: f64 = 48.0;
/// So many pixels before an end of what is in the document, more is put in.
const AHEAD: f64 = 700.0;

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) chat: Rc<Chat>,
    /// The guid of the first unread message.
    pub(crate) unread_from: Option<Rc<str>>,
    /// Whether that is known by now.
    pub(crate) settled: bool,
    /// Whether the person looks at it.
    pub(crate) looking: bool,
    /// Days since 1970.
    pub(crate) today: i64,
    /// Counts how often it was asked to go to its end.
    pub(crate) jumps: u32,
    /// Whether there is a connection.
    pub(crate) online: bool,
    pub(crate) emit: Callback<Intent>,
}

pub(crate) enum Msg {
    Scrolled,
    Resized,
    /// The way to the divider has to be shown, or is not to be any more.
    Looked,
    ToEnd,
    ToUnread,
}

/// Made anew for each chat.
pub(crate) struct Log {
    node: NodeRef,
    window: Window,
    /// Whether the end is in sight and is to stay so.
    sticks: bool,
    /// Whether the next drawing is the first one of this chat, or goes to where the unread begins.
    opens: bool,
    /// Whether the place where the unread begins was in sight, or is above what is.
    divider: Divider,
    /// The newest message in sight, as it was told last.
    seen: Option<Rc<str>>,
    /// What is read, where the end is out of sight.
    place: Option<Anchor>,
    /// As it was when end or place were last brought into sight.
    shape: Shape,
    resizes: Option<(ResizeObserver, Closure<dyn FnMut()>)>,
}

/// Where the unread divider is, as the person knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Divider {
    /// There is none, or it is further down.
    Unmet,
    /// Above what is in sight, where the person has not been.
    Above,
    /// It was in sight.
    Met,
}

thread_local! {
    /// Where one was in chats that were left further up.
    static PLACES: RefCell<Vec<(ChatId, Window, Anchor)>> = RefCell::default();
}

impl Part for Log {
    type Message = Msg;
    type Props = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let Props { chat, unread_from, settled, .. } = ctx.props();
        let place = PLACES.with(|places| {
            let mut places = places.borrow_mut();
            let at = places.iter().position(|(of, ..)| *of == chat.id)?;
            Some(places.swap_remove(at))
        });
        let place = place.filter(|_| unread_from.is_none() && *settled);
        let mut log = Self {
            node: NodeRef::default(),
            window: Window::newest(&chat.messages),
            sticks: place.is_none(),
            opens: place.is_none(),
            divider: Divider::Unmet,
            seen: None,
            place: None,
            shape: Shape::default(),
            resizes: None,
        };
        if let Some((_, mut window, anchor)) = place {
            window.follow(&chat.messages, false);
            log.window = window;
            log.place = Some(anchor);
        } else {
            log.go_to_unread(ctx.props());
        }
        log
    }

    fn changed(&mut self, ctx: &Context<Self>, old: &Props) -> bool {
        let (messages, before) = (&ctx.props().chat.messages, &old.chat.messages);
        if ctx.props().unread_from != old.unread_from {
            self.divider = Divider::Unmet;
        }
        if ctx.props().jumps != old.jumps {
            self.window = Window::newest(messages);
            self.set_sticks(ctx, true);
            return true;
        }
        if messages == before && ctx.props().settled == old.settled {
            return true;
        }
        let said_something = messages.last().is_some_and(|last| {
            last.own
                && matches!(last.delivery, Delivery::Sending)
                && before.last().is_none_or(|before| before.guid != last.guid)
        });
        if said_something {
            self.set_sticks(ctx, true);
        }
        self.window.follow(messages, self.sticks);
        if ctx.props().settled && !old.settled && self.opens {
            self.go_to_unread(ctx.props());
        }
        true
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Scrolled => self.scrolled(ctx),
            Msg::Resized => {
                self.hold();
                self.look(ctx)
            }
            Msg::ToEnd => {
                self.window = Window::newest(&ctx.props().chat.messages);
                self.set_sticks(ctx, true);
                true
            }
            Msg::Looked => true,
            Msg::ToUnread => {
                self.opens = true;
                self.go_to_unread(ctx.props());
                true
            }
        }
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { chat, unread_from, today, emit, .. } = ctx.props();
        let name = if chat.id.is_room() {
            format!("Messages in {}", chat.name)
        } else {
            format!("Messages with {}", chat.name)
        };
        let shown = chat.messages.get(self.window.shown()).filter(|_| !waits(ctx.props()));
        let shown = shown.unwrap_or_default();
        let rows = timeline::rows(shown, unread_from.as_deref(), clock::day_of);
        let unseen = chat.unread;
        let jump = if unseen > 0 { format!("{unseen} new") } else { String::new() };
        let jump_name = if unseen > 0 {
            format!("Jump to {unseen} new")
        } else {
            "Jump to the newest".to_owned()
        };
        let copied = {
            let (chat, log) = (chat.clone(), self.node.clone());
            Callback::from(move |event: Event| copy(&event, &log, &chat))
        };
        html! {
            <div class="log-frame">
                if self.divider == Divider::Above {
                    <button type="button" class="jump above" onclick={ctx.link().callback(|_| Msg::ToUnread)}>
                        { icon(Icon::ArrowDown) }{ "Jump to unread" }
                    </button>
                }
                <div ref={self.node.clone()} class="log" role="log" aria-label={name} tabindex="0"
                    aria-busy={(chat.history == History::Loading && !is_outside(chat)).then_some("true")} oncopy={copied}
                    onscroll={ctx.link().callback(|_: Event| Msg::Scrolled)}>
                    <div class="log-rows">
                        <div key="top" class="log-top">{ self.top(ctx.props()) }</div>
                        { for rows.iter().map(|row| row_view(row, chat, *today, emit)) }
                    </div>
                </div>
                if !self.sticks {
                    <button type="button" class="jump" aria-label={jump_name} onclick={ctx.link().callback(|_| Msg::ToEnd)}>
                        { icon(Icon::ArrowDown) }{ jump }
                    </button>
                }
            </div>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, first_render: bool) {
        if first_render {
            self.observe(ctx);
        }
        if self.opens && ctx.props().settled {
            self.open(ctx);
        } else {
            self.hold();
        }
        self.ask_for_older(ctx);
        if self.look(ctx) {
            ctx.link().send_message(Msg::Looked);
        }
    }

    fn destroy(&mut self, ctx: &Context<Self>) {
        if let Some((observer, _)) = self.resizes.take() {
            observer.disconnect();
        }
        if let Some(anchor) = self.place.take() {
            let place = (ctx.props().chat.id.clone(), self.window.clone(), anchor);
            PLACES.with(|places| places.borrow_mut().push(place));
        }
    }
}

impl Log {
    /// The log was scrolled: by the person, or by the browser, since its shape is another one.
    fn scrolled(&mut self, ctx: &Context<Self>) -> bool {
        let Some(log) = self.element().filter(|_| !self.opens) else { return false };
        let shape = Shape::of(&log);
        // older messages put in or a picture that has come are no reason to stop who reads further up
        let same = if self.sticks { shape == self.shape } else { shape.is_as_large(self.shape) };
        if !same {
            self.hold();
            return false;
        }
        let below = below(&log);
        let sticks = below <= STICKS_WITHIN && self.window.at_end();
        let changed = sticks != self.sticks;
        if changed {
            self.set_sticks(ctx, sticks);
        }
        self.place = if sticks { None } else { find_anchor(&log) };
        let changed = self.look(ctx) || changed;
        if f64::from(log.scroll_top()) < AHEAD && !self.window.at_start() {
            self.window.older();
            return true;
        }
        if below < AHEAD && !self.window.at_end() {
            self.window.newer();
            return true;
        }
        self.ask_for_older(ctx);
        changed
    }

    fn set_sticks(&mut self, ctx: &Context<Self>, sticks: bool) {
        self.sticks = sticks;
        self.place = None;
        ctx.props().emit.emit(Intent::AtBottom(sticks));
    }

    /// Shows the messages around the divider, where there is one, at the next drawing.
    fn go_to_unread(&mut self, props: &Props) {
        let messages = &props.chat.messages;
        let is_first = |message: &Rc<Message>| Some(&message.guid) == props.unread_from.as_ref();
        self.window = match messages.iter().position(is_first) {
            Some(at) => Window::around(messages, at),
            None => Window::newest(messages),
        };
    }

    /// Brings the divider into sight, where there is one, or the end.
    fn open(&mut self, ctx: &Context<Self>) {
        self.opens = false;
        let Some(log) = self.element() else { return };
        let context = CONTEXT.min(f64::from(log.client_height()) / 10.0);
        let divider = Anchor { row: UNREAD.to_owned(), top: context };
        let found = restore(&log, &divider);
        self.set_sticks(ctx, !found || (below(&log) <= STICKS_WITHIN && self.window.at_end()));
        self.place = if self.sticks { None } else { find_anchor(&log) };
        self.hold();
    }

    /// Tells which message is the newest in sight, while there is something unread; true where the way to the divider
    /// has to be shown, or is not to be any more.
    fn look(&mut self, ctx: &Context<Self>) -> bool {
        let Props { chat, unread_from, settled, looking, emit, .. } = ctx.props();
        // it is not where it will be, or nowhere
        if self.opens || !settled {
            return false;
        }
        let Some(log) = self.element().filter(|log| log.client_height() > 0) else { return false };
        let Some(rows) = log.first_element_child().map(|rows| rows.children()) else {
            return false;
        };
        let frame = log.get_bounding_client_rect();
        let is_message = |row: &String| row != UNREAD && !row.starts_with("events ");
        let seen = (0..first_below(&rows, frame.bottom() + 1.0))
            .rev()
            .find_map(|at| rows.item(at)?.get_attribute("data-row").filter(is_message))
            .map(Rc::from);
        if chat.unread > 0 && seen.is_some() && seen != self.seen {
            self.seen.clone_from(&seen);
            emit.emit(Intent::Seen(seen));
        }
        if self.divider == Divider::Met {
            return false;
        }
        let is_first = |message: &Rc<Message>| Some(&message.guid) == unread_from.as_ref();
        let divider = match (row(&rows, UNREAD), chat.messages.iter().position(is_first)) {
            (Some(row), _) => match row.get_bounding_client_rect() {
                place if place.bottom() <= frame.top() => Divider::Above,
                place if place.top() < frame.bottom() && *looking => Divider::Met,
                _ => Divider::Unmet,
            },
            (None, Some(at)) if at < self.window.shown().start => Divider::Above,
            (None, _) => Divider::Unmet,
        };
        let before = std::mem::replace(&mut self.divider, divider);
        (before == Divider::Above) != (divider == Divider::Above)
    }

    fn ask_for_older(&self, ctx: &Context<Self>) {
        let Props { chat, online, emit, .. } = ctx.props();
        let Some(log) = self.element() else { return };
        let near = f64::from(log.scroll_top()) < AHEAD && self.window.at_start();
        if (near || waits(ctx.props()))
            && *online
            && chat.history == History::More
            && !chat.messages.is_empty()
        {
            emit.emit(Intent::Act(Action::LoadOlder { chat: chat.id.clone() }));
        }
    }

    fn element(&self) -> Option<Element> {
        self.node.cast::<Element>()
    }

    /// Brings into sight what was: the end, or what is read. Only the person lets go of it.
    fn hold(&mut self) {
        let Some(log) = self.element() else { return };
        if self.sticks {
            log.set_scroll_top(log.scroll_height());
        } else if let Some(place) = &self.place {
            restore(&log, place);
        }
        self.shape = Shape::of(&log);
    }

    /// The composer grows, the keyboard opens, the window changes: what was in sight stays there.
    fn observe(&mut self, ctx: &Context<Self>) {
        let link = ctx.link().clone();
        let resized = Closure::<dyn FnMut()>::new(move || link.send_message(Msg::Resized));
        let observer = ResizeObserver::new(resized.as_ref().unchecked_ref());
        if let (Ok(observer), Some(log)) = (observer, self.element()) {
            observer.observe(&log);
            if let Some(rows) = log.first_element_child() {
                observer.observe(&rows);
            }
            self.resizes = Some((observer, resized));
        }
    }

    fn top(&self, props: &Props) -> Html {
        let Props { chat, online, emit, .. } = props;
        if waits(props) {
            return loading();
        }
        let empty = chat.messages.is_empty();
        let hint = match (chat.history, empty) {
            _ if is_outside(chat) && empty => "Join the room to see its messages.".to_owned(),
            _ if is_outside(chat) => return Html::default(),
            (History::More | History::Loading, true) if !*online => "Connecting…".to_owned(),
            (History::Loading, _) | (History::More, true) => return loading(),
            (History::Failed, _) => {
                let chat = chat.id.clone();
                let again =
                    emit.reform(move |_| Intent::Act(Action::LoadOlder { chat: chat.clone() }));
                return html! {
                    <p class="hint">{ "The messages could not be loaded. " }{ button("link-button", "Try again", again) }</p>
                };
            }
            (History::Complete | History::Unkept, true) if chat.id.is_room() => {
                "No messages yet. Be the first.".to_owned()
            }
            (History::Complete | History::Unkept, true) => {
                format!("No messages yet. Say hello to {}.", isolated(&chat.name))
            }
            (History::Complete, false) if self.window.at_start() => {
                let with = if chat.id.is_room() { "" } else { "your chat with " };
                format!("This is the beginning of {with}{}.", isolated(&chat.name))
            }
            (History::Complete | History::More | History::Unkept, false) => return Html::default(),
        };
        html! { <p class="hint">{ hint }</p> }
    }
}

/// Whether it is a room's that we are not in: nothing more is coming.
fn is_outside(chat: &Chat) -> bool {
    let membership = chat.room.as_ref().map(|room| &room.membership);
    matches!(membership, Some(Membership::Outside | Membership::Refused(_)))
}

/// Whether the messages stay away until those are there of which the unread ones begin.
fn waits(props: &Props) -> bool {
    props.online && !props.settled && props.chat.unread > 0
}

/// What is copied of several messages says who wrote them, and when.
fn copy(event: &Event, log: &NodeRef, chat: &Chat) {
    let data = event.dyn_ref::<ClipboardEvent>().and_then(ClipboardEvent::clipboard_data);
    let selection = web_sys::window().and_then(|window| window.get_selection().ok().flatten());
    let rows = log.cast::<Element>().and_then(|log| log.first_element_child());
    let (Some(data), Some(selection), Some(rows)) = (data, selection, rows) else { return };
    let rows = rows.children();
    let is_chosen = |row: &Element| {
        selection.contains_node_with_allow_partial_containment(row, true).unwrap_or(false)
    };
    let chosen: Vec<String> = (0..rows.length())
        .filter_map(|at| rows.item(at).filter(is_chosen)?.get_attribute("data-row"))
        .collect();
    let messages = chat
        .messages
        .iter()
        .filter(|message| !message.is_line() && chosen.iter().any(|row| **row == *message.guid));
    let lines: Vec<String> =
        messages.map(|message| timeline::line(message, &clock::stamp(message.time))).collect();
    if lines.len() > 1 && data.set_data("text/plain", &lines.join("\n")).is_ok() {
        event.prevent_default();
    }
}

fn loading() -> Html {
    html! { <p class="hint">{ spinner() }{ "Loading messages…" }</p> }
}

fn row_view(row: &Row, chat: &Chat, today: i64, emit: &Callback<Intent>) -> Html {
    let key = row.key();
    match row {
        Row::Day { day, .. } => html! {
            <div {key} class="day"><span>{ clock::day(*day, today) }</span></div>
        },
        Row::Unread => {
            html! { <div data-row={UNREAD} {key} class="unread-line"><span>{ "New" }</span></div> }
        }
        Row::Message { message, opens, closes } => {
            let row = AttrValue::from(key.clone());
            let (chat, message, emit) = (chat.id.clone(), message.clone(), emit.clone());
            let (opens, closes) = (*opens, *closes);
            keyed::<MessageRow>(key, message::Props { chat, message, opens, closes, row, emit })
        }
        Row::Events(events) => {
            let summary = timeline::summary(events);
            if events.len() <= 2 {
                return html! { <p class="notice" data-row={key.clone()} key={key.clone()}>{ summary }</p> };
            }
            let lines = events.iter().map(|event| {
                let line = timeline::summary(std::slice::from_ref(event));
                html! { <li key={event.guid.to_string()}>{ line }{ " · " }<time>{ clock::time(event.time) }</time></li> }
            });
            html! {
                <details class="notice" data-row={key.clone()} key={key.clone()}><summary>{ summary }</summary><ul>{ for lines }</ul></details>
            }
        }
    }
}

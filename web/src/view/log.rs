//! The log of a chat: a window over its messages that stays where one reads.
use std::cell::RefCell;
use std::rc::Rc;

use mig33_client::{Action, Chat, ChatId, Delivery, History, Membership, Message};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, HtmlElement, ResizeObserver};
use yew::prelude::*;

use crate::clock;
use crate::intent::Intent;
use crate::part::{Context, Part, keyed};
use crate::timeline::{self, Row};
use crate::view::controls::{button, spinner};
use crate::view::icons::{Icon, icon};
use crate::view::message::{self, MessageRow};
use crate::window::Window;

/// Within so many pixels of the end, the log sticks to it.
const STICKS_WITHIN: f64 = 30.0;
/// So many pixels before an end of what is in the document, more is put in.
const AHEAD: f64 = 700.0;

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) chat: Rc<Chat>,
    /// The guid of the first unread message.
    pub(crate) unread_from: Option<Rc<str>>,
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
    ToEnd,
}

/// Made anew for each chat.
pub(crate) struct Log {
    node: NodeRef,
    window: Window,
    /// Whether the end is in sight and is to stay so.
    sticks: bool,
    /// The newest message when the end went out of sight.
    seen: Option<Rc<str>>,
    anchor: Option<Anchor>,
    resizes: Option<(ResizeObserver, Closure<dyn FnMut()>)>,
}

/// A row and where it is in sight: what one reads, and must not move.
#[derive(Clone)]
struct Anchor {
    row: String,
    /// Pixels from the top of the log to the top of the row.
    top: f64,
}

thread_local! {
    /// Where one was in chats that were left further up.
    static PLACES: RefCell<Vec<(ChatId, Window, Anchor)>> = RefCell::default();
}

impl Part for Log {
    type Message = Msg;
    type Props = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let Props { chat, unread_from, .. } = ctx.props();
        let place = PLACES.with(|places| {
            let mut places = places.borrow_mut();
            let at = places.iter().position(|(of, ..)| *of == chat.id)?;
            Some(places.swap_remove(at))
        });
        let place = place.filter(|_| unread_from.is_none());
        let mut log = Self {
            node: NodeRef::default(),
            window: Window::newest(&chat.messages),
            sticks: place.is_none(),
            seen: None,
            anchor: None,
            resizes: None,
        };
        if let Some((_, mut window, anchor)) = place {
            window.follow(&chat.messages, false);
            log.window = window;
            log.anchor = Some(anchor);
            log.seen = newest(&chat.messages);
        }
        log
    }

    fn changed(&mut self, ctx: &Context<Self>, old: &Props) -> bool {
        let (messages, before) = (&ctx.props().chat.messages, &old.chat.messages);
        if ctx.props().jumps != old.jumps {
            self.window = Window::newest(messages);
            self.set_sticks(ctx, true);
            return true;
        }
        if messages == before {
            self.keep_place();
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
        self.keep_place();
        self.window.follow(messages, self.sticks);
        true
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Scrolled => self.scrolled(ctx),
            Msg::Resized => {
                if self.sticks {
                    self.to_end();
                }
                false
            }
            Msg::ToEnd => {
                self.window = Window::newest(&ctx.props().chat.messages);
                self.set_sticks(ctx, true);
                true
            }
        }
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { chat, unread_from, today, online, emit, .. } = ctx.props();
        let name = if chat.id.is_room() {
            format!("Messages in {}", chat.name)
        } else {
            format!("Messages with {}", chat.name)
        };
        let shown = chat.messages.get(self.window.shown()).unwrap_or_default();
        let rows = timeline::rows(shown, unread_from.as_deref(), clock::day_of);
        let unseen = match &self.seen {
            Some(seen) if !self.sticks => timeline::others_after(&chat.messages, seen),
            _ => 0,
        };
        let jump = if unseen > 0 { format!("{unseen} new") } else { String::new() };
        let jump_name = if unseen > 0 {
            format!("Jump to {unseen} new")
        } else {
            "Jump to the newest".to_owned()
        };
        html! {
            <div class="log-frame">
                <div ref={self.node.clone()} class="log" role="log" aria-label={name} tabindex="0"
                    aria-busy={(chat.history == History::Loading && !is_outside(chat)).then_some("true")}
                    onscroll={ctx.link().callback(|_: Event| Msg::Scrolled)}>
                    <div class="log-rows">
                        <div key="top" class="log-top">{ self.top(chat, *online, emit) }</div>
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
            ctx.props().emit.emit(Intent::AtBottom(self.sticks));
        }
        if self.sticks {
            self.anchor = None;
            self.to_end();
        } else if let Some(anchor) = self.anchor.take() {
            self.restore(&anchor);
        }
        self.ask_for_older(ctx);
    }

    fn destroy(&mut self, ctx: &Context<Self>) {
        if let Some((observer, _)) = self.resizes.take() {
            observer.disconnect();
        }
        let anchor = if self.sticks { None } else { self.find_anchor() };
        if let Some(anchor) = anchor {
            let place = (ctx.props().chat.id.clone(), self.window.clone(), anchor);
            PLACES.with(|places| places.borrow_mut().push(place));
        }
    }
}

impl Log {
    fn scrolled(&mut self, ctx: &Context<Self>) -> bool {
        let Some(log) = self.element() else { return false };
        let below =
            f64::from(log.scroll_height() - log.client_height()) - f64::from(log.scroll_top());
        let sticks = below <= STICKS_WITHIN && self.window.at_end();
        let changed = sticks != self.sticks;
        if changed {
            self.set_sticks(ctx, sticks);
        }
        if f64::from(log.scroll_top()) < AHEAD && !self.window.at_start() {
            self.keep_place();
            self.window.older();
            return true;
        }
        if below < AHEAD && !self.window.at_end() {
            self.keep_place();
            self.window.newer();
            return true;
        }
        self.ask_for_older(ctx);
        if changed {
            self.keep_place();
        }
        changed
    }

    fn set_sticks(&mut self, ctx: &Context<Self>, sticks: bool) {
        self.sticks = sticks;
        self.seen = if sticks { None } else { newest(&ctx.props().chat.messages) };
        ctx.props().emit.emit(Intent::AtBottom(sticks));
    }

    fn ask_for_older(&self, ctx: &Context<Self>) {
        let Props { chat, online, emit, .. } = ctx.props();
        let Some(log) = self.element() else { return };
        let near = f64::from(log.scroll_top()) < AHEAD && self.window.at_start();
        if near && *online && chat.history == History::More && !chat.messages.is_empty() {
            emit.emit(Intent::Act(Action::LoadOlder { chat: chat.id.clone() }));
        }
    }

    fn element(&self) -> Option<Element> {
        self.node.cast::<Element>()
    }

    fn to_end(&self) {
        if let Some(log) = self.element() {
            log.set_scroll_top(log.scroll_height());
        }
    }

    /// Remembers where the first row in sight is, before the rows change.
    fn keep_place(&mut self) {
        self.anchor = if self.sticks { None } else { self.find_anchor() };
    }

    fn find_anchor(&self) -> Option<Anchor> {
        let log = self.element()?;
        let top = log.get_bounding_client_rect().top();
        rows_of(&log).find_map(|row| {
            let place = row.get_bounding_client_rect();
            let key = row.get_attribute("data-row")?;
            (place.bottom() > top).then(|| Anchor { row: key, top: place.top() - top })
        })
    }

    fn restore(&self, anchor: &Anchor) {
        let Some(log) = self.element() else { return };
        let top = log.get_bounding_client_rect().top();
        let row =
            rows_of(&log).find(|row| row.get_attribute("data-row").as_deref() == Some(&anchor.row));
        let Some(row) = row else { return };
        let moved = row.get_bounding_client_rect().top() - top - anchor.top;
        if moved.abs() >= 1.0 {
            #[expect(clippy::cast_possible_truncation, reason = "pixels of a page")]
            log.set_scroll_top(log.scroll_top() + moved.round() as i32);
        }
    }

    /// The composer grows, the keyboard opens, the window changes: the end stays in sight.
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

    fn top(&self, chat: &Chat, online: bool, emit: &Callback<Intent>) -> Html {
        let empty = chat.messages.is_empty();
        let hint = match (chat.history, empty) {
            _ if is_outside(chat) && empty => {
                "What is said in a room is for who is in it.".to_owned()
            }
            _ if is_outside(chat) => return Html::default(),
            (History::More | History::Loading, true) if !online => "Connecting…".to_owned(),
            (History::Loading, _) | (History::More, true) => {
                return html! { <p class="hint">{ spinner() }{ "Loading messages…" }</p> };
            }
            (History::Failed, _) => {
                let chat = chat.id.clone();
                let again =
                    emit.reform(move |_| Intent::Act(Action::LoadOlder { chat: chat.clone() }));
                return html! {
                    <p class="hint">{ "The messages could not be loaded. " }{ button("link-button", "Try again", again) }</p>
                };
            }
            (History::Complete | History::Unkept, true) if chat.id.is_room() => {
                "Nothing was said here yet. Be the first.".to_owned()
            }
            (History::Complete | History::Unkept, true) => {
                format!("Nothing was said yet. Say hello to {}.", chat.name)
            }
            (History::Complete, false) if self.window.at_start() => {
                "This is where it began.".to_owned()
            }
            (History::Complete | History::More | History::Unkept, false) => return Html::default(),
        };
        html! { <p class="hint">{ hint }</p> }
    }
}

fn rows_of(log: &Element) -> impl Iterator<Item = HtmlElement> + use<> {
    let rows = log.first_element_child().map(|rows| rows.children());
    let length = rows.as_ref().map_or(0, web_sys::HtmlCollection::length);
    (0..length).filter_map(move |index| rows.as_ref()?.item(index)?.dyn_into().ok())
}

/// Whether it is a room's that we are not in: nothing more is coming.
fn is_outside(chat: &Chat) -> bool {
    let membership = chat.room.as_ref().map(|room| &room.membership);
    matches!(membership, Some(Membership::Outside | Membership::Refused(_)))
}

fn newest(messages: &[Rc<Message>]) -> Option<Rc<str>> {
    messages.last().map(|message| message.guid.clone())
}

fn row_view(row: &Row, chat: &Chat, today: i64, emit: &Callback<Intent>) -> Html {
    let key = row.key();
    match row {
        Row::Day { day, .. } => html! {
            <div {key} class="day"><span>{ clock::day(*day, today) }</span></div>
        },
        Row::Unread => html! { <div {key} class="unread-line"><span>{ "New" }</span></div> },
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

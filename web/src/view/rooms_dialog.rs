//! Finds rooms, enters them, makes new ones.
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use mig33_client::{Action, ChatId, Directory, RoomEntry};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::intent::Intent;
use crate::isolated::isolated;
use crate::part::{Context, Part, part};
use crate::route::Route;
use crate::view::avatar;
use crate::view::controls::{button, button_with, error_line, field, spinner};
use crate::view::dialog::{self, Dialog};
use crate::view::form::filled;
use crate::view::icons::{Icon, icon};

/// Milliseconds after the last key before it is searched.
const PAUSE: u32 = 250;

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) directory: Rc<Directory>,
    /// Rooms that we are in.
    pub(crate) joined: Rc<Vec<ChatId>>,
    /// Why the last try was refused.
    pub(crate) error: Option<Rc<str>>,
    /// Whether a try is under way.
    pub(crate) busy: bool,
    /// Whether there is a connection.
    pub(crate) online: bool,
    /// Whether the server lists rooms, and whether it makes them.
    pub(crate) lists: bool,
    pub(crate) makes: bool,
    pub(crate) emit: Callback<Intent>,
}

pub(crate) enum Msg {
    Typed(String),
    Search,
    More,
    Create { name: String, description: String },
}

pub(crate) struct RoomsDialog {
    search: String,
    pause: Option<Timeout>,
}

impl Part for RoomsDialog {
    type Message = Msg;
    type Props = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let dialog = Self { search: String::new(), pause: None };
        dialog.ask(ctx, 1);
        dialog
    }

    fn changed(&mut self, ctx: &Context<Self>, old: &Props) -> bool {
        if ctx.props().online && !old.online {
            self.ask(ctx, 1);
        }
        true
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Typed(text) => {
                self.search = text;
                let link = ctx.link().clone();
                self.pause = Some(Timeout::new(PAUSE, move || link.send_message(Msg::Search)));
            }
            Msg::Search => self.ask(ctx, 1),
            Msg::More => self.ask(ctx, ctx.props().directory.page.saturating_add(1)),
            Msg::Create { name, description } => {
                if !name.is_empty() && !ctx.props().busy {
                    ctx.props().emit.emit(Intent::Ask(Action::CreateRoom { name, description }));
                }
            }
        }
        false
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let (link, props) = (ctx.link(), ctx.props());
        let Props { directory, joined, error, busy, emit, .. } = props;
        let on_search = link.callback(|event: InputEvent| {
            Msg::Typed(event.target_unchecked_into::<HtmlInputElement>().value())
        });
        let on_create = link.callback(|event: SubmitEvent| {
            let [name, description] =
                filled(&event, ["name", "description"]).map(|text| text.trim().to_owned());
            Msg::Create { name, description }
        });
        let more = directory.page < directory.pages;
        let children = html! {
                    <>
                        { error_line(error.as_deref()) }
                        if props.lists {
                        <label class="search">
                            { icon(Icon::Search) }
                            <input type="search" aria-label="Search rooms" placeholder="Search rooms" maxlength="30" autocomplete="off"
                                spellcheck="false" autofocus=true oninput={on_search} />
                        </label>
                        <div class="room-list" aria-busy={directory.loading.then_some("true")}>
                            <div>{ for directory.rooms.iter().map(|room| room_row(room, joined, emit)) }</div>
                            if directory.rooms.is_empty() {
                                <p class="hint">
                                    if !props.online { { "Not connected." } }
                                    else if directory.loading { { spinner() }{ "Loading rooms…" } }
                                    else if error.is_none() { { "No rooms found. Create one below." } }
                                </p>
                            } else if more {
                                { button("button wide", "Show more", link.callback(|_| Msg::More)) }
                            }
                        </div>
                        }
                        if props.makes {
                        <form class="new-room" onsubmit={on_create}>
                            <h3>{ "Create a room" }</h3>
                            { field("New room name", html! {
        <input name="name" required=true maxlength="30" autocomplete="off" />
        }) }
                            { field("Description (optional)", html! {
        <input name="description" maxlength="120" autocomplete="off" />
        }) }
                            <button type="submit" class="button primary" aria-disabled={busy.then_some("true")}>{ "Create room" }</button>
                        </form>
                        }
                    </>
                };
        let on_close = emit.reform(|()| Intent::Close);
        part::<Dialog>(dialog::Props { title: "Rooms".into(), class: "tall", on_close, children })
    }
}

impl RoomsDialog {
    fn ask(&self, ctx: &Context<Self>, page: u8) {
        if ctx.props().online {
            let search = self.search.trim().to_owned();
            ctx.props().emit.emit(Intent::Act(Action::SearchRooms { search, page }));
        }
    }
}

fn room_row(room: &RoomEntry, joined: &[ChatId], emit: &Callback<Intent>) -> Html {
    let chat = ChatId::room(&room.name);
    let inside = joined.contains(&chat);
    let full = room.participants >= room.capacity && room.capacity > 0;
    let (verb, on_click) = if inside {
        let chat = chat.clone();
        ("Open", emit.reform(move |_: MouseEvent| Intent::Show(Route::Chat(chat.clone()))))
    } else {
        let name = room.name.to_string();
        (
            "Join",
            emit.reform(move |_: MouseEvent| Intent::Ask(Action::JoinRoom { name: name.clone() })),
        )
    };
    html! {
        <div key={room.name.to_string()} class="room-row">
            { avatar::chat(&chat, None) }
            <div class="room-text">
                <p class="room-name">{ isolated(&room.name) }</p>
                if !room.description.is_empty() { <p class="room-description">{ isolated(&room.description) }</p> }
                <p class="room-count">{ format!("{} of {}", room.participants, room.capacity) }{ if full { " · full" } else { "" } }</p>
            </div>
            { button_with("button small", format!("{verb} {}", isolated(&room.name)).into(), html! { { verb } }, on_click) }
        </div>
    }
}

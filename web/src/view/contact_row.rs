//! A line of the list of chats.
use std::rc::Rc;

use yew::prelude::*;

use crate::clock;
use crate::isolated::isolated;
use crate::part::{Context, Part};
use crate::roster::{Entry, Preview, presence_words};
use crate::route::Route;
use crate::view::avatar;
use crate::view::class;

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) entry: Rc<Entry>,
    /// Whether its chat is open.
    pub(crate) open: bool,
    /// Days since 1970.
    pub(crate) today: i64,
}

pub(crate) struct ContactRow;

impl Part for ContactRow {
    type Message = ();
    type Props = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { entry, open, today } = ctx.props();
        let mut name = isolated(&entry.name);
        if entry.chat.is_room() {
            name.push_str(", room");
        } else if let Some(presence) = entry.presence {
            name.push_str(", ");
            name.push_str(presence_words(presence));
        }
        if entry.unread > 0 {
            name.push_str(&format!(", {} unread", entry.unread));
        }
        let count = if entry.unread > 99 { "99+".to_owned() } else { entry.unread.to_string() };
        let below = match &entry.preview {
            Preview::Nothing => {
                entry.presence.map(|presence| html! { { presence_words(presence) } })
            }
            Preview::Draft(text) => {
                Some(html! { <><span class="draft">{ "Draft: " }</span>{ isolated(text) }</> })
            }
            Preview::Said { author: Some(author), text } => Some(
                html! { <><span class="preview-author">{ isolated(author) }{ ": " }</span>{ isolated(text) }</> },
            ),
            Preview::Said { author: None, text } => Some(html! { { isolated(text) } }),
            Preview::Status(text) => Some(html! { <em>{ isolated(text) }</em> }),
        };
        html! {
            <a class={class("entry", &[("open", *open), ("unread", entry.unread > 0)])}
                href={Route::Chat(entry.chat.clone()).to_hash()} aria-label={name}
                aria-current={open.then_some("page")} draggable="false">
                { avatar::chat(&entry.chat, entry.presence) }
                <span class="entry-name">{ isolated(&entry.name) }</span>
                if entry.active > 0 { <time class="entry-time">{ clock::when(entry.active, *today) }</time> }
                <span class="entry-preview" dir="auto">{ for below }</span>
                if entry.unread > 0 { <span class="badge">{ count }</span> }
            </a>
        }
    }
}

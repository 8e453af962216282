//! One message of the log.
use std::rc::Rc;

use mig33_client::{Action, Body, ChatId, Delivery, Message};
use yew::prelude::*;

use crate::clock;
use crate::intent::Intent;
use crate::isolated::isolated;
use crate::links::{Piece, pieces, shown};
use crate::part::{Context, Part, part};
use crate::view::avatar;
use crate::view::class;
use crate::view::controls::button;
use crate::view::icons::{Icon, icon};
use crate::view::picture::{self, PictureBox};

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) chat: ChatId,
    pub(crate) message: Rc<Message>,
    /// Whether it is the first of a run.
    pub(crate) opens: bool,
    /// Whether it is the last of a run.
    pub(crate) closes: bool,
    /// The row's key in the log.
    pub(crate) row: AttrValue,
    pub(crate) emit: Callback<Intent>,
}

pub(crate) struct MessageRow;

impl Part for MessageRow {
    type Message = ();
    type Props = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { chat, message, opens, closes, row, emit } = ctx.props();
        let time = clock::time(message.time);
        let author = if message.own { "You" } else { &*message.author };
        let named = chat.is_room() && !message.own;
        let emote = matches!(message.body, Body::Emote(_));
        let failed = matches!(message.delivery, Delivery::Failed(_));
        let class = class(
            if message.own { "message own" } else { "message other" },
            &[
                ("opens", *opens),
                ("closes", *closes),
                ("emote", emote),
                ("failed", failed),
                ("named", named),
            ],
        );
        let meta = html! {
            <span class="meta">
                <time dir="auto" title={clock::moment(message.time)}>{ time.clone() }</time>
                if message.own && !failed { { state(&message.delivery) } }
            </span>
        };
        let content = match &message.body {
            Body::Text(text) => html! { <p class="text" dir="auto">{ words(text) }{ meta }</p> },
            Body::Emote(text) => html! {
                <p class="text" dir="auto"><b>{ isolated(&message.author) }</b>{ " " }{ words(text) }{ meta }</p>
            },
            Body::PictureAt(_) | Body::Picture { .. } => html! {
                <>
                    { part::<PictureBox>(picture::Props { body: message.body.clone(), alt: picture_name(message), emit: emit.clone() }) }
                    { meta }
                </>
            },
            Body::Other(_) | Body::Notice(_) | Body::Line(_) | Body::Joined | Body::Left => html! {
                <p class="text unknown">{ "A message that cannot be shown here" }{ meta }</p>
            },
        };
        html! {
            <article {class} aria-label={format!("{}, {time}", isolated(author))} data-row={row}>
                if named && !emote {
                    if *opens { { avatar::person(&message.author, None) } } else { <span class="avatar-gap"></span> }
                }
                <div class="bubble">
                    if named && *opens && !emote {
                        <div class={format!("author {}", avatar::tint(&message.author))} aria-hidden="true">{ isolated(&message.author) }</div>
                    }
                    { content }
                </div>
                if let Delivery::Failed(reason) = &message.delivery {
                    { failure(chat, message, reason, emit) }
                }
            </article>
        }
    }
}

/// A text with its links.
pub(crate) fn words(text: &str) -> Html {
    pieces(text)
        .into_iter()
        .map(|piece| match piece {
            Piece::Words(words) => html! { { words } },
            Piece::Link(address) => html! {
                <a href={address.clone()} target="_blank" rel="noopener noreferrer">{ shown(&address) }</a>
            },
        })
        .collect()
}

fn picture_name(message: &Message) -> AttrValue {
    if message.own {
        "Picture from you".into()
    } else {
        format!("Picture from {}", isolated(&message.author)).into()
    }
}

fn state(delivery: &Delivery) -> Html {
    let (class, picture, words) = match delivery {
        Delivery::Sending => ("state sending", Icon::Clock, "Sending"),
        Delivery::Sent => ("state sent", Icon::Check, "Sent"),
        Delivery::Received => ("state received", Icon::CheckTwice, "Delivered"),
        Delivery::Read => ("state read", Icon::Read, "Read"),
        Delivery::Failed(_) => return Html::default(),
    };
    html! {
        <span {class} title={words}>
            { icon(picture) }<span class="unseen">{ words }</span>
        </span>
    }
}

fn failure(chat: &ChatId, message: &Message, reason: &str, emit: &Callback<Intent>) -> Html {
    let act = |action: fn(ChatId, Rc<str>) -> Action| {
        let (chat, guid) = (chat.clone(), message.guid.clone());
        emit.reform(move |_: MouseEvent| Intent::Act(action(chat.clone(), guid.clone())))
    };
    html! {
        <div class="failure">
            <span class="failure-reason">{ reason }</span>
            { button("link-button state", "Not sent. Retry", act(|chat, guid| Action::Retry { chat, guid })) }
            { button("link-button", "Delete", act(|chat, guid| Action::Discard { chat, guid })) }
        </div>
    }
}

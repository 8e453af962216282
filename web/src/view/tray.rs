//! Pictures that are being sent, above the composer.
use std::rc::Rc;

use yew::prelude::*;

use crate::intent::Intent;
use crate::isolated::isolated;
use crate::view::controls::{button, icon_button};
use crate::view::icons::{Icon, icon};

/// A picture on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    /// For cancelling it.
    pub(crate) id: u32,
    /// Its name.
    pub(crate) name: Rc<str>,
    /// Where the browser has it, once it is known to be a picture.
    pub(crate) preview: Option<Rc<str>>,
    /// Whether it waits for the person's word.
    pub(crate) held: bool,
    /// How far it is.
    pub(crate) progress: Progress,
}

/// How far a picture is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Others are before it.
    Waiting,
    /// It is made fit, or waits for an address.
    Preparing,
    /// So many thousandths are sent.
    Sent(u32),
    /// It could not be sent.
    Failed {
        /// For the person.
        words: Rc<str>,
        /// Whether it may work another time.
        again: bool,
    },
}

/// The pictures of a chat.
pub(crate) fn tray(sending: &[Sending], emit: &Callback<Intent>) -> Html {
    let cards = sending.iter().map(|sending| {
        let id = sending.id;
        let drop = emit.reform(move |_: MouseEvent| Intent::DropPicture(id));
        let again = emit.reform(move |_: MouseEvent| Intent::RetryPicture(id));
        let (detail, drop_name) = match &sending.progress {
            Progress::Waiting if sending.held => (button("button primary", "Send picture", again), "Discard"),
            Progress::Waiting => (html! { <p class="tray-waits">{ "Waiting" }</p> }, "Cancel"),
            Progress::Preparing => (html! { <progress aria-label="Sending picture"></progress> }, "Cancel"),
            Progress::Sent(share) => {
                (html! { <progress aria-label="Sending picture" max="1000" value={share.to_string()}></progress> }, "Cancel")
            }
            Progress::Failed { words, again: can } => {
                let detail = html! {
                    <p class="tray-error" role="alert">
                        { &**words }{ " " }
                        if *can { { button("link-button", "Try again", again) } }
                    </p>
                };
                (detail, "Discard")
            }
        };
        let preview = match &sending.preview {
            Some(preview) => html! { <img class="tray-preview" src={preview.to_string()} alt="" /> },
            None => html! { <span class="tray-preview">{ icon(Icon::Picture) }</span> },
        };
        html! {
            <li key={id} class="tray-card">
                { preview }
                <div class="tray-detail"><p class="tray-name">{ isolated(&sending.name) }</p>{ detail }</div>
                { icon_button(format!("{drop_name} {}", isolated(&sending.name)), Icon::Close, drop) }
            </li>
        }
    });
    html! { <ul class="tray">{ for cards }</ul> }
}

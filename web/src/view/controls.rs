//! Pieces that stand in many places, written once: each tag of `html!` costs the page 300 bytes.
use yew::prelude::*;

use crate::view::icons::{Icon, icon};

/// A round button with a picture, and a name for who does not see it.
pub(crate) fn icon_button(
    name: impl Into<AttrValue>,
    picture: Icon,
    on_click: Callback<MouseEvent>,
) -> Html {
    button_with("icon-button", name.into(), icon(picture), on_click)
}

/// A button with words that say enough.
pub(crate) fn button(
    class: &'static str,
    words: &'static str,
    on_click: Callback<MouseEvent>,
) -> Html {
    html! { <button type="button" {class} onclick={on_click}>{ words }</button> }
}

/// A button whose name says more than what is seen of it.
pub(crate) fn button_with(
    class: &'static str,
    name: AttrValue,
    content: Html,
    on_click: Callback<MouseEvent>,
) -> Html {
    html! {
        <button type="button" {class} aria-label={name.clone()} title={name} onclick={on_click}>{ content }</button>
    }
}

/// What went wrong, where it was asked for.
pub(crate) fn error_line(error: Option<&str>) -> Html {
    html! {
        if let Some(error) = error {
            <p class="error" role="alert">{ icon(Icon::Warning) }<span>{ error }</span></p>
        }
    }
}

/// A field under its label.
pub(crate) fn field(label: &'static str, control: Html) -> Html {
    html! { <label class="field"><span>{ label }</span>{ control }</label> }
}

/// A sign that something is under way.
pub(crate) fn spinner() -> Html {
    html! { <span class="spinner" aria-hidden="true"></span> }
}

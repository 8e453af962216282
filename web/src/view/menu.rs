//! A button that opens a short list of things to do: the browser's own popover, which one leaves by Escape or a click
//! beside it, and which gives the focus back.
use yew::prelude::*;

use crate::intent::Intent;
use crate::view::icons::{Icon, icon};

/// The list's id; there is one menu at a time.
const ID: &str = "menu";

/// The button, and its items.
pub(crate) fn menu(name: &'static str, items: Html) -> Html {
    html! {
        // where a button takes no focus from the mouse, what is around it does
        <div class="menu" tabindex="-1">
            <button type="button" class="icon-button" popovertarget={ID} aria-label={name} title={name}>{ icon(Icon::More) }</button>
            <div id={ID} popover="auto" class="menu-list" role="group" aria-label={name}>{ items }</div>
        </div>
    }
}

/// An item that says an intent; `grave` where it takes something away.
pub(crate) fn item(
    name: &'static str,
    grave: bool,
    emit: &Callback<Intent>,
    intent: impl Fn() -> Intent + 'static,
) -> Html {
    html! {
        <button type="button" popovertarget={ID} popovertargetaction="hide" class={if grave { "menu-item grave" } else { "menu-item" }}
            onclick={emit.reform(move |_: MouseEvent| intent())}>{ name }</button>
    }
}

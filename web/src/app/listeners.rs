//! What the app hears of the browser's window: address, network, focus, keys, pastes.
use std::cell::Cell;
use std::rc::Rc;

use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, Element, KeyboardEvent, StorageEvent};

use super::{App, Msg, surroundings};
use crate::intent::Intent;
use crate::keys::{self, Command, Press};
use crate::part::Context;
use crate::route::Route;

/// What the app hears from window and document, besides what its components hear.
pub(super) fn listeners(ctx: &Context<App>, busy: Rc<Cell<bool>>) -> Vec<EventListener> {
    let (Some(window), Some(document)) = (surroundings::window(), surroundings::document()) else {
        return Vec::new();
    };
    let tell = |message: fn() -> Msg| {
        let link = ctx.link().clone();
        move |_: &web_sys::Event| link.send_message(message())
    };
    let stored = {
        let link = ctx.link().clone();
        move |event: &web_sys::Event| {
            let gone = event
                .dyn_ref::<StorageEvent>()
                .filter(|event| event.new_value().is_none())
                .and_then(|event| event.key().zip(event.old_value()));
            link.send_message(Msg::Stored(gone));
        }
    };
    let awake = {
        let link = ctx.link().clone();
        move |_: &web_sys::Event| {
            link.send_message(if surroundings::hidden() { Msg::Focus } else { Msg::Awake })
        }
    };
    let key = {
        let link = ctx.link().clone();
        move |event: &web_sys::Event| {
            let event: &KeyboardEvent = event.unchecked_ref();
            match command(event) {
                // at once: the key's character then goes where the focus is
                Some(Command::Compose) => surroundings::focus_composer(),
                Some(Command::Picture) => surroundings::pick_picture(),
                Some(command) => {
                    event.prevent_default();
                    link.send_message(Msg::Key(command));
                }
                None => {}
            }
        }
    };
    let paste = {
        let link = ctx.link().clone();
        move |event: &web_sys::Event| {
            let pictures = surroundings::pasted_pictures(event);
            if !pictures.is_empty()
                && let Route::Chat(chat) = surroundings::route()
            {
                event.prevent_default();
                link.send_message(Msg::Intent(Intent::ShowPictures(chat, pictures)));
            }
        }
    };
    // a file that is let go beside a chat would be opened in place of the page
    let drop = |event: &web_sys::Event| {
        let data = event.dyn_ref::<DragEvent>().and_then(DragEvent::data_transfer);
        if let Some(data) = data
            && !event.default_prevented()
            && data.types().includes(&"Files".into(), 0)
        {
            event.prevent_default();
            data.set_drop_effect("none");
        }
    };
    let leave = move |event: &web_sys::Event| {
        if busy.get() {
            // the browser asks whether the page may really go
            event.prevent_default();
        }
    };
    let active = EventListenerOptions::enable_prevent_default();
    // it does not bubble
    let captured = EventListenerOptions::run_in_capture_phase();
    vec![
        EventListener::new(&window, "hashchange", tell(|| Msg::Address)),
        EventListener::new(&window, "popstate", tell(|| Msg::Address)),
        EventListener::new(&window, "storage", stored),
        EventListener::new(&window, "online", tell(|| Msg::Awake)),
        EventListener::new(&window, "pageshow", tell(|| Msg::Awake)),
        EventListener::new(&document, "visibilitychange", awake),
        EventListener::new(&window, "focus", tell(|| Msg::Focus)),
        EventListener::new(&window, "blur", tell(|| Msg::Focus)),
        EventListener::new_with_options(&document, "toggle", captured, tell(|| Msg::Menu)),
        EventListener::new_with_options(&window, "beforeunload", active, leave),
        EventListener::new_with_options(&window, "keydown", active, key),
        EventListener::new_with_options(&document, "paste", active, paste),
        EventListener::new_with_options(&window, "dragover", active, drop),
        EventListener::new_with_options(&window, "drop", active, drop),
    ]
}

fn command(event: &KeyboardEvent) -> Option<Command> {
    if event.default_prevented() {
        return None;
    }
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let is = |selector: &str| {
        target.as_ref().is_some_and(|target| target.matches(selector).unwrap_or(false))
    };
    keys::command(Press {
        key: &event.key(),
        control: event.ctrl_key() || event.meta_key(),
        alt: event.alt_key(),
        shift: event.shift_key(),
        composing: event.is_composing() || event.key_code() == 229,
        in_field: is("input, textarea, select"),
        in_dialog: surroundings::dialog_is_open(),
    })
}

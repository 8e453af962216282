//! What is around the app in the browser: address, title, icon, focus.
use mig33_client::{ChatId, Config};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    ClipboardEvent, Document, Element, Event, EventInit, File, HtmlElement, HtmlInputElement,
    HtmlLinkElement, HtmlTextAreaElement, Window,
};

use crate::route::Route;
use crate::view::{chat, composer};

/// The browser's window.
pub(super) fn window() -> Option<Window> {
    web_sys::window()
}

/// The document in it.
pub(super) fn document() -> Option<Document> {
    window()?.document()
}

/// What the address shows.
pub(super) fn route() -> Route {
    Route::parse(&window().and_then(|window| window.location().hash().ok()).unwrap_or_default())
}

/// Puts a route into the address, as a step that Back undoes, or in place of the present one.
pub(super) fn set_route(route: &Route, replace: bool) {
    let Some(history) = window().and_then(|window| window.history().ok()) else { return };
    let address = route.to_hash();
    // fails where steps come too fast, and then the address is a little behind
    let _ = if replace {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
    } else {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address))
    };
}

/// Adds a step for what lies over the page, at the same address.
pub(super) fn push_cover() {
    if let Some(history) = window().and_then(|window| window.history().ok()) {
        let _ = history.push_state_with_url(&JsValue::TRUE, "", None);
    }
}

/// Whether the present step is one for what lies over the page.
pub(super) fn is_on_cover() -> bool {
    let state = window().and_then(|window| window.history().ok()?.state().ok());
    state.is_some_and(|state| state.is_truthy())
}

/// Goes one step back.
pub(super) fn go_back() {
    if let Some(history) = window().and_then(|window| window.history().ok()) {
        let _ = history.back();
    }
}

/// Whether the page is in front and has the focus.
pub(super) fn looking() -> bool {
    document().is_some_and(|document| !document.hidden() && document.has_focus().unwrap_or(true))
}

/// Whether nobody can see the page: then the browser draws no frames.
pub(super) fn hidden() -> bool {
    document().is_some_and(|document| document.hidden())
}

/// Whether list and chat are side by side.
pub(super) fn is_wide() -> bool {
    matches("(min-width: 720px)")
}

/// Whether members lie beside the chat and not over it.
pub(super) fn is_roomy() -> bool {
    matches("(min-width: 960px)")
}

/// Whether one points with a finger.
pub(super) fn is_touch() -> bool {
    matches("(pointer: coarse)")
}

/// Whether there is room for a third column.
pub(super) fn is_very_wide() -> bool {
    matches("(min-width: 1080px)")
}

/// Puts the focus where one writes; on a touch screen, where a keyboard would come up, on the chat's name.
pub(super) fn focus_chat() {
    let id = if is_touch() { chat::HEADING } else { composer::ID };
    let Some(document) = document() else { return };
    let target =
        document.get_element_by_id(id).or_else(|| document.get_element_by_id(chat::HEADING));
    focus(target);
}

/// Puts the focus on the composer.
pub(super) fn focus_composer() {
    focus(document().and_then(|document| document.get_element_by_id(composer::ID)));
}

/// Empties the composer, if this is what is in it: its text has gone out from another tab.
pub(super) fn clear_composer(text: &str) {
    let field = document().and_then(|document| document.get_element_by_id(composer::ID));
    if let Some(field) = field.and_then(|field| field.dyn_into::<HtmlTextAreaElement>().ok())
        && field.value() == text
    {
        field.set_value("");
        let bubbles = EventInit::new();
        bubbles.set_bubbles(true);
        if let Ok(event) = Event::new_with_event_init_dict("input", &bubbles) {
            let _ = field.dispatch_event(&event);
        }
    }
}

/// Puts the focus on a chat in the list.
pub(super) fn focus_entry(chat: &ChatId) {
    let address = Route::Chat(chat.clone()).to_hash();
    focus(document().and_then(|document| {
        // the same chat may be written in another case there
        document.query_selector(&format!("a[href=\"{address}\" i]")).ok().flatten()
    }));
}

/// Sets the window's title and icon for so many unread messages.
pub(super) fn set_title(title: &str, unread: u32) {
    let Some(document) = document() else { return };
    document.set_title(title);
    let icon = document.query_selector("link[rel~='icon']").ok().flatten();
    if let Some(icon) = icon.and_then(|icon| icon.dyn_into::<HtmlLinkElement>().ok()) {
        let drawn = drawn_icon(unread);
        if icon.href() != drawn {
            icon.set_href(&drawn);
        }
    }
}

/// What the server is told of this client.
pub(super) fn config() -> Config {
    let window = window();
    let random_source = window.as_ref().and_then(|window| window.crypto().ok());
    let random = move || {
        let mut bytes = [0; 16];
        let filled =
            random_source.as_ref().map(|source| source.get_random_values_with_u8_array(&mut bytes));
        if !matches!(filled, Some(Ok(_))) {
            // no browser that runs this page lacks it; ids then only have to differ
            for byte in &mut bytes {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "0 to 255"
                )]
                let random = (js_sys::Math::random() * 256.0) as u8;
                *byte = random;
            }
        }
        bytes
    };
    let mut config =
        Config::new(concat!("mig33-web/", env!("CARGO_PKG_VERSION")), Box::new(random));
    if let Some(window) = window {
        config.language = window.navigator().language().unwrap_or_default();
        let side = |side: Result<i32, JsValue>| {
            side.ok().and_then(|side| u32::try_from(side).ok()).unwrap_or(0)
        };
        if let Ok(screen) = window.screen() {
            config.screen = (side(screen.width()), side(screen.height()));
        }
    }
    config
}

/// Tells everybody who listens on the window.
pub(super) fn tell(name: &str) {
    if let (Some(window), Ok(event)) = (window(), Event::new(name)) {
        let _ = window.dispatch_event(&event);
    }
}

/// Whether a dialog or menu takes the keys.
pub(super) fn dialog_is_open() -> bool {
    let found = document().map(|document| document.query_selector("dialog[open]"));
    matches!(found, Some(Ok(Some(_)))) || menu().is_some()
}

/// The menu, where it is open. A browser without popovers does not know what is looked for, and has none open.
pub(super) fn menu() -> Option<HtmlElement> {
    document()?.query_selector(":popover-open").ok()??.dyn_into().ok()
}

/// Whether somebody is filling in a form here: it is looked at, and there is something in it.
pub(super) fn form_is_being_filled() -> bool {
    if !looking() {
        return false;
    }
    let Some(fields) = document().and_then(|page| page.query_selector_all("form input").ok())
    else {
        return false;
    };
    (0..fields.length())
        .filter_map(|at| fields.item(at)?.dyn_into::<HtmlInputElement>().ok())
        .any(|field| !field.value().is_empty())
}

/// Opens the composer's file picker.
pub(super) fn pick_picture() {
    let input = document()
        .and_then(|document| document.query_selector(".composer input[type=file]").ok().flatten());
    if let Some(input) = input.and_then(|input| input.dyn_into::<HtmlElement>().ok()) {
        input.click();
    }
}

/// The pictures in a paste, unless it is meant for a dialog or another field, or is a text that comes with a picture of
/// itself, as from an office program.
pub(super) fn pasted_pictures(event: &Event) -> Vec<File> {
    // where nothing can be said, no picture is taken either
    let composer = document().and_then(|document| document.get_element_by_id(composer::ID));
    let data = event.dyn_ref::<ClipboardEvent>().and_then(ClipboardEvent::clipboard_data);
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let elsewhere = target.is_some_and(|target| {
        target.id() != composer::ID && target.matches("input, textarea").unwrap_or(false)
    });
    match data {
        Some(data) if composer.is_some() && !elsewhere && !dialog_is_open() => {
            let text = data.get_data("text/plain").unwrap_or_default();
            if text.is_empty() { composer::pictures(&data).0 } else { Vec::new() }
        }
        Some(_) | None => Vec::new(),
    }
}

/// The icon, with a count where there is one.
fn drawn_icon(unread: u32) -> String {
    let badge = match unread {
        0 => String::new(),
        unread => {
            let text = if unread > 99 { "99".to_owned() } else { unread.to_string() };
            format!(
                "<circle cx='34' cy='34' r='14' fill='%23b3261e'/><text x='34' y='40' font-family='sans-serif' \
                 font-size='17' font-weight='bold' text-anchor='middle' fill='%23fff'>{text}</text>"
            )
        }
    };
    format!(
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48'>\
         <path fill='%23f47b20' d='M24 4C12.4 4 3 12.1 3 22.1c0 5.8 3.2 11 8.1 14.3L9 44l9-4.6c1.9.5 3.9.7 6 .7 \
         11.6 0 21-8.1 21-18S35.6 4 24 4Z'/><path fill='none' stroke='%23fff' stroke-width='4' \
         stroke-linecap='round' d='M13.5 22.5c1.5 5.5 5.6 8.5 10.5 8.5s9-3 10.5-8.5M17.5 \
         15.5h.01M30.5 15.5h.01'/>{badge}</svg>"
    )
}

fn matches(query: &str) -> bool {
    window()
        .and_then(|window| window.match_media(query).ok().flatten())
        .is_some_and(|list| list.matches())
}

fn focus(element: Option<Element>) {
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

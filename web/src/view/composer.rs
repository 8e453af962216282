//! Where one writes.
use std::rc::Rc;

use mig33_client::{ChatId, is_blank};
use wasm_bindgen::JsCast;
use web_sys::{DataTransfer, File, HtmlElement, HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

use crate::intent::Intent;
use crate::part::{Context, Part};
use crate::view::controls::icon_button;
use crate::view::icons::{Icon, icon};

/// The id that the app looks for to put the focus here.
pub(crate) const ID: &str = "composer";

/// A message is at most so many bytes of UTF-8 (spec/wire.md section 10).
const LONGEST: usize = 8 * 1024;
/// Grows to so many pixels, then scrolls.
const TALLEST: i32 = 160;

#[derive(PartialEq)]
pub(crate) struct Props {
    pub(crate) chat: ChatId,
    /// What it begins with; read once.
    pub(crate) draft: Option<Rc<str>>,
    pub(crate) emit: Callback<Intent>,
}

pub(crate) enum Msg {
    Typed,
    Send,
    Picked,
}

/// Made anew for each chat. The text lives in the browser's own field, so that nothing moves the cursor.
pub(crate) struct Composer {
    field: NodeRef,
    files: NodeRef,
    empty: bool,
}

impl Part for Composer {
    type Message = Msg;
    type Props = Props;

    fn create(ctx: &Context<Self>) -> Self {
        Self {
            field: NodeRef::default(),
            files: NodeRef::default(),
            empty: ctx.props().draft.is_none(),
        }
    }

    fn changed(&mut self, _ctx: &Context<Self>, _old: &Props) -> bool {
        false
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        let Props { chat, emit, .. } = ctx.props();
        match msg {
            Msg::Typed => {
                let Some(field) = self.field() else { return false };
                let text = field.value();
                fit(&field);
                let empty = is_blank(&text);
                let changed = empty != self.empty;
                self.empty = empty;
                emit.emit(Intent::Draft(chat.clone(), text));
                changed
            }
            Msg::Send => {
                let Some(field) = self.field() else { return false };
                let text = field.value();
                if is_blank(&text) {
                    emit.emit(Intent::SendShown(chat.clone()));
                    return false;
                }
                // the first line keeps its indentation
                let text = text.trim_end().trim_start_matches('\n').to_owned();
                if text.len() > LONGEST {
                    emit.emit(Intent::Complain(
                        "This message is too long. Send it in parts.".into(),
                    ));
                    return false;
                }
                field.set_value("");
                fit(&field);
                let _ = field.focus();
                self.empty = true;
                emit.emit(Intent::Send(chat.clone(), text));
                true
            }
            Msg::Picked => {
                let Some(input) = self.files.cast::<HtmlInputElement>() else { return false };
                let files = input.files().map(list).unwrap_or_default();
                // so that the same file can be picked again
                input.set_value("");
                if !files.is_empty() {
                    emit.emit(Intent::SendPictures(chat.clone(), files));
                }
                false
            }
        }
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let link = ctx.link();
        let files = self.files.clone();
        let pick = Callback::from(move |_: MouseEvent| {
            if let Some(input) = files.cast::<HtmlElement>() {
                input.click();
            }
        });
        let on_key = link.batch_callback(|event: KeyboardEvent| {
            // 229: the key belongs to an input method, also where `isComposing` is gone already
            let composing = event.is_composing() || event.key_code() == 229;
            let sends = event.key() == "Enter" && !event.shift_key() && !composing;
            sends.then(|| {
                event.prevent_default();
                Msg::Send
            })
        });
        html! {
            <form class="composer" onsubmit={link.callback(|event: SubmitEvent| { event.prevent_default(); Msg::Send })}>
                <input ref={self.files.clone()} type="file" accept="image/*" multiple=true hidden=true
                    onchange={link.callback(|_: Event| Msg::Picked)} />
                { icon_button("Send a picture", Icon::Picture, pick) }
                <textarea ref={self.field.clone()} id={ID} rows="1" aria-label="Message" placeholder="Message" dir="auto"
                    enterkeyhint="send" autocomplete="off"
                    oninput={link.callback(|_: InputEvent| Msg::Typed)} onkeydown={on_key} />
                <button type="submit" class="icon-button send" aria-label="Send" title="Send"
                    aria-disabled={self.empty.then_some("true")}>{ icon(Icon::Send) }</button>
            </form>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, first_render: bool) {
        if first_render && let (Some(field), Some(draft)) = (self.field(), &ctx.props().draft) {
            field.set_value(draft);
            fit(&field);
        }
    }
}

impl Composer {
    fn field(&self) -> Option<HtmlTextAreaElement> {
        self.field.cast()
    }
}

/// What is pasted or dropped: the files that may be pictures (their bytes tell), and what is said of the others.
pub(crate) fn pictures(data: &DataTransfer) -> (Vec<File>, Option<Rc<str>>) {
    let files = data.files().map(list).unwrap_or_default();
    let (mut pictures, mut names) = (files, String::new());
    pictures.retain(|file| {
        let kind = file.type_();
        let may_be = kind.is_empty() || kind.starts_with("image/");
        if !may_be {
            names.push_str(if names.is_empty() { "“" } else { ", “" });
            names.push_str(&file.name());
            names.push('”');
        }
        may_be
    });
    if names.is_empty() {
        return (pictures, None);
    }
    (pictures, Some(format!("Only pictures can be sent. Left out: {names}.").into()))
}

fn list(files: web_sys::FileList) -> Vec<File> {
    (0..files.length()).filter_map(|index| files.item(index)).collect()
}

/// Makes the field as high as its text. What is around it keeps its height while the text is measured: a log that grew
/// for that moment would be scrolled by the browser.
fn fit(field: &HtmlTextAreaElement) {
    let set = |element: &HtmlElement, name: &str, value: &str| {
        // setting a height does not fail
        let _ = element.style().set_property(name, value);
    };
    let around = field.parent_element().and_then(|around| around.dyn_into::<HtmlElement>().ok());
    if let Some(around) = &around {
        set(around, "height", &format!("{}px", around.offset_height()));
    }
    set(field, "height", "auto");
    let border = field.offset_height() - field.client_height();
    let height = (field.scroll_height() + border).min(TALLEST);
    set(field, "height", &format!("{height}px"));
    if let Some(around) = &around {
        set(around, "height", "");
    }
}

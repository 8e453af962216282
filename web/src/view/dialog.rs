//! A dialog over the page: the browser's own, which keeps the focus in and gives it back.
use wasm_bindgen::JsValue;
use web_sys::HtmlDialogElement;
use yew::prelude::*;

use crate::part::{Context, Part};
use crate::view::controls::icon_button;
use crate::view::icons::Icon;

#[derive(PartialEq)]
pub(crate) struct Props {
    /// Its name.
    pub(crate) title: AttrValue,
    /// How it looks, besides `dialog`.
    pub(crate) class: &'static str,
    /// It was closed by key, button or a click beside it.
    pub(crate) on_close: Callback<()>,
    pub(crate) children: Html,
}

pub(crate) struct Dialog {
    node: NodeRef,
}

impl Part for Dialog {
    type Message = ();
    type Props = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self { node: NodeRef::default() }
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let props = ctx.props();
        let on_close = &props.on_close;
        let node = self.node.clone();
        let on_click = {
            let on_close = on_close.clone();
            Callback::from(move |event: MouseEvent| {
                // the content fills the dialog: a click on the dialog itself is one beside it
                let target = event.target().map(JsValue::from);
                if target.is_some() && target == node.get().map(JsValue::from) {
                    on_close.emit(());
                }
            })
        };
        html! {
            <dialog ref={self.node.clone()} class={format!("dialog {}", props.class)} aria-label={props.title.clone()}
                onclose={on_close.reform(|_| ())} onclick={on_click}>
                <div class="dialog-content">
                    <header class="dialog-head">
                        <h2 class="dialog-title">{ &props.title }</h2>
                        { icon_button("Close", Icon::Close, on_close.reform(|_| ())) }
                    </header>
                    { props.children.clone() }
                </div>
            </dialog>
        }
    }

    fn rendered(&mut self, _ctx: &Context<Self>, first_render: bool) {
        if first_render && let Some(dialog) = self.node.cast::<HtmlDialogElement>() {
            // fails only where it is open already
            let _ = dialog.show_modal();
        }
    }

    fn destroy(&mut self, _ctx: &Context<Self>) {
        if let Some(dialog) = self.node.cast::<HtmlDialogElement>() {
            dialog.close();
        }
    }
}

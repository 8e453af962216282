//! A button that opens a short list of things to do.
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

use crate::intent::Intent;
use crate::view::icons::{Icon, icon};

/// One thing to do.
#[derive(Clone, PartialEq)]
pub(crate) struct Item {
    /// Its name.
    pub(crate) name: AttrValue,
    /// Does it.
    pub(crate) on_choose: Callback<()>,
    /// Whether it takes something away.
    pub(crate) grave: bool,
}

#[derive(PartialEq, Properties)]
pub(crate) struct Props {
    /// The button's name.
    pub(crate) name: AttrValue,
    pub(crate) items: Vec<Item>,
}

pub(crate) enum Msg {
    Open,
    Close { refocus: bool },
    Choose(usize),
    Move(Step),
}

pub(crate) enum Step {
    Next,
    Previous,
    First,
    Last,
}

pub(crate) struct Menu {
    button: NodeRef,
    list: NodeRef,
    open: bool,
    opened: bool,
}

impl Component for Menu {
    type Message = Msg;
    type Properties = Props;

    fn create(_ctx: &Context<Self>) -> Self {
        Self { button: NodeRef::default(), list: NodeRef::default(), open: false, opened: false }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Open => {
                self.open = true;
                self.opened = true;
                true
            }
            Msg::Close { refocus } => {
                let changed = self.open;
                self.open = false;
                if refocus {
                    self.focus_button();
                }
                changed
            }
            Msg::Choose(index) => {
                self.open = false;
                self.focus_button();
                if let Some(item) = ctx.props().items.get(index) {
                    item.on_choose.emit(());
                }
                true
            }
            Msg::Move(step) => {
                self.step(&step);
                false
            }
        }
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let (link, props) = (ctx.link(), ctx.props());
        let open = self.open;
        let toggle = link.callback(
            move |_: MouseEvent| if open { Msg::Close { refocus: true } } else { Msg::Open },
        );
        let on_key = link.batch_callback(|event: KeyboardEvent| {
            let msg = match event.key().as_str() {
                "Escape" => Msg::Close { refocus: true },
                "Tab" => return Some(Msg::Close { refocus: false }),
                "ArrowDown" => Msg::Move(Step::Next),
                "ArrowUp" => Msg::Move(Step::Previous),
                "Home" => Msg::Move(Step::First),
                "End" => Msg::Move(Step::Last),
                _ => return None,
            };
            event.prevent_default();
            Some(msg)
        });
        // the focus going elsewhere closes it
        let list = self.list.clone();
        let on_blur = link.batch_callback(move |event: FocusEvent| {
            let to = event.related_target().and_then(|to| to.dyn_into::<web_sys::Node>().ok());
            let inside = list.cast::<Element>().is_some_and(|list| list.contains(to.as_ref()));
            (!inside && to.is_some()).then_some(Msg::Close { refocus: false })
        });
        let items = props.items.iter().enumerate().map(|(index, item)| {
            html! {
                <button key={index} type="button" role="menuitem" tabindex="-1" class={if item.grave { "menu-item grave" } else { "menu-item" }}
                    onclick={link.callback(move |_: MouseEvent| Msg::Choose(index))}>{ &item.name }</button>
            }
        });
        html! {
            <div class="menu">
                <button ref={self.button.clone()} type="button" class="icon-button" aria-label={props.name.clone()} title={props.name.clone()}
                    aria-haspopup="menu" aria-expanded={if open { "true" } else { "false" }} onclick={toggle}>{ icon(Icon::More) }</button>
                if open {
                    <div class="menu-shade" onclick={link.callback(|_: MouseEvent| Msg::Close { refocus: true })}></div>
                    <div ref={self.list.clone()} class="menu-list" role="menu" aria-label={props.name.clone()} onkeydown={on_key} onfocusout={on_blur}>
                        { for items }
                    </div>
                }
            </div>
        }
    }

    fn rendered(&mut self, _ctx: &Context<Self>, _first_render: bool) {
        if std::mem::take(&mut self.opened) {
            self.step(&Step::First);
        }
    }
}

impl Menu {
    fn focus_button(&self) {
        if let Some(button) = self.button.cast::<HtmlElement>() {
            let _ = button.focus();
        }
    }

    fn step(&self, step: &Step) {
        let Some(list) = self.list.cast::<Element>() else { return };
        let focused = list.owner_document().and_then(|document| document.active_element());
        let to = match (step, focused.filter(|focused| list.contains(Some(focused)))) {
            (Step::Next, Some(item)) => {
                item.next_element_sibling().or_else(|| list.first_element_child())
            }
            (Step::Previous, Some(item)) => {
                item.previous_element_sibling().or_else(|| list.last_element_child())
            }
            (Step::First | Step::Next, _) => list.first_element_child(),
            (Step::Last | Step::Previous, _) => list.last_element_child(),
        };
        if let Some(item) = to.and_then(|to| to.dyn_into::<HtmlElement>().ok()) {
            let _ = item.focus();
        }
    }
}

/// An item that says an intent.
pub(crate) fn item(
    name: impl Into<AttrValue>,
    grave: bool,
    emit: &Callback<Intent>,
    intent: impl Fn() -> Intent + 'static,
) -> Item {
    Item { name: name.into(), grave, on_choose: emit.reform(move |()| intent()) }
}

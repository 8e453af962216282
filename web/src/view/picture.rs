//! A picture in the log: in a box of fixed shape, so that nothing moves when it comes. Its bytes say what it is; what they
//! do not show to be a picture of a bearable size, no browser gets to see (spec/wire.md section 4).
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use mig33_client::Body;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortController, Element, IntersectionObserver, IntersectionObserverEntry, RequestInit,
    Response,
};
use yew::prelude::*;

use crate::intent::{DialogKind, Intent};
use crate::links::{is_web, path_on};
use crate::part::{Context, Part};
use crate::picture::{ObjectUrl, buffer, typed_blob};
use crate::socket::CONNECTED;
use crate::view::controls::button;

/// What no browser gets to see.
const UNFIT: Source = Source::Nothing(" (cannot be shown here)");
/// A picture that could not be fetched is tried again so often after a while, the last time after two minutes.
const TRIES: u32 = 7;
/// Milliseconds until an answer has to begin, and from then on until it has to be whole.
const LONGEST: [u32; 2] = [30_000, 120_000];

#[derive(PartialEq)]
pub(crate) struct Props {
    /// A picture at an address or in the message.
    pub(crate) body: Body,
    /// What it is called.
    pub(crate) alt: AttrValue,
    pub(crate) emit: Callback<Intent>,
}

/// Owns the address of a picture in memory.
pub(crate) struct PictureBox {
    node: NodeRef,
    source: Source,
    /// Tries after a while: those that a network, a connection or the person begins do not count.
    tries: u32,
    /// Sees whether the box comes near to what is in sight.
    sight: Option<Sight>,
    again: Option<(Option<Timeout>, [EventListener; 2])>,
}

/// Dropped, it does not look any more.
struct Sight {
    observer: IntersectionObserver,
    _seen: Closure<dyn FnMut(js_sys::Array)>,
}

impl Drop for Sight {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

pub(crate) enum Source {
    /// On our own host, not fetched yet.
    Path(Rc<str>),
    /// Being fetched.
    Loading(Rc<str>),
    /// It could not be fetched now.
    Failed(Rc<str>),
    /// In memory, for as long as the box is there.
    Object(ObjectUrl),
    /// Somewhere else: the page loads nothing from there.
    Elsewhere(Rc<str>),
    /// Nothing that can be shown, and why.
    Nothing(&'static str),
}

pub(crate) enum Msg {
    /// It is in sight, or is to be tried again.
    Load,
    /// It has waited long enough to be tried again.
    LoadAgain,
    /// What came of it; nothing where it may work another time.
    Loaded(Option<Source>),
}

impl Part for PictureBox {
    type Message = Msg;
    type Props = Props;

    fn create(ctx: &Context<Self>) -> Self {
        let source = source(&ctx.props().body);
        Self { node: NodeRef::default(), source, tries: 0, sight: None, again: None }
    }

    fn changed(&mut self, ctx: &Context<Self>, old: &Props) -> bool {
        if ctx.props().body != old.body {
            *self = Self::create(ctx);
        }
        true
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Load | Msg::LoadAgain => {
                if matches!(msg, Msg::LoadAgain) {
                    self.tries += 1;
                }
                let (Source::Path(path) | Source::Failed(path)) = &self.source else {
                    return false;
                };
                let (path, link) = (Rc::clone(path), ctx.link().clone());
                self.source = Source::Loading(Rc::clone(&path));
                (self.sight, self.again) = (None, None);
                spawn_local(async move { link.send_message(Msg::Loaded(load(&path).await)) });
            }
            Msg::Loaded(loaded) => {
                let Source::Loading(path) = &self.source else { return false };
                match loaded {
                    Some(source) => self.source = source,
                    None => {
                        self.source = Source::Failed(Rc::clone(path));
                        self.try_again(ctx);
                    }
                }
            }
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { alt, emit, .. } = ctx.props();
        match &self.source {
            Source::Object(source) => {
                let view = {
                    let (source, name) = (Rc::clone(&source.0), Rc::from(&**alt));
                    emit.reform(move |_| {
                        let (source, name) = (source.clone(), Rc::clone(&name));
                        Intent::Open(DialogKind::Picture { source, name })
                    })
                };
                html! {
                    <button type="button" class="picture" onclick={view}>
                        <img src={source.0.to_string()} alt={alt.clone()} decoding="async" draggable="false" />
                    </button>
                }
            }
            Source::Path(_) | Source::Loading(_) | Source::Failed(_) => {
                let failed = matches!(self.source, Source::Failed(_));
                html! {
                    <div ref={self.node.clone()} class="picture" aria-busy={(!failed).then_some("true")}>
                        if failed {
                            <p>{ alt }{ " could not be loaded." }</p>
                            { button("link-button", "Try again", ctx.link().callback(|_| Msg::Load)) }
                        } else {
                            <span class="unseen">{ alt }</span>
                        }
                    </div>
                }
            }
            Source::Elsewhere(address) => html! {
                <p class="text"><a href={address.to_string()} target="_blank" rel="noopener noreferrer">{ alt }</a></p>
            },
            Source::Nothing(why) => html! { <p class="text unknown">{ alt }{ *why }</p> },
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, _first_render: bool) {
        if self.sight.is_none()
            && matches!(self.source, Source::Path(_))
            && let Some(node) = self.node.cast::<Element>()
        {
            self.wait_for_sight(ctx, &node);
        }
    }
}

impl PictureBox {
    fn wait_for_sight(&mut self, ctx: &Context<Self>, node: &Element) {
        let link = ctx.link().clone();
        let seen = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
            let is_near = entries
                .iter()
                .any(|entry| entry.unchecked_into::<IntersectionObserverEntry>().is_intersecting());
            if is_near {
                link.send_message(Msg::Load);
            }
        });
        if let Ok(observer) = IntersectionObserver::new(seen.as_ref().unchecked_ref()) {
            observer.observe(node);
            self.sight = Some(Sight { observer, _seen: seen });
        }
    }

    /// After a while, and as soon as there is a network or a connection again.
    fn try_again(&mut self, ctx: &Context<Self>) {
        let Some(window) = web_sys::window() else { return };
        let on = |name: &'static str| {
            let link = ctx.link().clone();
            EventListener::new(&window, name, move |_| link.send_message(Msg::Load))
        };
        let link = ctx.link().clone();
        let timer = (self.tries < TRIES)
            .then(|| Timeout::new(2000 << self.tries, move || link.send_message(Msg::LoadAgain)));
        self.again = Some((timer, [on("online"), on(CONNECTED)]));
    }
}

fn source(body: &Body) -> Source {
    match body {
        Body::PictureAt(address) => {
            let hostname = web_sys::window().and_then(|window| window.location().hostname().ok());
            match path_on(address, &hostname.unwrap_or_default()) {
                Some(path) => Source::Path(path.into()),
                None if is_web(address) => Source::Elsewhere(address.clone()),
                None => UNFIT,
            }
        }
        Body::Picture { bytes, .. } => shown(bytes),
        Body::Text(_)
        | Body::Emote(_)
        | Body::Other(_)
        | Body::Notice(_)
        | Body::Line(_)
        | Body::Joined
        | Body::Left => UNFIT,
    }
}

/// What is at an address; nothing where it may be there another time.
async fn load(path: &str) -> Option<Source> {
    let control = AbortController::new().ok()?;
    let init = RequestInit::new();
    init.set_signal(Some(&control.signal()));
    let limit = |pause| {
        let control = control.clone();
        // dropped, it aborts nothing
        Timeout::new(pause, move || control.abort())
    };
    let begins = limit(LONGEST[0]);
    let fetching = web_sys::window()?.fetch_with_str_and_init(path, &init);
    let response: Response = JsFuture::from(fetching).await.ok()?.unchecked_into();
    drop(begins);
    let _whole = limit(LONGEST[1]);
    match response.status() {
        404 | 410 => return Some(Source::Nothing(" (no longer there)")),
        200 => {}
        _ => return None,
    }
    Some(shown(&buffer(response.array_buffer().ok()?).await?))
}

/// A picture in memory: by its bytes, whatever anybody says of it.
fn shown(bytes: &[u8]) -> Source {
    let Ok(facts) = mig33_picture::check(bytes) else { return UNFIT };
    let url = typed_blob(bytes, facts.kind).and_then(|blob| ObjectUrl::of(&blob));
    url.map_or(UNFIT, Source::Object)
}

//! A picture in the log: in a box of fixed shape, so that nothing moves when it comes.
use std::rc::Rc;

use mig33_client::Body;
use wasm_bindgen::JsValue;
use web_sys::{Blob, BlobPropertyBag, Url};
use yew::prelude::*;

use crate::intent::{DialogKind, Intent};
use crate::links::{is_web, path_on};
use crate::part::{Context, Part};

#[derive(PartialEq)]
pub(crate) struct Props {
    /// A picture at an address or in the message.
    pub(crate) body: Body,
    /// What it is called.
    pub(crate) alt: AttrValue,
    pub(crate) emit: Callback<Intent>,
}

/// Owns the address of a picture that came in the message.
pub(crate) struct PictureBox {
    source: Source,
    broken: bool,
}

enum Source {
    /// On our own host.
    Path(Rc<str>),
    /// In memory, for as long as the box is there.
    Object(Rc<str>),
    /// Somewhere else: the page loads nothing from there.
    Elsewhere(Rc<str>),
    /// Nothing that can be shown.
    Nothing,
}

impl Part for PictureBox {
    type Message = ();
    type Props = Props;

    fn create(ctx: &Context<Self>) -> Self {
        Self { source: source(&ctx.props().body), broken: false }
    }

    fn changed(&mut self, ctx: &Context<Self>, old: &Props) -> bool {
        if ctx.props().body != old.body {
            self.forget();
            self.source = source(&ctx.props().body);
            self.broken = false;
        }
        true
    }

    fn update(&mut self, _ctx: &Context<Self>, _broken: ()) -> bool {
        self.broken = true;
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let Props { alt, emit, .. } = ctx.props();
        match &self.source {
            Source::Path(source) | Source::Object(source) if !self.broken => {
                let view = {
                    let (source, name) = (source.clone(), Rc::from(&**alt));
                    emit.reform(move |_| {
                        let (source, name) = (source.clone(), Rc::clone(&name));
                        Intent::Open(DialogKind::Picture { source, name })
                    })
                };
                html! {
                    <button type="button" class="picture" onclick={view}>
                        <img src={source.to_string()} alt={alt.clone()} loading="lazy" decoding="async"
                            draggable="false" onerror={ctx.link().callback(|_| ())} />
                    </button>
                }
            }
            Source::Elsewhere(address) => html! {
                <p class="text"><a href={address.to_string()} target="_blank" rel="noopener noreferrer">{ alt }</a></p>
            },
            Source::Path(_) | Source::Object(_) | Source::Nothing => html! {
                <p class="text unknown">{ alt }{ " (no longer there)" }</p>
            },
        }
    }

    fn destroy(&mut self, _ctx: &Context<Self>) {
        self.forget();
    }
}

impl PictureBox {
    fn forget(&self) {
        if let Source::Object(url) = &self.source {
            let _ = Url::revoke_object_url(url);
        }
    }
}

fn source(body: &Body) -> Source {
    match body {
        Body::PictureAt(address) => {
            let hostname = web_sys::window().and_then(|window| window.location().hostname().ok());
            match path_on(address, &hostname.unwrap_or_default()) {
                Some(path) => Source::Path(path.into()),
                None if is_web(address) => Source::Elsewhere(address.clone()),
                None => Source::Nothing,
            }
        }
        Body::Picture { mime_type, bytes, .. } if mime_type.starts_with("image/") => {
            object_url(mime_type, bytes).map_or(Source::Nothing, |url| Source::Object(url.into()))
        }
        Body::Picture { .. }
        | Body::Text(_)
        | Body::Emote(_)
        | Body::Other(_)
        | Body::Notice(_)
        | Body::Line(_)
        | Body::Joined
        | Body::Left => Source::Nothing,
    }
}

fn object_url(mime_type: &str, bytes: &[u8]) -> Result<String, JsValue> {
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
    let options = BlobPropertyBag::new();
    options.set_type(mime_type);
    Url::create_object_url_with_blob(&Blob::new_with_u8_array_sequence_and_options(
        &parts, &options,
    )?)
}

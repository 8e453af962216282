//! Sends a picture to an upload address, with progress; dropped, it stops.
use gloo_events::EventListener;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, ProgressEvent, XmlHttpRequest};
use yew::Callback;

/// What happened to an upload.
pub(crate) enum UploadEvent {
    /// So many thousandths are sent.
    Progress(u32),
    /// It is in.
    Done,
    /// The server has no place for it just now.
    Busy,
    /// It is not, and why; nothing where the network failed.
    Failed(Option<String>),
}

/// A running upload.
pub(crate) struct Upload {
    request: XmlHttpRequest,
    _listeners: [EventListener; 3],
}

impl Upload {
    /// PUTs the bytes.
    pub(crate) fn put(
        url: &str,
        blob: &Blob,
        on_event: &Callback<UploadEvent>,
    ) -> Result<Self, JsValue> {
        let request = XmlHttpRequest::new()?;
        request.open("PUT", url)?;
        let (progressed, failed, ended) = (on_event.clone(), on_event.clone(), on_event.clone());
        let answered = request.clone();
        let sending = request.upload()?;
        let listeners = [
            EventListener::new(&sending, "progress", move |event| {
                let event = event.unchecked_ref::<ProgressEvent>();
                if event.length_computable() && event.total() > 0.0 {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "0 to 1000"
                    )]
                    let thousandths = (event.loaded() / event.total() * 1000.0) as u32;
                    progressed.emit(UploadEvent::Progress(thousandths));
                }
            }),
            EventListener::new(&request, "error", move |_| failed.emit(UploadEvent::Failed(None))),
            EventListener::new(&request, "load", move |_| {
                let outcome = match answered.status() {
                    Ok(200..=299) => UploadEvent::Done,
                    Ok(503) => UploadEvent::Busy,
                    _ => UploadEvent::Failed(words(&answered)),
                };
                ended.emit(outcome);
            }),
        ];
        request.send_with_opt_blob(Some(blob))?;
        Ok(Self { request, _listeners: listeners })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // nothing happens where it has ended
        let _ = self.request.abort();
    }
}

/// What the server says, where it is a short text and no page.
fn words(request: &XmlHttpRequest) -> Option<String> {
    let text = request.response_text().ok()??;
    let text = text.trim();
    (!text.is_empty() && text.len() <= 300 && !text.starts_with('<')).then(|| text.to_owned())
}

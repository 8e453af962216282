//! How the app sends a picture: in a private chat by link, in a room inside the packet.
use gloo_timers::callback::Timeout;
use mig33_client::{Action, ActionId, ChatId};
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

use super::{App, Msg, surroundings};
use crate::clock;
use crate::intent::Intent;
use crate::links::path_on;
use crate::part::Context;
use crate::picture::{self, Limits, Picture, Unfit};
use crate::upload::{Upload, UploadEvent};
use crate::view::tray::Progress;

const NO_NETWORK: &str = "The picture could not be sent.";
/// Milliseconds until a server is asked again that had no place for an upload.
const BUSY_PAUSE: u32 = 3000;

impl App {
    /// Sends files as pictures, or shows them and waits for the person's word.
    pub(super) fn send_pictures(
        &mut self,
        ctx: &Context<Self>,
        chat: &ChatId,
        files: Vec<File>,
        held: bool,
    ) {
        for file in files {
            self.transfers.add(chat.clone(), file, held);
        }
        self.next_picture(ctx);
    }

    /// Goes on with the pictures that wait.
    pub(super) fn next_picture(&mut self, ctx: &Context<Self>) {
        if let Some(transfer) = self.transfers.next_unfit() {
            let limits = if transfer.chat.is_room() { Limits::PACKET } else { Limits::LINK };
            transfer.progress = Progress::Preparing;
            let (id, file, link) = (transfer.id, transfer.file.clone(), ctx.link().clone());
            spawn_local(async move {
                let fitted = picture::fit(&file, limits).await;
                link.send_message(Msg::Fitted(id, fitted));
            });
        }
        let Some(transfer) = self.transfers.next_fit() else { return };
        transfer.progress = Progress::Preparing;
        if let Some(picture) = transfer.picture.as_ref().filter(|_| transfer.chat.is_room()) {
            let (id, blob, link) = (transfer.id, picture.blob.clone(), ctx.link().clone());
            spawn_local(
                async move { link.send_message(Msg::Read(id, picture::bytes(&blob).await)) },
            );
        } else if let Some(address) = transfer.address.clone() {
            let id = transfer.id;
            self.upload(ctx, id, &address);
        } else {
            let action = Action::RequestUpload { chat: transfer.chat.clone() };
            transfer.asked = Some(self.session.act(clock::now(), action));
            self.pump(ctx);
        }
    }

    pub(super) fn picture_fitted(
        &mut self,
        ctx: &Context<Self>,
        id: u32,
        fitted: Result<Picture, Unfit>,
    ) -> bool {
        let Some(transfer) = self.transfers.get(id) else { return false };
        match fitted {
            Err(unfit) => {
                let words = unfit.words(&transfer.file.name());
                transfer.fail(&words, false);
            }
            Ok(picture) => transfer.is_fit(picture),
        }
        self.next_picture(ctx);
        true
    }

    pub(super) fn picture_read(
        &mut self,
        ctx: &Context<Self>,
        id: u32,
        bytes: Option<Vec<u8>>,
    ) -> bool {
        let Some(transfer) = self.transfers.get(id) else { return false };
        let (Some(bytes), Some(picture)) = (bytes, transfer.picture.take()) else {
            transfer.fail(NO_NETWORK, false);
            self.next_picture(ctx);
            return true;
        };
        let action = Action::SendPicture {
            chat: transfer.chat.clone(),
            mime_type: picture.mime_type.to_owned(),
            file_name: picture.name,
            bytes: bytes.into(),
        };
        // from here on it is a message of the log, with its state there
        self.transfers.remove(id);
        self.session.act(clock::now(), action);
        self.pump(ctx);
        self.next_picture(ctx);
        true
    }

    /// The person wants it to be sent, for the first time or again.
    pub(super) fn retry_picture(&mut self, ctx: &Context<Self>, id: u32) {
        if let Some(transfer) = self.transfers.get(id) {
            transfer.held = false;
            if transfer.upload.is_none() && transfer.asked.is_none() && transfer.picture.is_some() {
                transfer.progress = Progress::Waiting;
            }
        }
        self.next_picture(ctx);
    }

    pub(super) fn upload_refused(&mut self, ctx: &Context<Self>, action: ActionId, words: &str) {
        if let Some(transfer) = self.transfers.asked(action) {
            transfer.fail(&format!("{NO_NETWORK} {words}"), true);
            self.next_picture(ctx);
        }
    }

    pub(super) fn upload_address(&mut self, ctx: &Context<Self>, action: ActionId, url: &str) {
        let Some(transfer) = self.transfers.asked(action) else { return };
        (transfer.asked, transfer.address) = (None, Some(url.into()));
        let id = transfer.id;
        self.upload(ctx, id, url);
    }

    fn upload(&mut self, ctx: &Context<Self>, id: u32, url: &str) {
        let Some(transfer) = self.transfers.get(id) else { return };
        let hostname = surroundings::window().and_then(|window| window.location().hostname().ok());
        let address = path_on(url, &hostname.unwrap_or_default()).unwrap_or(url);
        let Some(picture) = &transfer.picture else { return };
        let on_event = ctx.link().callback(move |event| Msg::Upload(id, event));
        match Upload::put(address, &picture.blob, &on_event) {
            Ok(upload) => {
                transfer.upload = Some(upload);
                transfer.progress = Progress::Sent(0);
            }
            Err(_) => {
                transfer.fail(NO_NETWORK, true);
                self.next_picture(ctx);
            }
        }
    }

    pub(super) fn upload_event(
        &mut self,
        ctx: &Context<Self>,
        id: u32,
        event: UploadEvent,
    ) -> bool {
        let Some(transfer) = self.transfers.get(id) else { return false };
        match event {
            UploadEvent::Progress(share) => transfer.progress = Progress::Sent(share),
            // the message comes from the server by itself
            UploadEvent::Done => self.transfers.remove(id),
            UploadEvent::Busy => {
                // its place in the queue stays its own
                transfer.upload = None;
                transfer.progress = Progress::Preparing;
                let link = ctx.link().clone();
                let again = move || link.send_message(Msg::Intent(Intent::RetryPicture(id)));
                transfer.again = Some(Timeout::new(BUSY_PAUSE, again));
            }
            UploadEvent::Failed(None) => transfer.fail(NO_NETWORK, true),
            UploadEvent::Failed(Some(words)) => {
                transfer.fail(&format!("{NO_NETWORK} {words}"), true)
            }
        }
        self.next_picture(ctx);
        true
    }
}

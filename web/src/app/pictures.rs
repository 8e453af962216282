//! How the app sends a picture: in a private chat by link, in a room inside the packet.
use mig33_client::{Action, ActionId, ChatId};
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

use super::{App, Msg, surroundings};
use crate::clock;
use crate::links::path_on;
use crate::part::Context;
use crate::picture::{self, Limits, Picture, Unfit};
use crate::upload::{Upload, UploadEvent};
use crate::view::tray::Progress;

const NO_NETWORK: &str = "The picture could not be sent.";

impl App {
    pub(super) fn send_picture(&mut self, ctx: &Context<Self>, chat: ChatId, file: File) {
        let limits = if chat.is_room() { Limits::PACKET } else { Limits::LINK };
        let id = self.transfers.add(chat, file.clone());
        let link = ctx.link().clone();
        spawn_local(async move {
            let fitted = picture::fit(&file, limits).await;
            link.send_message(Msg::Fitted(id, fitted));
        });
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
            Ok(picture) if transfer.chat.is_room() => {
                let (link, blob) = (ctx.link().clone(), picture.blob.clone());
                transfer.picture = Some(picture);
                spawn_local(async move {
                    link.send_message(Msg::Read(id, picture::bytes(&blob).await))
                });
            }
            Ok(picture) => {
                transfer.picture = Some(picture);
                self.ask_for_address(ctx, id);
            }
        }
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
            return true;
        };
        let action = Action::SendPicture {
            chat: transfer.chat.clone(),
            mime_type: picture.mime_type,
            file_name: picture.name,
            bytes: bytes.into(),
        };
        // from here on it is a message of the log, with its state there
        self.transfers.remove(id);
        self.session.act(clock::now(), action);
        self.pump(ctx);
        true
    }

    pub(super) fn retry_picture(&mut self, ctx: &Context<Self>, id: u32) {
        if let Some(transfer) = self.transfers.get(id) {
            transfer.progress = Progress::Preparing;
            self.ask_for_address(ctx, id);
        }
    }

    fn ask_for_address(&mut self, ctx: &Context<Self>, id: u32) {
        let Some(transfer) = self.transfers.get(id) else { return };
        let action = Action::RequestUpload { chat: transfer.chat.clone() };
        transfer.asked = Some(self.session.act(clock::now(), action));
        self.pump(ctx);
    }

    pub(super) fn upload_refused(&mut self, action: ActionId, words: &str) {
        if let Some(transfer) = self.transfers.asked(action) {
            transfer.fail(&format!("{NO_NETWORK} {words}"), true);
        }
    }

    pub(super) fn upload_address(&mut self, ctx: &Context<Self>, action: ActionId, url: &str) {
        let Some(transfer) = self.transfers.asked(action) else { return };
        let hostname = surroundings::window().and_then(|window| window.location().hostname().ok());
        let address = path_on(url, &hostname.unwrap_or_default()).unwrap_or(url);
        let id = transfer.id;
        let Some(picture) = &transfer.picture else { return };
        let on_event = ctx.link().callback(move |event| Msg::Upload(id, event));
        match Upload::put(address, &picture.blob, &on_event) {
            Ok(upload) => {
                transfer.asked = None;
                transfer.upload = Some(upload);
                transfer.progress = Progress::Sent(0);
            }
            Err(_) => transfer.fail(NO_NETWORK, true),
        }
    }

    pub(super) fn upload_event(&mut self, id: u32, event: UploadEvent) -> bool {
        let Some(transfer) = self.transfers.get(id) else { return false };
        match event {
            UploadEvent::Progress(share) => transfer.progress = Progress::Sent(share),
            // the message comes from the server by itself
            UploadEvent::Done => self.transfers.remove(id),
            UploadEvent::Failed(None) => transfer.fail(NO_NETWORK, true),
            UploadEvent::Failed(Some(words)) => {
                transfer.fail(&format!("{NO_NETWORK} {words}"), true)
            }
        }
        true
    }
}

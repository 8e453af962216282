//! Pictures on their way: made fit, given an address, sent.
use std::rc::Rc;

use mig33_client::{ActionId, ChatId};
use web_sys::{File, Url};

use crate::picture::Picture;
use crate::upload::Upload;
use crate::view::tray::{Progress, Sending};

/// All pictures on their way, oldest first.
#[derive(Default)]
pub(super) struct Transfers {
    all: Vec<Transfer>,
    next: u32,
}

/// One picture on its way. Dropped, it stops.
pub(super) struct Transfer {
    pub(super) id: u32,
    pub(super) chat: ChatId,
    pub(super) file: File,
    pub(super) picture: Option<Picture>,
    /// The request for an address.
    pub(super) asked: Option<ActionId>,
    pub(super) upload: Option<Upload>,
    pub(super) progress: Progress,
    preview: Rc<str>,
}

impl Transfers {
    /// Takes a file; its id tells it from others.
    pub(super) fn add(&mut self, chat: ChatId, file: File) -> u32 {
        self.next += 1;
        let preview = Url::create_object_url_with_blob(&file).unwrap_or_default();
        self.all.push(Transfer {
            id: self.next,
            chat,
            file,
            picture: None,
            asked: None,
            upload: None,
            progress: Progress::Preparing,
            preview: preview.into(),
        });
        self.next
    }

    pub(super) fn get(&mut self, id: u32) -> Option<&mut Transfer> {
        self.all.iter_mut().find(|transfer| transfer.id == id)
    }

    /// The one that waits for the answer to this request.
    pub(super) fn asked(&mut self, action: ActionId) -> Option<&mut Transfer> {
        self.all.iter_mut().find(|transfer| transfer.asked == Some(action))
    }

    /// Forgets it, and stops it where it is still running.
    pub(super) fn remove(&mut self, id: u32) {
        self.all.retain(|transfer| transfer.id != id);
    }

    /// Whether there is any, sent or failed.
    pub(super) const fn any(&self) -> bool {
        !self.all.is_empty()
    }

    /// Whether any is still on its way.
    pub(super) fn any_running(&self) -> bool {
        self.all.iter().any(|transfer| !matches!(transfer.progress, Progress::Failed { .. }))
    }

    /// What a chat's tray shows.
    pub(super) fn of(&self, chat: &ChatId) -> Vec<Sending> {
        let of_chat = self.all.iter().filter(|transfer| transfer.chat == *chat);
        of_chat
            .map(|transfer| Sending {
                id: transfer.id,
                name: transfer.file.name().into(),
                preview: transfer.picture.is_some().then(|| transfer.preview.clone()),
                progress: transfer.progress.clone(),
            })
            .collect()
    }
}

impl Transfer {
    /// It did not work.
    pub(super) fn fail(&mut self, words: &str, again: bool) {
        self.asked = None;
        self.upload = None;
        self.progress = Progress::Failed { words: words.into(), again };
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let _ = Url::revoke_object_url(&self.preview);
    }
}

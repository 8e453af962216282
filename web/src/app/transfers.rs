//! Pictures on their way, one behind the other: made fit, given an address, sent.
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use mig33_client::{ActionId, ChatId};
use web_sys::File;

use crate::picture::{ObjectUrl, Picture};
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
    /// Once it is fit to be sent.
    pub(super) picture: Option<Picture>,
    /// Whether the person has still to say that it is to be sent.
    pub(super) held: bool,
    /// The request for an address.
    pub(super) asked: Option<ActionId>,
    /// The address that it got and has not used up.
    pub(super) address: Option<Rc<str>>,
    pub(super) upload: Option<Upload>,
    /// Asks again a server that had no place.
    pub(super) again: Option<Timeout>,
    pub(super) progress: Progress,
    preview: Option<ObjectUrl>,
}

impl Transfers {
    /// Takes a file; its id tells it from others.
    pub(super) fn add(&mut self, chat: ChatId, file: File, held: bool) {
        self.next += 1;
        self.all.push(Transfer {
            id: self.next,
            chat,
            file,
            picture: None,
            held,
            asked: None,
            address: None,
            upload: None,
            again: None,
            progress: Progress::Waiting,
            preview: None,
        });
    }

    /// The next one to be made fit, unless one is: each takes the memory of all its pixels.
    pub(super) fn next_unfit(&mut self) -> Option<&mut Transfer> {
        let is_unfit =
            |transfer: &&mut Transfer| transfer.picture.is_none() && !transfer.has_failed();
        let next = self.all.iter_mut().find(is_unfit)?;
        (next.progress == Progress::Waiting).then_some(next)
    }

    /// The next one to be sent: pictures go out in the order in which they were given, of all chats one at a time.
    pub(super) fn next_fit(&mut self) -> Option<&mut Transfer> {
        let next = self.all.iter_mut().find(|transfer| !transfer.has_failed() && !transfer.held)?;
        (next.picture.is_some() && next.progress == Progress::Waiting).then_some(next)
    }

    /// The person says that what waits for it is to be sent.
    pub(super) fn release(&mut self, chat: &ChatId) {
        for transfer in self.all.iter_mut().filter(|transfer| transfer.chat == *chat) {
            transfer.held = false;
        }
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

    /// Forgets all. No id comes again: what is still being read or fitted for one of them goes to none.
    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    /// Whether there is any, sent or failed.
    pub(super) const fn any(&self) -> bool {
        !self.all.is_empty()
    }

    /// Whether any is still on its way.
    pub(super) fn any_running(&self) -> bool {
        self.all.iter().any(|transfer| !transfer.has_failed())
    }

    /// What a chat's tray shows.
    pub(super) fn of(&self, chat: &ChatId) -> Vec<Sending> {
        let of_chat = self.all.iter().filter(|transfer| transfer.chat == *chat);
        of_chat
            .map(|transfer| Sending {
                id: transfer.id,
                name: transfer.file.name().into(),
                preview: transfer.preview.as_ref().map(|url| Rc::clone(&url.0)),
                held: transfer.held && transfer.picture.is_some(),
                progress: transfer.progress.clone(),
            })
            .collect()
    }
}

impl Transfer {
    /// It is fit to be sent, and is shown as it will be.
    pub(super) fn is_fit(&mut self, picture: Picture) {
        self.preview = ObjectUrl::of(&picture.blob);
        self.picture = Some(picture);
        self.progress = Progress::Waiting;
    }

    const fn has_failed(&self) -> bool {
        matches!(self.progress, Progress::Failed { .. })
    }

    /// It did not work.
    pub(super) fn fail(&mut self, words: &str, again: bool) {
        (self.asked, self.address) = (None, None);
        self.upload = None;
        self.progress = Progress::Failed { words: words.into(), again };
    }
}

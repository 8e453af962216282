//! Pictures by link: their files, what they may be, and the addresses that take and show them (spec/wire.md section 4).
pub(crate) mod contents;
mod files;
mod places;
mod router;

use std::sync::Arc;

use bytes::Bytes;
use mig33_codec::packets::{FileReceived, Packet};
use mig33_codec::values::ContentType;

pub(crate) use self::files::{FileError, PictureFiles, Written, is_file_name};
pub(crate) use self::places::Places;
pub(crate) use self::router::router;
use crate::clock::{random_guid, random_text};
use crate::core::Core;
use crate::fanout::{Event, PICTURES};
use crate::handlers::messages::{From, Place, new_packet, tell};
use crate::store::{Added, NewMessage, OnStored, Picture, PictureRefused, Receiver, StoreError};

/// Characters of a picture's address, of an upload's and of a file's name, 5 random bits each.
pub(crate) const TOKEN_LEN: usize = 32;

/// Keeps a picture as a message from one to the other; tells both. Its file goes unless the store names it, also where
/// nobody waits for this any more.
pub(crate) async fn keep(
    core: &Core,
    upload: [u8; 32],
    sender: Receiver,
    receiver: Receiver,
    written: Written,
) -> Result<Result<Added, PictureRefused>, StoreError> {
    let Written { name: file, kind, bytes, unnamed } = written;
    let token = random_text(&*core.entropy, TOKEN_LEN);
    let path = format!("{PICTURES}{token}");
    let mime_type = kind.mime_type().to_owned();
    let now = core.now();
    let message = NewMessage {
        sender: sender.id,
        chat: crate::store::ChatOf::Private(receiver.id),
        guid: random_guid(&*core.entropy),
        content_type: ContentType::EXISTING_FILE,
        content: Bytes::from(path.clone()),
        file_name: None,
        mime_type: Some(mime_type.clone()),
        now,
        busy_from: core.busy_from(now),
        open: core.settings.open_messages,
    };
    let notice = FileReceived {
        source: Some(sender.name.as_str().into()),
        text: Some(format!("{} has sent you a picture.", sender.name).into()),
        url: Some(path.into()),
        ..FileReceived::default()
    };
    let from = From { user: sender.id, name: sender.name.into(), session: None };
    let place = Place::Private(receiver.clone());
    let packet = new_packet(&message, &from, &place);
    let (fanout, metrics) = (Arc::clone(&core.fanout), core.metrics.clone());
    // the store has the one until it knows, and this the other until it is told
    let unnamed = Arc::new(unnamed);
    let named = Arc::clone(&unnamed);
    let then: OnStored = Box::new(move |added| {
        named.keep();
        metrics.messages.inc();
        metrics.pictures.inc();
        fanout.tell_user(receiver.id, None, &Event::new(Packet::FileReceived(notice)));
        tell(&*fanout, added, None, packet, &from, &place);
    });
    let picture = Picture { token, file, mime_type, bytes };
    let added = core.store.add_picture(upload, picture, message, then).await;
    if added.as_ref().is_err_and(StoreError::is_in_doubt) {
        unnamed.keep(); // the next start tells
    }
    added
}

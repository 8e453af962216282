//! Messages that waited for somebody who was not there: brought in batches, oldest first, until what happens now can follow.
//! Likewise what a session had no room for, when there is room again.
use bytes::BytesMut;

use crate::core::Core;
use crate::fanout::{Mailbox, Missed, encode, encode_into};
use crate::handlers::contacts;
use crate::handlers::login::log_store_error;
use crate::handlers::messages::{page, stored_packet};
use crate::handlers::rooms::participants_packet;
use crate::ids::{RoomId, Seq};
use crate::session::Member;
use crate::store::StoreError;

/// Messages in a batch.
const BATCH: u32 = 100;

/// The next batch of messages that waited; where to go on after it, unless those were all.
pub(crate) async fn catch_up(
    core: &Core,
    mailbox: &Mailbox,
    member: &Member,
    after: Seq,
) -> Result<Option<Seq>, StoreError> {
    let page = page(core, mailbox, BATCH);
    let user = member.seat.user;
    let batch = core.store.waiting(user, after, page).await?;
    let next = batch.last().map(|message| message.seq);
    for message in batch {
        let seq = message.seq;
        let packet = stored_packet(core, mailbox, message, &member.seat.name);
        mailbox.catch_up(encode(&packet, 0), seq);
    }
    if next.is_none() {
        // a message that was stored after this look at the store is told after it, too
        mailbox.stop_catching_up();
    }
    Ok(next)
}

/// Brings a session what there was no room for: a chat's last message, or how things stand now.
pub(crate) async fn bring(core: &Core, mailbox: &Mailbox, member: &Member, missed: Missed) {
    let mut out = BytesMut::new();
    let brought = match missed {
        Missed::Waiting(_) => Ok(()), // by `catch_up`
        Missed::Message(_, seq) => message(core, mailbox, member, seq, &mut out).await,
        Missed::Members(room) => members(core, room, &mut out).await,
        Missed::Contacts => contacts::all_news(core, member).await.map(|packets| {
            packets.iter().for_each(|packet| encode_into(packet, 0, &mut out));
        }),
    };
    if let Err(error) = brought {
        // the client sees it when it asks, or with the next change
        log_store_error(&error);
    }
    match missed {
        Missed::Waiting(_) => {}
        Missed::Message(chat, seq) => mailbox.bring(chat, seq, out.freeze()),
        Missed::Members(_) | Missed::Contacts => mailbox.answer(out.freeze(), Vec::new()),
    }
}

async fn message(
    core: &Core,
    mailbox: &Mailbox,
    member: &Member,
    seq: Seq,
    out: &mut BytesMut,
) -> Result<(), StoreError> {
    if let Some(message) = core.store.message(seq).await? {
        encode_into(&stored_packet(core, mailbox, message, &member.seat.name), 0, out);
    }
    Ok(())
}

async fn members(core: &Core, room: RoomId, out: &mut BytesMut) -> Result<(), StoreError> {
    if let Some(room) = core.store.room_by_id(room).await? {
        let members = core.fanout.members(room.id).await;
        encode_into(&participants_packet(&room, &members).into(), 0, out);
    }
    Ok(())
}

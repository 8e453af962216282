//! Messages that waited for somebody who was not there: brought in batches, oldest first, until what happens now can follow.
use bytes::Bytes;

use crate::core::Core;
use crate::fanout::{Mailbox, encode, expand};
use crate::handlers::messages::stored_packet;
use crate::ids::Seq;
use crate::session::Member;
use crate::store::{Page, StoreError};

/// Messages in a batch.
const BATCH: u32 = 100;

/// The next batch of messages that waited; where to go on after it, unless those were all.
pub(crate) async fn catch_up(
    core: &Core,
    mailbox: &Mailbox,
    member: &Member,
    after: Seq,
) -> Result<Option<Seq>, StoreError> {
    let page = Page { messages: BATCH, bytes: core.limits.page_bytes };
    let user = member.seat.user;
    let mut batch = core.store.waiting(user, after, page).await?;
    let is_last = batch.is_empty();
    if is_last {
        // from here on messages come as they happen; what came in between is behind `after`, too
        mailbox.hold();
        mailbox.stop_catching_up();
        batch = match core.store.waiting(user, after, page).await {
            Ok(batch) => batch,
            Err(error) => {
                mailbox.answer(Bytes::new());
                return Err(error);
            }
        };
        if !batch.is_empty() {
            // there are more, perhaps very many
            mailbox.start_catching_up();
        }
    }
    let next = batch.last().map(|message| message.seq);
    for message in batch {
        let seq = message.seq;
        let packet = expand(stored_packet(message, &member.seat.name).into(), mailbox.base_url());
        mailbox.catch_up(encode(&packet, 0), seq);
    }
    if is_last {
        mailbox.answer(Bytes::new());
    }
    Ok(next)
}

//! Messages that waited for somebody who was not there: brought in batches, oldest first, until what happens now can follow.
use crate::core::Core;
use crate::fanout::{Mailbox, encode};
use crate::handlers::messages::{page, stored_packet};
use crate::ids::Seq;
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

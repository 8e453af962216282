//! What becomes of messages that were written to a client: by its own word, or by other signs (spec/wire.md section 4).
use std::time::Duration;

use mig33_codec::values::StatusEvent;
use mig33_codec::{Command, Frame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::Connection;
use crate::fanout::Outgoing;
use crate::handlers::login::log_store_error;
use crate::handlers::messages::{count_as_delivered, store_received};
use crate::session::Phase;
use crate::store::Delivered;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<'_, S> {
    /// A packet has come: what was written long enough before it counts as delivered, if the client does not say so
    /// itself.
    pub(super) async fn heard(&mut self, frame: &Frame) {
        let Phase::Member(member) = &mut self.session.phase else { return };
        let is_receipt = is_receipt(frame);
        if !member.receipts && (is_receipt || frame.command == Command::GET_MESSAGES) {
            member.receipts = true; // a client that fetches says what it has, too
            member.written.forget();
            self.core.fanout.set_receipts(member.seat.user, self.number).await;
        }
        if !is_receipt {
            self.store_received().await;
        }
        match frame.command {
            Command::LOGOUT => self.has_what_was_written(Duration::ZERO).await,
            // a bridge sends these for a client that is not there (spec/resume.md)
            Command::PING if frame.transaction == 0 => {}
            _ => self.has_what_was_written(self.core.limits.silent_receipt()).await,
        }
    }

    /// The client has given a sign: what was written so long before it came counts as delivered.
    pub(super) async fn has_what_was_written(&mut self, wait: Duration) {
        let Phase::Member(member) = &mut self.session.phase else { return };
        if let Some(seq) = member.written.heard(self.came.into_std(), wait) {
            Box::pin(count_as_delivered(self.core, member, Delivered::UpTo(seq))).await;
        }
    }

    /// What the client has said it received is stored before anything else is done, and once it says no more.
    pub(super) async fn store_received(&mut self) {
        let Phase::Member(member) = &mut self.session.phase else { return };
        if !member.received.is_empty()
            && let Err(error) = Box::pin(store_received(self.core, member)).await
        {
            log_store_error(&error); // they come again
        }
    }

    /// The stream has taken these bytes.
    pub(super) async fn written(&mut self, now: Instant, outgoing: Outgoing) {
        let Phase::Member(member) = &mut self.session.phase else { return };
        if let Some(last) = outgoing.message {
            if !member.receipts {
                let wait = self.core.limits.silent_receipt();
                member.written.note(now.into_std(), last, wait);
            }
            // for each message it may say that it was received, and that it was read
            member.free_events = member.free_events.saturating_add(2 * outgoing.messages);
        }
        if !outgoing.fetched.is_empty() {
            let fetched = Delivered::These(outgoing.fetched);
            Box::pin(count_as_delivered(self.core, member, fetched)).await;
        }
    }
}

/// Whether a client says with it that it has received or read something.
fn is_receipt(frame: &Frame) -> bool {
    frame.command == Command::MESSAGE_STATUS_EVENT
        && frame.block(6).and_then(|kind| kind.last().copied()).is_some_and(|kind| {
            [StatusEvent::RECEIVED, StatusEvent::READ].contains(&StatusEvent(kind))
        })
}

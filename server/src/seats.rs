//! Seats: how a session's place is given up, or kept for a while, so that nobody sees a restart of the service, or a page
//! that is loaded anew.
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::fanout::{Mailbox, Seat, Taken};
use crate::handlers::{presence, rooms};
use crate::ids::{RoomId, SessionNumber, UserId};
use crate::session::Member;
use crate::store::{KeptSeat, KeptSeats, StoreError};

/// A session is gone. Others are told, at once or, where it may come back, once that takes too long.
pub(crate) async fn leave(core: &Arc<Core>, member: Member, may_come_back: bool) {
    core.metrics.sessions.dec();
    let Member { seat, rooms, .. } = member;
    let is_stopping = core.is_stopping.load(Ordering::Acquire);
    let wait = if is_stopping { core.limits.return_s } else { core.limits.rejoin_s };
    // one that was ended for another reason before its connection broke is not kept by that
    if may_come_back && wait > 0 && seat.mailbox.keep_seat() {
        if !is_stopping {
            tokio::spawn(give_up_later(Arc::clone(core), seat, rooms, Duration::from_secs(wait)));
        }
        return;
    }
    give_up(core, &seat, &rooms).await;
}

/// Gives up a kept seat after this time, unless somebody has taken it over, or the service stops: then it is kept on.
async fn give_up_later(
    core: Arc<Core>,
    seat: Seat,
    rooms: Vec<(RoomId, Arc<str>)>,
    wait: Duration,
) {
    tokio::time::sleep(wait).await;
    let is_there = core.fanout.seats_of(seat.user).await;
    let is_there = is_there.iter().any(|taken| taken.seat.session == seat.session);
    if is_there && !core.is_stopping.load(Ordering::Acquire) {
        give_up(&core, &seat, &rooms).await;
    }
}

/// The seat is nobody's any more, and others are told.
async fn give_up(core: &Core, seat: &Seat, rooms: &[(RoomId, Arc<str>)]) {
    for (room, name) in rooms {
        rooms::leave_room(core, seat, *room, name).await;
    }
    for Taken { seat, rooms, .. } in core.fanout.detach(seat.user, seat.session).await {
        for (room, name) in rooms::named(core, &rooms).await {
            rooms::leave_room(core, &seat, room, &name).await;
        }
        drop(core.fanout.detach(seat.user, seat.session).await);
    }
    presence::announce(core, seat.user).await;
}

/// All sessions have ended: stores the seats that are kept.
pub(crate) async fn keep(core: &Core) {
    let seats = worth_keeping(core.fanout.seats().await);
    let count = seats.len();
    match core.store.keep_seats(seats, core.now()).await {
        Ok(()) => tracing::info!(seats = count, "seats are kept for who comes back"),
        Err(error) => {
            tracing::warn!(%error, "no seats are kept: everybody will be seen to leave, and to come back")
        }
    }
}

/// Those that somebody may come back to. One whose user is back already, since an earlier restart, is used up: kept again,
/// it would hide what the user does. The rooms that it still held go to the seat that the user has now.
fn worth_keeping(seats: Vec<Taken>) -> Vec<KeptSeat> {
    let kept = seats.into_iter().filter(|taken| taken.seat.is_kept());
    let (used, waiting): (Vec<Taken>, Vec<Taken>) = kept.partition(|taken| taken.is_back);
    let mut rooms: HashMap<UserId, Vec<RoomId>> = HashMap::new();
    for taken in used {
        rooms.entry(taken.seat.user).or_default().extend(taken.rooms);
    }
    let mut seats: Vec<KeptSeat> = Vec::with_capacity(waiting.len());
    // the newest first: it is the one that the user is on
    for taken in waiting.into_iter().rev() {
        let mut seat = KeptSeat {
            user: taken.seat.user,
            public_id: taken.seat.public_id.as_ref().into(),
            presence: taken.presence,
            rooms: taken.rooms,
            receipts: taken.receipts,
        };
        for room in rooms.remove(&seat.user).unwrap_or_default() {
            if !seat.rooms.contains(&room) {
                seat.rooms.push(room);
            }
        }
        seats.push(seat);
    }
    seats.reverse();
    seats
}

/// Before anybody is let in: puts back the seats that were kept, where that is not too long ago; the number of the first
/// session behind them, unless there are none.
pub(crate) async fn restore(core: &Core) -> Result<Option<SessionNumber>, StoreError> {
    let KeptSeats { stopped_at, seats } = core.store.take_seats().await?;
    let away = Duration::from_millis(core.now().0.saturating_sub(stopped_at.0));
    if seats.is_empty() || away > Duration::from_secs(core.limits.return_s) {
        return Ok(None);
    }
    tracing::info!(
        seats = seats.len(),
        seconds = core.limits.return_s,
        "seats wait for their users"
    );
    for (name, kept) in seats {
        let seat = Seat {
            session: core.session_number(),
            user: kept.user,
            name: name.into(),
            public_id: kept.public_id.into(),
            mailbox: Arc::new(Mailbox::of_nobody()),
        };
        let taken = Taken {
            seat,
            presence: kept.presence,
            rooms: kept.rooms,
            is_back: false,
            receipts: kept.receipts,
        };
        core.fanout.restore(taken).await;
    }
    Ok(Some(core.session_number()))
}

/// Once the time to come back is over, gives up those before `first` whose users have not taken them over: with them,
/// users leave the rooms that they have not entered again, and who is not back at all is offline.
pub(crate) async fn give_up_late(core: &Core, first: SessionNumber, stopping: &CancellationToken) {
    tokio::select! {
        () = stopping.cancelled() => return,
        () = tokio::time::sleep(Duration::from_secs(core.limits.return_s)) => {}
    }
    for Taken { seat, rooms, .. } in core.fanout.seats().await {
        if seat.session < first {
            give_up(core, &seat, &rooms::named(core, &rooms).await).await;
        }
    }
}

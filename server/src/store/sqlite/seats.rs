//! Seats over a restart: written when the service stops, taken out when it starts.
use std::collections::HashMap;

use mig33_codec::values::Presence;
use sqlx::SqliteConnection;

use super::{natural, number, small};
use crate::clock::Millis;
use crate::ids::{RoomId, UserId};
use crate::store::{KeptSeat, KeptSeats};

type Result<T> = std::result::Result<T, sqlx::Error>;

pub(super) async fn keep(
    db: &mut SqliteConnection,
    seats: Vec<KeptSeat>,
    stopped_at: Millis,
) -> Result<()> {
    clear(db).await?;
    for seat in seats {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO kept_seats (account, public_id, presence, stopped_at, receipts)
             VALUES (?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(seat.user.0)
        .bind(seat.public_id)
        .bind(seat.presence.0)
        .bind(number(stopped_at.0))
        .bind(seat.receipts)
        .fetch_one(&mut *db)
        .await?;
        for room in seat.rooms {
            sqlx::query("INSERT INTO kept_seat_rooms (seat, room) VALUES (?, ?)")
                .bind(id)
                .bind(room.0)
                .execute(&mut *db)
                .await?;
        }
    }
    Ok(())
}

pub(super) async fn take(db: &mut SqliteConnection) -> Result<KeptSeats> {
    let mut rooms: HashMap<i64, Vec<RoomId>> = HashMap::new();
    let places: Vec<(i64, i64)> =
        sqlx::query_as("SELECT seat, room FROM kept_seat_rooms").fetch_all(&mut *db).await?;
    for (seat, room) in places {
        rooms.entry(seat).or_default().push(RoomId(small(room)));
    }
    let rows: Vec<(i64, i64, String, String, u8, i64, bool)> = sqlx::query_as(
        "SELECT s.id, a.id, a.name, s.public_id, s.presence, s.stopped_at, s.receipts
         FROM kept_seats s JOIN accounts a ON a.id = s.account ORDER BY s.id",
    )
    .fetch_all(&mut *db)
    .await?;
    clear(db).await?;
    let mut kept = KeptSeats::default();
    for (id, user, name, public_id, presence, stopped_at, receipts) in rows {
        kept.stopped_at = Millis(natural(stopped_at));
        let rooms = rooms.remove(&id).unwrap_or_default();
        let (user, presence) = (UserId(small(user)), Presence(presence));
        kept.seats.push((name, KeptSeat { user, public_id, presence, rooms, receipts }));
    }
    Ok(kept)
}

async fn clear(db: &mut SqliteConnection) -> Result<()> {
    sqlx::query("DELETE FROM kept_seat_rooms").execute(&mut *db).await?;
    sqlx::query("DELETE FROM kept_seats").execute(db).await?;
    Ok(())
}

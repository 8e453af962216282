//! Rooms: what is kept of them. Who is in one is the fan-out's.
use sqlx::SqliteConnection;

use super::{number, small};
use crate::ids::RoomId;
use crate::names;
use crate::store::{NewRoom, Room, RoomPage, RoomRefused};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// A room with its creator's name.
macro_rules! room_rows {
    ($condition:literal) => {
        concat!(
            "SELECT r.id, r.name, r.description, a.name, r.capacity
             FROM rooms r LEFT JOIN accounts a ON a.id = r.creator ",
            $condition
        )
    };
}

type Row = (i64, String, String, Option<String>, i64);

fn room((id, name, description, creator, capacity): Row) -> Room {
    Room { id: RoomId(small(id)), name, description, creator, capacity: small(capacity) }
}

pub(super) async fn create(
    db: &mut SqliteConnection,
    new: NewRoom,
    most: u32,
) -> Result<std::result::Result<Room, RoomRefused>> {
    let key = names::key(&new.name);
    if by_name(&mut *db, &key).await?.is_some() {
        return Ok(Err(RoomRefused::Exists));
    }
    let made: i64 = sqlx::query_scalar("SELECT count(*) FROM rooms WHERE creator = ?")
        .bind(new.creator.0)
        .fetch_one(&mut *db)
        .await?;
    if small(made) >= most {
        return Ok(Err(RoomRefused::TooMany));
    }
    sqlx::query(
        "INSERT INTO rooms (name, name_key, description, creator, capacity, created_at)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(&new.name)
    .bind(&key)
    .bind(&new.description)
    .bind(new.creator.0)
    .bind(new.capacity)
    .bind(number(new.now.0))
    .execute(&mut *db)
    .await?;
    by_name(db, &key).await?.map(Ok).ok_or(sqlx::Error::RowNotFound)
}

pub(super) async fn by_name(db: &mut SqliteConnection, name_key: &str) -> Result<Option<Room>> {
    let row: Option<Row> = sqlx::query_as(room_rows!("WHERE r.name_key = ?"))
        .bind(name_key)
        .fetch_optional(db)
        .await?;
    Ok(row.map(room))
}

pub(super) async fn by_id(db: &mut SqliteConnection, room_id: RoomId) -> Result<Option<Room>> {
    let row: Option<Row> =
        sqlx::query_as(room_rows!("WHERE r.id = ?")).bind(room_id.0).fetch_optional(db).await?;
    Ok(row.map(room))
}

pub(super) async fn page(
    db: &mut SqliteConnection,
    part: &str,
    skip: u32,
    limit: u32,
) -> Result<RoomPage> {
    let rows: Vec<Row> = sqlx::query_as(room_rows!(
        "WHERE ?1 = '' OR instr(r.name_key, ?1) > 0
         ORDER BY r.creator IS NOT NULL, r.name_key LIMIT ?2 OFFSET ?3"
    ))
    .bind(part)
    .bind(limit)
    .bind(skip)
    .fetch_all(&mut *db)
    .await?;
    let total: i64 =
        sqlx::query_scalar("SELECT count(*) FROM rooms WHERE ?1 = '' OR instr(name_key, ?1) > 0")
            .bind(part)
            .fetch_one(db)
            .await?;
    Ok(RoomPage { rooms: rows.into_iter().map(room).collect(), total: small(total) })
}

//! Where the owners of accounts have logged in from: hashes of networks, the last ones of each account.
use sqlx::SqliteConnection;

use super::number;
use crate::clock::Millis;
use crate::ids::UserId;

type Result<T> = std::result::Result<T, sqlx::Error>;

pub(super) async fn knows(
    db: &mut SqliteConnection,
    user: UserId,
    place: &[u8; 32],
    since: Millis,
) -> Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM known_places WHERE account = ? AND place = ? AND seen_at > ?)",
    )
    .bind(user.0)
    .bind(&place[..])
    .bind(number(since.0))
    .fetch_one(db)
    .await
}

pub(super) async fn add(
    db: &mut SqliteConnection,
    user: UserId,
    place: [u8; 32],
    now: Millis,
    keep: u32,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO known_places (account, place, seen_at) VALUES (?, ?, ?)
         ON CONFLICT (account, place) DO UPDATE SET seen_at = excluded.seen_at",
    )
    .bind(user.0)
    .bind(&place[..])
    .bind(number(now.0))
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM known_places WHERE account = ?1 AND place <> ?2 AND place NOT IN
           (SELECT place FROM known_places WHERE account = ?1 ORDER BY place IS ?2 DESC, seen_at DESC LIMIT ?3)",
    )
    .bind(user.0)
    .bind(&place[..])
    .bind(keep)
    .execute(db)
    .await?;
    Ok(())
}

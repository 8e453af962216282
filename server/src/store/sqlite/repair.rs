//! Stored times that lie in the future, since the machine's clock was ahead when they were made: moved back.
use sqlx::SqliteConnection;

use super::{number, small};
use crate::clock::Millis;
use crate::store::Repaired;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Messages that are moved at a time.
const PAGE: u32 = 1000;

/// Chats whose last message is later than that.
pub(super) async fn chats_behind(db: &mut SqliteConnection, time: Millis) -> Result<u32> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM chats WHERE last_time > ?")
        .bind(number(time.0))
        .fetch_one(db)
        .await?;
    Ok(small(count))
}

pub(super) async fn times(
    db: &mut SqliteConnection,
    now: Millis,
    token_life_ms: u64,
) -> Result<Repaired> {
    let now = number(now.0);
    let chats: Vec<(i64, i64)> =
        sqlx::query_as("SELECT id, last_time FROM chats WHERE last_time > ?")
            .bind(now)
            .fetch_all(&mut *db)
            .await?;
    let mut repaired = Repaired { chats: chats.len() as u64, ..Repaired::default() };
    for (chat, last) in chats {
        repaired.messages += move_back(&mut *db, chat, last, now).await?;
    }
    repaired.tokens = sqlx::query(
        "UPDATE tokens SET used_at = min(used_at, ?1), expires_at = min(expires_at, ?1 + ?2)
         WHERE used_at > ?1 OR expires_at > ?1 + ?2",
    )
    .bind(now)
    .bind(number(token_life_ms))
    .execute(&mut *db)
    .await?
    .rows_affected();
    for other in [
        "UPDATE uploads SET created_at = ?1, expires_at = ?1 + max(expires_at - created_at, 0) WHERE created_at > ?1",
        "UPDATE pictures SET created_at = ?1 WHERE created_at > ?1",
        "UPDATE sent_pictures SET at = ?1 WHERE at > ?1",
        "UPDATE known_places SET seen_at = ?1 WHERE seen_at > ?1",
        "UPDATE rooms SET created_at = ?1 WHERE created_at > ?1",
        "UPDATE contacts SET asked_at = ?1 WHERE asked_at > ?1",
        "UPDATE kept_seats SET stopped_at = ?1 WHERE stopped_at > ?1",
        "UPDATE accounts SET created_at = min(created_at, ?1), status_changed_at = min(status_changed_at, ?1),
                contacts_changed_at = min(contacts_changed_at, ?1)
         WHERE max(created_at, status_changed_at, contacts_changed_at) > ?1",
    ] {
        sqlx::query(other).bind(now).execute(&mut *db).await?;
    }
    Ok(repaired)
}

/// Moves the messages of a chat that are later than now by as much as the last one is, and no two to the same time; how
/// many there were. Whose chat it is has it as changed.
async fn move_back(db: &mut SqliteConnection, chat: i64, last: i64, now: i64) -> Result<u64> {
    let by = last - now;
    let mut before: i64 = sqlx::query_scalar(
        "SELECT coalesce(max(time), 0) FROM messages WHERE chat = ? AND time <= ?",
    )
    .bind(chat)
    .bind(now)
    .fetch_one(&mut *db)
    .await?;
    let mut reads: Vec<(i64, i64)> =
        sqlx::query_as("SELECT owner, read_time FROM chat_views WHERE chat = ? AND read_time > ?")
            .bind(chat)
            .bind(now)
            .fetch_all(&mut *db)
            .await?;
    let (mut moved, mut from) = (0, now);
    loop {
        // each goes to a time that is free: those before it have been moved, and those behind it are later
        let page: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT seq, time FROM messages WHERE chat = ? AND time > ? ORDER BY time LIMIT ?",
        )
        .bind(chat)
        .bind(from)
        .bind(PAGE)
        .fetch_all(&mut *db)
        .await?;
        if page.is_empty() {
            break;
        }
        for (seq, old) in page {
            before = (old - by).max(before + 1);
            from = old;
            moved += 1;
            sqlx::query("UPDATE messages SET time = ? WHERE seq = ?")
                .bind(before)
                .bind(seq)
                .execute(&mut *db)
                .await?;
            while let Some(at) = reads.iter().position(|(_, read)| *read <= old) {
                let (owner, _) = reads.swap_remove(at);
                set_read(&mut *db, chat, owner, before).await?;
            }
        }
    }
    for (owner, _) in reads {
        set_read(&mut *db, chat, owner, before).await?;
    }
    sqlx::query("UPDATE chats SET last_time = ? WHERE id = ?")
        .bind(before)
        .bind(chat)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "UPDATE accounts SET chats_version = chats_version + 1
         WHERE id IN (SELECT owner FROM chat_views WHERE chat = ?)",
    )
    .bind(chat)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "UPDATE chat_views SET version = (SELECT chats_version FROM accounts WHERE id = owner) WHERE chat = ?",
    )
    .bind(chat)
    .execute(db)
    .await?;
    Ok(moved)
}

async fn set_read(db: &mut SqliteConnection, chat: i64, owner: i64, time: i64) -> Result<()> {
    sqlx::query("UPDATE chat_views SET read_time = ? WHERE chat = ? AND owner = ?")
        .bind(time)
        .bind(chat)
        .bind(owner)
        .execute(db)
        .await?;
    Ok(())
}

//! The list of an account's private chats.
use sqlx::SqliteConnection;

use super::{natural, small};
use crate::clock::Millis;
use crate::ids::{ContactId, UserId};
use crate::store::{Chat, ChatList};

type Result<T> = std::result::Result<T, sqlx::Error>;

pub(super) async fn list(
    db: &mut SqliteConnection,
    user: UserId,
    version: u32,
    limit: u32,
) -> Result<ChatList> {
    let (current, latest): (i64, i64) = sqlx::query_as(
        "SELECT chats_version,
                (SELECT coalesce(max(c.last_time), 0) FROM chat_views v JOIN chats c ON c.id = v.chat
                 WHERE v.owner = a.id)
         FROM accounts a WHERE id = ?",
    )
    .bind(user.0)
    .fetch_one(&mut *db)
    .await?;
    // a version of the future is of another database
    let since = if i64::from(version) > current { 0 } else { i64::from(version) };
    let rows: Vec<(String, Option<i64>, i64, i64)> = sqlx::query_as(
        "SELECT a.name, k.id, v.unread, c.last_time
         FROM chat_views v JOIN chats c ON c.id = v.chat JOIN accounts a ON a.id = c.low + c.high - v.owner
              LEFT JOIN contacts k ON k.owner = v.owner AND k.other = a.id
         WHERE v.owner = ? AND v.version > ? ORDER BY c.last_time DESC LIMIT ?",
    )
    .bind(user.0)
    .bind(since)
    .bind(limit)
    .fetch_all(db)
    .await?;
    let chat = |(name, contact, unread, time): (String, Option<i64>, i64, i64)| Chat {
        name,
        contact: contact.map(|id| ContactId(small(id))),
        unread: small(unread),
        time: Millis(natural(time)),
    };
    Ok(ChatList {
        version: small(current),
        latest: Millis(natural(latest)),
        chats: rows.into_iter().map(chat).collect(),
    })
}

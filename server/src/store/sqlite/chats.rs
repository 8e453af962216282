//! The list of an account's private chats.
use sqlx::SqliteConnection;

use super::{natural, small};
use crate::clock::Millis;
use crate::ids::{ContactId, UserId};
use crate::store::{Chat, ChatList};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Chats of `?1` that have changed since version `?2`.
macro_rules! chat_rows {
    ($order:literal) => {
        concat!(
            "SELECT v.version, a.name, k.id, v.unread, v.read_time, c.last_time
             FROM chat_views v JOIN chats c ON c.id = v.chat JOIN accounts a ON a.id = c.low + c.high - v.owner
                  LEFT JOIN contacts k ON k.owner = v.owner AND k.other = a.id
             WHERE v.owner = ?1 AND v.version > ?2 ",
            $order
        )
    };
}

/// Version, name, contact, unread messages, time read up to, time.
type ChatRow = (i64, String, Option<i64>, i64, i64, i64);

pub(super) async fn list(
    db: &mut SqliteConnection,
    user: UserId,
    since: Option<u32>,
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
    let since = since.map(|since| if i64::from(since) > current { 0 } else { i64::from(since) });
    let page = match since {
        None => chat_rows!("ORDER BY c.last_time DESC LIMIT ?3"),
        // the first changes since then: what does not fit comes with the version that these lead to
        Some(_) => chat_rows!("ORDER BY v.version LIMIT ?3"),
    };
    let mut rows: Vec<ChatRow> = sqlx::query_as(page)
        .bind(user.0)
        .bind(since.unwrap_or(-1))
        .bind(i64::from(limit) + 1)
        .fetch_all(db)
        .await?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let reached = rows.last().map(|(version, ..)| *version).filter(|_| has_more && since.is_some());
    rows.sort_by_key(|(.., time)| std::cmp::Reverse(*time));
    let chat = |(_, name, contact, unread, read_at, time): ChatRow| Chat {
        name,
        contact: contact.map(|id| ContactId(small(id))),
        unread: small(unread),
        read_at: Millis(natural(read_at)),
        time: Millis(natural(time)),
    };
    Ok(ChatList {
        version: small(reached.unwrap_or(current)),
        latest: Millis(natural(latest)),
        chats: rows.into_iter().map(chat).collect(),
    })
}

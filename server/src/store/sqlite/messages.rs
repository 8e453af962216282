//! Messages, which of them wait for their receiver, and chats as each side sees them.
use std::collections::HashMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use mig33_codec::values::ContentType;
use sqlx::SqliteConnection;

use super::{contacts, natural, number, small};
use crate::clock::Millis;
use crate::ids::{Seq, UserId};
use crate::store::{
    Added, ChatOf, Delivered, History, HistoryOf, MessageRefused, NewMessage, Page, Receipt,
    StoredMessage,
};

type Result<T> = std::result::Result<T, sqlx::Error>;

const PRIVATE: i64 = 1;
const ROOM: i64 = 3;

pub(super) async fn add(
    db: &mut SqliteConnection,
    new: NewMessage,
) -> Result<std::result::Result<Added, MessageRefused>> {
    if let Some(added) = again(&mut *db, new.sender, &new.guid).await? {
        return Ok(Ok(added));
    }
    let (kind, low, high) = match new.chat {
        ChatOf::Room(room) => (ROOM, room.0, 0),
        ChatOf::Private(receiver) => {
            let allowed = receiver != new.sender
                && contacts::pair(&mut *db, new.sender, receiver).await?.may_write(new.open);
            if !allowed {
                return Ok(Err(MessageRefused::Receiver));
            }
            (PRIVATE, new.sender.0.min(receiver.0), new.sender.0.max(receiver.0))
        }
    };
    let before: Option<(String, i64)> = sqlx::query_as(
        "SELECT last_guid, last_time FROM chats WHERE kind = ? AND low = ? AND high = ?",
    )
    .bind(kind)
    .bind(low)
    .bind(high)
    .fetch_optional(&mut *db)
    .await?;
    if before.as_ref().is_some_and(|(_, last)| *last >= number(new.busy_from.0)) {
        return Ok(Err(MessageRefused::Busy));
    }
    let previous = before.map(|(guid, _)| guid);
    let (chat, time): (i64, i64) = sqlx::query_as(
        "INSERT INTO chats (kind, low, high, last_time, last_guid) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (kind, low, high) DO UPDATE
           SET last_time = max(last_time + 1, excluded.last_time), last_guid = excluded.last_guid
         RETURNING id, last_time",
    )
    .bind(kind)
    .bind(low)
    .bind(high)
    .bind(number(new.now.0))
    .bind(&new.guid)
    .fetch_one(&mut *db)
    .await?;
    let seq: i64 = sqlx::query_scalar(
        "INSERT INTO messages (chat, time, sender, guid, previous_guid, content_type, content, file_name, mime_type)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
    )
    .bind(chat)
    .bind(time)
    .bind(new.sender.0)
    .bind(&new.guid)
    .bind(&previous)
    .bind(new.content_type.0)
    .bind(&new.content[..])
    .bind(&new.file_name)
    .bind(&new.mime_type)
    .fetch_one(&mut *db)
    .await?;
    if let ChatOf::Private(receiver) = new.chat {
        add_for_receiver(db, chat, seq, new.sender, receiver).await?;
    }
    let (seq, time) = (Seq(natural(seq)), Millis(natural(time)));
    Ok(Ok(Added { seq, time, guid: new.guid, previous, again: false }))
}

pub(super) async fn again(
    db: &mut SqliteConnection,
    sender: UserId,
    guid: &str,
) -> Result<Option<Added>> {
    let row: Option<(i64, i64, Option<String>)> = sqlx::query_as(
        "SELECT seq, time, previous_guid FROM messages WHERE sender = ? AND guid = ?",
    )
    .bind(sender.0)
    .bind(guid)
    .fetch_optional(db)
    .await?;
    Ok(row.map(|(seq, time, previous)| Added {
        seq: Seq(natural(seq)),
        time: Millis(natural(time)),
        guid: guid.to_owned(),
        previous,
        again: true,
    }))
}

async fn add_for_receiver(
    db: &mut SqliteConnection,
    chat: i64,
    seq: i64,
    sender: UserId,
    receiver: UserId,
) -> Result<()> {
    sqlx::query("INSERT INTO waiting VALUES (?, ?)")
        .bind(receiver.0)
        .bind(seq)
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE accounts SET chats_version = chats_version + 1 WHERE id IN (?, ?)")
        .bind(sender.0)
        .bind(receiver.0)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "INSERT INTO chat_views (owner, chat, version, unread)
         SELECT id, ?3, chats_version, id = ?2 FROM accounts WHERE id IN (?1, ?2)
         ON CONFLICT (owner, chat) DO UPDATE
           SET version = excluded.version, unread = unread + excluded.unread",
    )
    .bind(sender.0)
    .bind(receiver.0)
    .bind(chat)
    .execute(db)
    .await?;
    Ok(())
}

/// A message with the names that belong to it.
macro_rules! message_rows {
    ($from:literal) => {
        concat!(
            "SELECT m.seq, m.time, m.guid, m.previous_guid, s.name,
                    CASE c.kind WHEN 3 THEN (SELECT name FROM rooms WHERE id = c.low)
                                ELSE (SELECT name FROM accounts WHERE id = c.low + c.high - m.sender) END,
                    c.kind = 3, m.content_type, m.content, m.file_name, m.mime_type, m.state
             FROM ",
            $from
        )
    };
}

/// A page of a chat's messages, in this order.
macro_rules! history_rows {
    ($order:literal) => {
        concat!(
            message_rows!(
                "chats c JOIN messages m ON m.chat = c.id JOIN accounts s ON s.id = m.sender
                 WHERE c.kind = ? AND c.low = ? AND c.high = ? AND m.time >= ? AND m.time <= ?
                 ORDER BY m.time "
            ),
            $order,
            " LIMIT ?"
        )
    };
}

type MessageRow = (
    i64,
    i64,
    String,
    Option<String>,
    String,
    String,
    bool,
    u16,
    Vec<u8>,
    Option<String>,
    Option<String>,
    u8,
);

fn message(row: MessageRow) -> StoredMessage {
    let (
        seq,
        time,
        guid,
        previous,
        sender,
        destination,
        in_room,
        content_type,
        content,
        file_name,
        mime_type,
        state,
    ) = row;
    let length = content.len();
    StoredMessage {
        seq: Seq(natural(seq)),
        time: Millis(natural(time)),
        guid,
        previous,
        sender,
        destination,
        in_room,
        content_type: ContentType(content_type),
        content: Bytes::from(content),
        file_name,
        mime_type,
        state,
        length,
    }
}

/// As many rows as fit on the page; at least one.
async fn fill(
    page: Page,
    mut rows: BoxStream<'_, Result<MessageRow>>,
) -> Result<Vec<StoredMessage>> {
    let mut messages = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        let mut message = message(row);
        bytes += match page.without_above {
            Some(above) if message.content_type == ContentType::IMAGE && message.length > above => {
                message.content = Bytes::new();
                message.length / 16 // it is read all the same
            }
            Some(_) | None => message.length,
        };
        if !messages.is_empty() && bytes > page.bytes {
            break;
        }
        messages.push(message);
    }
    Ok(messages)
}

pub(super) async fn waiting(
    db: &mut SqliteConnection,
    user: UserId,
    after: Seq,
    page: Page,
) -> Result<Vec<StoredMessage>> {
    let rows = sqlx::query_as(message_rows!(
        "waiting w JOIN messages m ON m.seq = w.seq JOIN chats c ON c.id = m.chat JOIN accounts s ON s.id = m.sender
         WHERE w.receiver = ? AND w.seq > ? ORDER BY w.seq LIMIT ?"
    ))
    .bind(user.0)
    .bind(number(after.0))
    .bind(page.messages)
    .fetch(db);
    fill(page, rows).await
}

pub(super) async fn by_seq(db: &mut SqliteConnection, seq: Seq) -> Result<Option<StoredMessage>> {
    let row = sqlx::query_as(message_rows!(
        "messages m JOIN chats c ON c.id = m.chat JOIN accounts s ON s.id = m.sender WHERE m.seq = ?"
    ));
    Ok(row.bind(number(seq.0)).fetch_optional(db).await?.map(message))
}

pub(super) async fn history(
    db: &mut SqliteConnection,
    query: History,
) -> Result<Vec<StoredMessage>> {
    let (kind, low, high) = match &query.chat {
        HistoryOf::Room(room) => (ROOM, room.0, 0),
        HistoryOf::Private(key) => {
            let Some((other, _)) = contacts::by_key(&mut *db, key).await? else {
                return Ok(Vec::new());
            };
            (PRIVATE, query.user.0.min(other.0), query.user.0.max(other.0))
        }
    };
    let page = if query.forward { history_rows!("") } else { history_rows!("DESC") };
    let rows = sqlx::query_as(page)
        .bind(kind)
        .bind(low)
        .bind(high)
        .bind(query.oldest.map_or(0, |time| number(time.0)))
        .bind(query.latest.map_or(i64::MAX, |time| number(time.0)))
        .bind(query.page.messages)
        .fetch(db);
    let mut messages = fill(query.page, rows).await?;
    if !query.forward {
        messages.reverse();
    }
    Ok(messages)
}

/// Waiting messages of `?1`, and what takes them off the list. `$which` selects their places, with `?2` and `?3`.
macro_rules! deliver {
    ($which:literal) => {
        (
            concat!(
                "SELECT m.seq, m.sender, s.name, m.guid, m.time
                 FROM messages m JOIN accounts s ON s.id = m.sender
                 WHERE m.seq IN (SELECT w.seq FROM waiting w WHERE w.receiver = ?1 AND w.seq ",
                $which,
                ") ORDER BY m.seq"
            ),
            concat!("DELETE FROM waiting WHERE receiver = ?1 AND seq ", $which),
        )
    };
}

pub(super) async fn set_delivered(
    db: &mut SqliteConnection,
    user: UserId,
    which: Delivered,
    open: bool,
) -> Result<Vec<Receipt>> {
    match which {
        Delivered::UpTo(seq) => {
            let sql = deliver!("<= CAST(?2 AS INTEGER) AND ?3 = ''");
            deliver(db, (user, open), sql, &seq.0.to_string(), "").await
        }
        Delivered::These(seqs) => {
            let sql = deliver!("IN (SELECT value FROM json_each(?2)) AND ?3 = ''");
            deliver(db, (user, open), sql, &json(seqs.iter().map(|seq| seq.0)), "").await
        }
        Delivered::Named(names) => {
            let sql = deliver!(
                "= (SELECT seq FROM messages WHERE guid = ?2
                      AND sender = (SELECT id FROM accounts WHERE name_key = ?3))"
            );
            let mut receipts = Vec::new();
            for (sender_key, guid) in names {
                receipts.extend(deliver(&mut *db, (user, open), sql, &guid, &sender_key).await?);
            }
            Ok(receipts)
        }
    }
}

async fn deliver(
    db: &mut SqliteConnection,
    (user, open): (UserId, bool),
    (select, delete): (&'static str, &'static str),
    first: &str,
    second: &str,
) -> Result<Vec<Receipt>> {
    let rows: Vec<(i64, i64, String, String, i64)> =
        sqlx::query_as(select).bind(user.0).bind(first).bind(second).fetch_all(&mut *db).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query(delete).bind(user.0).bind(first).bind(second).execute(&mut *db).await?;
    let mut may_know: HashMap<i64, bool> = HashMap::new();
    for (_, sender, ..) in &rows {
        if !may_know.contains_key(sender) {
            let pair = contacts::pair(&mut *db, user, UserId(small(*sender))).await?;
            may_know.insert(*sender, pair.may_write(open));
        }
    }
    let told: Vec<_> =
        rows.into_iter().filter(|(_, sender, ..)| may_know.get(sender) == Some(&true)).collect();
    sqlx::query(
        "UPDATE messages SET state = max(state, 2) WHERE seq IN (SELECT value FROM json_each(?))",
    )
    .bind(json(told.iter().map(|(seq, ..)| *seq)))
    .execute(db)
    .await?;
    let receipt = |(_, sender, sender_name, guid, time)| Receipt {
        sender: UserId(small(sender)),
        sender_name,
        guid,
        time: Millis(natural(time)),
        for_sender: true,
    };
    Ok(told.into_iter().map(receipt).collect())
}

/// Numbers as a JSON array.
fn json(numbers: impl Iterator<Item = impl ToString>) -> String {
    format!("[{}]", numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(","))
}

pub(super) async fn set_read(
    db: &mut SqliteConnection,
    user: UserId,
    sender_key: String,
    guid: String,
    open: bool,
) -> Result<Option<Receipt>> {
    // the reader's view of the chat that the message is in; no row when the chat is not the reader's
    let row: Option<(i64, i64, i64, String, u8, i64)> = sqlx::query_as(
        "SELECT m.chat, m.time, m.sender, s.name, m.state, v.read_time
         FROM accounts s JOIN messages m ON m.sender = s.id JOIN chat_views v ON v.chat = m.chat AND v.owner = ?1
         WHERE s.name_key = ?2 AND m.guid = ?3 AND m.sender <> ?1",
    )
    .bind(user.0)
    .bind(sender_key)
    .bind(&guid)
    .fetch_optional(&mut *db)
    .await?;
    let Some((chat, time, sender, sender_name, state, read_before)) = row else { return Ok(None) };
    if time <= read_before || state >= 3 {
        return Ok(None);
    }
    sqlx::query(
        "DELETE FROM waiting WHERE receiver = ? AND seq IN
           (SELECT seq FROM messages WHERE chat = ? AND time > ? AND time <= ?)",
    )
    .bind(user.0)
    .bind(chat)
    .bind(read_before)
    .bind(time)
    .execute(&mut *db)
    .await?;
    let for_sender = contacts::pair(&mut *db, user, UserId(small(sender))).await?.may_write(open);
    if for_sender {
        sqlx::query(
            "UPDATE messages SET state = 3 WHERE chat = ? AND time > ? AND time <= ? AND sender = ?",
        )
        .bind(chat)
        .bind(read_before)
        .bind(time)
        .bind(sender)
        .execute(&mut *db)
        .await?;
    }
    sqlx::query("UPDATE accounts SET chats_version = chats_version + 1 WHERE id = ?")
        .bind(user.0)
        .execute(&mut *db)
        .await?;
    // those that are read now are counted, and not the ones that are left: they may be a million
    sqlx::query(
        "UPDATE chat_views SET read_time = ?3,
                unread = max(0, unread - (SELECT count(*) FROM messages
                                          WHERE chat = ?2 AND time > read_time AND time <= ?3 AND sender <> ?1)),
                version = (SELECT chats_version FROM accounts WHERE id = ?1)
         WHERE owner = ?1 AND chat = ?2",
    )
    .bind(user.0)
    .bind(chat)
    .bind(time)
    .execute(db)
    .await?;
    Ok(Some(Receipt {
        sender: UserId(small(sender)),
        sender_name,
        guid,
        time: Millis(natural(time)),
        for_sender,
    }))
}

#[cfg(test)]
mod tests;

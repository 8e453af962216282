//! Upload addresses and pictures; the bytes are in files.
use sqlx::SqliteConnection;

use super::{messages, natural, number, small};
use crate::clock::Millis;
use crate::ids::UserId;
use crate::store::{
    Added, MessageRefused, NamedFiles, NewMessage, NewUpload, Picture, PictureRefused, Receiver,
    UploadState,
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// How long a used or late address is remembered as such.
const REMEMBERED_S: u64 = 2 * 24 * 60 * 60;

pub(super) async fn add_upload(
    db: &mut SqliteConnection,
    new: NewUpload,
    since: Millis,
    most: u32,
) -> Result<bool> {
    sqlx::query("DELETE FROM uploads WHERE sender = ? AND expires_at < ?")
        .bind(new.sender.0)
        .bind(number(new.now.minus_seconds(REMEMBERED_S).0))
        .execute(&mut *db)
        .await?;
    if most != 0 && sent(&mut *db, new.sender, since).await? >= most {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO uploads (hash, sender, receiver, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(&new.hash[..])
    .bind(new.sender.0)
    .bind(new.receiver.0)
    .bind(number(new.now.0))
    .bind(number(new.expires.0))
    .execute(db)
    .await?;
    Ok(true)
}

/// How many pictures somebody has sent since then, by link or in a message.
async fn sent(db: &mut SqliteConnection, sender: UserId, since: Millis) -> Result<u32> {
    let sent: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM uploads WHERE sender = ?1 AND created_at > ?2)
              + (SELECT count(*) FROM sent_pictures WHERE sender = ?1 AND at > ?2)",
    )
    .bind(sender.0)
    .bind(number(since.0))
    .fetch_one(db)
    .await?;
    Ok(small(sent))
}

pub(super) async fn count(
    db: &mut SqliteConnection,
    sender: UserId,
    guid: String,
    now: Millis,
    since: Millis,
    most: u32,
) -> Result<bool> {
    sqlx::query("DELETE FROM sent_pictures WHERE sender = ? AND at <= ?")
        .bind(sender.0)
        .bind(number(since.0))
        .execute(&mut *db)
        .await?;
    let again: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sent_pictures WHERE sender = ? AND guid = ?)",
    )
    .bind(sender.0)
    .bind(&guid)
    .fetch_one(&mut *db)
    .await?;
    if again {
        return Ok(true);
    }
    if most != 0 && sent(&mut *db, sender, since).await? >= most {
        return Ok(false);
    }
    sqlx::query("INSERT INTO sent_pictures (sender, guid, at) VALUES (?, ?, ?)")
        .bind(sender.0)
        .bind(guid)
        .bind(number(now.0))
        .execute(db)
        .await?;
    Ok(true)
}

pub(super) async fn upload(
    db: &mut SqliteConnection,
    hash: &[u8; 32],
    now: Millis,
) -> Result<UploadState> {
    let row: Option<(i64, String, i64, String, bool)> = sqlx::query_as(
        "SELECT s.id, s.name, r.id, r.name, used = 0 AND expires_at > ?
         FROM uploads JOIN accounts s ON s.id = sender JOIN accounts r ON r.id = receiver WHERE hash = ?",
    )
    .bind(number(now.0))
    .bind(&hash[..])
    .fetch_optional(db)
    .await?;
    let who = |id, name| Receiver { id: UserId(small(id)), name };
    Ok(match row {
        None => UploadState::Unknown,
        Some((.., false)) => UploadState::Gone,
        Some((sender_id, sender, receiver_id, receiver, true)) => UploadState::Open {
            sender: who(sender_id, sender),
            receiver: who(receiver_id, receiver),
        },
    })
}

pub(super) async fn add(
    db: &mut SqliteConnection,
    hash: [u8; 32],
    picture: Picture,
    message: NewMessage,
) -> Result<std::result::Result<Added, PictureRefused>> {
    // not the time: who began in time may end a little late
    let open: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM uploads WHERE hash = ? AND used = 0)")
            .bind(&hash[..])
            .fetch_one(&mut *db)
            .await?;
    if !open {
        return Ok(Err(PictureRefused::Gone));
    }
    let (sender, now) = (message.sender, message.now);
    let added = match messages::add(&mut *db, message).await? {
        Ok(added) => added,
        Err(MessageRefused::Receiver) => return Ok(Err(PictureRefused::Receiver)),
        Err(MessageRefused::Busy) => return Ok(Err(PictureRefused::Busy)),
    };
    if added.again {
        return Ok(Ok(added));
    }
    sqlx::query(
        "INSERT INTO pictures (token, file, mime_type, bytes, sender, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(&picture.token)
    .bind(&picture.file)
    .bind(&picture.mime_type)
    .bind(number(picture.bytes))
    .bind(sender.0)
    .bind(number(now.0))
    .execute(&mut *db)
    .await?;
    sqlx::query("UPDATE uploads SET used = 1 WHERE hash = ?").bind(&hash[..]).execute(db).await?;
    Ok(Ok(added))
}

pub(super) async fn by_token(db: &mut SqliteConnection, token: &str) -> Result<Option<Picture>> {
    let row: Option<(String, String, String, i64)> =
        sqlx::query_as("SELECT token, file, mime_type, bytes FROM pictures WHERE token = ?")
            .bind(token)
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(token, file, mime_type, bytes)| Picture {
        token,
        file,
        mime_type,
        bytes: natural(bytes),
    }))
}

pub(super) async fn named_files(db: &mut SqliteConnection) -> Result<NamedFiles> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT file FROM pictures").fetch_all(&mut *db).await?;
    let (created, last_upload): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT (SELECT CAST(strftime('%s', min(installed_on)) AS INTEGER) * 1000 FROM _sqlx_migrations),
                (SELECT max(created_at) FROM uploads)",
    )
    .fetch_one(db)
    .await?;
    let time = |time: i64| Millis(natural(time));
    Ok(NamedFiles {
        names: names.into_iter().collect(),
        created: created.map(time),
        last_upload: last_upload.map(time),
    })
}

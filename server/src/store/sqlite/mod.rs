//! `SqliteStore`: everything in one SQLite file. One connection writes, others read beside it (WAL).
mod accounts;
mod chats;
mod contacts;
mod groups;
mod messages;
mod open;
mod pictures;
mod places;
mod repair;
mod rooms;
mod schema;
mod seats;
mod writer;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlitePool;
use tokio::task::JoinHandle;

use self::writer::Writer;
use super::{
    Account, Added, Cause, ChatList, ContactChange, ContactChanged, ContactList, Delivered,
    GroupChange, Health, History, KeptSeat, KeptSeats, ListVersion, MessageRefused, NamedFiles,
    NewAccount, NewMessage, NewRoom, NewToken, NewUpload, OnStored, Page, Picture, PictureRefused,
    Receipt, Receiver, Redeem, Redeemed, Repaired, Room, RoomPage, RoomRefused, Store, StoreError,
    StoredMessage, UploadState,
};
use crate::clock::Millis;
use crate::ids::{ContactId, RoomId, Seq, TokenId, UserId};
use crate::rules::contacts::Refusal;

pub use self::open::OpenError;
pub use self::schema::Standing;

/// A store in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: SqlitePool,
    health: Arc<Health>,
    writer: Mutex<Option<Arc<Writer>>>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// The writer, unless the store is closed.
    fn writer(&self) -> Result<Arc<Writer>, StoreError> {
        let writer = self.writer.lock().expect("nobody panics while holding this lock");
        writer.clone().ok_or(StoreError::Closed)
    }

    /// What was read; counted where it could not be.
    async fn reading<T>(
        &self,
        read: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        let read = read.await;
        if let Err(error) = &read {
            self.health.failed(cause(error), 1);
        }
        Ok(read?)
    }
}

impl SqliteStore {
    /// Moves all stored times that are later than `now` back, and keeps their order. Nobody else may be at work on it.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was moved.
    pub async fn repair_times(
        &self,
        now: Millis,
        token_life: Duration,
    ) -> Result<Repaired, StoreError> {
        let life = u64::try_from(token_life.as_millis()).unwrap_or(u64::MAX);
        self.writer()?.run(move |db| Box::pin(repair::times(db, now, life))).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_account(&self, new: NewAccount) -> Result<Option<UserId>, StoreError> {
        self.writer()?.run(|db| Box::pin(accounts::create(db, new))).await
    }

    async fn account(&self, name_key: &str) -> Result<Option<Account>, StoreError> {
        self.reading(async {
            accounts::by_name(&mut *self.readers.acquire().await?, name_key).await
        })
        .await
    }

    async fn set_status_message(
        &self,
        user: UserId,
        text: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        let text = text.to_owned();
        self.writer()?.run(move |db| Box::pin(accounts::set_status(db, user, text, now))).await
    }

    async fn set_display_picture(&self, user: UserId, guid: &str) -> Result<(), StoreError> {
        let guid = guid.to_owned();
        self.writer()?.run(move |db| Box::pin(accounts::set_picture(db, user, guid))).await
    }

    async fn add_token(
        &self,
        user: UserId,
        new: NewToken,
        keep: u32,
    ) -> Result<TokenId, StoreError> {
        self.writer()?.run(move |db| Box::pin(accounts::add_token(db, user, None, new, keep))).await
    }

    async fn redeem_token(&self, redeem: Redeem) -> Result<Option<Redeemed>, StoreError> {
        self.writer()?.run(move |db| Box::pin(accounts::redeem(db, redeem))).await
    }

    async fn drop_tokens(&self, user: UserId, tokens: &[TokenId]) -> Result<(), StoreError> {
        let tokens = tokens.to_vec();
        self.writer()?.run(move |db| Box::pin(accounts::drop_tokens(db, user, tokens))).await
    }

    async fn knows_place(
        &self,
        user: UserId,
        place: [u8; 32],
        since: Millis,
    ) -> Result<bool, StoreError> {
        self.reading(async {
            places::knows(&mut *self.readers.acquire().await?, user, &place, since).await
        })
        .await
    }

    async fn add_place(
        &self,
        user: UserId,
        place: [u8; 32],
        now: Millis,
        keep: u32,
    ) -> Result<(), StoreError> {
        self.writer()?.run(move |db| Box::pin(places::add(db, user, place, now, keep))).await
    }

    async fn contact_list(&self, user: UserId) -> Result<ContactList, StoreError> {
        self.reading(async {
            // one state of the list, not two halves
            let mut reading = self.readers.begin().await?;
            contacts::list(&mut reading, user).await
        })
        .await
    }

    async fn watchers(&self, user: UserId) -> Result<Vec<(UserId, ContactId)>, StoreError> {
        self.reading(async { contacts::watchers(&mut *self.readers.acquire().await?, user).await })
            .await
    }

    async fn contact_requests(&self, user: UserId, limit: u32) -> Result<Vec<String>, StoreError> {
        self.reading(async {
            contacts::requests(&mut *self.readers.acquire().await?, user, limit).await
        })
        .await
    }

    async fn change_contact(
        &self,
        change: ContactChange,
    ) -> Result<Result<Option<ContactChanged>, Refusal>, StoreError> {
        self.writer()?.run(|db| Box::pin(contacts::change(db, change))).await
    }

    async fn change_groups(
        &self,
        change: GroupChange,
    ) -> Result<Result<ListVersion, Refusal>, StoreError> {
        self.writer()?.run(|db| Box::pin(groups::change(db, change))).await
    }

    async fn add_message(
        &self,
        new: NewMessage,
        then: OnStored,
    ) -> Result<Result<Added, MessageRefused>, StoreError> {
        self.writer()?
            .run_then(
                |db| Box::pin(messages::add(db, new)),
                |added| {
                    if let Ok(added) = added
                        && !added.again
                    {
                        then(added);
                    }
                },
            )
            .await
    }

    async fn sent(&self, sender: UserId, guid: &str) -> Result<Option<Added>, StoreError> {
        self.reading(async {
            messages::again(&mut *self.readers.acquire().await?, sender, guid).await
        })
        .await
    }

    async fn waiting(
        &self,
        user: UserId,
        after: Seq,
        page: Page,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        self.reading(async {
            messages::waiting(&mut *self.readers.acquire().await?, user, after, page).await
        })
        .await
    }

    async fn set_delivered(
        &self,
        user: UserId,
        which: Delivered,
        open: bool,
    ) -> Result<Vec<Receipt>, StoreError> {
        self.writer()?.run(move |db| Box::pin(messages::set_delivered(db, user, which, open))).await
    }

    async fn set_read(
        &self,
        user: UserId,
        sender_key: &str,
        guid: &str,
        open: bool,
    ) -> Result<Option<Receipt>, StoreError> {
        let (sender_key, guid) = (sender_key.to_owned(), guid.to_owned());
        self.writer()?
            .run(move |db| Box::pin(messages::set_read(db, user, sender_key, guid, open)))
            .await
    }

    async fn receiver(
        &self,
        sender: UserId,
        name_key: &str,
        open: bool,
    ) -> Result<Option<Receiver>, StoreError> {
        self.reading(async {
            contacts::receiver(&mut *self.readers.acquire().await?, sender, name_key, open).await
        })
        .await
    }

    async fn message(&self, seq: Seq) -> Result<Option<StoredMessage>, StoreError> {
        self.reading(async { messages::by_seq(&mut *self.readers.acquire().await?, seq).await })
            .await
    }

    async fn messages(&self, query: History) -> Result<Vec<StoredMessage>, StoreError> {
        self.reading(async { messages::history(&mut *self.readers.acquire().await?, query).await })
            .await
    }

    async fn chats_behind(&self, time: Millis) -> Result<u32, StoreError> {
        self.reading(async {
            repair::chats_behind(&mut *self.readers.acquire().await?, time).await
        })
        .await
    }

    async fn chats(
        &self,
        user: UserId,
        since: Option<u32>,
        limit: u32,
    ) -> Result<ChatList, StoreError> {
        self.reading(async {
            let mut reading = self.readers.begin().await?;
            chats::list(&mut reading, user, since, limit).await
        })
        .await
    }

    async fn create_room(
        &self,
        new: NewRoom,
        most: u32,
    ) -> Result<Result<Room, RoomRefused>, StoreError> {
        self.writer()?.run(move |db| Box::pin(rooms::create(db, new, most))).await
    }

    async fn room(&self, name_key: &str) -> Result<Option<Room>, StoreError> {
        self.reading(async { rooms::by_name(&mut *self.readers.acquire().await?, name_key).await })
            .await
    }

    async fn room_by_id(&self, room: RoomId) -> Result<Option<Room>, StoreError> {
        self.reading(async { rooms::by_id(&mut *self.readers.acquire().await?, room).await }).await
    }

    async fn rooms(&self, part: &str, skip: u32, limit: u32) -> Result<RoomPage, StoreError> {
        self.reading(async {
            let mut reading = self.readers.begin().await?;
            rooms::page(&mut reading, part, skip, limit).await
        })
        .await
    }

    async fn count_picture(
        &self,
        sender: UserId,
        guid: &str,
        now: Millis,
        since: Millis,
        most: u32,
    ) -> Result<bool, StoreError> {
        let guid = guid.to_owned();
        self.writer()?
            .run(move |db| Box::pin(pictures::count(db, sender, guid, now, since, most)))
            .await
    }

    async fn add_upload(
        &self,
        new: NewUpload,
        since: Millis,
        most: u32,
    ) -> Result<bool, StoreError> {
        self.writer()?.run(move |db| Box::pin(pictures::add_upload(db, new, since, most))).await
    }

    async fn upload(&self, hash: &[u8; 32], now: Millis) -> Result<UploadState, StoreError> {
        self.reading(async {
            pictures::upload(&mut *self.readers.acquire().await?, hash, now).await
        })
        .await
    }

    async fn add_picture(
        &self,
        upload: [u8; 32],
        picture: Picture,
        message: NewMessage,
        then: OnStored,
    ) -> Result<Result<Added, PictureRefused>, StoreError> {
        self.writer()?
            .run_then(
                move |db| Box::pin(pictures::add(db, upload, picture, message)),
                |added| {
                    if let Ok(added) = added
                        && !added.again
                    {
                        then(added);
                    }
                },
            )
            .await
    }

    async fn named_files(&self) -> Result<NamedFiles, StoreError> {
        self.reading(async {
            let mut reading = self.readers.begin().await?;
            pictures::named_files(&mut reading).await
        })
        .await
    }

    async fn picture(&self, token: &str) -> Result<Option<Picture>, StoreError> {
        self.reading(async { pictures::by_token(&mut *self.readers.acquire().await?, token).await })
            .await
    }

    async fn keep_seats(&self, seats: Vec<KeptSeat>, stopped_at: Millis) -> Result<(), StoreError> {
        self.writer()?.run(move |db| Box::pin(seats::keep(db, seats, stopped_at))).await
    }

    async fn take_seats(&self) -> Result<KeptSeats, StoreError> {
        self.writer()?.run(|db| Box::pin(seats::take(db))).await
    }

    fn health(&self) -> &Health {
        &self.health
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.writer()?
            .run(|db| {
                Box::pin(async move {
                    sqlx::query("INSERT OR REPLACE INTO meta VALUES ('probe', randomblob(8))")
                        .execute(db)
                        .await
                        .map(drop)
                })
            })
            .await
    }

    async fn close(&self) {
        // first: the last connection to close puts what is in the log into the file, if it may write
        self.readers.close().await;
        drop(self.writer.lock().expect("nobody panics while holding this lock").take());
        let writing = self.writing.lock().expect("nobody panics while holding this lock").take();
        if let Some(writing) = writing
            && let Err(error) = writing.await
        {
            tracing::error!(%error, "the writer ended badly");
        }
    }
}

/// Why the database did not do something, by what it says (sqlite.org/rescode.html).
pub(super) fn cause(error: &sqlx::Error) -> Cause {
    if let sqlx::Error::PoolTimedOut = error {
        return Cause::Busy;
    }
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(5 | 6) => Cause::Busy,
        Some(10 | 14) => Cause::Disk,
        Some(13) => Cause::Full,
        Some(_) | None => Cause::Other,
    }
}

/// Whether there is no room on the disk.
pub(crate) fn is_full(error: &sqlx::Error) -> bool {
    cause(error) == Cause::Full
}

/// An id or a time as SQLite keeps it. Ids count up from 1 and times are of this age: both are far below 2^63.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The reverse of [`number`].
fn natural(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A small id or count that SQLite gave.
fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

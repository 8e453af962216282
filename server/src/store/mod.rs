//! `Store`: what the service keeps, as one interface; the same scenarios run on every implementation.
//!
//! What a method changes is durable when it returns: a crash after that loses nothing of it. Rules that need the
//! present state (who may write to whom, what an answer to a contact request does) are pure functions in
//! [`crate::rules`], which an implementation calls inside its transaction.
use std::fmt::Debug;

use async_trait::async_trait;

use crate::clock::Millis;
use crate::ids::{ContactId, RoomId, Seq, TokenId, UserId};
use crate::rules::contacts::Refusal;

mod accounts;
mod contacts;
mod health;
mod messages;
mod pictures;
mod rooms;
mod seats;
pub mod sqlite;

pub use self::accounts::{Account, NewAccount, NewToken, Redeem, Redeemed};
pub use self::contacts::{
    Contact, ContactChange, ContactChanged, ContactList, GroupChange, GroupChangeKind, ListVersion,
    Other, state_number,
};
pub(crate) use self::health::Cause;
pub use self::health::Health;
pub use self::messages::{
    Added, Chat, ChatList, ChatOf, Delivered, History, HistoryOf, LEAD_AT_START_MS, LEAD_MS,
    MessageRefused, NewMessage, Page, Receipt, Receiver, Repaired, StoredMessage,
};
pub use self::pictures::{NamedFiles, NewUpload, Picture, PictureRefused, UploadState};
pub use self::rooms::{NewRoom, Room, RoomPage, RoomRefused};
pub use self::seats::{KeptSeat, KeptSeats};

/// What the service keeps.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    // accounts

    /// Makes an account; none when the name is taken.
    async fn create_account(&self, new: NewAccount) -> Result<Option<UserId>, StoreError>;
    /// The account of this name.
    async fn account(&self, name_key: &str) -> Result<Option<Account>, StoreError>;
    /// Sets what an account's contacts read beside its name.
    async fn set_status_message(
        &self,
        user: UserId,
        text: &str,
        now: Millis,
    ) -> Result<(), StoreError>;

    /// Sets the guid of the picture that an account's contacts see beside its name.
    async fn set_display_picture(&self, user: UserId, guid: &str) -> Result<(), StoreError>;

    // stay-logged-in tokens

    /// Keeps a new token, with no predecessor. The least recently used ones over `keep` die.
    async fn add_token(
        &self,
        user: UserId,
        new: NewToken,
        keep: u32,
    ) -> Result<TokenId, StoreError>;
    /// Uses a token and keeps its successor; none when this is no token of that account, or too old. The token's own
    /// predecessor dies.
    async fn redeem_token(&self, redeem: Redeem) -> Result<Option<Redeemed>, StoreError>;
    /// Ends tokens.
    async fn drop_tokens(&self, user: UserId, tokens: &[TokenId]) -> Result<(), StoreError>;

    // where owners have logged in from

    /// Whether the owner of an account has logged in from this place since then.
    async fn knows_place(
        &self,
        user: UserId,
        place: [u8; 32],
        since: Millis,
    ) -> Result<bool, StoreError>;
    /// Remembers a place, and no more than the last `keep` of the account.
    async fn add_place(
        &self,
        user: UserId,
        place: [u8; 32],
        now: Millis,
        keep: u32,
    ) -> Result<(), StoreError>;

    // contacts

    /// An account's groups and contacts, and which version of the list this is.
    async fn contact_list(&self, user: UserId) -> Result<ContactList, StoreError>;
    /// Who sees this account's presence, with the id under which each of them knows it.
    async fn watchers(&self, user: UserId) -> Result<Vec<(UserId, ContactId)>, StoreError>;
    /// The names of those who wait for this account's answer, oldest first.
    async fn contact_requests(&self, user: UserId, limit: u32) -> Result<Vec<String>, StoreError>;
    /// Changes what is between two accounts, by the rules of [`crate::rules::contacts`]; none where nobody has the name.
    async fn change_contact(
        &self,
        change: ContactChange,
    ) -> Result<Result<Option<ContactChanged>, Refusal>, StoreError>;
    /// Changes an account's groups, or which group a contact is in; the new version of the list.
    async fn change_groups(
        &self,
        change: GroupChange,
    ) -> Result<Result<ListVersion, Refusal>, StoreError>;

    // messages

    /// Keeps a message, in the chat's order. Once it is durable `then` is called, in the order of times within a chat
    /// and before this returns; not for a message that was there already.
    async fn add_message(
        &self,
        new: NewMessage,
        then: OnStored,
    ) -> Result<Result<Added, MessageRefused>, StoreError>;
    /// The message that this sender has sent with this guid.
    async fn sent(&self, sender: UserId, guid: &str) -> Result<Option<Added>, StoreError>;
    /// Private messages behind `after` that no session of the receiver is known to have, oldest first: at most `page`.
    async fn waiting(
        &self,
        user: UserId,
        after: Seq,
        page: Page,
    ) -> Result<Vec<StoredMessage>, StoreError>;
    /// A session of the receiver has these waiting messages; the ones that were still waiting, and whose senders may
    /// know. What others may not know is not kept with the message either. `open` as in [`receiver`](Self::receiver).
    async fn set_delivered(
        &self,
        user: UserId,
        which: Delivered,
        open: bool,
    ) -> Result<Vec<Receipt>, StoreError>;
    /// The receiver has read up to this message; its receipt unless it was known. `open` as in
    /// [`receiver`](Self::receiver).
    async fn set_read(
        &self,
        user: UserId,
        sender_key: &str,
        guid: &str,
        open: bool,
    ) -> Result<Option<Receipt>, StoreError>;
    /// Whether the two may write to each other, strangers too where it is `open` to them: the receiver as a sender would
    /// find it.
    async fn receiver(
        &self,
        sender: UserId,
        name_key: &str,
        open: bool,
    ) -> Result<Option<Receiver>, StoreError>;
    /// The message at this place.
    async fn message(&self, seq: Seq) -> Result<Option<StoredMessage>, StoreError>;
    /// Messages of a private chat (by the other's name) or a room, oldest first.
    async fn messages(&self, query: History) -> Result<Vec<StoredMessage>, StoreError>;
    /// How many chats have their last message later than this.
    async fn chats_behind(&self, time: Millis) -> Result<u32, StoreError>;
    /// An account's private chats, newest first: the first `limit` that have changed since a version, with the version
    /// that these lead to; or the most recent `limit` of all.
    async fn chats(
        &self,
        user: UserId,
        since: Option<u32>,
        limit: u32,
    ) -> Result<ChatList, StoreError>;

    // rooms

    /// Makes a room.
    async fn create_room(
        &self,
        new: NewRoom,
        most: u32,
    ) -> Result<Result<Room, RoomRefused>, StoreError>;
    /// The room of this name.
    async fn room(&self, name_key: &str) -> Result<Option<Room>, StoreError>;
    /// The room with this id.
    async fn room_by_id(&self, room: RoomId) -> Result<Option<Room>, StoreError>;
    /// Rooms whose name has `part` in it, in lower case: the service's own first, then by name.
    async fn rooms(&self, part: &str, skip: u32, limit: u32) -> Result<RoomPage, StoreError>;

    // pictures

    /// Counts a picture that is sent in the message of this guid; false when the sender has sent `most` since `since`, in
    /// messages or by link (0: as many as they like). One that is sent again is not counted again.
    async fn count_picture(
        &self,
        sender: UserId,
        guid: &str,
        now: Millis,
        since: Millis,
        most: u32,
    ) -> Result<bool, StoreError>;
    /// Keeps an upload address; false when the sender has sent `most` pictures since `since`, as above.
    async fn add_upload(
        &self,
        new: NewUpload,
        since: Millis,
        most: u32,
    ) -> Result<bool, StoreError>;
    /// What an upload address stands for.
    async fn upload(&self, hash: &[u8; 32], now: Millis) -> Result<UploadState, StoreError>;
    /// Uses an upload address up and keeps picture and message in one step. `then` as in [`Store::add_message`].
    async fn add_picture(
        &self,
        upload: [u8; 32],
        picture: Picture,
        message: NewMessage,
        then: OnStored,
    ) -> Result<Result<Added, PictureRefused>, StoreError>;
    /// The files of all pictures.
    async fn named_files(&self) -> Result<NamedFiles, StoreError>;
    /// The picture at this address.
    async fn picture(&self, token: &str) -> Result<Option<Picture>, StoreError>;

    // seats over a restart

    /// Keeps the seats of those who were here when the service stopped, in this order, in place of any from before.
    async fn keep_seats(&self, seats: Vec<KeptSeat>, stopped_at: Millis) -> Result<(), StoreError>;
    /// Takes them out.
    async fn take_seats(&self) -> Result<KeptSeats, StoreError>;

    // whether it works

    /// What has failed.
    fn health(&self) -> &Health;
    /// Writes something small that means nothing, to see whether that can be done.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Writes what is under way, and closes. Later calls fail.
    async fn close(&self);
}

/// Is told that a message is durable.
pub type OnStored = Box<dyn FnOnce(&Added) + Send>;

/// The store did not do it. Nothing of what was asked for has happened, or none of it is known to last.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    /// A group of changes could not be committed, this one among them.
    #[error("the changes could not be committed: {0}")]
    Commit(std::sync::Arc<sqlx::Error>),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether what was asked for may turn out to have been done after all, when the database is opened anew. A full disk
    /// tells before the end of a transaction is written; of one that did not sync it is not known what it has.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::Commit(error) => sqlite::cause(error) != Cause::Full,
            Self::Database(_) | Self::Closed => false,
        }
    }
}

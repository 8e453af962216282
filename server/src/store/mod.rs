//! `Store`: what the service keeps, as one interface; the same scenarios run on every implementation.
//!
//! What a method changes is durable when it returns: a crash after that loses nothing of it. Rules that need the
//! present state (who may write to whom, what an answer to a contact request does) are pure functions in
//! [`crate::rules`], which an implementation calls inside its transaction.
use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use mig33_codec::values::ContentType;

use crate::clock::Millis;
use crate::ids::{ContactId, GroupId, RoomId, Seq, TokenId, UserId};
use crate::passwords::Sealed;
use crate::rules::contacts::{Change, ContactState, Effect, Refusal};

pub mod sqlite;

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

    // contacts

    /// An account's groups and contacts, and which version of the list this is.
    async fn contact_list(&self, user: UserId) -> Result<ContactList, StoreError>;
    /// Who sees this account's presence, with the id under which each of them knows it.
    async fn watchers(&self, user: UserId) -> Result<Vec<(UserId, ContactId)>, StoreError>;
    /// The names of those who wait for this account's answer, oldest first.
    async fn contact_requests(&self, user: UserId, limit: u32) -> Result<Vec<String>, StoreError>;
    /// Changes what is between two accounts, by the rules of [`crate::rules::contacts`].
    async fn change_contact(
        &self,
        change: ContactChange,
    ) -> Result<Result<ContactChanged, Refusal>, StoreError>;
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
    /// A session of the receiver has these waiting messages; the ones that were still waiting.
    async fn set_delivered(
        &self,
        user: UserId,
        which: Delivered,
    ) -> Result<Vec<Receipt>, StoreError>;
    /// The receiver has read up to this message; its receipt unless it was known.
    async fn set_read(
        &self,
        user: UserId,
        sender_key: &str,
        guid: &str,
    ) -> Result<Option<Receipt>, StoreError>;
    /// Whether the two may write to each other: the receiver as a sender would find it.
    async fn receiver(
        &self,
        sender: UserId,
        name_key: &str,
        open: bool,
    ) -> Result<Option<Receiver>, StoreError>;
    /// Messages of a private chat (by the other's name) or a room, oldest first.
    async fn messages(&self, query: History) -> Result<Vec<StoredMessage>, StoreError>;
    /// An account's private chats that have changed since `version`, the most recent `limit`; newest first.
    async fn chats(&self, user: UserId, version: u32, limit: u32) -> Result<ChatList, StoreError>;

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

    /// Keeps an upload address; false when the sender has made `most` since `since`.
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
    /// The picture at this address.
    async fn picture(&self, token: &str) -> Result<Option<Picture>, StoreError>;
    /// Whether a picture's bytes are in this file.
    async fn has_picture_file(&self, file: &str) -> Result<bool, StoreError>;

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

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The name as it is shown.
    pub name: String,
    /// The encrypted password.
    pub password: Sealed,
    /// Digits with country code.
    pub mobile_phone: Option<String>,
    /// When.
    pub now: Millis,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its name as it is shown.
    pub name: String,
    /// The encrypted password.
    pub password: Sealed,
    /// Digits with country code.
    pub mobile_phone: Option<String>,
    /// What its contacts read beside its name.
    pub status_message: String,
    /// The version of its contact list.
    pub contacts: ListVersion,
}

/// A token to be kept: its SHA-256, never itself.
#[derive(Clone, Copy, Debug)]
pub struct NewToken {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// When.
    pub now: Millis,
    /// Until when it is good.
    pub expires: Millis,
}

/// A token that is being used.
#[derive(Clone, Debug)]
pub struct Redeem {
    /// Whose it has to be.
    pub name_key: String,
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// Its successor.
    pub successor: NewToken,
    /// How many tokens an account keeps.
    pub keep: u32,
}

/// A token was good.
#[derive(Clone, Debug)]
pub struct Redeemed {
    /// Whose it is.
    pub account: Account,
    /// The token that was used; it lives until its successor is used.
    pub used: TokenId,
    /// Its successor.
    pub issued: TokenId,
}

/// Which version of a contact list: the numbers of CONTACT_LIST_VERSION.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListVersion {
    /// Counts changes.
    pub version: u32,
    /// When it changed; strictly increasing.
    pub changed_at: Millis,
}

/// An account's contact list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactList {
    /// Which version it is.
    pub version: ListVersion,
    /// Groups by id.
    pub groups: Vec<(GroupId, String)>,
    /// Contacts by id.
    pub contacts: Vec<Contact>,
}

/// Somebody in a contact list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The id under which the owner knows this contact.
    pub id: ContactId,
    /// The group it is in.
    pub group: GroupId,
    /// Who it is.
    pub user: UserId,
    /// The name.
    pub name: String,
    /// What the owner calls it, or empty.
    pub display_name: String,
    /// Whether presence and status may be shown: accepted, and nobody blocks.
    pub open: bool,
    /// What the contact has set to be read beside the name; empty unless `open`.
    pub status_message: String,
    /// When that was set.
    pub status_changed_at: Millis,
}

/// A change between two accounts.
#[derive(Clone, Debug)]
pub struct ContactChange {
    /// Who does it.
    pub actor: UserId,
    /// Whom it is about.
    pub other: Other,
    /// What.
    pub change: Change,
    /// The group that the other is to be in, on the actor's side.
    pub group: Option<GroupId>,
    /// What the actor calls the other.
    pub display_name: Option<String>,
    /// When.
    pub now: Millis,
    /// How many contacts an account may have.
    pub most_contacts: u32,
    /// How many people an account may block.
    pub most_blocked: u32,
}

/// How a client names the other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    /// By name, in lower case.
    Name(String),
    /// By the id in its contact list.
    Contact(ContactId),
}

/// What a change between two accounts did.
#[derive(Clone, Debug)]
pub struct ContactChanged {
    /// What it came to.
    pub effect: Effect,
    /// The other.
    pub other: UserId,
    /// The actor's side of it, after a change also before it was removed.
    pub actor_side: Option<Contact>,
    /// The other's side of it, likewise.
    pub other_side: Option<Contact>,
    /// The actor's new list version, when the list changed.
    pub actor_version: Option<ListVersion>,
    /// The other's new list version, when the list changed.
    pub other_version: Option<ListVersion>,
}

/// A change to an account's groups.
#[derive(Clone, Debug)]
pub struct GroupChange {
    /// Whose.
    pub user: UserId,
    /// What.
    pub kind: GroupChangeKind,
    /// When.
    pub now: Millis,
    /// How many groups an account may have.
    pub most: u32,
}

/// What is to be done with groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChangeKind {
    /// A new group.
    Add(String),
    /// A group goes; its contacts move to the first group.
    Remove(GroupId),
    /// A group gets another name.
    Rename(GroupId, String),
    /// A contact goes to a group.
    Move(ContactId, GroupId),
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatOf {
    /// To one other account.
    Private(UserId),
    /// To a room.
    Room(RoomId),
}

/// A message to be kept.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Who wrote it.
    pub sender: UserId,
    /// Where it goes.
    pub chat: ChatOf,
    /// Its id, chosen by the sender.
    pub guid: String,
    /// What the content is.
    pub content_type: ContentType,
    /// The content.
    pub content: Bytes,
    /// The name of the file that it came from.
    pub file_name: Option<String>,
    /// The kind of file.
    pub mime_type: Option<String>,
    /// When; the store adds what it takes to be after the chat's last.
    pub now: Millis,
    /// Whether strangers may write to each other.
    pub open: bool,
}

/// A message that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its place among all messages.
    pub seq: Seq,
    /// Its time, strictly increasing within a chat.
    pub time: Millis,
    /// Its id.
    pub guid: String,
    /// The id of the message before it in its chat.
    pub previous: Option<String>,
    /// Whether it was there already: the same guid by the same sender.
    pub again: bool,
}

/// The message may not go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRefused;

/// Whom a private message goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Who.
    pub id: UserId,
    /// The name as it is shown.
    pub name: String,
}

/// A message as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its place among all messages.
    pub seq: Seq,
    /// Its time.
    pub time: Millis,
    /// Its id.
    pub guid: String,
    /// The id of the message before it in its chat.
    pub previous: Option<String>,
    /// Who wrote it.
    pub sender: String,
    /// Where it went: the receiver's name, or the room's.
    pub destination: String,
    /// Whether that is a room.
    pub in_room: bool,
    /// What the content is.
    pub content_type: ContentType,
    /// The content.
    pub content: Bytes,
    /// The name of the file that it came from.
    pub file_name: Option<String>,
    /// The kind of file.
    pub mime_type: Option<String>,
    /// 0 stored, 2 received, 3 read.
    pub state: u8,
}

/// Bounds on an answer.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Messages.
    pub messages: u32,
    /// Bytes of content; one message always fits.
    pub bytes: usize,
}

/// Which waiting messages a session has.
#[derive(Clone, Debug)]
pub enum Delivered {
    /// All up to this one.
    UpTo(Seq),
    /// These.
    These(Vec<Seq>),
    /// The one with this guid, by the sender of this name.
    One {
        /// The sender's name in lower case.
        sender_key: String,
        /// Its guid.
        guid: String,
    },
}

/// The sender of a message is to know what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Who wrote it.
    pub sender: UserId,
    /// The writer's name.
    pub sender_name: String,
    /// Which message.
    pub guid: String,
    /// Its time.
    pub time: Millis,
}

/// Which messages of a chat.
#[derive(Clone, Debug)]
pub struct History {
    /// Who asks.
    pub user: UserId,
    /// The chat.
    pub chat: HistoryOf,
    /// The earliest time; none: from the beginning. Inclusive.
    pub oldest: Option<Millis>,
    /// The latest time; none: up to now. Inclusive.
    pub latest: Option<Millis>,
    /// How many; the last ones of the range.
    pub page: Page,
}

/// Which chat's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryOf {
    /// The private chat with the account of this name, in lower case.
    Private(String),
    /// A room.
    Room(RoomId),
}

/// An account's chats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatList {
    /// Grows with every change.
    pub version: u32,
    /// The time of the latest message.
    pub latest: Millis,
    /// The chats.
    pub chats: Vec<Chat>,
}

/// A private chat in somebody's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// The other's name.
    pub name: String,
    /// The id under which the owner has the other among the contacts.
    pub contact: Option<ContactId>,
    /// Messages of the other that the owner has not read.
    pub unread: u32,
    /// The time of the last message.
    pub time: Millis,
}

/// A room to be made.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Its name as it is shown.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who makes it.
    pub creator: UserId,
    /// How many people it holds.
    pub capacity: u32,
    /// When.
    pub now: Millis,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its name as it is shown.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who made it; none: the service.
    pub creator: Option<String>,
    /// How many people it holds.
    pub capacity: u32,
}

/// A page of the list of rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomPage {
    /// The rooms on it.
    pub rooms: Vec<Room>,
    /// How many rooms there are on all pages.
    pub total: u32,
}

/// Why a room was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomRefused {
    /// There is one of this name.
    Exists,
    /// The creator has as many as an account may make.
    TooMany,
}

/// An upload address to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewUpload {
    /// SHA-256 of its token.
    pub hash: [u8; 32],
    /// Who may upload.
    pub sender: UserId,
    /// Who gets to see it.
    pub receiver: UserId,
    /// When.
    pub now: Millis,
    /// Until when it is good.
    pub expires: Millis,
}

/// What an upload address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadState {
    /// Nothing.
    Unknown,
    /// It was good once.
    Gone,
    /// It takes a picture.
    Open {
        /// From whom.
        sender: Receiver,
        /// For whom.
        receiver: Receiver,
    },
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What its address ends with.
    pub token: String,
    /// The file that has its bytes.
    pub file: String,
    /// What it is.
    pub mime_type: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Why a picture was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureRefused {
    /// The address is used up.
    Gone,
    /// The receiver is no longer somebody whom the sender may write to.
    Receiver,
}

/// What `state` says about a contact row; kept here so that every store writes the same.
#[must_use]
pub const fn state_number(state: ContactState) -> i64 {
    match state {
        ContactState::Asked => 0,
        ContactState::Accepted => 1,
        ContactState::Declined => 2,
    }
}

//! Messages and chats, as a store keeps them.
use bytes::Bytes;
use mig33_codec::values::ContentType;

use crate::clock::Millis;
use crate::ids::{ContactId, RoomId, Seq, UserId};

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
    /// A chat whose last time is this or later takes no message: it leads the clock by too much.
    pub busy_from: Millis,
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

/// Milliseconds by which the times of a chat may lead the clock: each is later than the one before.
pub const LEAD_MS: u64 = 2000;
/// Milliseconds by which a chat may lead the clock at a start of the service, and still takes messages until the clock is
/// there. A clock that was off by that much is set right by its first synchronization or by hand, and nobody looks for a
/// reason why some chats are silent for so long; times that are off by two minutes harm nobody.
pub const LEAD_AT_START_MS: u64 = 120_000;

/// Why a message is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageRefused {
    /// It may not go there.
    Receiver,
    /// Its chat leads the clock by too much ([`NewMessage::busy_from`]): it has had too many of late, or the clock was ahead.
    Busy,
}

/// Times that were moved back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Of so many messages.
    pub messages: u64,
    /// In so many chats.
    pub chats: u64,
    /// And so many tokens.
    pub tokens: u64,
}

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
    /// The content; nothing, where [`Page::without_above`] says so.
    pub content: Bytes,
    /// Bytes of the content.
    pub length: usize,
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
    /// Pictures above so many bytes come without their content, and count for a sixteenth; none: all come with it.
    pub without_above: Option<usize>,
}

/// Which waiting messages a session has.
#[derive(Clone, Debug)]
pub enum Delivered {
    /// All up to this one.
    UpTo(Seq),
    /// These.
    These(Vec<Seq>),
    /// These, each by its sender's name in lower case and its guid.
    Named(Vec<(String, String)>),
}

/// What became of a message.
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
    /// Whether the sender may know: the two may still write to each other.
    pub for_sender: bool,
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
    /// Whether the page holds the first messages of the range instead of the last ones.
    pub forward: bool,
    /// How many.
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
    /// Grows with every change; what has changed since this one is not in `chats`.
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
    /// The time of the last message that the owner has read; 0 for none.
    pub read_at: Millis,
    /// The time of the last message.
    pub time: Millis,
}

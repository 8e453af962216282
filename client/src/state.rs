//! `State`: what a client knows, as one value that only `State::apply` changes.
//!
//! Everything in it is behind `Rc`, so a copy costs little and a part that did not change is the same allocation: who
//! shows it can compare by pointer. Its maps are sorted vectors: they are short, and a tree for each kind of entry would
//! be a good part of the page.
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use bytes::Bytes;
pub use litemap::LiteMap;
pub use mig33_codec::values::Presence;

/// Milliseconds since 1970.
pub type Millis = u64;

/// Milliseconds that a connection may be later than [`State::back_by`] before the person has to know: most are back.
pub const PATIENCE: Millis = 3_000;

/// What the client knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// How it stands with the connection.
    pub link: Link,
    /// When a connection that was lost and is no cause for worry is expected back: at once, where the session goes on
    /// with the next one, or when the other side has said. None with a connection, and where nobody knows.
    pub back_by: Option<Millis>,
    /// Who is logged in; nobody before the first LOGIN_OK and after a log-out.
    pub account: Option<Rc<Account>>,
    /// Groups of contacts, by id. Contacts of a group that is not here have none.
    pub groups: Rc<LiteMap<u32, Rc<str>>>,
    /// Accepted contacts and those that have not answered yet, by contact id.
    pub contacts: Rc<LiteMap<u32, Rc<Contact>>>,
    /// Whether the server has said once who the contacts are.
    pub contacts_listed: bool,
    /// Whether the server takes messages to contacts only, and has said who they are.
    pub contacts_only: bool,
    /// Who asks to become a contact, oldest first.
    pub contact_requests: Rc<Vec<Rc<str>>>,
    /// Private chats and rooms that were opened, joined or that the server has.
    pub chats: Rc<LiteMap<ChatId, Rc<Chat>>>,
    /// Whether the server has said once which chats there are, and what of them is unread; or does not do so.
    pub listed: bool,
    /// The last search for rooms.
    pub directory: Rc<Directory>,
    /// Message of the day, alerts and system messages that were not dismissed, oldest first.
    pub notices: Rc<Vec<Rc<Notice>>>,
    /// What the server has said that it does not serve.
    pub unserved: Vec<Feature>,
}

/// Something that a server may not know, as far as there is a form for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// A contact list.
    Contacts,
    /// Looking for rooms.
    Directory,
    /// Making rooms.
    NewRooms,
    /// Setting one's presence.
    Presence,
    /// Setting one's status message.
    StatusMessage,
}

/// How it stands with the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Not connected, and not meant to be: before the log-in and after the log-out.
    #[default]
    Idle,
    /// The connection is being opened.
    Connecting,
    /// The connection is open; registration or log-in is under way.
    LoggingIn,
    /// Logged in.
    Online,
    /// Logged in, but the connection was lost, and the session goes on once there is another one: what the person does
    /// meanwhile is done then.
    Resuming {
        /// When it was lost.
        since: Millis,
    },
    /// The session was lost with its connection; it is opened again at this time.
    Waiting {
        /// When.
        until: Millis,
        /// Why it was lost, where a peer said so.
        reason: Option<Rc<str>>,
    },
}

impl Link {
    /// Whether there is a session that takes what the person wants, now or in a moment.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Online | Self::Resuming { .. })
    }
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name as the server writes it.
    pub username: Rc<str>,
    /// What others see.
    pub presence: Presence,
    /// The status message; empty for none.
    pub status_message: Rc<str>,
}

/// One contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The server's id for it.
    pub id: u32,
    /// Its group, 0 for none.
    pub group: u32,
    /// The username.
    pub username: Rc<str>,
    /// What to show; the username where nothing else is set.
    pub display_name: Rc<str>,
    /// [`Presence::OFFLINE`] also for who has not accepted yet.
    pub presence: Presence,
    /// The status message; empty for none.
    pub status_message: Rc<str>,
    /// Whether it was asked and has not accepted yet; a refusal looks the same.
    pub pending: bool,
}

/// Which chat: names compare without case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChatId {
    /// With one other user, by username.
    Private(Name),
    /// A room, by its name.
    Room(Name),
}

impl ChatId {
    /// The private chat with a user.
    #[must_use]
    pub fn private(username: &str) -> Self {
        Self::Private(Name::new(username))
    }

    /// A room's chat.
    #[must_use]
    pub fn room(name: &str) -> Self {
        Self::Room(Name::new(name))
    }

    /// The name in lower case.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Private(key) | Self::Room(key) => key,
        }
    }

    /// The name as it came in: what a server is sent that may tell upper from lower case.
    #[must_use]
    pub fn written(&self) -> &str {
        match self {
            Self::Private(name) | Self::Room(name) => &name.0.1,
        }
    }

    /// Whether it is a room's.
    #[must_use]
    pub const fn is_room(&self) -> bool {
        matches!(self, Self::Room(_))
    }
}

impl fmt::Debug for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_room() { "#" } else { "@" }, self.key())
    }
}

/// A name of somebody or something: a text in lower case that knows how it was written.
#[derive(Clone)]
pub struct Name(Rc<(String, String)>);

impl Name {
    fn new(written: &str) -> Self {
        Self(Rc::new((written.to_ascii_lowercase(), written.to_owned())))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.0
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// Which one.
    pub id: ChatId,
    /// The name as its owner writes it.
    pub name: Rc<str>,
    /// Messages without a gap between them, oldest first; what waits to be sent stands at the end.
    pub messages: Rc<Vec<Rc<Message>>>,
    /// How many messages of others came since it was last read.
    pub unread: u32,
    /// The time up to which it was read, where that is known; 0 where nothing of it was.
    pub read_at: Option<Millis>,
    /// How much of what came before is there.
    pub history: History,
    /// When something last happened in it, also where no message is loaded yet.
    pub active: Millis,
    /// Of a room: whether we are in it, and who is.
    pub room: Option<Rc<Room>>,
}

impl Chat {
    /// Whether nothing of what is unread came before the first message that is loaded. Where nobody knows up to where
    /// it was read, the count has to do.
    #[must_use]
    pub fn reaches_unread(&self) -> bool {
        match self.read_at {
            _ if self.unread == 0 => true,
            _ if matches!(self.history, History::Complete | History::Unkept) => true,
            None => self.last_message().is_some(),
            Some(read_at) => self.oldest().is_some_and(|oldest| oldest <= read_at + 1),
        }
    }

    /// The first of the loaded messages that is unread. Where nobody knows up to where the chat was read, it is as many
    /// messages of others back as are unread, or the first one there is.
    #[must_use]
    pub fn first_unread(&self) -> Option<&Rc<Message>> {
        let others = || self.messages.iter().filter(|message| !message.own && !message.is_line());
        match self.read_at {
            _ if self.unread == 0 => None,
            Some(read_at) => others().find(|message| message.time > read_at),
            None => {
                let unread = usize::try_from(self.unread).unwrap_or(usize::MAX);
                others().nth(others().count().saturating_sub(unread))
            }
        }
    }

    /// The newest message that is no notice.
    #[must_use]
    pub fn last_message(&self) -> Option<&Rc<Message>> {
        self.messages.iter().rev().find(|message| !message.is_line())
    }
}

/// How much of what came before the first message is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// There may be more.
    #[default]
    More,
    /// More was asked for.
    Loading,
    /// The first message is the chat's first.
    Complete,
    /// The server keeps none: there is what has come since the log-in.
    Unkept,
    /// More was asked for, and refused; it can be asked for again.
    Failed,
}

/// What is special about a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Whether we are in it now.
    pub membership: Membership,
    /// Who is in it, by name in lower case.
    pub members: LiteMap<Rc<str>, Member>,
}

impl Room {
    /// Whether we are in it, or were until the connection was lost and enter it again.
    #[must_use]
    pub fn is_entered(&self) -> bool {
        match self.membership {
            Membership::Inside => true,
            Membership::Joining => !self.members.is_empty(),
            Membership::Outside | Membership::Refused(_) => false,
        }
    }
}

/// Whether we are in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Membership {
    /// We are not, and did not ask.
    #[default]
    Outside,
    /// We have asked, or will once the connection is back.
    Joining,
    /// We are.
    Inside,
    /// The server said no.
    Refused(Rc<str>),
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The name as the server writes it.
    pub name: Rc<str>,
    /// Whether they administer the room.
    pub administrator: bool,
    /// Whether they may not talk.
    pub muted: bool,
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id, made by its author's client.
    pub guid: Rc<str>,
    /// Who wrote it.
    pub author: Rc<str>,
    /// Whether that is us.
    pub own: bool,
    /// When it was accepted; for what waits to be sent, when it was written.
    pub time: Millis,
    /// What it says.
    pub body: Body,
    /// How far it got.
    pub delivery: Delivery,
}

impl Message {
    /// Whether it is nothing that was said: a notice of the room, or a line of ours about it.
    #[must_use]
    pub const fn is_line(&self) -> bool {
        matches!(self.body, Body::Notice(_)) || self.is_ours_alone()
    }

    /// Whether it is a line of ours about a room, with a time of our clock and in no history.
    pub(crate) const fn is_ours_alone(&self) -> bool {
        matches!(self.body, Body::Line(_) | Body::Joined | Body::Left)
    }
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Text.
    Text(Rc<str>),
    /// Something that the author does: `/me` and what follows it.
    Emote(Rc<str>),
    /// A picture at an address.
    PictureAt(Rc<str>),
    /// A picture in the message.
    Picture {
        /// Its type, as the sender says: `image/png`.
        mime_type: Rc<str>,
        /// Its name, where the sender gave one.
        file_name: Option<Rc<str>>,
        /// Its bytes.
        bytes: Bytes,
    },
    /// Something that this client cannot show, by its content type.
    Other(u16),
    /// Something that the room says, and nobody in it; empty where it cannot be read, or a line says it.
    Notice(Rc<str>),
    /// The same, as a line of ours about something that the server told.
    Line(Rc<str>),
    /// The author came into the room.
    Joined,
    /// The author left the room.
    Left,
}

/// How far a message got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Waits for the connection or for the server's OK.
    Sending,
    /// The server has it.
    Sent,
    /// The other side has it.
    Received,
    /// The other side has read it.
    Read,
    /// The server refused it, or did not answer in time: with the reason.
    Failed(Rc<str>),
}

/// The last search for rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// What was searched for.
    pub search: Rc<str>,
    /// The rooms so far, as the server orders them.
    pub rooms: Vec<RoomEntry>,
    /// Pages that are in `rooms`.
    pub page: u8,
    /// Pages that there are; 0 until the server has said so.
    pub pages: u8,
    /// Whether the answer is still to come.
    pub loading: bool,
}

/// A room that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEntry {
    /// Its name.
    pub name: Rc<str>,
    /// What it is for; empty for nothing.
    pub description: Rc<str>,
    /// How many are in it.
    pub participants: u32,
    /// How many it holds.
    pub capacity: u32,
}

/// Something to be seen that is in no chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// For dismissing it.
    pub id: u32,
    /// What kind.
    pub kind: NoticeKind,
    /// What it says.
    pub text: Rc<str>,
    /// An address to open.
    pub url: Option<Rc<str>>,
}

/// What a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// The message of the day.
    MessageOfTheDay,
    /// The server wants it to be seen.
    Alert,
    /// Something arrived that is no chat message.
    System,
    /// A request was refused or not answered.
    Problem,
}

impl State {
    /// Whether there is no connection, and nothing wrong with that.
    #[must_use]
    pub fn is_away_briefly(&self, now: Millis) -> bool {
        now < self.quiet_until()
    }

    /// Until when nothing is wrong with there being no connection; 0 where there is one, or something is.
    #[must_use]
    pub fn quiet_until(&self) -> Millis {
        self.back_by.map_or(0, |by| by.saturating_add(PATIENCE))
    }

    /// Whether the server serves it, as far as is known.
    #[must_use]
    pub fn serves(&self, feature: Feature) -> bool {
        !self.unserved.contains(&feature)
    }

    /// The contact with this username.
    #[must_use]
    pub fn contact(&self, username: &str) -> Option<&Rc<Contact>> {
        let key = username.to_ascii_lowercase();
        self.contacts.values().find(|contact| contact.username.to_ascii_lowercase() == key)
    }

    /// Messages of others that were not read, in all chats.
    #[must_use]
    pub fn unread(&self) -> u32 {
        self.chats.values().map(|chat| chat.unread).sum()
    }
}

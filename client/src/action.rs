//! What goes into a session from the person, and what comes out for who drives it.
use std::rc::Rc;

use bytes::Bytes;
use mig33_codec::Secret;

use crate::state::{ChatId, Presence};

/// Something that the person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Says something; a text that begins with `/me ` is an emote. At most 8 KiB.
    SendText {
        /// Where.
        chat: ChatId,
        /// What.
        text: String,
    },
    /// Sends a picture inside the packet, at most 350,000 bytes.
    SendPicture {
        /// Where.
        chat: ChatId,
        /// Its type: `image/png`.
        mime_type: String,
        /// Its name; beyond 255 bytes it is cut.
        file_name: String,
        /// Its bytes.
        bytes: Bytes,
    },
    /// Sends a failed message again, with the same guid: it is accepted once.
    Retry {
        /// Where.
        chat: ChatId,
        /// Which.
        guid: Rc<str>,
    },
    /// Throws a failed message away.
    Discard {
        /// Where.
        chat: ChatId,
        /// Which.
        guid: Rc<str>,
    },
    /// Shows a chat: makes it where there is none, and loads its newest messages.
    OpenChat {
        /// Which.
        chat: ChatId,
    },
    /// Shows no chat any more.
    CloseChat,
    /// Loads what came before the oldest message.
    LoadOlder {
        /// Where.
        chat: ChatId,
    },
    /// The person has seen a message, and with it all before it.
    MarkRead {
        /// Where.
        chat: ChatId,
        /// The newest one that was seen.
        up_to: Rc<str>,
    },
    /// Asks somebody to become a contact.
    AddContact {
        /// Who.
        username: String,
        /// Into which group; 0 for none.
        group: u32,
    },
    /// Says yes to somebody who asks to become a contact.
    AcceptContact {
        /// Who.
        username: Rc<str>,
    },
    /// Says no.
    RejectContact {
        /// Who.
        username: Rc<str>,
        /// Whether they may ask again.
        block: bool,
    },
    /// Ends a contact on both sides.
    RemoveContact {
        /// Which.
        id: u32,
    },
    /// Makes a group of contacts.
    AddGroup {
        /// Its name.
        name: String,
    },
    /// Renames a group.
    RenameGroup {
        /// Which.
        id: u32,
        /// Its new name.
        name: String,
    },
    /// Removes a group; its contacts stay.
    RemoveGroup {
        /// Which.
        id: u32,
    },
    /// Moves a contact to another group.
    MoveContact {
        /// Which contact.
        id: u32,
        /// Which group; 0 for none.
        group: u32,
    },
    /// Sets what others see of us.
    SetPresence(Presence),
    /// Sets the text beside it.
    SetStatusMessage(String),
    /// Looks for rooms whose name contains this.
    SearchRooms {
        /// What; empty finds all.
        search: String,
        /// Which page, from 1.
        page: u8,
    },
    /// Enters a room.
    JoinRoom {
        /// Its name.
        name: String,
    },
    /// Leaves a room.
    LeaveRoom {
        /// Which.
        chat: ChatId,
    },
    /// Makes a room and enters it.
    CreateRoom {
        /// Its name.
        name: String,
        /// What it is for.
        description: String,
    },
    /// Asks for an address to send a picture to; [`Event::UploadAddress`] answers.
    RequestUpload {
        /// Where the picture is for: a private chat.
        chat: ChatId,
    },
    /// A notice has been seen.
    Dismiss {
        /// Which.
        notice: u32,
    },
}

/// Names one action, so that its outcome can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionId(pub(crate) u32);

/// Something to be carried out on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Open a new connection. There is no other, or it was told to close before.
    Connect,
    /// Send these bytes of packets. What cannot be sent any more may be dropped: the session knows.
    Send(Bytes),
    /// Send this as a text message; on a [`Tunnel::Resume`](crate::Tunnel) only. A secret, since it may let somebody else
    /// go on with the session.
    SendText(Secret<String>),
    /// Close the connection once everything is sent; nothing more will be read from it.
    Close(Close),
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The session is over, also for the bridge.
    Done,
    /// The connection is given up, and the session goes on with another one.
    Dead,
}

impl Close {
    /// The code of WebSocket's close (spec/resume.md, "Ending and detaching").
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Done => 1000,
            Self::Dead => 4000,
        }
    }
}

/// Something that happened once, besides what is seen in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// How an action ended; a refusal in the server's words.
    Answered {
        /// Which action.
        action: ActionId,
        /// How it ended.
        result: Result<(), Rc<str>>,
    },
    /// Where a picture can be sent by HTTP PUT, once and soon.
    UploadAddress {
        /// Which [`Action::RequestUpload`] it answers.
        action: ActionId,
        /// Where.
        url: Rc<str>,
    },
    /// Keep this to log in without a password, or forget what was kept.
    TokenChanged {
        /// Whose it is.
        username: Rc<str>,
        /// The newest token; nothing when none is good any more.
        token: Option<Secret<Bytes>>,
    },
    /// Logged in, also after a reconnect.
    LoggedIn,
    /// Logged out, and not coming back by itself.
    LoggedOut {
        /// Why, when it was not the person's wish.
        reason: Option<Rc<str>>,
    },
    /// Somebody else wrote something new.
    MessageReceived {
        /// Where.
        chat: ChatId,
        /// Which.
        guid: Rc<str>,
    },
}

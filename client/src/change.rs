//! `Change`: everything that can happen to the state, one at a time.
use std::rc::Rc;

use crate::state::{
    Account, ChatId, Contact, Delivery, Feature, History, Link, LiteMap, Member, Membership,
    Message, Millis, Notice, Presence, RoomEntry,
};

/// One step from a state to the next; [`State::apply`](crate::State::apply) carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// How it stands with the connection.
    Link(Link),
    /// When the lost connection is expected back, until there is one.
    BackBy(Millis),
    /// Logged in, again or as somebody.
    LoggedIn(Account),
    /// Logged out: what was known is forgotten.
    LoggedOut,
    /// What others see of us.
    OwnPresence(Presence),
    /// The text beside it.
    OwnStatusMessage(Rc<str>),
    /// The whole contact list.
    Contacts {
        /// Groups by id.
        groups: LiteMap<u32, Rc<str>>,
        /// Contacts by id.
        contacts: LiteMap<u32, Rc<Contact>>,
    },
    /// Whether the server takes messages to contacts only.
    ContactsOnly(bool),
    /// A contact is new or has changed.
    Contact(Contact),
    /// A contact is gone.
    ContactGone(u32),
    /// A contact's presence.
    ContactPresence {
        /// Whose.
        id: u32,
        /// What others see of them.
        presence: Presence,
    },
    /// A contact's status message.
    ContactStatusMessage {
        /// Whose.
        id: u32,
        /// The text.
        text: Rc<str>,
    },
    /// All who ask to become a contact.
    ContactRequests(Vec<Rc<str>>),
    /// One more asks.
    ContactRequested(Rc<str>),
    /// One asks no more.
    ContactRequestGone(Rc<str>),
    /// There is such a chat.
    ChatKnown {
        /// Which.
        chat: ChatId,
        /// Its name as its owner writes it.
        name: Rc<str>,
    },
    /// The server's word on a chat.
    ChatListed {
        /// Which.
        chat: ChatId,
        /// When something last happened in it.
        active: Millis,
        /// Messages of others that were not read; none where the server does not say, which changes nothing.
        unread: Option<u32>,
        /// The time up to which it was read; the same holds for it.
        read_at: Option<Millis>,
    },
    /// The server has said of all chats what there is to say.
    ChatsListed,
    /// A chat has been read.
    ChatRead {
        /// Which.
        chat: ChatId,
        /// Up to this time; all of it where there is none.
        up_to: Option<Millis>,
    },
    /// A message is new; one whose guid is known changes nothing.
    Message {
        /// Where.
        chat: ChatId,
        /// What.
        message: Message,
        /// Whether it counts as unread.
        unread: bool,
    },
    /// The server has accepted a message of ours.
    MessageAccepted {
        /// Where.
        chat: ChatId,
        /// Which.
        guid: Rc<str>,
        /// When.
        time: Millis,
    },
    /// How far a message of ours got; never back, except to be sent again.
    MessageDelivery {
        /// Where.
        chat: ChatId,
        /// Which.
        guid: Rc<str>,
        /// How far.
        delivery: Delivery,
    },
    /// A message of ours came back from a server that gives it a guid of its own.
    MessageCameBack {
        /// Where.
        chat: ChatId,
        /// Which.
        guid: Rc<str>,
        /// Its guid from now on.
        new_guid: Rc<str>,
        /// When it was accepted.
        time: Millis,
    },
    /// A message is thrown away.
    MessageGone {
        /// Where.
        chat: ChatId,
        /// Which.
        guid: Rc<str>,
    },
    /// Everything accepted before this time is dropped, since there is a gap after it.
    MessagesBeforeGone {
        /// Where.
        chat: ChatId,
        /// Before when.
        time: Millis,
    },
    /// How much of what came before is there.
    History {
        /// Where.
        chat: ChatId,
        /// How much.
        history: History,
    },
    /// Whether we are in a room.
    Membership {
        /// Which room.
        chat: ChatId,
        /// Whether.
        membership: Membership,
    },
    /// Everybody in a room.
    Members {
        /// Which room.
        chat: ChatId,
        /// Who.
        members: Vec<Member>,
    },
    /// Somebody came into a room.
    MemberJoined {
        /// Which room.
        chat: ChatId,
        /// Who.
        member: Member,
    },
    /// Somebody left a room.
    MemberLeft {
        /// Which room.
        chat: ChatId,
        /// Who.
        name: Rc<str>,
    },
    /// Rooms are being looked for.
    DirectoryAsked {
        /// What for.
        search: Rc<str>,
        /// Which page, from 1.
        page: u8,
    },
    /// A page of rooms has come.
    DirectoryPage {
        /// Which page, from 1.
        page: u8,
        /// Pages that there are.
        pages: u8,
        /// The rooms.
        rooms: Vec<RoomEntry>,
    },
    /// The rooms did not come.
    DirectoryFailed,
    /// Whether the server serves something.
    Serves {
        /// What.
        feature: Feature,
        /// Whether.
        serves: bool,
    },
    /// Something to be seen.
    Notice(Notice),
    /// It has been seen.
    NoticeGone(u32),
}

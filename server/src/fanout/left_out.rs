//! `LeftOut`: what did not fit into a mailbox, as little as brings its session up to date once there is room again.
//!
//! Nothing of it holds a packet: messages are in the store, and who is where is known to the fan-out.
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{RoomId, Seq, UserId};

/// Chats of which a mailbox remembers that messages were left out; of one more, the one that was so longest is forgotten.
const CHATS: usize = 1024;

/// A conversation, as one of its sides sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chat {
    /// With this account.
    Private(UserId),
    /// In this room.
    Room(RoomId),
}

/// What a session lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Private messages that wait for its user in the store, behind this one.
    Waiting(Seq),
    /// Who is in a room.
    Members(RoomId),
    /// Presence of contacts, the list of them, and who asks to be one.
    Contacts,
    /// The last message of a chat; it names the one before it, so a client sees whether it lacks more.
    Message(Chat, Seq),
}

/// What did not fit.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// Of each chat, the last message.
    chats: BTreeMap<Chat, Seq>,
    members: BTreeSet<RoomId>,
    contacts: bool,
    waiting: bool,
}

impl LeftOut {
    pub(super) fn message(&mut self, chat: Chat, seq: Seq) {
        let last = self.chats.entry(chat).or_insert(seq);
        *last = seq.max(*last);
        if self.chats.len() > CHATS
            && let Some(first) = self.first_chat()
        {
            self.chats.remove(&first.0);
        }
    }

    pub(super) const fn waiting(&mut self) {
        self.waiting = true;
    }

    pub(super) fn members(&mut self, room: RoomId) {
        self.members.insert(room);
    }

    pub(super) const fn contacts(&mut self) {
        self.contacts = true;
    }

    /// Whether the messages of this chat are left out at the moment.
    pub(super) fn has(&self, chat: Chat) -> bool {
        self.chats.contains_key(&chat)
    }

    /// Whether messages that wait are to be looked for in the store once more.
    pub(super) const fn has_waiting(&self) -> bool {
        self.waiting
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chats.is_empty() && self.members.is_empty() && !self.contacts && !self.waiting
    }

    /// The session has, or will get, what the chat said up to this message; true when that was the last left out.
    pub(super) fn has_come(&mut self, chat: Chat, up_to: Seq) -> bool {
        let is_last = self.chats.get(&chat).is_some_and(|last| *last <= up_to);
        is_last && self.chats.remove(&chat).is_some()
    }

    /// The session has got this message, whichever chat it is in.
    pub(super) fn has_come_from_store(&mut self, seq: Seq) {
        self.chats.retain(|_, last| *last != seq);
    }

    /// The session is no longer in the room.
    pub(super) fn room_left(&mut self, room: RoomId) {
        self.chats.remove(&Chat::Room(room));
        self.members.remove(&room);
    }

    /// What is to be brought next. A message stays in here until it has come.
    pub(super) fn next(&mut self, after: Seq) -> Option<Missed> {
        if std::mem::take(&mut self.contacts) {
            return Some(Missed::Contacts);
        }
        if let Some(room) = self.members.pop_first() {
            return Some(Missed::Members(room));
        }
        if std::mem::take(&mut self.waiting) {
            return Some(Missed::Waiting(after));
        }
        self.first_chat().map(|(chat, seq)| Missed::Message(chat, seq))
    }

    fn first_chat(&self) -> Option<(Chat, Seq)> {
        self.chats.iter().map(|(chat, seq)| (*chat, *seq)).min_by_key(|(_, seq)| *seq)
    }
}

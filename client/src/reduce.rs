//! The reducer: `State::apply`, the only place that changes a state.
use std::rc::Rc;

use crate::change::Change;
use crate::outbox::is_unsent;
use crate::state::{
    Chat, ChatId, Contact, Delivery, Directory, History, Link, LiteMap, Member, Membership,
    Message, Millis, Room, State,
};
use crate::transcript;

impl State {
    /// Carries out one change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Link(link) => {
                match link {
                    Link::Idle | Link::Online => self.back_by = None,
                    // at once
                    Link::Resuming { since } => self.back_by = Some(since),
                    Link::Connecting | Link::LoggingIn | Link::Waiting { .. } => {}
                }
                self.link = link;
            }
            Change::BackBy(by) => self.back_by = Some(by),
            Change::LoggedIn(account) => self.account = Some(Rc::new(account)),
            Change::LoggedOut => *self = Self { link: self.link.clone(), ..Self::default() },
            Change::OwnPresence(presence) => {
                if let Some(account) = &mut self.account {
                    Rc::make_mut(account).presence = presence;
                }
            }
            Change::OwnStatusMessage(text) => {
                if let Some(account) = &mut self.account {
                    Rc::make_mut(account).status_message = text;
                }
            }
            Change::Contacts { groups, contacts } => {
                self.contact_requests_without(contacts.values().map(|contact| &contact.username));
                replace(&mut self.groups, groups);
                replace(&mut self.contacts, contacts);
                self.contacts_listed = true;
            }
            Change::ContactsOnly(contacts_only) => self.contacts_only = contacts_only,
            Change::Contact(contact) => {
                self.contact_requests_without([&contact.username].into_iter());
                Rc::make_mut(&mut self.contacts).insert(contact.id, Rc::new(contact));
            }
            Change::ContactGone(id) => {
                Rc::make_mut(&mut self.contacts).remove(&id);
            }
            Change::ContactPresence { id, presence } => {
                self.contact_mut(id, |contact| contact.presence = presence)
            }
            Change::ContactStatusMessage { id, text } => {
                self.contact_mut(id, |contact| contact.status_message = text)
            }
            Change::ContactRequests(names) => replace(&mut self.contact_requests, names),
            Change::ContactRequested(name) => {
                if !self.contact_requests.contains(&name) {
                    Rc::make_mut(&mut self.contact_requests).push(name);
                }
            }
            Change::ContactRequestGone(name) => self.contact_requests_without([&name].into_iter()),
            Change::DirectoryAsked { search, page } => {
                let directory = Rc::make_mut(&mut self.directory);
                if page <= 1 || directory.search != search {
                    *directory = Directory { search, ..Directory::default() };
                }
                directory.loading = true;
            }
            Change::DirectoryPage { page, pages, rooms } => {
                let directory = Rc::make_mut(&mut self.directory);
                if page <= 1 {
                    directory.rooms.clear();
                }
                directory.rooms.extend(rooms);
                (directory.page, directory.pages, directory.loading) = (page, pages, false);
            }
            Change::DirectoryFailed => Rc::make_mut(&mut self.directory).loading = false,
            Change::Serves { feature, serves } => {
                self.unserved.retain(|unserved| *unserved != feature);
                if !serves {
                    self.unserved.push(feature);
                }
            }
            Change::Notice(notice) => Rc::make_mut(&mut self.notices).push(Rc::new(notice)),
            Change::NoticeGone(id) => {
                Rc::make_mut(&mut self.notices).retain(|notice| notice.id != id)
            }
            Change::ChatKnown { chat, name } => {
                let entry = self.chat_mut(&chat);
                // a key in lower case stands in until the name is known
                if *entry.name != *name && entry.name.eq_ignore_ascii_case(&name) {
                    entry.name = name;
                }
            }
            Change::ChatListed { chat, active, unread, read_at } => {
                let entry = self.chat_mut(&chat);
                entry.active = entry.active.max(active);
                entry.unread = unread.unwrap_or(entry.unread);
                entry.read_at = read_at.or(entry.read_at);
            }
            Change::ChatsListed => self.listed = true,
            Change::ChatRead { chat, up_to } => self.chat_mut(&chat).read(up_to),
            Change::Message { chat, message, unread } => self.add_message(&chat, message, unread),
            Change::MessageAccepted { chat, guid, time } => {
                let entry = self.chat_mut(&chat);
                entry.active = entry.active.max(time);
                transcript::accept(Rc::make_mut(&mut entry.messages), &guid, time);
            }
            Change::MessageDelivery { chat, guid, delivery } => {
                self.set_delivery(&chat, &guid, delivery)
            }
            Change::MessageCameBack { chat, guid, new_guid, time } => {
                let entry = self.chat_mut(&chat);
                entry.active = entry.active.max(time);
                let messages = Rc::make_mut(&mut entry.messages);
                transcript::rename(messages, &guid, new_guid.clone());
                transcript::accept(messages, &new_guid, time);
            }
            Change::MessageGone { chat, guid } => {
                Rc::make_mut(&mut self.chat_mut(&chat).messages)
                    .retain(|message| message.guid != guid);
            }
            Change::MessagesBeforeGone { chat, time } => {
                let entry = self.chat_mut(&chat);
                Rc::make_mut(&mut entry.messages)
                    .retain(|message| is_unsent(message) || message.time >= time);
                entry.history = History::More;
                if time == Millis::MAX {
                    entry.active = 0; // nothing is known of it any more
                }
            }
            Change::History { chat, history } => self.chat_mut(&chat).history = history,
            Change::Membership { chat, membership } => {
                if membership == Membership::Outside {
                    self.chat_mut(&chat).unread = 0; // it is in no list any more
                }
                let room = self.room_mut(&chat);
                if matches!(membership, Membership::Outside | Membership::Refused(_)) {
                    room.members.clear();
                }
                room.membership = membership;
            }
            Change::Members { chat, members } => {
                self.room_mut(&chat).members = LiteMap::new();
                for member in members {
                    self.room_mut(&chat)
                        .members
                        .insert(member.name.to_ascii_lowercase().into(), member);
                }
            }
            Change::MemberJoined { chat, member } => {
                self.room_mut(&chat)
                    .members
                    .insert(member.name.to_ascii_lowercase().into(), member);
            }
            Change::MemberLeft { chat, name } => {
                self.room_mut(&chat).members.remove(&*name.to_ascii_lowercase());
            }
        }
    }

    fn add_message(&mut self, chat: &ChatId, message: Message, unread: bool) {
        let entry = self.chat_mut(chat);
        let (time, own, is_line) = (message.time, message.own, message.is_line());
        let is_ours_alone = message.is_ours_alone();
        let (guid, delivery) = (message.guid.clone(), message.delivery.clone());
        let messages = Rc::make_mut(&mut entry.messages);
        if !transcript::insert(messages, message) {
            if rank(&delivery) > rank(&Delivery::Sent) {
                self.set_delivery(chat, &guid, delivery);
            }
            return;
        }
        if is_ours_alone {
            return transcript::forget_lines(messages);
        }
        entry.active = entry.active.max(time);
        if unread && !own && !is_line {
            entry.unread = entry.unread.saturating_add(1);
        }
    }

    fn set_delivery(&mut self, chat: &ChatId, guid: &str, delivery: Delivery) {
        let entry = self.chat_mut(chat);
        let Some(at) = transcript::position(&entry.messages, guid) else {
            return;
        };
        let Some(message) = Rc::make_mut(&mut entry.messages).get_mut(at) else {
            return;
        };
        let back = rank(&delivery) < rank(&message.delivery);
        if message.own && !(back && matches!(delivery, Delivery::Sent | Delivery::Received)) {
            Rc::make_mut(message).delivery = delivery;
        }
    }

    fn contact_mut(&mut self, id: u32, change: impl FnOnce(&mut Contact)) {
        if self.contacts.contains_key(&id)
            && let Some(contact) = Rc::make_mut(&mut self.contacts).get_mut(&id)
        {
            change(Rc::make_mut(contact));
        }
    }

    fn contact_requests_without<'a>(&mut self, names: impl Iterator<Item = &'a Rc<str>>) {
        let names: Vec<String> = names.map(|name| name.to_ascii_lowercase()).collect();
        if self.contact_requests.iter().any(|name| names.contains(&name.to_ascii_lowercase())) {
            Rc::make_mut(&mut self.contact_requests)
                .retain(|name| !names.contains(&name.to_ascii_lowercase()));
        }
    }

    fn chat_mut(&mut self, id: &ChatId) -> &mut Chat {
        let chats = Rc::make_mut(&mut self.chats);
        Rc::make_mut(chats.entry(id.clone()).or_insert_with(|| Rc::new(Chat::new(id))))
    }

    fn room_mut(&mut self, id: &ChatId) -> &mut Room {
        Rc::make_mut(self.chat_mut(id).room.get_or_insert_default())
    }
}

impl Chat {
    fn new(id: &ChatId) -> Self {
        Self {
            id: id.clone(),
            name: id.written().into(),
            messages: Rc::default(),
            unread: 0,
            read_at: None,
            history: History::More,
            active: 0,
            room: id.is_room().then(Rc::default),
        }
    }

    /// Everything up to this time was read.
    fn read(&mut self, up_to: Option<Millis>) {
        let Some(up_to) = up_to else {
            (self.unread, self.read_at) = (0, self.read_at.max(self.newest()));
            return;
        };
        // also what came behind it in time, or at the same one: nothing else would end its being unread
        let is_said = |message: &&Rc<Message>| !message.is_line() && !is_unsent(message);
        if self.messages.iter().rev().find(is_said).is_some_and(|newest| newest.time <= up_to) {
            self.unread = 0;
        }
        if self.read_at.is_some_and(|read_at| read_at >= up_to) {
            return;
        }
        self.read_at = Some(up_to);
        // what is unread and not loaded cannot be counted
        if self.oldest().is_none_or(|oldest| oldest <= up_to.saturating_add(1)) {
            let is_unread =
                |message: &&Rc<Message>| !message.own && !message.is_line() && message.time > up_to;
            let left = self.messages.iter().filter(is_unread).count();
            self.unread = self.unread.min(u32::try_from(left).unwrap_or(u32::MAX));
        }
    }

    /// Time of the newest message that the server has.
    #[must_use]
    pub fn newest(&self) -> Option<Millis> {
        transcript::newest(&self.messages)
    }

    /// Time of the oldest message that is loaded.
    #[must_use]
    pub fn oldest(&self) -> Option<Millis> {
        transcript::oldest(&self.messages)
    }
}

impl Member {
    /// Somebody without rights or restrictions.
    #[must_use]
    pub const fn normal(name: Rc<str>) -> Self {
        Self { name, administrator: false, muted: false }
    }
}

const fn rank(delivery: &Delivery) -> u8 {
    match delivery {
        Delivery::Sending | Delivery::Failed(_) => 0,
        Delivery::Sent => 1,
        Delivery::Received => 2,
        Delivery::Read => 3,
    }
}

/// Puts in a new value, or leaves the old allocation where they are the same.
fn replace<T: PartialEq>(old: &mut Rc<T>, new: T) {
    if **old != new {
        *old = Rc::new(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Account, Body, Link, Presence};

    fn state() -> State {
        let mut state = State::default();
        state.apply(Change::LoggedIn(Account {
            username: "alice".into(),
            presence: Presence::AVAILABLE,
            status_message: "".into(),
        }));
        state
    }

    fn message(guid: &str, own: bool, delivery: Delivery) -> Message {
        Message {
            guid: guid.into(),
            author: "x".into(),
            own,
            time: 9,
            body: Body::Text("t".into()),
            delivery,
        }
    }

    #[test]
    fn what_did_not_change_is_the_same_allocation() {
        let mut state = state();
        let bob = ChatId::private("Bob");
        state.apply(Change::ChatKnown { chat: bob.clone(), name: "Bob".into() });
        let before = state.clone();
        state.apply(Change::Message {
            chat: bob,
            message: message("1", false, Delivery::Sent),
            unread: true,
        });
        assert!(!Rc::ptr_eq(&before.chats, &state.chats));
        assert!(Rc::ptr_eq(&before.contacts, &state.contacts));
        state.apply(Change::Contacts {
            groups: crate::LiteMap::new(),
            contacts: crate::LiteMap::new(),
        });
        assert!(Rc::ptr_eq(&before.contacts, &state.contacts));
        assert_eq!(state.unread(), 1);
    }

    #[test]
    fn a_message_counts_as_unread_once() {
        let mut state = state();
        let bob = ChatId::private("bob");
        for _ in 0..2 {
            let message = message("1", false, Delivery::Sent);
            state.apply(Change::Message { chat: bob.clone(), message, unread: true });
        }
        assert_eq!(state.unread(), 1);
        state.apply(Change::ChatRead { chat: bob, up_to: Some(9) });
        assert_eq!(state.unread(), 0);
    }

    #[test]
    fn a_chat_is_read_up_to_a_time() {
        let mut state = state();
        let bob = ChatId::private("bob");
        state.apply(Change::ChatListed {
            chat: bob.clone(),
            active: 40,
            unread: Some(4),
            read_at: Some(9),
        });
        let chat = |state: &State| state.chats[&ChatId::private("bob")].clone();
        let first = |state: &State| chat(state).first_unread().map(|first| first.guid.clone());
        for (guid, time) in [("d", 40), ("c", 30)] {
            let message = Message { time, ..message(guid, false, Delivery::Sent) };
            state.apply(Change::Message { chat: bob.clone(), message, unread: false });
        }
        assert!(!chat(&state).reaches_unread(), "two of them are not loaded");
        state.apply(Change::ChatRead { chat: bob.clone(), up_to: Some(10) });
        assert_eq!(chat(&state).unread, 4, "nobody knows how many of them were not loaded");
        for (guid, time) in [("b", 20), ("a", 10)] {
            let message = Message { time, ..message(guid, false, Delivery::Sent) };
            state.apply(Change::Message { chat: bob.clone(), message, unread: false });
        }
        assert!(chat(&state).reaches_unread());
        assert_eq!(first(&state).as_deref(), Some("b"));
        state.apply(Change::ChatRead { chat: bob.clone(), up_to: Some(30) });
        assert_eq!((chat(&state).unread, first(&state).as_deref()), (1, Some("d")));
        state.apply(Change::ChatRead { chat: bob.clone(), up_to: Some(20) });
        assert_eq!(chat(&state).unread, 1, "what was read stays read");
        state.apply(Change::ChatRead { chat: bob.clone(), up_to: None });
        assert_eq!((chat(&state).unread, first(&state)), (0, None));
    }

    #[test]
    fn without_a_time_the_first_unread_is_found_by_counting() {
        let mut state = state();
        let bob = ChatId::private("bob");
        let names = [("a", false), ("b", false), ("c", true), ("d", false)];
        for (time, (guid, own)) in (1..).zip(names) {
            let message = Message { time, ..message(guid, own, Delivery::Sent) };
            state.apply(Change::Message { chat: bob.clone(), message, unread: false });
        }
        for (unread, first) in [(0, None), (1, Some("d")), (2, Some("b")), (9, Some("a"))] {
            let (chat, read_at) = (bob.clone(), None);
            state.apply(Change::ChatListed { chat, active: 0, unread: Some(unread), read_at });
            let found = state.chats[&bob].first_unread().map(|first| &*first.guid);
            assert_eq!(found, first, "of {unread}");
        }
    }

    #[test]
    fn delivery_does_not_go_back() {
        let mut state = state();
        let bob = ChatId::private("bob");
        state.apply(Change::Message {
            chat: bob.clone(),
            message: message("1", true, Delivery::Sending),
            unread: false,
        });
        for (delivery, expected) in [
            (Delivery::Failed("no".into()), Delivery::Failed("no".into())),
            (Delivery::Sending, Delivery::Sending),
            (Delivery::Sent, Delivery::Sent),
            (Delivery::Read, Delivery::Read),
            (Delivery::Received, Delivery::Read),
        ] {
            state.apply(Change::MessageDelivery { chat: bob.clone(), guid: "1".into(), delivery });
            assert_eq!(state.chats[&bob].messages[0].delivery, expected);
        }
    }

    #[test]
    fn logging_out_forgets_everything_but_the_link() {
        let mut state = state();
        state.apply(Change::Link(Link::Online));
        state.apply(Change::ContactRequested("eve".into()));
        state.apply(Change::LoggedOut);
        assert_eq!(state, State { link: Link::Online, ..State::default() });
    }
}

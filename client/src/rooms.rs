//! Rooms: entering, leaving, and entering again after a lost connection (spec/wire.md section 6).
use mig33_codec::packets;

use crate::action::ActionId;
use crate::change::Change;
use crate::requests::{Purpose, Then, Urgency};
use crate::session::Session;
use crate::state::{ChatId, Membership, Millis, NoticeKind};
use crate::whole::PAGE;

impl Session {
    pub(crate) fn join_room(&mut self, now: Millis, action: Option<ActionId>, name: &str) {
        let chat = ChatId::room(name);
        self.change(Change::ChatKnown { chat: chat.clone(), name: name.into() });
        self.change(Change::Membership { chat: chat.clone(), membership: Membership::Joining });
        self.stay_after_all(&chat);
        if self.state.link.is_up() {
            self.send_join(now, chat, action);
        } else if let Some(action) = action {
            self.answer(action, Ok(()));
        }
    }

    /// After a log-in: into every room that we were in.
    pub(crate) fn rejoin_rooms(&mut self, now: Millis) {
        for chat in self.rooms_with(|membership| *membership == Membership::Joining) {
            self.send_join(now, chat, None);
        }
    }

    /// The connection is lost: we are in no room until it is back.
    pub(crate) fn leave_rooms_for_now(&mut self) {
        for chat in self.rooms_with(|membership| *membership == Membership::Inside) {
            self.change(Change::Membership { chat, membership: Membership::Joining });
        }
    }

    /// The server has let us in.
    pub(crate) fn joined(&mut self, now: Millis, number: u16) {
        let Some(Purpose::Join { chat, action }) = self.requests.finish(number) else {
            return;
        };
        let entry = self.state.chats.get(&chat);
        let membership = entry.and_then(|entry| entry.room.as_ref()).map(|room| &room.membership);
        if let (Some(Membership::Outside), Some(entry)) = (membership, entry) {
            // left while the answer was on its way
            let name = Some((&*entry.name).into());
            let packet = packets::LeaveChatroom { chatroom_name: name, ..Default::default() };
            return self.request(now, &packet, Purpose::Tell, Urgency::Soon);
        }
        self.change(Change::Membership { chat: chat.clone(), membership: Membership::Inside });
        self.send_waiting(now, |waiting| *waiting == chat);
        self.catch_up(now, &chat, PAGE, Urgency::Later);
        if let Some(action) = action {
            self.answer(action, Ok(()));
        }
    }

    pub(crate) fn join_refused(&mut self, chat: &ChatId, action: Option<ActionId>, text: &str) {
        let membership = Membership::Refused(text.into());
        self.change(Change::Membership { chat: chat.clone(), membership });
        match action {
            Some(action) => self.answer(action, Err(text.into())),
            None => {
                let name = self.name_of(chat);
                self.notice(NoticeKind::Problem, &format!("{name}: {text}"), None);
            }
        }
        self.fail_waiting(chat, text);
    }

    pub(crate) fn leave_room(&mut self, now: Millis, action: ActionId, chat: ChatId) {
        let Some(entry) = self.state.chats.get(&chat) else {
            return self.answer(action, Ok(()));
        };
        let packet = packets::LeaveChatroom {
            chatroom_name: Some((&*entry.name).into()),
            ..Default::default()
        };
        let room = entry.room.as_ref();
        if self.state.link.is_up() {
            if room.is_some_and(|room| room.membership == Membership::Inside) {
                return self.ask(now, &packet, action, Then::RoomLeft(chat));
            }
        } else if room.is_some_and(|room| room.is_entered()) && self.state.is_away_briefly(now) {
            // the server keeps our place over its restart
            self.change(Change::Membership { chat: chat.clone(), membership: Membership::Outside });
            return self.ask(now, &packet, action, Then::RoomLeft(chat));
        }
        // a connection that is down for long has taken us out of it already
        self.change(Change::Membership { chat, membership: Membership::Outside });
        self.answer(action, Ok(()));
    }

    fn send_join(&mut self, now: Millis, chat: ChatId, action: Option<ActionId>) {
        let asked = |purpose: &Purpose| matches!(purpose, Purpose::Join { chat: joining, .. } if *joining == chat);
        if self.requests.outstanding().any(asked) {
            if let Some(action) = action {
                self.answer(action, Ok(()));
            }
            return;
        }
        if self.state.chats.get(&chat).is_some_and(|chat| chat.newest().is_none()) {
            self.no_news_until.insert(chat.clone(), self.server_time(now));
        }
        let name = self.name_of(&chat);
        let packet =
            packets::JoinChatroom { chatroom_name: Some((&*name).into()), ..Default::default() };
        self.request(now, &packet, Purpose::Join { chat, action }, Urgency::Soon);
    }

    pub(crate) fn fail_waiting(&mut self, chat: &ChatId, text: &str) {
        let Some(entry) = self.state.chats.get(chat) else {
            return;
        };
        let waiting =
            entry.messages.iter().filter(|message| message.delivery == crate::Delivery::Sending);
        let guids: Vec<_> = waiting.map(|message| message.guid.clone()).collect();
        for guid in guids {
            self.message_failed(chat, &guid, None, text);
        }
    }

    fn rooms_with(&self, which: impl Fn(&Membership) -> bool) -> Vec<ChatId> {
        let rooms = self.state.chats.values();
        let rooms =
            rooms.filter(|chat| chat.room.as_ref().is_some_and(|room| which(&room.membership)));
        rooms.map(|chat| chat.id.clone()).collect()
    }
}

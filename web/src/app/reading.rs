//! What the person has seen of the open chat: where the unread divider stands, and when the chat counts as read.
use std::rc::Rc;

use mig33_client::{Chat, ChatId, Delivery, History, Message};

/// So many messages are loaded at most to get to the first that is unread.
const TOO_FAR: usize = 1_000;

/// How the open chat is read. It is made when the chat is opened, so the divider stays where it was then.
#[derive(Debug, Default)]
pub(super) struct Reading {
    chat: Option<ChatId>,
    unread_from: Option<Rc<str>>,
    /// Whether the messages that were unread at the opening have come.
    settled: bool,
    unread_before: u32,
    /// What was asked for last: up to which message, and of how many, how many of them unread.
    asked: Option<(Rc<str>, usize, u32)>,
    /// Whether the log's end is in sight.
    pub(super) at_end: bool,
    /// The guid of the newest message that is in sight.
    pub(super) seen: Option<Rc<str>>,
}

impl Reading {
    /// A chat was opened, or none.
    pub(super) fn open(chat: Option<ChatId>) -> Self {
        Self { chat, ..Self::default() }
    }

    /// The guid of the first message that was unread.
    pub(super) fn unread_from(&self) -> Option<&Rc<str>> {
        self.unread_from.as_ref()
    }

    /// Whether it is known where the reading begins: what was unread at the opening has come.
    pub(super) const fn is_settled(&self) -> bool {
        self.settled
    }

    /// Follows the chat; gives the message up to which it is to be marked as read, once. `listed`: it is known what is unread;
    /// `looking`: the page is in front, has the focus, and nothing lies over the log.
    pub(super) fn follow(&mut self, chat: &Chat, listed: bool, looking: bool) -> Option<Rc<str>> {
        if self.chat.as_ref() != Some(&chat.id) {
            return None;
        }
        let is_said =
            |message: &&Rc<Message>| !message.is_line() && message.delivery != Delivery::Sending;
        let newest = chat.messages.iter().rev().find(is_said);
        let sees_end = looking && self.at_end;
        let first_unread = || chat.first_unread().map(|message| message.guid.clone());
        if !self.settled {
            // what comes into a chat of which everything is known is news, and no unread of before
            let complete = matches!(chat.history, History::Complete | History::Unkept);
            let loaded = listed && (newest.is_some() || complete);
            let given_up = chat.messages.len() >= TOO_FAR || chat.history == History::Failed;
            if loaded && (chat.reaches_unread() || given_up) {
                self.settled = true;
                self.unread_from = first_unread().filter(|_| chat.reaches_unread());
            }
        } else if chat.unread > 0 && self.unread_before == 0 && !sees_end {
            self.unread_from = first_unread();
        }
        self.unread_before = chat.unread;
        if chat.unread == 0 {
            self.asked = None;
        }
        if !self.settled || !looking || chat.unread == 0 {
            return None;
        }
        if self.at_end {
            self.unread_before = 0;
            let guid = newest?.guid.clone();
            return self.once(chat, guid);
        }
        let is_seen = |message: &&Rc<Message>| Some(&message.guid) == self.seen.as_ref();
        let seen = chat.messages.iter().rev().find(is_seen)?;
        let is_news = chat.read_at.is_none_or(|read_at| seen.time > read_at);
        let guid = seen.guid.clone();
        if is_news { self.once(chat, guid) } else { None }
    }

    /// What was asked for and has changed nothing is not asked for again with each frame.
    fn once(&mut self, chat: &Chat, guid: Rc<str>) -> Option<Rc<str>> {
        let asks = Some((guid.clone(), chat.messages.len(), chat.unread));
        let is_new = self.asked != asks;
        self.asked = asks;
        is_new.then_some(guid)
    }
}

#[cfg(test)]
mod tests {
    use mig33_client::Body;

    use super::*;

    fn chat(messages: usize, unread: u32) -> Chat {
        let message = |number: usize| {
            Rc::new(Message {
                guid: number.to_string().into(),
                author: "bob".into(),
                own: false,
                time: u64::try_from(number).expect("a small number"),
                body: Body::Text("hello".into()),
                delivery: Delivery::Sent,
            })
        };
        Chat {
            id: ChatId::private("bob"),
            name: "bob".into(),
            messages: Rc::new((0..messages).map(message).collect()),
            unread,
            read_at: None,
            history: History::More,
            active: 0,
            room: None,
        }
    }

    fn opened() -> Reading {
        Reading { at_end: true, ..Reading::open(Some(ChatId::private("bob"))) }
    }

    fn guid(number: usize) -> Option<Rc<str>> {
        Some(number.to_string().into())
    }

    #[test]
    fn the_divider_is_frozen_at_the_opening() {
        let mut reading = opened();
        assert_eq!(reading.follow(&chat(5, 2), true, true), guid(4));
        assert_eq!(reading.unread_from(), guid(3).as_ref());
        assert_eq!(reading.follow(&chat(5, 0), true, true), None);
        assert_eq!(reading.follow(&chat(6, 1), true, true), guid(5));
        assert_eq!(reading.unread_from(), guid(3).as_ref());
    }

    #[test]
    fn it_waits_for_the_messages() {
        let mut reading = opened();
        assert_eq!(reading.follow(&chat(0, 2), true, true), None);
        assert_eq!(reading.follow(&chat(5, 2), true, true), guid(4));
        assert_eq!(reading.unread_from(), guid(3).as_ref());
    }

    #[test]
    fn it_waits_for_the_first_unread() {
        let mut reading = opened();
        let of = |from: usize, unread| {
            let all = chat(90, unread);
            let messages = Rc::new(all.messages[from..].to_vec());
            Chat { messages, read_at: Some(9), ..all }
        };
        assert_eq!(reading.follow(&chat(90, 1), false, true), None, "nobody knows what is unread");
        assert_eq!(reading.follow(&of(70, 80), true, true), None);
        assert_eq!((reading.unread_from(), reading.is_settled()), (None, false));
        assert_eq!(reading.follow(&of(20, 80), true, true), None);
        reading.at_end = false;
        assert_eq!(reading.follow(&of(5, 80), true, true), None, "nothing was in sight yet");
        assert_eq!((reading.unread_from(), reading.is_settled()), (guid(10).as_ref(), true));
        reading.seen = guid(14);
        assert_eq!(reading.follow(&of(5, 80), true, false), None, "nobody looks");
        assert_eq!(reading.follow(&of(5, 80), true, true), guid(14), "and not all of it");
        let read = Chat { read_at: Some(14), ..of(5, 75) };
        assert_eq!(reading.follow(&read, true, true), None, "once");
        reading.seen = guid(12);
        assert_eq!(reading.follow(&read, true, true), None, "it was read before");
        reading.at_end = true;
        assert_eq!(reading.follow(&read, true, true), guid(89));
        assert_eq!(reading.unread_from(), guid(10).as_ref());
    }

    #[test]
    fn what_is_too_far_back_is_not_waited_for() {
        let mut reading = opened();
        let far = Chat { read_at: Some(0), ..chat(TOO_FAR + 10, 5_000) };
        let messages = Rc::new(far.messages[10..].to_vec());
        assert_eq!(reading.follow(&Chat { messages, ..far }, true, true), guid(TOO_FAR + 9));
        assert_eq!((reading.unread_from(), reading.is_settled()), (None, true));
    }

    #[test]
    fn the_first_message_of_a_chat_that_is_looked_at_is_not_below_a_divider() {
        let mut reading = opened();
        assert_eq!(
            reading.follow(&Chat { history: History::Complete, ..chat(0, 0) }, true, true),
            None
        );
        let first = Chat { history: History::Complete, ..chat(1, 1) };
        assert_eq!(reading.follow(&first, true, true), guid(0));
        assert_eq!(reading.unread_from(), None);
    }

    #[test]
    fn nothing_is_read_unless_it_is_seen() {
        let mut reading = opened();
        assert_eq!(reading.follow(&chat(5, 0), true, true), None);
        assert_eq!(reading.follow(&chat(6, 1), true, false), None, "the page has not the focus");
        assert_eq!(reading.unread_from(), guid(5).as_ref());
        assert_eq!(reading.follow(&chat(7, 2), true, false), None);
        assert_eq!(reading.unread_from(), guid(5).as_ref(), "it stays at the first");
        reading.at_end = false;
        assert_eq!(reading.follow(&chat(7, 2), true, true), None, "the end is not in sight");
        reading.at_end = true;
        assert_eq!(reading.follow(&chat(7, 2), true, true), guid(6));
    }

    #[test]
    fn what_changes_nothing_is_asked_for_once() {
        let mut reading = opened();
        assert_eq!(reading.follow(&chat(5, 1), true, true), guid(4));
        assert_eq!(reading.follow(&chat(5, 1), true, true), None);
        assert_eq!(reading.follow(&chat(5, 0), true, true), None);
        assert_eq!(reading.follow(&chat(5, 1), true, true), guid(4), "it is news");
        assert_eq!(reading.follow(&chat(6, 1), true, true), guid(5));
    }

    #[test]
    fn another_chat_is_not_read() {
        let mut reading = Reading::open(Some(ChatId::private("carol")));
        reading.at_end = true;
        assert_eq!(reading.follow(&chat(5, 2), true, true), None);
    }
}

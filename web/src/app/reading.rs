//! What the person has seen of the open chat: where the unread divider stands, and when the chat counts as read.
use std::rc::Rc;

use mig33_client::{Chat, ChatId, Delivery, History};

use crate::timeline::first_unread;

/// How the open chat is read. It is made when the chat is opened, so the divider stays where it was then.
#[derive(Debug, Default)]
pub(super) struct Reading {
    chat: Option<ChatId>,
    unread_from: Option<Rc<str>>,
    /// Whether the messages that were unread at the opening have come.
    settled: bool,
    unread_before: u32,
    /// Whether the log's end is in sight.
    pub(super) at_end: bool,
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

    /// Follows the chat; true when it is to be marked as read. `looking`: the page is in front and has the focus.
    pub(super) fn follow(&mut self, chat: &Chat, looking: bool) -> bool {
        if self.chat.as_ref() != Some(&chat.id) {
            return false;
        }
        let said = chat
            .messages
            .iter()
            .any(|message| !message.is_line() && message.delivery != Delivery::Sending);
        let sees = looking && self.at_end;
        if !self.settled {
            // what comes into a chat of which everything is known is news, and no unread of before
            if said || matches!(chat.history, History::Complete | History::Unkept) {
                self.settled = true;
                self.unread_from = first_unread(&chat.messages, chat.unread);
            }
        } else if chat.unread > 0 && self.unread_before == 0 && !sees {
            self.unread_from = first_unread(&chat.messages, chat.unread);
        }
        self.unread_before = chat.unread;
        let read = self.settled && sees && chat.unread > 0;
        if read {
            self.unread_before = 0;
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use mig33_client::{Body, Message};

    use super::*;

    fn chat(messages: usize, unread: u32) -> Chat {
        let message = |number: usize| {
            Rc::new(Message {
                guid: number.to_string().into(),
                author: "bob".into(),
                own: false,
                time: 0,
                body: Body::Text("hello".into()),
                delivery: Delivery::Sent,
            })
        };
        Chat {
            id: ChatId::private("bob"),
            name: "bob".into(),
            messages: Rc::new((0..messages).map(message).collect()),
            unread,
            history: History::More,
            active: 0,
            room: None,
        }
    }

    fn opened() -> Reading {
        Reading { at_end: true, ..Reading::open(Some(ChatId::private("bob"))) }
    }

    #[test]
    fn the_divider_is_frozen_at_the_opening() {
        let mut reading = opened();
        assert!(reading.follow(&chat(5, 2), true));
        assert_eq!(reading.unread_from().map(|guid| &**guid), Some("3"));
        assert!(!reading.follow(&chat(5, 0), true));
        assert!(reading.follow(&chat(6, 1), true));
        assert_eq!(reading.unread_from().map(|guid| &**guid), Some("3"));
    }

    #[test]
    fn it_waits_for_the_messages() {
        let mut reading = opened();
        assert!(!reading.follow(&chat(0, 2), true));
        assert!(reading.follow(&chat(5, 2), true));
        assert_eq!(reading.unread_from().map(|guid| &**guid), Some("3"));
    }

    #[test]
    fn the_first_message_of_a_chat_that_is_looked_at_is_not_below_a_divider() {
        let mut reading = opened();
        assert!(!reading.follow(&Chat { history: History::Complete, ..chat(0, 0) }, true));
        assert!(reading.follow(&Chat { history: History::Complete, ..chat(1, 1) }, true));
        assert_eq!(reading.unread_from(), None);
    }

    #[test]
    fn nothing_is_read_unless_it_is_seen() {
        let mut reading = opened();
        assert!(!reading.follow(&chat(5, 0), true));
        assert!(!reading.follow(&chat(6, 1), false), "the page has not the focus");
        assert_eq!(reading.unread_from().map(|guid| &**guid), Some("5"));
        assert!(!reading.follow(&chat(7, 2), false));
        assert_eq!(reading.unread_from().map(|guid| &**guid), Some("5"), "it stays at the first");
        reading.at_end = false;
        assert!(!reading.follow(&chat(7, 2), true), "the end is not in sight");
        reading.at_end = true;
        assert!(reading.follow(&chat(7, 2), true));
    }

    #[test]
    fn another_chat_is_not_read() {
        let mut reading = Reading::open(Some(ChatId::private("carol")));
        reading.at_end = true;
        assert!(!reading.follow(&chat(5, 2), true));
    }
}

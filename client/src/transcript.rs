//! The messages of one chat in their order: accepted ones by time, then what still has to be sent.
use std::rc::Rc;

use crate::outbox::is_unsent;
use crate::state::{Delivery, Message, Millis};

/// Lines about who came and went that stay of a room.
const MOST_LINES: usize = 500;

/// Puts a message in its place. `false` when its guid is there already; then a message of ours that was waiting is
/// known to be accepted.
pub(crate) fn insert(messages: &mut Vec<Rc<Message>>, message: Message) -> bool {
    if let Some(at) = position(messages, &message.guid) {
        if messages.get(at).is_some_and(|known| is_unsent(known)) && !is_unsent(&message) {
            accept(messages, &message.guid, message.time);
        }
        return false;
    }
    place(messages, Rc::new(message));
    true
}

/// Notes that the server has accepted a message at this time.
pub(crate) fn accept(messages: &mut Vec<Rc<Message>>, guid: &str, time: Millis) {
    let Some(at) = position(messages, guid) else {
        return;
    };
    let mut message = messages.remove(at);
    let changed = Rc::make_mut(&mut message);
    changed.time = time;
    if is_unsent(changed) {
        changed.delivery = Delivery::Sent;
    }
    place(messages, message);
}

/// Gives a message another guid.
pub(crate) fn rename(messages: &mut [Rc<Message>], guid: &str, new: Rc<str>) {
    if let Some(message) = position(messages, guid).and_then(|at| messages.get_mut(at)) {
        Rc::make_mut(message).guid = new;
    }
}

/// Where the message with this guid stands; the newest are looked at first.
pub(crate) fn position(messages: &[Rc<Message>], guid: &str) -> Option<usize> {
    messages.iter().rposition(|message| &*message.guid == guid)
}

/// Time of the newest message that the server has accepted.
pub(crate) fn newest(messages: &[Rc<Message>]) -> Option<Millis> {
    nth_newest(messages, 0)
}

/// Time of the newest message that the server has accepted but for so many.
pub(crate) fn nth_newest(messages: &[Rc<Message>], but: usize) -> Option<Millis> {
    accepted(messages).nth_back(but).map(|message| message.time)
}

/// Time of the oldest message that the server has accepted.
pub(crate) fn oldest(messages: &[Rc<Message>]) -> Option<Millis> {
    accepted(messages).next().map(|message| message.time)
}

/// Lines of ours about who came and went have times of our clock, and are in no history.
fn accepted(messages: &[Rc<Message>]) -> impl DoubleEndedIterator<Item = &Rc<Message>> {
    messages.iter().filter(|message| {
        !is_unsent(message) && !message.guid.is_empty() && !message.is_ours_alone()
    })
}

/// Forgets the first line about who came or went, once there are many: they cannot be loaded again.
pub(crate) fn forget_lines(messages: &mut Vec<Rc<Message>>) {
    if messages.iter().filter(|message| message.is_ours_alone()).count() > MOST_LINES
        && let Some(at) = messages.iter().position(|message| message.is_ours_alone())
    {
        messages.remove(at);
    }
}

fn place(messages: &mut Vec<Rc<Message>>, message: Rc<Message>) {
    if is_unsent(&message) {
        messages.push(message);
        return;
    }
    let after = messages.iter().rposition(|other| !is_unsent(other) && other.time <= message.time);
    messages.insert(after.map_or(0, |at| at + 1), message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Body;

    fn message(guid: &str, time: Millis, delivery: Delivery) -> Message {
        Message {
            guid: guid.into(),
            author: "a".into(),
            own: true,
            time,
            body: Body::Text(guid.into()),
            delivery,
        }
    }

    fn order(messages: &[Rc<Message>]) -> String {
        messages.iter().map(|message| &*message.guid).collect()
    }

    #[test]
    fn accepted_messages_stand_by_time_and_waiting_ones_last() {
        let mut messages = Vec::new();
        for (guid, time, delivery) in [
            ("b", 20, Delivery::Sent),
            ("x", 5, Delivery::Sending),
            ("a", 10, Delivery::Sent),
            ("y", 1, Delivery::Failed("no".into())),
            ("c", 30, Delivery::Sent),
        ] {
            assert!(insert(&mut messages, message(guid, time, delivery)));
        }
        assert_eq!(order(&messages), "abcxy");
        accept(&mut messages, "y", 25);
        assert_eq!(order(&messages), "abycx");
        assert_eq!((oldest(&messages), newest(&messages)), (Some(10), Some(30)));
    }

    #[test]
    fn a_known_guid_is_no_second_message_but_shows_that_it_was_accepted() {
        let mut messages = Vec::new();
        insert(&mut messages, message("x", 5, Delivery::Sending));
        assert!(!insert(&mut messages, message("x", 7, Delivery::Sent)));
        assert_eq!(messages.len(), 1);
        assert_eq!((messages[0].time, &messages[0].delivery), (7, &Delivery::Sent));
    }
}

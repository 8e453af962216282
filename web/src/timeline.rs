//! What stands in a chat's log: messages in runs, day separators, the unread divider, folded joins and leaves.
use std::rc::Rc;

use mig33_client::{Body, Message, Millis};

use crate::isolated::isolated;
use crate::roster::said;

/// Messages of one author within this time of each other are one run.
const RUN: Millis = 5 * 60 * 1000;

/// One row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// A new day begins: days since 1970, by the clock on the wall.
    Day {
        /// Which day.
        day: i64,
        /// The guid of the first message of that day, which makes the row's key.
        before: Rc<str>,
    },
    /// From here on nothing was read.
    Unread,
    /// A message.
    Message {
        /// Which one.
        message: Rc<Message>,
        /// Whether it is the first of a run.
        opens: bool,
        /// Whether it is the last of a run.
        closes: bool,
    },
    /// Joins and leaves without anything between them.
    Events(Vec<Rc<Message>>),
}

impl Row {
    /// Unlike every other row's of the same log, and the same while the row stands for the same thing.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Day { before, .. } => format!("day {before}"),
            Self::Unread => "unread".to_owned(),
            Self::Message { message, .. } => message.guid.to_string(),
            Self::Events(events) => {
                format!("events {}", events.first().map_or("", |event| &event.guid))
            }
        }
    }
}

/// Lays out messages, oldest first. `unread_from` is the guid of the first unread one; `day_of` tells the day, by the
/// clock on the wall, that a time belongs to.
pub(crate) fn rows(
    messages: &[Rc<Message>],
    unread_from: Option<&str>,
    day_of: impl Fn(Millis) -> i64,
) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(messages.len() + 8);
    let mut last_day = None;
    for message in messages.iter().filter(|message| !message.says_nothing()) {
        let day = day_of(message.time);
        if last_day != Some(day) {
            last_day = Some(day);
            rows.push(Row::Day { day, before: message.guid.clone() });
        }
        if unread_from == Some(&*message.guid) {
            rows.push(Row::Unread);
        }
        if message.is_line() {
            if let Some(Row::Events(events)) = rows.last_mut() {
                events.push(message.clone());
            } else {
                rows.push(Row::Events(vec![message.clone()]));
            }
            continue;
        }
        let mut opens = true;
        if let Some(Row::Message { message: previous, closes, .. }) = rows.last_mut()
            && continues(previous, message)
        {
            opens = false;
            *closes = false;
        }
        rows.push(Row::Message { message: message.clone(), opens, closes: true });
    }
    rows
}

/// A message as it is copied.
pub(crate) fn line(message: &Message, time: &str) -> String {
    let author = isolated(&message.author);
    let colon = if matches!(message.body, Body::Emote(_)) { "" } else { ":" };
    format!("[{time}] {author}{colon} {}", said(&message.body))
}

/// Who came, who went and what the room says, in a line: `bob joined`, `bob and carol joined`, `5 joined, 2 left`.
pub(crate) fn summary(events: &[Rc<Message>]) -> String {
    let named = |what: Body| -> Vec<String> {
        events
            .iter()
            .filter(|event| event.body == what)
            .map(|event| isolated(&event.author))
            .collect()
    };
    let phrase = |names: &[String], verb: &str| match names {
        [] => None,
        [one] => Some(format!("{one} {verb}")),
        [one, other] if one != other => Some(format!("{one} and {other} {verb}")),
        many => Some(format!("{} {verb}", many.len())),
    };
    let told = events.iter().filter_map(|event| {
        if let Body::Notice(text) | Body::Line(text) = &event.body {
            Some(isolated(text))
        } else {
            None
        }
    });
    let phrases: Vec<String> =
        [phrase(&named(Body::Joined), "joined"), phrase(&named(Body::Left), "left")]
            .into_iter()
            .flatten()
            .chain(told)
            .collect();
    phrases.join(", ")
}

fn continues(previous: &Message, message: &Message) -> bool {
    let told = |message: &Message| matches!(message.body, Body::Emote(_));
    previous.author == message.author
        && previous.own == message.own
        && !told(previous)
        && !told(message)
        && message.time.abs_diff(previous.time) < RUN
}

#[cfg(test)]
mod tests {
    use mig33_client::Delivery;

    use super::*;

    const MINUTE: Millis = 60_000;
    const DAY: Millis = 24 * 60 * MINUTE;

    fn message(guid: &str, author: &str, time: Millis, body: Body) -> Rc<Message> {
        Rc::new(Message {
            guid: guid.into(),
            author: author.into(),
            own: author == "me",
            time,
            body,
            delivery: Delivery::Sent,
        })
    }

    fn text(guid: &str, author: &str, time: Millis) -> Rc<Message> {
        message(guid, author, time, Body::Text("hello".into()))
    }

    fn laid_out(messages: &[Rc<Message>], unread_from: Option<&str>) -> Vec<String> {
        rows(messages, unread_from, |time| i64::try_from(time / DAY).expect("a small day"))
            .iter()
            .map(|row| match row {
                Row::Day { day, .. } => format!("day {day}"),
                Row::Unread => "unread".to_owned(),
                Row::Message { message, opens, closes } => format!(
                    "{}{}{}",
                    if *opens { "[" } else { "" },
                    message.guid,
                    if *closes { "]" } else { "" }
                ),
                Row::Events(events) => format!("({})", summary(events)),
            })
            .collect()
    }

    #[test]
    fn one_author_within_five_minutes_is_a_run() {
        let messages = [
            text("a", "bob", DAY),
            text("b", "bob", DAY + 4 * MINUTE),
            text("c", "bob", DAY + 9 * MINUTE),
            text("d", "me", DAY + 9 * MINUTE),
        ];
        assert_eq!(laid_out(&messages, None), ["day 1", "[a", "b]", "[c]", "[d]"]);
    }

    #[test]
    fn days_dividers_and_emotes_end_a_run() {
        let emote = message("c", "bob", 2 * DAY, Body::Emote("waves".into()));
        let messages = [
            text("a", "bob", 2 * DAY - 1),
            text("b", "bob", 2 * DAY),
            emote,
            text("d", "bob", 2 * DAY),
            text("e", "bob", 2 * DAY),
        ];
        assert_eq!(
            laid_out(&messages, Some("e")),
            ["day 1", "[a]", "day 2", "[b]", "[c]", "[d]", "unread", "[e]"]
        );
    }

    #[test]
    fn comings_and_goings_fold_but_not_across_the_divider() {
        let messages = [
            message("a", "bob", DAY, Body::Joined),
            message("b", "carol", DAY, Body::Joined),
            message("c", "bob", DAY, Body::Left),
            message("d", "dave", DAY, Body::Joined),
            text("e", "carol", DAY),
            message("f", "carol", DAY, Body::Left),
        ];
        assert_eq!(
            laid_out(&messages, Some("d")),
            [
                "day 1",
                "(bob and carol joined, bob left)",
                "unread",
                "(dave joined)",
                "[e]",
                "(carol left)"
            ]
        );
    }

    #[test]
    fn many_are_counted() {
        let joined = |name: &str| message(name, name, 0, Body::Joined);
        assert_eq!(summary(&[joined("a"), joined("b"), joined("c")]), "3 joined");
        assert_eq!(summary(&[joined("a"), joined("a")]), "2 joined");
    }

    #[test]
    fn what_is_copied_says_who_and_when() {
        let emote = message("b", "bob", 2, Body::Emote("waves".into()));
        assert_eq!(line(&text("a", "bob", 1), "12:00"), "[12:00] bob: hello");
        assert_eq!(line(&emote, "12:00"), "[12:00] bob waves");
    }

    #[test]
    fn every_row_has_its_own_key() {
        let messages =
            [text("a", "bob", DAY), message("b", "bob", DAY, Body::Left), text("c", "me", 2 * DAY)];
        let laid_out =
            rows(&messages, Some("c"), |time| i64::try_from(time / DAY).expect("a small day"));
        let mut keys: Vec<String> = laid_out.iter().map(Row::key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), laid_out.len());
    }
}

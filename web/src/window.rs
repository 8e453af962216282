//! Which part of a long log is in the document.
use std::ops::Range;
use std::rc::Rc;

use mig33_client::Message;

/// At most so many messages are in the document at once.
const MOST: usize = 240;
/// So many come at first, and at each step.
const STEP: usize = 80;

/// A part of a log, by index of message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    shown: Range<usize>,
    length: usize,
    first: Option<Rc<str>>,
}

impl Window {
    /// The newest messages.
    pub(crate) fn newest(messages: &[Rc<Message>]) -> Self {
        Self {
            shown: messages.len().saturating_sub(STEP)..messages.len(),
            length: messages.len(),
            first: messages.first().map(|message| message.guid.clone()),
        }
    }

    /// The message at this place and what is around it.
    pub(crate) fn around(messages: &[Rc<Message>], at: usize) -> Self {
        let end = (at + STEP).min(messages.len());
        let start = end.saturating_sub(2 * STEP).max(at.saturating_sub(STEP / 2));
        Self { shown: start.min(at)..end, ..Self::newest(messages) }
    }

    /// What is in the document.
    pub(crate) fn shown(&self) -> Range<usize> {
        self.shown.clone()
    }

    /// Whether the newest message is in it.
    pub(crate) fn at_end(&self) -> bool {
        self.shown.end == self.length
    }

    /// Whether the oldest message is in it.
    pub(crate) fn at_start(&self) -> bool {
        self.shown.start == 0
    }

    /// Follows the log after it changed: what is shown stays shown, also when older messages were put in above. With
    /// `stick` the newest ones are shown.
    pub(crate) fn follow(&mut self, messages: &[Rc<Message>], stick: bool) {
        let prepended = match &self.first {
            None => Some(0),
            Some(first) => messages.iter().position(|message| message.guid == *first),
        };
        let Some(prepended) = prepended else {
            *self = Self::newest(messages);
            return;
        };
        let was_at_end = self.at_end();
        let was_empty = self.length == 0;
        let start = self.shown.start + prepended;
        let end = (self.shown.end + prepended).min(messages.len());
        self.length = messages.len();
        self.first = messages.first().map(|message| message.guid.clone());
        self.shown = start.min(end)..end;
        if was_empty {
            *self = Self::newest(messages);
        } else if stick {
            let start = self.shown.start.max(self.length.saturating_sub(MOST));
            self.shown = start..self.length;
        } else if was_at_end && self.length - self.shown.start <= MOST {
            self.shown.end = self.length;
        }
        if prepended > 0 && self.shown.start == prepended {
            // the oldest was in sight and older ones have come: that is what was asked for
            self.older();
        }
    }

    /// Shows older messages, and lets go of the newest ones where it gets too many.
    pub(crate) fn older(&mut self) {
        self.shown.start = self.shown.start.saturating_sub(STEP);
        self.shown.end = self.shown.end.min(self.shown.start + MOST);
    }

    /// Shows newer messages, and lets go of the oldest ones where it gets too many.
    pub(crate) fn newer(&mut self) {
        self.shown.end = (self.shown.end + STEP).min(self.length);
        self.shown.start = self.shown.start.max(self.shown.end.saturating_sub(MOST));
    }
}

#[cfg(test)]
mod tests {
    use mig33_client::{Body, Delivery};

    use super::*;

    fn log(range: Range<usize>) -> Vec<Rc<Message>> {
        range
            .map(|number| {
                Rc::new(Message {
                    guid: number.to_string().into(),
                    author: "bob".into(),
                    own: false,
                    time: 0,
                    body: Body::Text("hello".into()),
                    delivery: Delivery::Sent,
                })
            })
            .collect()
    }

    #[test]
    fn it_opens_at_the_end() {
        let window = Window::newest(&log(1000..1500));
        assert_eq!(window.shown(), 420..500);
        assert!(window.at_end());
        assert!(!window.at_start());
    }

    #[test]
    fn it_opens_around_a_message() {
        for (at, shown) in [(0, 0..80), (20, 0..100), (300, 260..380), (490, 450..500)] {
            let window = Window::around(&log(1000..1500), at);
            assert_eq!(window.shown(), shown, "around {at}");
            assert_eq!((window.at_start(), window.at_end()), (shown.start == 0, shown.end == 500));
        }
    }

    #[test]
    fn it_grows_with_a_log_that_was_empty() {
        let mut window = Window::newest(&[]);
        window.follow(&log(1000..1100), false);
        assert_eq!(window.shown(), 20..100);
    }

    #[test]
    fn sticking_to_the_end_keeps_the_cap() {
        let mut window = Window::newest(&log(1000..1050));
        window.follow(&log(1000..1200), true);
        assert_eq!(window.shown(), 0..200);
        window.follow(&log(1000..1400), true);
        assert_eq!(window.shown(), 160..400);
    }

    #[test]
    fn reading_back_is_not_moved_by_what_comes() {
        let mut window = Window::newest(&log(1000..1500));
        window.older();
        window.older();
        assert_eq!(window.shown(), 260..500);
        window.follow(&log(1000..1501), false);
        assert_eq!(window.shown(), 260..500);
        assert!(!window.at_end());
        window.older();
        assert_eq!(window.shown(), 180..420);
        window.newer();
        assert_eq!(window.shown(), 260..500);
        window.newer();
        assert_eq!(window.shown(), 261..501);
        assert!(window.at_end());
    }

    #[test]
    fn older_history_shifts_it() {
        let mut window = Window::newest(&log(1000..1060));
        assert!(window.at_start());
        window.follow(&log(950..1060), false);
        assert_eq!(window.shown(), 0..110, "what was asked for is shown");
        let mut window = Window::newest(&log(1000..1200));
        window.follow(&log(950..1200), false);
        assert_eq!(window.shown(), 170..250, "what was not asked for is not");
    }

    #[test]
    fn another_log_starts_anew() {
        let mut window = Window::newest(&log(0..500));
        window.older();
        window.follow(&log(2000..2010), false);
        assert_eq!(window.shown(), 0..10);
    }
}

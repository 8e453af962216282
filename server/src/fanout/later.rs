//! `Later`: private messages that happen while a session is still brought the ones that waited for it.
//!
//! They cannot be left to the store alone: once another session of the same user has confirmed one, it waits no more.
use std::collections::VecDeque;

use bytes::Bytes;

use crate::ids::Seq;

/// Private messages that are to be sent behind older ones, by their places.
#[derive(Debug, Default)]
pub(super) struct Later {
    messages: VecDeque<(Seq, Bytes)>,
    bytes: usize,
}

impl Later {
    /// How many bytes these messages have.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps one.
    pub(super) fn push(&mut self, seq: Seq, message: Bytes) {
        self.bytes += message.len();
        let at = self.messages.partition_point(|(other, _)| *other < seq);
        self.messages.insert(at, (seq, message));
    }

    /// Takes out the first one, if it comes before this place.
    pub(super) fn pop_before(&mut self, seq: Seq) -> Option<(Seq, Bytes)> {
        self.messages.front().filter(|(first, _)| *first < seq)?;
        self.pop()
    }

    /// Takes out the first one.
    pub(super) fn pop(&mut self) -> Option<(Seq, Bytes)> {
        let (seq, message) = self.messages.pop_front()?;
        self.bytes -= message.len();
        Some((seq, message))
    }

    /// Drops the first one, if it has this place: it is sent from elsewhere.
    pub(super) fn drop_first(&mut self, seq: Seq) {
        if self.messages.front().is_some_and(|(first, _)| *first == seq) {
            self.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_by_their_places_and_are_counted() {
        let mut later = Later::default();
        for seq in [5, 3, 8] {
            later.push(Seq(seq), Bytes::from(vec![0; seq as usize]));
        }
        assert_eq!(later.bytes(), 16);
        assert_eq!(later.pop_before(Seq(3)), None);
        assert_eq!(later.pop_before(Seq(5)).map(|(seq, _)| seq), Some(Seq(3)));
        assert_eq!(later.pop_before(Seq(5)), None);
        later.drop_first(Seq(4));
        assert_eq!(later.bytes(), 13);
        later.drop_first(Seq(5));
        assert_eq!(later.pop().map(|(seq, _)| seq), Some(Seq(8)));
        assert_eq!((later.pop(), later.bytes()), (None, 0));
    }
}

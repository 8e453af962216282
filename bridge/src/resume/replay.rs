//! `Replay`: what a client has been sent and has not acknowledged. No I/O.
use std::collections::VecDeque;

/// A part of a stream, by offsets: its end grows as bytes are sent, its beginning moves on as they are acknowledged.
/// The bytes are copies: slices would keep whole read buffers. At rest it holds no memory.
#[derive(Debug)]
pub(super) struct Replay {
    bytes: VecDeque<u8>,
    /// The offset of the first byte, up to which all is acknowledged.
    start: u64,
    /// The most bytes that are kept.
    limit: usize,
}

/// An offset behind the last acknowledgement, or ahead of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadOffset;

impl Replay {
    pub(super) const fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), start: 0, limit }
    }

    /// How many more bytes may be sent.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }

    /// The offset up to which all is acknowledged.
    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Keeps bytes that are sent now.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Forgets what is before `offset`.
    ///
    /// # Errors
    /// [`BadOffset`]; nothing has changed then.
    pub(super) fn acknowledge(&mut self, offset: u64) -> Result<(), BadOffset> {
        let count = offset
            .checked_sub(self.start)
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count <= self.bytes.len())
            .ok_or(BadOffset)?;
        if count == self.bytes.len() {
            self.bytes = VecDeque::new();
        } else {
            self.bytes.drain(..count);
        }
        self.start = offset;
        Ok(())
    }

    /// What is kept, in two parts.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        let (first, second) = self.bytes.as_slices();
        [first, second]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(replay: &Replay) -> Vec<u8> {
        replay.parts().concat()
    }

    #[test]
    fn what_is_acknowledged_is_forgotten_and_the_rest_stays_in_order() {
        let mut replay = Replay::new(8);
        for round in 0..20_u8 {
            replay.push(&[round; 5]);
            assert_eq!(replay.room(), if round == 0 { 3 } else { 1 });
            replay.acknowledge(u64::from(round) * 5 + 3).unwrap();
            assert_eq!(all(&replay), [round; 2]);
            replay.bytes.make_contiguous();
        }
        replay.acknowledge(100).unwrap();
        assert!(replay.is_empty());
        assert_eq!(replay.bytes.capacity(), 0, "nothing is held at rest");
    }

    #[test]
    fn an_offset_outside_is_none() {
        let mut replay = Replay::new(8);
        replay.push(b"abcd");
        replay.acknowledge(2).unwrap();
        for bad in [0, 1, 5, u64::MAX] {
            assert_eq!(replay.acknowledge(bad), Err(BadOffset));
            assert_eq!(all(&replay), b"cd");
        }
        replay.acknowledge(2).unwrap();
        replay.acknowledge(4).unwrap();
    }
}

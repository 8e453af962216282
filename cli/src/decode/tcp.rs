//! `Half`: one direction of a TCP connection, put together from its segments (RFC 9293 section 3.4).
//!
//! Retransmissions are left out, segments out of order wait for those before them. What was acknowledged and is not
//! in the capture will not come: it is told as missing, and reading goes on behind it.
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::stream::Problem;

/// The most bytes that wait for those before them; after that those count as missing.
const MOST_WAITING: usize = 1 << 20;

/// What a segment says about its own direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segment {
    /// Number of its first byte, or of its SYN.
    pub(crate) sequence: u32,
    /// It begins the stream.
    pub(crate) syn: bool,
    /// It ends the stream.
    pub(crate) fin: bool,
    /// What it carries.
    pub(crate) payload: Bytes,
    /// How many more bytes it carried than the capture has of it.
    pub(crate) cut: u64,
    /// Whether other bytes stand in the place of those that it carried.
    pub(crate) masked: bool,
    /// What who made the capture saw at its beginning.
    pub(crate) seen: Option<Problem>,
}

/// The next part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes.
    Data(Bytes),
    /// Bytes in the place of others.
    Masked(Bytes),
    /// What was seen here by who made the capture.
    Seen(Problem),
    /// So many bytes are not in the capture.
    Missing(u64),
    /// Nothing comes any more.
    End,
}

/// One direction of a connection. Positions in it count from its first byte that was seen.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// The number of the first byte that has not been handed on.
    next: Option<u32>,
    /// Its position.
    position: u64,
    /// Segments after a gap, by position.
    waiting: BTreeMap<u64, Waiting>,
    waiting_bytes: usize,
    /// Up to where the other side has everything.
    acknowledged: u64,
    /// The end of what is known to have been sent.
    sent: u64,
    /// Where the stream ends.
    end: Option<u64>,
    ended: bool,
    saw_syn: bool,
}

/// What a segment carried, until what comes before it is there.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Bytes,
    masked: bool,
}

impl Half {
    /// Whether the capture has the stream's beginning.
    pub(crate) const fn saw_beginning(&self) -> bool {
        self.saw_syn
    }

    /// Whether this SYN begins another connection between the same ports.
    pub(crate) fn is_other_beginning(&self, segment: &Segment) -> bool {
        let first = segment.sequence.wrapping_add(1);
        match self.next {
            Some(next) if segment.syn => {
                // positions fit: a stream of 4 GiB has used all its numbers
                !self.saw_syn || next.wrapping_sub(self.position as u32) != first
            }
            Some(_) | None => false,
        }
    }

    /// Takes a segment and gives what it completes.
    pub(crate) fn segment(&mut self, segment: Segment, pieces: &mut Vec<Piece>) {
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        self.saw_syn |= segment.syn;
        // a segment without bytes may be a keep-alive probe, whose number is one too low
        if self.next.is_none() && !segment.syn && !segment.fin && segment.payload.is_empty() {
            return;
        }
        let next = *self.next.get_or_insert(first);
        let Some(start) = self.position_of(first, next) else {
            return;
        };
        let end = start + segment.payload.len() as i64;
        let sent = u64::try_from(end).unwrap_or(0) + segment.cut;
        if segment.fin {
            self.end = Some(sent);
        }
        // FIN has a number too, but is no byte: what comes behind it says nothing of more
        self.sent = self.sent.max(sent).min(self.end.unwrap_or(u64::MAX));
        if let Ok(behind) = usize::try_from(-start) {
            // a retransmission, whole or in part
            let fresh = segment.payload.get(behind..).unwrap_or_default();
            self.wait(0, segment.payload.slice_ref(fresh), segment.masked);
        } else {
            self.wait(u64::try_from(start).unwrap_or(0), segment.payload, segment.masked);
        }
        pieces.extend(segment.seen.map(Piece::Seen));
        self.hand_on(pieces);
        while self.gap().is_some_and(|after| after <= self.acknowledged)
            || self.waiting_bytes > MOST_WAITING
        {
            self.leave_out(pieces);
        }
        self.finish(pieces);
    }

    /// Notes what the other side says that it has.
    pub(crate) fn acknowledge(&mut self, number: u32) {
        let position = self.next.and_then(|next| self.position_of(number, next));
        let absolute = position.and_then(|position| u64::try_from(position).ok());
        self.acknowledged = self.acknowledged.max(absolute.unwrap_or(0));
    }

    /// Gives all that is left: nothing more will be captured.
    pub(crate) fn flush(&mut self, pieces: &mut Vec<Piece>) {
        while !self.waiting.is_empty() {
            self.leave_out(pieces);
        }
        if self.sent > self.position {
            pieces.push(Piece::Missing(self.sent - self.position));
            self.advance(self.sent - self.position);
        }
        if !self.ended {
            self.ended = true;
            pieces.push(Piece::End);
        }
    }

    /// Whether the stream has ended.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The position of a byte; less than 0 before the first that was seen. Nothing for a number that is no part of
    /// this stream, being further away than any window.
    fn position_of(&self, number: u32, next: u32) -> Option<i64> {
        let distance = i64::from(number.wrapping_sub(next).cast_signed());
        (distance.abs() <= 1 << 30).then_some(self.position as i64 + distance)
    }

    fn wait(&mut self, position: u64, payload: Bytes, masked: bool) {
        let end = position + payload.len() as u64;
        if payload.is_empty() || end <= self.position {
            return;
        }
        let known = self.waiting.entry(position).or_default();
        if known.bytes.len() < payload.len() {
            self.waiting_bytes += payload.len() - known.bytes.len();
            *known = Waiting { bytes: payload, masked };
        }
    }

    /// Where the first segment after a gap begins, if there is a gap.
    fn gap(&self) -> Option<u64> {
        self.waiting.keys().next().copied()
    }

    /// Hands on what follows without a gap.
    fn hand_on(&mut self, pieces: &mut Vec<Piece>) {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= self.position
        {
            let (position, Waiting { bytes: payload, masked }) = entry.remove_entry();
            self.waiting_bytes -= payload.len();
            // both are within one window
            let known = (self.position - position) as usize;
            if known < payload.len() {
                let fresh = payload.slice(known..);
                self.advance(fresh.len() as u64);
                pieces.push(if masked { Piece::Masked(fresh) } else { Piece::Data(fresh) });
            }
        }
    }

    /// Tells the first gap as missing, and hands on what is behind it.
    fn leave_out(&mut self, pieces: &mut Vec<Piece>) {
        if let Some(after) = self.gap() {
            pieces.push(Piece::Missing(after - self.position));
            self.advance(after - self.position);
        }
        self.hand_on(pieces);
    }

    fn finish(&mut self, pieces: &mut Vec<Piece>) {
        if self.end == Some(self.position) && !self.ended {
            self.ended = true;
            pieces.push(Piece::End);
        }
    }

    fn advance(&mut self, count: u64) {
        self.position += count;
        // numbers wrap
        self.next = self.next.map(|next| next.wrapping_add(count as u32));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: u32 = u32::MAX - 3;

    fn syn() -> Segment {
        Segment { sequence: START.wrapping_sub(1), syn: true, ..Segment::default() }
    }

    fn data(at: u32, payload: &'static [u8]) -> Segment {
        Segment {
            sequence: START.wrapping_add(at),
            payload: Bytes::from_static(payload),
            ..Segment::default()
        }
    }

    fn fin(at: u32) -> Segment {
        Segment { fin: true, ..data(at, b"") }
    }

    fn pieces(segments: impl IntoIterator<Item = Segment>) -> Vec<Piece> {
        let (mut half, mut pieces) = (Half::default(), Vec::new());
        segments.into_iter().for_each(|segment| half.segment(segment, &mut pieces));
        pieces
    }

    fn text(pieces: &[Piece]) -> String {
        let show = |piece: &Piece| match piece {
            Piece::Data(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Piece::Masked(bytes) => format!("({})", bytes.len()),
            Piece::Seen(problem) => format!("!{problem}!"),
            Piece::Missing(count) => format!("<{count}>"),
            Piece::End => ".".to_owned(),
        };
        pieces.iter().map(show).collect()
    }

    #[test]
    fn segments_in_any_order_are_one_stream() {
        let segments = [syn(), data(6, b"gh"), data(0, b"abc"), fin(8), data(3, b"def")];
        assert_eq!(text(&pieces(segments)), "abcdefgh.");
    }

    #[test]
    fn retransmissions_are_left_out() {
        let segments = [
            syn(),
            data(0, b"abc"),
            syn(),
            data(0, b"abc"),
            data(1, b"bcde"),
            data(4, b"e"),
            data(u32::MAX, b"\0"),
            data(5, b"f"),
        ];
        assert_eq!(text(&pieces(segments)), "abcdef");
    }

    #[test]
    fn what_came_before_the_first_byte_that_was_seen_is_left_out() {
        assert_eq!(text(&pieces([data(4, b"ef"), data(2, b"cdefgh"), data(0, b"ab")])), "efgh");
    }

    #[test]
    fn a_gap_is_told_once_it_was_acknowledged() {
        let (mut half, mut out) = (Half::default(), Vec::new());
        half.segment(syn(), &mut out);
        half.segment(data(0, b"ab"), &mut out);
        half.segment(data(5, b"fg"), &mut out);
        assert_eq!(text(&out), "ab");
        half.acknowledge(START.wrapping_add(7));
        half.segment(data(7, b"h"), &mut out);
        assert_eq!(text(&out), "ab<3>fgh");
        half.segment(data(2, b"cde"), &mut out);
        assert_eq!(text(&out), "ab<3>fgh");
    }

    #[test]
    fn what_was_seen_and_masked_stands_in_its_place() {
        let seen = Some(Problem::Recorded { text: "bad".into(), wrong: true });
        let segments = [
            syn(),
            data(0, b"ab"),
            Segment { seen, ..data(2, b"") },
            Segment { masked: true, ..data(2, b"***") },
            data(5, b"fg"),
        ];
        assert_eq!(text(&pieces(segments)), "ab!bad!(3)fg");
    }

    #[test]
    fn a_gap_is_told_at_the_end() {
        let (mut half, mut out) = (Half::default(), Vec::new());
        half.segment(data(0, b"ab"), &mut out);
        half.segment(Segment { cut: 2, ..data(4, b"e") }, &mut out);
        assert!(!half.saw_beginning());
        half.flush(&mut out);
        half.flush(&mut out);
        assert_eq!(text(&out), "ab<2>e<2>.");
    }

    #[test]
    fn nothing_is_missing_behind_the_end() {
        let (mut half, mut out) = (Half::default(), Vec::new());
        half.segment(syn(), &mut out);
        half.segment(data(0, b"abc"), &mut out);
        half.segment(fin(3), &mut out);
        // FIN takes a number, and what comes after it, as RST does, has the next one
        half.segment(data(4, b""), &mut out);
        half.flush(&mut out);
        assert_eq!(text(&out), "abc.");
    }

    #[test]
    fn no_more_waits_than_a_bound() {
        let (mut half, mut out) = (Half::default(), Vec::new());
        half.segment(syn(), &mut out);
        let chunk = Bytes::from(vec![b'x'; 60_000]);
        for at in 0..20 {
            let sequence = START.wrapping_add(1 + at * 60_000);
            half.segment(
                Segment { sequence, payload: chunk.clone(), ..Segment::default() },
                &mut out,
            );
            assert!(half.waiting_bytes <= MOST_WAITING);
        }
        assert_eq!(out.first(), Some(&Piece::Missing(1)));
    }

    #[test]
    fn another_beginning_is_another_connection() {
        let (mut half, mut out) = (Half::default(), Vec::new());
        assert!(!half.is_other_beginning(&syn()));
        half.segment(syn(), &mut out);
        half.segment(data(0, b"ab"), &mut out);
        assert!(!half.is_other_beginning(&syn()));
        assert!(!half.is_other_beginning(&data(9, b"x")));
        assert!(half.is_other_beginning(&Segment { sequence: 7, ..syn() }));
    }

    proptest! {
        #[test]
        fn any_order_with_any_overlap_gives_the_stream(
            length in 1usize..200,
            cuts in proptest::collection::vec((0usize..200, 1usize..60), 1..40),
            start in any::<u32>(),
        ) {
            let stream: Bytes = (0..length).map(|at| at as u8).collect();
            let segment = |(at, count): (usize, usize)| {
                let at = at.min(length);
                let payload = stream.slice(at..(at + count).min(length));
                Segment { sequence: start.wrapping_add(at as u32), payload, ..Segment::default() }
            };
            let (mut half, mut out) = (Half::default(), Vec::new());
            let begin = Segment { sequence: start.wrapping_sub(1), syn: true, ..Segment::default() };
            half.segment(begin, &mut out);
            for cut in cuts {
                half.segment(segment(cut), &mut out);
            }
            for at in (0..length).step_by(60) {
                half.segment(segment((at, 60)), &mut out);
            }
            half.segment(Segment { fin: true, ..segment((length, 0)) }, &mut out);
            prop_assert_eq!(out.pop(), Some(Piece::End));
            let joined: Vec<u8> = out.iter().flat_map(|piece| match piece {
                Piece::Data(bytes) => bytes.to_vec(),
                Piece::Masked(_) | Piece::Seen(_) | Piece::Missing(_) | Piece::End => panic!("{piece:?}"),
            }).collect();
            prop_assert_eq!(joined, stream);
        }
    }
}

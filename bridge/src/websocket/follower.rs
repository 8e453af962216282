//! `Follower`: knows where frames and messages end in a stream of WebSocket frames.
use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// Bytes of the longest frame header (RFC 6455 section 5.2): two, a length of eight, a mask of four.
const MAX_HEADER: usize = 14;

/// Reads nothing but headers, so that a codec can be let go of exactly when it holds nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Follower {
    header: [u8; MAX_HEADER],
    /// How many bytes of `header` are there.
    filled: usize,
    /// Bytes of the present frame that are still to come.
    left: u64,
    /// Inside a message of several frames.
    fragmented: bool,
    /// Bytes that are no frame have come: nothing is known any more.
    lost: bool,
}

impl Follower {
    /// Goes over the stream's next bytes.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.lost {
            if self.left > 0 {
                let skipped =
                    usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.left -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
            } else {
                bytes = self.read_header(bytes);
            }
        }
    }

    /// Whether the stream stands between two messages, and no byte of the next has come.
    pub(super) const fn at_rest(&self) -> bool {
        self.filled == 0 && self.left == 0 && !self.fragmented && !self.lost
    }

    /// Reads a header, or the part of it that is there; the bytes behind it.
    fn read_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let had = self.filled;
        let free = self.header.get_mut(had..).unwrap_or_default();
        let taken = free.len().min(bytes.len());
        for (to, from) in free.iter_mut().zip(bytes) {
            *to = *from;
        }
        let mut cursor = Cursor::new(self.header.get(..had + taken).unwrap_or_default());
        match FrameHeader::parse(&mut cursor) {
            Ok(Some((header, length))) => {
                let header_len = cursor.position() as usize;
                self.filled = 0;
                self.left = length;
                self.fragmented = match header.opcode {
                    OpCode::Data(
                        Data::Text | Data::Binary | Data::Continue | Data::Reserved(_),
                    ) => !header.is_final,
                    OpCode::Control(
                        Control::Close | Control::Ping | Control::Pong | Control::Reserved(_),
                    ) => self.fragmented,
                };
                bytes.get(header_len.saturating_sub(had)..).unwrap_or_default()
            }
            Ok(None) => {
                self.filled = had + taken;
                bytes.get(taken..).unwrap_or_default()
            }
            Err(_) => {
                self.lost = true;
                &[]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame.
    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match payload {
            0..=125 => frame.push(0x80 | payload as u8),
            126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((payload as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + payload, 0x82);
        frame
    }

    #[test]
    fn rests_between_messages_only_whatever_the_cut() {
        // a message, a ping inside a message of two frames, an empty and two longer messages
        let frames = [
            (frame(0x82, 5), true),
            (frame(0x02, 7), false),
            (frame(0x89, 3), false),
            (frame(0x80, 9), true),
            (frame(0x82, 0), true),
            (frame(0x82, 300), true),
            (frame(0x82, 70_000), true),
        ];
        let mut stream = Vec::new();
        let mut rests = vec![0];
        for (bytes, rest) in &frames {
            stream.extend(bytes);
            if *rest {
                rests.push(stream.len());
            }
        }
        for step in [1, 2, 3, 13, 100, 4096, stream.len()] {
            let mut follower = Follower::default();
            let mut at = 0;
            for chunk in stream.chunks(step) {
                follower.advance(chunk);
                at += chunk.len();
                assert_eq!(follower.at_rest(), rests.contains(&at), "at {at} in steps of {step}");
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_never_at_rest() {
        let mut follower = Follower::default();
        follower.advance(&[0x83, 0x80, 1, 2, 3, 4]);
        assert!(!follower.at_rest());
    }
}

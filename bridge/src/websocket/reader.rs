//! Bytes from a client in, messages and answers to control frames out. No I/O.
use std::io::{self, Read, Write};

use mig33_codec::MAX_PACKET;
use tokio_tungstenite::tungstenite::{
    self, Error,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::follower::Follower;
use super::whole::{self, Close, Whole};
use crate::close::{End, NO_CODE};

/// A message of a client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Binary(&'a [u8]),
    Text(&'a str),
}

/// What reads a client's stream. At rest, which is between two messages, it holds no buffer.
#[derive(Debug)]
pub(crate) struct Reader {
    websocket: Option<Box<WebSocketContext>>,
    follower: Follower,
    /// The most bytes of a message.
    max: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new(MAX_PACKET)
    }
}

impl Reader {
    /// One that takes messages of at most so many bytes.
    pub(crate) fn new(max: usize) -> Self {
        Self { websocket: None, follower: Follower::default(), max }
    }

    /// Takes messages of at most so many bytes from now on.
    pub(crate) fn allow(&mut self, max: usize) {
        if max == self.max {
            return;
        }
        self.max = max;
        if let Some(websocket) = &mut self.websocket {
            websocket.set_config(|config| *config = limited(*config, max));
        }
    }

    /// Takes the stream's next bytes, which it takes the masks off in place: shows each message in them to `seen`, and
    /// appends what the client has to be answered (pongs, the answer to its close) to `answers`.
    ///
    /// # Errors
    /// Why the tunnel has to end: the client closed, or broke the rules, or `seen` says so.
    pub(crate) fn take(
        &mut self,
        mut bytes: &mut [u8],
        answers: &mut Vec<u8>,
        mut seen: impl FnMut(Message<'_>) -> Result<(), End>,
    ) -> Result<(), End> {
        if self.websocket.is_none() {
            let (taken, rest) = read_whole(bytes, self.max, &mut seen);
            bytes = rest;
            if taken.is_err() {
                self.keep(bytes);
            }
            if taken.is_err() || bytes.is_empty() {
                return taken;
            }
            if let Some(Close { code, answer }) = whole::close(bytes) {
                answers.extend(answer);
                return Err(End::ClientClosed { code });
            }
        }
        self.follower.advance(bytes);
        let websocket = self.websocket.get_or_insert_with(|| {
            Box::new(WebSocketContext::new(Role::Server, Some(config(self.max))))
        });
        let mut memory = Memory { input: bytes, output: answers };
        loop {
            match websocket.read(&mut memory) {
                Ok(tungstenite::Message::Binary(message)) => seen(Message::Binary(&message))?,
                Ok(tungstenite::Message::Text(text)) => seen(Message::Text(&text))?,
                Ok(tungstenite::Message::Close(frame)) => {
                    // the answer is queued: this writes it
                    let _ = websocket.flush(&mut memory);
                    let code = frame.map_or(NO_CODE, |frame| frame.code.into());
                    return Err(End::ClientClosed { code });
                }
                Ok(
                    tungstenite::Message::Ping(_)
                    | tungstenite::Message::Pong(_)
                    | tungstenite::Message::Frame(_),
                ) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(Error::Capacity(_)) => return Err(End::ClientTooBig),
                Err(Error::Utf8(_)) => return Err(End::ClientUtf8),
                Err(_) => return Err(End::ClientProtocol),
            }
        }
        if self.follower.at_rest() {
            self.websocket = None;
        }
        Ok(())
    }

    /// Keeps bytes for the next time: somebody may still look for the client's close.
    fn keep(&mut self, bytes: &[u8]) {
        self.follower.advance(bytes);
        let (kept, role) = (bytes.to_vec(), Role::Server);
        let websocket = WebSocketContext::from_partially_read(kept, role, Some(config(self.max)));
        self.websocket = Some(Box::new(websocket));
    }

    /// Whether it holds nothing.
    #[cfg(test)]
    pub(crate) const fn at_rest(&self) -> bool {
        self.websocket.is_none()
    }
}

/// Shows the messages that the bytes begin with and that are there in full, one frame each, to `seen` until that ends the
/// tunnel; what is behind them.
fn read_whole(
    mut bytes: &mut [u8],
    max: usize,
    mut seen: impl FnMut(Message<'_>) -> Result<(), End>,
) -> (Result<(), End>, &mut [u8]) {
    loop {
        let Whole { is_text, content, rest } = match whole::split(bytes, max) {
            Ok(whole) => whole,
            Err(bytes) => return (Ok(()), bytes),
        };
        let taken = if is_text {
            str::from_utf8(content)
                .map_err(|_| End::ClientUtf8)
                .and_then(|text| seen(Message::Text(text)))
        } else {
            seen(Message::Binary(content))
        };
        bytes = rest;
        if taken.is_err() {
            return (taken, bytes);
        }
    }
}

/// Small buffers, and messages of at most `max` bytes.
fn config(max: usize) -> WebSocketConfig {
    let small = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_write_buffer_size(4096);
    limited(small, max)
}

fn limited(config: WebSocketConfig, max: usize) -> WebSocketConfig {
    config.max_message_size(Some(max)).max_frame_size(Some(max))
}

/// The socket as the codec sees it: bytes that have arrived, and a place for what it answers.
struct Memory<'a> {
    input: &'a [u8],
    output: &'a mut Vec<u8>,
}

impl Read for Memory<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.input.read(into)
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [9, 8, 7, 6];
        let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// What a reader makes of the bytes: the end, its messages, its answers.
    fn take(reader: &mut Reader, bytes: &[u8]) -> (Result<(), End>, Vec<String>, Vec<u8>) {
        let (mut messages, mut answers) = (Vec::new(), Vec::new());
        let taken = reader.take(&mut bytes.to_vec(), &mut answers, |message| {
            messages.push(format!("{message:?}"));
            Ok(())
        });
        (taken, messages, answers)
    }

    #[test]
    fn every_cut_gives_the_same_messages() {
        // a text, then a message in two frames with a ping between them
        let stream = [
            masked(0x81, "é".as_bytes()),
            masked(0x02, b"ab"),
            masked(0x89, b"hi"),
            masked(0x80, b"c"),
        ]
        .concat();
        for cut in 0..=stream.len() {
            let mut reader = Reader::default();
            let first = take(&mut reader, &stream[..cut]);
            let second = take(&mut reader, &stream[cut..]);
            assert_eq!((first.0, second.0), (Ok(()), Ok(())));
            assert_eq!(
                [first.1, second.1].concat(),
                ["Text(\"é\")", "Binary([97, 98, 99])"],
                "cut at {cut}"
            );
            assert_eq!([first.2, second.2].concat(), b"\x8a\x02hi", "the ping is answered");
            assert!(reader.at_rest());
        }
    }

    #[test]
    fn what_breaks_the_rules_ends_the_tunnel_and_keeps_what_came_before() {
        let cases = [
            (masked(0x81, b"\xff\xff"), End::ClientUtf8),
            (vec![0x82, 2, 2, 0], End::ClientProtocol),
            (masked(0x83, b""), End::ClientProtocol),
            (masked(0xc2, b"abc"), End::ClientProtocol),
            (vec![0x82, 0xff, 0, 0, 0, 0, 0, 0xff, 0, 0, 1, 2, 3, 4], End::ClientTooBig),
        ];
        for (bad, end) in cases {
            let (taken, messages, _) =
                take(&mut Reader::default(), &[masked(0x82, b"a"), bad].concat());
            assert_eq!((taken, messages.len()), (Err(end), 1));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_in_place_is_what_the_codec_reads(
            frames in prop::collection::vec(any_frame(), 1..8),
            cuts in prop::collection::vec(1..40_usize, 1..8),
            bad_at in prop::option::of(0..8_usize),
        ) {
            let stream = frames.concat();
            let run = |mut reader: Reader, in_place: bool| {
                let (mut messages, mut answers, mut end) = (Vec::new(), Vec::new(), None);
                let mut rest = stream.as_slice();
                for cut in cuts.iter().cycle() {
                    if rest.is_empty() || end.is_some() {
                        break;
                    }
                    let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
                    rest = behind;
                    if !in_place && reader.at_rest() {
                        // holding nothing, it is the codec's turn all the same
                        reader.keep(&[]);
                    }
                    let taken = reader.take(&mut chunk.to_vec(), &mut answers, |message| {
                        messages.push(format!("{message:?}"));
                        if bad_at == Some(messages.len()) { Err(End::ClientControl) } else { Ok(()) }
                    });
                    end = taken.err();
                }
                // what comes behind the end that was decided on here: the client's close is still found
                let behind = (end == Some(End::ClientControl))
                    .then(|| take(&mut reader, rest))
                    .map(|(taken, messages, answers)| (taken, messages.len(), answers));
                (messages, answers, end, behind)
            };
            prop_assert_eq!(run(Reader::default(), true), run(Reader::default(), false));
        }
    }

    /// Frames that are whole messages for the most part, and all others, too.
    fn any_frame() -> impl Strategy<Value = Vec<u8>> {
        let first = prop_oneof![
            4 => Just(0x82_u8),
            2 => Just(0x81),
            2 => prop::sample::select(vec![0x02, 0x80, 0x01, 0x89, 0x8a, 0x88, 0x83, 0xc2, 0x09]),
        ];
        let content = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            "[a-z\u{e9}\u{4e16}]{0,60}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 100..125),
        ];
        (first, content, prop::bool::weighted(0.95)).prop_map(|(first, content, is_masked)| {
            let mut frame = masked(first, &content);
            if !is_masked {
                frame[1] &= 0x7f;
            }
            frame
        })
    }

    #[test]
    fn a_close_is_answered_with_its_code() {
        for (content, code) in [(&[3, 233][..], 1001), (&[0x0f, 0xa0], 4000), (&[], NO_CODE)] {
            let (taken, _, answers) = take(&mut Reader::default(), &masked(0x88, content));
            assert_eq!(taken, Err(End::ClientClosed { code }));
            assert_eq!(answers, [&[0x88, content.len() as u8], content].concat());
        }
    }

    #[test]
    fn a_message_over_what_is_allowed_is_refused_by_its_length() {
        // 9,000 bytes: in one frame, of which the content has not come, and in parts
        let long = [&[0x82, 0xfe][..], &9000_u16.to_be_bytes(), &[0; 4]].concat();
        let part = [&[0x02, 0xfe][..], &5000_u16.to_be_bytes(), &[0; 5004]].concat();
        let rest = [&[0x80, 0xfe][..], &4000_u16.to_be_bytes(), &[0; 4004]].concat();
        for frames in [&[&long[..]][..], &[&part, &rest]] {
            let mut reader = Reader::new(8192);
            let taken = frames.iter().map(|frame| take(&mut reader, frame).0).find(Result::is_err);
            assert_eq!(taken, Some(Err(End::ClientTooBig)));

            let mut reader = Reader::new(8192);
            reader.allow(MAX_PACKET);
            assert!(frames.iter().all(|frame| take(&mut reader, frame).0.is_ok()));
        }
        // allowed in the middle of it
        let mut reader = Reader::new(8192);
        assert_eq!(take(&mut reader, &part).0, Ok(()));
        reader.allow(MAX_PACKET);
        assert_eq!(take(&mut reader, &rest).1.len(), 1);
        // and there in full
        let whole = [long, vec![0; 9000]].concat();
        assert_eq!(take(&mut Reader::new(8192), &whole).0, Err(End::ClientTooBig));
        assert_eq!(take(&mut Reader::new(9000), &whole).1.len(), 1);
    }

    #[test]
    fn a_declared_length_alone_is_no_message() {
        let mut reader = Reader::default();
        let header = [0x82, 0xff, 0, 0, 0, 0, 0, 5, 0, 0, 1, 2, 3, 4];
        assert_eq!(take(&mut reader, &header), (Ok(()), vec![], vec![]));
        assert!(!reader.at_rest(), "a frame that has begun is waited for");
    }
}

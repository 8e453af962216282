//! `Reader`: bytes of one direction in, packets and what is wrong out. After bytes that are no packet it finds the next.
mod problem;

use bytes::{Bytes, BytesMut};
use mig33_codec::{BLOCK_HEADER_LEN, Block, Command, Frame, FrameError, HEADER_LEN, Header, MAGIC};

pub(crate) use self::problem::Problem;
use self::problem::in_stream;

/// What came along in a stream. Every offset counts bytes from the start of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A whole packet.
    Packet {
        /// Where its first byte stands.
        offset: u64,
        /// The packet.
        frame: Frame,
    },
    /// A packet whose blocks are broken; what is wrong with it follows.
    Broken(Broken),
    /// Something is wrong.
    Problem(Problem),
    /// Bytes that belong to no whole packet.
    Unread {
        /// Where the first of them stands.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
        /// Whether these are others in their place: the capture does not have those that were sent.
        masked: bool,
    },
    /// Bytes that nobody has: they are missing in a capture.
    Missing {
        /// Where the first of them stands.
        offset: u64,
        /// How many.
        count: u64,
    },
}

/// A packet whose header says where it ends, but whose blocks do not fit into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Where its first byte stands.
    pub(crate) offset: u64,
    pub(crate) command: Command,
    pub(crate) transaction: u16,
    /// All of it.
    pub(crate) bytes: Bytes,
}

impl Broken {
    /// The blocks that fit, and the bytes after them.
    pub(crate) fn parts(&self) -> (Vec<Block>, Bytes) {
        let mut rest = self.bytes.slice(HEADER_LEN.min(self.bytes.len())..);
        let mut blocks = Vec::new();
        while let Some((header, _)) = rest.split_first_chunk::<BLOCK_HEADER_LEN>() {
            let [i1, i2, l1, l2, l3, l4] = *header;
            let end = BLOCK_HEADER_LEN + u32::from_be_bytes([l1, l2, l3, l4]) as usize;
            if end > rest.len() {
                break;
            }
            let content = rest.split_to(end).slice(BLOCK_HEADER_LEN..);
            blocks.push(Block { id: u16::from_be_bytes([i1, i2]), content });
        }
        (blocks, rest)
    }
}

/// Reads one direction of a connection.
#[derive(Debug)]
pub(crate) struct Reader {
    /// What has come and is not yet told.
    held: BytesMut,
    /// Where `held` begins.
    offset: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// `held` begins with a packet.
    Reading,
    /// The next packet is looked for.
    Looking {
        /// Bytes that were passed over so far.
        passed: u64,
        /// Whether it was told why.
        told: bool,
    },
}

impl Reader {
    /// A reader at the start of a stream.
    pub(crate) fn new() -> Self {
        Self { held: BytesMut::new(), offset: 0, state: State::Reading }
    }

    /// A reader in the middle of a stream: it tells [`Problem::Begins`] when no packet begins there.
    pub(crate) fn in_the_middle() -> Self {
        Self { state: State::Looking { passed: 0, told: false }, ..Self::new() }
    }

    /// Takes the next bytes and tells what they complete.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        self.held.extend_from_slice(bytes);
        self.read(events, false);
    }

    /// Leaves out bytes that are missing; what was begun before them cannot be completed.
    pub(crate) fn skip(&mut self, count: u64, events: &mut Vec<Event>) {
        self.read(events, true);
        let offset = self.offset + self.held.len() as u64;
        events.push(Event::Problem(Problem::Missing { offset, count }));
        let passed = match self.state {
            State::Reading => 0,
            State::Looking { passed, .. } => passed,
        };
        self.state = State::Looking { passed, told: true };
        self.pass(self.held.len(), events);
        events.push(Event::Missing { offset, count });
        self.offset += count;
    }

    /// Takes bytes that stand for others, which were no packet; what was begun before them is none either.
    pub(crate) fn push_masked(&mut self, bytes: Bytes, events: &mut Vec<Event>) {
        self.read(events, true);
        if !self.held.is_empty() {
            self.unread(self.held.len(), events);
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        self.state = State::Reading;
        events.push(Event::Unread { offset, bytes, masked: true });
    }

    /// Tells what is wrong at the end of a stream.
    pub(crate) fn finish(&mut self, events: &mut Vec<Event>) {
        self.read(events, true);
        let count = self.held.len();
        if let State::Looking { .. } = self.state {
            self.pass(count, events);
            self.found(events);
        } else if count > 0 {
            let offset = self.offset + count as u64;
            events.push(Event::Problem(FrameError::Truncated { offset, count }.into()));
            self.unread(count, events);
        }
    }

    /// Reads all packets that are there. What comes `last` has nothing after it.
    fn read(&mut self, events: &mut Vec<Event>, last: bool) {
        loop {
            if let State::Looking { .. } = self.state
                && !self.look(events, last)
            {
                return;
            }
            match self.next_packet() {
                Ok(None) => return,
                Ok(Some(header)) => self.take_packet(header, events),
                Err(error) => {
                    events.push(Event::Problem(error.into()));
                    self.state = State::Looking { passed: 0, told: true };
                    self.pass(1, events);
                }
            }
        }
    }

    /// The header of the packet that `held` begins with, if all of it is there.
    fn next_packet(&self) -> Result<Option<Header>, FrameError> {
        if let Some(start) = self.held.first_chunk::<HEADER_LEN>() {
            let header = Header::read(start, self.offset)?;
            return Ok((self.held.len() >= header.packet_len()).then_some(header));
        }
        match self.held.first() {
            Some(&found) if found != MAGIC => {
                Err(FrameError::BadMagic { offset: self.offset, found })
            }
            Some(_) | None => Ok(None),
        }
    }

    fn take_packet(&mut self, header: Header, events: &mut Vec<Event>) {
        let offset = self.offset;
        let bytes = self.advance(header.packet_len());
        match Frame::new(header.command, header.transaction, bytes.slice(HEADER_LEN..)) {
            Ok(frame) => events.push(Event::Packet { offset, frame }),
            Err(error) => {
                let Header { command, transaction, .. } = header;
                let error = in_stream(error, offset);
                events.push(Event::Broken(Broken { offset, command, transaction, bytes }));
                events.push(Event::Problem(Problem::Blocks { command, start: offset, error }));
            }
        }
    }

    /// Passes bytes over until a packet seems to begin; whether one does.
    fn look(&mut self, events: &mut Vec<Event>, last: bool) -> bool {
        let mut at = 0;
        let seems = loop {
            let seems = seems_packet(self.held.get(at..).unwrap_or_default(), last);
            if seems != Seems::No || at == self.held.len() {
                break seems;
            }
            at += 1;
        };
        self.pass(at, events);
        if seems == Seems::Yes {
            self.found(events);
            return true;
        }
        false
    }

    /// Tells how many bytes were passed over, and reads on.
    fn found(&mut self, events: &mut Vec<Event>) {
        if let State::Looking { passed: count @ 1.., .. } = self.state {
            events.push(Event::Problem(Problem::Passed { offset: self.offset, count }));
        }
        self.state = State::Reading;
    }

    /// Puts bytes aside while the next packet is looked for.
    fn pass(&mut self, count: usize, events: &mut Vec<Event>) {
        if let State::Looking { passed, told } = &mut self.state
            && count > 0
        {
            if !*told {
                events.push(Event::Problem(Problem::Begins));
            }
            *told = true;
            *passed += count as u64;
            self.unread(count, events);
        }
    }

    fn unread(&mut self, count: usize, events: &mut Vec<Event>) {
        let offset = self.offset;
        let bytes = self.advance(count);
        events.push(Event::Unread { offset, bytes, masked: false });
    }

    fn advance(&mut self, count: usize) -> Bytes {
        self.offset += count as u64;
        self.held.split_to(count).freeze()
    }
}

/// Whether bytes look like the beginning of a packet, where nothing says that one begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seems {
    Yes,
    No,
    /// More has to come before it can be said.
    Perhaps,
}

/// A packet seems to begin where the header is sound, its command has a name, the blocks fit into it as far as they
/// are there, and after it comes the next packet or nothing yet.
fn seems_packet(bytes: &[u8], last: bool) -> Seems {
    let more = if last { Seems::No } else { Seems::Perhaps };
    match bytes.first() {
        None => return Seems::Perhaps,
        Some(&MAGIC) => {}
        Some(_) => return Seems::No,
    }
    let Some(start) = bytes.first_chunk::<HEADER_LEN>() else {
        return more;
    };
    let header = match Header::read(start, 0) {
        Ok(header) if header.command.name().is_some() => header,
        Ok(_) | Err(_) => return Seems::No,
    };
    let there = bytes.get(HEADER_LEN..bytes.len().min(header.packet_len())).unwrap_or_default();
    if !blocks_fit(there, header.length as usize) {
        return Seems::No;
    }
    match bytes.get(header.packet_len()) {
        None if bytes.len() < header.packet_len() => more,
        None | Some(&MAGIC) => Seems::Yes,
        Some(_) => Seems::No,
    }
}

/// Whether the first blocks of `length` bytes of PARAMS fit, as far as they are there.
fn blocks_fit(mut there: &[u8], length: usize) -> bool {
    let mut left = length;
    while let Some([_, _, l1, l2, l3, l4]) = there.first_chunk::<BLOCK_HEADER_LEN>() {
        let block = BLOCK_HEADER_LEN + u32::from_be_bytes([*l1, *l2, *l3, *l4]) as usize;
        if block > left {
            return false;
        }
        left -= block;
        there = there.get(block..).unwrap_or_default();
    }
    left == 0 || left >= BLOCK_HEADER_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: [u8; 9] = [2, 0, 2, 0, 4, 0, 0, 0, 0];
    const OK: [u8; 17] = [2, 0, 1, 0, 2, 0, 0, 0, 8, 0, 1, 0, 0, 0, 2, b'h', b'i'];

    /// What a reader tells of these bytes, as one chunk and byte by byte.
    fn told(mut reader: impl FnMut() -> Reader, bytes: &[u8]) -> Vec<String> {
        let tell = |chunks: std::slice::Chunks<'_, u8>, mut reader: Reader| {
            let mut events = Vec::new();
            chunks.for_each(|chunk| reader.push(chunk, &mut events));
            reader.finish(&mut events);
            events.iter().filter_map(line).collect::<Vec<_>>()
        };
        let whole = tell(bytes.chunks(bytes.len().max(1)), reader());
        assert_eq!(tell(bytes.chunks(1), reader()), whole);
        whole
    }

    fn line(event: &Event) -> Option<String> {
        match event {
            Event::Packet { offset, frame } => Some(format!("{offset} {}", frame.command)),
            Event::Problem(problem) => Some(problem.to_string()),
            Event::Broken(_) | Event::Unread { .. } | Event::Missing { .. } => None,
        }
    }

    #[test]
    fn packets_come_with_their_places() {
        assert_eq!(told(Reader::new, &[&PING[..], &OK].concat()), ["0 PING (2)", "9 OK (1)"]);
        assert!(told(Reader::new, &[]).is_empty());
    }

    #[test]
    fn after_garbage_the_next_packet_is_found() {
        let bytes = [&PING[..], b"GET / HTTP\x02\x02\x00", &OK, &PING].concat();
        assert_eq!(
            told(Reader::new, &bytes),
            [
                "0 PING (2)",
                "at byte 9: a packet starts with 02, not 47",
                "at byte 22: 13 bytes before this belong to no whole packet",
                "22 OK (1)",
                "39 PING (2)",
            ]
        );
    }

    #[test]
    fn a_packet_with_broken_blocks_is_left_out() {
        let mut broken = OK;
        broken[14] = 3;
        assert_eq!(
            told(Reader::new, &[&PING[..], &broken, &PING].concat()),
            [
                "0 PING (2)",
                "at byte 18: block 1 says 3 bytes where 2 are left of the packet; in OK (1), which starts at byte 9",
                "26 PING (2)",
            ]
        );
    }

    #[test]
    fn a_cut_packet_is_told_at_the_end() {
        for cut in 1..OK.len() {
            assert_eq!(
                told(Reader::new, &OK[..cut]),
                [format!(
                    "at byte {cut}: the stream ends inside a packet, after {cut} bytes of it"
                )]
            );
        }
    }

    #[test]
    fn in_the_middle_it_begins_at_the_first_packet() {
        assert_eq!(told(Reader::in_the_middle, &PING), ["0 PING (2)"]);
        assert_eq!(
            told(Reader::in_the_middle, &[&OK[9..], &PING].concat()),
            [
                "at byte 0: the capture begins inside a packet",
                "at byte 8: 8 bytes before this belong to no whole packet",
                "8 PING (2)"
            ]
        );
    }

    #[test]
    fn after_a_hole_the_next_packet_is_found() {
        let mut reader = Reader::new();
        let mut events = Vec::new();
        reader.push(&OK[..12], &mut events);
        reader.skip(3, &mut events);
        reader.push(&OK[15..], &mut events);
        reader.push(&PING, &mut events);
        reader.finish(&mut events);
        assert_eq!(
            events.iter().filter_map(line).collect::<Vec<_>>(),
            [
                "at byte 12: 3 bytes are missing in the capture",
                "at byte 17: 14 bytes before this belong to no whole packet",
                "17 PING (2)"
            ]
        );
        let bytes: usize = events
            .iter()
            .map(|event| match event {
                Event::Packet { frame, .. } => frame.wire_len(),
                Event::Broken(Broken { bytes, .. }) | Event::Unread { bytes, .. } => bytes.len(),
                Event::Missing { count, .. } => *count as usize,
                Event::Problem(_) => 0,
            })
            .sum();
        assert_eq!(bytes, OK.len() + PING.len());
    }
}

//! Server to client: any bytes in, messages of whole packets out. No I/O.
use mig33_codec::{FrameError, MAX_PACKET, Scanner};

use super::framing::{Allowance, Framing};
use crate::metrics::Tally;
use crate::websocket::frames::{HEADER_ROOM, put_binary_header};
use crate::websocket::scratch::READ;

/// Puts together whole packets. It holds the beginning of one that has not come in full, and nothing else.
#[derive(Debug)]
pub(super) struct Outbound {
    /// None where any bytes may come.
    packets: Option<Scanner>,
    partial: Vec<u8>,
    allowance: Allowance,
}

/// What a read from the upstream made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken<'a> {
    /// Packets that are in it.
    pub(super) packets: usize,
    /// One WebSocket message with all of them, or with the bytes as they came; empty when no packet is whole yet.
    pub(super) message: &'a [u8],
    /// The client's allowance from now on.
    pub(super) allowance: Allowance,
}

impl Outbound {
    pub(super) fn new(framing: Framing) -> Self {
        let allowance = Allowance::new(framing, None);
        Self { packets: framing.scanner(), partial: Vec::new(), allowance }
    }

    /// Sets the client's allowance before its log-in.
    pub(super) const fn allow(&mut self, allowance: Allowance) {
        self.allowance = allowance;
    }

    /// Where in the shared buffer the upstream's next bytes belong.
    pub(super) fn room<'a>(&self, buffer: &'a mut [u8]) -> &'a mut [u8] {
        let start = HEADER_ROOM + self.partial.len();
        // a message never gets longer than the longest packet
        let length = READ.min(MAX_PACKET - self.partial.len());
        buffer.get_mut(start..start + length).unwrap_or_default()
    }

    /// Takes the bytes that were read into [`room`](Self::room): `count` of them. Counts the packets that begin in
    /// them in `tally`.
    ///
    /// # Errors
    /// The upstream sent what is no packet.
    pub(super) fn take<'a>(
        &mut self,
        buffer: &'a mut [u8],
        count: usize,
        tally: &mut Tally,
    ) -> Result<Taken<'a>, FrameError> {
        let start = HEADER_ROOM + self.partial.len();
        let end = start + count;
        let Some(packets) = &mut self.packets else {
            let message_start = put_binary_header(buffer, count);
            let message = buffer.get(message_start..end).unwrap_or_default();
            return Ok(Taken { packets: 0, message, allowance: self.allowance });
        };
        let bytes = buffer.get(start..end).unwrap_or_default();
        let allowance = &mut self.allowance;
        let scan = packets.advance_with(bytes, |header| {
            tally.add(&header);
            allowance.heed(&header);
        })?;
        if scan.packets == 0 {
            self.partial.extend_from_slice(buffer.get(start..end).unwrap_or_default());
            return Ok(Taken { packets: 0, message: &[], allowance: self.allowance });
        }
        let whole = start + scan.whole;
        if let Some(front) = buffer.get_mut(HEADER_ROOM..start) {
            front.copy_from_slice(&self.partial);
        }
        self.partial = buffer.get(whole..end).unwrap_or_default().to_vec();
        let message_start = put_binary_header(buffer, whole - HEADER_ROOM);
        Ok(Taken {
            packets: scan.packets,
            message: buffer.get(message_start..whole).unwrap_or_default(),
            allowance: self.allowance,
        })
    }

    /// Whether the upstream stands between two packets, or where it may stop anywhere.
    pub(super) fn at_boundary(&self) -> bool {
        self.packets.as_ref().is_none_or(Scanner::at_boundary)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use tokio_tungstenite::tungstenite::protocol::frame::{
        FrameHeader,
        coding::{Data, OpCode},
    };

    use super::*;

    /// Bytes of the buffer that an upstream is read into.
    const BUFFER: usize = HEADER_ROOM + MAX_PACKET + READ;

    fn packet(length: usize) -> Vec<u8> {
        let mut packet = vec![2, 1, 244, 0, 0];
        packet.extend(u32::try_from(length).unwrap().to_be_bytes());
        packet.extend((0..length).map(|at| at as u8));
        packet
    }

    /// Feeds a stream in chunks; the messages' payloads.
    fn messages(stream: &[u8], chunks: &[usize]) -> (Outbound, Vec<Vec<u8>>) {
        let mut outbound = Outbound::new(Framing::Checked);
        let mut buffer = vec![0; BUFFER];
        let mut messages = Vec::new();
        let mut rest = stream;
        let mut sizes = chunks.iter().copied().cycle();
        while !rest.is_empty() {
            let room = outbound.room(&mut buffer);
            let count = sizes.next().unwrap().min(room.len()).min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            let taken = outbound.take(&mut buffer, count, &mut Tally::default()).unwrap();
            if taken.packets > 0 {
                let mut cursor = std::io::Cursor::new(taken.message);
                let (header, length) = FrameHeader::parse(&mut cursor).unwrap().unwrap();
                assert_eq!(header.opcode, OpCode::Data(Data::Binary));
                assert!(header.is_final && header.mask.is_none());
                let payload = &taken.message[cursor.position() as usize..];
                assert_eq!(payload.len() as u64, length);
                messages.push(payload.to_vec());
            }
        }
        (outbound, messages)
    }

    #[test]
    fn all_whole_packets_of_a_read_are_one_message() {
        let stream = [packet(0), packet(3), packet(200)].concat();
        let (outbound, got) = messages(&stream, &[stream.len()]);
        assert_eq!(got, [stream]);
        assert_eq!(outbound.partial.capacity(), 0, "nothing is held at rest");
    }

    #[test]
    fn the_largest_packet_behind_a_small_one_makes_no_message_over_the_limit() {
        let stream = [packet(10), packet(MAX_PACKET - 9), packet(10)].concat();
        let (_, got) = messages(&stream, &[20, READ]);
        assert!(got.iter().all(|message| message.len() <= MAX_PACKET));
        assert_eq!(got.concat(), stream);
    }

    #[test]
    fn bytes_that_are_no_packet_are_an_error() {
        let mut buffer = vec![0; BUFFER];
        let mut outbound = Outbound::new(Framing::Checked);
        outbound.room(&mut buffer)[..4].copy_from_slice(b"HTTP");
        assert!(outbound.take(&mut buffer, 4, &mut Tally::default()).is_err());
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_bytes_in_messages_of_whole_packets(
            lengths in prop::collection::vec(prop_oneof![0..300_usize, 60_000..100_000_usize], 1..12),
            chunks in prop::collection::vec(prop_oneof![1..20_usize, 1..3000_usize, 50_000..70_000_usize], 1..12),
        ) {
            let stream: Vec<u8> = lengths.iter().flat_map(|length| packet(*length)).collect();
            let (outbound, got) = messages(&stream, &chunks);
            prop_assert!(outbound.at_boundary());
            for message in &got {
                let mut scanner = Scanner::new();
                let scan = scanner.advance(message).unwrap();
                prop_assert!(scanner.at_boundary() && scan.whole == message.len());
            }
            prop_assert_eq!(got.concat(), stream);
        }
    }
}

//! Client to server: a client's bytes in, whole packets and answers to control frames out. No I/O.
use mig33_codec::Scanner;

use super::framing::{Allowance, Framing};
use crate::close::End;
use crate::metrics::Tally;
use crate::websocket::{Message, Reader};

/// What reads a client's packets. At rest it holds no buffer.
#[derive(Debug)]
pub(super) struct Inbound {
    reader: Reader,
    /// None where any bytes may come.
    packets: Option<Scanner>,
}

impl Inbound {
    pub(super) fn new(framing: Framing) -> Self {
        Self { reader: Reader::default(), packets: framing.scanner() }
    }

    /// Takes as much at once as that allows.
    pub(super) fn allow(&mut self, allowance: Allowance) {
        self.reader.allow(allowance.max());
    }

    /// Takes the stream's next bytes, which are changed by that. Appends the packets in them to `upstream`, and what the client has to be answered
    /// to `client`, and counts the packets in `tally`; tells how many there were.
    ///
    /// # Errors
    /// Why the tunnel has to end. What came before stands in `upstream`.
    pub(super) fn take(
        &mut self,
        bytes: &mut [u8],
        upstream: &mut Vec<u8>,
        client: &mut Vec<u8>,
        tally: &mut Tally,
    ) -> Result<usize, End> {
        let mut count = 0;
        let packets = &mut self.packets;
        let taken = self.reader.take(bytes, client, |message| {
            let Message::Binary(message) = message else { return Err(End::ClientText) };
            if let Some(packets) = packets {
                let scan = packets
                    .advance_with(message, |header| tally.add(&header))
                    .map_err(End::ClientFraming)?;
                if scan.packets == 0 || !packets.at_boundary() {
                    return Err(End::ClientPartial);
                }
                count += scan.packets;
            }
            upstream.extend_from_slice(message);
            Ok(())
        });
        taken.map(|()| count)
    }

    /// What is left of it when the tunnel ends.
    pub(super) fn into_reader(self) -> Reader {
        self.reader
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: [u8; 9] = [2, 0, 2, 0, 4, 0, 0, 0, 0];

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
        frame.extend(payload);
        frame
    }

    fn take(inbound: &mut Inbound, bytes: &[u8]) -> (Result<usize, End>, Vec<u8>, Vec<u8>) {
        let (mut upstream, mut client) = (Vec::new(), Vec::new());
        let taken =
            inbound.take(&mut bytes.to_vec(), &mut upstream, &mut client, &mut Tally::default());
        (taken, upstream, client)
    }

    #[test]
    fn several_packets_in_several_messages_come_out_at_once() {
        let mut inbound = Inbound::new(Framing::Checked);
        let stream = [masked(0x82, &[PING, PING].concat()), masked(0x82, &PING)].concat();
        assert_eq!(take(&mut inbound, &stream), (Ok(3), [PING, PING, PING].concat(), vec![]));
        assert!(inbound.into_reader().at_rest(), "nothing is held at rest");
    }

    #[test]
    fn every_cut_gives_the_same_packets() {
        // one message in two frames
        let stream = [masked(0x02, &PING[..4]), masked(0x80, &PING[4..])].concat();
        for cut in 0..=stream.len() {
            let mut inbound = Inbound::new(Framing::Checked);
            let first = take(&mut inbound, &stream[..cut]);
            let second = take(&mut inbound, &stream[cut..]);
            assert_eq!(first.0.unwrap() + second.0.unwrap(), 1, "cut at {cut}");
            assert_eq!([first.1, second.1].concat(), PING);
        }
    }

    #[test]
    fn what_may_not_come_ends_the_tunnel_and_keeps_what_came_before() {
        let good = masked(0x82, &PING);
        let cases = [
            (masked(0x81, b"text"), End::ClientText),
            (masked(0x81, b"\xff\xff"), End::ClientUtf8),
            (masked(0x88, b"\x03\xe8\xff"), End::ClientUtf8),
            (masked(0x82, &PING[..8]), End::ClientPartial),
            (masked(0x82, b""), End::ClientPartial),
            (masked(0x83, b""), End::ClientProtocol),
            (masked(0x88, &[3, 233]), End::ClientClosed { code: 1001 }),
        ];
        for (bad, end) in cases {
            let (taken, upstream, _) =
                take(&mut Inbound::new(Framing::Checked), &[good.clone(), bad].concat());
            assert_eq!(taken, Err(end));
            assert_eq!(upstream, PING);
        }
        let (taken, _, _) =
            take(&mut Inbound::new(Framing::Checked), &masked(0x82, b"GET / HTTP/1.1"));
        assert!(matches!(taken, Err(End::ClientFraming(_))), "{taken:?}");
    }
}

//! Client to server: WebSocket bytes in, whole packets and answers to control frames out. No I/O.
use std::io::{self, Read, Write};

use mig33_codec::{MAX_PACKET, Scanner};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::follower::Follower;
use crate::close::End;

/// What reads a client's stream. At rest, which is between two messages, it holds no buffer.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    websocket: Option<Box<WebSocketContext>>,
    follower: Follower,
    packets: Scanner,
}

impl Inbound {
    /// Takes the stream's next bytes. Appends the packets in them to `upstream`, and what the client has to be answered
    /// (pongs, the answer to its close) to `client`; tells how many packets there were.
    ///
    /// # Errors
    /// Why the tunnel has to end. What came before stands in `upstream`.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        upstream: &mut Vec<u8>,
        client: &mut Vec<u8>,
    ) -> Result<usize, End> {
        self.follower.advance(bytes);
        let websocket = self
            .websocket
            .get_or_insert_with(|| Box::new(WebSocketContext::new(Role::Server, Some(config()))));
        let mut memory = Memory { input: bytes, output: client };
        let mut packets = 0;
        loop {
            match websocket.read(&mut memory) {
                Ok(Message::Binary(message)) => {
                    let scan = self.packets.advance(&message).map_err(End::ClientFraming)?;
                    if scan.packets == 0 || !self.packets.at_boundary() {
                        return Err(End::ClientPartial);
                    }
                    packets += scan.packets;
                    upstream.extend_from_slice(&message);
                }
                Ok(Message::Text(_)) | Err(Error::Utf8(_)) => return Err(End::ClientText),
                Ok(Message::Close(_)) => {
                    // the answer is queued: this writes it
                    let _ = websocket.flush(&mut memory);
                    return Err(End::ClientClosed);
                }
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(Error::Capacity(_)) => return Err(End::ClientTooBig),
                Err(_) => return Err(End::ClientProtocol),
            }
        }
        if self.follower.at_rest() {
            self.websocket = None;
        }
        Ok(packets)
    }
}

/// Small buffers; a message is at most as long as the longest packet.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_write_buffer_size(4096)
        .max_message_size(Some(MAX_PACKET))
        .max_frame_size(Some(MAX_PACKET))
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
    use super::*;

    const PING: [u8; 9] = [2, 0, 2, 0, 4, 0, 0, 0, 0];

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [9, 8, 7, 6];
        let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    fn take(inbound: &mut Inbound, bytes: &[u8]) -> (Result<usize, End>, Vec<u8>, Vec<u8>) {
        let (mut upstream, mut client) = (Vec::new(), Vec::new());
        let taken = inbound.take(bytes, &mut upstream, &mut client);
        (taken, upstream, client)
    }

    #[test]
    fn several_packets_in_several_messages_come_out_at_once() {
        let mut inbound = Inbound::default();
        let stream = [masked(0x82, &[PING, PING].concat()), masked(0x82, &PING)].concat();
        assert_eq!(take(&mut inbound, &stream), (Ok(3), [PING, PING, PING].concat(), vec![]));
        assert!(inbound.websocket.is_none(), "nothing is held at rest");
    }

    #[test]
    fn every_cut_gives_the_same_packets() {
        // one message in two frames with a ping between them
        let stream =
            [masked(0x02, &PING[..4]), masked(0x89, b"hi"), masked(0x80, &PING[4..])].concat();
        for cut in 0..=stream.len() {
            let mut inbound = Inbound::default();
            let first = take(&mut inbound, &stream[..cut]);
            let second = take(&mut inbound, &stream[cut..]);
            assert_eq!(first.0.unwrap() + second.0.unwrap(), 1);
            assert_eq!([first.1, second.1].concat(), PING);
            assert_eq!(
                [first.2, second.2].concat(),
                b"\x8a\x02hi",
                "the ping is answered, cut at {cut}"
            );
            assert!(inbound.websocket.is_none());
        }
    }

    #[test]
    fn what_may_not_come_ends_the_tunnel_and_keeps_what_came_before() {
        let good = masked(0x82, &PING);
        let cases = [
            (masked(0x81, b"text"), End::ClientText),
            (masked(0x81, b"\xff\xff"), End::ClientText),
            (masked(0x82, &PING[..8]), End::ClientPartial),
            (masked(0x82, b""), End::ClientPartial),
            (vec![0x82, 2, 2, 0], End::ClientProtocol),
            (masked(0x83, b""), End::ClientProtocol),
            (masked(0xc2, &PING), End::ClientProtocol),
            (vec![0x82, 0xff, 0, 0, 0, 0, 0, 0xff, 0, 0, 1, 2, 3, 4], End::ClientTooBig),
        ];
        for (bad, end) in cases {
            let (taken, upstream, _) = take(&mut Inbound::default(), &[good.clone(), bad].concat());
            assert_eq!(taken, Err(end));
            assert_eq!(upstream, PING);
        }
        let (taken, _, _) = take(&mut Inbound::default(), &masked(0x82, b"GET / HTTP/1.1"));
        assert!(matches!(taken, Err(End::ClientFraming(_))), "{taken:?}");
    }

    #[test]
    fn a_close_is_answered_with_its_code() {
        let (taken, upstream, client) =
            take(&mut Inbound::default(), &[masked(0x82, &PING), masked(0x88, &[3, 233])].concat());
        assert_eq!(taken, Err(End::ClientClosed));
        assert_eq!(upstream, PING);
        assert_eq!(client, [0x88, 2, 3, 233]);
    }

    #[test]
    fn a_declared_length_alone_is_no_packet() {
        let mut inbound = Inbound::default();
        let header = [0x82, 0xff, 0, 0, 0, 0, 0, 5, 0, 0, 1, 2, 3, 4];
        assert_eq!(take(&mut inbound, &header), (Ok(0), vec![], vec![]));
        assert!(inbound.websocket.is_some(), "a frame that has begun is waited for");
    }
}

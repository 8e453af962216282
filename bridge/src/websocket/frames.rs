//! Frames that a server sends, as bytes (RFC 6455 section 5.2).
use tokio_tungstenite::tungstenite::protocol::frame::{
    CloseFrame, Frame, FrameHeader,
    coding::{Data, OpCode},
};

/// Bytes of the longest frame header that a server writes: two and a length of eight.
pub(crate) const HEADER_ROOM: usize = 10;

/// Puts the header of a binary message in front of its content, which begins at [`HEADER_ROOM`] in `buffer` and has
/// `length` bytes; where the frame begins.
pub(crate) fn put_binary_header(buffer: &mut [u8], length: usize) -> usize {
    let header = FrameHeader { opcode: OpCode::Data(Data::Binary), ..FrameHeader::default() };
    let mut bytes = [0; HEADER_ROOM];
    let mut rest = bytes.as_mut_slice();
    header.format(length as u64, &mut rest).expect("there is room for the longest header");
    let header_len = HEADER_ROOM - rest.len();
    let start = HEADER_ROOM - header_len;
    if let Some(front) = buffer.get_mut(start..HEADER_ROOM) {
        front.copy_from_slice(bytes.get(..header_len).unwrap_or_default());
    }
    start
}

/// A binary message.
pub(crate) fn binary(content: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEADER_ROOM];
    frame.extend_from_slice(content);
    let start = put_binary_header(&mut frame, content.len());
    frame.drain(..start);
    frame
}

/// A text message.
pub(crate) fn text(text: String) -> Vec<u8> {
    bytes_of(Frame::message(text, OpCode::Data(Data::Text), true))
}

/// A ping.
pub(crate) fn ping() -> Vec<u8> {
    bytes_of(Frame::ping(Vec::new()))
}

/// A close.
pub(crate) fn close(frame: CloseFrame) -> Vec<u8> {
    bytes_of(Frame::close(Some(frame)))
}

fn bytes_of(frame: Frame) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).expect("writing to memory does not fail");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_specification() {
        assert_eq!(text("Hello".into()), b"\x81\x05Hello");
        assert_eq!(binary(b"abc"), b"\x82\x03abc");
        assert_eq!(binary(&[7; 300])[..4], [0x82, 126, 1, 44]);
        assert_eq!(binary(&[7; 70_000])[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
        assert_eq!(ping(), [0x89, 0]);
        let bye = CloseFrame { code: 4001.into(), reason: "bye".into() };
        assert_eq!(close(bye), b"\x88\x05\x0f\xa1bye");
    }
}

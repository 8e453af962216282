//! What must hold for any input, one function a fuzz target. The codec's own tests run them too, over the seeds and
//! a fixed number of mutations of them, so nothing here needs a fuzzer.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use mig33_codec::packets::Packet;
use mig33_codec::{
    BLOCK_HEADER_LEN, Command, Decoder, Encode, Frame, FrameError, HEADER_LEN, Order, Parts,
    Scanner,
};

/// Any bytes in any chunks give the same frames and the same error; frames are written to the bytes that they were.
///
/// The first byte says how many of the bytes after it are lengths of chunks; they are used over and over.
pub fn frame_stream(input: &[u8]) {
    let (lengths, stream) = match input.split_first() {
        Some((count, rest)) => rest.split_at(usize::from(*count).min(rest.len())),
        None => return,
    };
    let stream = Bytes::copy_from_slice(stream);
    let (frames, end) = decode([stream.clone()]);
    assert_eq!(decode(chunks(&stream, lengths)), (frames.clone(), end), "in chunks");

    let mut written = BytesMut::new();
    frames.iter().for_each(|frame| frame.write_to(&mut written));
    assert!(stream.starts_with(&written), "the frames are what came");
    match end {
        Ok(()) => assert_eq!(written, stream),
        Err(error) => assert!(
            (written.len() as u64..=stream.len() as u64).contains(&error.offset()),
            "{error} is not in the packet that follows"
        ),
    }
    scan(&stream, lengths, &frames, end);
}

/// Any frame reads to a packet, or to an error that names a block of it.
pub fn typed_decode(input: &[u8]) {
    let frame = nearest_frame(input);
    match Packet::decode(&frame) {
        Ok(packet) => {
            assert_eq!(packet.command(), frame.command);
            // what a log would show of it
            let _ = format!("{packet:?}");
        }
        Err(error) => {
            let _ = error.to_string();
            assert_eq!(error.command, frame.command);
            let mut header = BytesMut::new();
            header.put_u16(error.block);
            header.put_u32(error.length as u32);
            let bytes = frame.to_bytes();
            let place = bytes.get(error.offset..error.offset + BLOCK_HEADER_LEN);
            assert_eq!(place, Some(&header[..]), "{error}");
        }
    }
}

/// What was read and is written again reads as the same packet, and has the same blocks.
pub fn round_trip(input: &[u8]) {
    let frame = nearest_frame(input);
    let Ok(packet) = Packet::decode(&frame) else { return };
    let written = packet.encode(frame.transaction).expect("it came within the limit");
    assert_eq!(written.in_order(Order::Ascending), frame.in_order(Order::Ascending));
    assert_eq!(packet.params_len(), written.params().len());
    assert_eq!(Packet::decode(&written).expect("it was written by us"), packet);

    let mut bytes = BytesMut::new();
    packet.encode_into(frame.transaction, &mut bytes).expect("it came within the limit");
    let mut parts = Parts::new();
    packet.encode_parts(frame.transaction, &mut parts).expect("it came within the limit");
    assert_eq!(parts.copy_to_bytes(parts.remaining()), bytes, "in parts");
    assert_eq!(decode([bytes.freeze()]), (vec![written], Ok(())));

    if !matches!(packet, Packet::Other(_)) {
        let backwards = Packet::decode(&frame.in_order(Order::Descending));
        assert_eq!(backwards.expect("the same blocks"), packet, "order has no meaning");
    }
}

fn decode(chunks: impl IntoIterator<Item = Bytes>) -> (Vec<Frame>, Result<(), FrameError>) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, decoder.finish())
}

fn chunks(stream: &Bytes, lengths: &[u8]) -> Vec<Bytes> {
    let mut rest = stream.clone();
    let mut chunks = Vec::new();
    // a length of 0 is 256, so that there is an end
    for length in lengths.iter().cycle().map(|length| usize::from(*length)) {
        if rest.is_empty() {
            break;
        }
        let length = if length == 0 { 256 } else { length };
        chunks.push(rest.split_to(length.min(rest.len())));
    }
    chunks.push(rest);
    chunks
}

/// The scanner, which looks at headers only, finds the packets that the decoder finds.
fn scan(stream: &Bytes, lengths: &[u8], frames: &[Frame], end: Result<(), FrameError>) {
    let mut scanner = Scanner::new();
    let mut headers = Vec::new();
    for chunk in chunks(stream, lengths) {
        let seen =
            |header: mig33_codec::Header| headers.push((header.command, header.packet_len()));
        if let Err(error) = scanner.advance_with(&chunk, seen) {
            let found = end.expect_err("the decoder takes no packet that the scanner refuses");
            assert!(found == error || found.offset() < error.offset(), "{found} and {error}");
            break;
        }
    }
    for (frame, header) in frames.iter().zip(&headers) {
        assert_eq!((frame.command, frame.wire_len()), *header);
    }
    assert!(frames.len() <= headers.len());
    if end.is_ok() {
        assert!(scanner.at_boundary() && headers.len() == frames.len());
    }
}

/// The packet that begins the input, with lengths that fit: so that almost any input is a frame.
fn nearest_frame(input: &[u8]) -> Frame {
    let (header, mut rest) = input.split_at(input.len().min(HEADER_LEN));
    let at = |place: usize| header.get(place).copied().unwrap_or_default();
    let mut params = BytesMut::new();
    while let Some(([i1, i2, l1, l2, l3, l4], after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes([*l1, *l2, *l3, *l4]) as usize;
        let (content, next) = after.split_at(length.min(after.len()));
        params.put_slice(&[*i1, *i2]);
        params.put_u32(content.len() as u32);
        params.put_slice(content);
        rest = next;
    }
    let command = Command(u16::from_be_bytes([at(1), at(2)]));
    let transaction = u16::from_be_bytes([at(3), at(4)]);
    Frame::new(command, transaction, params.freeze()).unwrap_or_else(|_| {
        // over the limit, which no fuzzer's input is by default
        Frame::new(command, transaction, Bytes::new()).expect("no blocks are well framed")
    })
}

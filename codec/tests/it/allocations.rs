//! Reading a frame within a chunk copies and allocates nothing; one that spans chunks copies each byte once, into one
//! piece of memory of its size; typed reading allocates for what is beside the catalogue only.
use allocation_counter::{AllocationInfo, measure};
use bytes::{Buf, Bytes, BytesMut};
use mig33_codec::packets::{Message, Packet};
use mig33_codec::{Command, Decode, Decoder, Encode, Frame, Parts};

use crate::arbitrary::{frame, full_frame, stream};

/// What the blocks of these frames are, with a large one among small ones.
fn frames() -> Vec<Frame> {
    let text = |length| vec![(8, vec![b'x'; length]), (15, b"guid".to_vec())];
    [0, 40, 7_000, 90, 1]
        .into_iter()
        .map(|length| frame(Command::MESSAGE, 1, &text(length)))
        .chain([frame(Command::PING, 2, &[])])
        .collect()
}

/// Bytes whose memory is counted already, as after the first slice of any: that count is `bytes`' own, one a chunk.
fn shared(bytes: &[u8]) -> Bytes {
    let bytes = Bytes::copy_from_slice(bytes);
    drop(bytes.clone());
    bytes
}

fn nothing(info: &AllocationInfo) -> bool {
    info.count_total == 0 && info.bytes_total == 0
}

#[test]
fn frames_within_a_chunk_are_slices_of_it() {
    let frames = frames();
    let chunk = shared(&stream(&frames));
    let within = chunk.as_ptr_range();
    let mut decoder = Decoder::new();
    let mut read = 0;
    let info = measure(|| {
        decoder.push(chunk.clone());
        while let Ok(Some(frame)) = decoder.next_frame() {
            assert!(frame.params().is_empty() || within.contains(&frame.params().as_ptr()));
            for block in frame.blocks() {
                assert!(block.content.is_empty() || within.contains(&block.content.as_ptr()));
            }
            read += 1;
        }
    });
    assert_eq!(read, frames.len());
    assert!(nothing(&info), "{info:?}");
}

#[test]
fn memory_of_a_chunk_is_counted_by_one_allocation_at_most() {
    let frames = frames();
    let chunk = stream(&frames);
    let mut decoder = Decoder::new();
    let info = measure(|| {
        decoder.push(chunk);
        while let Ok(Some(_)) = decoder.next_frame() {}
    });
    assert!(info.count_total <= 1 && info.bytes_total < 64, "{info:?}");
}

#[test]
fn a_frame_across_chunks_is_copied_once() {
    let content: Vec<u8> = (0..100_000_u32).map(|at| at as u8).collect();
    let sent = frame(Command::MESSAGE, 1, &[(8, content)]);
    let bytes = sent.to_bytes();
    // the first piece and the last may be small
    for (first, length) in [(10, 1_460), (99_990, 40), (300, 300), (1_460, 1_460), (65_536, 65_536)]
    {
        let chunks: Vec<Bytes> = [&bytes[..first]]
            .into_iter()
            .chain(bytes[first..].chunks(length))
            .map(shared)
            .collect();
        let mut decoder = Decoder::new();
        // the list of the pieces is no copy: it has to be told apart from what is
        for chunk in &chunks[..chunks.len() - 1] {
            let info = measure(|| {
                decoder.push(chunk.clone());
                assert_eq!(decoder.next_frame(), Ok(None));
            });
            let list = (chunks.len().next_power_of_two().max(4) * size_of::<Bytes>()) as u64;
            assert!(
                info.count_total <= 1 && info.bytes_total <= list,
                "pieces of {length}: {info:?}"
            );
        }
        let mut frame = None;
        let info = measure(|| {
            decoder.push(chunks[chunks.len() - 1].clone());
            frame = decoder.next_frame().unwrap();
        });
        assert_eq!(frame.as_ref(), Some(&sent));
        assert_eq!(
            (info.count_total, info.bytes_total),
            (1, bytes.len() as u64),
            "pieces of {length}"
        );
    }
}

#[test]
fn typed_reading_allocates_for_what_is_not_in_the_catalogue_only() {
    for packet in mig33_codec::catalogue() {
        let frame = full_frame(packet);
        let frame = Frame::new(frame.command, 7, shared(frame.params())).unwrap();
        let info = measure(|| drop(Packet::decode(&frame).unwrap()));
        assert!(nothing(&info), "{}: {info:?}", packet.name);
    }
    let unknown = frame(Command::MESSAGE, 1, &[(77, vec![1])]);
    let info = measure(|| drop(Message::decode(&unknown).unwrap()));
    assert!(info.count_total > 0, "the counter counts");
}

#[test]
fn writing_into_a_buffer_with_room_allocates_nothing() {
    let mut out = BytesMut::with_capacity(1_024);
    for packet in mig33_codec::catalogue() {
        let typed = Packet::decode(&full_frame(packet)).unwrap();
        out.clear();
        let info = measure(|| typed.encode_into(1, &mut out).unwrap());
        assert!(nothing(&info), "{}: {info:?}", packet.name);
        let info = measure(|| drop(typed.encode(1).unwrap()));
        assert!(info.count_total <= 1, "{}: {info:?}", packet.name);
    }
}

#[test]
fn writing_in_parts_into_used_ones_allocates_nothing() {
    let content = shared(&[7; 65_536]);
    let message = Message { content: Some(content), ..Message::default() };
    let mut parts = Parts::new();
    for used in [false, true, true] {
        let info = measure(|| message.encode_parts(1, &mut parts).unwrap());
        assert!(used == nothing(&info) && info.bytes_total < 1_024, "{info:?}");
        parts.advance(parts.remaining());
    }
}

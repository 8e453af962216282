//! A stream of packets cut into chunks anyhow gives the same packets, and garbage gives an error and never a panic.
use bytes::Bytes;
use mig33_codec::{Decoder, Frame, FrameError, Scanner};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::arbitrary::{any_frame, frame, stream};

/// The chunks that these lengths cut a stream into; the last one takes the rest.
fn chunks(bytes: &Bytes, lengths: &[usize]) -> Vec<Bytes> {
    let mut rest = bytes.clone();
    let mut chunks: Vec<Bytes> =
        lengths.iter().map(|length| rest.split_to((*length).min(rest.len()))).collect();
    chunks.push(rest);
    chunks
}

fn decode(chunks: &[Bytes]) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    decoder.finish()?;
    Ok(frames)
}

#[test]
fn large_packets_across_many_chunks_come_whole() {
    let content: Vec<u8> = (0..300_000u32).map(|at| at as u8).collect();
    let frames = [
        frame(mig33_codec::Command::MESSAGE, 1, &[(8, content)]),
        frame(mig33_codec::Command::PING, 2, &[]),
    ];
    for length in [1, 7, 255, 256, 257, 1460, 65_536] {
        let bytes = stream(&frames);
        let lengths = vec![length; bytes.len() / length];
        assert_eq!(decode(&chunks(&bytes, &lengths)).unwrap(), frames, "chunks of {length}");
    }
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_frames(
        frames in vec(any_frame(), 0..6),
        lengths in vec(prop_oneof![0usize..12, 0usize..600], 0..40),
    ) {
        let bytes = stream(&frames);
        prop_assert_eq!(decode(&chunks(&bytes, &lengths)), Ok(frames));
    }

    #[test]
    fn frames_that_wait_in_a_chunk_are_not_lost_by_the_next_push(
        frames in vec(any_frame(), 0..6),
        lengths in vec(0usize..200, 0..10),
    ) {
        let mut decoder = Decoder::new();
        for chunk in chunks(&stream(&frames), &lengths) {
            decoder.push(chunk);
        }
        let mut decoded = Vec::new();
        while let Some(frame) = decoder.next_frame().unwrap() {
            decoded.push(frame);
        }
        prop_assert_eq!(decoded, frames);
    }

    #[test]
    fn any_bytes_in_any_chunks_give_the_same_frames_and_the_same_error(
        bytes in vec(prop_oneof![Just(2u8), Just(0u8), any::<u8>()], 0..300),
        lengths in vec(0usize..40, 0..20),
    ) {
        let bytes = Bytes::from(bytes);
        prop_assert_eq!(decode(&chunks(&bytes, &lengths)), decode(std::slice::from_ref(&bytes)));
    }

    #[test]
    fn the_scanner_finds_the_ends_that_the_decoder_finds(
        frames in vec(any_frame(), 0..6),
        lengths in vec(0usize..80, 0..20),
    ) {
        let bytes = stream(&frames);
        let mut ends = vec![];
        let mut scanner = Scanner::new();
        let mut headers = vec![];
        let mut at = 0;
        for chunk in chunks(&bytes, &lengths) {
            let scan = scanner.advance_with(&chunk, |header| headers.push((header.command, header.transaction))).unwrap();
            if scan.packets > 0 {
                ends.push(at + scan.whole);
            }
            at += chunk.len();
        }
        prop_assert!(scanner.at_boundary());
        let mut end = 0;
        let all: Vec<usize> = frames.iter().map(|frame| { end += frame.wire_len(); end }).collect();
        prop_assert!(ends.iter().all(|end| all.contains(end)));
        prop_assert_eq!(ends.last(), all.last());
        let expected: Vec<_> = frames.iter().map(|frame| (frame.command, frame.transaction)).collect();
        prop_assert_eq!(headers, expected);
    }
}

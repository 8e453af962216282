//! Typed reading and writing loses nothing, for every kind of packet; and every cut of one is "more" or an error.
use std::cell::Cell;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use mig33_codec::packets::{Login, Message, Packet};
use mig33_codec::{
    Command, Decode, Decoder, Encode, FieldProblem, Frame, FrameError, MAX_PARAMS, Order, Parts,
    catalogue,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::arbitrary::{any_frame, fitting_frame, frame, full_frame, with_large_contents};

#[test]
fn every_packet_with_every_field_comes_back() {
    for packet in catalogue() {
        let frame = full_frame(packet);
        let typed = Packet::decode(&frame).unwrap();
        assert_eq!(typed.command(), packet.command);
        assert!(!matches!(typed, Packet::Other(_)), "{} is not typed", packet.name);
        assert_eq!(typed.encode(7).unwrap(), frame, "{}", packet.name);
    }
}

#[test]
fn arbitrary_packets_of_every_kind_lose_nothing() {
    for_every_kind(32, |frame| {
        let typed = Packet::decode(frame).unwrap();
        prop_assert_eq!(typed.command(), frame.command);
        let written = typed.encode(frame.transaction).unwrap();
        prop_assert_eq!(typed.params_len(), written.params().len());
        prop_assert_eq!(&written, &frame.in_order(Order::Ascending));
        let again = Packet::decode(&written).unwrap();
        prop_assert_eq!(again.encode(frame.transaction).unwrap(), written);
        prop_assert_eq!(again, typed);
        Ok(())
    });
}

#[test]
fn arbitrary_packets_of_every_kind_are_the_same_in_parts() {
    let shared = Cell::new(0);
    for_every_kind(32, |small| {
        let came = with_large_contents(small);
        let typed = Packet::decode(&came).unwrap();
        let mut whole = BytesMut::new();
        let mut parts = Parts::new();
        for transaction in [came.transaction, 7] {
            typed.encode_into(transaction, &mut whole).unwrap();
            typed.encode_parts(transaction, &mut parts).unwrap();
            came.encode_into(transaction, &mut whole).unwrap();
            came.encode_parts(transaction, &mut parts).unwrap();
        }
        prop_assert_eq!(parts.remaining(), whole.len());
        prop_assert_eq!(&parts.clone().copy_to_bytes(whole.len()), &whole);
        let mut read = Vec::new();
        while parts.has_remaining() {
            // as a socket takes it: from a few slices, and not always whole ones
            let mut slices = [IoSlice::new(&[]); 3];
            let count = parts.chunks_vectored(&mut slices);
            let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            prop_assert!(count == 3 || seen.len() == parts.remaining());
            prop_assert!(seen.starts_with(parts.chunk()));
            shared.set(shared.get() + usize::from(count > 1));
            let taken = seen.len() - seen.len() / 3;
            read.extend_from_slice(&seen[..taken]);
            parts.advance(taken);
        }
        prop_assert_eq!(&read, &whole);
        Ok(())
    });
    assert!(shared.get() > 1_000, "{} times there was more than one slice", shared.get());
}

#[test]
fn arbitrary_packets_of_every_kind_cut_anywhere_are_incomplete() {
    for_every_kind(3, |frame| {
        let bytes = frame.to_bytes();
        for cut in 0..bytes.len() {
            let mut decoder = Decoder::new();
            decoder.push(bytes.slice(..cut));
            prop_assert_eq!(decoder.next_frame(), Ok(None), "cut at {}", cut);
            let expected = match cut {
                0 => Ok(()),
                _ => Err(FrameError::Truncated { offset: cut as u64, count: cut }),
            };
            prop_assert_eq!(decoder.finish(), expected, "cut at {}", cut);
        }
        Ok(())
    });
}

#[test]
fn arbitrary_packets_of_every_kind_that_end_anywhere_are_whole_blocks_or_an_error() {
    for_every_kind(3, |whole| {
        let ends: Vec<usize> = whole
            .blocks()
            .scan(0, |end, block| {
                *end += block.wire_len();
                Some(*end)
            })
            .collect();
        for cut in 0..whole.params().len() {
            let result = Frame::new(whole.command, 7, whole.params().slice(..cut));
            if cut == 0 || ends.contains(&cut) {
                let frame = result.expect("whole blocks");
                let written = Packet::decode(&frame).unwrap().encode(7).unwrap();
                prop_assert_eq!(written, frame.in_order(Order::Ascending));
            } else {
                let error = result.expect_err("a cut block");
                let start = ends.iter().rev().find(|end| **end < cut).map_or(0, |end| *end);
                prop_assert!(
                    matches!(
                        error,
                        FrameError::BlockOverrun { .. } | FrameError::TrailingBytes { .. }
                    ),
                    "cut at {}: {}",
                    cut,
                    error
                );
                prop_assert_eq!(error.offset(), 9 + start as u64, "cut at {}: {}", cut, error);
            }
        }
        Ok(())
    });
}

#[test]
fn arbitrary_packets_of_every_kind_with_a_block_cut_anywhere_are_a_packet_or_a_named_error() {
    for_every_kind(3, |whole| {
        let blocks: Vec<(u16, Vec<u8>)> =
            whole.blocks().map(|block| (block.id, block.content.to_vec())).collect();
        for (at, (_, content)) in blocks.iter().enumerate() {
            for cut in 0..content.len() {
                let mut blocks = blocks.clone();
                blocks[at].1.truncate(cut);
                packet_or_named_error(&frame(whole.command, 7, &blocks))?;
            }
        }
        Ok(())
    });
}

#[test]
fn integers_of_another_width_are_read_and_written_as_they_came() {
    // the 2.x handset sent its presence as four bytes
    let came = frame(Command::LOGIN, 1, &[(5, b"be1".to_vec()), (9, vec![0, 0, 0, 4])]);
    let mut login = Login::decode(&came).unwrap();
    assert_eq!(login.initial_presence.map(|presence| presence.0), Some(4));
    assert_eq!(login.encode(1).unwrap(), came);
    // a value that no longer fits the width that came is written in the catalogue's
    let came = frame(Command::LOGIN, 1, &[(12, vec![170])]);
    login = Login::decode(&came).unwrap();
    assert_eq!(login.encode(1).unwrap(), came);
    login.screen_width = Some(1440);
    assert_eq!(login.encode(1).unwrap(), frame(Command::LOGIN, 1, &[(12, vec![0, 0, 5, 0xa0])]));
}

#[test]
fn a_value_that_does_not_fit_is_named_by_packet_block_and_length() {
    let error = Login::decode(&frame(Command::LOGIN, 1, &[(9, vec![0, 0, 1, 0])])).unwrap_err();
    assert_eq!(
        (error.command, error.block, error.field(), error.offset, error.length),
        (Command::LOGIN, 9, "initial_presence", 9, 4)
    );
    assert_eq!(error.problem, FieldProblem::OutOfRange { value: 256, max: 255 });
    assert_eq!(
        error.to_string(),
        "LOGIN (200), block 9 (initial_presence) of 4 bytes at byte 9: the value 256 is over 255"
    );
    let error = Login::decode(&frame(Command::LOGIN, 1, &[(9, vec![0, 0, 1])])).unwrap_err();
    assert_eq!(error.problem, FieldProblem::IntegerLength);
}

#[test]
fn the_first_of_a_repeated_block_wins_and_the_rest_is_kept() {
    let came =
        frame(Command::MESSAGE, 6, &[(4, b"bob".to_vec()), (4, b"eve".to_vec()), (77, vec![1])]);
    let message = Message::decode(&came).unwrap();
    assert_eq!(message.destination, Some("bob".into()));
    assert_eq!(message.extra.blocks().len(), 2);
    assert_eq!(message.encode(6).unwrap(), came);
}

#[test]
fn a_packet_over_the_limit_is_not_written() {
    let message = Message { content: Some(Bytes::from(vec![0; MAX_PARAMS])), ..Message::default() };
    let mut out = BytesMut::new();
    let error = message.encode_into(1, &mut out).unwrap_err();
    assert_eq!((error.command, error.length), (Command::MESSAGE, MAX_PARAMS + 6));
    assert!(out.is_empty());
    let largest =
        Message { content: Some(Bytes::from(vec![0; MAX_PARAMS - 6])), ..Message::default() };
    assert_eq!(largest.encode(1).unwrap().params().len(), MAX_PARAMS);

    let mut parts = Parts::new();
    largest.encode_parts(1, &mut parts).unwrap();
    let before = parts.clone().copy_to_bytes(parts.remaining());
    assert_eq!(message.encode_parts(2, &mut parts), Err(error));
    // with a block that is not known, which is written in another way
    let mut extra = Message::decode(&frame(Command::MESSAGE, 1, &[(900, vec![])])).unwrap();
    extra.content = largest.content.clone();
    assert_eq!(extra.encode_parts(2, &mut parts), Err(extra.encode(2).unwrap_err()));
    assert_eq!(parts.clone().copy_to_bytes(parts.remaining()), before);
    largest.encode_parts(1, &mut parts).unwrap();
    assert_eq!(parts.copy_to_bytes(2 * before.len()), [&before[..], &before].concat());
}

proptest! {
    #[test]
    fn any_frame_reads_to_a_packet_or_a_named_error(frame in any_frame()) {
        packet_or_named_error(&frame)?;
    }
}

/// A frame is read and written without loss, or refused with the place of a block that is there.
fn packet_or_named_error(frame: &Frame) -> Result<(), TestCaseError> {
    match Packet::decode(frame) {
        Ok(packet) => {
            let written = packet.encode(frame.transaction).expect("it came within the limit");
            prop_assert_eq!(written.in_order(Order::Ascending), frame.in_order(Order::Ascending));
        }
        Err(error) => {
            let bytes = frame.to_bytes();
            let header = [&error.block.to_be_bytes()[..], &(error.length as u32).to_be_bytes()];
            prop_assert_eq!(bytes.get(error.offset..error.offset + 6), Some(&header.concat()[..]));
            prop_assert_eq!(error.command, frame.command);
        }
    }
    Ok(())
}

/// Tries so many arbitrary packets of each kind in the catalogue.
fn for_every_kind(cases: u32, test: impl Fn(&Frame) -> Result<(), TestCaseError>) {
    for packet in catalogue() {
        let mut runner = TestRunner::new(Config::with_cases(cases));
        let tried = runner.run(&fitting_frame(packet), |frame| test(&frame));
        tried.unwrap_or_else(|error| panic!("{}: {error}", packet.name));
    }
}

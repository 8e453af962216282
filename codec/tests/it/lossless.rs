//! Typed reading and writing loses nothing, for every kind of packet; and every cut of one is "more" or an error.
use bytes::Bytes;
use mig33_codec::packets::{Login, Message, Packet};
use mig33_codec::{
    Command, Decode, Decoder, Encode, FieldProblem, Frame, FrameError, MAX_PARAMS, Order, catalogue,
};
use proptest::prelude::*;

use crate::arbitrary::{any_frame, fitting_frame, frame, full_frame};

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
fn every_packet_cut_everywhere_is_incomplete() {
    for packet in catalogue() {
        let bytes = full_frame(packet).to_bytes();
        for cut in 0..bytes.len() {
            let mut decoder = Decoder::new();
            decoder.push(bytes.slice(..cut));
            assert_eq!(decoder.next_frame(), Ok(None), "{} cut at {cut}", packet.name);
            let expected = match cut {
                0 => Ok(()),
                _ => Err(FrameError::Truncated { offset: cut as u64, count: cut }),
            };
            assert_eq!(decoder.finish(), expected, "{} cut at {cut}", packet.name);
        }
    }
}

#[test]
fn every_packet_with_its_params_cut_everywhere_is_whole_blocks_or_an_error() {
    for packet in catalogue() {
        let whole = full_frame(packet);
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
                assert_eq!(Packet::decode(&frame).unwrap().encode(7).unwrap(), frame);
            } else {
                let error = result.expect_err("a cut block");
                assert!(
                    matches!(
                        error,
                        FrameError::BlockOverrun { .. } | FrameError::TrailingBytes { .. }
                    ),
                    "{} cut at {cut}: {error}",
                    packet.name
                );
                assert!(error.offset() < 9 + cut as u64, "{} cut at {cut}: {error}", packet.name);
            }
        }
    }
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
        (error.command, error.block, error.field, error.offset, error.length),
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
    let mut out = bytes::BytesMut::new();
    let error = message.encode_into(1, &mut out).unwrap_err();
    assert_eq!((error.command, error.length), (Command::MESSAGE, MAX_PARAMS + 6));
    assert!(out.is_empty());
    let message =
        Message { content: Some(Bytes::from(vec![0; MAX_PARAMS - 6])), ..Message::default() };
    assert_eq!(message.encode(1).unwrap().params().len(), MAX_PARAMS);
}

proptest! {
    #[test]
    fn typed_packets_are_written_with_the_blocks_that_came(frame in fitting_frame()) {
        let typed = Packet::decode(&frame).unwrap();
        let written = typed.encode(frame.transaction).unwrap();
        prop_assert_eq!(typed.params_len(), written.params().len());
        prop_assert_eq!(&written, &frame.in_order(Order::Ascending));
        prop_assert_eq!(Packet::decode(&written).unwrap().encode(frame.transaction).unwrap(), written);
    }

    #[test]
    fn any_frame_reads_to_a_packet_or_a_named_error(frame in any_frame()) {
        match Packet::decode(&frame) {
            Ok(packet) => {
                let written = packet.encode(frame.transaction).unwrap();
                prop_assert_eq!(written.in_order(Order::Ascending), frame.in_order(Order::Ascending));
            }
            Err(error) => prop_assert!(frame.block(error.block).is_some()),
        }
    }
}

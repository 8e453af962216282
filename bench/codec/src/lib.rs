//! The packets that the codec is measured with: a small message, a contact, a picture, and a stream of all sorts.

use bytes::Bytes;
use mig33_codec::packets::{
    Contact, Message, MessageStatusEvent, Ok, Packet, Ping, Presence, StatusMessage,
};
use mig33_codec::values::{self, ChatDestination, ContentType, MessageType, StatusEvent};

/// Bytes of a TCP segment's content on Ethernet: what a stream is cut into.
pub const SEGMENT: usize = 1_460;

/// Packets of the stream.
pub const STREAM_PACKETS: usize = 10_000;

/// A message as a receiver gets it, of 200 bytes on the wire.
#[must_use]
pub fn message() -> Message {
    text_message(b"I shall be in the little room at six.", 0)
}

/// A contact as most have it, with a status message.
#[must_use]
pub fn contact() -> Contact {
    Contact {
        contact_id: Some(4_711),
        group_id: Some(1),
        display_name: Some("Annabel".into()),
        username: Some("annabel.lee".into()),
        presence: Some(values::Presence::AVAILABLE),
        share_mobile_phone: Some(false),
        is_voice_capable: Some(false),
        status_message: Some("by the sea".into()),
        display_picture_guid: Some("5f2b1c84-9d1e-4b57".into()),
        ..Contact::default()
    }
}

/// A message with a picture of 64 KiB.
#[must_use]
pub fn picture() -> Message {
    let pixels: Vec<u8> =
        (0..65_536_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    Message {
        content_type: Some(ContentType::IMAGE),
        content: Some(pixels.into()),
        file_name: Some("harbour.jpg".into()),
        mime_type: Some("image/jpeg".into()),
        ..message()
    }
}

/// What a busy client gets: of twenty packets nine messages of 1 to 150 letters, four presences, two receipts, a
/// contact, two answers, a status message and a keep-alive.
#[must_use]
pub fn packets() -> Vec<Packet> {
    (0..STREAM_PACKETS as u32).map(packet).collect()
}

/// Bytes in the chunks that a socket would give, each with memory of its own.
#[must_use]
pub fn segments(bytes: &[u8]) -> Vec<Bytes> {
    bytes.chunks(SEGMENT).map(Bytes::copy_from_slice).collect()
}

fn packet(number: u32) -> Packet {
    match number % 20 {
        0 | 2 | 4 | 6 | 8 | 10 | 12 | 14 | 16 => {
            let letters = number.wrapping_mul(2_654_435_761) >> 16;
            text_message(&vec![b'x'; 1 + letters as usize % 150], number).into()
        }
        1 | 5 | 9 | 13 => Presence {
            contact_id: Some(number),
            presence: Some(values::Presence::AWAY),
            ..Presence::default()
        }
        .into(),
        3 | 11 => MessageStatusEvent {
            message_type: Some(MessageType::MIG33),
            message_source: Some("annabel.lee".into()),
            message_destination_type: Some(ChatDestination::PRIVATE),
            message_destination: Some("edgar".into()),
            message_guid: Some(guid(number).as_str().into()),
            message_event_type: Some(StatusEvent::RECEIVED),
            ..MessageStatusEvent::default()
        }
        .into(),
        7 => contact().into(),
        15 | 17 => Ok {
            text: Some(guid(number).as_str().into()),
            value: Some(time(number)),
            ..Ok::default()
        }
        .into(),
        18 => StatusMessage {
            contact_id: Some(number),
            status_message: Some("by the sea".into()),
            ..StatusMessage::default()
        }
        .into(),
        _ => Ping::default().into(),
    }
}

fn text_message(text: &[u8], number: u32) -> Message {
    Message {
        message_type: Some(MessageType::MIG33),
        source: Some("annabel.lee".into()),
        destination_type: Some(ChatDestination::PRIVATE),
        destination: Some("edgar".into()),
        content_type: Some(ContentType::TEXT),
        content: Some(Bytes::copy_from_slice(text)),
        guid: Some(guid(number + 1).as_str().into()),
        timestamp: Some(time(number)),
        previous_message_guid: Some(guid(number).as_str().into()),
        ..Message::default()
    }
}

/// A version 4 UUID, as clients make them.
fn guid(number: u32) -> String {
    let digits = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 0xffff_ffff_ffff;
    format!("{number:08x}-9d1e-4b57-a3c0-{digits:012x}")
}

fn time(number: u32) -> u64 {
    1_790_000_000_000 + u64::from(number)
}

#[cfg(test)]
mod tests {
    use mig33_codec::Encode;

    use super::*;

    #[test]
    fn the_packets_are_as_large_as_they_are_said_to_be() {
        let wire_len = |packet: &dyn Encode| mig33_codec::encode(packet, 0).unwrap().wire_len();
        assert_eq!(wire_len(&message()), 200);
        assert_eq!(wire_len(&picture()), 65_732);
        let packets = packets();
        let bytes: usize = packets.iter().map(|packet| wire_len(packet)).sum();
        assert_eq!((packets.len(), bytes), (STREAM_PACKETS, 1_372_582));
    }
}

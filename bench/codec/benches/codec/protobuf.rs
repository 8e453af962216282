//! The measured packets in protobuf, with the same fields: strings are `String`, content is a slice of what was read.

use bytes::{Buf, Bytes, BytesMut};
use mig33_codec::Text;
use mig33_codec::packets::{self, Packet};
use prost::DecodeError;

/// Any packet of the stream; its length stands before it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Envelope {
    #[prost(uint32, tag = "1")]
    pub(crate) transaction: u32,
    #[prost(oneof = "Kind", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub(crate) kind: Option<Kind>,
}

/// An envelope whose content is not looked at: what a frame is to us.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Opaque {
    #[prost(uint32, tag = "1")]
    pub(crate) transaction: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) command: u32,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) params: Bytes,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Kind {
    #[prost(message, tag = "2")]
    Message(Message),
    #[prost(message, tag = "3")]
    Contact(Contact),
    #[prost(message, tag = "4")]
    Presence(Presence),
    #[prost(message, tag = "5")]
    StatusEvent(StatusEvent),
    #[prost(message, tag = "6")]
    StatusMessage(StatusMessage),
    #[prost(message, tag = "7")]
    Done(Done),
    #[prost(message, tag = "8")]
    Ping(Ping),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Message {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) message_type: Option<u32>,
    #[prost(string, optional, tag = "2")]
    pub(crate) source: Option<String>,
    #[prost(uint32, optional, tag = "3")]
    pub(crate) destination_type: Option<u32>,
    #[prost(string, optional, tag = "4")]
    pub(crate) destination: Option<String>,
    #[prost(uint32, optional, tag = "5")]
    pub(crate) contact_id: Option<u32>,
    #[prost(uint32, optional, tag = "6")]
    pub(crate) content_type: Option<u32>,
    #[prost(string, optional, tag = "7")]
    pub(crate) file_name: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "8")]
    pub(crate) content: Option<Bytes>,
    #[prost(uint32, optional, tag = "9")]
    pub(crate) from_administrator: Option<u32>,
    #[prost(string, optional, tag = "10")]
    pub(crate) display_picture: Option<String>,
    #[prost(string, optional, tag = "11")]
    pub(crate) hotkeys: Option<String>,
    #[prost(uint32, optional, tag = "12")]
    pub(crate) source_color: Option<u32>,
    #[prost(uint32, optional, tag = "13")]
    pub(crate) message_color: Option<u32>,
    #[prost(string, optional, tag = "14")]
    pub(crate) badge_hotkey: Option<String>,
    #[prost(string, optional, tag = "15")]
    pub(crate) guid: Option<String>,
    #[prost(uint64, optional, tag = "16")]
    pub(crate) timestamp: Option<u64>,
    #[prost(string, optional, tag = "17")]
    pub(crate) group_chat_name: Option<String>,
    #[prost(string, optional, tag = "18")]
    pub(crate) group_chat_owner: Option<String>,
    #[prost(string, optional, tag = "19")]
    pub(crate) previous_message_guid: Option<String>,
    #[prost(uint32, optional, tag = "20")]
    pub(crate) emote_content_type: Option<u32>,
    #[prost(string, optional, tag = "21")]
    pub(crate) mime_type: Option<String>,
    #[prost(string, optional, tag = "22")]
    pub(crate) mime_type_data: Option<String>,
    #[prost(uint32, optional, tag = "23")]
    pub(crate) status: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Contact {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) contact_id: Option<u32>,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) group_id: Option<u32>,
    #[prost(string, optional, tag = "3")]
    pub(crate) display_name: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) first_name: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) last_name: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(crate) email_address: Option<String>,
    #[prost(uint32, optional, tag = "7")]
    pub(crate) default_phone: Option<u32>,
    #[prost(string, optional, tag = "8")]
    pub(crate) mobile_phone_number: Option<String>,
    #[prost(string, optional, tag = "9")]
    pub(crate) home_phone_number: Option<String>,
    #[prost(string, optional, tag = "10")]
    pub(crate) office_phone_number: Option<String>,
    #[prost(uint32, optional, tag = "11")]
    pub(crate) default_im: Option<u32>,
    #[prost(string, optional, tag = "12")]
    pub(crate) username: Option<String>,
    #[prost(uint32, optional, tag = "13")]
    pub(crate) presence: Option<u32>,
    #[prost(bool, optional, tag = "24")]
    pub(crate) share_mobile_phone: Option<bool>,
    #[prost(bool, optional, tag = "25")]
    pub(crate) is_voice_capable: Option<bool>,
    #[prost(string, optional, tag = "27")]
    pub(crate) status_message: Option<String>,
    #[prost(string, optional, tag = "28")]
    pub(crate) display_picture_guid: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Presence {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) contact_id: Option<u32>,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) presence: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatusEvent {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) message_type: Option<u32>,
    #[prost(string, optional, tag = "2")]
    pub(crate) message_source: Option<String>,
    #[prost(uint32, optional, tag = "3")]
    pub(crate) message_destination_type: Option<u32>,
    #[prost(string, optional, tag = "4")]
    pub(crate) message_destination: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) message_guid: Option<String>,
    #[prost(uint32, optional, tag = "6")]
    pub(crate) message_event_type: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatusMessage {
    #[prost(uint32, optional, tag = "1")]
    pub(crate) contact_id: Option<u32>,
    #[prost(string, optional, tag = "2")]
    pub(crate) status_message: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Done {
    #[prost(string, optional, tag = "1")]
    pub(crate) text: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) value: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ping {}

/// The same packet in protobuf.
pub(crate) fn envelope(packet: &Packet) -> Envelope {
    let kind = if let Packet::Message(packet) = packet {
        Kind::Message(message(packet))
    } else if let Packet::Contact(packet) = packet {
        Kind::Contact(contact(packet))
    } else if let Packet::Presence(packet) = packet {
        Kind::Presence(Presence {
            contact_id: packet.contact_id,
            presence: packet.presence.map(|presence| presence.0.into()),
        })
    } else if let Packet::MessageStatusEvent(packet) = packet {
        Kind::StatusEvent(status_event(packet))
    } else if let Packet::StatusMessage(packet) = packet {
        Kind::StatusMessage(StatusMessage {
            contact_id: packet.contact_id,
            status_message: string(packet.status_message.as_ref()),
        })
    } else if let Packet::Ok(packet) = packet {
        Kind::Done(Done { text: string(packet.text.as_ref()), value: packet.value })
    } else {
        assert!(matches!(packet, Packet::Ping(_)), "the stream has no other packets");
        Kind::Ping(Ping {})
    };
    Envelope { transaction: 0, kind: Some(kind) }
}

/// The same frame in protobuf.
pub(crate) fn opaque(frame: &mig33_codec::Frame) -> Opaque {
    Opaque { transaction: 0, command: frame.command.0.into(), params: frame.params().clone() }
}

/// Reads packets that came whole, each in a chunk of its own.
pub(crate) fn decode_whole<M: prost::Message + Default>(
    chunks: &[Bytes],
    mut seen: impl FnMut(M),
) -> Result<(), DecodeError> {
    for chunk in chunks {
        seen(M::decode_length_delimited(chunk.clone())?);
    }
    Ok(())
}

/// Reads a stream that comes in chunks: they are put together, and packets cut off from the front. To read straight
/// from the chunks, and put together only what begins in one and ends in the next, is slower by a tenth.
pub(crate) fn decode_stream<M: prost::Message + Default>(
    chunks: &[Bytes],
    mut seen: impl FnMut(M),
) -> Result<(), DecodeError> {
    let mut buffer = BytesMut::new();
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        while let Ok(length) = prost::decode_length_delimiter(buffer.as_ref()) {
            let start = prost::length_delimiter_len(length);
            if buffer.len() < start + length {
                break;
            }
            let mut packet = buffer.split_to(start + length).freeze();
            packet.advance(start);
            seen(M::decode(packet)?);
        }
    }
    Ok(())
}

fn message(packet: &packets::Message) -> Message {
    Message {
        message_type: packet.message_type.map(|value| value.0.into()),
        source: string(packet.source.as_ref()),
        destination_type: packet.destination_type.map(|value| value.0.into()),
        destination: string(packet.destination.as_ref()),
        content_type: packet.content_type.map(|value| value.0.into()),
        file_name: string(packet.file_name.as_ref()),
        content: packet.content.clone(),
        guid: string(packet.guid.as_ref()),
        timestamp: packet.timestamp,
        previous_message_guid: string(packet.previous_message_guid.as_ref()),
        mime_type: string(packet.mime_type.as_ref()),
        ..Message::default()
    }
}

fn contact(packet: &packets::Contact) -> Contact {
    Contact {
        contact_id: packet.contact_id,
        group_id: packet.group_id,
        display_name: string(packet.display_name.as_ref()),
        username: string(packet.username.as_ref()),
        presence: packet.presence.map(|presence| presence.0.into()),
        share_mobile_phone: packet.share_mobile_phone,
        is_voice_capable: packet.is_voice_capable,
        status_message: string(packet.status_message.as_ref()),
        display_picture_guid: string(packet.display_picture_guid.as_ref()),
        ..Contact::default()
    }
}

fn status_event(packet: &packets::MessageStatusEvent) -> StatusEvent {
    StatusEvent {
        message_type: packet.message_type.map(|value| value.0.into()),
        message_source: string(packet.message_source.as_ref()),
        message_destination_type: packet.message_destination_type.map(|value| value.0.into()),
        message_destination: string(packet.message_destination.as_ref()),
        message_guid: string(packet.message_guid.as_ref()),
        message_event_type: packet.message_event_type.map(|value| value.0.into()),
    }
}

fn string(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.as_str().into_owned())
}

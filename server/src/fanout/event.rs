//! `Event`: a packet on its way to sessions that did not ask for it.
use bytes::{Bytes, BytesMut};
use mig33_codec::packets::{FileReceived, Message, Packet};
use mig33_codec::values::{ContentType, StatusEvent};
use mig33_codec::{Encode, Text};

use super::left_out::Chat;
use crate::ids::{RoomId, Seq, UserId};

/// Something that happened, as a packet with number 0. It is encoded once, whoever gets it.
#[derive(Clone, Debug)]
pub struct Event {
    form: Form,
    mark: Mark,
}

#[derive(Clone, Debug)]
enum Form {
    /// Ready to be written.
    Bytes(Bytes),
    /// With an address in it that each session sees below its own.
    Linked(Box<Packet>),
    /// Large, and the same with an address in place of its content.
    Large { whole: Bytes, by_address: Box<Packet> },
}

/// What a session has to know of an event to get each message once and in order, and to be brought up to date where there
/// was no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing: who misses it misses little.
    None,
    /// A message in the private chat with `with`.
    Private {
        /// The other side.
        with: UserId,
        /// Its place.
        seq: Seq,
        /// Whether it waits for this session's user; if not, the user has sent it from another session.
        waits: bool,
    },
    /// A message in a room.
    InRoom(RoomId, Seq),
    /// What became of one's messages. History has it, too.
    Receipt,
    /// Somebody has come into the room, or left it.
    Members(RoomId),
    /// Presence of a contact, the list of contacts, or who asks to be one.
    Contacts,
}

impl Mark {
    /// The chat that it is a message of.
    pub(super) const fn chat(self) -> Option<Chat> {
        match self {
            Self::Private { with, .. } => Some(Chat::Private(with)),
            Self::InRoom(room, _) => Some(Chat::Room(room)),
            Self::None | Self::Receipt | Self::Members(_) | Self::Contacts => None,
        }
    }

    fn of(packet: &Packet) -> Self {
        if let Packet::MessageStatusEvent(event) = packet {
            let is_typed = event.message_event_type == Some(StatusEvent::COMPOSING);
            return if is_typed { Self::None } else { Self::Receipt };
        }
        let is_of_contacts = matches!(
            packet,
            Packet::Avatar(_)
                | Packet::Contact(_)
                | Packet::ContactListVersion(_)
                | Packet::ContactRequest(_)
                | Packet::DisplayPicture(_)
                | Packet::Presence(_)
                | Packet::StatusMessage(_)
        );
        if is_of_contacts { Self::Contacts } else { Self::None }
    }
}

impl Event {
    /// An event of this packet, which is no message.
    #[must_use]
    pub fn new(packet: Packet) -> Self {
        let mark = Mark::of(&packet);
        Self::marked(packet, mark)
    }

    /// An event of this packet, which is this to those who get it.
    #[must_use]
    pub fn marked(packet: Packet, mark: Mark) -> Self {
        let form = if is_linked(&packet) {
            Form::Linked(Box::new(packet))
        } else {
            Form::Bytes(encode(&packet, 0))
        };
        Self { form, mark }
    }

    /// The same event for sessions that want large contents by address: this packet, with the address.
    #[must_use]
    pub fn or_by_address(self, packet: Packet) -> Self {
        let Self { form: Form::Bytes(whole), mark } = self else { return self };
        Self { form: Form::Large { whole, by_address: Box::new(packet) }, mark }
    }

    /// What it is.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// The packet for a session that sees addresses below `base_url`, and large contents by address or not.
    #[must_use]
    pub fn bytes(&self, base_url: &str, by_address: bool) -> Bytes {
        match &self.form {
            Form::Large { by_address: packet, .. } if by_address => {
                encode(&expand((**packet).clone(), base_url), 0)
            }
            Form::Bytes(bytes) | Form::Large { whole: bytes, .. } => bytes.clone(),
            Form::Linked(packet) => encode(&expand((**packet).clone(), base_url), 0),
        }
    }
}

/// What the addresses of pictures start with, in what is stored and passed on.
pub(crate) const PICTURES: &str = "/pictures/";

/// Whether the packet has an address of ours in it.
fn is_linked(packet: &Packet) -> bool {
    let ours = |path: &Bytes| path.starts_with(PICTURES.as_bytes());
    if let Packet::Message(Message { content_type, content, .. }) = packet {
        return *content_type == Some(ContentType::EXISTING_FILE)
            && content.as_ref().is_some_and(ours);
    }
    if let Packet::FileReceived(FileReceived { url, .. }) = packet {
        return url.as_ref().is_some_and(|url| ours(url.as_bytes()));
    }
    false
}

/// The packet with its address in full.
pub(crate) fn expand(mut packet: Packet, base_url: &str) -> Packet {
    if is_linked(&packet) {
        let full = |path: &[u8]| Bytes::from([base_url.as_bytes(), path].concat());
        if let Packet::Message(message) = &mut packet {
            message.content = message.content.take().map(|path| full(&path));
        } else if let Packet::FileReceived(file) = &mut packet {
            file.url = file.url.take().map(|path| Text::from_bytes(full(path.as_bytes())));
        }
    }
    packet
}

/// The packet's bytes. What the service writes fits a packet: long lists go out entry by entry, and what a message may
/// hold is bounded so that it fits with the blocks that are added.
pub(crate) fn encode(packet: &Packet, transaction: u16) -> Bytes {
    let mut out = BytesMut::new();
    encode_into(packet, transaction, &mut out);
    out.freeze()
}

/// As [`encode`], behind what `out` has.
pub(crate) fn encode_into(packet: &Packet, transaction: u16, out: &mut BytesMut) {
    if let Err(error) = packet.encode_into(transaction, out) {
        tracing::error!(%error, "a packet was not sent");
    }
}

#[cfg(test)]
mod tests {
    use mig33_codec::packets::Pong;
    use mig33_codec::{Decode, Decoder};

    use super::*;

    fn read<T: Decode>(bytes: Bytes) -> T {
        let mut decoder = Decoder::new();
        decoder.push(bytes);
        T::decode(&decoder.next_frame().unwrap().unwrap()).unwrap()
    }

    #[test]
    fn each_session_sees_pictures_below_its_own_address() {
        let packet = Message {
            content_type: Some(ContentType::EXISTING_FILE),
            content: Some(Bytes::from_static(b"/pictures/abc")),
            ..Message::default()
        };
        let event = Event::new(Packet::Message(packet));
        let content = |base| read::<Message>(event.bytes(base, false)).content.unwrap();
        assert_eq!(content("http://a:1"), "http://a:1/pictures/abc");
        assert_eq!(content("https://b"), "https://b/pictures/abc");
    }

    #[test]
    fn other_packets_are_encoded_once() {
        let event = Event::new(Packet::Pong(Pong::default()));
        assert_eq!(event.bytes("a", false).as_ptr(), event.bytes("b", true).as_ptr());
        let text = Message { content: Some("/pictures/abc".into()), ..Message::default() };
        let event = Event::new(Packet::Message(text));
        assert_eq!(
            read::<Message>(event.bytes("http://a", true)).content.unwrap(),
            "/pictures/abc"
        );
    }
}

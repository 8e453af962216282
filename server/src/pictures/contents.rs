//! Pictures that stand in messages, by address: for sessions that ask for it, so that nobody's line is full of a picture
//! that a page could fetch beside it (spec/wire.md section 4).
use mig33_codec::packets::{Message, Packet};
use mig33_codec::values::ContentType;
use subtle::ConstantTimeEq;

use crate::clock::letters;
use crate::fanout::PICTURES;
use crate::ids::Seq;
use crate::passwords::Sealer;
use crate::store::StoredMessage;

/// Bytes of a picture in a message from which on it comes as its address to who asks for that.
pub(crate) const LARGE: usize = 16 << 10;
/// Stands between a message's place and what nobody can guess. No other picture's address has it.
const BETWEEN: char = '-';

impl Sealer {
    /// The address of the picture in the message of this sender and id at this place; without a host. It is the same after
    /// a restart. A place alone says too little: once a backup is put back, places are given out anew, and who has kept an
    /// address would be shown what somebody else got.
    pub(crate) fn content_path(&self, seq: Seq, sender: &str, guid: &str) -> String {
        // no name has a zero byte in it
        let message =
            [b"content", &seq.0.to_be_bytes()[..], sender.as_bytes(), b"\0", guid.as_bytes()];
        format!("{PICTURES}{}{BETWEEN}{}", seq.0, letters(&self.mac(&message.concat())))
    }

    /// Whether the picture in this message has this address: what follows [`PICTURES`].
    pub(crate) fn is_content_of(&self, token: &str, message: &StoredMessage) -> bool {
        let path = self.content_path(message.seq, &message.sender, &message.guid);
        let whole = path.strip_prefix(PICTURES).unwrap_or_default();
        whole.as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// The place of the message that this address may be of, where it is of one: what follows [`PICTURES`].
pub(crate) fn content_at(token: &str) -> Option<Seq> {
    token.split_once(BETWEEN)?.0.parse().ok().map(Seq)
}

/// Whether a content of so many bytes may come as its address.
pub(crate) fn is_large_picture(kind: ContentType, length: usize) -> bool {
    kind == ContentType::IMAGE && length > LARGE
}

/// The message with the address in place of its content.
pub(crate) fn by_address(message: Message, path: String) -> Packet {
    Packet::Message(Message {
        content_type: Some(ContentType::EXISTING_FILE),
        content: Some(path.into()),
        ..message
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Millis, SystemEntropy};
    use crate::passwords::load_key;

    #[test]
    fn an_address_names_one_message_and_cannot_be_made_without_the_key() {
        let entropy = SystemEntropy::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sealer = |name| load_key(&folder.path().join(name), false, &entropy).unwrap();
        let path = sealer("a.key").content_path(Seq(42), "alice", "g1");
        let token = path.strip_prefix(PICTURES).unwrap();
        assert_eq!(content_at(token), Some(Seq(42)));
        let is_of = |key, token: &str, seq, sender, guid| {
            sealer(key).is_content_of(token, &message(seq, sender, guid))
        };
        assert!(is_of("a.key", token, 42, "alice", "g1"), "after a restart, too");
        assert!(!is_of("b.key", token, 42, "alice", "g1"));
        // a place that was given out anew, after a backup was put back
        for (seq, sender, guid) in
            [(43, "alice", "g1"), (42, "bob", "g1"), (42, "alice", "g2"), (42, "alic", "eg1")]
        {
            assert!(!is_of("a.key", token, seq, sender, guid), "{seq} {sender} {guid}");
        }
        let other = token.replacen("42", "43", 1);
        let mut shorter = token.to_owned();
        shorter.pop();
        for wrong in [&*other, &shorter, "", "-", "42", "42-", "+42-x", &format!("0{token}")] {
            assert!(!is_of("a.key", wrong, 42, "alice", "g1"), "{wrong}");
        }
        for none in ["", "-", "42", "-42-x", "x-42", "99999999999999999999-x"] {
            assert_eq!(content_at(none), None, "{none}");
        }
    }

    fn message(seq: u64, sender: &str, guid: &str) -> StoredMessage {
        StoredMessage {
            seq: Seq(seq),
            time: Millis(1),
            guid: guid.into(),
            previous: None,
            sender: sender.into(),
            destination: "carol".into(),
            in_room: false,
            content_type: ContentType::IMAGE,
            content: bytes::Bytes::new(),
            length: 0,
            file_name: None,
            mime_type: None,
            state: 0,
        }
    }
}

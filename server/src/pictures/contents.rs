//! Pictures that stand in messages, by address: for sessions that ask for it, so that nobody's line is full of a picture
//! that a page could fetch beside it (spec/wire.md section 4).
use mig33_codec::packets::{Message, Packet};
use mig33_codec::values::ContentType;
use subtle::ConstantTimeEq;

use crate::clock::letters;
use crate::fanout::PICTURES;
use crate::ids::Seq;
use crate::passwords::Sealer;

/// Bytes of a picture in a message from which on it comes as its address to who asks for that.
pub(crate) const LARGE: usize = 16 << 10;
/// Stands between a message's place and what nobody can guess. No other picture's address has it.
const BETWEEN: char = '-';

impl Sealer {
    /// The address of the picture in the message at this place; without a host. It is the same after a restart.
    pub(crate) fn content_path(&self, seq: Seq) -> String {
        format!("{PICTURES}{}{BETWEEN}{}", seq.0, letters(&self.mac(&seq.0.to_be_bytes())))
    }

    /// The place of the message whose picture has this address: what follows [`PICTURES`].
    pub(crate) fn content_at(&self, token: &str) -> Option<Seq> {
        let seq = Seq(token.split_once(BETWEEN)?.0.parse().ok()?);
        let path = self.content_path(seq);
        let whole = path.strip_prefix(PICTURES)?;
        bool::from(whole.as_bytes().ct_eq(token.as_bytes())).then_some(seq)
    }
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
    use crate::clock::SystemEntropy;
    use crate::passwords::load_key;

    #[test]
    fn an_address_names_one_message_and_cannot_be_made_without_the_key() {
        let entropy = SystemEntropy::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sealer = |name| load_key(&folder.path().join(name), false, &entropy).unwrap();
        let path = sealer("a.key").content_path(Seq(42));
        let token = path.strip_prefix(PICTURES).unwrap();
        assert_eq!(sealer("a.key").content_at(token), Some(Seq(42)), "after a restart, too");
        assert_eq!(sealer("b.key").content_at(token), None);
        let other = token.replacen("42", "43", 1);
        let mut shorter = token.to_owned();
        shorter.pop();
        for wrong in [&*other, &shorter, "", "-", "42", "42-", "+42-x", &format!("0{token}")] {
            assert_eq!(sealer("a.key").content_at(wrong), None, "{wrong}");
        }
    }
}

//! The packet that is sent to and fro: a chat message.
use anyhow::Result;
use bytes::Bytes;
use mig33_codec::values::{ChatDestination, ContentType};
use mig33_codec::{Encode, packets};

/// A MESSAGE with so many bytes of text.
pub(crate) fn message(text: usize) -> Result<Bytes> {
    let message = packets::Message {
        source: Some("alice".into()),
        destination_type: Some(ChatDestination::PRIVATE),
        destination: Some("bob".into()),
        content_type: Some(ContentType::TEXT),
        content: Some("x".repeat(text).into()),
        ..packets::Message::default()
    };
    Ok(message.encode(1)?.to_bytes())
}

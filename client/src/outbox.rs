//! What waits to be sent, as bytes that survive a reload: MESSAGE packets, back to back.
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use mig33_codec::packets::Message as MessagePacket;
use mig33_codec::values::{ChatDestination, ContentType, StatusEvent};
use mig33_codec::{Decode, Decoder, Encode};

use crate::change::Change;
use crate::session::Session;
use crate::state::{Body, ChatId, Delivery, Membership, Message, State};

/// MESSAGE's status of a kept message that the server refused: it waits for the person, not for the connection.
const FAILED: StatusEvent = StatusEvent(255);

impl Session {
    /// What waits to be sent, as bytes that can be kept over a reload; empty when nothing waits.
    #[must_use]
    pub fn outbox(&self) -> Bytes {
        keep(&self.state)
    }

    /// Puts back what [`outbox`](Self::outbox) gave, before the same person's log-in.
    pub fn restore_outbox(&mut self, kept: Bytes) {
        for (chat, name, message) in restore(kept) {
            self.change(Change::ChatKnown { chat: chat.clone(), name });
            if chat.is_room() {
                self.change(Change::Membership {
                    chat: chat.clone(),
                    membership: Membership::Joining,
                });
            }
            self.change(Change::Message { chat, message, unread: false });
        }
    }
}

/// A message of ours as the packet that sends it. `None` for what is no message to be sent.
pub(crate) fn packet(chat: &ChatId, name: &str, message: &Message) -> Option<MessagePacket> {
    let (mut mime_type, mut file_name) = (None, None);
    let (content_type, content) = match &message.body {
        Body::Text(text) => (ContentType::TEXT, Bytes::copy_from_slice(text.as_bytes())),
        Body::Emote(text) => (ContentType::TEXT, format!("/me {text}").into()),
        Body::Picture { mime_type: kind, file_name: name, bytes } => {
            mime_type = Some((&**kind).into());
            file_name = name.as_deref().map(Into::into);
            (ContentType::IMAGE, bytes.clone())
        }
        Body::PictureAt(_)
        | Body::Other(_)
        | Body::Notice(_)
        | Body::Line(_)
        | Body::Joined
        | Body::Left => return None,
    };
    Some(MessagePacket {
        message_type: Some(mig33_codec::values::MessageType::MIG33),
        source: Some((&*message.author).into()),
        destination_type: Some(if chat.is_room() {
            ChatDestination::CHATROOM
        } else {
            ChatDestination::PRIVATE
        }),
        destination: Some(name.into()),
        content_type: Some(content_type),
        file_name,
        content: Some(content),
        mime_type,
        guid: Some((&*message.guid).into()),
        ..MessagePacket::default()
    })
}

/// Everything that waits to be sent or failed.
fn keep(state: &State) -> Bytes {
    let mut kept = BytesMut::new();
    for chat in state.chats.values() {
        for message in chat.messages.iter().filter(|message| is_unsent(message)) {
            let Some(mut packet) = packet(&chat.id, &chat.name, message) else {
                continue;
            };
            packet.timestamp = Some(message.time);
            packet.status = matches!(message.delivery, Delivery::Failed(_)).then_some(FAILED);
            // it was checked against the limit when it was written
            let _ = packet.encode_into(0, &mut kept);
        }
    }
    kept.freeze()
}

/// Reads what [`keep`] wrote; what cannot be read is left out.
fn restore(kept: Bytes) -> Vec<(ChatId, Rc<str>, Message)> {
    let mut decoder = Decoder::new();
    decoder.push(kept);
    let mut messages = Vec::new();
    while let Ok(Some(frame)) = decoder.next_frame() {
        let Ok(packet) = MessagePacket::decode(&frame) else {
            continue;
        };
        messages.extend(restored(packet));
    }
    messages
}

/// Whether it still has to reach the server.
pub(crate) fn is_unsent(message: &Message) -> bool {
    message.own && matches!(message.delivery, Delivery::Sending | Delivery::Failed(_))
}

fn restored(packet: MessagePacket) -> Option<(ChatId, Rc<str>, Message)> {
    let name: Rc<str> = packet.destination.as_ref()?.as_str().into();
    let chat = match packet.destination_type? {
        ChatDestination::CHATROOM => ChatId::room(&name),
        _ => ChatId::private(&name),
    };
    let message = Message {
        guid: packet.guid.as_ref()?.as_str().into(),
        author: packet.source.as_ref()?.as_str().into(),
        own: true,
        time: packet.timestamp?,
        body: crate::messages::body(&packet),
        delivery: match packet.status {
            Some(FAILED) => Delivery::Failed("It was not sent.".into()),
            _ => Delivery::Sending,
        },
    };
    Some((chat, name, message))
}

//! Messages and what becomes of them (spec/wire.md section 4).
use std::sync::Arc;

use bytes::Bytes;
use mig33_codec::packets::{self, Message, MessageStatusEvent, Packet};
use mig33_codec::values::{ChatDestination, ContentType, MessageType, StatusEvent};
use mig33_codec::{Command, Text};

use super::login::log_store_error;
use crate::answer::{Answer, Outcome, Refused};
use crate::clock::random_guid;
use crate::core::{Call, Core};
use crate::fanout::{Event, Fanout, Mailbox, Mark, expand};
use crate::ids::{RoomId, SessionNumber, UserId};
use crate::names::{self, NameError};
use crate::pictures::contents::{LARGE, by_address, is_large_picture};
use crate::session::Member;
use crate::store::{
    Added, ChatOf, Delivered, MessageRefused, NewMessage, OnStored, Page, Receipt, Receiver,
    StoreError, StoredMessage,
};

/// What somebody who may not be written to and somebody who does not exist have in common.
pub(crate) const NOT_A_CONTACT: Refused = Refused::Rule("You can write to your contacts only.");
/// Likewise for rooms.
pub(crate) const NOT_IN_ROOM: Refused = Refused::Rule("You are not in that room.");

/// Pictures count by the day, however they are sent.
pub(crate) const TOO_MANY_PICTURES: Refused =
    Refused::Rule("You have sent as many pictures as you may in a day.");
pub(crate) const DAY_S: u64 = 24 * 60 * 60;
/// The chat's times would lead the clock by too much.
pub(crate) const BUSY: Refused = Refused::Rule("This chat is busy. Try again in a moment.");

/// Messages that are stored as received in one commit.
const RECEIVED_TOGETHER: usize = 256;
/// Bytes of a file in a message; the rest of the packet's 358,400 is for the other blocks.
const FILE_BYTES: usize = 350_000;
/// Bytes of a file's name, and of its type.
const FILE_TEXT_BYTES: usize = 255;

/// MESSAGE: stored first, then passed on, then answered.
pub(crate) async fn send(call: Call<'_>) -> Outcome {
    let mut packet: Message = call.packet()?;
    packet.content = packet.content.map(|content| shown(packet.content_type, content));
    let (core, member) = call.member()?;
    let guid = match packet.guid.as_ref().filter(|guid| !guid.is_empty()) {
        Some(guid) => names::guid(&guid.as_str())?.to_owned(),
        None => random_guid(&*core.entropy),
    };
    check_content(core, &packet)?;
    let destination =
        names::key(&packet.destination.as_ref().map(Text::as_str).unwrap_or_default());
    let place = match packet.destination_type {
        Some(ChatDestination::PRIVATE) => place_private(core, member, &destination).await?,
        Some(ChatDestination::CHATROOM) => place_in_room(member, &destination),
        Some(_) | None => {
            return Err(Refused::value(Command::MESSAGE, 3, "1 is a private chat, 3 is a room."));
        }
    };
    let Some(place) = place else {
        // a retry of what was accepted stays accepted, whatever has happened since
        return match core.store.sent(member.seat.user, &guid).await? {
            Some(added) => Ok(stored(added)),
            None if packet.destination_type == Some(ChatDestination::CHATROOM) => Err(NOT_IN_ROOM),
            None => Err(NOT_A_CONTACT),
        };
    };
    let now = core.now();
    let new = NewMessage {
        sender: member.seat.user,
        chat: place.chat(),
        guid,
        content_type: packet.content_type.unwrap_or(ContentType::TEXT),
        content: packet.content.unwrap_or_default(),
        file_name: packet.file_name.map(|name| name.as_str().trim().to_owned()),
        mime_type: packet.mime_type.as_ref().and_then(kind_of_file),
        now,
        busy_from: core.busy_from(now),
        open: core.settings.open_messages,
    };
    if is_file(new.content_type) {
        count_file(core, &new).await?;
    }
    let then = pass_on(core, member, &new, place);
    match core.store.add_message(new, then).await? {
        Ok(added) => Ok(stored(added)),
        Err(MessageRefused::Receiver) => Err(NOT_A_CONTACT),
        Err(MessageRefused::Busy) => Err(BUSY),
    }
}

const fn is_file(content_type: ContentType) -> bool {
    matches!(content_type, ContentType::IMAGE | ContentType::AUDIO | ContentType::VIDEO)
}

/// Counts a picture among those of the day, unless it has been accepted before.
async fn count_file(core: &Core, new: &NewMessage) -> Result<(), Refused> {
    let (store, most) = (&core.store, core.settings.limits.pictures_per_day);
    let since = new.now.minus_seconds(DAY_S);
    if most == 0
        || store.sent(new.sender, &new.guid).await?.is_some()
        || store.count_picture(new.sender, &new.guid, new.now, since, most).await?
    {
        return Ok(());
    }
    Err(TOO_MANY_PICTURES)
}

fn stored(added: Added) -> Answer {
    Answer::of(packets::Ok {
        text: Some(added.guid.into()),
        value: Some(added.time.0),
        previous_message_guid: added.previous.map(Into::into),
        ..packets::Ok::default()
    })
}

fn check_content(core: &Core, packet: &Message) -> Result<(), Refused> {
    let length = packet.content.as_ref().map_or(0, |content| content.len());
    if length == 0 {
        return Err(Refused::value(Command::MESSAGE, 8, "there is nothing in it."));
    }
    let is_line = |text: &Option<Text>| {
        text.as_ref().is_none_or(|text| names::line(&text.as_str(), usize::MAX).is_some())
    };
    if !is_line(&packet.file_name) {
        return Err(NameError::FileName.into());
    }
    if !is_line(&packet.mime_type) {
        return Err(NameError::FileType.into());
    }
    let content_type = packet.content_type.unwrap_or(ContentType::TEXT);
    match content_type {
        ContentType::TEXT | ContentType::EMOTE => {
            within(8, length, core.settings.limits.text_bytes)
        }
        // what is stored has to fit a packet again, with the blocks that the service adds
        content_type if is_file(content_type) => {
            let file_name = packet.file_name.as_ref().map_or(0, |name| name.len());
            let mime_type = packet.mime_type.as_ref().map_or(0, |kind| kind.len());
            within(8, length, FILE_BYTES)?;
            within(7, file_name, FILE_TEXT_BYTES)?;
            within(21, mime_type, FILE_TEXT_BYTES)?;
            if content_type == ContentType::IMAGE {
                // a message is replayed from history to everybody who comes: what a browser chokes on, for good
                let content = packet.content.as_deref().unwrap_or_default();
                mig33_picture::check(content)
                    .map_err(|unfit| Refused::picture(Command::MESSAGE, 8, unfit))?;
            }
            Ok(())
        }
        _ => Err(Refused::value(Command::MESSAGE, 6, "this kind of content cannot be sent.")),
    }
}

/// A content as it is stored: of a text nothing that has no look of its own, so that no terminal does what somebody wrote
/// into it. It is no reason to refuse what an old handset sends.
fn shown(content_type: Option<ContentType>, content: Bytes) -> Bytes {
    let is_text =
        matches!(content_type.unwrap_or(ContentType::TEXT), ContentType::TEXT | ContentType::EMOTE);
    // in UTF-8, the controls from U+0080 to U+009F are C2 and a byte from 80 to 9F
    let is_second = |at: usize| {
        at.checked_sub(1).is_some_and(|before| content.get(before) == Some(&0xc2))
            && content.get(at).is_some_and(|byte| (0x80..=0x9f).contains(byte))
    };
    let is_control = |at: usize, byte: u8| {
        (byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r'))
            || is_second(at)
            || is_second(at + 1)
    };
    let mut bytes = content.iter().copied().enumerate();
    if !is_text || !bytes.any(|(at, byte)| is_control(at, byte)) {
        return content;
    }
    let kept = content.iter().copied().enumerate().filter(|(at, byte)| !is_control(*at, *byte));
    kept.map(|(_, byte)| byte).collect()
}

/// The MIME type as it is stored. Those that begin so are the server's: clients show what has one as a notice of the room.
fn kind_of_file(mime_type: &Text) -> Option<String> {
    const OF_SERVER: &[u8] = b"system/";
    let kind = mime_type.as_str();
    let kind = kind.trim();
    let begins = kind.as_bytes().get(..OF_SERVER.len());
    let is_of_server = begins.is_some_and(|begins| begins.eq_ignore_ascii_case(OF_SERVER));
    (!is_of_server).then(|| kind.to_owned())
}

/// Refuses a block of MESSAGE that is longer than `most` bytes.
fn within(block: u16, length: usize, most: usize) -> Result<(), Refused> {
    if length <= most {
        return Ok(());
    }
    let field = crate::commands::field_name(Command::MESSAGE, block);
    Err(Refused::TooLong { command: Command::MESSAGE, block, field, most })
}

/// Where a message goes.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// To one other.
    Private(Receiver),
    /// To a room, by its name.
    Room(RoomId, Arc<str>),
}

impl Place {
    /// As the store has it.
    pub(crate) const fn chat(&self) -> ChatOf {
        match self {
            Self::Private(receiver) => ChatOf::Private(receiver.id),
            Self::Room(room, _) => ChatOf::Room(*room),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Private(receiver) => &receiver.name,
            Self::Room(_, name) => name,
        }
    }

    const fn destination_type(&self) -> ChatDestination {
        match self {
            Self::Private(_) => ChatDestination::PRIVATE,
            Self::Room(..) => ChatDestination::CHATROOM,
        }
    }
}

async fn place_private(
    core: &Core,
    member: &Member,
    name_key: &str,
) -> Result<Option<Place>, Refused> {
    let receiver =
        core.store.receiver(member.seat.user, name_key, core.settings.open_messages).await?;
    Ok(receiver.map(Place::Private))
}

fn place_in_room(member: &Member, name_key: &str) -> Option<Place> {
    let (room, name) = member.rooms.iter().find(|(_, name)| names::key(name) == name_key)?;
    Some(Place::Room(*room, Arc::clone(name)))
}

/// Who a message comes from, for passing it on.
#[derive(Clone, Debug)]
pub(crate) struct From {
    /// Who.
    pub(crate) user: UserId,
    /// The name.
    pub(crate) name: Arc<str>,
    /// The session that knows of it by its answer.
    pub(crate) session: Option<SessionNumber>,
}

fn pass_on(core: &Core, member: &Member, new: &NewMessage, place: Place) -> OnStored {
    let seat = &member.seat;
    let from = From { user: seat.user, name: Arc::clone(&seat.name), session: Some(seat.session) };
    let packet = new_packet(new, &from, &place);
    let (fanout, metrics) = (Arc::clone(&core.fanout), core.metrics.clone());
    let sealer = Arc::clone(&core.sealer);
    let is_large = is_large_picture(new.content_type, new.content.len());
    Box::new(move |added| {
        metrics.messages.inc();
        let path = is_large.then(|| sealer.content_path(added.seq, &from.name, &added.guid));
        tell(&*fanout, added, path, packet, &from, &place);
    })
}

/// A new message's packet, but for what the store knows.
pub(crate) fn new_packet(new: &NewMessage, from: &From, place: &Place) -> Message {
    Message {
        message_type: Some(MessageType::MIG33),
        source: Some((&*from.name).into()),
        destination_type: Some(place.destination_type()),
        destination: Some(place.name().into()),
        content_type: Some(new.content_type),
        content: Some(new.content.clone()),
        file_name: new.file_name.as_deref().map(Into::into),
        mime_type: new.mime_type.as_deref().map(Into::into),
        ..Message::default()
    }
}

/// Tells a stored message to whom it is for, and to its sender's other sessions. Who wants large contents by address gets
/// `path`, where there is one.
pub(crate) fn tell(
    fanout: &dyn Fanout,
    added: &Added,
    path: Option<String>,
    mut packet: Message,
    from: &From,
    place: &Place,
) {
    packet.guid = Some(added.guid.as_str().into());
    packet.timestamp = Some(added.time.0);
    packet.previous_message_guid = added.previous.as_deref().map(Into::into);
    let event = |mark| {
        let event = Event::marked(Packet::Message(packet.clone()), mark);
        match &path {
            Some(path) => event.or_by_address(by_address(packet.clone(), path.clone())),
            None => event,
        }
    };
    match place {
        Place::Private(receiver) => {
            let mark = |with, waits| Mark::Private { with, seq: added.seq, waits };
            fanout.tell_user(receiver.id, None, &event(mark(from.user, true)));
            fanout.tell_user(from.user, from.session, &event(mark(receiver.id, false)));
        }
        Place::Room(room, _) => {
            fanout.tell_room(*room, from.session, &event(Mark::InRoom(*room, added.seq)));
        }
    }
}

/// How much of what is stored comes at once, for the session of this mailbox.
pub(crate) fn page(core: &Core, mailbox: &Mailbox, messages: u32) -> Page {
    let without_above = mailbox.is_by_address().then_some(LARGE);
    Page { messages, bytes: core.limits.page_bytes, without_above }
}

/// A stored message's packet, as the session of this mailbox gets it.
pub(crate) fn stored_packet(
    core: &Core,
    mailbox: &Mailbox,
    message: StoredMessage,
    reader: &str,
) -> Packet {
    let path = (mailbox.is_by_address() && is_large_picture(message.content_type, message.length))
        .then(|| core.sealer.content_path(message.seq, &message.sender, &message.guid));
    let packet = whole_packet(message, reader);
    let packet = match path {
        Some(path) => by_address(packet, path),
        None => Packet::Message(packet),
    };
    expand(packet, mailbox.base_url())
}

/// A stored message's packet. What became of it is for its sender only.
fn whole_packet(message: StoredMessage, reader: &str) -> Message {
    let kind = if message.in_room { ChatDestination::CHATROOM } else { ChatDestination::PRIVATE };
    let status = Some(message.state).filter(|state| *state != 0 && message.sender == reader);
    Message {
        message_type: Some(MessageType::MIG33),
        source: Some(message.sender.into()),
        destination_type: Some(kind),
        destination: Some(message.destination.into()),
        content_type: Some(message.content_type),
        content: Some(message.content),
        file_name: message.file_name.map(Into::into),
        mime_type: message.mime_type.map(Into::into),
        guid: Some(message.guid.into()),
        timestamp: Some(message.time.0),
        previous_message_guid: message.previous.map(Into::into),
        status: status.map(StatusEvent),
        ..Message::default()
    }
}

/// MESSAGE_STATUS_EVENT: being typed, received, read. It has no answer when it is fine.
pub(crate) async fn status_event(call: Call<'_>) -> Outcome {
    let packet: MessageStatusEvent = call.packet()?;
    let kind = packet.message_event_type.unwrap_or(StatusEvent(0));
    if ![StatusEvent::COMPOSING, StatusEvent::RECEIVED, StatusEvent::READ].contains(&kind) {
        return Err(Refused::value(
            Command::MESSAGE_STATUS_EVENT,
            6,
            "1 is typing, 2 received, 3 read.",
        ));
    }
    let in_room = packet.message_destination_type.is_some_and(|to| to != ChatDestination::PRIVATE);
    let (core, member) = call.member()?;
    if in_room {
        return crate::commands::silence(); // nobody counts who has read what in a room
    }
    // some clients put their own name first, others the writer's
    let me = names::key(&member.seat.name);
    let peer = [packet.message_destination, packet.message_source]
        .into_iter()
        .flatten()
        .map(|name| names::key(&name.as_str()))
        .find(|name| !name.is_empty() && *name != me);
    let Some(peer) = peer else {
        return Err(Refused::value(
            Command::MESSAGE_STATUS_EVENT,
            4,
            "it has to name the other one.",
        ));
    };
    if kind == StatusEvent::COMPOSING {
        let open = core.settings.open_messages;
        let receiver =
            core.store.receiver(member.seat.user, &peer, open).await?.ok_or(NOT_A_CONTACT)?;
        let event = event_packet(kind, &member.seat.name, &receiver.name, None);
        core.fanout.tell_user(receiver.id, None, &Event::new(event));
        return crate::commands::silence();
    }
    let guid = packet.message_guid.unwrap_or_default();
    let guid = names::guid(&guid.as_str())?.to_owned();
    if kind == StatusEvent::RECEIVED {
        member.received.push((peer, guid));
        if member.received.len() >= RECEIVED_TOGETHER {
            store_received(core, member).await?;
        }
        return crate::commands::silence();
    }
    store_received(core, member).await?;
    let open = core.settings.open_messages;
    let receipt = core.store.set_read(member.seat.user, &peer, &guid, open).await?;
    if let Some(receipt) = &receipt {
        // one's other sessions count what is unread, too
        let event = event_packet(kind, &member.seat.name, &receipt.sender_name, Some(receipt));
        core.fanout.tell_user(member.seat.user, Some(member.seat.session), &Event::new(event));
    }
    tell_receipts(&*core.fanout, member, StatusEvent::READ, receipt, false);
    crate::commands::silence()
}

/// Stores which messages the client says it has received: all that it said in one go, in one commit.
pub(crate) async fn store_received(core: &Core, member: &mut Member) -> Result<(), StoreError> {
    let received = std::mem::take(&mut member.received);
    if !received.is_empty() {
        let open = core.settings.open_messages;
        let receipts =
            core.store.set_delivered(member.seat.user, Delivered::Named(received), open).await?;
        tell_receipts(&*core.fanout, member, StatusEvent::RECEIVED, receipts, false);
    }
    Ok(())
}

fn event_packet(kind: StatusEvent, from: &str, to: &str, about: Option<&Receipt>) -> Packet {
    Packet::MessageStatusEvent(MessageStatusEvent {
        message_type: Some(MessageType::MIG33),
        message_source: Some(from.into()),
        message_destination_type: Some(ChatDestination::PRIVATE),
        message_destination: Some(to.into()),
        message_guid: about.map(|receipt| receipt.guid.as_str().into()),
        message_event_type: Some(kind),
        message_timestamp: about.map(|receipt| receipt.time.0),
        ..MessageStatusEvent::default()
    })
}

/// Tells the writers of messages what became of them, those who may still know.
fn tell_receipts(
    fanout: &dyn Fanout,
    member: &Member,
    kind: StatusEvent,
    receipts: impl IntoIterator<Item = Receipt>,
    by_server: bool,
) {
    for receipt in receipts.into_iter().filter(|receipt| receipt.for_sender) {
        let mut packet =
            event_packet(kind, &member.seat.name, &receipt.sender_name, Some(&receipt));
        if let Packet::MessageStatusEvent(event) = &mut packet
            && by_server
        {
            event.server_generated = Some(1);
        }
        fanout.tell_user(receipt.sender, None, &Event::new(packet));
    }
}

/// Messages count as delivered without the client's word: it has fetched them, or a later packet of it has come.
pub(crate) async fn count_as_delivered(core: &Core, member: &Member, which: Delivered) {
    match core.store.set_delivered(member.seat.user, which, core.settings.open_messages).await {
        Ok(receipts) => tell_receipts(&*core.fanout, member, StatusEvent::RECEIVED, receipts, true),
        Err(error) => log_store_error(&error), // they come again
    }
}

//! Chat sync: the list of chats, and what was said in them (spec/wire.md section 7).
use mig33_codec::Command;
use mig33_codec::packets::{
    self, ChatListVersion, EndMessages, GetChats, GetMessages, HaveLatestChatList,
};
use mig33_codec::values::{ChatDestination, MessageType};

use super::messages::{NOT_IN_ROOM, page, stored_packet};
use crate::answer::{Answer, Outcome, Refused};
use crate::clock::Millis;
use crate::core::{Call, Core};
use crate::names;
use crate::session::Member;
use crate::store::{ChatList, History, HistoryOf};

/// Messages in an answer when the client names no limit.
const USUAL_PAGE: u32 = 50;

/// GET_MESSAGES: the newest messages of a range of times, or the oldest ones; both ends in it, oldest first.
pub(crate) async fn messages(call: Call<'_>) -> Outcome {
    let packet: GetMessages = call.packet()?;
    let (core, member) = call.member()?;
    let chat_id = packet.chat_id.unwrap_or_default();
    let key = names::key(&chat_id.as_str());
    let chat = match packet.chat_type.unwrap_or(ChatDestination::PRIVATE) {
        ChatDestination::PRIVATE => HistoryOf::Private(key),
        ChatDestination::CHATROOM => {
            let room = member.rooms.iter().find(|(_, name)| names::key(name) == key);
            HistoryOf::Room(room.ok_or(NOT_IN_ROOM)?.0)
        }
        _ => {
            return Err(Refused::value(
                Command::GET_MESSAGES,
                2,
                "1 is a private chat, 3 is a room.",
            ));
        }
    };
    let time = |bound: Option<u64>| bound.filter(|time| *time != 0).map(Millis);
    let limits = &core.settings.limits;
    let limit = packet.limit.filter(|limit| *limit != 0).unwrap_or(USUAL_PAGE);
    let query = History {
        user: member.seat.user,
        chat,
        oldest: time(packet.oldest_timestamp),
        latest: time(packet.latest_timestamp),
        forward: packet.forward == Some(true),
        page: page(core, &member.seat.mailbox, limit.min(limits.messages_per_page)),
    };
    let messages = core.store.messages(query).await?;
    let fetched = messages
        .iter()
        .filter(|message| {
            !message.in_room && message.state == 0 && message.sender != *member.seat.name
        })
        .map(|message| message.seq)
        .collect();
    let end = EndMessages {
        chat_id: Some(chat_id),
        first_message_guid: messages.first().map(|message| message.guid.as_str().into()),
        final_message_guid: messages.last().map(|message| message.guid.as_str().into()),
        messages_sent: u32::try_from(messages.len()).ok(),
        ..EndMessages::default()
    };
    let mut answer = Answer { fetched, ..Answer::default() };
    for message in messages {
        let packet = stored_packet(core, &member.seat.mailbox, message, &member.seat.name);
        answer = answer.and(packet);
    }
    Ok(answer.and(end))
}

/// GET_CHATS: private chats that have changed since the version that the client has, else the newest; and its rooms.
pub(crate) async fn chats(call: Call<'_>) -> Outcome {
    let packet: GetChats = call.packet()?;
    let (core, member) = call.member()?;
    let most = core.settings.limits.chats_per_page;
    let limit = packet.limit.filter(|limit| *limit != 0).unwrap_or(most).min(most);
    answer(core, member, packet.version, limit, packet.chat_type).await
}

/// HAVE_LATEST_CHAT_LIST: what has changed since.
pub(crate) async fn have_latest_chats(call: Call<'_>) -> Outcome {
    let packet: HaveLatestChatList = call.packet()?;
    let (core, member) = call.member()?;
    let limit = core.settings.limits.chats_per_page;
    answer(core, member, packet.version, limit, None).await
}

async fn answer(
    core: &Core,
    member: &Member,
    since: Option<u32>,
    limit: u32,
    kind: Option<ChatDestination>,
) -> Outcome {
    let wanted = |of: ChatDestination| kind.is_none_or(|kind| kind == of);
    let list = core.store.chats(member.seat.user, since, limit).await?;
    let ChatList { version, latest, chats } = list;
    let mut answer = Answer::default();
    for chat in chats.into_iter().filter(|_| wanted(ChatDestination::PRIVATE)) {
        answer = answer.and(packets::Chat {
            chat_id: Some(chat.name.as_str().into()),
            chat_display_name: Some(chat.name.into()),
            chat_type: Some(ChatDestination::PRIVATE),
            unread_message_count: Some(chat.unread),
            contact_id: chat.contact.map(|id| id.0),
            message_type: Some(MessageType::MIG33),
            timestamp: Some(chat.time.0),
            chat_list_version: Some(version),
            read_at: Some(chat.read_at.0),
            ..packets::Chat::default()
        });
    }
    for (_, name) in member.rooms.iter().filter(|_| wanted(ChatDestination::CHATROOM)) {
        answer = answer.and(packets::Chat {
            chat_id: Some((&**name).into()),
            chat_display_name: Some((&**name).into()),
            chat_type: Some(ChatDestination::CHATROOM),
            message_type: Some(MessageType::MIG33),
            chat_list_version: Some(version),
            ..packets::Chat::default()
        });
    }
    Ok(answer.and(ChatListVersion {
        version: Some(version),
        timestamp: Some(latest.0),
        ..ChatListVersion::default()
    }))
}

//! Rooms in their simple form (spec/wire.md section 6).
use std::sync::Arc;

use mig33_codec::packets::{
    self, Chatroom, ChatroomParticipants, ChatroomUserStatus, CreateChatroom,
    GetChatroomParticipants, GetChatrooms, GetChatroomsComplete, JoinChatroom, LeaveChatroom,
    Packet,
};
use mig33_codec::values::{ChatUserStatus, ParticipantType};
use mig33_codec::{List, Text};

use super::login::log_store_error;
use super::messages::{NOT_IN_ROOM, page, stored_packet};
use crate::answer::{Answer, Outcome, Refused};
use crate::core::{Call, Core};
use crate::fanout::{Event, Mark, RoomFull, Seat, Taken};
use crate::ids::{RoomId, UserId};
use crate::names;
use crate::store::{History, HistoryOf, NewRoom, Room, RoomRefused};

/// GET_CHATROOMS: a page of the rooms whose name has the search in it. Pages count from 1.
pub(crate) async fn list(call: Call<'_>) -> Outcome {
    let packet: GetChatrooms = call.packet()?;
    let (core, _) = call.member()?;
    let per_page = core.settings.limits.rooms_per_page;
    let page = u32::from(packet.page.unwrap_or(1).max(1));
    let search = names::key(packet.search_string.unwrap_or_default().as_str().trim());
    let found = core.store.rooms(&search, (page - 1) * per_page, per_page).await?;
    let ids: Vec<RoomId> = found.rooms.iter().map(|room| room.id).collect();
    let counts = core.fanout.member_counts(&ids).await;
    let mut answer = Answer::default();
    for (room, count) in found.rooms.into_iter().zip(counts) {
        answer = answer.and(Chatroom {
            chatroom_name: Some(room.name.into()),
            description: Some(room.description.into()),
            max_participants: Some(room.capacity),
            participants: Some(count),
            user_owned: Some(room.creator.is_some()),
            chatroom_id: Some(room.id.0),
            creator_name: room.creator.map(Into::into),
            ..Chatroom::default()
        });
    }
    let pages = found.total.div_ceil(per_page.max(1));
    Ok(answer.and(GetChatroomsComplete {
        number_of_pages: Some(u8::try_from(pages).unwrap_or(u8::MAX)),
        ..GetChatroomsComplete::default()
    }))
}

/// CREATE_CHATROOM. Its creator is not in it by that.
pub(crate) async fn create(call: Call<'_>) -> Outcome {
    let packet: CreateChatroom = call.packet()?;
    let (core, member) = call.member()?;
    let name = names::room(&packet.chatroom_name.unwrap_or_default().as_str())?.to_owned();
    let description =
        names::description(&packet.description.unwrap_or_default().as_str())?.to_owned();
    let limits = &core.settings.limits;
    let new = NewRoom {
        name,
        description,
        creator: member.seat.user,
        capacity: limits.room_capacity,
        now: core.now(),
    };
    match core.store.create_room(new, limits.rooms_per_account).await? {
        Ok(_) => Ok(Answer::ok()),
        Err(RoomRefused::Exists) => Err(Refused::Rule("There is a room of that name.")),
        Err(RoomRefused::TooMany) => Err(Refused::Rule("You have made as many rooms as you may.")),
    }
}

/// JOIN_CHATROOM: who is there, OK, and the last messages.
pub(crate) async fn join(call: Call<'_>) -> Outcome {
    let packet: JoinChatroom = call.packet()?;
    let (core, member) = call.member()?;
    let room = find(core, packet.chatroom_name).await?;
    let limits = &core.settings.limits;
    let is_new = member.rooms.iter().all(|(other, _)| *other != room.id);
    if is_new && member.rooms.len() >= limits.rooms_per_session {
        return Err(Refused::Rule("You are in as many rooms as you may be."));
    }
    let mailbox = Arc::clone(&member.seat.mailbox);
    mailbox.hold(); // what happens in the room from here on comes behind the answer
    let name: Arc<str> = room.name.as_str().into();
    // an administrator comes into a full room, too
    let capacity =
        if is_administrator(&room, &member.seat.name) { u32::MAX } else { room.capacity };
    let joined = user_status(&room, &member.seat.name, ChatUserStatus::JOINED);
    let members = match core.fanout.join(room.id, capacity, &member.seat, &joined).await {
        Ok(joined) => joined.members,
        Err(RoomFull) => return Err(Refused::Rule("The room is full.")),
    };
    if is_new {
        member.rooms.push((room.id, name));
    }
    let history = core
        .store
        .messages(History {
            user: member.seat.user,
            chat: HistoryOf::Room(room.id),
            oldest: None,
            latest: None,
            forward: false,
            page: page(core, &mailbox, limits.room_history),
        })
        .await;
    let history = match history {
        Ok(history) => history,
        Err(error) => {
            member.rooms.retain(|(other, _)| *other != room.id);
            leave_room(core, &member.seat, room.id, &room.name).await;
            return Err(error.into());
        }
    };
    if let Some(last) = history.last() {
        mailbox.room_caught_up(room.id, last.seq);
    }
    let mut answer = Answer::of(participants_packet(&room, &members)).and(packets::Ok::default());
    for message in history {
        answer = answer.unasked(stored_packet(core, &mailbox, message, &member.seat.name));
    }
    Ok(answer)
}

/// LEAVE_CHATROOM.
pub(crate) async fn leave(call: Call<'_>) -> Outcome {
    let packet: LeaveChatroom = call.packet()?;
    let (core, member) = call.member()?;
    let key = names::key(packet.chatroom_name.unwrap_or_default().as_str().trim());
    let at = member.rooms.iter().position(|(_, name)| names::key(name) == key);
    let Some(at) = at else { return leave_kept(core, member.seat.user, &key).await };
    let (room, name) = member.rooms.remove(at);
    leave_room(core, &member.seat, room, &name).await;
    Ok(Answer::ok())
}

/// A session that came back after a restart leaves a room that it has not entered again: its old seats are in it still.
async fn leave_kept(core: &Core, user: UserId, name_key: &str) -> Outcome {
    let room = core.store.room(name_key).await?.ok_or(NOT_IN_ROOM)?;
    let seats = core.fanout.seats_of(user).await;
    let mut is_left = false;
    for Taken { seat, .. } in
        seats.iter().filter(|taken| taken.is_back && taken.rooms.contains(&room.id))
    {
        leave_room(core, seat, room.id, &room.name).await;
        is_left = true;
    }
    if is_left { Ok(Answer::ok()) } else { Err(NOT_IN_ROOM) }
}

/// A seat leaves a room.
pub(crate) async fn leave_room(core: &Core, seat: &Seat, room: RoomId, name: &str) {
    let status = ChatroomUserStatus {
        status: Some(ChatUserStatus::LEFT),
        chatroom_name: Some(name.into()),
        username: Some((&*seat.name).into()),
        participant_type: Some(ParticipantType::NORMAL),
        ..ChatroomUserStatus::default()
    };
    let left = Event::marked(Packet::ChatroomUserStatus(status), Mark::Members(room));
    core.fanout.leave(room, seat.user, seat.session, &left).await;
    seat.mailbox.room_left(room);
}

/// GET_CHATROOM_PARTICIPANTS, of a room that one is in.
pub(crate) async fn participants(call: Call<'_>) -> Outcome {
    let packet: GetChatroomParticipants = call.packet()?;
    let (core, member) = call.member()?;
    let key = names::key(packet.chatroom_name.unwrap_or_default().as_str().trim());
    let id = member.rooms.iter().find(|(_, name)| names::key(name) == key).ok_or(NOT_IN_ROOM)?.0;
    let room = core.store.room_by_id(id).await?.ok_or(NOT_IN_ROOM)?;
    Ok(Answer::of(participants_packet(&room, &core.fanout.members(id).await)))
}

/// Rooms with their names.
pub(crate) async fn named(core: &Core, rooms: &[RoomId]) -> Vec<(RoomId, Arc<str>)> {
    let mut named = Vec::with_capacity(rooms.len());
    for room in rooms {
        match core.store.room_by_id(*room).await {
            Ok(Some(found)) => named.push((*room, found.name.into())),
            Ok(None) => {}
            Err(error) => log_store_error(&error),
        }
    }
    named
}

async fn find(core: &Core, name: Option<Text>) -> Result<Room, Refused> {
    let name = name.unwrap_or_default();
    let key = names::key(name.as_str().trim());
    core.store.room(&key).await?.ok_or(Refused::Rule("There is no room of that name."))
}

fn is_administrator(room: &Room, name: &str) -> bool {
    room.creator.as_deref() == Some(name)
}

/// CHATROOM_PARTICIPANTS of a room.
pub(crate) fn participants_packet(room: &Room, members: &[Arc<str>]) -> ChatroomParticipants {
    let administrators: List<';'> =
        members.iter().filter(|name| is_administrator(room, name)).collect();
    ChatroomParticipants {
        chatroom_name: Some(room.name.as_str().into()),
        participant_list: Some(members.iter().collect()),
        administrator_list: Some(administrators),
        muted_list: Some(List::default()),
        ..ChatroomParticipants::default()
    }
}

fn user_status(room: &Room, name: &str, status: ChatUserStatus) -> Event {
    let kind = if is_administrator(room, name) {
        ParticipantType::ADMINISTRATOR
    } else {
        ParticipantType::NORMAL
    };
    let packet = ChatroomUserStatus {
        status: Some(status),
        chatroom_name: Some(room.name.as_str().into()),
        username: Some(name.into()),
        participant_type: Some(kind),
        ..ChatroomUserStatus::default()
    };
    Event::marked(Packet::ChatroomUserStatus(packet), Mark::Members(room.id))
}

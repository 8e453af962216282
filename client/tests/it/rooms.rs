//! Rooms: finding, entering, talking, and being let in again after a lost connection.
use bytes::Bytes;
use mig33_client::{Action, Body, ChatId, Delivery, Event, Member, Membership, Room};
use mig33_codec::packets;
use mig33_codec::values::{ChatDestination, ChatUserStatus, ParticipantType};
use mig33_codec::{Command, Frame, Text};

use crate::stage::{START, Stage, error, message, ok};

fn lobby() -> ChatId {
    ChatId::room("Lobby")
}

fn participants(names: &str) -> packets::ChatroomParticipants {
    packets::ChatroomParticipants {
        chatroom_name: Some("Lobby".into()),
        participant_list: Some(mig33_codec::List::from_bytes(Bytes::copy_from_slice(
            names.as_bytes(),
        ))),
        administrator_list: Some(["root"].iter().collect()),
        ..Default::default()
    }
}

fn in_lobby() -> Stage {
    let mut stage = Stage::online();
    let action = stage.act(Action::JoinRoom { name: "Lobby".into() });
    let (number, join) = stage.take::<packets::JoinChatroom>();
    assert_eq!(join.chatroom_name, Some("Lobby".into()));
    stage.reply(number, participants("alice;Bob;"));
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.outcome(action), Some(Ok(())));
    stage
}

fn room(stage: &Stage) -> Room {
    let chat = &stage.session.state().chats[&lobby()];
    chat.room.as_deref().expect("a room's chat").clone()
}

fn membership(stage: &Stage) -> Membership {
    room(stage).membership
}

fn members(stage: &Stage) -> Vec<String> {
    let name =
        |member: &Member| format!("{}{}", if member.administrator { "@" } else { "" }, member.name);
    room(stage).members.values().map(name).collect()
}

fn room_message(source: &str, guid: &str, time: u64) -> packets::Message {
    packets::Message {
        destination_type: Some(ChatDestination::CHATROOM),
        destination: Some("Lobby".into()),
        ..message(source, guid, time, None)
    }
}

#[test]
fn members_are_listed_and_follow_who_comes_and_goes() {
    let mut stage = in_lobby();
    assert_eq!(membership(&stage), Membership::Inside);
    assert_eq!(members(&stage), ["alice", "Bob", "@root"]);
    stage.push(status(ChatUserStatus::JOINED, "Eve"));
    stage.push(status(ChatUserStatus::JOINED, "Eve"));
    stage.push(status(ChatUserStatus::LEFT, "bob"));
    assert_eq!(members(&stage), ["alice", "Eve", "@root"]);
    let notices: Vec<Body> =
        stage.messages(&lobby()).into_iter().map(|message| message.body).collect();
    assert_eq!(notices, [Body::Joined, Body::Left]);
    assert_eq!(stage.session.state().unread(), 0);
}

/// Somebody comes into the room or leaves it.
fn status(status: ChatUserStatus, name: &str) -> packets::ChatroomUserStatus {
    packets::ChatroomUserStatus {
        status: Some(status),
        chatroom_name: Some("Lobby".into()),
        username: Some(name.into()),
        participant_type: Some(ParticipantType::NORMAL),
        ..Default::default()
    }
}

#[test]
fn who_came_and_went_is_forgotten_before_what_was_said() {
    let mut stage = in_lobby();
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, packets::EndMessages::default());
    stage.push(room_message("bob", "said", START + 50));
    for _ in 0..2_000 {
        stage.push(status(ChatUserStatus::JOINED, "Eve"));
        stage.push(status(ChatUserStatus::LEFT, "Eve"));
    }
    let (lines, said): (Vec<Body>, Vec<Body>) = stage
        .messages(&lobby())
        .into_iter()
        .map(|message| message.body)
        .partition(|body| matches!(body, Body::Joined | Body::Left));
    assert_eq!(said, [Body::Text("said".into())]);
    assert!((100..=1_000).contains(&lines.len()), "{} lines", lines.len());
    assert_eq!(lines.last(), Some(&Body::Left));
}

#[test]
fn who_came_while_our_clock_was_ahead_hides_nothing_that_is_said_then() {
    let mut stage = in_lobby();
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, room_message("bob", "first", START + 50));
    stage.now += 60_000;
    stage.push(status(ChatUserStatus::JOINED, "Eve"));
    stage.reply(number, packets::EndMessages { messages_sent: Some(1), ..Default::default() });
    stage.cut_and_wait();
    stage.come_online();
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, participants("alice"));
    let (_, asked) = stage.take::<packets::GetMessages>();
    assert_eq!(asked.oldest_timestamp, Some(START + 51));
}

#[test]
fn the_other_dialect_of_user_status_and_lists_is_read() {
    let mut stage = Stage::online();
    stage.act(Action::JoinRoom { name: "Lobby".into() });
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, participants("alice\nBob"));
    stage.reply(
        number,
        packets::Chatroom { chatroom_name: Some("Lobby".into()), ..Default::default() },
    );
    assert_eq!(membership(&stage), Membership::Inside);
    let other =
        [&[0, 1, 0, 0, 0, 5][..], b"Lobby", &[0, 2, 0, 0, 0, 3], b"Eve", &[0, 3, 0, 0, 0, 1, 1]]
            .concat();
    let frame = Frame::new(Command::CHATROOM_USER_STATUS, 0, other.into()).unwrap();
    stage.session.handle_bytes(stage.now, frame.to_bytes());
    // there it says who somebody is in the room: 1 is a moderator, 2 the owner, 4 is banned
    assert_eq!(members(&stage), ["alice", "Bob", "@Eve", "@root"]);
    for (kind, expected) in
        [(2, &["alice", "@Bob", "@Eve", "@root"][..]), (4, &["alice", "@Eve", "@root"])]
    {
        let bob = [
            &[0, 1, 0, 0, 0, 5][..],
            b"Lobby",
            &[0, 2, 0, 0, 0, 3],
            b"Bob",
            &[0, 3, 0, 0, 0, 1, kind],
        ];
        let frame = Frame::new(Command::CHATROOM_USER_STATUS, 0, bob.concat().into()).unwrap();
        stage.session.handle_bytes(stage.now, frame.to_bytes());
        assert_eq!(members(&stage), expected);
    }
}

#[test]
fn what_was_said_before_we_came_is_no_news_and_what_comes_after_is() {
    let mut stage = in_lobby();
    stage.push(room_message("bob", "old", START - 50));
    stage.push(room_message("bob", "new", START + 50));
    assert_eq!(stage.session.state().chats[&lobby()].unread, 1);
    let news: Vec<_> = stage
        .events
        .iter()
        .filter(|event| matches!(event, Event::MessageReceived { .. }))
        .collect();
    assert_eq!(news, [&Event::MessageReceived { chat: lobby(), guid: "new".into() }]);
    // rooms are not acknowledged message by message
    assert!(stage.try_take::<packets::MessageStatusEvent>().is_none());
}

#[test]
fn talking_waits_until_we_are_in_again() {
    let mut stage = in_lobby();
    stage.cut_and_wait();
    assert_eq!(membership(&stage), Membership::Joining);
    stage.act(Action::SendText { chat: lobby(), text: "still here".into() });
    stage.come_online();
    assert!(stage.try_take::<packets::Message>().is_none(), "not before the room has let us in");
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, participants("alice"));
    stage.reply(number, packets::Ok::default());
    let (number, sent) = stage.take::<packets::Message>();
    assert_eq!(sent.destination_type, Some(ChatDestination::CHATROOM));
    stage.reply(number, ok(&sent.guid.unwrap().as_str(), START + 9));
    assert_eq!(stage.messages(&lobby())[0].delivery, Delivery::Sent);
}

#[test]
fn a_full_room_is_told_in_the_servers_words_and_what_waits_for_it_fails() {
    let mut stage = in_lobby();
    stage.cut_and_wait();
    stage.act(Action::SendText { chat: lobby(), text: "hi".into() });
    stage.come_online();
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, error("The room is full."));
    assert_eq!(membership(&stage), Membership::Refused("The room is full.".into()));
    assert_eq!(stage.messages(&lobby())[0].delivery, Delivery::Failed("The room is full.".into()));
}

#[test]
fn leaving_ends_it_also_while_the_connection_is_down() {
    let mut stage = in_lobby();
    stage.act(Action::LeaveRoom { chat: lobby() });
    let (number, _) = stage.take::<packets::LeaveChatroom>();
    stage.reply(number, packets::Ok::default());
    assert_eq!(membership(&stage), Membership::Outside);
    assert!(members(&stage).is_empty());

    let mut stage = in_lobby();
    stage.cut_and_wait();
    stage.act(Action::LeaveRoom { chat: lobby() });
    stage.come_online();
    assert!(stage.try_take::<packets::JoinChatroom>().is_none());
}

#[test]
fn a_room_that_was_left_while_joining_is_left() {
    let mut stage = Stage::online();
    stage.act(Action::JoinRoom { name: "Lobby".into() });
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.act(Action::LeaveRoom { chat: lobby() });
    stage.reply(number, packets::Ok::default());
    assert_eq!(membership(&stage), Membership::Outside);
    assert_eq!(stage.take::<packets::LeaveChatroom>().1.chatroom_name, Some("Lobby".into()));
}

#[test]
fn participants_alone_are_an_answer_to_a_join() {
    let mut stage = Stage::online();
    let action = stage.act(Action::JoinRoom { name: "Lobby".into() });
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, participants("alice;"));
    assert_eq!(stage.outcome(action), Some(Ok(())));
    assert_eq!(membership(&stage), Membership::Inside);
}

#[test]
fn a_room_that_was_left_counts_no_unread_messages() {
    let mut stage = in_lobby();
    stage.push(room_message("bob", "new", START + 50));
    assert_eq!(stage.session.state().unread(), 1);
    stage.act(Action::LeaveRoom { chat: lobby() });
    let (number, _) = stage.take::<packets::LeaveChatroom>();
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.session.state().unread(), 0);
}

#[test]
fn rooms_are_found_page_by_page() {
    let mut stage = Stage::online();
    for page in 1..=2u8 {
        stage.act(Action::SearchRooms { search: "lob".into(), page });
        let (number, asked) = stage.take::<packets::GetChatrooms>();
        assert_eq!((asked.search_string, asked.page), (Some("lob".into()), Some(page)));
        let name = format!("Lobby {page}");
        stage.reply(
            number,
            packets::Chatroom {
                chatroom_name: Some(name.into()),
                participants: Some(3),
                ..Default::default()
            },
        );
        stage.reply(
            number,
            packets::GetChatroomsComplete { number_of_pages: Some(2), ..Default::default() },
        );
    }
    let directory = stage.session.state().directory.clone();
    let names: Vec<&str> = directory.rooms.iter().map(|room| &*room.name).collect();
    assert_eq!((names, directory.page, directory.pages), (vec!["Lobby 1", "Lobby 2"], 2, 2));
}

#[test]
fn a_new_room_is_entered_at_once() {
    let mut stage = Stage::online();
    let action = stage.act(Action::CreateRoom { name: "Lobby".into(), description: "all".into() });
    let (number, _) = stage.take::<packets::CreateChatroom>();
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.outcome(action), None);
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.outcome(action), Some(Ok(())));
}

#[test]
fn a_search_that_finds_nothing_is_answered() {
    let mut stage = Stage::online();
    let action = stage.act(Action::SearchRooms { search: "nowhere".into(), page: 1 });
    let (number, _) = stage.take::<packets::GetChatrooms>();
    stage.reply(
        number,
        packets::GetChatroomsComplete { number_of_pages: Some(0), ..Default::default() },
    );
    assert_eq!(stage.outcome(action), Some(Ok(())));
    let directory = stage.session.state().directory.clone();
    assert_eq!((directory.rooms.len(), directory.page, directory.pages), (0, 1, 1));
    assert!(!directory.loading);
}

#[test]
fn nobody_in_a_room_of_ours_speaks_for_it() {
    let mut stage = in_lobby();
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, packets::EndMessages::default());
    let system = |kind: &str| Some(format!("system/chatroom-{kind}"));
    let gone = r#"{"username":"Bob"}"#;
    let mut before: Option<String> = None;
    for (number, (source, mime_type, content)) in (1..).zip([
        ("lobby", None, "I am the room."),
        ("eve", system("participant-exit"), gone),
        ("eve", system("participant-enter"), r#"{"username":"dave"}"#),
        ("eve", system("announce"), "{}"),
        ("eve", system("announce"), ""),
        ("eve", None, "hello"),
    ]) {
        let guid = format!("m{number}");
        stage.push(packets::Message {
            mime_type: mime_type.as_deref().map(Text::from),
            content: Some(Bytes::copy_from_slice(content.as_bytes())),
            previous_message_guid: before.as_deref().map(Text::from),
            ..room_message(source, &guid, START + number)
        });
        let last = stage.messages(&lobby()).pop().unwrap();
        assert_eq!((&*last.author, last.body), (source, Body::Text(content.into())), "{guid}");
        assert!(stage.try_take::<packets::GetMessages>().is_none(), "{guid}: nothing is missing");
        before = Some(guid);
    }
    assert_eq!(members(&stage), ["alice", "Bob", "@root"]);
}

#[test]
fn what_the_server_left_out_of_a_room_is_fetched() {
    let mut stage = in_lobby();
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, room_message("bob", "m1", START + 1));
    stage.reply(number, packets::EndMessages { messages_sent: Some(1), ..Default::default() });
    let after = |before: &str, message| packets::Message {
        previous_message_guid: Some(before.into()),
        ..message
    };
    stage.push(after("m1", room_message("bob", "m2", START + 2)));
    assert!(stage.try_take::<packets::GetMessages>().is_none());
    stage.push(after("m8", room_message("eve", "m9", START + 9)));
    let (number, asked) = stage.take::<packets::GetMessages>();
    assert_eq!(asked.chat_type, Some(ChatDestination::CHATROOM));
    assert_eq!(asked.oldest_timestamp, Some(START + 3));
    for n in 3..=9 {
        stage.reply(number, room_message("eve", &format!("m{n}"), START + n));
    }
    stage.reply(number, packets::EndMessages { messages_sent: Some(7), ..Default::default() });
    assert_eq!(stage.texts(&lobby()).len(), 9);
}

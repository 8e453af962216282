//! In front of servers that do it otherwise (spec/wire.md section 9).
use bytes::Bytes;
use mig33_client::{
    Action, Body, ChatId, Delivery, Event, Feature, History, Link, Membership, NoticeKind, Presence,
};
use mig33_codec::packets;
use mig33_codec::values::{ChatDestination, ContentType};
use mig33_codec::{Command, Frame, Text};

use crate::stage::{START, Stage, challenge, error, message, text_of};

/// Logged in as alice at a server that gives no token; `sync`: that keeps history.
pub(crate) fn elsewhere(sync: bool) -> Stage {
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.accept();
    log_in_elsewhere(&mut stage, sync);
    stage
}

fn log_in_elsewhere(stage: &mut Stage, sync: bool) {
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, challenge("k3Yf9QzL"));
    let (number, _) = stage.take::<packets::LoginResponse>();
    let supports_chat_sync = sync.then_some(true);
    stage.reply(number, packets::LoginOk { supports_chat_sync, ..Default::default() });
}

fn bob() -> ChatId {
    ChatId::private("bob")
}

pub(crate) fn tea_room() -> ChatId {
    ChatId::room("Tea Room")
}

pub(crate) fn in_tea_room() -> Stage {
    let mut stage = elsewhere(false);
    stage.act(Action::JoinRoom { name: "Tea Room".into() });
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, participants());
    stage
}

pub(crate) fn participants() -> packets::ChatroomParticipants {
    packets::ChatroomParticipants {
        chatroom_name: Some("Tea Room".into()),
        participant_list: Some(mig33_codec::List::from_bytes(Bytes::from_static(
            b"alice\nbob\ncarol",
        ))),
        ..Default::default()
    }
}

/// Bytes of a packet with these blocks, unasked.
fn unasked(command: Command, blocks: &[(u16, &[u8])]) -> Bytes {
    let mut params = Vec::new();
    for (id, content) in blocks {
        params.extend_from_slice(&id.to_be_bytes());
        params.extend_from_slice(&u32::try_from(content.len()).expect("short").to_be_bytes());
        params.extend_from_slice(content);
    }
    Frame::new(command, 0, params.into()).expect("short").to_bytes()
}

/// CHATROOM_NOTIFICATION as others send it.
pub(crate) fn notification(kind: u8, who: &str, text: &str) -> Bytes {
    unasked(
        Command::CHATROOM_NOTIFICATION,
        &[(1, b"Tea Room"), (2, &[kind]), (3, who.as_bytes()), (4, text.as_bytes())],
    )
}

fn membership(stage: &Stage) -> Membership {
    stage.session.state().chats[&tea_room()].room.as_ref().expect("a room").membership.clone()
}

fn room(name: &str) -> packets::Chatroom {
    packets::Chatroom { chatroom_name: Some(Text::from(name)), ..Default::default() }
}

#[test]
fn rooms_that_come_without_a_number_belong_to_the_open_directory() {
    let mut stage = elsewhere(false);
    let action = stage.act(Action::SearchRooms { search: String::new(), page: 1 });
    let (number, _) = stage.take::<packets::GetChatrooms>();
    stage.push(room("Tea Room"));
    stage.reply(number, room("Lobby"));
    stage.reply(number, packets::GetChatroomsComplete::default());
    let directory = stage.session.state().directory.clone();
    let names: Vec<&str> = directory.rooms.iter().map(|room| &*room.name).collect();
    assert_eq!((names, directory.loading), (vec!["Tea Room", "Lobby"], false));
    assert_eq!(stage.outcome(action), Some(Ok(())));
}

#[test]
fn contacts_that_come_without_a_number_belong_to_the_open_list() {
    let mut stage = elsewhere(false);
    let (contacts, _) = stage.take::<packets::GetContacts>();
    let (requests, _) = stage.take::<packets::GetContactRequests>();
    stage.push(packets::Group {
        group_id: Some(4),
        group_name: Some("Friends".into()),
        ..Default::default()
    });
    stage.push(packets::Contact {
        contact_id: Some(7),
        username: Some("Bob".into()),
        presence: Some(Presence::AWAY),
        ..Default::default()
    });
    stage.reply(contacts, packets::GetContactsComplete::default());
    stage.push(packets::ContactRequest { username: Some("eve".into()), ..Default::default() });
    stage.reply(requests, packets::Ok::default());
    let state = stage.session.state();
    assert_eq!(state.contact("bob").map(|bob| bob.presence), Some(Presence::AWAY));
    assert_eq!(state.groups.get(&4).map(|name| &**name), Some("Friends"));
    assert_eq!(state.contact_requests.iter().map(|name| &**name).collect::<Vec<_>>(), ["eve"]);
}

#[test]
fn chats_and_history_that_come_without_a_number_belong_to_what_was_asked() {
    let mut stage = elsewhere(true);
    let (chats, _) = stage.take::<packets::GetChats>();
    stage.push(packets::Chat {
        chat_id: Some("Bob".into()),
        chat_type: Some(ChatDestination::PRIVATE),
        timestamp: Some(START - 1),
        ..Default::default()
    });
    stage.reply(chats, packets::ChatListVersion::default());
    let (history, asked) = stage.take::<packets::GetMessages>();
    assert_eq!(asked.chat_id, Some("Bob".into()));
    stage.sent.clear();
    stage.push(message("Bob", "old", START - 2, None));
    stage.push(message("Bob", "older", START - 1, None));
    stage.push(message("Bob", "live", START + 5, None));
    stage.reply(history, packets::EndMessages { messages_sent: Some(2), ..Default::default() });
    assert_eq!(stage.texts(&bob()), ["old", "older", "live"]);
    assert_eq!(stage.session.state().unread(), 1, "history is no news");
    let news = |event: &&Event| matches!(event, Event::MessageReceived { .. });
    assert_eq!(stage.events.iter().filter(news).count(), 1);
}

#[test]
fn history_of_ours_carries_its_number_and_what_comes_without_is_news() {
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.push(message("bob", "waited", START - 5, None));
    stage.reply(number, packets::EndMessages::default());
    assert_eq!(stage.session.state().unread(), 1);
}

#[test]
fn a_list_that_a_server_does_not_serve_raises_no_alarm() {
    for words in ["Unknown command.", "no"] {
        let mut stage = elsewhere(true);
        for command in [
            stage.take::<packets::GetContacts>().0,
            stage.take::<packets::GetContactRequests>().0,
            stage.take::<packets::GetChats>().0,
        ] {
            stage.reply(command, error(words));
        }
        assert_eq!(stage.session.state().notices.len(), 0, "{words}");
    }
    // one that says nothing at all to it
    let mut stage = elsewhere(false);
    stage.take::<packets::GetContacts>();
    stage.wait(5_000);
    stage.push(packets::Pong::default());
    stage.wait(15_000);
    assert_eq!((stage.session.state().notices.len(), stage.closes), (0, 0));
    // ours serves it: what is wrong there, the person has to know
    let mut stage = Stage::online();
    stage.push(packets::ContactListVersion::default());
    let (number, _) = stage.take::<packets::GetContacts>();
    stage.reply(number, error("Too many requests."));
    assert_eq!(stage.session.state().notices[0].kind, NoticeKind::Problem);
}

#[test]
fn a_message_of_ours_that_comes_back_under_another_guid_is_that_message() {
    let mut stage = elsewhere(false);
    for text in ["hello", "hello", "other"] {
        stage.act(Action::SendText { chat: bob(), text: text.into() });
    }
    let numbers: Vec<u16> = (0..3).map(|_| stage.take::<packets::Message>().0).collect();
    let echo = |guid: &str, text: &'static str, time| packets::Message {
        destination: Some("Bob".into()),
        content: Some(Bytes::from_static(text.as_bytes())),
        ..message("Alice", guid, time, None)
    };
    stage.push(echo("s1", "hello", START + 1));
    stage.reply(numbers[0], packets::Ok::default());
    stage.push(echo("s2", "hello", START + 2));
    stage.push(echo("s3", "other", START + 3));
    stage.reply(numbers[1], packets::Ok::default());
    let shown = stage.messages(&bob());
    let shown: Vec<_> = shown.iter().map(|m| (text_of(m), &*m.guid, m.time)).collect();
    let expected = [("hello", "s1", 1), ("hello", "s2", 2), ("other", "s3", 3)];
    assert_eq!(shown, expected.map(|(text, guid, time)| (text.to_owned(), guid, START + time)));
    // the last one is never answered: it came back, so it arrived
    stage.wait(5_000);
    stage.push(packets::Pong::default());
    stage.wait(15_000);
    for message in stage.messages(&bob()) {
        assert_eq!(message.delivery, Delivery::Sent, "{}", text_of(&message));
    }
    assert!(stage.session.outbox().is_empty());
}

#[test]
fn the_same_words_from_another_session_of_ours_are_a_message_of_their_own() {
    let mut stage = Stage::online();
    stage.act(Action::SendText { chat: bob(), text: "hello".into() });
    let (number, sent) = stage.take::<packets::Message>();
    let other = packets::Message {
        destination: Some("bob".into()),
        content: Some(Bytes::from_static(b"hello")),
        ..message("alice", "from the other", START + 1, None)
    };
    stage.push(other);
    let guid = sent.guid.unwrap();
    stage.reply(number, crate::stage::ok(&guid.as_str(), START + 2));
    let shown = stage.messages(&bob());
    let guids: Vec<&str> = shown.iter().map(|message| &*message.guid).collect();
    assert_eq!(guids, ["from the other", &*guid.as_str()]);
}

#[test]
fn an_echo_that_is_never_answered_was_sent() {
    let mut stage = elsewhere(false);
    stage.act(Action::SendText { chat: bob(), text: "hello".into() });
    let (_, sent) = stage.take::<packets::Message>();
    let guid = sent.guid.unwrap();
    stage.push(packets::Message {
        destination: Some("bob".into()),
        content: sent.content,
        ..message("alice", &guid.as_str(), START + 3, None)
    });
    stage.wait(5_000);
    stage.push(packets::Pong::default());
    stage.wait(15_000);
    assert_eq!(stage.messages(&bob())[0].delivery, Delivery::Sent);
}

#[test]
fn a_name_goes_out_as_it_came_in() {
    let mut stage = elsewhere(false);
    // an address, before anything is known of the room
    stage.act(Action::OpenChat { chat: tea_room() });
    let name = stage.session.state().chats[&ChatId::room("tea room")].name.clone();
    assert_eq!(&*name, "Tea Room");
    stage.act(Action::JoinRoom { name: name.to_string() });
    let (number, join) = stage.take::<packets::JoinChatroom>();
    assert_eq!(join.chatroom_name, Some("Tea Room".into()));
    stage.reply(number, participants());
    stage.act(Action::SendText { chat: ChatId::room("tea room"), text: "hi".into() });
    assert_eq!(stage.take::<packets::Message>().1.destination, Some("Tea Room".into()));
    stage.act(Action::SendText { chat: ChatId::private("Bob"), text: "hi".into() });
    assert_eq!(stage.take::<packets::Message>().1.destination, Some("Bob".into()));
}

#[test]
fn who_is_kicked_by_a_notification_alone_is_out() {
    for kind in [0, 1] {
        let mut stage = in_tea_room();
        stage.arrive(notification(kind, "Carol", "carol was removed"));
        assert_eq!(membership(&stage), Membership::Inside, "somebody else");
        let members = stage.session.state().chats[&tea_room()].room.as_ref().unwrap().members.len();
        assert_eq!(members, 2);

        stage.arrive(notification(kind, "Alice", "bob removed you"));
        assert_eq!(membership(&stage), Membership::Refused("bob removed you".into()));
        let action = stage.act(Action::SendText { chat: tea_room(), text: "why".into() });
        assert!(matches!(stage.outcome(action), Some(Err(_))));
        assert!(stage.try_take::<packets::Message>().is_none());
        stage.cut_and_wait();
        stage.accept();
        log_in_elsewhere(&mut stage, false);
        assert!(stage.try_take::<packets::JoinChatroom>().is_none(), "and it does not go back");
    }
    let mut stage = in_tea_room();
    stage.arrive(notification(0, "alice", ""));
    let Membership::Refused(words) = membership(&stage) else { panic!("out") };
    assert!(!words.is_empty());
}

#[test]
fn who_may_not_talk_and_who_has_rights_follow_notifications() {
    let mut stage = in_tea_room();
    let bob = |stage: &Stage| {
        let room = stage.session.state().chats[&tea_room()].room.clone().unwrap();
        let bob = room.members.get("bob").unwrap();
        (bob.administrator, bob.muted)
    };
    for (kind, expected) in
        [(2, (false, true)), (3, (false, false)), (4, (true, false)), (5, (false, false))]
    {
        stage.arrive(notification(kind, "Bob", "something about bob"));
        assert_eq!(bob(&stage), expected, "kind {kind}");
    }
}

#[test]
fn an_emote_that_holds_the_whole_sentence_does_not_name_its_author_twice() {
    let mut stage = in_tea_room();
    for (guid, content, expected) in [
        ("a", "Bob waves", Body::Emote("waves".into())),
        ("bb", "* bob waves at bobby *", Body::Emote("waves at bobby *".into())),
        ("ccc", "waves", Body::Emote("waves".into())),
        ("dddd", "bobby waves", Body::Emote("bobby waves".into())),
        ("eeeee", "Bob's cat waves", Body::Text("Bob's cat waves".into())),
        ("ffffff", "Slap! carol is hit by Bob.", Body::Text("Slap! carol is hit by Bob.".into())),
    ] {
        stage.push(packets::Message {
            destination_type: Some(ChatDestination::CHATROOM),
            destination: Some("Tea Room".into()),
            content_type: Some(ContentType::EMOTE),
            content: Some(Bytes::from_static(content.as_bytes())),
            ..message("bob", guid, START + guid.len() as u64, None)
        });
        assert_eq!(stage.messages(&tea_room()).last().unwrap().body, expected, "{content}");
    }
}

#[test]
fn a_server_that_wants_the_password_again_does_not_say_that_it_was_wrong() {
    let mut stage = elsewhere(false);
    stage.cut_and_wait();
    stage.accept();
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, challenge("k3Yf9QzL"));
    let (number, _) = stage.take::<packets::LoginResponse>();
    stage.reply(number, error("Wrong password."));
    assert_eq!(stage.session.state().link, Link::Idle);
    let reason = "The server asks for your password again.";
    assert!(stage.events.contains(&Event::LoggedOut { reason: Some(reason.into()) }));
}

fn history(stage: &Stage) -> History {
    stage.session.state().chats[&bob()].history
}

#[test]
fn where_no_history_is_kept_an_empty_chat_is_empty() {
    // opened before the log-in, as from an address
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.act(Action::OpenChat { chat: bob() });
    assert_eq!(history(&stage), History::More);
    stage.accept();
    log_in_elsewhere(&mut stage, false);
    assert_eq!(history(&stage), History::Unkept);
    // and after it
    let mut stage = elsewhere(false);
    stage.act(Action::OpenChat { chat: bob() });
    assert_eq!(history(&stage), History::Unkept);
    assert!(stage.try_take::<packets::GetMessages>().is_none());
}

#[test]
fn history_that_is_refused_is_not_waited_for() {
    for (words, expected) in
        [("Not now.", History::Failed), ("This server does not serve it.", History::Unkept)]
    {
        let mut stage = elsewhere(true);
        // without a list of chats the one that is open is loaded all the same
        stage.act(Action::OpenChat { chat: bob() });
        let (number, _) = stage.take::<packets::GetMessages>();
        assert_eq!(history(&stage), History::Loading);
        stage.reply(number, error(words));
        assert_eq!(history(&stage), expected);
        assert!(stage.try_take::<packets::GetMessages>().is_none(), "not by itself");
    }
    let mut stage = elsewhere(true);
    stage.act(Action::OpenChat { chat: bob() });
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, error("Not now."));
    stage.act(Action::LoadOlder { chat: bob() });
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, packets::EndMessages::default());
    assert_eq!(history(&stage), History::Complete, "the person tries again");
}

#[test]
fn a_chat_is_loaded_also_where_there_is_no_list_of_chats() {
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.act(Action::OpenChat { chat: bob() });
    stage.accept();
    log_in_elsewhere(&mut stage, true);
    let (number, _) = stage.take::<packets::GetChats>();
    stage.reply(number, error("Unknown command."));
    stage.take::<packets::GetMessages>();
}

#[test]
fn what_a_server_does_not_serve_is_known() {
    let mut stage = elsewhere(false);
    let (number, _) = stage.take::<packets::GetContacts>();
    stage.reply(number, error("What?"));
    let unserved = "This server does not serve it.";
    let actions = [
        Action::SearchRooms { search: String::new(), page: 1 },
        Action::CreateRoom { name: "Den".into(), description: String::new() },
        Action::SetPresence(Presence::AWAY),
        Action::SetStatusMessage("hi".into()),
    ];
    for action in actions {
        stage.sent.clear();
        let action = stage.act(action);
        stage.wait(1_000);
        let number = stage.sent[0].transaction;
        stage.reply(number, error(unserved));
        assert_eq!(stage.outcome(action), Some(Err(unserved.into())));
    }
    assert_eq!(
        stage.session.state().unserved,
        [
            Feature::Contacts,
            Feature::Directory,
            Feature::NewRooms,
            Feature::Presence,
            Feature::StatusMessage
        ]
    );
    // a refusal for another reason says nothing about it
    let mut stage = elsewhere(false);
    stage.act(Action::CreateRoom { name: "Den".into(), description: String::new() });
    let (number, _) = stage.take::<packets::CreateChatroom>();
    stage.reply(number, error("There is a room of that name."));
    assert!(stage.session.state().serves(Feature::NewRooms));
    // nor does one that answers nothing, of a command that nobody knows
    stage.push(error("Unknown command 553."));
    assert!(stage.session.state().notices.is_empty());
}

#[test]
fn what_a_list_of_chats_does_not_say_stays_as_it_was() {
    let mut stage = elsewhere(true);
    let (chats, _) = stage.take::<packets::GetChats>();
    let listed = |timestamp| packets::Chat {
        chat_id: Some("Bob".into()),
        chat_type: Some(ChatDestination::PRIVATE),
        timestamp,
        ..Default::default()
    };
    stage.reply(chats, listed(None));
    stage.reply(chats, packets::ChatListVersion::default());
    stage.act(Action::OpenChat { chat: bob() });
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, packets::EndMessages::default());
    stage.push(message("Bob", "a", START + 1, None));
    stage.act(Action::MarkRead { chat: bob(), up_to: "a".into() });
    stage.push(message("Bob", "b", START + 2, Some("a")));
    stage.cut_and_wait();
    stage.accept();
    log_in_elsewhere(&mut stage, true);
    let (chats, _) = stage.take::<packets::GetChats>();
    stage.reply(chats, listed(Some(START + 2)));
    stage.reply(chats, packets::ChatListVersion::default());
    let chat = stage.session.state().chats[&bob()].clone();
    assert_eq!((chat.unread, chat.read_at), (1, Some(START + 1)));
}

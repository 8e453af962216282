//! Messages for who is not there, and again until they are delivered (spec/wire.md section 4).
use mig33_codec::packets::{
    ChatroomParticipants, ChatroomUserStatus, EndMessages, GetMessages, LeaveChatroom, Login,
    Message, MessageStatusEvent, Presence as PresencePacket, SetPresence,
};
use mig33_codec::values::{ChatDestination, ChatUserStatus, Presence, StatusEvent};
use mig33_codec::{Command, Frame};

use crate::harness::{Client, World, guid, in_room, text};

scenarios!(
    offline_messages_come_in_order_until_received,
    a_client_with_tokens_speaks_for_itself,
    what_was_fetched_does_not_come_again,
    what_was_fetched_and_not_written_comes_again,
    many_wait_and_new_ones_come_behind_them,
    a_slow_reader_stays_and_misses_nothing_of_what_is_said_to_it,
    a_room_that_is_too_loud_for_a_reader_is_a_gap_that_it_sees,
    who_comes_and_goes_while_there_is_no_room_is_told_in_the_end,
    each_session_gets_what_waits,
);

async fn received(client: &mut Client, guid: &str) {
    let event = MessageStatusEvent {
        message_destination: Some("alice".into()),
        message_guid: Some(guid.into()),
        message_event_type: Some(StatusEvent::RECEIVED),
        ..MessageStatusEvent::default()
    };
    client.send(event).await;
}

async fn offline_messages_come_in_order_until_received(world: World) {
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    let mut times = Vec::new();
    for n in 0..5 {
        times.push(alice.say("bob", &format!("g{n}"), "x").await.unwrap().value);
    }
    let mut bob = world.session("bob").await;
    for (n, time) in times.into_iter().enumerate() {
        let message: Message = bob.expect().await;
        assert_eq!(guid(&message), format!("g{n}"));
        assert_eq!(message.timestamp, time, "with its own time");
    }
    received(&mut bob, "g0").await;
    received(&mut bob, "g3").await;
    bob.fence().await;
    drop(bob);
    let events: Vec<MessageStatusEvent> = alice
        .fence()
        .await
        .iter()
        .filter(|frame| frame.command == Command::MESSAGE_STATUS_EVENT)
        .map(crate::harness::decode)
        .collect();
    assert_eq!(events.len(), 2);
    let mut bob = world.session("bob").await;
    for wanted in ["g1", "g2", "g4"] {
        assert_eq!(guid(&bob.expect().await), wanted);
        received(&mut bob, wanted).await;
    }
    bob.fence().await;
    assert!(world.session("bob").await.fence().await.is_empty());
}

async fn a_client_with_tokens_speaks_for_itself(world: World) {
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    alice.say("bob", "g1", "x").await.unwrap();
    for _ in 0..2 {
        let mut bob = world.connect();
        let login = Login {
            username: Some("bob".into()),
            resume_token: Some(bytes::Bytes::new().into()),
            ..Login::default()
        };
        bob.log_in_with(login).await;
        bob.expect::<Message>().await;
        assert!(bob.fence().await.is_empty()); // a later packet, and still not its word
    }
}

async fn what_was_fetched_does_not_come_again(world: World) {
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    alice.say("bob", "g1", "x").await.unwrap();
    let mut bob = world.session("bob").await;
    bob.expect::<Message>().await;
    bob.send(GetMessages { chat_id: Some("alice".into()), ..GetMessages::default() }).await;
    bob.expect::<Message>().await;
    bob.fence().await;
    drop(bob);
    assert!(world.session("bob").await.fence().await.is_empty());
}

async fn what_was_fetched_and_not_written_comes_again(world: World) {
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    for n in 0..3 {
        alice.say("bob", &format!("g{n}"), &"x".repeat(5000)).await.unwrap();
    }
    // a stream that holds next to nothing, and a client that breaks off before it has read its answer
    let mut bob = world.connect_from(None, 256);
    bob.log_in("bob").await;
    bob.send(GetMessages { chat_id: Some("alice".into()), ..GetMessages::default() }).await;
    for n in 0..3 {
        assert_eq!(guid(&bob.expect().await), format!("g{n}"));
    }
    assert_eq!(guid(&bob.expect().await), "g0", "the answer begins");
    drop(bob);
    let mut bob = world.session("bob").await;
    for n in 0..3 {
        assert_eq!(guid(&bob.expect().await), format!("g{n}"));
    }
    assert!(alice.fence().await.iter().all(|frame| frame.command != Command::MESSAGE_STATUS_EVENT));
}

async fn many_wait_and_new_ones_come_behind_them(world: World) {
    const MANY: usize = 1000;
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    for n in 0..MANY {
        alice.send(crate::harness::private("bob", &format!("g{n}"), "x")).await;
    }
    alice.fence().await;
    // a stream that holds next to nothing: the service has to wait for its reader
    let mut bob = world.connect_from(None, 256);
    bob.log_in("bob").await;
    let mut got = Vec::new();
    for n in 0..MANY / 2 {
        got.push(guid(&bob.expect().await));
        if n % 100 == 0 {
            alice.say("bob", &format!("new{n}"), "x").await.unwrap();
        }
    }
    got.extend(bob.fence().await.iter().map(|frame| guid(&crate::harness::decode(frame))));
    while got.len() < MANY + MANY / 200 {
        got.push(guid(&bob.expect().await));
    }
    let wanted: Vec<_> = (0..MANY)
        .map(|n| format!("g{n}"))
        .chain((0..MANY / 2).step_by(100).map(|n| format!("new{n}")))
        .collect();
    assert_eq!(got, wanted);
    assert!(bob.fence().await.is_empty());
}

async fn a_slow_reader_stays_and_misses_nothing_of_what_is_said_to_it(_: World) {
    let world = World::with(|settings| settings.limits.outgoing_bytes = 20_000).await;
    let (mut alice, mut bob) = (world.user("alice").await, world.connect_from(None, 1024));
    bob.register("bob").await;
    bob.log_in("bob").await;
    crate::harness::befriend(&mut alice, &mut bob).await;
    let long = "x".repeat(5000);
    for n in 0..20 {
        alice.say("bob", &format!("g{n}"), &long).await.unwrap();
    }
    for n in 0..20 {
        let message: Message = bob.expect().await;
        assert_eq!((guid(&message), text(&message).len()), (format!("g{n}"), 5000));
    }
    assert!(bob.fence().await.is_empty());
    // and goes on as if nothing had been
    alice.say("bob", "last", "x").await.unwrap();
    assert_eq!(guid(&bob.expect().await), "last");
}

/// The messages that come up to and with the one of this guid.
async fn up_to(client: &mut Client, last: &str) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    while messages.last().map(guid).as_deref() != Some(last) {
        messages.push(client.expect().await);
    }
    messages
}

async fn a_room_that_is_too_loud_for_a_reader_is_a_gap_that_it_sees(_: World) {
    let world = World::with(|settings| settings.limits.outgoing_bytes = 20_000).await;
    let (mut alice, mut bob) = (world.user("alice").await, world.connect_from(None, 1024));
    bob.register("bob").await;
    bob.log_in("bob").await;
    alice.join("Lobby").await.unwrap();
    bob.join("Lobby").await.unwrap();
    bob.fence().await;
    let long = "x".repeat(5000);
    for n in 0..20 {
        alice.ask(in_room("Lobby", &format!("g{n}"), &long)).await.unwrap();
    }
    let heard = up_to(&mut bob, "g19").await;
    assert!(heard.len() < 20, "there is room for some of them only");
    let (last, before) = heard.split_last().unwrap();
    for (n, message) in before.iter().enumerate() {
        assert_eq!(guid(message), format!("g{n}"));
    }
    assert_eq!(last.previous_message_guid.clone().unwrap(), "g18", "which it does not know");
    // so it asks for what is between
    let missing = GetMessages {
        chat_id: Some("Lobby".into()),
        chat_type: Some(ChatDestination::CHATROOM),
        oldest_timestamp: before.last().unwrap().timestamp.map(|time| time + 1),
        latest_timestamp: last.timestamp.map(|time| time - 1),
        ..GetMessages::default()
    };
    bob.send(missing).await;
    let (missed, _) = bob.until::<EndMessages>().await;
    let missed: Vec<String> =
        missed.iter().map(|frame| guid(&crate::harness::decode(frame))).collect();
    assert_eq!(missed, (before.len()..19).map(|n| format!("g{n}")).collect::<Vec<_>>());
    // what is said then comes as it happens
    alice.ask(in_room("Lobby", "last", "x")).await.unwrap();
    assert_eq!(guid(&bob.expect().await), "last");
}

async fn who_comes_and_goes_while_there_is_no_room_is_told_in_the_end(_: World) {
    let world = World::with(|settings| settings.limits.outgoing_bytes = 2_000).await;
    let mut bob = world.connect_from(None, 256);
    bob.register("bob").await;
    bob.log_in("bob").await;
    bob.join("Lobby").await.unwrap();
    let mut carol = world.user("carol").await;
    crate::harness::befriend(&mut carol, &mut bob).await;
    for _ in 0..100 {
        carol.join("Lobby").await.unwrap();
        let leave =
            LeaveChatroom { chatroom_name: Some("Lobby".into()), ..LeaveChatroom::default() };
        carol.ask(leave).await.unwrap();
        for presence in [Presence::AWAY, Presence::BUSY] {
            let set = SetPresence { presence: Some(presence), ..SetPresence::default() };
            carol.ask(set).await.unwrap();
        }
    }
    carol.join("Lobby").await.unwrap();
    let mut told = Vec::new();
    while !told.iter().any(|frame: &Frame| frame.command == Command::CONTACT_LIST_VERSION) {
        told.push(bob.frame().await);
    }
    told.extend(bob.fence().await);
    assert!(told.len() < 350, "{} of 401 changes", told.len());
    let shown = told.iter().rfind(|frame| frame.command == Command::PRESENCE).unwrap();
    let shown: PresencePacket = crate::harness::decode(shown);
    assert_eq!(shown.presence, Some(Presence::BUSY));
    // who is in the room is told whole, and by what changes after that
    let at = |command| told.iter().rposition(|frame| frame.command == command);
    let whole = at(Command::CHATROOM_PARTICIPANTS).expect("the room as it is then");
    let packet: ChatroomParticipants = crate::harness::decode(&told[whole]);
    let mut members = packet.participant_list.unwrap().entries();
    for frame in told[whole..].iter().filter(|frame| frame.command == Command::CHATROOM_USER_STATUS)
    {
        let change: ChatroomUserStatus = crate::harness::decode(frame);
        members.retain(|name| name != "carol");
        if change.status == Some(ChatUserStatus::JOINED) {
            members.push("carol".into());
        }
    }
    assert_eq!(members, ["bob", "carol"]);
}

async fn each_session_gets_what_waits(world: World) {
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    alice.say("bob", "g1", "x").await.unwrap();
    let (mut one, mut two) = (world.session("bob").await, world.session("bob").await);
    assert_eq!(guid(&one.expect().await), "g1");
    assert_eq!(guid(&two.expect().await), "g1");
    received(&mut one, "g1").await;
    one.fence().await;
    assert!(world.session("bob").await.fence().await.is_empty());
}

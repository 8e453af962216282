//! Private messages: stored, answered, passed on (spec/wire.md section 4).
use bytes::Bytes;
use mig33_codec::Command;
use mig33_codec::packets::{GetMessages, LoginOk, Message, MessageStatusEvent, SetPermission};
use mig33_codec::values::{ChatDestination, ContentType, MessageType, Permission, StatusEvent};

use crate::harness::{START, World, decode, guid, picture, private, text};

scenarios!(
    a_message_comes_with_what_the_server_knows,
    the_same_guid_is_one_message_and_one_answer,
    times_grow_within_a_chat_though_the_clock_stands,
    strangers_and_nobody_get_the_same_error,
    blocked_ones_cannot_write,
    everybody_may_write_where_the_settings_say_so,
    kinds_of_content,
    nobody_speaks_as_the_server,
    a_message_without_a_guid_gets_one,
    receipts_and_typing_reach_the_writer,
    receipts_are_not_for_who_was_blocked_or_removed,
);

async fn a_message_comes_with_what_the_server_knows(world: World) {
    let (mut alice, mut bob) = world.friends("Alice", "Bob").await;
    let mut other_alice = world.session("alice").await;
    let mut other_bob = world.session("bob").await;
    other_alice.fence().await;
    other_bob.fence().await;
    let forged = Message {
        source: Some("mallory".into()),
        timestamp: Some(1),
        ..private("BOB", "g1", "hello")
    };
    let ok = alice.ask(forged).await.unwrap();
    assert_eq!(ok.text.unwrap(), "g1");
    let time = ok.value.unwrap();
    assert!(time >= START);
    alice.say("bob", "g2", "again").await.unwrap();
    for client in [&mut bob, &mut other_bob, &mut other_alice] {
        let frames = client.fence().await;
        let messages: Vec<Message> =
            frames.iter().filter(|frame| frame.command == Command::MESSAGE).map(decode).collect();
        assert_eq!(messages.len(), 2, "{}", client.name);
        let first = &messages[0];
        assert_eq!(first.source.clone().unwrap(), "Alice");
        assert_eq!(first.destination.clone().unwrap(), "Bob");
        assert_eq!(first.destination_type, Some(ChatDestination::PRIVATE));
        assert_eq!(first.message_type, Some(MessageType::MIG33));
        assert_eq!(first.content_type, Some(ContentType::TEXT));
        assert_eq!((text(first), guid(first)), ("hello".into(), "g1".into()));
        assert_eq!((first.timestamp, first.previous_message_guid.clone()), (Some(time), None));
        assert_eq!(messages[1].previous_message_guid.clone().unwrap(), "g1");
    }
    assert!(alice.all::<MessageStatusEvent>().await.len() <= 4, "no copy of one's own message");
}

async fn the_same_guid_is_one_message_and_one_answer(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let ok = alice.say("bob", "g1", "hello").await.unwrap();
    bob.expect::<Message>().await;
    world.clock.pass(5000);
    assert_eq!(alice.say("bob", "g1", "hello").await.unwrap(), ok);
    assert_eq!(world.session("alice").await.say("bob", "g1", "hello").await.unwrap(), ok);
    // the other one's guids are another matter
    let theirs = bob.say("alice", "g1", "hello yourself").await.unwrap();
    assert_ne!(theirs.value, ok.value);
    // a retry of what was accepted stays accepted
    let block = SetPermission {
        username: Some("alice".into()),
        permission: Some(Permission::BLOCK),
        ..SetPermission::default()
    };
    bob.ask(block).await.unwrap();
    assert_eq!(alice.say("bob", "g1", "hello").await.unwrap(), ok);
    assert!(alice.say("bob", "g2", "hello?").await.is_err());
    let news = bob.fence().await;
    assert!(news.iter().all(|frame| frame.command != mig33_codec::Command::MESSAGE));
}

async fn times_grow_within_a_chat_though_the_clock_stands(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut times = Vec::new();
    for n in 0..20 {
        let from = if n % 2 == 0 { &mut alice } else { &mut bob };
        let to = if n % 2 == 0 { "bob" } else { "alice" };
        times.push(from.say(to, &format!("g{n}"), "x").await.unwrap().value.unwrap());
    }
    assert!(times.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{times:?}");
    world.clock.pass(10_000);
    assert_eq!(alice.say("bob", "last", "x").await.unwrap().value, Some(START + 10_000));
}

async fn strangers_and_nobody_get_the_same_error(world: World) {
    let mut alice = world.user("alice").await;
    let mut bob = world.user("bob").await;
    let errors = [
        alice.say("bob", "g1", "x").await.unwrap_err(),
        alice.say("nobody", "g2", "x").await.unwrap_err(),
        alice.say("alice", "g3", "x").await.unwrap_err(),
        alice.say("", "g4", "x").await.unwrap_err(),
    ];
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    assert!(bob.fence().await.is_empty());
}

async fn blocked_ones_cannot_write(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let set = |name: &str, permission| SetPermission {
        username: Some(name.into()),
        permission: Some(permission),
        ..SetPermission::default()
    };
    bob.ask(set("alice", Permission::BLOCK)).await.unwrap();
    let error = alice.say("bob", "g1", "x").await.unwrap_err();
    assert_eq!(error, alice.say("nobody", "g2", "x").await.unwrap_err());
    assert!(bob.say("alice", "g3", "x").await.is_err());
    bob.ask(set("alice", Permission::ALLOW)).await.unwrap();
    alice.say("bob", "g1", "x").await.unwrap();
    assert!(
        bob.ask(set("alice", Permission(9))).await.unwrap_err().contains("block 2 (permission)")
    );
}

async fn everybody_may_write_where_the_settings_say_so(_: World) {
    let world = World::with(|settings| settings.open_messages = true).await;
    let told = |ok: LoginOk| ok.features.unwrap().entries().contains(&"strangers".to_owned());
    let mut carol = world.connect();
    carol.register("carol").await;
    assert!(told(carol.log_in("carol").await));
    let (mut alice, mut bob) = (world.user("alice").await, world.user("bob").await);
    alice.say("bob", "g1", "hello stranger").await.unwrap();
    assert_eq!(bob.all::<Message>().await.len(), 1);
    let block = SetPermission {
        username: Some("alice".into()),
        permission: Some(Permission::BLOCK),
        ..SetPermission::default()
    };
    bob.ask(block).await.unwrap();
    assert!(alice.say("bob", "g2", "x").await.is_err());
}

async fn kinds_of_content(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let of = |kind: u16, content: &'static [u8]| Message {
        content_type: Some(ContentType(kind)),
        content: Some(Bytes::from_static(content)),
        file_name: Some("x.png".into()),
        mime_type: Some("image/png".into()),
        guid: Some(format!("g{kind}").into()),
        ..private("bob", "", "")
    };
    alice.ask(of(6, b"waves")).await.unwrap();
    let big = picture(300_000);
    alice.ask(Message { content: Some(big.clone()), ..of(2, b"") }).await.unwrap();
    for (kind, content, block) in [(5, &b"http://evil"[..], 6), (9, b"x", 6), (1, b"", 8)] {
        let error = alice.ask(of(kind, content)).await.unwrap_err();
        assert!(error.contains(&format!("block {block}")), "{error}");
    }
    let long = "x".repeat(8193);
    assert!(alice.say("bob", "g", &long).await.unwrap_err().contains("block 8 (content)"));
    alice.say("bob", "g", &long[..8192]).await.unwrap();
    let got: Vec<Message> = bob.all().await;
    assert_eq!(got.len(), 3);
    assert_eq!(got[0].content_type, Some(ContentType::EMOTE));
    assert_eq!(got[1].content, Some(big));
    assert_eq!(got[1].mime_type.clone().unwrap(), "image/png");
    assert_eq!(got[1].file_name.clone().unwrap(), "x.png");
}

async fn nobody_speaks_as_the_server(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let kinds = [
        ("system/chatroom-participant-exit", None),
        (" System/x", None),
        ("system", Some("system")),
        ("text/x-system/", Some("text/x-system/")),
    ];
    for (n, (kind, _)) in kinds.into_iter().enumerate() {
        let of_type =
            Message { mime_type: Some(kind.into()), ..private("bob", &format!("g{n}"), "{}") };
        alice.ask(of_type).await.unwrap();
    }
    let got: Vec<Message> = bob.all().await;
    let told =
        got.iter().map(|message| message.mime_type.as_ref().map(|kind| kind.as_str().into_owned()));
    assert_eq!(told.collect::<Vec<_>>(), kinds.map(|(_, kept)| kept.map(str::to_owned)));
}

async fn a_message_without_a_guid_gets_one(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let given =
        alice.ask(Message { guid: None, ..private("bob", "", "hi") }).await.unwrap().text.unwrap();
    let got: Message = bob.expect().await;
    assert_eq!(got.guid, Some(given.clone()));
    assert_eq!(given.len(), 36);
    assert!(alice.say("bob", "no spaces", "x").await.is_err());
}

async fn receipts_and_typing_reach_the_writer(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut other_bob = world.session("bob").await;
    alice.say("bob", "g1", "hello").await.unwrap();
    let event = |kind| MessageStatusEvent {
        message_destination: Some("alice".into()),
        message_guid: Some("g1".into()),
        message_event_type: Some(kind),
        ..MessageStatusEvent::default()
    };
    bob.send(event(StatusEvent::COMPOSING)).await;
    bob.expect::<Message>().await;
    for kind in [StatusEvent::RECEIVED, StatusEvent::RECEIVED, StatusEvent::READ, StatusEvent::READ]
    {
        bob.send(event(kind)).await;
    }
    assert!(bob.fence().await.is_empty(), "events have no answer");
    let events: Vec<MessageStatusEvent> = alice.all().await;
    let kinds: Vec<_> = events.iter().map(|event| event.message_event_type.unwrap()).collect();
    assert_eq!(
        kinds,
        [StatusEvent::COMPOSING, StatusEvent::RECEIVED, StatusEvent::READ],
        "each once"
    );
    for event in &events {
        assert_eq!(event.message_source.clone().unwrap(), "bob");
        assert_eq!(event.message_destination.clone().unwrap(), "alice");
    }
    assert_eq!(events[2].message_guid.clone().unwrap(), "g1");
    assert_eq!(events[2].message_timestamp, Some(START));
    // one's other session counts what is unread, too
    let (_, event) = other_bob.until::<MessageStatusEvent>().await;
    assert_eq!(event.message_event_type, Some(StatusEvent::READ));
    let bad = MessageStatusEvent {
        message_event_type: Some(StatusEvent(9)),
        message_destination: Some("alice".into()),
        ..MessageStatusEvent::default()
    };
    assert!(bob.ask(bad).await.unwrap_err().contains("block 6"));
}

async fn receipts_are_not_for_who_was_blocked_or_removed(world: World) {
    let event = |kind, guid: &str| MessageStatusEvent {
        message_destination: Some("alice".into()),
        message_guid: Some(guid.into()),
        message_event_type: Some(kind),
        ..MessageStatusEvent::default()
    };
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut other_bob = world.session("bob").await;
    // once it has said that something was received, nothing counts without its word
    bob.send(event(StatusEvent::RECEIVED, "none")).await;
    for n in 0..4 {
        alice.say("bob", &format!("g{n}"), "hello").await.unwrap();
    }
    let block = SetPermission {
        username: Some("alice".into()),
        permission: Some(Permission::BLOCK),
        ..SetPermission::default()
    };
    bob.ask(block.clone()).await.unwrap();
    alice.fence().await;
    bob.send(event(StatusEvent::RECEIVED, "g0")).await;
    bob.fence().await;
    bob.send(event(StatusEvent::READ, "g1")).await;
    bob.fence().await;
    bob.ask(SetPermission { permission: Some(Permission::ALLOW), ..block }).await.unwrap();
    let id = bob.contacts().await[0].1;
    let remove = mig33_codec::packets::RemoveContact { contact_id: Some(id), ..Default::default() };
    bob.ask(remove).await.unwrap();
    bob.send(event(StatusEvent::RECEIVED, "g2")).await;
    bob.fence().await;
    bob.send(event(StatusEvent::READ, "g3")).await;
    bob.fence().await;
    let is_event = |frame: &&mig33_codec::Frame| frame.command == Command::MESSAGE_STATUS_EVENT;
    assert_eq!(alice.fence().await.iter().filter(is_event).count(), 0);
    // one's own sessions count on, nothing waits any more, and history tells the writer nothing either
    assert_eq!(other_bob.fence().await.iter().filter(is_event).count(), 2);
    let mut again = world.session("bob").await;
    assert!(again.fence().await.iter().all(|frame| frame.command != Command::MESSAGE));
    alice.send(GetMessages { chat_id: Some("bob".into()), ..GetMessages::default() }).await;
    for _ in 0..4 {
        assert_eq!(alice.expect::<Message>().await.status, None);
    }
}

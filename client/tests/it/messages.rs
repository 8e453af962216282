//! Private messages: sent once, shown once, whatever the connection does.
use bytes::Bytes;
use mig33_client::{Action, Body, ChatId, Delivery, Event};
use mig33_codec::packets;
use mig33_codec::values::{ChatDestination, ContentType, StatusEvent};

use crate::stage::{START, Stage, error, message, ok};

fn bob() -> ChatId {
    ChatId::private("Bob")
}

fn say(stage: &mut Stage, text: &str) {
    stage.act(Action::SendText { chat: bob(), text: text.into() });
}

#[test]
fn a_message_is_shown_at_once_and_takes_the_servers_time() {
    let mut stage = Stage::online();
    say(&mut stage, "hello");
    assert_eq!(stage.messages(&bob())[0].delivery, Delivery::Sending);
    let (number, sent) = stage.take::<packets::Message>();
    assert_eq!(sent.content, Some(Bytes::from_static(b"hello")));
    assert_eq!(sent.destination_type, Some(ChatDestination::PRIVATE));
    assert_eq!(sent.content_type, Some(ContentType::TEXT));
    let guid = sent.guid.unwrap();
    assert_eq!(guid.len(), 36);
    assert_eq!(&guid.as_str()[14..15], "4");
    stage.reply(number, ok(&guid.as_str(), START + 77));
    let [shown] = &stage.messages(&bob())[..] else { panic!("one") };
    assert_eq!((shown.time, &shown.delivery), (START + 77, &Delivery::Sent));
}

#[test]
fn what_was_not_acknowledged_is_sent_again_with_the_same_guid_in_order() {
    let mut stage = Stage::online();
    for text in ["one", "two", "three"] {
        say(&mut stage, text);
    }
    let (number, first) = stage.take::<packets::Message>();
    stage.reply(number, ok(&first.guid.clone().unwrap().as_str(), START + 1));
    let guids: Vec<_> =
        [stage.take::<packets::Message>().1, stage.take().1].map(|sent| sent.guid).to_vec();
    stage.cut_and_wait();
    say(&mut stage, "four"); // while it is down
    stage.come_online();
    let again: Vec<packets::Message> = (0..3).map(|_| stage.take().1).collect();
    assert_eq!(
        again.iter().map(|sent| sent.content.clone().unwrap()).collect::<Vec<_>>(),
        ["two", "three", "four"]
    );
    assert_eq!(again[..2].iter().map(|sent| sent.guid.clone()).collect::<Vec<_>>(), guids);
    assert!(stage.try_take::<packets::Message>().is_none());
    assert_eq!(stage.texts(&bob()), ["one", "two", "three", "four"]);
}

#[test]
fn what_waits_survives_a_reload() {
    let mut stage = Stage::online();
    say(&mut stage, "one");
    let guid = stage.take::<packets::Message>().1.guid;
    stage.cut();
    say(&mut stage, "/me waves");
    let kept = stage.session.outbox();

    let mut stage = Stage::new();
    stage.session.restore_outbox(kept);
    stage.session.log_in_with_token(stage.now, "alice", Bytes::from_static(b"token"));
    stage.come_online();
    let sent = stage.take::<packets::Message>().1;
    assert_eq!((sent.content.as_deref(), sent.guid), (Some(&b"one"[..]), guid));
    assert_eq!(stage.take::<packets::Message>().1.content.as_deref(), Some(&b"/me waves"[..]));
    assert_eq!(stage.messages(&bob()).len(), 2);
}

#[test]
fn what_is_written_after_a_reload_before_the_log_in_waits_as_well() {
    let mut stage = Stage::new();
    stage.session.log_in_with_token(stage.now, "alice", Bytes::from_static(b"token"));
    say(&mut stage, "quick");
    assert_eq!(stage.texts(&bob()), ["quick"]);
    assert!(!stage.session.outbox().is_empty());
    stage.come_online();
    assert_eq!(stage.take::<packets::Message>().1.content.as_deref(), Some(&b"quick"[..]));
}

#[test]
fn a_refused_message_is_not_sent_by_itself_after_a_reload() {
    let mut stage = Stage::online();
    say(&mut stage, "one");
    let (number, _) = stage.take::<packets::Message>();
    stage.reply(number, error("Not a contact."));
    let kept = stage.session.outbox();
    let mut stage = Stage::new();
    stage.session.restore_outbox(kept);
    stage.session.log_in_with_token(stage.now, "alice", Bytes::from_static(b"token"));
    stage.come_online();
    assert!(stage.try_take::<packets::Message>().is_none());
    assert!(matches!(stage.messages(&bob())[0].delivery, Delivery::Failed(_)));
}

#[test]
fn who_has_read_what_is_told_apart_also_where_the_message_is_not_loaded() {
    let mut stage = Stage::online();
    stage.push(message("Bob", "m1", START + 5, None));
    let read = |who: &str, whose: &str| packets::MessageStatusEvent {
        message_source: Some(who.into()),
        message_destination: Some(whose.into()),
        message_guid: Some("not loaded".into()),
        message_event_type: Some(StatusEvent::READ),
        ..Default::default()
    };
    stage.push(read("Bob", "alice"));
    assert_eq!(stage.session.state().unread(), 1, "he has read ours, not we his");
    stage.push(read("Alice", "Bob"));
    assert_eq!(stage.session.state().unread(), 0, "read in another session of ours");
}

#[test]
fn nothing_waits_when_all_is_sent() {
    let mut stage = Stage::online();
    assert!(stage.session.outbox().is_empty());
    say(&mut stage, "one");
    assert!(!stage.session.outbox().is_empty());
    let (number, sent) = stage.take::<packets::Message>();
    stage.reply(number, ok(&sent.guid.unwrap().as_str(), START));
    assert!(stage.session.outbox().is_empty());
}

#[test]
fn a_refused_message_stays_and_can_be_sent_again_or_thrown_away() {
    let mut stage = Stage::online();
    say(&mut stage, "one");
    let (number, sent) = stage.take::<packets::Message>();
    stage.reply(number, error("Not a contact."));
    let guid = stage.messages(&bob())[0].guid.clone();
    assert_eq!(stage.messages(&bob())[0].delivery, Delivery::Failed("Not a contact.".into()));

    stage.act(Action::Retry { chat: bob(), guid: guid.clone() });
    let (number, again) = stage.take::<packets::Message>();
    assert_eq!(again.guid, sent.guid);
    stage.reply(number, error("Not a contact."));
    stage.act(Action::Discard { chat: bob(), guid });
    assert!(stage.messages(&bob()).is_empty());
}

#[test]
fn no_answer_in_time_is_a_failure_that_can_be_retried() {
    let mut stage = Stage::online();
    say(&mut stage, "one");
    stage.take::<packets::Message>();
    stage.wait(5_000);
    stage.push(packets::Pong::default()); // the connection lives
    stage.wait(15_000);
    assert_eq!(
        stage.messages(&bob())[0].delivery,
        Delivery::Failed("The server did not answer in time.".into())
    );
    assert_eq!(stage.closes, 0);
}

#[test]
fn an_arrival_is_shown_once_acknowledged_each_time_and_counted_once() {
    let mut stage = Stage::online();
    for _ in 0..2 {
        stage.push(message("Bob", "m1", START + 5, None));
        let (_, status) = stage.take::<packets::MessageStatusEvent>();
        assert_eq!(status.message_event_type, Some(StatusEvent::RECEIVED));
        assert_eq!(
            (status.message_guid, status.message_source),
            (Some("m1".into()), Some("Bob".into()))
        );
        assert_eq!(status.message_destination, Some("alice".into()));
    }
    let chat = &stage.session.state().chats[&bob()];
    assert_eq!((chat.messages.len(), chat.unread, &*chat.name), (1, 1, "Bob"));
    let news =
        stage.events.iter().filter(|event| matches!(event, Event::MessageReceived { .. })).count();
    assert_eq!(news, 1);
}

#[test]
fn reading_tells_the_author_once() {
    let mut stage = Stage::online();
    stage.push(message("Bob", "m1", START + 5, None));
    stage.push(message("Bob", "m2", START + 6, Some("m1")));
    stage.sent.clear();
    stage.act(Action::MarkRead { chat: bob(), up_to: "m2".into() });
    stage.act(Action::MarkRead { chat: bob(), up_to: "m2".into() });
    let (_, status) = stage.take::<packets::MessageStatusEvent>();
    assert_eq!(
        (status.message_event_type, status.message_guid),
        (Some(StatusEvent::READ), Some("m2".into()))
    );
    assert!(stage.try_take::<packets::MessageStatusEvent>().is_none());
    assert_eq!(stage.session.state().unread(), 0);
}

#[test]
fn what_nobody_would_see_is_not_sent_and_indentation_stays() {
    let mut stage = Stage::online();
    for text in ["", " \n\t", "\u{200b}", "\u{2800}\u{2800}", "\u{7}", "\u{feff}\u{200d}\u{fe0f}"] {
        say(&mut stage, text);
        assert!(stage.try_take::<packets::Message>().is_none(), "{text:?}");
    }
    say(&mut stage, "    indented\nnot");
    let sent = stage.take::<packets::Message>().1;
    assert_eq!(sent.content.as_deref(), Some("    indented\nnot".as_bytes()));
}

#[test]
fn what_was_not_on_the_screen_is_not_read() {
    let mut stage = Stage::online();
    for (number, guid) in ["m0", "m1", "m2", "m3"].iter().enumerate().skip(1) {
        let previous = ["m0", "m1", "m2"].get(number - 1).copied().filter(|guid| *guid != "m0");
        stage.push(message("Bob", guid, START + number as u64, previous));
    }
    stage.sent.clear();
    let read = |stage: &mut Stage, guid: &str| {
        stage.act(Action::MarkRead { chat: bob(), up_to: guid.into() });
        stage.try_take::<packets::MessageStatusEvent>().and_then(|(_, told)| told.message_guid)
    };
    assert_eq!(read(&mut stage, "m2"), Some("m2".into()));
    assert_eq!(stage.session.state().unread(), 1);
    let first = stage.session.state().chats[&bob()].first_unread().map(|first| first.guid.clone());
    assert_eq!(first.as_deref(), Some("m3"));
    assert_eq!(read(&mut stage, "m1"), None, "it is read already");
    assert_eq!(read(&mut stage, "m3"), Some("m3".into()));
    assert_eq!(stage.session.state().unread(), 0);
}

#[test]
fn how_far_is_read_is_told_before_receipts_and_once_where_it_had_to_wait() {
    let mut stage = Stage::online();
    let guid = |number: u64| format!("m{number}");
    for number in 1..=100 {
        let previous = Some(guid(number - 1)).filter(|_| number > 1);
        stage.push(message("Bob", &guid(number), START + number, previous.as_deref()));
    }
    stage.sent.clear();
    for number in [50, 60, 100] {
        stage.act(Action::MarkRead { chat: bob(), up_to: guid(number).into() });
    }
    stage.wait(100);
    let (_, told) = stage.take::<packets::MessageStatusEvent>();
    assert_eq!(told.message_event_type, Some(StatusEvent::READ));
    assert_eq!(told.message_guid, Some("m100".into()));
    stage.wait(100);
    let (_, next) = stage.take::<packets::MessageStatusEvent>();
    assert_eq!(next.message_event_type, Some(StatusEvent::RECEIVED));
}

#[test]
fn what_was_read_elsewhere_is_read_up_to_there() {
    let mut stage = Stage::online();
    stage.push(message("Bob", "m1", START + 1, None));
    stage.push(message("Bob", "m2", START + 2, Some("m1")));
    let read = |guid: &str, time| packets::MessageStatusEvent {
        message_source: Some("alice".into()),
        message_destination: Some("Bob".into()),
        message_guid: Some(guid.into()),
        message_event_type: Some(StatusEvent::READ),
        message_timestamp: time,
        ..Default::default()
    };
    stage.push(read("m0", Some(START - 5))); // one that is not loaded
    assert_eq!(stage.session.state().unread(), 2);
    stage.push(read("m1", Some(START + 1)));
    assert_eq!(stage.session.state().unread(), 1);
    stage.push(read("gone", None)); // of a server that does not say when
    assert_eq!(stage.session.state().unread(), 0);
}

#[test]
fn what_happens_to_our_messages_is_shown_and_reading_elsewhere_counts_here() {
    let mut stage = Stage::online();
    let mut guids = Vec::new();
    for text in ["one", "two"] {
        say(&mut stage, text);
        let (number, sent) = stage.take::<packets::Message>();
        let guid = sent.guid.unwrap();
        stage.reply(number, ok(&guid.as_str(), START + guids.len() as u64));
        guids.push(guid);
    }
    let status = |guid: &mig33_codec::Text, event| packets::MessageStatusEvent {
        message_guid: Some(guid.clone()),
        message_event_type: Some(event),
        ..Default::default()
    };
    stage.push(status(&guids[0], StatusEvent::RECEIVED));
    let deliveries =
        |stage: &Stage| stage.messages(&bob()).into_iter().map(|m| m.delivery).collect::<Vec<_>>();
    assert_eq!(deliveries(&stage), [Delivery::Received, Delivery::Sent]);
    stage.push(status(&guids[1], StatusEvent::READ));
    assert_eq!(deliveries(&stage), [Delivery::Read, Delivery::Read]);

    stage.push(message("Bob", "m1", START + 9, None));
    assert_eq!(stage.session.state().unread(), 1);
    stage.push(status(&"m1".into(), StatusEvent::READ));
    assert_eq!(stage.session.state().unread(), 0);
}

#[test]
fn our_own_message_from_another_session_stands_in_the_same_chat() {
    let mut stage = Stage::online();
    let own =
        packets::Message { destination: Some("Bob".into()), ..message("ALICE", "m1", START, None) };
    stage.push(own);
    let [shown] = &stage.messages(&bob())[..] else { panic!("one") };
    assert!(shown.own);
    assert_eq!(stage.session.state().unread(), 0);
}

#[test]
fn a_servers_echo_is_the_acknowledgement_where_no_ok_comes() {
    let mut stage = Stage::online();
    say(&mut stage, "one");
    let (_, sent) = stage.take::<packets::Message>();
    let echo = packets::Message {
        destination: Some("bob".into()),
        ..message("alice", &sent.guid.unwrap().as_str(), START + 3, None)
    };
    stage.push(echo);
    let [shown] = &stage.messages(&bob())[..] else { panic!("one") };
    assert_eq!((shown.time, &shown.delivery), (START + 3, &Delivery::Sent));
}

#[test]
fn emotes_pictures_and_what_is_unknown_are_read_as_such() {
    let mut stage = Stage::online();
    let of = |guid: &str, kind: u16, content: &'static str| packets::Message {
        content_type: Some(ContentType(kind)),
        content: Some(Bytes::from_static(content.as_bytes())),
        mime_type: (kind == 2).then(|| "image/png".into()),
        file_name: (kind == 2).then(|| "harbour.png".into()),
        ..message("bob", guid, START + guid.len() as u64, None)
    };
    for packet in [
        of("a", 1, "/me waves"),
        of("bb", 6, "waves"),
        of("ccc", 2, "png"),
        of("dddd", 5, "http://x/p"),
        of("eeeee", 9, "?"),
    ] {
        stage.push(packet);
    }
    let bodies: Vec<Body> =
        stage.messages(&bob()).into_iter().map(|message| message.body).collect();
    let picture = Body::Picture {
        mime_type: "image/png".into(),
        file_name: Some("harbour.png".into()),
        bytes: Bytes::from_static(b"png"),
    };
    let emote = || Body::Emote("waves".into());
    assert_eq!(
        bodies,
        [emote(), emote(), picture, Body::PictureAt("http://x/p".into()), Body::Other(9)]
    );
}

#[test]
fn a_picture_goes_out_under_its_name() {
    let mut stage = Stage::online();
    let long = "ä".repeat(200);
    for (name, expected) in [("a.png", Some("a.png")), ("", None), (&long, Some(&long[..254]))] {
        stage.act(Action::SendPicture {
            chat: bob(),
            mime_type: "image/png".into(),
            file_name: name.into(),
            bytes: Bytes::from_static(b"png"),
        });
        let (_, sent) = stage.take::<packets::Message>();
        let told = sent.file_name.as_ref().map(|name| name.as_str().into_owned());
        assert_eq!(told.as_deref(), expected);
        assert_eq!(sent.content.as_deref(), Some(&b"png"[..]));
    }
}

#[test]
fn too_much_and_nothing_are_refused_here() {
    let mut stage = Stage::online();
    for (text, words) in [(" \n".into(), "nothing"), ("x".repeat(8 * 1024 + 1), "8 KiB")] {
        let action = stage.act(Action::SendText { chat: bob(), text });
        let Some(Err(told)) = stage.outcome(action) else { panic!("refused") };
        assert!(told.contains(words), "{told}");
    }
    assert!(stage.sent.is_empty());
}

#[test]
fn how_far_our_messages_got_comes_with_the_history() {
    let own = |guid: &str, time, status| packets::Message {
        destination: Some("bob".into()),
        status,
        ..message("alice", guid, time, None)
    };
    let mut stage = Stage::online();
    stage.act(Action::OpenChat { chat: bob() });
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, own("m1", START + 1, Some(StatusEvent::READ)));
    stage.reply(number, own("m2", START + 2, Some(StatusEvent::RECEIVED)));
    stage.reply(number, own("m3", START + 3, None));
    // of somebody else's it says nothing to us
    let theirs = packets::Message {
        status: Some(StatusEvent::READ),
        ..message("bob", "m4", START + 4, None)
    };
    stage.reply(number, theirs);
    stage.reply(number, packets::EndMessages { messages_sent: Some(4), ..Default::default() });
    let deliveries =
        |stage: &Stage| stage.messages(&bob()).into_iter().map(|m| m.delivery).collect::<Vec<_>>();
    assert_eq!(
        deliveries(&stage),
        [Delivery::Read, Delivery::Received, Delivery::Sent, Delivery::Sent]
    );

    // what was read while the connection was down is told by nothing else
    stage.cut_and_wait();
    stage.accept();
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, crate::stage::login_ok());
    let (number, _) = stage.take::<packets::GetChats>();
    let chat = packets::Chat {
        chat_id: Some("bob".into()),
        chat_type: Some(ChatDestination::PRIVATE),
        timestamp: Some(START + 4),
        ..Default::default()
    };
    stage.reply(number, chat);
    stage.reply(number, packets::ChatListVersion::default());
    let (number, asked) = stage.take::<packets::GetMessages>();
    assert_eq!(asked.oldest_timestamp, Some(START + 5), "what is new comes first");
    stage.reply(number, packets::EndMessages::default());
    let (number, asked) = stage.take::<packets::GetMessages>();
    assert_eq!(
        (asked.oldest_timestamp, asked.latest_timestamp),
        (Some(START + 2), Some(START + 4))
    );
    stage.reply(number, own("m2", START + 2, Some(StatusEvent::READ)));
    stage.reply(number, own("m3", START + 3, Some(StatusEvent::READ)));
    stage.reply(number, packets::EndMessages { messages_sent: Some(2), ..Default::default() });
    assert_eq!(deliveries(&stage)[..3], [Delivery::Read, Delivery::Read, Delivery::Read]);
}

#[test]
fn what_has_the_time_of_what_was_read_can_be_read() {
    let mut stage = Stage::online();
    let bob = ChatId::private("bob");
    for guid in ["a", "b"] {
        stage.push(message("bob", guid, START + 1, None));
        assert_eq!(stage.session.state().unread(), 1, "{guid}");
        stage.act(Action::MarkRead { chat: bob.clone(), up_to: guid.into() });
        assert_eq!(stage.session.state().unread(), 0, "{guid}");
    }
}

#[test]
fn what_stands_before_our_own_of_a_clock_ahead_can_be_read() {
    let mut stage = Stage::online();
    let bob = ChatId::private("bob");
    stage.act(Action::SendText { chat: bob.clone(), text: "hello".into() });
    let (number, sent) = stage.take::<packets::Message>();
    let own = sent.guid.unwrap();
    stage.reply(number, ok(&own.as_str(), START + 90_000));
    for (time, guid) in (1..).zip(["a", "b"]) {
        stage.push(message("bob", guid, START + time, None));
        assert_eq!(stage.session.state().unread(), 1, "{guid}");
        stage.act(Action::MarkRead { chat: bob.clone(), up_to: own.as_str().into() });
        assert_eq!(stage.session.state().unread(), 0, "{guid}");
    }
}

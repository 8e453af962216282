//! What a room of another server says among its messages (spec/wire.md section 9).
use bytes::Bytes;
use mig33_client::{Action, Body, Event};
use mig33_codec::values::ChatDestination;
use mig33_codec::{Text, packets};

use crate::dialects::{elsewhere, in_tea_room, notification, participants, tea_room};
use crate::stage::{START, Stage, message};

#[test]
fn a_notice_that_cannot_be_read_or_moves_somebody_leaves_no_gap() {
    let mut stage = elsewhere(true);
    stage.act(Action::JoinRoom { name: "Tea Room".into() });
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, participants());
    let (number, _) = stage.take::<packets::GetMessages>();
    stage.reply(number, packets::EndMessages::default());
    let dave = r#"{"username":"dave"}"#;
    let mut before: Option<&str> = None;
    for (time, (guid, kind, content)) in (1..).zip([
        ("a", None, "hello"),
        ("b", Some("system/chatroom-announce"), "{}"),
        ("c", Some("system/chatroom-participant-enter"), dave),
        ("d", None, "hello"),
    ]) {
        stage.push(packets::Message {
            destination_type: Some(ChatDestination::CHATROOM),
            destination: Some("Tea Room".into()),
            mime_type: kind.map(Text::from),
            content: Some(Bytes::copy_from_slice(content.as_bytes())),
            ..message("bob", guid, START + time, before)
        });
        assert!(stage.try_take::<packets::GetMessages>().is_none(), "before {guid}");
        before = Some(guid);
    }
    let shown = stage.messages(&tea_room());
    let seen = shown.iter().filter(|message| !message.says_nothing());
    assert_eq!(seen.filter(|message| message.body != Body::Joined).count(), 2);
    assert_eq!(shown.iter().filter(|message| message.body == Body::Joined).count(), 1);
}

#[test]
fn what_a_room_says_is_said_by_nobody() {
    let mut stage = in_tea_room();
    let said =
        |guid: &str, source: Option<&str>, mime: Option<&str>, content: &str| packets::Message {
            source: source.map(Text::from),
            destination_type: Some(ChatDestination::CHATROOM),
            destination: Some("Tea Room".into()),
            mime_type: mime.map(Text::from),
            content: Some(Bytes::copy_from_slice(content.as_bytes())),
            ..message("", guid, START + guid.len() as u64, None)
        };
    let system = |kind: &str| format!("system/chatroom-{kind}");
    for (guid, source, mime, content, expected) in [
        ("a", None, None, "Welcome!", "Welcome!"),
        ("bb", Some("tea room"), None, "Be kind.", "Be kind."),
        ("ccc", Some("bob"), Some(system("locked")), r#"{"username":"bob"}"#, "bob locked"),
        ("dddd", Some("x"), Some(system("announce")), r#"{"text":"Tea at 5"}"#, "Tea at 5"),
        ("eeeee", None, Some(system("description")), "It is about tea.", "It is about tea."),
    ] {
        stage.push(said(guid, source, mime.as_deref(), content));
        let last = stage.messages(&tea_room()).pop().unwrap();
        assert_eq!((last.body, &*last.author), (Body::Notice(expected.into()), ""), "{guid}");
    }
    assert_eq!(stage.session.state().unread(), 0);
    let news = |event: &&Event| matches!(event, Event::MessageReceived { .. });
    assert_eq!(stage.events.iter().filter(news).count(), 0);

    stage.now += 1_000;
    let dave = r#"{"username":"dave"}"#;
    let has_dave = |stage: &Stage| {
        let room = stage.session.state().chats[&tea_room()].room.clone().unwrap();
        room.members.get("dave").is_some()
    };
    stage.push(said("in", None, Some(&system("participant-enter")), dave));
    assert!(has_dave(&stage));
    assert_eq!(stage.messages(&tea_room()).pop().unwrap().body, Body::Joined);
    stage.push(said("out", None, Some(&system("participant-exit")), dave));
    assert!(!has_dave(&stage));
    assert_eq!(stage.messages(&tea_room()).pop().unwrap().body, Body::Left);

    // what a notification says stands in its room as well
    stage.arrive(notification(2, "bob", "bob was muted"));
    assert_eq!(stage.messages(&tea_room()).pop().unwrap().body, Body::Line("bob was muted".into()));
    assert!(stage.session.state().notices.is_empty());
}

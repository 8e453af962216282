//! Lost connections: noticed, waited for, opened again.
use mig33_client::{Action, ChatId, History, Link};
use mig33_codec::packets;

use crate::stage::Stage;

#[test]
fn keep_alives_go_out_each_minute_and_their_answers_are_heard() {
    let mut stage = Stage::online();
    for minute in 1..=5 {
        stage.wait(60_000);
        let (number, _) = stage.take::<packets::Ping>();
        assert!(stage.try_take::<packets::Ping>().is_none(), "one a minute, at minute {minute}");
        stage.reply(number, packets::Pong::default());
    }
    assert_eq!(stage.session.state().link, Link::Online);
}

#[test]
fn a_silent_server_is_noticed() {
    let mut stage = Stage::online();
    stage.wait(80_000);
    assert!(matches!(stage.session.state().link, Link::Waiting { .. } | Link::Connecting));
    assert_eq!(stage.closes, 1);
}

#[test]
fn a_dead_connection_is_noticed_soon_when_the_person_comes_back() {
    let mut stage = Stage::online();
    stage.session.reconnect_now(stage.now);
    stage.wait(5_000);
    assert_eq!(stage.closes, 1);
}

#[test]
fn attempts_are_spaced_and_can_be_hurried() {
    let mut stage = Stage::online();
    let mut spans = Vec::new();
    for _ in 0..8 {
        stage.session.disconnected(stage.now, 1011, Some("gone"));
        let Link::Waiting { until, reason } = stage.session.state().link.clone() else {
            panic!("waits")
        };
        assert_eq!(reason.as_deref(), Some("gone"));
        spans.push(until - stage.now);
        stage.wait(until - stage.now);
        assert_eq!(stage.session.state().link, Link::Connecting);
    }
    assert!(spans.iter().all(|span| *span <= 30_000), "{spans:?}");
    assert!(spans[7] > spans[0], "{spans:?}");
    stage.cut();
    stage.session.reconnect_now(stage.now);
    assert_eq!(stage.session.state().link, Link::Connecting);
}

#[test]
fn a_connection_that_does_not_open_or_log_in_is_given_up() {
    let mut stage = Stage::online();
    stage.cut_and_wait();
    stage.wait(30_000);
    assert!(stage.closes >= 1);
    stage.wait(30_000); // the next attempt's time has come
    while stage.session.state().link != Link::Connecting {
        stage.wait(1_000);
    }
    stage.accept();
    assert_eq!(stage.session.state().link, Link::LoggingIn);
    stage.wait(30_000);
    assert_ne!(stage.session.state().link, Link::LoggingIn);
}

#[test]
fn an_action_that_makes_sense_only_now_is_refused_while_down() {
    let mut stage = Stage::online();
    let lost = stage.act(Action::AddContact { username: "bob".into(), group: 0 });
    stage.cut();
    assert_eq!(
        stage.outcome(lost),
        Some(Err("The connection was lost before the server answered.".into()))
    );
    let down = stage.act(Action::AddContact { username: "bob".into(), group: 0 });
    assert_eq!(
        stage.outcome(down),
        Some(Err("Not connected. Try again once the connection is back.".into()))
    );
}

#[test]
fn what_was_asked_of_a_dead_connection_can_be_asked_again() {
    let mut stage = Stage::online();
    let bob = ChatId::private("bob");
    stage.wait(1); // what was heard last came before what is asked now
    stage.act(Action::OpenChat { chat: bob.clone() });
    let upload = stage.act(Action::RequestUpload { chat: bob.clone() });
    assert_eq!(stage.session.state().chats[&bob].history, History::Loading);
    stage.wait(20_000);
    assert_eq!(stage.closes, 1);
    assert_eq!(stage.session.state().chats[&bob].history, History::More);
    assert!(matches!(stage.outcome(upload), Some(Err(_))));
}

#[test]
fn another_pages_newer_token_is_used() {
    let mut stage = Stage::online();
    stage.cut_and_wait();
    stage.session.set_token(bytes::Bytes::from_static(b"newer"));
    stage.accept();
    let (_, login) = stage.take::<packets::Login>();
    assert_eq!(login.resume_token, Some(bytes::Bytes::from_static(b"newer").into()));
}

#[test]
fn what_is_known_stays_readable_while_down() {
    let mut stage = Stage::online();
    stage.act(Action::SendText { chat: ChatId::private("bob"), text: "hi".into() });
    let before = stage.session.state().chats.clone();
    stage.cut_and_wait();
    assert_eq!(stage.session.state().chats, before);
    assert!(stage.session.state().account.is_some());
}

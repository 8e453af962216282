//! A session that goes on over lost connections, where the bridge keeps it (spec/resume.md).
use bytes::Bytes;
use mig33_client::{Action, ChatId, Close, Control, Delivery, Event, Link, Output, Tunnel};
use mig33_codec::packets::{self, Packet};

use crate::stage::{START, Stage, bytes, error, message, ok};

pub(crate) const GRACE_S: u64 = 120;

pub(crate) fn answer(token: &str, resumed: bool, received: u64) -> Control {
    Control {
        session: Some(token.to_owned().into()),
        resumed: Some(resumed),
        received: Some(received),
        grace_s: Some(GRACE_S),
        ack: None,
    }
}

/// Logged in over a tunnel that can be resumed, ten seconds ago.
pub(crate) fn online() -> Stage {
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.pump();
    begin(&mut stage);
    stage.now += 10_000;
    stage.wait(0);
    stage.texts.clear();
    stage
}

/// From an open connection to a log-in.
pub(crate) fn begin(stage: &mut Stage) {
    stage.open(Tunnel::Resume);
    assert_eq!(stage.texts, ["{\"new\":true}"]);
    assert!(stage.sent.is_empty(), "nothing goes out before the answer");
    stage.texts.clear();
    (stage.count_sent, stage.count_heard) = (0, 0);
    stage.control(answer("first", false, 0));
    stage.finish_login();
}

/// The next connection opens, and the bridge goes on; it has all that was sent before.
pub(crate) fn resume(stage: &mut Stage) {
    let received = stage.count_sent;
    stage.open(Tunnel::Resume);
    let first = format!("{{\"resume\":\"first\",\"received\":{}}}", stage.count_heard);
    assert_eq!(std::mem::take(&mut stage.texts), [first]);
    stage.control(answer("first", true, received));
}

pub(crate) fn bob() -> ChatId {
    ChatId::private("bob")
}

pub(crate) fn say(stage: &mut Stage, text: &str) {
    stage.act(Action::SendText { chat: bob(), text: text.into() });
}

fn is_resuming(stage: &Stage) -> bool {
    matches!(stage.session.state().link, Link::Resuming { .. })
}

#[test]
fn a_lost_connection_is_seen_by_nobody() {
    let mut stage = online();
    let room = ChatId::room("Lobby");
    stage.act(Action::JoinRoom { name: "Lobby".into() });
    let (number, _) = stage.take::<packets::JoinChatroom>();
    stage.reply(number, packets::Ok::default());
    stage.sent.clear();
    let before = stage.session.state().clone();
    let events = stage.events.len();

    stage.cut();
    assert_eq!(stage.session.state().link, Link::Resuming { since: stage.now });
    assert_eq!((stage.connects, stage.close), (2, None), "another one at once");
    resume(&mut stage);
    assert_eq!(stage.session.state(), &before);
    assert!(before.chats[&room].room.is_some());
    assert_eq!(stage.events.len(), events);
    assert!(stage.sent.is_empty(), "{:?}", stage.sent);
}

#[test]
fn what_is_done_meanwhile_is_done_then() {
    let mut stage = online();
    stage.cut();
    say(&mut stage, "typed meanwhile");
    let asked = stage.act(Action::AddContact { username: "carol".into(), group: 0 });
    assert!(stage.session.state().link.is_up());
    assert_eq!(stage.outcome(asked), None);
    assert_eq!(stage.messages(&bob())[0].delivery, Delivery::Sending);
    resume(&mut stage);
    let (number, sent) = stage.take::<packets::Message>();
    stage.reply(number, ok(&sent.guid.unwrap().as_str(), START + 20_000));
    assert_eq!(stage.messages(&bob())[0].delivery, Delivery::Sent);
    let (number, _) = stage.take::<packets::AddContact>();
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.outcome(asked), Some(Ok(())));
}

#[test]
fn what_the_bridge_did_not_get_is_sent_again_and_a_packet_goes_on_in_its_middle() {
    let mut stage = online();
    let before = stage.count_sent;
    say(&mut stage, "lost on the way");
    let (number, lost) = stage.take::<packets::Message>();
    let arrives = bytes(0, &[Packet::from(message("bob", "m1", START + 1, None))]);
    stage.arrive(arrives.slice(..20));
    stage.cut();

    stage.open(Tunnel::Resume);
    // it has got the first bytes of the packet
    stage.session.handle_control(stage.now, Some(answer("second", true, before + 15)));
    let whole = bytes(number, &[Packet::from(lost.clone())]);
    assert_eq!(stage.session.poll_output(), Some(Output::Send(whole.slice(15..))));
    stage.arrive(arrives.slice(20..));
    assert_eq!(stage.texts(&bob()), ["m1", "lost on the way"]);
    stage.reply(number, ok(&lost.guid.unwrap().as_str(), START + 2));
    assert_eq!(stage.messages(&bob())[1].delivery, Delivery::Sent);
}

#[test]
fn no_request_times_out_because_of_the_gap() {
    let mut stage = online();
    let asked = stage.act(Action::AddContact { username: "carol".into(), group: 0 });
    let (number, _) = stage.take::<packets::AddContact>();
    stage.wait(19_000);
    stage.cut();
    stage.wait(100_000);
    assert!(is_resuming(&stage));
    stage.session.reconnect_now(stage.now);
    stage.pump();
    resume(&mut stage);
    stage.wait(19_999);
    assert_eq!((stage.outcome(asked), &stage.session.state().link), (None, &Link::Online));
    stage.reply(number, packets::Ok::default());
    assert_eq!(stage.outcome(asked), Some(Ok(())));
}

#[test]
fn a_request_that_is_late_after_all_is_refused_alone() {
    let mut stage = online();
    let asked = stage.act(Action::AddContact { username: "carol".into(), group: 0 });
    stage.cut();
    resume(&mut stage);
    stage.wait(5_000);
    stage.push(message("bob", "m1", START + 1, None));
    stage.wait(15_000);
    assert_eq!(stage.outcome(asked), Some(Err("The server did not answer in time.".into())));
    assert_eq!(stage.session.state().link, Link::Online);
}

#[test]
fn a_session_that_is_gone_is_logged_in_again_on_the_same_connection() {
    let mut stage = online();
    say(&mut stage, "not acknowledged");
    let guid = stage.take::<packets::Message>().1.guid;
    let asked = stage.act(Action::AddContact { username: "carol".into(), group: 0 });
    stage.cut();
    stage.open(Tunnel::Resume);
    stage.texts.clear();
    stage.control(answer("other", false, 0));
    assert_eq!(stage.session.state().link, Link::LoggingIn);
    assert_eq!(
        stage.outcome(asked),
        Some(Err("The connection was lost before the server answered.".into()))
    );
    assert_eq!(stage.sent[0].transaction, 1, "numbers begin anew");
    stage.count_heard = 0;
    stage.finish_login();
    assert_eq!(stage.take::<packets::Message>().1.guid, guid);
    assert_eq!((stage.connects, stage.closes), (2, 0));
    assert_eq!(stage.events.iter().filter(|event| **event == Event::LoggedIn).count(), 2);
    // and this one can be resumed as well
    stage.now += 10_000;
    stage.cut();
    stage.open(Tunnel::Resume);
    assert!(stage.texts.iter().any(|text| text.starts_with("{\"resume\":\"other\"")));
}

#[test]
fn a_plain_tunnel_cannot_go_on_so_it_is_logged_in_again() {
    let mut stage = online();
    stage.cut();
    stage.open(Tunnel::Plain);
    stage.finish_login();
    assert_eq!((stage.connects, stage.closes, stage.texts.len()), (2, 0, 0));
}

#[test]
fn attempts_are_spaced_can_be_hurried_and_end_with_the_grace() {
    let mut stage = online();
    let asked = stage.act(Action::AddContact { username: "carol".into(), group: 0 });
    let lost = stage.now;
    stage.cut();
    assert_eq!(stage.connects, 2);
    stage.cut();
    assert_eq!(stage.connects, 2, "the first one failed: now with a pause");
    assert_eq!(stage.session.state().link, Link::Resuming { since: lost });
    stage.session.reconnect_now(stage.now);
    stage.pump();
    assert_eq!(stage.connects, 3);
    while stage.now < lost + GRACE_S * 1_000 - 1_000 {
        stage.cut();
        stage.wait(1_000);
    }
    assert!((6..60).contains(&stage.connects), "{} attempts in two minutes", stage.connects);
    assert!(is_resuming(&stage));
    assert_eq!(stage.outcome(asked), None);
    stage.wait(1_000);
    assert!(matches!(stage.session.state().link, Link::Waiting { .. }));
    assert!(matches!(stage.outcome(asked), Some(Err(_))));
    stage.wait_for_attempt();
    begin(&mut stage);
}

#[test]
fn an_attempt_that_hangs_is_given_up_without_ending_the_session() {
    let mut stage = online();
    stage.cut();
    stage.wait(10_000);
    assert_eq!((stage.closes, stage.close), (1, Some(Close::Dead)));
    stage.wait(1_100);
    assert_eq!(stage.connects, 3);
    // open, but no answer
    stage.open(Tunnel::Resume);
    stage.wait(10_000);
    assert_eq!((stage.closes, stage.close), (2, Some(Close::Dead)));
    assert!(is_resuming(&stage));
    stage.wait(3_000);
    stage.texts.clear();
    stage.open(Tunnel::Resume);
    assert!(stage.texts[0].starts_with("{\"resume\":\"first\""));
}

#[test]
fn a_bridge_that_drops_everybody_is_not_called_without_end() {
    let mut stage = online();
    stage.cut();
    resume(&mut stage);
    stage.wait(999);
    stage.cut();
    assert_eq!(stage.connects, 2);
    stage.wait(1_000);
    assert_eq!(stage.connects, 3);
}

#[test]
fn a_connection_that_answers_nothing_is_replaced() {
    let mut stage = online();
    stage.wait(50_000);
    stage.take::<packets::Ping>();
    stage.wait(20_000);
    assert_eq!((stage.close, stage.connects), (Some(Close::Dead), 2));
    assert!(is_resuming(&stage));
    // nor does the next one: then it is the server that is gone
    resume(&mut stage);
    stage.wait(20_000);
    assert_eq!((stage.close, stage.connects), (Some(Close::Done), 2));
    assert!(matches!(stage.session.state().link, Link::Waiting { .. }));
}

#[test]
fn a_connection_that_dies_after_it_has_brought_something_is_replaced_as_well() {
    let mut stage = online();
    stage.cut();
    resume(&mut stage);
    stage.push(message("bob", "m1", START + 1, None)); // in the same millisecond
    stage.wait(80_000);
    assert_eq!((stage.close, stage.connects), (Some(Close::Dead), 3));
    assert!(is_resuming(&stage));
}

#[test]
fn a_dead_connection_is_replaced_soon_when_the_person_comes_back() {
    let mut stage = online();
    stage.session.reconnect_now(stage.now);
    stage.pump();
    let (number, _) = stage.take::<packets::Ping>();
    stage.wait(5_000);
    assert_eq!((stage.close, stage.connects), (Some(Close::Dead), 2));
    resume(&mut stage);
    stage.reply(number, packets::Pong::default());
    stage.wait(30_000);
    assert_eq!((stage.session.state().link.clone(), stage.connects), (Link::Online, 2));
}

#[test]
fn a_close_that_ends_the_session_is_not_resumed() {
    for code in [1000, 1002, 1003, 1008, 1009, 1011, 1012, 1013] {
        let mut stage = online();
        stage.session.disconnected(stage.now, code, Some("The chat service is down."));
        let Link::Waiting { reason, .. } = stage.session.state().link.clone() else {
            panic!("{code} ends it")
        };
        assert_eq!(reason.as_deref(), Some("The chat service is down."));
        stage.wait_for_attempt();
        begin(&mut stage);
    }
    // the same while it is to be resumed
    let mut stage = online();
    stage.cut();
    stage.open(Tunnel::Resume);
    stage.session.disconnected(stage.now, 1013, None);
    assert!(matches!(stage.session.state().link, Link::Waiting { .. }));
}

#[test]
fn a_bridge_that_is_restarted_says_when_to_come_back() {
    let mut stage = online();
    let wait = |stage: &Stage| {
        let Link::Waiting { until, reason } = stage.session.state().link.clone() else {
            panic!("waits")
        };
        (until - stage.now, reason)
    };
    let restarted = Some("The server is being restarted.".into());
    stage.session.disconnected(stage.now, 1012, Some("retry_ms=4321"));
    assert_eq!(wait(&stage), (4_321, restarted.clone()));
    stage.wait_for_attempt();
    begin(&mut stage);
    // no bridge keeps anybody away for good
    stage.session.disconnected(stage.now, 1012, Some("retry_ms=4000000000"));
    assert_eq!(wait(&stage), (60_000, restarted));
}

#[test]
fn a_session_that_another_connection_has_taken_over_is_left_to_it() {
    let mut stage = online();
    stage.session.disconnected(stage.now, 4001, None);
    stage.wait(600_000);
    assert_eq!((&stage.session.state().link, stage.connects), (&Link::Idle, 1));
    let reason = Some("This session goes on somewhere else.".into());
    assert!(stage.events.contains(&Event::LoggedOut { reason }));
}

#[test]
fn a_log_out_is_never_resumed() {
    let mut stage = online();
    stage.session.log_out(stage.now);
    stage.pump();
    stage.take::<packets::Logout>();
    assert_eq!(stage.close, Some(Close::Done));
    stage.wait(200_000);
    assert_eq!(stage.connects, 1);
    stage.session.log_in(stage.now, "alice", "secret");
    stage.pump();
    begin(&mut stage);
}

#[test]
fn a_peer_that_breaks_the_rules_is_not_resumed() {
    let broken: [fn(&mut Stage); 5] = [
        |stage| stage.arrive(Bytes::from_static(b"HTTP/1.1 400")),
        |stage| stage.control(Control { ack: Some(1 << 40), ..Control::default() }),
        |stage| {
            stage.session.handle_control(stage.now, None);
            stage.pump();
        },
        |stage| {
            stage.cut();
            stage.open(Tunnel::Resume);
            stage.arrive(bytes(0, &[Packet::from(error("too early"))]));
        },
        |stage| {
            stage.cut();
            stage.open(Tunnel::Resume);
            stage.control(answer("first", true, 1 << 40));
        },
    ];
    for (which, breaks) in broken.into_iter().enumerate() {
        let mut stage = online();
        breaks(&mut stage);
        assert_eq!(stage.close, Some(Close::Done), "{which}");
        assert!(stage.session.state().notices.is_empty(), "{which}");
        stage.texts.clear();
        stage.wait_for_attempt();
        begin(&mut stage);
    }
}

#[test]
fn acknowledgements_go_both_ways_and_cost_no_redraw() {
    let mut stage = online();
    let before = stage.session.state().clone();
    stage.push(packets::Pong::default());
    assert!(stage.texts.is_empty());
    assert_eq!(stage.session.poll_timeout(), Some(stage.now + 1_000));
    stage.wait(1_000);
    assert_eq!(stage.texts, [format!("{{\"ack\":{}}}", stage.count_heard)]);
    stage.control(Control { ack: Some(stage.count_sent), ..Control::default() });
    assert_eq!(stage.session.state(), &before);
}

#[test]
fn nothing_more_is_sent_while_the_bridge_acknowledges_nothing() {
    let mut stage = online();
    stage.control(Control { ack: Some(stage.count_sent), ..Control::default() });
    for _ in 0..5 {
        stage.act(Action::SendPicture {
            chat: bob(),
            mime_type: "image/png".into(),
            file_name: String::new(),
            bytes: Bytes::from(vec![0; 350_000]),
        });
    }
    let count =
        |stage: &Stage| stage.sent.iter().filter(|frame| frame.params().len() > 1_000).count();
    assert_eq!(count(&stage), 3);
    assert!(stage.session.poll_timeout() > Some(stage.now), "no timer that is due all the time");
    stage.control(Control { ack: Some(stage.count_sent - 10), ..Control::default() });
    assert_eq!(count(&stage), 5);
}

#[test]
fn a_connection_lost_before_the_log_in_is_not_resumed() {
    let mut stage = Stage::new();
    stage.session.log_in_with_token(stage.now, "alice", Bytes::from_static(b"token"));
    stage.pump();
    stage.open(Tunnel::Resume);
    stage.texts.clear();
    stage.control(answer("first", false, 0));
    stage.cut_and_wait();
    begin(&mut stage);
}

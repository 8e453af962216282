//! Registration and log-in: numbers, proofs, tokens, refusals.
use bytes::Bytes;
use mig33_client::{Close, Config, Event, HashFunction, Link, NoticeKind, Output, Session};
use mig33_codec::hash::{javahash, javahash_lower, sha1fold};
use mig33_codec::packets::{self, Packet};
use mig33_codec::{Command, Decoder, Secret};

use crate::stage::{START, Stage, bytes, challenge, error, login_ok};

fn numbers(stage: &Stage) -> Vec<(Command, u16)> {
    stage.sent.iter().map(|frame| (frame.command, frame.transaction)).collect()
}

#[test]
fn a_log_in_followed_by_the_contact_list_puts_1_2_3_on_the_wire() {
    let mut stage = Stage::new();
    let action = stage.session.log_in(stage.now, "alice", "secret");
    stage.accept();
    assert_eq!(numbers(&stage), [(Command::LOGIN, 1)]);
    stage.reply(1, challenge("k3Yf9QzL"));
    assert_eq!(numbers(&stage)[1..], [(Command::LOGIN_RESPONSE, 2)]);
    stage.reply(2, login_ok());
    assert_eq!(numbers(&stage)[2], (Command::GET_CONTACTS, 3));
    assert_eq!(stage.session.state().link, Link::Online);
    assert_eq!(stage.outcome(action), Some(Ok(())));
}

#[test]
fn the_server_is_told_that_contents_may_come_by_address() {
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "SeCreT1");
    stage.accept();
    let features = stage.take::<packets::Login>().1.features.expect("what this client can do");
    assert_eq!(features.entries(), ["content-addresses"]);
}

#[test]
fn the_proof_is_of_the_kind_that_was_chosen() {
    let functions: [(HashFunction, u32); 3] =
        [(sha1fold, 0x1e51_7801), (javahash, 0x52bc_b662), (javahash_lower, 0xf147_1282)];
    for (hash, expected) in functions {
        let mut stage = Stage::new();
        stage.session = Session::new(Config { hash, ..Config::new("test", Box::new(|| [1; 16])) });
        stage.session.log_in(stage.now, "alice", "SeCreT1");
        stage.accept();
        stage.reply(1, challenge("k3Yf9QzL"));
        let (_, proof) = stage.take::<packets::LoginResponse>();
        assert_eq!(proof.password_hash, Some(Secret::new(expected)));
    }
}

#[test]
fn registration_is_number_2_and_the_log_in_follows_on_the_same_connection() {
    let mut stage = Stage::new();
    let action = stage.session.register(stage.now, "alice", "secret", Some("4915112345678"));
    stage.accept();
    let (number, packet) = stage.take::<packets::NewRegistration>();
    assert_eq!(number, 2);
    assert_eq!(packet.username, Some("alice".into()));
    assert_eq!(packet.mobile_phone, Some("4915112345678".into()));
    assert_eq!(packet.service_type, Some(1));
    stage.reply(2, packets::Ok::default());
    assert_eq!(stage.take::<packets::Login>().0, 3);
    stage.reply(3, challenge("x"));
    assert_eq!(stage.take::<packets::LoginResponse>().0, 4);
    stage.reply(4, login_ok());
    assert_eq!(stage.outcome(action), Some(Ok(())));
    assert_eq!(stage.connects, 1);
}

#[test]
fn a_refusal_at_any_step_is_told_in_the_servers_words_and_not_tried_again() {
    // REGISTER, LOGIN_1, LOGIN_RESP
    for step in 0..3 {
        let mut stage = Stage::new();
        let action = match step {
            0 => stage.session.register(stage.now, "alice", "secret", None),
            _ => stage.session.log_in(stage.now, "alice", "secret"),
        };
        stage.accept();
        match step {
            0 => stage.reply(2, error("taken")),
            1 => stage.reply(1, error("taken")),
            _ => {
                stage.reply(1, challenge("x"));
                stage.reply(2, error("taken"));
            }
        }
        assert_eq!(stage.outcome(action), Some(Err("taken".into())), "step {step}");
        assert_eq!(stage.session.state().link, Link::Idle);
        assert_eq!((stage.connects, stage.closes), (1, 1));
        assert_eq!(stage.session.poll_timeout(), None);
    }
}

#[test]
fn a_wrong_password_is_told_also_where_the_server_holds_its_answer_back() {
    let mut stage = Stage::new();
    let action = stage.session.log_in(stage.now, "alice", "wrong");
    stage.accept();
    stage.reply(1, challenge("x"));
    stage.wait(10 * 60_000); // the longest that ours holds one (spec/wire.md section 3)
    assert_eq!(stage.outcome(action), None);
    stage.reply(2, error("Wrong username or password."));
    assert_eq!(stage.outcome(action), Some(Err("Wrong username or password.".into())));

    // there is an end to it
    let action = stage.session.log_in(stage.now, "alice", "wrong");
    stage.accept();
    stage.reply(1, challenge("x"));
    stage.wait(11 * 60_000);
    assert_eq!(stage.outcome(action), Some(Err("The server did not answer in time.".into())));
}

#[test]
fn a_proof_that_was_right_before_is_answered_at_once_or_never() {
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.accept();
    stage.reply(1, challenge("x"));
    stage.reply(2, packets::LoginOk::default()); // without a token
    stage.cut_and_wait();
    stage.accept();
    stage.now += 1; // what was heard last came before the proof
    stage.reply(1, challenge("x"));
    stage.wait(20_000);
    assert!(matches!(stage.session.state().link, Link::Waiting { .. } | Link::Connecting));
}

#[test]
fn a_server_that_cannot_be_reached_is_told_at_the_first_try() {
    let mut stage = Stage::new();
    let action = stage.session.log_in(stage.now, "alice", "secret");
    stage.session.disconnected(stage.now, 1013, Some("The chat server is down."));
    stage.wait(0);
    assert_eq!(stage.session.state().link, Link::Idle);
    assert_eq!(stage.outcome(action), Some(Err("The chat server is down.".into())));
}

#[test]
fn a_token_is_kept_and_replaces_the_password() {
    let mut stage = Stage::online();
    let kept = Event::TokenChanged {
        username: "alice".into(),
        token: Some(Bytes::from_static(b"token").into()),
    };
    assert!(stage.events.contains(&kept));
    stage.cut_and_wait();
    stage.accept();
    let (_, login) = stage.take::<packets::Login>();
    assert_eq!(login.resume_token, Some(Bytes::from_static(b"token").into()));
    assert_eq!(login.session_id, Some("s1".into()));
    // the server does not know the token any more: there is no password to prove, so the person is asked
    stage.reply(1, challenge("x"));
    assert!(stage.events.contains(&Event::TokenChanged { username: "alice".into(), token: None }));
    assert!(
        stage.events.contains(&Event::LoggedOut { reason: Some("Please log in again.".into()) })
    );
    assert_eq!(stage.session.state().link, Link::Idle);
}

#[test]
fn a_log_in_by_token_needs_one_packet_and_is_tried_until_there_is_a_connection() {
    let mut stage = Stage::new();
    stage.session.log_in_with_token(stage.now, "alice", Bytes::from_static(b"old"));
    for _ in 0..3 {
        stage.wait(0);
        stage.cut_and_wait();
    }
    stage.accept();
    stage.reply(1, login_ok());
    assert_eq!(stage.session.state().link, Link::Online);
    assert_eq!(numbers(&stage)[1], (Command::GET_CONTACTS, 2));
}

#[test]
fn without_a_token_the_password_is_kept_for_the_next_connection() {
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.accept();
    stage.reply(1, challenge("a"));
    stage.reply(2, packets::LoginOk::default()); // as other servers answer (spec/wire.md section 9)
    assert_eq!(
        stage.session.state().account.as_ref().map(|account| &*account.username),
        Some("alice")
    );
    stage.cut_and_wait();
    stage.accept();
    stage.reply(1, challenge("k3Yf9QzL"));
    let (_, proof) = stage.take::<packets::LoginResponse>();
    assert!(proof.password_hash.is_some());
    // nothing that only our server has was asked for
    assert!(stage.try_take::<packets::GetChats>().is_none());
}

#[test]
fn maintenance_during_a_reconnect_is_shown_and_waited_for() {
    let mut stage = Stage::online();
    stage.cut_and_wait();
    stage.accept();
    stage.reply(1, error("Back at noon."));
    let Link::Waiting { reason, .. } = &stage.session.state().link else { panic!("waits") };
    assert_eq!(reason.as_deref(), Some("Back at noon."));
    stage.wait_for_attempt();
    assert_eq!(stage.connects, 3);
}

#[test]
fn message_of_the_day_is_shown_once() {
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.accept();
    let motd = || packets::LoginOk { alert: Some("Hello!".into()), ..login_ok() };
    stage.reply(1, challenge("a"));
    stage.reply(2, motd());
    stage.cut_and_wait();
    stage.accept();
    stage.reply(1, motd());
    let notices = &stage.session.state().notices;
    assert_eq!(notices.len(), 1);
    assert_eq!((notices[0].kind, &*notices[0].text), (NoticeKind::MessageOfTheDay, "Hello!"));
}

#[test]
fn log_out_is_sent_before_the_end_and_forgets_everything() {
    let mut stage = Stage::online();
    stage.session.log_out(stage.now);
    let outputs: Vec<Output> = std::iter::from_fn(|| stage.session.poll_output()).collect();
    let [Output::Send(bytes), Output::Close(Close::Done)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    let mut decoder = Decoder::new();
    decoder.push(bytes.clone());
    assert_eq!(decoder.next_frame().unwrap().unwrap().command, Command::LOGOUT);
    assert_eq!(stage.session.state(), &mig33_client::State::default());
}

#[test]
fn why_the_server_ends_a_session_decides_whether_it_comes_back() {
    for (reason, comes_back) in [("shutdown", true), ("kicked", false), ("taken over", false)] {
        let mut stage = Stage::online();
        stage
            .push(packets::SessionTerminated { reason: Some(reason.into()), ..Default::default() });
        assert_eq!(
            matches!(stage.session.state().link, Link::Waiting { .. }),
            comes_back,
            "{reason}"
        );
        if comes_back {
            stage.wait_for_attempt();
        } else {
            stage.wait(60_000);
        }
        assert_eq!(stage.connects, if comes_back { 2 } else { 1 }, "{reason}");
    }
}

#[test]
fn garbage_from_the_server_ends_the_connection() {
    let mut stage = Stage::online();
    stage.session.handle_bytes(stage.now, Bytes::from_static(b"HTTP/1.1 400"));
    assert!(matches!(stage.session.state().link, Link::Waiting { .. }));
    // what still comes on it is not read
    stage.session.handle_bytes(stage.now, bytes(0, &[Packet::from(error("x"))]));
    assert!(stage.session.state().notices.is_empty());
}

#[test]
fn what_is_written_has_the_servers_time_or_the_devices_and_not_the_clock_that_waits() {
    for (server_time, expected) in
        [(Some(START + 3_600_000), START + 3_601_000), (None, START + 86_401_000)]
    {
        let mut stage = Stage::new();
        stage.session.log_in(stage.now, "alice", "secret");
        stage.session.set_device_time(stage.now, START + 86_400_000);
        stage.accept();
        stage.reply(1, challenge("x"));
        stage.reply(2, packets::LoginOk { server_time, ..login_ok() });
        assert_eq!(stage.session.server_time(START + 1_000), expected);
    }
}

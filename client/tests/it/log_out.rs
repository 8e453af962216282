//! A log-out where the connection is lost: the server hears of it over the next one (spec/resume.md).
use mig33_client::{Close, Config, Event, Link, Tunnel};
use mig33_codec::packets::{self, Packet};

use crate::away::restart;
use crate::resume::{GRACE_S, answer, begin, online, resume, say};
use crate::stage::{Stage, bytes, challenge, error, login_ok};

/// Logs out while there is no connection.
fn log_out_detached() -> Stage {
    let mut stage = online();
    stage.cut();
    stage.session.log_out(stage.now);
    stage.pump();
    assert_eq!(stage.session.state(), &mig33_client::State::default(), "at once for the person");
    assert!(stage.events.contains(&Event::LoggedOut { reason: None }));
    assert_eq!((stage.connects, stage.close), (2, None), "the attempt goes on");
    stage
}

#[test]
fn a_log_out_without_a_connection_reaches_the_server_over_the_next_one() {
    let mut stage = log_out_detached();
    stage.cut();
    stage.wait(2_000);
    assert_eq!(stage.connects, 3, "it is tried again");
    resume(&mut stage);
    stage.take::<packets::Logout>();
    assert!(stage.sent.is_empty());
    assert_eq!(stage.close, Some(Close::Done));
    assert_eq!(stage.session.poll_timeout(), None);
    assert_eq!(stage.session.state(), &mig33_client::State::default());
}

#[test]
fn what_was_sent_before_a_log_out_without_a_connection_goes_out_before_it() {
    let mut stage = online();
    let before = stage.count_sent;
    say(&mut stage, "lost on the way");
    stage.sent.clear();
    stage.cut();
    stage.session.log_out(stage.now);
    stage.pump();
    stage.open(Tunnel::Resume);
    stage.control(answer("second", true, before));
    assert_eq!(stage.sent.remove(0).command, mig33_codec::Command::MESSAGE);
    stage.take::<packets::Logout>();
}

#[test]
fn a_log_out_is_given_up_with_the_session() {
    let mut stage = log_out_detached();
    for _ in 0..GRACE_S {
        stage.cut();
        stage.wait(1_000);
    }
    let connects = stage.connects;
    assert!((6..60).contains(&connects), "{connects} attempts in two minutes");
    assert_eq!(stage.session.poll_timeout(), None);
    stage.session.reconnect_now(stage.now);
    stage.wait(200_000);
    assert_eq!(stage.connects, connects);

    let gone: [fn(&mut Stage); 2] = [
        |stage| stage.session.disconnected(stage.now, 4001, None),
        |stage| {
            stage.open(Tunnel::Resume);
            stage.arrive(bytes(0, &[Packet::from(error("too early"))]));
        },
    ];
    for (which, goes) in gone.into_iter().enumerate() {
        let mut stage = log_out_detached();
        let events = stage.events.len();
        goes(&mut stage);
        stage.wait(200_000);
        assert_eq!((stage.connects, stage.events.len()), (2, events), "{which}");
        assert_eq!((&stage.sent, stage.session.poll_timeout()), (&Vec::new(), None), "{which}");
        assert_eq!(stage.session.state(), &mig33_client::State::default(), "{which}");
    }
}

#[test]
fn a_log_in_waits_for_the_log_out_before_it_but_not_for_long() {
    let mut stage = log_out_detached();
    stage.session.renew(Config::new("test", Box::new(|| [7; 16])));
    stage.session.log_in(stage.now, "bob", "secret");
    stage.pump();
    assert_eq!((&stage.session.state().link, stage.connects), (&Link::Connecting, 2));
    resume(&mut stage);
    stage.take::<packets::Logout>();
    assert_eq!((stage.close, stage.connects), (Some(Close::Done), 3));
    begin(&mut stage);

    // one attempt, at once where it would have been later
    let mut stage = log_out_detached();
    stage.cut();
    stage.session.log_in(stage.now, "bob", "secret");
    stage.pump();
    assert_eq!(stage.connects, 3);
    stage.cut();
    assert_eq!(stage.connects, 4);
    begin(&mut stage);

    let mut stage = log_out_detached();
    stage.session.log_in(stage.now, "bob", "secret");
    stage.wait(10_000);
    assert_eq!((stage.close, stage.connects), (Some(Close::Done), 3));
    begin(&mut stage);
}

#[test]
fn a_log_out_whose_session_ends_meanwhile_logs_in_for_it() {
    let ends: [fn(&mut Stage); 4] = [
        // the bridge is another one, or does not know the session any more
        |stage| {
            stage.open(Tunnel::Resume);
            stage.control(answer("other", false, 0));
        },
        |stage| stage.open(Tunnel::Plain),
        // it stops, or has lost its server
        |stage| {
            stage.session.disconnected(stage.now, 1012, Some("retry_ms=400"));
            stage.wait(2_000);
            stage.open(Tunnel::Resume);
            stage.control(answer("other", false, 0));
        },
        |stage| {
            stage.session.disconnected(stage.now, 1011, Some("the server has closed"));
            stage.wait(2_000);
            stage.cut();
            stage.wait(4_000);
            stage.open(Tunnel::Plain);
        },
    ];
    for (which, ends) in ends.into_iter().enumerate() {
        let mut stage = log_out_detached();
        ends(&mut stage);
        let (number, login) = stage.take::<packets::Login>();
        assert_eq!(login.initial_presence, Some(mig33_client::Presence::OFFLINE), "{which}");
        assert!(stage.sent.is_empty(), "{which}: {:?}", stage.sent);
        stage.reply(number, login_ok());
        stage.take::<packets::Logout>();
        assert!(is_over(&stage), "{which}");
    }
}

/// Logs out while the bridge is restarted, whose last packet came in part.
fn log_out_restarted() -> Stage {
    let mut stage = online();
    stage.arrive(bytes(0, &[Packet::from(error("cut off"))]).slice(..9));
    restart(&mut stage, 30_000);
    stage.events.clear();
    stage.session.log_out(stage.now);
    stage.pump();
    assert_eq!(stage.session.state(), &mig33_client::State::default(), "at once for the person");
    let gone = Event::TokenChanged { username: "alice".into(), token: None };
    assert_eq!(stage.events, [gone, Event::LoggedOut { reason: None }]);
    stage
}

/// The bridge takes the connection for a new session; the LOGIN that comes over it.
fn log_in_to_log_out(stage: &mut Stage) -> (u16, packets::Login) {
    stage.open(Tunnel::Resume);
    assert_eq!(std::mem::take(&mut stage.texts), ["{\"new\":true}"]);
    (stage.count_sent, stage.count_heard) = (0, 0);
    stage.control(answer("first", false, 0));
    stage.take()
}

/// Nobody hears of this session any more.
fn is_over(stage: &Stage) -> bool {
    stage.close == Some(Close::Done)
        && stage.sent.is_empty()
        && stage.session.poll_timeout().is_none()
        && stage.session.state() == &mig33_client::State::default()
}

#[test]
fn a_log_out_during_a_restart_reaches_the_server_by_a_log_in_that_nobody_sees() {
    let mut stage = log_out_restarted();
    stage.wait(500);
    assert_eq!(
        stage.connects, 2,
        "within half a second, however late the bridge wants its clients"
    );
    stage.wait(6_000);
    let (number, login) = log_in_to_log_out(&mut stage);
    assert_eq!(login.username.unwrap(), "alice");
    assert_eq!(&login.resume_token.unwrap().expose()[..], b"token");
    assert_eq!(login.session_id.unwrap(), "s1", "its place is taken over, to be given up");
    assert_eq!(login.initial_presence, Some(mig33_client::Presence::OFFLINE));
    stage.wait(6_000);
    stage.push(error("unasked"));
    assert_eq!(stage.close, None);
    stage.reply(number, login_ok());
    stage.take::<packets::Logout>();
    assert!(is_over(&stage));
    assert_eq!(stage.events.len(), 2, "the person hears of none of it: {:?}", stage.events);
}

#[test]
fn a_log_out_is_tried_until_the_service_is_back_but_not_for_ever() {
    let mut stage = log_out_restarted();
    stage.session.renew(Config::new("test", Box::new(|| [127; 16])));
    stage.wait(500);
    for (code, reason) in [(1006, None), (1011, Some("no server")), (1012, Some("retry_ms=100"))] {
        let before = stage.connects;
        stage.session.disconnected(stage.now, code, reason);
        stage.pump();
        assert_eq!(stage.connects, before, "after a pause");
        stage.wait(8_000);
        assert_eq!(stage.connects, before + 1, "{code}");
    }
    // the connection breaks before the answer to LOGIN: the session that it began goes on
    let (number, _) = log_in_to_log_out(&mut stage);
    stage.cut();
    stage.wait(16_000);
    resume(&mut stage);
    assert!(stage.sent.is_empty());
    stage.reply(number, login_ok());
    stage.take::<packets::Logout>();
    assert!(is_over(&stage));

    // and where it does not go on, there is another
    let mut stage = log_out_restarted();
    stage.wait(500);
    log_in_to_log_out(&mut stage);
    stage.session.disconnected(stage.now, 1012, Some("retry_ms=100"));
    stage.wait(8_000);
    stage.open(Tunnel::Resume);
    stage.control(answer("other", false, 0));
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, login_ok());
    stage.take::<packets::Logout>();
    assert!(is_over(&stage));

    // nobody there, or nobody who answers
    let silent: [fn(&mut Stage); 3] = [
        Stage::cut,
        |_| {},
        |stage| {
            stage.open(Tunnel::Plain);
            stage.take::<packets::Login>();
        },
    ];
    for (which, goes) in silent.into_iter().enumerate() {
        let mut stage = log_out_restarted();
        stage.wait(500);
        while stage.session.poll_timeout().is_some() {
            goes(&mut stage);
            let connects = stage.connects;
            while stage.connects == connects && stage.session.poll_timeout().is_some() {
                stage.wait(500);
            }
        }
        assert!((6..60).contains(&stage.connects), "{which}: {} attempts", stage.connects);
        let tried_for = stage.now - crate::stage::START - 10_000;
        assert!((120_000..=121_000).contains(&tried_for), "{which}: {tried_for}");
        stage.session.reconnect_now(stage.now);
        stage.wait(200_000);
        assert!(is_over(&stage), "{which}");
    }
}

#[test]
fn a_log_out_that_a_server_cannot_take_just_now_is_tried_again() {
    let mut stage = log_out_restarted();
    stage.wait(500);
    let (number, _) = log_in_to_log_out(&mut stage);
    stage.reply(number, error("Maintenance."));
    assert_eq!((stage.close, stage.connects), (Some(Close::Done), 2));
    stage.wait(8_000);
    assert_eq!(stage.connects, 3);
    let (number, _) = log_in_to_log_out(&mut stage);
    stage.reply(number, login_ok());
    stage.take::<packets::Logout>();
    assert!(is_over(&stage));
    // but nobody waits for that
    let mut stage = log_out_restarted();
    stage.session.log_in(stage.now, "bob", "secret");
    stage.pump();
    let (number, _) = log_in_to_log_out(&mut stage);
    stage.reply(number, error("Maintenance."));
    assert_eq!(stage.connects, 3);
    begin(&mut stage);
}

#[test]
fn a_log_out_whose_token_is_not_good_any_more_is_done() {
    let mut stage = log_out_restarted();
    stage.wait(500);
    let (number, _) = log_in_to_log_out(&mut stage);
    stage.reply(number, challenge("k3Yf9QzL"));
    assert!(is_over(&stage));
}

#[test]
fn a_log_out_before_a_log_in_is_answered_is_one_too() {
    let mut stage = Stage::new();
    stage.session.log_in_with_token(stage.now, "alice", b"token"[..].into());
    stage.pump();
    stage.open(Tunnel::Plain);
    stage.take::<packets::Login>();
    stage.session.log_out(stage.now);
    stage.wait(0);
    assert_eq!((stage.close, stage.connects), (Some(Close::Done), 2));
    stage.open(Tunnel::Plain);
    let (number, _) = stage.take::<packets::Login>();
    stage.reply(number, login_ok());
    stage.take::<packets::Logout>();
    assert!(is_over(&stage));

    // by password: nobody is in, and there is nothing to take back
    let mut stage = Stage::new();
    stage.session.log_in(stage.now, "alice", "secret");
    stage.pump();
    stage.open(Tunnel::Plain);
    stage.take::<packets::Login>();
    stage.session.log_out(stage.now);
    stage.wait(0);
    assert_eq!((stage.closes, stage.connects), (1, 1));
    assert!(is_over(&stage));
}

#[test]
fn a_log_in_waits_for_a_log_out_during_a_restart_but_not_for_long() {
    let mut stage = log_out_restarted();
    stage.session.log_in(stage.now, "bob", "secret");
    stage.pump();
    assert_eq!((&stage.session.state().link, stage.connects), (&Link::Connecting, 2), "at once");
    let (number, _) = log_in_to_log_out(&mut stage);
    let answer = bytes(number, &[Packet::from(login_ok())]);
    stage.arrive(answer.slice(..9));
    // the page forgets everything of whoever was here before
    stage.session.renew(Config::new("test", Box::new(|| [7; 16])));
    stage.session.log_in(stage.now, "bob", "secret");
    stage.arrive(answer.slice(9..));
    stage.take::<packets::Logout>();
    assert_eq!((stage.close, stage.connects), (Some(Close::Done), 3));
    begin(&mut stage);

    for code in [1006, 1012] {
        let mut stage = log_out_restarted();
        stage.session.log_in(stage.now, "bob", "secret");
        stage.pump();
        stage.session.disconnected(stage.now, code, Some("retry_ms=100"));
        stage.pump();
        assert_eq!(stage.connects, 3, "{code}: on to who waits");
        begin(&mut stage);
    }
}

#[test]
fn what_a_session_sends_is_not_told_with_it() {
    let mut stage = log_out_restarted();
    stage.wait(500);
    log_in_to_log_out(&mut stage);
    let told = format!("{:?}", stage.session);
    // as text, and as the numbers of its bytes
    assert!(!told.contains("token") && !told.contains("116, 111, 107"), "{told}");
    assert!(told.len() < 100, "{told}");
}

//! A log-out where the connection is lost: the server hears of it over the next one (spec/resume.md).
use mig33_client::{Close, Config, Event, Link, Tunnel};
use mig33_codec::packets::{self, Packet};

use crate::resume::{GRACE_S, answer, begin, online, resume, say};
use crate::stage::{Stage, bytes, error};

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

    let gone: [fn(&mut Stage); 4] = [
        |stage| {
            stage.open(Tunnel::Resume);
            stage.control(answer("other", false, 0));
        },
        |stage| stage.open(Tunnel::Plain),
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

//! Clients that never say RECEIVED: what counts as delivered to them, and what comes again (spec/wire.md section 4).
use mig33_codec::hash::HashKind;
use mig33_codec::packets::{
    Login, LoginChallenge, LoginOk, Logout, Message, MessageStatusEvent, Ping, Pong,
};
use mig33_codec::values::StatusEvent;
use mig33_codec::{Command, Frame, Text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Client, PASSWORD, Reset, World, decode, guid};
use crate::virtual_time::{pass, settle, world};

/// A session of bob on a connection that can be reset.
async fn bob(world: &World) -> (Client, Reset) {
    let (mut bob, reset) = world.connect_resettable(1 << 16);
    bob.log_in("bob").await;
    (bob, reset)
}

async fn status(bob: &mut Client, guid: &str, kind: StatusEvent) {
    bob.send(MessageStatusEvent {
        message_destination: Some("alice".into()),
        message_guid: Some(guid.into()),
        message_event_type: Some(kind),
        ..MessageStatusEvent::default()
    })
    .await;
}

/// Logs bob in, to go on with the session of this id; the id that the session has now.
async fn log_in_to(bob: &mut Client, session_id: Option<Text>) -> Option<Text> {
    bob.send(Login { username: Some("bob".into()), session_id, ..Login::default() }).await;
    let challenge: LoginChallenge = bob.expect().await;
    bob.prove(&challenge, PASSWORD, HashKind::Sha1Fold).await;
    bob.until::<LoginOk>().await;
    challenge.session_id
}

/// The guids of the messages that wait for bob, whose new session they come to. They go on waiting.
async fn waiting(world: &World) -> Vec<String> {
    let (mut bob, reset) = bob(world).await;
    let came = bob.all::<Message>().await.iter().map(guid).collect();
    reset.now().await;
    came
}

/// How many messages alice is told that they were received.
async fn told(alice: &mut Client) -> usize {
    let is_receipt = |frame: &&Frame| {
        frame.command == Command::MESSAGE_STATUS_EVENT
            && decode::<MessageStatusEvent>(frame).message_event_type == Some(StatusEvent::RECEIVED)
    };
    alice.fence().await.iter().filter(is_receipt).count()
}

#[tokio::test]
async fn sixty_that_wait_come_again_to_who_pings_and_is_cut_off() {
    let world = World::new().await;
    let (mut alice, away) = world.friends("alice", "bob").await;
    drop(away);
    let guids: Vec<String> = (0..60).map(|n| format!("g{n}")).collect();
    for guid in &guids {
        alice.say("bob", guid, "x").await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(waiting(&world).await, guids, "PING is the first thing that it says");
    }
    assert_eq!(told(&mut alice).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_packet_ten_seconds_later_tells_that_a_message_is_there_and_none_before() {
    let (world, _still) = world().await;
    let (mut alice, away) = world.friends("alice", "bob").await;
    drop(away);
    alice.say("bob", "g1", "x").await.unwrap();
    let (mut silent, reset) = bob(&world).await;
    silent.fence().await;
    pass(5).await;
    alice.say("bob", "g2", "x").await.unwrap();
    silent.until::<Message>().await;
    pass(4).await;
    silent.fence().await; // 9 s
    assert_eq!(told(&mut alice).await, 0);
    pass(1).await;
    silent.fence().await; // 10 s, and 5 s for the second
    let event = alice.until::<MessageStatusEvent>().await.1;
    assert_eq!(event.message_guid, Some("g1".into()));
    assert_eq!(event.server_generated, Some(1));
    reset.now().await;
    assert_eq!(waiting(&world).await, ["g2"]);
    assert_eq!(told(&mut alice).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_crosses_a_keep_alive_comes_again() {
    let (world, _still) = world().await;
    let (mut alice, mut keeps_alive) = world.friends("alice", "bob").await;
    pass(60).await;
    keeps_alive.fence().await;
    drop(keeps_alive);
    let (mut crossed, reset) = bob(&world).await;
    crossed.fence().await; // nothing is under way, whose time would be over
    pass(60).await;
    alice.say("bob", "g1", "x").await.unwrap();
    crossed.fence().await; // on its way when the message was written
    reset.now().await;
    assert_eq!(waiting(&world).await, ["g1"]);
    assert_eq!(told(&mut alice).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_and_is_read_late_tells_nothing() {
    const MANY: usize = 20;
    let (world, _still) = world().await;
    let (mut alice, away) = world.friends("alice", "bob").await;
    drop(away);
    for n in 0..MANY {
        alice.say("bob", &format!("g{n}"), &"x".repeat(8000)).await.unwrap();
    }
    // so much waits for it that its packets are not read
    let (mut slow, reset) = world.connect_resettable(256);
    slow.log_in("bob").await;
    slow.until::<Message>().await;
    slow.send(Ping::default()).await;
    pass(12).await;
    let frames = slow.until::<Pong>().await.0;
    assert!(frames.len() > MANY / 2, "it was read when much had been taken");
    reset.now().await;
    assert_eq!(waiting(&world).await.len(), MANY);
    assert_eq!(told(&mut alice).await, 0);
}

#[tokio::test]
async fn a_log_out_and_an_orderly_end_tell_that_all_is_there() {
    let world = World::new().await;
    let (mut alice, mut leaving) = world.friends("alice", "bob").await;
    alice.say("bob", "g1", "x").await.unwrap();
    leaving.until::<Message>().await;
    leaving.send(Logout::default()).await;
    leaving.closed().await;
    alice.until::<MessageStatusEvent>().await;
    let (mut ends, serving) = world.connect_held(1 << 16);
    ends.log_in("bob").await;
    assert!(ends.fence().await.is_empty());
    alice.say("bob", "g2", "x").await.unwrap();
    ends.until::<Message>().await;
    drop(ends);
    serving.await.unwrap();
    alice.until::<MessageStatusEvent>().await;
    // inside a packet it is no orderly end
    let (mut cut, serving) = world.connect_held(1 << 16);
    cut.log_in("bob").await;
    assert!(cut.fence().await.is_empty());
    alice.say("bob", "g3", "x").await.unwrap();
    cut.until::<Message>().await;
    cut.stream.write_all(&[2, 0, 2]).await.unwrap();
    drop(cut);
    serving.await.unwrap();
    assert_eq!(waiting(&world).await, ["g3"]);
    assert_eq!(told(&mut alice).await, 0);
}

#[tokio::test]
async fn who_takes_over_a_session_that_says_received_says_so_too() {
    // any later packet would do for who says nothing
    let world = World::with(|settings| settings.limits.silent_receipt_s = 0).await;
    let (mut alice, away) = world.friends("alice", "bob").await;
    drop(away);
    let mut first = world.connect();
    let session = log_in_to(&mut first, None).await;
    alice.say("bob", "g1", "x").await.unwrap();
    first.until::<Message>().await;
    status(&mut first, "g1", StatusEvent::RECEIVED).await;
    first.fence().await;
    assert_eq!(told(&mut alice).await, 1);

    let mut second = world.connect();
    let session = log_in_to(&mut second, session).await;
    alice.say("bob", "g2", "x").await.unwrap();
    second.until::<Message>().await;
    second.fence().await; // a later packet, and not its word

    // nor does it end where the service is started anew
    let world = world.restarted().await;
    let mut third = world.connect();
    log_in_to(&mut third, session).await;
    assert_eq!(guid(&third.until::<Message>().await.1), "g2");
    third.fence().await;
    drop(third);
    let mut silent = world.session("bob").await;
    assert_eq!(guid(&silent.until::<Message>().await.1), "g2");
    silent.fence().await;
    drop(silent);
    assert!(world.session("bob").await.fence().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn typing_is_no_word_about_messages_and_a_ping_without_number_is_nobodys() {
    let (world, _still) = world().await;
    let (mut alice, away) = world.friends("alice", "bob").await;
    drop(away);
    alice.say("bob", "g1", "x").await.unwrap();
    let (mut types, reset) = bob(&world).await;
    types.until::<Message>().await;
    status(&mut types, "", StatusEvent::COMPOSING).await;
    types.fence().await;
    pass(10).await;
    // a tunnel sends these for a client that is not there
    types.send_as(0, Ping::default()).await;
    types.until::<Pong>().await;
    reset.now().await;
    assert_eq!(waiting(&world).await, ["g1"]);
    assert_eq!(told(&mut alice).await, 0);
    let (mut types, reset) = bob(&world).await;
    status(&mut types, "", StatusEvent::COMPOSING).await;
    types.fence().await;
    pass(10).await;
    types.fence().await;
    reset.now().await;
    assert!(waiting(&world).await.is_empty());
}

#[tokio::test]
async fn an_end_that_was_there_before_the_last_bytes_were_written_tells_nothing_of_them() {
    let world = World::new().await;
    let (mut alice, away) = world.friends("alice", "bob").await;
    drop(away);
    // a stream that holds half of the message
    let (mut bob, serving) = world.connect_held(256);
    bob.log_in("bob").await;
    bob.fence().await;
    alice.say("bob", "g1", &"x".repeat(300)).await.unwrap();
    settle().await;
    // in one go: the stream ends, and there is room for the rest
    bob.stream.shutdown().await.unwrap();
    let mut half = [0; 256];
    bob.stream.read_exact(&mut half).await.unwrap();
    serving.await.unwrap();
    assert_eq!(waiting(&world).await, ["g1"]);
    assert_eq!(told(&mut alice).await, 0);
}

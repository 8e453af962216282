//! Every row of spec/wire.md section 10, and limits.
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use mig33_codec::packets::{
    ChangePassword, Error, KickChatroomParticipant, Message, Ping, Pong, SessionTerminated,
    SetStatusMessage,
};
use mig33_codec::values::{ChatDestination, ErrorCode};
use mig33_codec::{Command, Frame};
use tokio::io::AsyncWriteExt;

use crate::harness::{World, decode, private};

scenarios!(
    bytes_that_are_no_packet_end_the_connection,
    what_is_not_served_is_named,
    bad_blocks_are_named_and_nothing_is_done,
    a_packet_that_breaks_off_is_no_request,
    wrong_passwords_are_answered_ever_more_slowly_by_account,
);

async fn bytes_that_are_no_packet_end_the_connection(world: World) {
    let mut over = vec![2, 0, 2, 0, 1];
    over.extend(358_401u32.to_be_bytes());
    let overrun = [2, 0, 200, 0, 1, 0, 0, 0, 7, 0, 1, 0, 0, 0, 9, 1];
    let trailing = [2, 0, 2, 0, 1, 0, 0, 0, 3, 1, 2, 3];
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &over, &overrun, &trailing] {
        let mut client = world.connect();
        client.send(Ping::default()).await;
        client.stream.write_all(bytes).await.unwrap();
        let frames = client.closed().await;
        assert_eq!(frames.len(), 1, "what came before is answered");
        decode::<Pong>(&frames[0]);
    }
    let mut fine = world.connect();
    assert!(fine.fence().await.is_empty(), "others do not notice");
}

async fn what_is_not_served_is_named(world: World) {
    let mut alice = world.user("alice").await;
    for (error, name) in [
        (alice.ask(ChangePassword::default()).await.unwrap_err(), "CHANGE_PASSWORD (908)"),
        (
            alice.ask(KickChatroomParticipant::default()).await.unwrap_err(),
            "KICK_CHATROOM_PARTICIPANT (706)",
        ),
        (
            alice
                .ask(Frame::new(Command(4242), 9, bytes::Bytes::new()).unwrap())
                .await
                .unwrap_err(),
            "4242",
        ),
        (alice.ask(Pong::default()).await.unwrap_err(), "PONG (3)"),
    ] {
        assert!(error.contains(name), "{error}");
    }
    alice.send(ChangePassword::default()).await;
    assert_eq!(alice.expect::<Error>().await.code, Some(ErrorCode::UNDEFINED));
    assert!(alice.fence().await.is_empty(), "the session goes on");
}

async fn bad_blocks_are_named_and_nothing_is_done(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let no_content = Message { content: None, ..private("bob", "g1", "") };
    let no_kind = Message { destination_type: None, ..private("bob", "g2", "x") };
    let group = Message {
        destination_type: Some(ChatDestination::GROUP_CHAT),
        ..private("bob", "g3", "x")
    };
    let long_name =
        Message { file_name: Some("x".repeat(9000).into()), ..private("bob", "g4", "x") };
    for (packet, block) in [(no_content, 8), (no_kind, 3), (group, 3), (long_name, 7)] {
        let error = alice.ask(packet).await.unwrap_err();
        assert!(error.contains(&format!("block {block} (")), "{error}");
    }
    // an integer of three bytes
    let mut params = BytesMut::new();
    params.put_slice(&[0, 1, 0, 0, 0, 3, 0, 0, 1]);
    let frame = Frame::new(Command::SET_PRESENCE, 5, params.freeze()).unwrap();
    assert!(alice.ask(frame).await.unwrap_err().contains("block 1"));
    let long =
        SetStatusMessage { status_message: Some("x".repeat(8193).into()), ..Default::default() };
    assert!(alice.ask(long).await.unwrap_err().contains("block 1 (status_message)"));
    assert!(bob.fence().await.is_empty());
}

async fn a_packet_that_breaks_off_is_no_request(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut bytes = BytesMut::new();
    mig33_codec::Encode::encode_into(&private("bob", "g1", "hello"), 9, &mut bytes).unwrap();
    alice.stream.write_all(&bytes[..bytes.len() - 1]).await.unwrap();
    alice.stream.shutdown().await.unwrap();
    assert!(alice.closed().await.is_empty());
    let news = bob.until::<mig33_codec::packets::Presence>().await.0;
    assert!(news.is_empty());
}

async fn wrong_passwords_are_answered_ever_more_slowly_by_account(_: World) {
    let world = World::with(|settings| {
        settings.limits.free_wrong_answers = 1;
        settings.limits.wrong_answer_pause_s = 30;
    })
    .await;
    world.user("alice").await;
    let mut eve = world.connect();
    let login =
        mig33_codec::packets::Login { username: Some("alice".into()), ..Default::default() };
    eve.send(login.clone()).await;
    let challenge = eve.expect().await;
    eve.prove(&challenge, "wrong one", mig33_codec::hash::HashKind::Sha1Fold).await;
    eve.expect::<Error>().await;
    // the second wrong answer is kept back; meanwhile nobody from there is let in
    eve.send(login.clone()).await;
    let challenge = eve.expect().await;
    eve.prove(&challenge, "wrong two", mig33_codec::hash::HashKind::Sha1Fold).await;
    let started = std::time::Instant::now();
    let mut other = world.connect();
    other.send(login).await;
    let challenge = other.expect().await;
    other.prove(&challenge, crate::harness::PASSWORD, mig33_codec::hash::HashKind::Sha1Fold).await;
    let frame = other.frame().await;
    eve.expect::<Error>().await;
    // which of the two came first is open; that the wrong one waited is not
    assert!(started.elapsed() >= Duration::from_millis(900) || frame.command == Command::ERROR);
}

#[tokio::test]
async fn too_many_requests_are_refused_then_the_session_ends() {
    let world = World::with(|settings| {
        settings.limits.request_burst = 20;
        settings.limits.requests_per_s = 1;
        settings.limits.refused_requests = 5;
    })
    .await;
    let mut client = world.connect();
    for _ in 0..40 {
        client.send(Ping::default()).await;
    }
    let frames = client.closed().await;
    assert_eq!(frames.iter().filter(|frame| frame.command == Command::PONG).count(), 20);
    let refused: Vec<Error> =
        frames.iter().filter(|frame| frame.command == Command::ERROR).map(decode).collect();
    assert_eq!(refused.len(), 5);
    assert!(refused[0].description.clone().unwrap().as_str().contains("Wait 1 s"));
    assert_eq!(decode::<SessionTerminated>(frames.last().unwrap()).reason.unwrap(), "kicked");
}

#[tokio::test]
async fn connections_over_the_limit_are_told_and_closed() {
    let world = World::with(|settings| settings.limits.connections_per_address = 1).await;
    let peer = Some("192.0.2.1".parse().unwrap());
    let mut first = world.connect_from(peer, 4096);
    assert!(first.fence().await.is_empty());
    let frames = world.connect_from(peer, 4096).closed().await;
    assert!(decode::<Error>(&frames[0]).description.unwrap().as_str().contains("full"));
    drop(first);
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while world.connect_from(peer, 4096).refused().await {
        assert!(tokio::time::Instant::now() < patience, "the first one's place is free again");
    }
}

impl crate::harness::Client {
    /// Whether there is no place for this connection.
    async fn refused(&mut self) -> bool {
        use tokio::io::AsyncReadExt;
        let mut bytes = BytesMut::new();
        mig33_codec::Encode::encode_into(&Ping::default(), 1, &mut bytes).unwrap();
        drop(self.stream.write_all(&bytes).await);
        let mut first = [0; 3];
        self.stream.read_exact(&mut first).await.unwrap();
        first[2] == 0
    }
}

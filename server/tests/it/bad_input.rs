//! Every row of spec/wire.md section 10, and limits.
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use mig33_codec::packets::{
    AddContact, AddGroup, ChangePassword, CreateChatroom, Error, KickChatroomParticipant, Message,
    Packet, Ping, Pong, SessionTerminated, SetStatusMessage, StatusMessage, UpdateGroup,
};
use mig33_codec::values::{ChatDestination, ContentType, ErrorCode};
use mig33_codec::{Command, Frame, catalogue};
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use crate::harness::{World, decode, private};

scenarios!(
    bytes_that_are_no_packet_end_the_connection,
    what_is_not_served_is_named,
    bad_blocks_are_named_and_nothing_is_done,
    a_packet_that_breaks_off_is_no_request,
    what_is_shown_beside_others_is_one_line_that_keeps_to_itself,
    controls_in_a_text_reach_nobody,
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
        (alice.ask(Frame::new(Command(4242), 9, Bytes::new()).unwrap()).await.unwrap_err(), "4242"),
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

/// What sets something that others see to a text.
type Sets = fn(&str) -> Packet;

async fn what_is_shown_beside_others_is_one_line_that_keeps_to_itself(_: World) {
    let world = World::with(|settings| settings.limits.request_burst = 1000).await;
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let _carol = world.user("carol").await;
    let requests: [(&str, Sets); 8] = [
        ("status message", |text| {
            SetStatusMessage { status_message: Some(text.into()), ..Default::default() }.into()
        }),
        ("description", |text| {
            let (chatroom_name, description) = (Some("den".into()), Some(text.into()));
            CreateChatroom { chatroom_name, description, ..Default::default() }.into()
        }),
        ("display name", |text| {
            let (username, display_name) = (Some("carol".into()), Some(text.into()));
            AddContact { username, display_name, ..Default::default() }.into()
        }),
        ("group", |text| AddGroup { group_name: Some(text.into()), ..Default::default() }.into()),
        ("group", |text| {
            let (group_id, group_name) = (Some(1), Some(text.into()));
            UpdateGroup { group_id, group_name, ..Default::default() }.into()
        }),
        ("file", |text| {
            let (content_type, file_name) = (Some(ContentType::AUDIO), Some(text.into()));
            Message { content_type, file_name, ..private("bob", "g1", "x") }.into()
        }),
        ("type", |text| {
            let (content_type, mime_type) = (Some(ContentType::AUDIO), Some(text.into()));
            Message { content_type, mime_type, ..private("bob", "g2", "x") }.into()
        }),
        ("room", |text| {
            CreateChatroom { chatroom_name: Some(text.into()), ..Default::default() }.into()
        }),
    ];
    for (what, request) in requests {
        for bad in [
            "a\nb",
            "a\0b",
            "a\x1b[2Jb",
            "a\x7fb",
            "a\u{9b}b",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{202e}b\u{202c}c",
            "a\u{202b}b",
            "a\u{2067}b",
            "a\u{2069}b",
        ] {
            let refused = alice.ask(request(bad)).await;
            assert!(refused.unwrap_err().contains(what), "{what} {bad:?}");
        }
    }
    assert!(bob.fence().await.is_empty(), "nothing is done");
    let described = |text: &str| CreateChatroom {
        chatroom_name: Some("den".into()),
        description: Some(text.into()),
        ..Default::default()
    };
    assert!(alice.ask(described(&"ü".repeat(256))).await.unwrap_err().contains("255 characters"));
    alice.ask(described(&"ü".repeat(255))).await.unwrap();
    // who writes from right to left may do so
    let status =
        |text: &str| SetStatusMessage { status_message: Some(text.into()), ..Default::default() };
    for good in
        ["\u{200f}שלום abc", "\u{2067}שלום\u{2069}!", "\u{202b}שלום\u{202c}", "👨\u{200d}👩"]
    {
        alice.ask(status(good)).await.unwrap();
        let (_, told) = bob.until::<StatusMessage>().await;
        assert_eq!(told.status_message.unwrap(), good);
    }
}

async fn controls_in_a_text_reach_nobody(world: World) {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut guids = (0..).map(|n| format!("g{n}"));
    let mut guid = || guids.next().unwrap();
    for (sent, comes) in [
        (&b"a\x1b[2Jb\0c\x7f"[..], &b"a[2Jbc"[..]),
        ("é\u{9b}31m\u{202e}x".as_bytes(), "é31m\u{202e}x".as_bytes()),
        // what a text has of its own, and what is none that anybody can read
        (b"two\r\n\tlines\n", b"two\r\n\tlines\n"),
        (b"\xff\x9b\xc2", b"\xff\x9b\xc2"),
    ] {
        let message =
            Message { content: Some(Bytes::from_static(sent)), ..private("bob", &guid(), "") };
        alice.ask(message).await.unwrap();
        let (_, message) = bob.until::<Message>().await;
        assert_eq!(message.content.unwrap(), comes);
    }
    let nothing = private("bob", &guid(), "\x1b\0\u{85}");
    assert!(alice.ask(nothing).await.unwrap_err().contains("block 8"));
    // a file is what it is
    let file =
        Message { content_type: Some(ContentType::AUDIO), ..private("bob", &guid(), "\x1b\0") };
    alice.ask(file).await.unwrap();
    assert_eq!(bob.until::<Message>().await.1.content.unwrap(), &b"\x1b\0"[..]);
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

/// Any command with any blocks: known ones more often, with contents that mean something now and then.
fn any_frame() -> impl Strategy<Value = Frame> {
    let known: Vec<u16> = catalogue().iter().map(|packet| packet.command.0).collect();
    let command = prop_oneof![9 => proptest::sample::select(known), 1 => any::<u16>()];
    let content = prop_oneof![
        Just(&b"bob"[..]),
        Just(&b"alice"[..]),
        Just(&b"Lobby"[..]),
        Just(&[1][..]),
        Just(&[3][..]),
        Just(&[0, 0, 0, 1][..]),
        Just(&[0xff; 8][..]),
        Just(&b""[..]),
    ];
    let content = prop_oneof![
        3 => content.prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    let blocks = proptest::collection::vec((0u16..32, content), 0..8);
    (command, any::<u16>(), blocks).prop_map(|(command, transaction, blocks)| {
        let mut params = BytesMut::new();
        for (id, content) in blocks {
            params.put_u16(id);
            params.put_u32(content.len() as u32);
            params.put_slice(&content);
        }
        Frame::new(Command(command), transaction, params.freeze()).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever a client asks for, the service goes on, for it and for others.
    #[test]
    fn any_packets_leave_the_service_well(frames in proptest::collection::vec(any_frame(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let (alice, mut bob) = world.friends("alice", "bob").await;
            for mut client in [alice, world.connect()] {
                for frame in &frames {
                    if frame.command != Command::LOGOUT {
                        client.send(frame.clone()).await;
                    }
                }
                client.fence().await;
            }
            bob.fence().await;
            let mut alice = world.session("alice").await;
            alice.fence().await;
            alice.join("Lobby").await.unwrap();
            alice.ask(Message { guid: None, ..crate::harness::in_room("Lobby", "", "still here") }).await.unwrap();
        });
    }
}

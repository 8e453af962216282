//! Limits on what one person can do to others: nobody gets around them by a new connection, or by many.
use std::net::IpAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mig33_codec::hash::HashKind;
use mig33_codec::packets::{
    AddContact, ContactRequest, CreateChatroom, Error, GetMessages, GetUrl, JoinChatroom, Login,
    LoginChallenge, LoginOk, Message, NewRegistration, Ping, Pong, RejectContactRequest,
    RemoveContact,
};
use mig33_codec::values::{ChatDestination, ContentType, ErrorCode};
use mig33_codec::{Command, Encode, HEADER_LEN, MAX_PARAMS_BEFORE_LOGIN, Text};
use mig33_peer::{Proxies, Trusted};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::harness::{Client, PASSWORD, World, decode, in_room, private};
use crate::pictures::PNG;
use crate::virtual_time::{settle, world_with};

/// The beginning of a LOGIN whose PARAMS are to have `length` bytes; `here` of them.
fn beginning(length: usize, here: usize) -> Vec<u8> {
    let mut bytes = vec![2, 0, 200, 0, 1];
    bytes.extend((length as u32).to_be_bytes());
    bytes.resize(HEADER_LEN + here, 0);
    bytes
}

#[tokio::test]
async fn packets_are_small_before_log_in() {
    let world = World::new().await;
    let mut alice = world.user("alice").await;
    alice.join("Lobby").await.unwrap();
    let large = Message {
        content: Some(vec![b'x'; 8000].into()),
        file_name: Some("x".repeat(250).into()),
        ..in_room("Lobby", "g1", "")
    };
    assert!(large.encode(1).unwrap().params().len() > MAX_PARAMS_BEFORE_LOGIN);
    alice.ask(large).await.unwrap();
    let mut stranger = world.connect();
    stranger.send(Ping::default()).await;
    stranger.stream.write_all(&beginning(MAX_PARAMS_BEFORE_LOGIN + 1, 0)).await.unwrap();
    let frames = stranger.closed().await;
    assert_eq!(frames.len(), 1, "what came before is answered");
    decode::<Pong>(&frames[0]);
}

#[tokio::test]
async fn connections_without_a_log_in_hold_so_much_together_and_no_more() {
    let world = World::with(|settings| settings.limits.login_bytes = 16_000).await;
    let mut holding = Vec::new();
    for _ in 0..2 {
        let mut client = world.connect();
        client.stream.write_all(&beginning(8000, 7500)).await.unwrap();
        client.stream.flush().await.unwrap();
        holding.push(client);
    }
    // who would hold more than is left is closed; which of them that is, is not said
    let mut third = world.connect();
    third.stream.write_all(&beginning(8000, 7500)).await.unwrap();
    holding.push(third);
    let closed = futures_util::future::select_all(
        holding.iter_mut().map(|client| Box::pin(client.closed())),
    );
    assert!(closed.await.0.is_empty());
    // a log-in is small, and comes in one piece
    let mut fine = world.connect();
    fine.send(Login { username: Some("alice".into()), ..Login::default() }).await;
    fine.expect::<LoginChallenge>().await;
}

#[tokio::test]
async fn requests_count_by_account_and_not_by_connection() {
    let world = World::with(|settings| {
        settings.limits.request_burst = 30;
        settings.limits.requests_per_s = 1;
    })
    .await;
    let begun = Instant::now();
    let mut made = 0;
    world.connect().register("alice").await;
    for _ in 0..5 {
        let mut alice = world.session("alice").await;
        for _ in 0..20 {
            alice.send(Ping::default()).await;
        }
        for _ in 0..20 {
            let frame = alice.frame().await;
            made += u64::from(frame.command == Command::PONG);
        }
        drop(alice.stream.shutdown().await);
        alice.closed().await; // it is over before the next one comes
    }
    assert!((30..=31 + begun.elapsed().as_secs()).contains(&made), "{made}");
    let mut bob = world.user("bob").await;
    assert!(bob.fence().await.is_empty(), "another account has its own share");
}

#[tokio::test]
async fn pages_that_come_back_together_get_their_rooms_and_history() {
    let burst = mig33_server::Settings::default().limits.request_burst;
    let world = World::with(|settings| settings.limits.request_burst = burst).await;
    let rooms: Vec<String> = (0..10).map(|n| format!("Room {n}")).collect();
    let mut owner = world.user("owner").await;
    for room in &rooms {
        let name = Some(room.as_str().into());
        owner
            .ask(CreateChatroom { chatroom_name: name, ..CreateChatroom::default() })
            .await
            .unwrap();
    }
    world.connect().register("alice").await;
    let mut pages = Vec::new();
    for _ in 0..3 {
        pages.push(world.session("alice").await);
    }
    for page in &mut pages {
        for room in &rooms {
            let name = Some(room.as_str().into());
            page.send(JoinChatroom { chatroom_name: name, ..JoinChatroom::default() }).await;
            page.send(GetMessages {
                chat_id: Some(room.as_str().into()),
                chat_type: Some(ChatDestination::CHATROOM),
                ..GetMessages::default()
            })
            .await;
        }
    }
    for page in &mut pages {
        let frames = page.fence().await;
        let count = |command| frames.iter().filter(|frame| frame.command == command).count();
        assert_eq!((count(Command::ERROR), count(Command::END_MESSAGES)), (0, 10));
    }
}

#[tokio::test]
async fn bytes_count_by_account_and_not_by_connection() {
    let world = World::with(|settings| {
        settings.limits.account_burst_bytes = 10_000;
        settings.limits.account_bytes_per_s = 1;
    })
    .await;
    let mut alice = world.user("alice").await;
    let mut two = world.session("alice").await;
    for session in [&mut alice, &mut two] {
        session.join("Lobby").await.unwrap();
    }
    let text = "x".repeat(4000);
    alice.ask(in_room("Lobby", "g1", &text)).await.unwrap();
    two.ask(in_room("Lobby", "g2", &text)).await.unwrap();
    let mut three = world.session("alice").await;
    for session in [&mut alice, &mut two, &mut three] {
        let error = session.ask(in_room("Lobby", "g3", &text)).await.unwrap_err();
        assert!(error.contains("Wait"), "{error}");
    }
    alice.ask(in_room("Lobby", "g3", "a short one")).await.unwrap();
}

fn picture(guid: &str) -> Message {
    Message {
        content_type: Some(ContentType::IMAGE),
        content: Some(Bytes::from_static(PNG)),
        ..private("bob", guid, "")
    }
}

#[tokio::test]
async fn pictures_count_by_the_day_however_they_are_sent() {
    let world = World::with(|settings| settings.limits.pictures_per_day = 2).await;
    let (mut alice, bob) = world.friends("alice", "bob").await;
    let first = alice.ask(picture("p1")).await.unwrap();
    let address =
        GetUrl { url_type: Some(20), profile_name: Some("bob".into()), ..GetUrl::default() };
    alice.ask(address.clone()).await.unwrap();
    let sound = Message { content_type: Some(ContentType::AUDIO), ..picture("p3") };
    for _ in 0..2 {
        for one in [picture("p2"), sound.clone()] {
            let error = alice.ask(one).await.unwrap_err();
            assert!(error.contains("in a day"), "{error}");
        }
        assert!(alice.ask(address.clone()).await.is_err());
        alice = world.session("alice").await;
    }
    assert_eq!(alice.ask(picture("p1")).await.unwrap(), first, "a retry is no second picture");
    drop((alice, bob));
    let world = world.restarted().await;
    let mut alice = world.session("alice").await;
    assert!(alice.ask(picture("p2")).await.is_err(), "a restart does not lift it");
    world.clock.pass(24 * 60 * 60 * 1000 + 1);
    alice.ask(picture("p2")).await.unwrap();
}

/// A connection over TCP that a trusted proxy makes for this address, and what it is told first.
async fn over_tcp(listening: std::net::SocketAddr, client: &str) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(listening).await.unwrap();
    let mut bytes = format!("PROXY TCP4 {client} 192.0.2.99 1 2\r\n").into_bytes();
    bytes.extend([2, 0, 2, 0, 1, 0, 0, 0, 0]);
    stream.write_all(&bytes).await.unwrap();
    let mut header = [0; 3];
    stream.read_exact(&mut header).await.unwrap();
    (stream, header[2])
}

#[tokio::test]
async fn connections_over_tcp_come_so_fast_from_one_address() {
    let world = World::with(|settings| {
        settings.limits.connect_burst = 2;
        settings.limits.connects_per_s = 1;
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = listener.local_addr().unwrap();
    let service = world.service.clone();
    let proxies = Proxies {
        trusted: Trusted::new(vec!["127.0.0.1".parse().unwrap()]),
        proxy_protocol: true,
        header_time: None,
    };
    let serving = tokio::spawn(async move { service.listen_behind(listener, proxies).await });
    let begun = Instant::now();
    let mut pongs = 0;
    for _ in 0..10 {
        pongs += u64::from(over_tcp(listening, "192.0.2.1").await.1 == 3);
    }
    assert!((2..=3 + begun.elapsed().as_secs()).contains(&pongs), "{pongs}");
    assert_eq!(over_tcp(listening, "192.0.2.2").await.1, 3);
    serving.abort();
}

#[tokio::test]
async fn log_ins_come_so_fast_from_one_address() {
    let world = World::with(|settings| {
        settings.limits.login_burst = 3;
        settings.limits.logins_per_s = 1;
    })
    .await;
    world.user("alice").await;
    let home = Some("2001:db8::1".parse().unwrap());
    let begun = Instant::now();
    let mut let_in = 0;
    for _ in 0..10 {
        let mut client = world.connect_from(home, 1 << 16);
        client.send(Login { username: Some("alice".into()), ..Login::default() }).await;
        let frame = client.frame().await;
        if frame.command == Command::ERROR {
            let error: Error = decode(&frame);
            assert!(error.description.unwrap().as_str().contains("Wait"));
            continue;
        }
        client.prove(&decode(&frame), PASSWORD, HashKind::Sha1Fold).await;
        let_in += u64::from(client.frame().await.command == Command::LOGIN_OK);
    }
    assert!((3..=4 + begun.elapsed().as_secs()).contains(&let_in), "{let_in}");
    world.connect_from(Some("2001:db8:1::1".parse().unwrap()), 1 << 16).log_in("alice").await;
}

#[tokio::test]
async fn one_switch_turns_them_all_off() {
    let world = World::with(|settings| {
        let limits = &mut settings.limits;
        limits.abuse = false;
        (limits.request_burst, limits.requests_per_s) = (1, 1);
        (limits.account_burst_bytes, limits.account_bytes_per_s) = (1, 1);
        limits.account_bytes_per_day = 1;
        (limits.login_burst, limits.logins_per_s) = (1, 1);
        (limits.add_contact_burst, limits.add_contacts_per_hour) = (1, 1);
        limits.registrations_per_hour = 1;
        limits.pictures_per_day = 1;
        limits.connections_per_address = 1;
    })
    .await;
    let home = Some("192.0.2.1".parse().unwrap());
    let mut clients = Vec::new();
    for name in ["alice", "bob", "carol"] {
        let mut client = world.connect_from(home, 1 << 16);
        client.register(name).await;
        client.log_in(name).await;
        clients.push(client);
    }
    let add = |name: &str| AddContact { username: Some(name.into()), ..AddContact::default() };
    for (from, to) in [(0, "bob"), (0, "carol"), (1, "alice"), (1, "carol")] {
        clients[from].ask(add(to)).await.unwrap();
    }
    for n in 0..5 {
        clients[0].ask(picture(&format!("p{n}"))).await.unwrap();
    }
}

fn add(name: &str) -> AddContact {
    AddContact { username: Some(name.into()), ..AddContact::default() }
}

async fn remove(client: &mut Client, name: &str) {
    let contacts = client.contacts().await;
    let id = contacts.iter().find(|(of, ..)| of == name).map(|(_, id, _)| *id);
    client.ask(RemoveContact { contact_id: id, ..Default::default() }).await.unwrap();
}

#[tokio::test]
async fn who_was_rejected_asks_in_vain() {
    let world = World::new().await;
    let (mut alice, mut eve) = (world.user("alice").await, world.user("eve").await);
    eve.ask(add("alice")).await.unwrap();
    alice.expect::<ContactRequest>().await;
    let reject = RejectContactRequest { username: Some("eve".into()), ..Default::default() };
    alice.ask(reject).await.unwrap();
    eve.fence().await;
    for _ in 0..20 {
        remove(&mut eve, "alice").await;
        eve.ask(add("alice")).await.unwrap();
        let seen = eve.contacts().await;
        assert_eq!(seen.len(), 1, "it looks like a request that stays open");
    }
    assert!(alice.fence().await.is_empty(), "nothing of it arrives");
    drop((alice, eve));
    let world = world.restarted().await;
    let (mut alice, mut eve) = (world.session("alice").await, world.session("eve").await);
    remove(&mut eve, "alice").await;
    eve.ask(add("alice")).await.unwrap();
    assert!(alice.fence().await.is_empty());
    // who has rejected can still ask
    alice.ask(add("eve")).await.unwrap();
    assert!(alice.contacts().await.iter().all(|(name, ..)| name == "eve"));
    eve.say("alice", "g1", "hello").await.unwrap();
}

#[tokio::test]
async fn who_exists_is_not_told_at_any_speed() {
    let world = World::with(|settings| settings.limits.add_contact_burst = 3).await;
    for name in ["alice", "bob", "carol", "dave"] {
        world.user(name).await;
    }
    let mut eve = world.user("eve").await;
    assert!(eve.ask(add("alice")).await.is_ok());
    assert!(eve.ask(add("nobody")).await.unwrap_err().contains("no user nobody"));
    assert!(eve.ask(add("bob")).await.is_ok());
    let mut again = world.session("eve").await;
    for name in ["carol", "somebody"] {
        let error = again.ask(add(name)).await.unwrap_err();
        assert!(error.contains("Wait"), "{error}");
    }
    assert!(again.fence().await.is_empty(), "the session goes on");
}

/// Gives a wrong answer for an account.
async fn guess(client: &mut Client, name: &str) {
    client.send(Login { username: Some(name.into()), ..Login::default() }).await;
    let challenge: LoginChallenge = client.expect().await;
    client.prove(&challenge, "wrong", HashKind::Sha1Fold).await;
}

async fn until_done(serving: &JoinHandle<()>) {
    for _ in 0..10_000 {
        if serving.is_finished() {
            return;
        }
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_wrong_answers_does_not_keep_the_right_one_from_being_looked_at() {
    let (world, _still) = world_with(|settings| {
        settings.limits.connections = 60;
        settings.limits.free_wrong_answers = 0;
    })
    .await;
    world.user("alice").await;
    let begun = Instant::now();
    let mut strangers = Vec::new();
    for n in 0..40 {
        let stranger: IpAddr = format!("198.51.{n}.1").parse().unwrap();
        let mut client = world.connect_from(Some(stranger), 1 << 16);
        guess(&mut client, "alice").await;
        strangers.push(client);
    }
    // a quarter of the connections is held; the others are told at once, and end
    let ended: FuturesUnordered<_> = strangers.iter_mut().map(Client::closed).collect();
    let told: Vec<_> = ended.take(25).collect().await;
    for frames in told {
        let error: Error = decode(&frames[0]);
        assert_eq!(error.code, Some(ErrorCode::INCORRECT_CREDENTIAL));
    }
    let elsewhere = Some("203.0.113.1".parse().unwrap());
    world.connect_from(elsewhere, 1 << 16).log_in("alice").await;
    assert_eq!(begun.elapsed().as_secs(), 0, "the right answer does not wait");
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_holds_no_place() {
    let (world, _still) = world_with(|settings| settings.limits.free_wrong_answers = 0).await;
    let begun = Instant::now();
    for half in [false, true] {
        let (mut client, serving) = world.connect_held(1 << 16);
        guess(&mut client, "alice").await;
        settle().await;
        assert!(!serving.is_finished(), "it is held");
        if half {
            // who has closed one side only still reads the answer
            client.stream.shutdown().await.unwrap();
            let frames = client.closed().await;
            assert_eq!(decode::<Error>(&frames[0]).code, Some(ErrorCode::INCORRECT_CREDENTIAL));
        }
        drop(client);
        until_done(&serving).await;
        assert!(serving.is_finished(), "its place is free");
    }
    assert_eq!(begun.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_where_the_owner_has_been_is_known_after_a_restart() {
    let (world, _still) = world_with(|settings| {
        settings.limits.free_wrong_answers = 0;
        settings.limits.connections_per_address = 4;
    })
    .await;
    world.user("alice").await;
    world.user("bob").await;
    let home = Some("192.0.2.1".parse().unwrap());
    world.connect_from(home, 1 << 16).log_in("alice").await;
    let world = world.restarted().await;
    let begun = Instant::now();
    // neighbours behind the same gateway guess until no more answers from there are looked at
    let mut neighbours = Vec::new();
    for n in 0..4 {
        let mut client = world.connect_from(home, 1 << 16);
        guess(&mut client, &format!("user{n}")).await;
        settle().await;
        neighbours.push(client);
    }
    neighbours.clear();
    settle().await;
    let mut client = world.connect_from(home, 1 << 16);
    client.send(Login { username: Some("bob".into()), ..Login::default() }).await;
    let challenge: LoginChallenge = client.expect().await;
    client.prove(&challenge, PASSWORD, HashKind::Sha1Fold).await;
    let error: Error = client.expect().await;
    assert!(error.description.unwrap().as_str().contains("your network"));
    // the owner has been there, and gets in
    client.send(Login { username: Some("alice".into()), ..Login::default() }).await;
    let challenge: LoginChallenge = client.expect().await;
    client.prove(&challenge, PASSWORD, HashKind::Sha1Fold).await;
    client.until::<LoginOk>().await;
    assert_eq!(begun.elapsed().as_secs(), 0);
}

#[tokio::test]
async fn strangers_push_out_strangers_and_no_members() {
    let world = World::with(|settings| settings.limits.connections = 3).await;
    let (mut oldest, mut second) = (world.connect(), world.connect());
    assert!(oldest.fence().await.is_empty() && second.fence().await.is_empty());
    let mut alice = world.user("alice").await;
    let mut bob = world.user("bob").await;
    assert!(oldest.closed().await.is_empty());
    assert!(second.fence().await.is_empty());
    let mut carol = world.user("carol").await;
    assert!(second.closed().await.is_empty());
    let frames = world.connect().closed().await;
    assert!(decode::<Error>(&frames[0]).description.unwrap().as_str().contains("full"));
    for member in [&mut alice, &mut bob, &mut carol] {
        assert!(member.fence().await.is_empty());
    }
}

#[tokio::test]
async fn a_57_of_ipv6_is_no_crowd() {
    let world = World::with(|settings| {
        settings.limits.registrations_per_hour = 2;
        settings.limits.connections_per_address = 3;
    })
    .await;
    let from = |n: u16| Some(format!("2001:db8:0:{n:x}::1").parse().unwrap());
    let mut made = 0;
    let mut clients = Vec::new();
    for n in 0..40 {
        let mut client = world.connect_from(from(n), 1 << 16);
        let packet = NewRegistration {
            username: Some(format!("user{n}").into()),
            password: Some(Text::from(PASSWORD).into()),
            ..NewRegistration::default()
        };
        client.send(packet).await;
        match client.next().await {
            Some(frame) if frame.command == Command::OK => made += 1,
            Some(_) | None => {}
        }
        clients.push(client);
    }
    assert_eq!(made, 8, "four times what one address may");
    let mut another = world.connect_from(Some("2001:db8:1::1".parse().unwrap()), 1 << 16);
    another.register("alice").await;
}

//! Two hundred clients and the whole service in one thread, on virtual time.
//!
//! Timers run on tokio's clock, which stands still here unless it is moved. tokio would move it by itself whenever all
//! tasks wait, also while SQLite's own threads are at work; a blocking task that stays parked keeps it from that.
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mig33_codec::Command;
use mig33_codec::packets::{GetMessages, Message, MessageStatusEvent, Ping};
use mig33_codec::values::StatusEvent;
use mig33_server::Settings;
use mig33_server::clock::{Clock, Millis};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::harness::{Client, START, World, guid, in_room, private};

const CLIENTS: usize = 200;

/// The time of day on tokio's clock.
#[derive(Debug)]
struct VirtualClock(Instant);

impl Clock for VirtualClock {
    fn now(&self) -> Millis {
        Millis(START + self.0.elapsed().as_millis() as u64)
    }
}

/// Keeps tokio from moving the clock, for as long as it lives.
pub(crate) struct StandStill {
    _release: mpsc::Sender<()>,
}

impl StandStill {
    async fn new() -> Self {
        let (release, parked) = mpsc::channel::<()>();
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _ = tell.send(());
            let _ = parked.recv(); // an error is the release
        });
        told.await.unwrap();
        Self { _release: release }
    }
}

pub(crate) async fn world() -> (World, StandStill) {
    world_with(|_| {}).await
}

/// A world whose time is tokio's, which stands still.
pub(crate) async fn world_with(change: impl FnOnce(&mut Settings)) -> (World, StandStill) {
    let still = StandStill::new().await;
    let clock = Arc::new(VirtualClock(Instant::now()));
    (World::on_clock(clock, Arc::default(), change).await, still)
}

/// Lets time pass in steps, so that what is due in between happens in between.
pub(crate) async fn pass(seconds: u64) {
    for _ in 0..seconds {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

async fn all_in_the_lobby() -> (World, StandStill, Vec<Client>) {
    let (world, still) = world().await;
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        let mut client = world.user(&format!("user{n}")).await;
        client.join("Lobby").await.unwrap();
        clients.push(client);
    }
    for client in &mut clients {
        client.fence().await;
    }
    (world, still, clients)
}

#[tokio::test(start_paused = true)]
async fn everybody_hears_everybody_in_one_order() {
    let (_world, _still, mut clients) = all_in_the_lobby().await;
    // all at once: nobody waits for an answer
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(in_room("Lobby", &format!("g{n}"), "hello")).await;
    }
    let mut orders = Vec::new();
    for client in &mut clients {
        let mut heard = Vec::new();
        while heard.len() < CLIENTS - 1 {
            let frame = client.frame().await;
            if frame.command == Command::MESSAGE {
                let message: Message = crate::harness::decode(&frame);
                heard.push((message.timestamp, guid(&message)));
            }
        }
        assert!(heard.windows(2).all(|pair| pair[0].0 < pair[1].0), "in the order of their times");
        orders.push(heard);
    }
    let mut whole: Vec<_> = orders[0].clone();
    whole.extend(orders[1].iter().find(|said| said.1 == "g0").cloned());
    whole.sort();
    assert_eq!(whole.len(), CLIENTS);
    for (n, order) in orders.iter().enumerate() {
        let own = format!("g{n}");
        let others: Vec<_> = whole.iter().filter(|said| said.1 != own).cloned().collect();
        assert_eq!(*order, others, "client {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_for_three_periods_is_gone() {
    let (_world, _still, mut clients) = all_in_the_lobby().await;
    let mut silent = clients.split_off(CLIENTS / 2);
    for _ in 0..2 {
        pass(60).await;
        for client in &mut clients {
            assert!(client.fence().await.is_empty());
        }
    }
    pass(61).await;
    for client in &mut silent {
        assert_eq!(
            client.closed().await.iter().filter(|frame| frame.command == Command::PONG).count(),
            0
        );
    }
    let mut left = 0;
    while left < CLIENTS / 2 {
        left += usize::from(clients[0].frame().await.command == Command::CHATROOM_USER_STATUS);
    }
    clients[1].send(Ping::default()).await;
    let (_, pong) = clients[1].until::<mig33_codec::packets::Pong>().await;
    drop(pong);
    clients[0].ask(in_room("Lobby", "last", "still here")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wrong_answer_waits_for_its_pause() {
    use mig33_codec::hash::HashKind;
    use mig33_codec::packets::{Error, Login};
    let (world, _still) = world().await;
    world.user("alice").await;
    let mut eve = world.connect();
    let mut waited = Vec::new();
    for _ in 0..6 {
        eve.send(Login { username: Some("alice".into()), ..Login::default() }).await;
        let challenge = eve.expect().await;
        eve.prove(&challenge, "wrong", HashKind::Sha1Fold).await;
        let begun = Instant::now();
        let mut answer = std::pin::pin!(eve.expect::<Error>());
        loop {
            tokio::select! {
                biased;
                _ = &mut answer => break,
                () = settle() => tokio::time::advance(Duration::from_millis(500)).await,
            }
        }
        waited.push(begun.elapsed().as_secs());
    }
    assert_eq!(waited, [0, 0, 0, 1, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_catches_up_gets_what_another_one_has_confirmed_meanwhile() {
    const WAITING: usize = 300;
    let (world, _still) = world().await;
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    for n in 0..WAITING {
        alice.send(private("bob", &format!("g{n}"), "x")).await;
    }
    alice.fence().await;
    // a slow one, which is somewhere in its first hundred messages
    let mut slow = world.connect_from(None, 256);
    slow.log_in("bob").await;
    settle().await;
    let mut quick = world.session("bob").await;
    for n in 0..WAITING {
        assert_eq!(guid(&quick.expect().await), format!("g{n}"));
    }
    for n in 0..5 {
        let guid = format!("new{n}");
        alice.say("bob", &guid, "x").await.unwrap();
        assert_eq!(crate::harness::guid(&quick.expect().await), guid);
        if n != 2 {
            let event = MessageStatusEvent {
                message_destination: Some("alice".into()),
                message_guid: Some(guid.into()),
                message_event_type: Some(StatusEvent::RECEIVED),
                ..MessageStatusEvent::default()
            };
            quick.send(event).await;
        }
    }
    quick.fence().await;
    let mut got: Vec<String> = Vec::new();
    let mut looks = 0; // the store works in a thread of its own: what is missing may still come
    while got.len() < WAITING + 5 && looks < 2000 {
        settle().await;
        let frames = slow.fence().await;
        looks = if frames.is_empty() { looks + 1 } else { 0 };
        got.extend(frames.iter().map(|frame| guid(&crate::harness::decode(frame))));
    }
    let old = (0..WAITING).map(|n| format!("g{n}"));
    assert_eq!(got, old.chain((0..5).map(|n| format!("new{n}"))).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_clients_that_stay() {
    let (world, _still) = world().await;
    let (idle, serving_idle) = world.connect_held(1 << 16);
    let (mut alice, serving_alice) = world.connect_held(1 << 16);
    alice.register("alice").await;
    alice.log_in("alice").await;
    let begun = Instant::now();
    let service = world.service.clone();
    let stopped = tokio::spawn(async move { service.shutdown().await });
    let mut clients = [idle, alice]; // they stay, and so do their streams
    for client in &mut clients {
        let last = client.closed().await;
        assert_eq!(last.last().map(|frame| frame.command), Some(Command::SESSION_TERMINATED));
    }
    while !(serving_idle.is_finished() && serving_alice.is_finished()) {
        settle().await;
        tokio::time::advance(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    stopped.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_is_not_silent() {
    let (world, _still) = world().await;
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    for n in 0..50 {
        alice.say("bob", &format!("g{n}"), &"x".repeat(8000)).await.unwrap();
    }
    // its answers are far ahead of it, so its PINGs are not read: they wait in the stream
    let mut bob = world.connect_from(None, 4096);
    bob.log_in("bob").await;
    let history = || GetMessages { chat_id: Some("alice".into()), ..GetMessages::default() };
    bob.send(history()).await;
    let mut left = 100;
    for _ in 0..10 {
        bob.send(Ping::default()).await;
        bob.expect::<Message>().await;
        left -= 1;
        pass(40).await;
    }
    while left > 0 {
        let frame = bob.frame().await;
        left -= usize::from(frame.command == Command::MESSAGE);
    }
    bob.until::<mig33_codec::packets::EndMessages>().await;
    for _ in 0..10 {
        bob.until::<mig33_codec::packets::Pong>().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_next_to_nothing_is_not_reading() {
    // a byte now and then, of one large packet or of many small ones
    for (messages, length) in [(4, 8000), (200, 100)] {
        let (world, _still) = world().await;
        let (mut alice, bob) = world.friends("alice", "bob").await;
        drop(bob);
        for n in 0..messages {
            alice.say("bob", &format!("g{n}"), &"x".repeat(length)).await.unwrap();
        }
        let (mut bob, serving) = world.connect_held(256);
        bob.log_in("bob").await;
        settle().await;
        let begun = Instant::now();
        while !serving.is_finished() && begun.elapsed() < Duration::from_secs(600) {
            let _ = bob.stream.read(&mut [0; 100]).await.unwrap();
            settle().await;
            tokio::time::advance(Duration::from_secs(5)).await;
        }
        // 100 bytes in 5 s are 1200 in a minute; who is silent is gone after three, and the store takes its time at the end
        let took = begun.elapsed().as_secs();
        assert!((55..=120).contains(&took), "{messages} of {length}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_with_many_connections_locks_nobody_out() {
    use mig33_codec::hash::HashKind;
    use mig33_codec::packets::Login;
    let (world, _still) = world().await;
    world.user("alice").await;
    let begun = Instant::now();
    let mut strangers = Vec::new();
    for _ in 0..20 {
        let mut stranger = world.connect();
        stranger.send(Login { username: Some("alice".into()), ..Login::default() }).await;
        let challenge = stranger.expect().await;
        stranger.prove(&challenge, "wrong", HashKind::Sha1Fold).await;
        strangers.push(stranger);
    }
    settle().await;
    world.session("alice").await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "the right answer does not wait");
}

/// Lets everything happen that can happen now.
pub(crate) async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

//! A clock that was ahead: what is stored meanwhile, and what becomes of it once the clock is right.
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mig33_codec::packets::{
    Chat, ChatListVersion, GetChats, GetMessages, Login, Message, MessageStatusEvent,
};
use mig33_codec::values::StatusEvent;
use mig33_server::clock::Clock;
use mig33_server::repair::{RepairError, repair_times};
use mig33_server::store::Repaired;
use mig33_server::wall_clock::{ClockFigures, SteadyClock};
use mig33_server::{Outside, Service, StartError};

use crate::harness::{Client, START, StandingClock, World, decode, guid, in_room};

const YEAR: u64 = 365 * 24 * 3600 * 1000;

/// bob's messages with alice: guids and times.
async fn history(bob: &mut Client) -> Vec<(String, u64)> {
    bob.send(GetMessages { chat_id: Some("alice".into()), ..GetMessages::default() }).await;
    let (messages, _) = bob.until::<mig33_codec::packets::EndMessages>().await;
    let message = |frame| decode::<Message>(frame);
    let told = messages.iter().filter(|frame| frame.transaction != 0).map(message);
    told.map(|message| (guid(&message), message.timestamp.unwrap())).collect()
}

#[tokio::test]
async fn a_message_never_leads_the_clock_by_more_than_two_seconds() {
    let world = World::new().await;
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    // the clock stands: each is a millisecond later than the one before
    for n in 0..=2000 {
        alice.say("bob", &format!("g{n}"), "x").await.unwrap();
    }
    let refused = alice.say("bob", "one-too-many", "x").await.unwrap_err();
    assert!(refused.contains("busy"), "{refused}");
    let again = alice.say("bob", "g2000", "x").await.unwrap();
    assert_eq!(again.value, Some(START + 2000), "what was accepted stays so");
    world.clock.pass(1);
    let later = alice.say("bob", "one-too-many", "x").await.unwrap();
    assert_eq!(later.value, Some(START + 2001));
    bob.fence().await;
}

#[tokio::test]
async fn what_a_clock_a_year_ahead_has_left_is_refused_until_it_is_repaired() {
    let world = World::new().await;
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    alice.join("Lobby").await.unwrap();
    alice.say("bob", "before", "x").await.unwrap();
    world.clock.set(YEAR);
    for n in 0..3 {
        alice.say("bob", &format!("ahead{n}"), "x").await.unwrap();
    }
    alice.ask(in_room("Lobby", "room", "x")).await.unwrap();
    let mut with_token = world.connect();
    let login = Login {
        username: Some("alice".into()),
        resume_token: Some(bytes::Bytes::new().into()),
        ..Login::default()
    };
    let token = with_token.log_in_with(login.clone()).await.resume_token.unwrap();
    bob.send(MessageStatusEvent {
        message_destination: Some("alice".into()),
        message_guid: Some("ahead1".into()),
        message_event_type: Some(StatusEvent::READ),
        ..MessageStatusEvent::default()
    })
    .await;
    let version = chats(&mut bob, None).await.1;
    world.clock.set(60_000);
    for again in 0..2 {
        let refused = alice.say("bob", &format!("right{again}"), "x").await.unwrap_err();
        assert!(refused.contains("busy"), "{refused}");
        alice.ask(in_room("Lobby", &format!("r{again}"), "x")).await.unwrap_err();
    }
    let error = repair_times(&world.settings, &*world.clock).await.unwrap_err();
    assert!(matches!(error, RepairError::Start(StartError::InUse { .. })), "{error}");
    // after a restart, too
    let world = world.restarted().await;
    let mut alice = world.session("alice").await;
    alice.say("bob", "right", "x").await.unwrap_err();
    world.service.shutdown().await;
    let repaired = repair_times(&world.settings, &*world.clock).await.unwrap();
    assert_eq!(repaired, Repaired { messages: 4, chats: 2, tokens: 1 });
    let nothing = repair_times(&world.settings, &*world.clock).await.unwrap();
    assert_eq!(nothing, Repaired::default());

    let world = world.restarted().await;
    let mut bob = world.session("bob").await;
    bob.fence().await;
    let now = START + 60_000;
    let wanted: Vec<(String, u64)> =
        [("before", START), ("ahead0", now - 2), ("ahead1", now - 1), ("ahead2", now)]
            .map(|(guid, time)| (guid.to_owned(), time))
            .into();
    assert_eq!(history(&mut bob).await, wanted);
    // clients are told of the chat again, with what is unread as it was
    let (listed, _) = chats(&mut bob, Some(version)).await;
    let [chat] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((chat.timestamp, chat.unread_message_count), (Some(now), Some(1)));
    let mut alice = world.connect();
    alice.send(Login { resume_token: Some(token), ..login }).await;
    alice.until::<mig33_codec::packets::LoginOk>().await;
    let said = alice.say("bob", "right", "x").await.unwrap();
    assert_eq!(said.value, Some(now + 1));
    alice.join("Lobby").await.unwrap();
    alice.ask(in_room("Lobby", "r", "x")).await.unwrap();
}

#[tokio::test]
async fn a_small_lead_at_the_start_makes_no_chat_silent() {
    let world = World::new().await;
    let (mut alice, _bob) = world.friends("alice", "bob").await;
    world.clock.set(120_000);
    let ahead = alice.say("bob", "ahead", "x").await.unwrap().value;
    assert_eq!(ahead, Some(START + 120_000));
    // the clock is put right, and the service started again
    world.clock.set(0);
    let world = world.restarted().await;
    let mut alice = world.session("alice").await;
    for n in 1..=10 {
        let said = alice.say("bob", &format!("right{n}"), "x").await.unwrap();
        assert_eq!(
            said.value,
            Some(START + 120_000 + n),
            "in order, each later than the one before"
        );
    }
    world.clock.set(130_000);
    assert_eq!(alice.say("bob", "later", "x").await.unwrap().value, Some(START + 130_000));
    // what leads by more does not go on
    world.clock.set(300_000);
    alice.say("bob", "far", "x").await.unwrap();
    world.clock.set(179_999);
    let world = world.restarted().await;
    let mut alice = world.session("alice").await;
    let refused = alice.say("bob", "again", "x").await.unwrap_err();
    assert!(refused.contains("busy"), "{refused}");
}

/// The chats that have changed, and the version of the list.
async fn chats(client: &mut Client, since: Option<u32>) -> (Vec<Chat>, u32) {
    client.send(GetChats { version: since, ..GetChats::default() }).await;
    let (before, version) = client.until::<ChatListVersion>().await;
    let is_chat = |frame: &&mig33_codec::Frame| frame.command == mig33_codec::Command::CHAT;
    let chats = before.iter().filter(is_chat).map(decode).collect();
    (chats, version.version.unwrap())
}

/// The monotonic clock of a test, which has one for itself.
static MONOTONIC: Mutex<Duration> = Mutex::new(Duration::ZERO);

fn pass(seconds: u64, machine: &StandingClock) {
    *MONOTONIC.lock().unwrap() += Duration::from_secs(seconds);
    machine.pass(seconds * 1000);
}

#[tokio::test]
async fn a_jump_of_the_machines_clock_is_counted_and_no_message_has_its_time() {
    let machine = Arc::new(StandingClock::default());
    let figures = ClockFigures::default();
    let monotonic = || *MONOTONIC.lock().unwrap();
    let steady = SteadyClock::over(machine.clone(), monotonic, figures.clone());
    let world = World::on_clock(Arc::new(steady), machine.clone(), |_| {}).await;
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    pass(60, &machine);
    assert_eq!(alice.say("bob", "before", "x").await.unwrap().value, Some(START + 60_000));
    machine.pass(YEAR);
    let during = alice.say("bob", "during", "x").await.unwrap().value.unwrap();
    assert_eq!((during, figures.jumps.get()), (START + 60_001, 1));
    assert!((figures.ahead.get() - YEAR as f64 / 1000.0).abs() < 0.1, "{:?}", figures.ahead);
    pass(60, &machine);
    machine.set(120_000);
    let after = alice.say("bob", "after", "x").await.unwrap().value.unwrap();
    assert!((START + 120_000..START + 120_100).contains(&after), "{after}");
    assert_eq!(figures.jumps.get(), 2);
    bob.fence().await;
}

#[tokio::test]
async fn repairing_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let settings = mig33_server::Settings {
        data_dir: folder.path().join("data"),
        ..mig33_server::Settings::default()
    };
    let clock = StandingClock::default();
    let none = repair_times(&settings, &clock).await.unwrap_err();
    assert!(matches!(none, RepairError::None(_)), "{none}");
    let outside = Outside { clock: Some(Arc::new(StandingClock::default())), ..Outside::default() };
    Service::start_with(settings.clone(), outside).await.unwrap().shutdown().await;
    #[derive(Debug)]
    struct LongAgo;
    impl Clock for LongAgo {
        fn now(&self) -> mig33_server::clock::Millis {
            mig33_server::clock::Millis(1)
        }
    }
    let behind = repair_times(&settings, &LongAgo).await.unwrap_err();
    assert!(matches!(behind, RepairError::Clock), "{behind}");
}

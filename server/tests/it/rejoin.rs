//! Who breaks off and is back in seconds: nobody sees it (spec/wire.md section 8).
use mig33_codec::Command;
use mig33_codec::packets::{
    ChatroomUserStatus, LeaveChatroom, Login, Logout, Message, Presence as PresencePacket,
    SetPresence,
};
use mig33_codec::values::{ChatUserStatus, Presence};

use crate::harness::{Client, World, in_room, text};
use crate::restart::{back, friends_in_lobby, in_lobby, noticed, presences};

scenarios!(
    a_reload_is_seen_by_nobody,
    who_does_not_come_back_in_seconds_leaves,
    who_comes_back_and_stays_out_of_the_room_leaves_it,
    who_logs_out_or_leaves_is_gone_at_once,
    who_is_told_to_go_is_gone_at_once,
    a_kept_seat_takes_one_place_in_a_room,
    a_log_out_for_a_broken_session_gives_its_seat_up,
    what_is_said_meanwhile_waits,
    a_stop_in_between_changes_nothing,
);

/// Nobody waits that long in a test.
const LONG: u64 = 600;

async fn world(seconds: u64) -> World {
    World::with(|settings| settings.limits.rejoin_s = seconds).await
}

/// Breaks off, and waits until the service has noticed.
async fn break_off(world: &World, client: Client) {
    let before = world.sessions();
    drop(client);
    while world.sessions() >= before {
        tokio::task::yield_now().await;
    }
}

async fn a_reload_is_seen_by_nobody(_: World) {
    let world = world(LONG).await;
    let [mut alice, mut bob, mut carol] = friends_in_lobby(&world).await;
    bob.ask(SetPresence { presence: Some(Presence::AWAY), ..SetPresence::default() })
        .await
        .unwrap();
    alice.fence().await;
    carol.fence().await;
    break_off(&world, bob).await;
    assert_eq!(
        presences(&mut alice).await,
        [("bob".into(), Presence::AWAY), ("carol".into(), Presence::AVAILABLE)]
    );
    assert_eq!(in_lobby(&mut alice).await, ["alice", "bob", "carol"]);
    let mut bob = world.connect();
    bob.log_in_with(Login {
        username: Some("bob".into()),
        initial_presence: Some(Presence::AWAY),
        ..Login::default()
    })
    .await;
    bob.join("Lobby").await.unwrap();
    for client in [&mut alice, &mut carol] {
        assert_eq!(noticed(&client.fence().await), [], "{}", client.name);
    }
    // and again; what is said reaches everybody once
    break_off(&world, bob).await;
    let mut bob = world.connect();
    bob.log_in_with(Login {
        username: Some("bob".into()),
        initial_presence: Some(Presence::AWAY),
        ..Login::default()
    })
    .await;
    bob.join("Lobby").await.unwrap();
    bob.ask(in_room("Lobby", "g1", "here I am")).await.unwrap();
    for client in [&mut alice, &mut carol] {
        let messages: Vec<Message> = client.all().await;
        assert_eq!(messages.iter().map(text).collect::<Vec<_>>(), ["here I am"]);
    }
    assert_eq!(in_lobby(&mut alice).await, ["alice", "bob", "carol"]);
    // what one does then is told at once
    bob.ask(SetPresence { presence: Some(Presence::BUSY), ..SetPresence::default() })
        .await
        .unwrap();
    let busy: Vec<PresencePacket> = alice.all().await;
    assert_eq!(busy[0].presence, Some(Presence::BUSY));
    bob.send(Logout::default()).await;
    bob.closed().await;
    assert_eq!(
        noticed(&alice.fence().await),
        [Command::CHATROOM_USER_STATUS, Command::PRESENCE],
        "no kept seat is left behind"
    );
    assert_eq!(in_lobby(&mut alice).await, ["alice", "carol"]);
}

async fn who_does_not_come_back_in_seconds_leaves(_: World) {
    let world = world(1).await;
    let [mut alice, bob, _carol] = friends_in_lobby(&world).await;
    drop(bob);
    let (before, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!(noticed(&before), []);
    assert_eq!(left.status, Some(ChatUserStatus::LEFT));
    assert_eq!(left.username.unwrap(), "bob");
    let (_, presence) = alice.until::<PresencePacket>().await;
    assert_eq!(presence.presence, Some(Presence::OFFLINE));
    assert_eq!(in_lobby(&mut alice).await, ["alice", "carol"]);
    let _bob = back(&world, "bob").await;
    let came = [Command::PRESENCE, Command::CHATROOM_USER_STATUS];
    assert_eq!(noticed(&alice.fence().await), came);
}

async fn who_comes_back_and_stays_out_of_the_room_leaves_it(_: World) {
    let world = world(1).await;
    let [mut alice, bob, _carol] = friends_in_lobby(&world).await;
    break_off(&world, bob).await;
    let mut bob = world.session("bob").await;
    let (before, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!((noticed(&before), left.username.unwrap().as_str().as_ref()), (Vec::new(), "bob"));
    bob.fence().await;
    assert_eq!(noticed(&alice.fence().await), [], "and is there");
    assert_eq!(presences(&mut alice).await[0], ("bob".into(), Presence::AVAILABLE));
}

async fn who_logs_out_or_leaves_is_gone_at_once(_: World) {
    let world = world(LONG).await;
    let [mut alice, mut bob, mut carol] = friends_in_lobby(&world).await;
    bob.send(Logout::default()).await;
    bob.closed().await;
    assert_eq!(noticed(&alice.fence().await), [Command::CHATROOM_USER_STATUS, Command::PRESENCE]);
    let leave = LeaveChatroom { chatroom_name: Some("Lobby".into()), ..LeaveChatroom::default() };
    carol.ask(leave).await.unwrap();
    assert_eq!(noticed(&alice.fence().await), [Command::CHATROOM_USER_STATUS]);
    break_off(&world, carol).await;
    assert_eq!(in_lobby(&mut alice).await, ["alice"]);
}

async fn who_is_told_to_go_is_gone_at_once(_: World) {
    let world = World::with(|settings| {
        settings.limits.rejoin_s = LONG;
        settings.limits.sessions_per_account = 1;
    })
    .await;
    let [mut alice, mut bob, _carol] = friends_in_lobby(&world).await;
    // a second session ends the first, which is nobody's to come back to
    let mut other = world.session("bob").await;
    bob.closed().await;
    let (_, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!(left.username.unwrap(), "bob");
    other.fence().await;
    assert_eq!(in_lobby(&mut alice).await, ["alice", "carol"]);
}

async fn a_kept_seat_takes_one_place_in_a_room(_: World) {
    let world = World::with(|settings| {
        settings.limits.rejoin_s = LONG;
        settings.limits.room_capacity = 2;
    })
    .await;
    let (mut owner, bob) = (world.user("owner").await, world.user("bob").await);
    let (mut carol, mut dave) = (world.user("carol").await, world.user("dave").await);
    let new = mig33_codec::packets::CreateChatroom {
        chatroom_name: Some("Small".into()),
        ..Default::default()
    };
    owner.ask(new).await.unwrap();
    let mut bob = bob;
    bob.join("Small").await.unwrap();
    carol.join("Small").await.unwrap();
    break_off(&world, bob).await;
    assert!(dave.join("Small").await.is_err(), "it is full");
    let mut bob = world.session("bob").await;
    bob.join("Small").await.unwrap();
    bob.send(Logout::default()).await;
    bob.closed().await;
    dave.join("Small").await.unwrap();
}

async fn a_log_out_for_a_broken_session_gives_its_seat_up(_: World) {
    let world = world(LONG).await;
    let [mut alice, bob, _carol] = friends_in_lobby(&world).await;
    break_off(&world, bob).await;
    let mut leaving = world.connect();
    leaving
        .log_in_with(Login {
            username: Some("bob".into()),
            initial_presence: Some(Presence::OFFLINE),
            ..Login::default()
        })
        .await;
    leaving.send(Logout::default()).await;
    leaving.closed().await;
    let told = noticed(&alice.fence().await);
    assert!(told.contains(&Command::CHATROOM_USER_STATUS), "{told:?}");
    assert_eq!(in_lobby(&mut alice).await, ["alice", "carol"]);
    assert_eq!(presences(&mut alice).await[0], ("bob".into(), Presence::OFFLINE));
}

async fn what_is_said_meanwhile_waits(_: World) {
    let world = world(LONG).await;
    let [mut alice, bob, _carol] = friends_in_lobby(&world).await;
    break_off(&world, bob).await;
    alice.say("bob", "g1", "are you there?").await.unwrap();
    let mut bob = world.session("bob").await;
    assert_eq!(text(&bob.expect().await), "are you there?");
    bob.fence().await;
}

async fn a_stop_in_between_changes_nothing(_: World) {
    let world = world(LONG).await;
    let [mut alice, bob, carol] = friends_in_lobby(&world).await;
    break_off(&world, bob).await;
    let world = world.restarted().await;
    assert_eq!(noticed(&alice.closed().await), []);
    drop(carol);
    let mut alice = back(&world, "alice").await;
    assert_eq!(in_lobby(&mut alice).await, ["alice", "bob", "carol"]);
    let _bob = back(&world, "bob").await;
    assert_eq!(noticed(&alice.fence().await), []);
}

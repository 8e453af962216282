//! A restart that nobody notices: who comes back in time was never away (spec/wire.md section 8).
use mig33_codec::hash::HashKind;
use mig33_codec::packets::{
    ChatroomParticipants, ChatroomUserStatus, GetChatroomParticipants, LeaveChatroom, Login,
    LoginChallenge, LoginOk, Logout, Message, Presence as PresencePacket, SessionTerminated,
    SetPresence,
};
use mig33_codec::values::{ChatUserStatus, Presence};
use mig33_codec::{Command, Frame, Text};

use crate::harness::{Client, PASSWORD, World, befriend, decode, in_room, text};

scenarios!(
    who_comes_back_was_never_away,
    who_does_not_come_back_is_told_of_in_time,
    who_comes_back_and_stays_out_of_the_room_leaves_it_in_time,
    a_session_goes_on_by_its_id,
    what_one_does_once_back_is_told_at_once,
    who_logs_out_meanwhile_is_gone,
    a_second_restart_forgets_nobody,
    what_one_does_after_a_second_restart_is_told_at_once,
    rooms_that_were_not_entered_again_outlive_a_second_restart,
    a_session_taken_up_twice_shows_what_it_did,
    a_room_is_left_that_was_not_entered_again,
    after_a_long_stop_everybody_is_away,
    nobodys_seat_is_kept_unless_it_is_wanted,
    kept_seats_are_no_sessions,
);

/// Three friends in the Lobby, with nothing left to read.
pub(crate) async fn friends_in_lobby(world: &World) -> [Client; 3] {
    let (mut alice, mut bob) = world.friends("alice", "bob").await;
    let mut carol = world.user("carol").await;
    befriend(&mut alice, &mut carol).await;
    befriend(&mut bob, &mut carol).await;
    for client in [&mut alice, &mut bob, &mut carol] {
        client.join("Lobby").await.unwrap();
    }
    let mut all = [alice, bob, carol];
    for client in &mut all {
        client.fence().await;
    }
    all
}

/// Logs in and enters the Lobby, as clients do that come back.
pub(crate) async fn back(world: &World, name: &str) -> Client {
    let mut client = world.session(name).await;
    client.join("Lobby").await.unwrap();
    client.fence().await;
    client
}

pub(crate) async fn in_lobby(client: &mut Client) -> Vec<String> {
    let who = GetChatroomParticipants { chatroom_name: Some("Lobby".into()), ..Default::default() };
    client.send(who).await;
    let packet: ChatroomParticipants = client.expect().await;
    packet.participant_list.unwrap().entries()
}

pub(crate) async fn presences(client: &mut Client) -> Vec<(String, Presence)> {
    client.contacts().await.into_iter().map(|(name, _, presence)| (name, presence)).collect()
}

/// What of others' coming and going is among these packets.
pub(crate) fn noticed(frames: &[Frame]) -> Vec<Command> {
    let tell = [Command::PRESENCE, Command::CHATROOM_USER_STATUS];
    frames.iter().map(|frame| frame.command).filter(|command| tell.contains(command)).collect()
}

async fn who_comes_back_was_never_away(world: World) {
    let mut before = friends_in_lobby(&world).await;
    let [_, bob, _] = &mut before;
    bob.ask(SetPresence { presence: Some(Presence::BUSY), ..SetPresence::default() })
        .await
        .unwrap();
    let world = world.restarted().await;
    for mut client in before {
        let last = client.closed().await;
        let end: SessionTerminated = decode(last.last().unwrap());
        assert_eq!(end.reason.unwrap(), "shutdown");
        assert!(last.len() <= 2, "nothing of the others but that bob is busy: {last:?}");
    }
    // the first to be back finds the others as they were, in the order in which they came
    let mut alice = back(&world, "alice").await;
    assert_eq!(
        presences(&mut alice).await,
        [("bob".into(), Presence::BUSY), ("carol".into(), Presence::AVAILABLE)]
    );
    assert_eq!(in_lobby(&mut alice).await, ["alice", "bob", "carol"]);
    let mut carol = back(&world, "carol").await;
    let busy = Login {
        username: Some("bob".into()),
        initial_presence: Some(Presence::BUSY),
        ..Login::default()
    };
    let mut bob = world.connect();
    bob.log_in_with(busy).await;
    bob.join("Lobby").await.unwrap();
    for client in [&mut alice, &mut carol] {
        assert_eq!(noticed(&client.fence().await), [], "{}", client.name);
    }
    // and what is said reaches everybody once
    bob.ask(in_room("Lobby", "g1", "here we are")).await.unwrap();
    for client in [&mut alice, &mut carol] {
        let messages: Vec<Message> = client.all().await;
        assert_eq!(messages.iter().map(text).collect::<Vec<_>>(), ["here we are"]);
    }
}

async fn who_does_not_come_back_is_told_of_in_time(_: World) {
    let world = World::with(|settings| settings.limits.return_s = 1).await;
    let before = friends_in_lobby(&world).await;
    let world = world.restarted().await;
    drop(before);
    let mut alice = back(&world, "alice").await;
    let (_, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!(left.status, Some(ChatUserStatus::LEFT));
    assert_eq!(left.username.unwrap(), "bob");
    let (_, presence) = alice.until::<PresencePacket>().await;
    assert_eq!(presence.presence, Some(Presence::OFFLINE));
    let (_, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!(left.username.unwrap(), "carol");
    alice.until::<PresencePacket>().await;
    assert_eq!(in_lobby(&mut alice).await, ["alice"]);
    // a friend who comes later than that comes
    let _bob = back(&world, "bob").await;
    let came = [Command::PRESENCE, Command::CHATROOM_USER_STATUS];
    assert_eq!(noticed(&alice.fence().await), came);
}

async fn who_comes_back_and_stays_out_of_the_room_leaves_it_in_time(_: World) {
    let world = World::with(|settings| settings.limits.return_s = 1).await;
    let before = friends_in_lobby(&world).await;
    let world = world.restarted().await;
    drop(before);
    let mut alice = back(&world, "alice").await;
    let mut bob = world.session("bob").await;
    let mut left = Vec::new();
    while left.len() < 2 {
        let (before, status) = alice.until::<ChatroomUserStatus>().await;
        let away: Vec<PresencePacket> =
            before.iter().filter(|frame| frame.command == Command::PRESENCE).map(decode).collect();
        assert!(away.is_empty(), "bob is there: {away:?}");
        left.push(status.username.unwrap().as_str().into_owned());
    }
    assert_eq!(left, ["bob", "carol"]);
    alice.until::<PresencePacket>().await;
    assert_eq!(
        presences(&mut bob).await,
        [("alice".into(), Presence::AVAILABLE), ("carol".into(), Presence::OFFLINE)]
    );
}

async fn a_session_goes_on_by_its_id(world: World) {
    let [mut alice, mut bob, _carol] = friends_in_lobby(&world).await;
    // a second session of bob's, whose id he knows
    let mut phone = world.connect();
    phone.send(Login { username: Some("bob".into()), ..Login::default() }).await;
    let challenge: LoginChallenge = phone.expect().await;
    phone.prove(&challenge, PASSWORD, HashKind::Sha1Fold).await;
    phone.until::<LoginOk>().await;
    phone
        .ask(SetPresence { presence: Some(Presence::AWAY), ..SetPresence::default() })
        .await
        .unwrap();
    phone.join("Lobby").await.unwrap();
    bob.fence().await;
    alice.fence().await;
    let world = world.restarted().await;
    let mut alice = back(&world, "alice").await;
    let _web = back(&world, "bob").await;
    let mut phone = world.connect();
    let again = Login {
        username: Some("bob".into()),
        session_id: challenge.session_id.clone(),
        ..Login::default()
    };
    let ok = phone.log_in_with(again).await;
    assert_eq!(ok.presence, Some(Presence::AWAY), "as it was");
    assert_eq!(noticed(&alice.fence().await), []);
    // it is in the room without entering it
    alice.ask(in_room("Lobby", "g1", "hello")).await.unwrap();
    let (_, message) = phone.until::<Message>().await;
    assert_eq!(text(&message), "hello");
}

async fn what_one_does_once_back_is_told_at_once(world: World) {
    let before = friends_in_lobby(&world).await;
    let world = world.restarted().await;
    drop(before);
    let mut alice = back(&world, "alice").await;
    let mut bob = back(&world, "bob").await;
    let carol = back(&world, "carol").await;
    let leave = LeaveChatroom { chatroom_name: Some("Lobby".into()), ..LeaveChatroom::default() };
    bob.ask(leave).await.unwrap();
    let left: Vec<ChatroomUserStatus> = alice.all().await;
    assert_eq!(left[0].username.as_ref().map(Text::as_str).unwrap(), "bob");
    bob.ask(SetPresence { presence: Some(Presence::BUSY), ..SetPresence::default() })
        .await
        .unwrap();
    let busy: Vec<PresencePacket> = alice.all().await;
    assert_eq!(busy[0].presence, Some(Presence::BUSY));
    // a lost connection, too: there is nothing to come back to
    drop(carol);
    alice.until::<ChatroomUserStatus>().await;
    let (_, gone) = alice.until::<PresencePacket>().await;
    assert_eq!(gone.presence, Some(Presence::OFFLINE));
}

async fn who_logs_out_meanwhile_is_gone(world: World) {
    let [mut alice, mut bob, carol] = friends_in_lobby(&world).await;
    world.service.prepare_shutdown();
    bob.send(Logout::default()).await;
    bob.closed().await;
    // carol's connection is cut, as the bridge does it before the service stops
    drop(carol);
    let (_, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!(left.username.unwrap(), "bob");
    alice.until::<PresencePacket>().await;
    let world = world.restarted().await;
    assert_eq!(noticed(&alice.closed().await), [], "carol is expected back");
    let mut alice = back(&world, "alice").await;
    assert_eq!(in_lobby(&mut alice).await, ["alice", "carol"]);
    // one who has come back, and not entered the room again, leaves it by logging out
    let mut carol = world.session("carol").await;
    carol.send(Logout::default()).await;
    let (_, left) = alice.until::<ChatroomUserStatus>().await;
    assert_eq!(left.username.unwrap(), "carol");
    let (_, gone) = alice.until::<PresencePacket>().await;
    assert_eq!(gone.presence, Some(Presence::OFFLINE));
}

async fn a_second_restart_forgets_nobody(world: World) {
    let before = friends_in_lobby(&world).await;
    let world = world.restarted().await.restarted().await;
    drop(before);
    let mut alice = back(&world, "alice").await;
    let world = world.restarted().await;
    alice.closed().await;
    let mut alice = back(&world, "alice").await;
    // her session is newer than the seats of the others
    assert_eq!(in_lobby(&mut alice).await, ["bob", "carol", "alice"]);
    let _bob = back(&world, "bob").await;
    assert_eq!(noticed(&alice.fence().await), []);
}

async fn after_a_long_stop_everybody_is_away(world: World) {
    let before = friends_in_lobby(&world).await;
    world.service.shutdown().await;
    drop(before);
    world.clock.pass(1000 * world.settings.limits.return_s + 1);
    let world = world.restarted().await;
    let mut alice = world.session("alice").await;
    let away = presences(&mut alice).await;
    assert!(away.iter().all(|(_, presence)| *presence == Presence::OFFLINE), "{away:?}");
    alice.join("Lobby").await.unwrap();
    assert_eq!(in_lobby(&mut alice).await, ["alice"]);
    // nor do they come back with the next start
    let world = world.restarted().await;
    let mut alice = back(&world, "alice").await;
    assert_eq!(in_lobby(&mut alice).await, ["alice"]);
}

async fn nobodys_seat_is_kept_unless_it_is_wanted(_: World) {
    let world = World::with(|settings| settings.limits.return_s = 0).await;
    let before = friends_in_lobby(&world).await;
    let world = world.restarted().await;
    drop(before);
    let mut alice = back(&world, "alice").await;
    assert_eq!(in_lobby(&mut alice).await, ["alice"]);
}

async fn kept_seats_are_no_sessions(_: World) {
    let world = World::with(|settings| settings.limits.sessions_per_account = 2).await;
    let before = (world.user("alice").await, world.session("alice").await);
    let world = world.restarted().await;
    drop(before);
    let (mut one, mut two) = (world.session("alice").await, world.session("alice").await);
    assert!(
        one.fence().await.is_empty() && two.fence().await.is_empty(),
        "none was ended for another"
    );
    let _three = world.session("alice").await;
    let end: SessionTerminated = decode(&one.closed().await[0]);
    assert_eq!(end.reason.unwrap(), "taken over");
    two.fence().await;
}

/// Alice comes back after each of two restarts in a row, as a page does that knows no session id.
async fn back_twice(world: World) -> (World, Client, Client) {
    let before = friends_in_lobby(&world).await;
    let world = world.restarted().await;
    drop(before);
    let alice = back(&world, "alice").await;
    let world = world.restarted().await;
    drop(alice);
    let (alice, bob) = (back(&world, "alice").await, back(&world, "bob").await);
    (world, alice, bob)
}

async fn what_one_does_after_a_second_restart_is_told_at_once(world: World) {
    let (_world, mut alice, mut bob) = back_twice(world).await;
    alice.fence().await;
    alice
        .ask(SetPresence { presence: Some(Presence::BUSY), ..SetPresence::default() })
        .await
        .unwrap();
    let busy: Vec<PresencePacket> = bob.all().await;
    assert_eq!(
        busy.iter().map(|packet| packet.presence).collect::<Vec<_>>(),
        [Some(Presence::BUSY)]
    );
    alice.send(Logout::default()).await;
    alice.closed().await;
    assert_eq!(
        noticed(&bob.fence().await),
        [Command::CHATROOM_USER_STATUS, Command::PRESENCE],
        "who logs out is away at once"
    );
}

async fn rooms_that_were_not_entered_again_outlive_a_second_restart(world: World) {
    let before = friends_in_lobby(&world).await;
    let world = world.restarted().await;
    drop(before);
    let alice = world.session("alice").await;
    let world = world.restarted().await;
    drop(alice);
    let mut bob = back(&world, "bob").await;
    assert!(in_lobby(&mut bob).await.contains(&"alice".to_owned()));
    let _alice = back(&world, "alice").await;
    assert_eq!(noticed(&bob.fence().await), []);
}

async fn a_session_taken_up_twice_shows_what_it_did(world: World) {
    let mut alice = world.connect();
    alice.register("alice").await;
    alice.send(Login { username: Some("alice".into()), ..Login::default() }).await;
    let challenge: LoginChallenge = alice.expect().await;
    alice.prove(&challenge, PASSWORD, HashKind::Sha1Fold).await;
    alice.until::<LoginOk>().await;
    let world = world.restarted().await;
    drop(alice);
    // another page of hers is back first
    let other = world.session("alice").await;
    let world = world.restarted().await;
    drop(other);
    let again = Login {
        username: Some("alice".into()),
        session_id: challenge.session_id.clone(),
        ..Login::default()
    };
    let ok = world.connect().log_in_with(again).await;
    assert_eq!(ok.presence, Some(Presence::AVAILABLE));
}

async fn a_room_is_left_that_was_not_entered_again(world: World) {
    let before = friends_in_lobby(&world).await;
    let phone = back(&world, "bob").await;
    let world = world.restarted().await;
    drop((before, phone));
    let mut alice = back(&world, "alice").await;
    let _phone = world.session("bob").await;
    let mut bob = world.session("bob").await;
    let leave = || LeaveChatroom { chatroom_name: Some("lobby".into()), ..Default::default() };
    bob.ask(leave()).await.unwrap();
    let left: Vec<ChatroomUserStatus> = alice.all().await;
    assert_eq!(left[0].username.as_ref().map(Text::as_str).unwrap(), "bob");
    assert_eq!(in_lobby(&mut alice).await, ["alice", "carol"]);
    assert!(bob.ask(leave()).await.is_err(), "once");
}

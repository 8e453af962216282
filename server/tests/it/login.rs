//! Registration, log-in, tokens, taking over a session (spec/wire.md sections 3 and 8).
use bytes::Bytes;
use mig33_codec::hash::HashKind;
use mig33_codec::packets::{
    Error, GetContacts, Login, LoginChallenge, LoginOk, LoginResponse, Logout, NewRegistration,
    Ok as OkPacket, Ping, Pong, SessionTerminated, SetPresence,
};
use mig33_codec::values::{ErrorCode, Presence};
use mig33_codec::{Command, Secret, Text};

use crate::harness::{Client, PASSWORD, World, befriend, decode};

scenarios!(
    register_then_log_in_on_the_same_connection,
    registration_has_rules,
    every_kind_of_hash_proves_unless_it_is_turned_off,
    a_challenge_is_good_for_one_answer,
    nobody_learns_who_exists,
    nothing_works_before_log_in,
    a_token_logs_in_and_dies_by_its_successor,
    a_token_is_of_one_account_and_ends_with_log_out,
    an_account_keeps_32_tokens,
    a_session_is_taken_over_with_its_rooms_and_presence,
    what_was_kept_is_there_after_a_restart,
    the_oldest_session_makes_room,
    logging_in_twice_is_refused,
);

async fn register_then_log_in_on_the_same_connection(world: World) {
    let mut client = world.connect();
    client.last = 1;
    let number = client.send(registration("Alice", PASSWORD)).await;
    assert_eq!(number, 2);
    let frame = client.frame().await;
    assert_eq!(frame.transaction, 2);
    assert!(decode::<OkPacket>(&frame).text.unwrap().as_str().contains("Welcome"));
    let ok = client.log_in("aLICE").await;
    assert_eq!(ok.username.unwrap(), "Alice");
    assert_eq!(ok.presence, Some(Presence::AVAILABLE));
    assert_eq!(ok.supports_chat_sync, Some(true));
    assert_eq!(ok.server_time, Some(crate::harness::START));
    assert_eq!(ok.alert.unwrap(), world.settings.motd.as_str());
    assert_eq!(ok.resume_token, None);
    client.send(Logout::default()).await;
    assert_eq!(client.next().await, None);
}

fn registration(name: &str, password: &str) -> NewRegistration {
    NewRegistration {
        username: Some(name.into()),
        password: Some(Text::from(password).into()),
        ..NewRegistration::default()
    }
}

async fn registration_has_rules(world: World) {
    let mut client = world.connect();
    let phone = |phone: &str| NewRegistration {
        mobile_phone: Some(phone.into()),
        ..registration(&format!("user{}", phone.len()), PASSWORD)
    };
    client.ask(registration("Alice", PASSWORD)).await.unwrap();
    for (packet, word) in [
        (registration("alice", PASSWORD), "taken"),
        (registration("al", PASSWORD), "username"),
        (registration("alice!", PASSWORD), "username"),
        (registration("carol", "short"), "password"),
        (phone("12ab34567"), "phone"),
        (
            NewRegistration { username: Some("dave".into()), ..NewRegistration::default() },
            "block 3 (password)",
        ),
    ] {
        let error = client.ask(packet).await.unwrap_err();
        assert!(error.contains(word), "{error}");
    }
    client.ask(phone("+4917012345678")).await.unwrap();
    client.ask(phone("")).await.unwrap();
    // nothing was made of the refused ones
    client.ask(registration("carol", PASSWORD)).await.unwrap();
}

async fn every_kind_of_hash_proves_unless_it_is_turned_off(world: World) {
    world.user("alice").await;
    for kind in HashKind::ALL {
        let mut client = world.connect();
        let challenge = challenge(&mut client, "alice").await;
        let password = if kind == HashKind::JavaHashLower { "sECRET-1" } else { PASSWORD };
        client.prove(&challenge, password, kind).await;
        client.expect::<LoginOk>().await;
    }
    let world = World::with(|settings| {
        settings.hashes = [mig33_server::settings::HashName::Sha1fold].into();
    })
    .await;
    world.user("alice").await;
    let mut client = world.connect();
    let challenge = challenge(&mut client, "alice").await;
    client.prove(&challenge, PASSWORD, HashKind::JavaHash).await;
    assert_eq!(client.expect::<Error>().await.code, Some(ErrorCode::INCORRECT_CREDENTIAL));
}

async fn challenge(client: &mut Client, name: &str) -> LoginChallenge {
    client.send(Login { username: Some(name.into()), ..Login::default() }).await;
    client.expect().await
}

async fn a_challenge_is_good_for_one_answer(world: World) {
    world.user("alice").await;
    let mut client = world.connect();
    let first = challenge(&mut client, "alice").await;
    let number = client.prove(&first, "wrong password", HashKind::Sha1Fold).await;
    let frame = client.frame().await;
    assert_eq!(frame.transaction, number);
    assert_eq!(decode::<Error>(&frame).code, Some(ErrorCode::INCORRECT_CREDENTIAL));
    client.prove(&first, PASSWORD, HashKind::Sha1Fold).await;
    assert!(client.expect::<Error>().await.description.unwrap().as_str().contains("challenge"));
    let second = challenge(&mut client, "alice").await;
    assert_ne!(first.challenge, second.challenge);
    assert_ne!(first.session_id, second.session_id);
    client.prove(&second, PASSWORD, HashKind::Sha1Fold).await;
    client.expect::<LoginOk>().await;
}

async fn nobody_learns_who_exists(world: World) {
    world.user("alice").await;
    let mut client = world.connect();
    let mut answers = Vec::new();
    for name in ["alice", "nobody", ""] {
        let challenge = challenge(&mut client, name).await;
        client.prove(&challenge, "wrong password", HashKind::Sha1Fold).await;
        answers.push(client.expect::<Error>().await);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[1], answers[2]);
}

async fn nothing_works_before_log_in(world: World) {
    let mut client = world.connect();
    client.send(Ping::default()).await;
    client.expect::<Pong>().await;
    let error = client.ask(GetContacts::default()).await.unwrap_err();
    assert_eq!(error, client.ask(crate::harness::private("alice", "g", "x")).await.unwrap_err());
    client.send(LoginResponse { password_hash: Some(1.into()), ..LoginResponse::default() }).await;
    client.expect::<Error>().await;
    client.send(Login::default()).await;
    assert!(
        client.expect::<Error>().await.description.unwrap().as_str().contains("block 5 (username)")
    );
    assert!(client.fence().await.is_empty());
}

fn with_token(name: &str, token: Bytes) -> Login {
    Login { username: Some(name.into()), resume_token: Some(token.into()), ..Login::default() }
}

async fn first_token(world: &World, name: &str) -> Bytes {
    let mut client = world.connect();
    let ok = client.log_in_with(with_token(name, Bytes::new())).await;
    ok.resume_token.map(Secret::into_inner).unwrap()
}

/// Logs in with a token: its successor, or none where a challenge came.
async fn resume(world: &World, name: &str, token: &Bytes) -> Option<(Client, Bytes)> {
    let mut client = world.connect();
    client.send(with_token(name, token.clone())).await;
    let frame = client.frame().await;
    if frame.command == Command::LOGIN_CHALLENGE {
        return None;
    }
    let ok: LoginOk = decode(&frame);
    Some((client, ok.resume_token.map(Secret::into_inner).unwrap()))
}

async fn a_token_logs_in_and_dies_by_its_successor(world: World) {
    world.user("alice").await;
    let first = first_token(&world, "alice").await;
    assert_eq!(first.len(), 32);
    let (_one, second) = resume(&world, "alice", &first).await.unwrap();
    // the answer was lost, or a second tab: the first is still good
    let (_two, third) = resume(&world, "alice", &first).await.unwrap();
    assert_ne!(second, third);
    let (_three, fourth) = resume(&world, "alice", &second).await.unwrap();
    assert!(resume(&world, "alice", &first).await.is_none());
    // the other tab's is good, and kills nothing but its own predecessor
    assert!(resume(&world, "alice", &third).await.is_some());
    assert!(resume(&world, "alice", &fourth).await.is_some());
    world.clock.pass(31 * 24 * 60 * 60 * 1000);
    assert!(resume(&world, "alice", &fourth).await.is_none());
}

async fn a_token_is_of_one_account_and_ends_with_log_out(world: World) {
    world.user("alice").await;
    world.user("bob").await;
    let token = first_token(&world, "alice").await;
    assert!(resume(&world, "bob", &token).await.is_none());
    assert!(resume(&world, "alice", &Bytes::from_static(&[7; 32])).await.is_none());
    assert!(resume(&world, "alice", &Bytes::from_static(b"short")).await.is_none());
    let (mut client, successor) = resume(&world, "alice", &token).await.unwrap();
    client.send(Logout::default()).await;
    assert_eq!(client.next().await, None);
    assert!(resume(&world, "alice", &token).await.is_none());
    assert!(resume(&world, "alice", &successor).await.is_none());
}

async fn an_account_keeps_32_tokens(world: World) {
    world.user("alice").await;
    let oldest = first_token(&world, "alice").await;
    let used = first_token(&world, "alice").await;
    for _ in 0..40 {
        world.clock.pass(1);
        assert!(resume(&world, "alice", &used).await.is_some(), "a token that is used stays");
    }
    assert!(resume(&world, "alice", &oldest).await.is_none());
}

async fn a_session_is_taken_over_with_its_rooms_and_presence(world: World) {
    let (_alice, mut bob) = world.friends("alice", "bob").await;
    let mut phone = world.connect();
    let challenge = challenge(&mut phone, "alice").await;
    phone.prove(&challenge, PASSWORD, HashKind::Sha1Fold).await;
    phone.expect::<LoginOk>().await;
    let busy = SetPresence { presence: Some(Presence::BUSY), ..SetPresence::default() };
    phone.ask(busy).await.unwrap();
    phone.join("Lobby").await.unwrap();
    bob.join("Lobby").await.unwrap();
    bob.fence().await;
    let mut again = world.connect();
    let ok = again
        .log_in_with(Login {
            username: Some("alice".into()),
            session_id: challenge.session_id.clone(),
            ..Login::default()
        })
        .await;
    assert_eq!(ok.presence, Some(Presence::BUSY));
    let last = phone.closed().await;
    assert_eq!(decode::<SessionTerminated>(last.last().unwrap()).reason.unwrap(), "taken over");
    assert_eq!(bob.fence().await, [], "for others nothing has happened");
    again.ask(crate::harness::in_room("lobby", "g1", "still here")).await.unwrap();
    let frames = bob.fence().await;
    assert_eq!(frames.len(), 1);
    // somebody else's session id is worth nothing
    let mut eve = world.user("eve").await;
    let mut more = world.connect();
    let wish = Login {
        username: Some("eve".into()),
        session_id: challenge.session_id,
        ..Login::default()
    };
    assert_eq!(more.log_in_with(wish).await.presence, Some(Presence::AVAILABLE));
    assert!(more.ask(crate::harness::in_room("lobby", "g2", "x")).await.is_err());
    assert!(eve.fence().await.is_empty());
}

async fn what_was_kept_is_there_after_a_restart(world: World) {
    let (mut alice, bob) = world.friends("alice", "bob").await;
    drop(bob);
    alice.say("bob", "g1", "are you there?").await.unwrap();
    let token = first_token(&world, "alice").await;
    let world = world.restarted().await;
    let frames = alice.closed().await;
    assert_eq!(decode::<SessionTerminated>(frames.last().unwrap()).reason.unwrap(), "shutdown");
    assert!(resume(&world, "alice", &token).await.is_some());
    let mut bob = world.session("bob").await;
    assert_eq!(crate::harness::text(&bob.until().await.1), "are you there?");
    assert_eq!(bob.contacts().await.len(), 1);
}

async fn the_oldest_session_makes_room(_: World) {
    let world = World::with(|settings| settings.limits.sessions_per_account = 2).await;
    let mut first = world.user("alice").await;
    let mut second = world.session("alice").await;
    let mut third = world.session("alice").await;
    let last = first.closed().await;
    assert_eq!(decode::<SessionTerminated>(last.last().unwrap()).reason.unwrap(), "taken over");
    assert!(second.fence().await.is_empty() && third.fence().await.is_empty());
}

async fn logging_in_twice_is_refused(world: World) {
    let (mut alice, mut bob) = (world.user("alice").await, world.user("bob").await);
    alice.send(Login { username: Some("bob".into()), ..Login::default() }).await;
    assert!(alice.expect::<Error>().await.description.is_some());
    assert!(alice.ask(registration("carol", PASSWORD)).await.is_err());
    befriend(&mut alice, &mut bob).await;
    alice.say("bob", "g", "still alice").await.unwrap();
    let message: mig33_codec::packets::Message = bob.expect().await;
    assert_eq!(message.source.unwrap(), "alice");
}

#[tokio::test]
async fn maintenance_lets_nobody_in() {
    let world = World::with(|settings| settings.maintenance = Some("Back at noon.".into())).await;
    let mut client = world.connect();
    assert_eq!(client.ask(registration("alice", PASSWORD)).await.unwrap_err(), "Back at noon.");
    let number = client.send(with_token("alice", Bytes::new())).await;
    let frame = client.frame().await;
    assert_eq!(frame.transaction, number);
    assert_eq!(decode::<Error>(&frame).description.unwrap(), "Back at noon.");
}

#[tokio::test]
async fn registrations_are_limited_by_address() {
    let world = World::with(|settings| settings.limits.registrations_per_hour = 2).await;
    let mut client = world.connect_from(Some("192.0.2.1".parse().unwrap()), 4096);
    client.ask(registration("alice", PASSWORD)).await.unwrap();
    client.ask(registration("carol", PASSWORD)).await.unwrap();
    assert!(client.ask(registration("dave", PASSWORD)).await.unwrap_err().contains("Wait"));
    let mut other = world.connect_from(Some("192.0.2.2".parse().unwrap()), 4096);
    other.ask(registration("dave", PASSWORD)).await.unwrap();
}

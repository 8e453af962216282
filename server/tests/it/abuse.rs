//! Limits on what one person can do to others: nobody gets around them by a new connection, or by many.
use mig33_codec::packets::{Login, LoginChallenge, Message, Ping, Pong};
use mig33_codec::{Encode, HEADER_LEN, MAX_PARAMS_BEFORE_LOGIN};
use tokio::io::AsyncWriteExt;

use crate::harness::{World, decode, in_room};

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

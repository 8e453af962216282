//! Which ends of a connection end its session, and which leave it waiting.
use std::time::Duration;

use mig33_bridge::limits::LimitSettings;
use mig33_bridge::resume::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::{Client, GRACE, Sessions, limits, pass};
use crate::support::packet;

const LOGOUT: [u8; 9] = [2, 1, 44, 0, 5, 0, 0, 0, 0];

/// Whether the server is told of an end within a second.
async fn has_ended(server: &mut DuplexStream) -> bool {
    tokio::time::timeout(Duration::from_secs(1), server.read(&mut [0]))
        .await
        .is_ok_and(|read| matches!(read, Ok(0)))
}

#[tokio::test(start_paused = true)]
async fn a_close_with_1000_or_1001_ends_the_session_and_any_other_leaves_it_waiting() {
    for (code, ends) in [(1000, true), (1001, true), (4000, false), (3000, false), (1002, false)] {
        let mut sessions = Sessions::new();
        let (mut client, mut server) = sessions.begin().await;
        client.close(code).await;
        assert_eq!(has_ended(&mut server).await, ends, "{code}");
        let answer = client.resume(sessions.connection()).await.unwrap();
        assert_eq!(answer["resumed"], !ends, "{code}");
    }
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    client.socket.close(None).await.unwrap();
    assert_eq!(client.ended().await, None);
    assert!(!has_ended(&mut server).await, "a close without a code");
    client.resume(sessions.connection()).await.unwrap();
    // and a connection that breaks
    let connection = sessions.connection();
    client.resume(connection).await.unwrap();
    client = Client { socket: Client::on(sessions.connection()).await.socket, ..client };
    assert!(!has_ended(&mut server).await);
    assert_eq!(client.resume(sessions.connection()).await.unwrap()["resumed"], true);
}

/// Sessions whose clients have so long for their first packet, and between two.
fn with_times(first_packet_s: u32, idle_s: u32) -> Sessions {
    let client = LimitSettings { first_packet_s, idle_s, ..limits().client };
    Sessions::with(Limits { client, ..limits() })
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_client_sends_nothing_is_closed_with_1008() {
    let mut sessions = with_times(30, 0);
    let (mut client, mut server) = sessions.begin().await;
    let begin = Instant::now();
    assert_eq!(client.ended().await, Some(1008));
    assert_eq!(begin.elapsed(), Duration::from_secs(30));
    assert!(has_ended(&mut server).await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_has_all_its_time_again() {
    for (first_packet_s, idle_s, code) in [(30, 0, 1008), (0, 30, 1001)] {
        let mut sessions = with_times(first_packet_s, idle_s);
        let (mut client, mut server) = sessions.begin().await;
        client.close(4000).await;
        assert!(!has_ended(&mut server).await);
        tokio::time::advance(Duration::from_secs(100)).await;
        client.resume(sessions.connection()).await.unwrap();
        let begin = Instant::now();
        assert_eq!(client.ended().await, Some(code));
        assert_eq!(begin.elapsed(), Duration::from_secs(30));
    }
}

#[tokio::test(start_paused = true)]
async fn after_logout_any_end_of_the_connection_ends_the_session() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    client.send(&LOGOUT).await.unwrap();
    client.close(4000).await;
    let mut got = Vec::new();
    server.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, LOGOUT);
}

#[tokio::test(start_paused = true)]
async fn a_session_waits_for_its_grace_and_no_longer() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    client.close(4000).await;
    let begin = Instant::now();
    let mut got = Vec::new();
    server.read_to_end(&mut got).await.unwrap();
    assert_eq!(begin.elapsed(), GRACE);
    assert_eq!(got, [2, 0, 2, 0, 0, 0, 0, 0, 0], "one PING, unanswered");
    let answer = client.resume(sessions.connection()).await.unwrap();
    assert_eq!(answer["reason"], "unknown");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_waited_for() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    // it does not read, and so answers nothing
    pass(60).await;
    server.write_all(&packet(5)).await.unwrap();
    assert_eq!(client.resume(sessions.connection()).await.unwrap()["resumed"], true);
    client.receive(14).await.unwrap();
    assert_eq!(client.received, packet(5));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_looks_alive_is_closed_with_4001_when_its_client_comes_back() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    // more than the server takes: the rest is read and not written
    client.send(&packet(3_000)).await.unwrap();
    let new = Client::on(sessions.connection()).await.socket;
    let mut old = Client {
        socket: std::mem::replace(&mut client.socket, new),
        token: String::new(),
        sent: client.sent.clone(),
        acknowledged: 0,
        received: Vec::new(),
        told: 0,
    };
    let resuming = async {
        let answer = client.open().await.unwrap();
        assert_eq!((&answer["resumed"], &answer["received"]), (&true.into(), &1024.into()));
        client
    };
    let reading = async {
        let mut got = vec![0; 3_009];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(got, packet(3_000), "once, although some of it was read twice");
    };
    let (mut client, closed) = tokio::join!(resuming, old.ended());
    assert_eq!(closed, Some(4001));
    // what the old connection still sends goes nowhere
    reading.await;
    client.send(&packet(1)).await.unwrap();
    let mut got = [0; 10];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got[..], packet(1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_while_nobody_is_there_is_told_of_with_the_rest() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    client.close(4000).await;
    server.write_all(&packet(300)).await.unwrap();
    drop(server);
    pass(50).await;
    assert_eq!(client.resume(sessions.connection()).await.unwrap()["resumed"], true);
    client.receive(309).await.unwrap();
    client.acknowledge().await.unwrap();
    assert_eq!((client.ended().await, &client.received), (Some(1000), &packet(300)));
}

#[tokio::test(start_paused = true)]
async fn the_servers_close_waits_for_the_acknowledgement_of_the_rest() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    server.write_all(&packet(300)).await.unwrap();
    drop(server);
    // the connection breaks before the rest is through
    client.resume(sessions.connection()).await.unwrap();
    client.receive(309).await.unwrap();
    let begin = Instant::now();
    // and a client that never acknowledges is not waited for without end
    assert_eq!(client.ended().await, Some(1000));
    assert_eq!(begin.elapsed(), GRACE);
}

#[tokio::test(start_paused = true)]
async fn half_a_packet_or_garbage_from_the_server_is_1011() {
    for bad in [&packet(9)[..10], b"HTTP/1.1"] {
        let mut sessions = Sessions::new();
        let (mut client, mut server) = sessions.begin().await;
        server.write_all(&packet(3)).await.unwrap();
        client.receive(12).await.unwrap();
        client.acknowledge().await.unwrap();
        server.write_all(bad).await.unwrap();
        drop(server);
        while client.received.len() < 22 && bad.len() == 10 {
            client.take().await.unwrap();
        }
        client.acknowledge().await.unwrap();
        assert_eq!(client.ended().await, Some(1011));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_bounded_in_all_and_by_address() {
    let limits = Limits { detached: 3, detached_per_address: 2, ..limits() };
    let mut sessions = Sessions::with(limits);
    let mut waiting = Vec::new();
    for (host, waits) in [(1, true), (1, true), (1, false), (2, true), (3, false)] {
        let mut client = Client::begin(sessions.connection_from(host)).await;
        let mut server = sessions.server().await;
        client.close(4000).await;
        assert_eq!(has_ended(&mut server).await, !waits, "from {host}");
        waiting.push((client, server));
    }
    // one comes back: there is room for another
    let (client, _) = &mut waiting[0];
    assert_eq!(client.resume(sessions.connection()).await.unwrap()["resumed"], true);
    let mut client = Client::begin(sessions.connection_from(3)).await;
    let mut server = sessions.server().await;
    client.close(4000).await;
    assert!(!has_ended(&mut server).await);
}

#[tokio::test(start_paused = true)]
async fn without_grace_a_session_ends_with_its_connection() {
    let mut sessions = Sessions::with(Limits { grace: Duration::ZERO, ..limits() });
    let (mut client, mut server) = sessions.begin().await;
    client.close(4000).await;
    assert!(has_ended(&mut server).await);
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_1012_and_ends_those_who_wait_too() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    let (mut away, mut other) = sessions.begin().await;
    away.close(4000).await;
    sessions.stop.cancel();
    assert_eq!(client.ended().await, Some(1012));
    assert!(has_ended(&mut server).await && has_ended(&mut other).await);
}

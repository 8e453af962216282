//! Acknowledgements, tokens, first messages: what each side may say, and when.
use std::time::Duration;

use mig33_bridge::limits::LimitSettings;
use mig33_bridge::resume::Limits;
use mig33_bridge::tunnel::Framing;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::{Client, Sessions, limits, log_in, pass};
use crate::support::{LOGIN_OK, packet};
use futures_util::SinkExt;

#[tokio::test(start_paused = true)]
async fn the_streams_go_both_ways_in_any_cut() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    let stream = [packet(3), packet(0), packet(200)].concat();
    for piece in stream.chunks(7) {
        client.send(piece).await.unwrap();
    }
    client.send(b"").await.unwrap();
    let mut got = vec![0; stream.len()];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, stream);

    server.write_all(&stream[..10]).await.unwrap();
    client.receive(10).await.unwrap();
    assert_eq!(client.received, stream[..10], "half a packet goes on at once");
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_acknowledged_by_bytes_or_time() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    log_in(&mut client, &mut server).await;
    let begin = Instant::now();
    client.send(&packet(100)).await.unwrap();
    client.take().await.unwrap();
    assert_eq!((client.acknowledged, begin.elapsed()), (109, Duration::from_secs(1)));
    // at rest there is nothing to be said
    assert!(timeout(Duration::from_secs(20), client.take()).await.is_err());

    let reading = tokio::spawn(async move {
        let mut got = vec![0; 20_009];
        server.read_exact(&mut got).await.unwrap();
        server
    });
    let begin = Instant::now();
    client.send(&packet(20_000)).await.unwrap();
    client.take().await.unwrap();
    assert!(client.acknowledged >= 16 * 1024 && begin.elapsed() < Duration::from_secs(1));
    let _server = reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_only_read_is_not_acknowledged() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    // more than the server's stream holds, and the server does not read
    client.send(&packet(900)).await.unwrap();
    client.send(&packet(900)).await.unwrap();
    client.take().await.unwrap();
    assert_eq!(client.acknowledged, super::STREAM);
    let mut got = vec![0; 2 * 909];
    server.read_exact(&mut got).await.unwrap();
    client.take().await.unwrap();
    assert_eq!(client.acknowledged, got.len());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_acknowledge_stops_the_server_from_being_read() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    let writing = tokio::spawn(async move {
        // longer than may be kept: it goes in pieces
        server.write_all(&packet(200_000)).await.unwrap();
        server
    });
    while timeout(Duration::from_secs(5), client.take()).await.is_ok_and(|taken| taken.is_ok()) {}
    assert_eq!(client.received.len(), 65_536);
    client.acknowledge().await.unwrap();
    client.receive(200_009).await.unwrap();
    assert_eq!(client.received, packet(200_000));
    writing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_behind_or_ahead_is_1002() {
    for (first, second) in [(10, 9), (0, 110), (0, u64::MAX)] {
        let mut sessions = Sessions::new();
        let (mut client, mut server) = sessions.begin().await;
        server.write_all(&packet(100)).await.unwrap();
        client.receive(109).await.unwrap();
        client.say(&json!({ "ack": first })).await.unwrap();
        client.say(&json!({ "ack": first })).await.unwrap();
        client.say(&json!({ "ack": second })).await.unwrap();
        assert_eq!(client.ended().await, Some(1002), "{first}, {second}");
        // the session is over with it
        let answer = client.resume(sessions.connection()).await.unwrap();
        assert_eq!(answer["reason"], "unknown");
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_log_in_packets_are_short_in_whatever_cut() {
    let long = packet(8 * 1024 + 1);
    for pieces in [long.len(), 1000, 7] {
        let mut sessions = Sessions::new();
        let (mut client, _server) = sessions.begin().await;
        for piece in long.chunks(pieces) {
            if client.send(piece).await.is_err() {
                break;
            }
        }
        let ended = timeout(Duration::from_secs(10), client.ended()).await;
        assert_eq!(ended, Ok(Some(1009)), "in pieces of {pieces}");
    }
    // a packet may be as long as that, and so may many together
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    let reading = tokio::spawn(async move {
        let mut got = vec![0; 3 * 8201];
        server.read_exact(&mut got).await.unwrap();
        server
    });
    for _ in 0..3 {
        client.send(&packet(8 * 1024)).await.unwrap();
    }
    let mut server = reading.await.unwrap();

    // who is let in may send more, and so on the next connection
    server.write_all(&LOGIN_OK).await.unwrap();
    client.receive(9).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut got = vec![0; 2 * 100_009];
        server.read_exact(&mut got).await.unwrap();
        assert!(got == packet(100_000).repeat(2));
        server
    });
    client.send(&packet(100_000)).await.unwrap();
    while client.acknowledged < 3 * 8201 + 100_009 {
        client.take().await.unwrap();
    }
    client.resume(sessions.connection()).await.unwrap();
    client.send(&packet(100_000)).await.unwrap();
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn control_counts_for_a_clients_pace_as_data_does() {
    let texts = [r#"{"ack":0}"#, r#"{"later":[1,2,3]}"#].map(Message::text);
    for message in texts.into_iter().chain([Message::binary(""), Message::Pong("".into())]) {
        let mut sessions = Sessions::with(Limits {
            client: LimitSettings {
                client_bytes_per_s: 500,
                client_burst_bytes: 1000,
                ..limits().client
            },
            ..limits()
        });
        let (mut client, _server) = sessions.begin().await;
        let mut sent = 0;
        let flood = async {
            while client.socket.send(message.clone()).await.is_ok() {
                // two bytes of a header, a mask of four
                sent += 6 + message.len();
                assert!(sent < 100_000, "{message:?} is free");
            }
        };
        assert!(timeout(Duration::from_secs(10), flood).await.is_err(), "it is no reason to end");
        assert!((5000..=6000 + 3 * super::STREAM).contains(&sent), "{sent} bytes of {message:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_much_before_the_first_message_is_not_waited_for() {
    let mut sessions = Sessions::new();
    for (first, times) in [(Message::Pong("x".into()), 1000), (Message::text(" ".repeat(9000)), 1)]
    {
        let mut client = Client::on(sessions.connection()).await;
        for _ in 0..times {
            client.socket.send(first.clone()).await.unwrap();
        }
        let begin = Instant::now();
        assert_eq!(client.ended().await, Some(1002), "after {times} of {} bytes", first.len());
        assert!(begin.elapsed() < Duration::from_secs(1));
    }
    assert!(sessions.no_server());
}

#[tokio::test(start_paused = true)]
async fn nothing_but_a_first_message_may_come_first() {
    let mut sessions = Sessions::new();
    for bad in ["", "hello", "{}", r#"{"ack":0}"#, r#"{"resume":"abc"}"#] {
        let mut client = Client::on(sessions.connection()).await;
        client.socket.send(Message::text(bad)).await.unwrap();
        assert_eq!(client.ended().await, Some(1002), "{bad}");
    }
    let mut client = Client::on(sessions.connection()).await;
    client.socket.send(Message::binary(packet(0))).await.unwrap();
    assert_eq!(client.ended().await, Some(1002));

    let begin = Instant::now();
    let mut client = Client::on(sessions.connection()).await;
    assert_eq!(client.ended().await, Some(1008));
    assert_eq!(begin.elapsed(), Duration::from_secs(5));
    assert!(sessions.no_server());
}

#[tokio::test(start_paused = true)]
async fn a_ping_before_the_first_message_is_answered() {
    let mut sessions = Sessions::new();
    let mut client = Client::on(sessions.connection()).await;
    client.socket.send(Message::Ping("there?".into())).await.unwrap();
    let pong = futures_util::StreamExt::next(&mut client.socket).await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong("there?".into()));
    client.open().await.unwrap();
    sessions.server().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_good_once_and_that_before_it_until_the_next_has_come() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    let first = client.token.clone();
    // the answer is lost: the client has nothing but its first token
    client.resume(sessions.connection()).await.unwrap();
    let lost = std::mem::replace(&mut client.token, first.clone());
    let answer = client.resume(sessions.connection()).await.unwrap();
    assert_eq!(answer["resumed"], true);
    assert!(![&first, &lost].contains(&&client.token));
    // now something comes on the new connection
    client.send(&packet(0)).await.unwrap();
    server.read_exact(&mut [0; 9]).await.unwrap();
    let good = client.token.clone();
    for bad in [first, lost, "x".to_owned(), good.to_lowercase()] {
        let mut other = Client::on(sessions.connection()).await;
        other.token = bad;
        let answer = other.open().await.unwrap();
        assert_eq!(
            (&answer["resumed"], &answer["reason"], &answer["received"]),
            (&json!(false), &json!("unknown"), &json!(0))
        );
        sessions.server().await;
    }
    client.send(&packet(1)).await.unwrap();
    server.read_exact(&mut [0; 10]).await.unwrap();
    assert_eq!(client.resume(sessions.connection()).await.unwrap()["resumed"], true);
}

#[tokio::test(start_paused = true)]
async fn an_offset_that_is_gone_begins_anew_and_ends_the_old_session() {
    for behind in [false, true] {
        let mut sessions = Sessions::new();
        let (mut client, mut server) = sessions.begin().await;
        server.write_all(&packet(100)).await.unwrap();
        client.receive(109).await.unwrap();
        client.acknowledge().await.unwrap();
        client.send(&packet(0)).await.unwrap();
        server.read_exact(&mut [0; 9]).await.unwrap();
        client.received.resize(if behind { 108 } else { 110 }, 0);
        let answer = client.resume(sessions.connection()).await.unwrap();
        assert_eq!((&answer["resumed"], &answer["reason"]), (&json!(false), &json!("offset")));
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "the old session's server is told");
        let mut server = sessions.server().await;
        client.send(&packet(2)).await.unwrap();
        server.read_exact(&mut [0; 11]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_packet_end_the_session() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    client.send(&packet(0)).await.unwrap();
    client.send(b"GET /").await.unwrap();
    assert_eq!(client.ended().await, Some(1002));
    let mut got = Vec::new();
    server.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, packet(0), "what came before is delivered");
}

#[tokio::test(start_paused = true)]
async fn the_server_of_a_detached_session_is_kept_awake_and_the_client_sees_nothing_of_it() {
    const PING: [u8; 9] = [2, 0, 2, 0, 0, 0, 0, 0, 0];
    const PONG: [u8; 9] = [2, 0, 3, 0, 0, 0, 0, 0, 0];
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    let begin = Instant::now();
    client.send(&packet(0)).await.unwrap();
    server.read_exact(&mut [0; 9]).await.unwrap();
    pass(20).await;
    let mut got = [0; 9];
    drop(std::mem::replace(&mut client.socket, Client::on(sessions.connection()).await.socket));
    server.read_exact(&mut got).await.unwrap();
    assert_eq!((got, begin.elapsed()), (PING, Duration::from_secs(60)));
    // its answer comes after the client has come back, between other packets and in two pieces
    client.resume(sessions.connection()).await.unwrap();
    server.write_all(&[&packet(4), &PONG[..5]].concat()).await.unwrap();
    client.receive(13).await.unwrap();
    server.write_all(&[&PONG[5..], &packet(6)].concat()).await.unwrap();
    client.receive(28).await.unwrap();
    assert_eq!(client.received, [packet(4), packet(6)].concat());
    // and the client's own answers come as they do
    client.send(&PING).await.unwrap();
    server.read_exact(&mut got).await.unwrap();
    server.write_all(&PONG).await.unwrap();
    client.receive(37).await.unwrap();
    assert_eq!(client.received[28..], PONG);
    drop(client.socket.close(None));
}

#[tokio::test(start_paused = true)]
async fn no_ping_goes_into_the_middle_of_a_packet() {
    let mut sessions = Sessions::new();
    let (mut client, mut server) = sessions.begin().await;
    let whole = packet(30);
    client.send(&whole[..20]).await.unwrap();
    server.read_exact(&mut [0; 20]).await.unwrap();
    drop(std::mem::replace(&mut client.socket, Client::on(sessions.connection()).await.socket));
    assert!(timeout(Duration::from_secs(100), server.read(&mut [0])).await.is_err());
    client.resume(sessions.connection()).await.unwrap();
    client.send(&whole[20..]).await.unwrap();
    let mut got = [0; 19];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, whole[20..]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_ahead_of_its_pace_is_read_later_and_loses_nothing() {
    let client = LimitSettings {
        client_bytes_per_s: 1_000,
        client_burst_bytes: 2_000,
        ..LimitSettings::default()
    };
    let mut sessions = Sessions::with(Limits { client, ..limits() });
    let (mut client, mut server) = sessions.begin().await;
    let begin = Instant::now();
    let reading = tokio::spawn(async move {
        let mut got = vec![0; 22 * 500];
        server.read_exact(&mut got).await.unwrap();
        (got, server)
    });
    for _ in 0..22 {
        client.send(&packet(491)).await.unwrap();
    }
    let (got, _server) = reading.await.unwrap();
    assert!(got == packet(491).repeat(22));
    // 11,000 bytes, of which 2,000 are the burst and some are read at once with others
    assert!((6..=9).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn any_bytes_go_through_where_that_is_set_and_no_ping_of_ours_among_them() {
    let mut sessions = Sessions::with(Limits { framing: Framing::Raw, ..limits() });
    let (mut client, mut server) = sessions.begin().await;
    client.send(b"GET / HTTP/1.1").await.unwrap();
    let mut got = [0; 14];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"GET / HTTP/1.1");
    server.write_all(b"HTTP/1.1 ").await.unwrap();
    client.receive(9).await.unwrap();
    client.close(4000).await;
    server.write_all(b"200 OK").await.unwrap();
    assert!(timeout(Duration::from_secs(100), server.read(&mut got)).await.is_err());
    assert_eq!(client.resume(sessions.connection()).await.unwrap()["received"], 14);
    client.receive(15).await.unwrap();
    assert_eq!(client.received, b"HTTP/1.1 200 OK");
}

//! Several servers: who gets a tunnel, who is passed over; and any bytes in place of packets.
use std::time::Duration;

use futures_util::SinkExt;
use mig33_bridge::Settings;
use mig33_bridge::tunnel::Framing;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    bridge_with, client, close_code, closed, get, packet, receive, send, settings, upstream,
};

/// More than enough for anything here.
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_first_server_that_answers_gets_the_tunnel() {
    let ((first, first_address), (second, second_address)) = (upstream().await, upstream().await);
    let several = format!("{first_address},{second_address}");
    let settings = Settings { upstream: several.parse().unwrap(), ..settings(first_address) };
    let bridge = bridge_with(settings).await;
    let admin = bridge.addresses().admin;
    let mut open = client(&bridge).await;
    send(&mut open, &packet(3)).await;
    read_packet(&first).await;

    // the first one goes away: the next tunnel leads to the second one
    drop(first);
    let mut moved = client(&bridge).await;
    send(&mut moved, &packet(3)).await;
    read_packet(&second).await;
    assert!(get(admin, "/readyz").await.starts_with("HTTP/1.1 200"));
    let metrics = get(admin, "/metrics").await;
    let down = format!("mig33_bridge_upstream_up{{server=\"{first_address}\"}} 0");
    let up = format!("mig33_bridge_upstream_up{{server=\"{second_address}\"}} 1");
    assert!(metrics.contains(&down) && metrics.contains(&up), "{metrics}");

    // it comes back, and is asked by itself
    let first = TcpListener::bind(first_address).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    let back =
        async { while !get(admin, "/metrics").await.contains(&down.replace("} 0", "} 1")) {} };
    timeout(LONG, back).await.expect("it is known to answer again");
    let mut again = client(&bridge).await;
    send(&mut again, &packet(3)).await;
    read_packet(&first).await;
}

/// Takes connections until one brings a packet: the others only ask whether somebody is there.
async fn read_packet(listener: &TcpListener) {
    let taken = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = [0; 12];
            if stream.read_exact(&mut got).await.is_ok() {
                assert_eq!(got[..], packet(3));
                return;
            }
        }
    };
    timeout(LONG, taken).await.expect("the tunnel leads here");
}

#[tokio::test]
async fn nobody_answers() {
    let ((first, first_address), (second, second_address)) = (upstream().await, upstream().await);
    let several = format!("{first_address},{second_address}");
    let settings = Settings { upstream: several.parse().unwrap(), ..settings(first_address) };
    drop((first, second));
    let bridge = bridge_with(settings).await;
    assert_eq!(close_code(&mut client(&bridge).await).await, Some(1013));
    assert!(get(bridge.addresses().admin, "/readyz").await.starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn raw_passes_any_bytes_and_says_nothing_of_packets() {
    let (listener, address) = upstream().await;
    let settings = Settings { framing: Framing::Raw, ..settings(address) };
    let bridge = bridge_with(settings).await;
    let (mut client, accepted) = tokio::join!(client(&bridge), listener.accept());
    let mut upstream = accepted.unwrap().0;
    for message in [&b"GET / HTTP/1.1"[..], b"", b"\x02", &packet(300)[..20]] {
        send(&mut client, message).await;
        let mut got = vec![0; message.len()];
        upstream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, message);
        upstream.write_all(&got).await.unwrap();
        if !message.is_empty() {
            assert_eq!(receive(&mut client).await, message);
        }
    }
    // inside what would be a packet
    upstream.write_all(b"\x02\0").await.unwrap();
    drop(upstream);
    let (rest, close) = closed(&mut client).await;
    assert_eq!((&rest[..], close.unwrap().0), (&b"\x02\0"[..], 1000));
    let metrics = get(bridge.addresses().admin, "/metrics").await;
    assert!(metrics.contains("bytes_total{direction=\"to_upstream\"} 35"), "{metrics}");
    assert!(!metrics.contains("packets_total{"), "{metrics}");
}

#[tokio::test]
async fn raw_has_no_text_either() {
    let (_listener, address) = upstream().await;
    let settings = Settings { framing: Framing::Raw, ..settings(address) };
    let bridge = bridge_with(settings).await;
    let mut client = client(&bridge).await;
    client.send(Message::text("hello")).await.unwrap();
    assert_eq!(close_code(&mut client).await, Some(1003));
}

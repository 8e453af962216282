//! Whose word about a client's address counts, and what limits and the upstream make of it.
use std::net::SocketAddr;

use mig33_bridge::Settings;
use mig33_bridge::forwarded::ForwardedHeader;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{
    Client, bridge_with, get, handshake, handshake_on, packet, receive, send, settings, upstream,
};

/// A bridge's settings for clients behind a proxy on this machine.
fn behind_a_proxy(upstream: SocketAddr) -> Settings {
    let mut settings = settings(upstream);
    settings.trusted_proxy = vec!["127.0.0.0/8".parse().unwrap()];
    settings
}

/// The status that a handshake got, and its tunnel.
fn status<T>(answer: Result<(Client, T), Error>) -> (u16, Option<Client>) {
    match answer {
        Ok((client, _)) => (101, Some(client)),
        Err(Error::Http(response)) => (response.status().as_u16(), None),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn limits_count_the_client_that_a_trusted_proxy_names() {
    let (_listener, address) = upstream().await;
    for (by, name, prefix) in [
        (ForwardedHeader::XForwarded, "x-forwarded-for", ""),
        (ForwardedHeader::Forwarded, "forwarded", "for="),
    ] {
        let mut settings = behind_a_proxy(address);
        settings.forwarded_header = by;
        settings.limits.connections_per_address = 1;
        let bridge = bridge_with(settings).await;
        let mut open = Vec::new();
        for (invented, client, expected) in [
            ("", "203.0.113.7", 101),
            ("", "203.0.113.7", 429),
            ("198.51.100.1", "203.0.113.7", 429),
            ("", "203.0.113.8", 101),
        ] {
            let list = format!("{prefix}{invented}, {prefix}{client}");
            let (status, client) = status(handshake(&bridge, &[(name, &list)]).await);
            assert_eq!(status, expected, "{list}");
            open.push(client);
        }
        let metrics = get(bridge.addresses().admin, "/metrics").await;
        assert!(metrics.contains("refusals_total{reason=\"address\"} 2"), "{metrics}");
    }
}

#[tokio::test]
async fn without_a_trusted_proxy_nobody_chooses_an_address() {
    let (_listener, address) = upstream().await;
    let mut settings = settings(address);
    settings.limits.connections_per_address = 1;
    let bridge = bridge_with(settings).await;
    let header = [("x-forwarded-for", "203.0.113.7")];
    let _open =
        (handshake(&bridge, &header).await.unwrap(), handshake(&bridge, &header).await.unwrap());
}

#[tokio::test]
async fn an_address_that_connects_too_often_is_told_when_to_come_again() {
    let (_listener, address) = upstream().await;
    let mut settings = behind_a_proxy(address);
    settings.limits.connects_per_s = 1;
    settings.limits.connect_burst = 1;
    let bridge = bridge_with(settings).await;
    let refused = async {
        // far more than one a second
        for _ in 0..100 {
            let header = [("x-forwarded-for", "2001:db8::7")];
            if let Err(Error::Http(response)) = handshake(&bridge, &header).await {
                return *response;
            }
        }
        panic!("nobody is refused");
    };
    let refused = refused.await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "1");
}

#[tokio::test]
async fn the_origin_is_held_against_the_host_that_the_client_asked_for() {
    let (_listener, address) = upstream().await;
    let headers = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-host", "chat.example"),
        ("origin", "https://chat.example"),
    ];
    let behind = bridge_with(behind_a_proxy(address)).await;
    assert_eq!(status(handshake(&behind, &headers).await).0, 101);
    let alone = bridge_with(settings(address)).await;
    assert_eq!(status(handshake(&alone, &headers).await).0, 403);
}

#[tokio::test]
async fn a_proxy_header_names_the_client_and_the_upstream_is_told() {
    let (listener, address) = upstream().await;
    let mut settings = behind_a_proxy(address);
    settings.proxy_protocol = true;
    settings.upstream_proxy_protocol = true;
    settings.limits.connections_per_address = 1;
    let bridge = bridge_with(settings).await;
    let page = bridge.addresses().page;
    let connect = async |header: &[u8]| {
        let mut stream = TcpStream::connect(page).await.unwrap();
        stream.write_all(header).await.unwrap();
        handshake_on(page, stream, &[]).await
    };
    let v1 = b"PROXY TCP4 203.0.113.7 127.0.0.1 4000 80\r\n";
    let v2 = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24"[..],
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0, 0, 0, 1, 0x0f, 0xa0, 0, 80],
    ]
    .concat();
    for (header, length, client) in
        [(&v1[..], 28, &[203, 0, 113, 7][..]), (&v2, 52, &[0x20, 1, 0xd, 0xb8][..])]
    {
        let (answer, accepted) = tokio::join!(connect(header), listener.accept());
        let (mut open, mut upstream) = (answer.unwrap().0, accepted.unwrap().0);
        let mut told = vec![0; length];
        upstream.read_exact(&mut told).await.unwrap();
        assert_eq!(told[..13], *b"\r\n\r\n\0\r\nQUIT\n\x21");
        assert_eq!(told[16..16 + client.len()], *client);
        // packets begin behind it
        send(&mut open, &packet(3)).await;
        let mut got = vec![0; 12];
        upstream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, packet(3));
        upstream.write_all(&got).await.unwrap();
        assert_eq!(receive(&mut open).await, packet(3));
        assert_eq!(status(connect(header).await).0, 429, "the client is counted");
    }
    // the proxy itself, for its health checks, stands for nobody
    let local = connect(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00");
    let (answer, accepted) = tokio::join!(local, listener.accept());
    let _open = answer.unwrap();
    let mut told = [0; 16];
    accepted.unwrap().0.read_exact(&mut told).await.unwrap();
    assert_eq!(told, *b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00");
}

#[tokio::test]
async fn a_proxy_that_sends_no_header_gets_nothing() {
    let (_listener, address) = upstream().await;
    let mut settings = behind_a_proxy(address);
    settings.proxy_protocol = true;
    let bridge = bridge_with(settings).await;
    let answer = async {
        let mut stream = TcpStream::connect(bridge.addresses().page).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    assert_eq!(answer.await, b"");
    let metrics = get(bridge.addresses().admin, "/metrics").await;
    assert!(metrics.contains("refusals_total{reason=\"proxy_header\"} 1"), "{metrics}");
}

//! What the page's and the admin listener answer.
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{
    bridge, bridge_here, client, get, handshake, http, packet, receive, send, settings, upstream,
};

#[tokio::test]
async fn the_page_carries_its_policy_and_everything_is_nosniff() {
    let (_listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let page = get(bridge.addresses().page, "/").await.to_lowercase();
    assert!(page.starts_with("http/1.1 200"), "{page}");
    assert!(page.ends_with("<title>mig33</title>"), "{page}");
    assert!(page.contains("cache-control: no-cache\r\n"), "{page}");
    assert!(
        page.contains("content-security-policy: default-src 'none'; script-src 'self'"),
        "{page}"
    );
    assert!(!page.contains("\r\nserver:"), "{page}");
    for path in ["/", "/nothing.js", "/ws"] {
        let answer = get(bridge.addresses().page, path).await.to_lowercase();
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{path}: {answer}");
        assert!(answer.contains("referrer-policy: no-referrer\r\n"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn unknown_paths_head_and_other_methods() {
    let (_listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let at = bridge.addresses().page;
    assert!(get(at, "/chat/bob").await.starts_with("HTTP/1.1 404"));
    let head = http(at, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-length: 20\r\n"), "{head}");
    let post =
        http(at, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    assert!(get(at, "/ws").await.starts_with("HTTP/1.1 426"));
}

#[tokio::test]
async fn only_pages_of_this_host_and_named_ones_may_connect() {
    let (_listener, address) = upstream().await;
    let mut settings = settings(address);
    settings.allow_origin = vec!["https://chat.example".parse().unwrap()];
    let bridge = mig33_bridge::Bridge::start(settings).await.unwrap();
    let own = format!("http://{}", bridge.addresses().page);
    for (origin, allowed) in [
        (own.as_str(), true),
        ("https://chat.example", true),
        ("http://chat.example", false),
        ("http://127.0.0.1:1", false),
        ("null", false),
    ] {
        match handshake(&bridge, &[("origin", origin)]).await {
            Ok(_) => assert!(allowed, "{origin}"),
            Err(Error::Http(response)) => {
                assert!(!allowed, "{origin}");
                assert_eq!(response.status(), 403);
                assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            }
            Err(error) => panic!("{origin}: {error}"),
        }
    }
}

#[tokio::test]
async fn the_subprotocol_is_echoed_when_it_is_asked_for() {
    let (_listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let (_, asked) = handshake(&bridge, &[("sec-websocket-protocol", "mig33")]).await.unwrap();
    assert_eq!(asked.headers()["sec-websocket-protocol"], "mig33");
    let (_, plain) = handshake(&bridge, &[]).await.unwrap();
    assert!(!plain.headers().contains_key("sec-websocket-protocol"));
}

/// A handshake with this header line more, a message behind it, and what comes back: the answer's lines but its date, and
/// the message that the upstream, which sends back what it gets, has made of it.
async fn asks(at: SocketAddr, line: &str) -> (Vec<String>, Vec<u8>) {
    let request = format!(
        "GET /ws?x HTTP/1.1\r\nHost: {at}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: mig33\r\n{line}\r\n"
    );
    let message = [&[0x82, 0x80 | 12, 0, 0, 0, 0], packet(3).as_slice()].concat();
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(&[request.as_bytes(), &message].concat()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let mut lines: Vec<_> = head.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.starts_with("date:"));
    lines.sort();
    let mut back = vec![0; 2 + 12];
    stream.read_exact(&mut back).await.unwrap();
    (lines, back)
}

#[tokio::test]
async fn a_handshake_is_answered_alike_in_place_and_by_the_library() {
    let (listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let echoes = async {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = [0; 12];
            stream.read_exact(&mut got).await.unwrap();
            stream.write_all(&got).await.unwrap();
            // it ends with the client
            let _ = stream.read(&mut got).await;
        }
    };
    let both = async {
        let in_place = asks(bridge.addresses().page, "").await;
        // a request that says how long its content is, is none of those that are answered in place
        let by_library = asks(bridge.addresses().page, "Content-Length: 0\r\n").await;
        assert_eq!(in_place, by_library);
        assert_eq!(in_place.1, [&[0x82, 12], packet(3).as_slice()].concat());
        // and nothing for pages: it is sent to every phone, at every connection
        let lines = [
            "",
            "connection: upgrade",
            "http/1.1 101 switching protocols",
            "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
            "sec-websocket-protocol: mig33",
            "upgrade: websocket",
        ];
        assert_eq!(in_place.0, lines);
    };
    tokio::join!(echoes, both);
}

/// A handshake as bytes, whose first line ends with `version` and which has these header lines more.
fn handshake_as(version: &str, lines: &str) -> String {
    format!(
        "GET /ws {version}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

/// The status that bytes are answered with.
async fn status(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    String::from_utf8_lossy(&start[9..]).into_owned()
}

#[tokio::test]
async fn a_handshake_is_of_http_1_1_and_has_one_host_however_it_is_read() {
    let (_listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let at = bridge.addresses().page;
    // what has content is not answered in place
    for more in ["", "Content-Length: 0\r\n"] {
        for (version, hosts, expected) in [
            ("HTTP/1.1", "Host: x\r\n", "101"),
            ("HTTP/1.0", "Host: x\r\n", "426"),
            ("HTTP/1.0", "", "426"),
            ("HTTP/1.1", "", "400"),
            ("HTTP/1.1", "Host: x\r\nHost: x\r\n", "400"),
            ("HTTP/1.1", "Host: x\r\nHost: y\r\n", "400"),
        ] {
            let request = handshake_as(version, &format!("{hosts}{more}"));
            assert_eq!(status(at, &request).await, expected, "{request}");
        }
    }
    for (request, expected) in [
        ("GET / HTTP/1.0\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
    ] {
        assert_eq!(status(at, request).await, expected, "{request}");
    }
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn a_bridge_that_has_a_name_opens_no_tunnel_under_another() {
    let (_listener, address) = upstream().await;
    let mut settings = settings(address);
    settings.server.public_url = Some("https://chat.example".to_owned());
    settings.allow_origin = vec!["https://other.example".parse().unwrap()];
    settings.trusted_proxy = vec!["127.0.0.0/8".parse().unwrap()];
    let bridge = mig33_bridge::Bridge::start(settings).await.unwrap();
    let at = bridge.addresses().page;
    for more in ["", "Content-Length: 0\r\n"] {
        for (lines, expected) in [
            ("Host: chat.example\r\nOrigin: https://chat.example\r\n", "101"),
            ("Host: chat.example\r\nOrigin: https://other.example\r\n", "101"),
            ("Host: other.example\r\n", "101"),
            // a page whose name was made to lead here: its Origin is that of its Host
            ("Host: evil.example\r\nOrigin: http://evil.example\r\n", "421"),
            ("Host: evil.example\r\n", "421"),
            ("Host: 127.0.0.1:8033\r\n", "101"),
            ("Host: localhost\r\n", "101"),
            // a proxy may have another name for the bridge
            ("Host: bridge\r\nX-Forwarded-Host: chat.example\r\n", "101"),
            ("Host: chat.example\r\nX-Forwarded-Host: evil.example\r\n", "421"),
        ] {
            let request = handshake_as("HTTP/1.1", &format!("{lines}{more}"));
            assert_eq!(status(at, &request).await, expected, "{request}");
        }
    }
    let metrics = get(bridge.addresses().admin, "/metrics").await;
    assert!(metrics.contains("refusals_total{reason=\"host\"} 6"), "{metrics}");
    assert!(status(at, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await != "421");
}

#[tokio::test]
async fn a_handshake_has_no_more_headers_than_other_requests() {
    let (_listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let at = bridge.addresses().page;
    let more = "X: 1\r\n".repeat(95);
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}"
    );
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 101", "a hundred");
    let answer = http(at, &format!("{request}X: 1\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn half_a_header_gets_no_more_time_than_none() {
    let (_listener, address) = upstream().await;
    let mut settings = settings(address);
    settings.limits.header_s = 10;
    let bridge = bridge_here(settings).await;
    let page = bridge.addresses().page;
    let mut half = TcpStream::connect(page).await.unwrap();
    // that who came later has an answer tells that this one was accepted
    assert!(get(page, "/").await.starts_with("HTTP/1.1 200"));
    tokio::time::pause();
    let begin = Instant::now();
    tokio::time::advance(Duration::from_secs(6)).await;
    half.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    assert_eq!(half.read(&mut [0]).await.unwrap_or_default(), 0);
    let elapsed = begin.elapsed().as_secs_f64();
    assert!((9.0..11.0).contains(&elapsed), "{elapsed}");
}

#[tokio::test]
async fn a_header_in_parts_takes_nothing_from_the_time_of_the_next() {
    let (_listener, address) = upstream().await;
    let mut settings = settings(address);
    settings.limits.header_s = 10;
    let bridge = bridge_here(settings).await;
    let page = bridge.addresses().page;
    let mut stream = TcpStream::connect(page).await.unwrap();
    assert!(get(page, "/").await.starts_with("HTTP/1.1 200"));
    tokio::time::pause();
    let whole = "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n";
    let (first, second) = whole.split_at(19);
    for (pause, part) in [(4, first), (4, second), (8, whole)] {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        stream.write_all(part.as_bytes()).await.unwrap();
        if part != first {
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                answer.push(stream.read_u8().await.expect("it is still open"));
            }
            assert!(answer.starts_with(b"HTTP/1.1 200"));
        }
    }
}

#[tokio::test]
async fn a_handshake_may_come_in_parts() {
    let (listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let at = bridge.addresses().page;
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    // a masked message behind it, whose mask is zero
    let message = [&[0x82, 0x8c, 0, 0, 0, 0][..], &packet(3)].concat();
    let whole = [head.as_bytes(), &message].concat();
    for cut in [1, 3, head.len() - 1, head.len(), head.len() + 1, head.len() + 7] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (first, second) = whole.split_at(cut);
        stream.write_all(first).await.unwrap();
        // that who came later has an answer tells that this much was read
        assert!(get(at, "/").await.starts_with("HTTP/1.1 200"));
        stream.write_all(second).await.unwrap();
        let mut upstream = listener.accept().await.unwrap().0;
        let mut got = [0; 12];
        upstream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, packet(3).as_slice(), "{cut}");
    }
    // and in as many as there are bytes
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in &whole {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut got = [0; 12];
    listener.accept().await.unwrap().0.read_exact(&mut got).await.unwrap();
    assert_eq!(got, packet(3).as_slice());
}

#[tokio::test]
async fn silent_and_half_header_connections_are_closed_and_tunnels_are_not() {
    let (listener, address) = upstream().await;
    let bridge = bridge_here(settings(address)).await;
    let (mut tunnel, accepted) = tokio::join!(client(&bridge), listener.accept());
    let mut accepted = accepted.unwrap().0;
    let mut silent = TcpStream::connect(bridge.addresses().page).await.unwrap();
    let mut admin = TcpStream::connect(bridge.addresses().admin).await.unwrap();
    let mut half = TcpStream::connect(bridge.addresses().page).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    // both are there when time begins to jump to whatever is waited for next
    tokio::task::yield_now().await;
    tokio::time::pause();
    let begin = Instant::now();
    for stream in [&mut silent, &mut half, &mut admin] {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert!(begin.elapsed() <= Duration::from_secs(10), "{:?}", begin.elapsed());
    tokio::time::resume();
    send(&mut tunnel, &packet(3)).await;
    let mut got = [0; 12];
    accepted.read_exact(&mut got).await.unwrap();
    accepted.write_all(&got).await.unwrap();
    assert_eq!(receive(&mut tunnel).await, packet(3));
}

#[tokio::test]
async fn health_readiness_and_figures() {
    let (listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let admin = bridge.addresses().admin;
    assert!(get(admin, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(admin, "/readyz").await.starts_with("HTTP/1.1 200"));
    let (_probe, _) = listener.accept().await.unwrap();
    let (mut open, accepted) = tokio::join!(client(&bridge), listener.accept());
    send(&mut open, &packet(3)).await;
    accepted.unwrap().0.read_exact(&mut [0; 12]).await.unwrap();
    let metrics = get(admin, "/metrics").await;
    for line in [
        "mig33_bridge_connections_open 1",
        "mig33_bridge_packets_total{direction=\"to_upstream\",command=\"MESSAGE\"} 1",
        "mig33_bridge_bytes_total{direction=\"to_upstream\"} 12",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn not_ready_while_the_upstream_is_away() {
    let (listener, address) = upstream().await;
    drop(listener);
    let bridge = bridge(address).await;
    assert!(get(bridge.addresses().admin, "/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(get(bridge.addresses().admin, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn who_was_accepted_before_the_end_is_answered() {
    let (_listener, address) = upstream().await;
    let bridge = bridge(address).await;
    let page = bridge.addresses().page;
    // the first one's answer tells that the second, which came before it, was accepted too
    let mut second = TcpStream::connect(page).await.unwrap();
    let mut first = TcpStream::connect(page).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {page}\r\n\r\n");
    first.write_all(request.as_bytes()).await.unwrap();
    assert!(first.read(&mut [0; 16]).await.unwrap() > 0);
    let asks = async {
        // the end of the first connection, which rests, tells that the second has been told to end too
        let mut rest = Vec::new();
        first.read_to_end(&mut rest).await.unwrap();
        second.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        second.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    };
    tokio::join!(bridge.stop(), asks);
}

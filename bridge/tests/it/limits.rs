//! Limits: what is refused, how it is told, and that it is counted.
use std::time::Duration;

use mig33_bridge::page::Page;
use mig33_bridge::{Bridge, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::Response;

use crate::support::{Client, bridge_with, get, handshake, settings, upstream};

/// More than enough for anything here.
const LONG: Duration = Duration::from_secs(20);

/// The answer that a handshake is refused with.
async fn refused(bridge: &Bridge, headers: &[(&'static str, &str)]) -> Response<Option<Vec<u8>>> {
    match handshake(bridge, headers).await {
        Ok(_) => panic!("a tunnel where there should be none"),
        Err(Error::Http(response)) => *response,
        Err(error) => panic!("{error}"),
    }
}

/// A tunnel, once what is in the way of it is gone.
async fn in_the_end(bridge: &Bridge) -> Client {
    let tries = async {
        loop {
            match handshake(bridge, &[]).await {
                Ok((client, _)) => return client,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    timeout(LONG, tries).await.expect("the place is free again")
}

fn limited(upstream: std::net::SocketAddr, set: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = settings(upstream);
    set(&mut settings);
    settings
}

#[tokio::test]
async fn a_full_bridge_says_so_before_the_upgrade_until_somebody_leaves() {
    let (_listener, address) = upstream().await;
    let bridge = bridge_with(limited(address, |settings| settings.limits.connections = 2)).await;
    let first = handshake(&bridge, &[]).await.unwrap();
    let _second = handshake(&bridge, &[]).await.unwrap();
    let answer = refused(&bridge, &[]).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "30");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    drop(first);
    let _third = in_the_end(&bridge).await;
    let metrics = get(bridge.addresses().admin, "/metrics").await;
    assert!(metrics.contains("mig33_bridge_refusals_total{reason=\"full\"}"), "{metrics}");
}

#[tokio::test]
async fn connections_that_ask_for_nothing_are_bounded_and_tunnels_are_none_of_them() {
    let (_listener, address) = upstream().await;
    let bridge = bridge_with(limited(address, |settings| settings.limits.requests = 1)).await;
    let silent = TcpStream::connect(bridge.addresses().page).await.unwrap();
    let mut surplus = TcpStream::connect(bridge.addresses().page).await.unwrap();
    let mut answer = String::new();
    surplus.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: 5"), "{answer}");
    // the other listener has its own count
    let metrics = get(bridge.addresses().admin, "/metrics").await;
    assert!(metrics.contains("mig33_bridge_refusals_total{reason=\"requests\"} 1"), "{metrics}");
    drop(silent);
    let _tunnels = [in_the_end(&bridge).await, in_the_end(&bridge).await];
}

#[tokio::test]
async fn who_asks_and_takes_no_answer_is_not_waited_for() {
    let (_listener, address) = upstream().await;
    // more than the system keeps for a connection
    let page = Page::of([("index.html".to_owned(), vec![b'x'; 32 << 20].into())]);
    let bridge = Bridge::start_here(settings(address), page).await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = socket.connect(bridge.addresses().page).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    client.read_exact(&mut [0; 1000]).await.unwrap();
    tokio::time::pause();
    let begin = Instant::now();
    // as long as it may take, and no more
    while begin.elapsed() < Duration::from_secs(40) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::resume();
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
    assert!(rest.len() < 30 << 20, "all of it came, {} bytes", rest.len());
    let metrics = get(bridge.addresses().admin, "/metrics").await;
    assert!(metrics.contains("mig33_bridge_refusals_total{reason=\"slow_reader\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_bridge_that_takes_nobody_more_is_not_ready() {
    let (_listener, address) = upstream().await;
    let bridge = bridge_with(limited(address, |settings| {
        settings.limits.connections = 1;
        settings.limits.requests = 1;
    }))
    .await;
    let ready = async || get(bridge.addresses().admin, "/readyz").await;
    assert!(ready().await.starts_with("HTTP/1.1 200"));
    let silent = TcpStream::connect(bridge.addresses().page).await.unwrap();
    let mut surplus = TcpStream::connect(bridge.addresses().page).await.unwrap();
    let _ = surplus.read_to_end(&mut Vec::new()).await;
    let answer = ready().await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("no room for another connection\n")
    );
    drop(silent);
    let tunnel = in_the_end(&bridge).await;
    // a tunnel's connection gives its place among the requests back a little later
    let full = async {
        loop {
            let answer = ready().await;
            assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
            if answer.ends_with("no room for another tunnel\n") {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, full).await.expect("there is room for a request again");
    drop(tunnel);
    let free = async {
        while !ready().await.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, free).await.expect("the place is free again");
}

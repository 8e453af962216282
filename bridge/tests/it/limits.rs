//! Limits: what is refused, how it is told, and that it is counted.
use std::time::Duration;

use mig33_bridge::{Bridge, Settings};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
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

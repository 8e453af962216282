//! The chat service inside the bridge.
use std::net::SocketAddr;

use mig33_bridge::settings::UpstreamSetting;
use mig33_bridge::{Bridge, Settings, StartError};
use mig33_codec::packets::{Login, NewRegistration, SessionTerminated};
use mig33_codec::{Command, Decode, Decoder, Encode, Frame, Secret};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{client, close_code, free_port, get, receive, send};

fn embedded(data: &TempDir) -> Settings {
    let mut settings = Settings {
        listen: free_port(),
        admin_listen: free_port(),
        tcp_listen: free_port(),
        upstream: UpstreamSetting::Embedded,
        ..Settings::default()
    };
    settings.server.data_dir = data.path().to_owned();
    settings
}

fn registration() -> Vec<u8> {
    let registration = NewRegistration {
        service_type: Some(1),
        username: Some("alice".into()),
        password: Some(Secret::new("correct horse".into())),
        ..NewRegistration::default()
    };
    registration.encode(2).unwrap().to_bytes().to_vec()
}

fn frame(bytes: Vec<u8>) -> Frame {
    let mut decoder = Decoder::new();
    decoder.push(bytes.into());
    decoder.next_frame().unwrap().unwrap()
}

#[tokio::test]
async fn a_browser_registers_and_a_handset_logs_in_and_both_are_told_of_the_end() {
    let data = tempfile::tempdir().unwrap();
    let bridge = Bridge::start(embedded(&data)).await.unwrap();
    let mut browser = client(&bridge).await;
    send(&mut browser, &registration()).await;
    let answer = frame(receive(&mut browser).await);
    assert_eq!((answer.command, answer.transaction), (Command::OK, 2));

    let mut handset = Handset::connect(bridge.addresses().tcp.unwrap()).await;
    let login = Login { username: Some("alice".into()), ..Login::default() };
    handset.stream.write_all(&login.encode(1).unwrap().to_bytes()).await.unwrap();
    assert_eq!(handset.next().await.command, Command::LOGIN_CHALLENGE);

    let handset_ends = async {
        let last = handset.next().await;
        drop(handset);
        SessionTerminated::decode(&last).unwrap().reason.unwrap()
    };
    let (code, reason, ()) = tokio::join!(close_code(&mut browser), handset_ends, bridge.stop());
    assert_eq!(code, Some(1012));
    assert_eq!(reason.as_str(), "shutdown");
}

/// A client on TCP.
struct Handset {
    stream: TcpStream,
    decoder: Decoder,
}

impl Handset {
    async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), decoder: Decoder::new() }
    }

    async fn next(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return frame;
            }
            let mut buffer = vec![0; 1024];
            let count = self.stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the handset is connected");
            buffer.truncate(count);
            self.decoder.push(buffer.into());
        }
    }
}

#[tokio::test]
async fn pictures_readiness_and_figures_are_the_services_too() {
    let data = tempfile::tempdir().unwrap();
    let bridge = Bridge::start(embedded(&data)).await.unwrap();
    let picture = get(bridge.addresses().page, "/pictures/0123456789").await.to_lowercase();
    assert!(picture.starts_with("http/1.1 404"), "{picture}");
    assert!(picture.contains("x-content-type-options: nosniff"), "{picture}");
    assert!(get(bridge.addresses().admin, "/readyz").await.starts_with("HTTP/1.1 200"));
    let figures = get(bridge.addresses().admin, "/metrics").await;
    assert!(figures.contains("mig33_bridge_") && figures.contains("mig33_server_"), "{figures}");
    bridge.stop().await;
}

#[tokio::test]
async fn a_data_folder_that_is_in_use_is_said() {
    let data = tempfile::tempdir().unwrap();
    let first = Bridge::start(embedded(&data)).await.unwrap();
    let Err(error) = Bridge::start(embedded(&data)).await else {
        panic!("two services on one folder")
    };
    assert!(matches!(&error, StartError::Service(_)), "{error}");
    assert!(error.to_string().contains(data.path().to_str().unwrap()), "{error}");
    first.stop().await;
    Bridge::start(embedded(&data)).await.unwrap().stop().await;
}

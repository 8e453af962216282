//! The chat service inside the bridge.
use std::net::SocketAddr;
use std::process::Stdio;

use futures_util::{SinkExt, StreamExt};
use mig33_bridge::upstream::UpstreamSetting;
use mig33_bridge::{Bridge, Settings, StartError};
use mig33_codec::hash::sha1fold;
use mig33_codec::packets::{
    self, GetUrl, Login, LoginChallenge, LoginResponse, NewRegistration, SessionTerminated,
};
use mig33_codec::{Command, Decode, Decoder, Encode, Frame, Secret};
use mig33_peer::{Proxies, Trusted};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::program::Running;
use crate::service::service;
use crate::support::{
    client, close_code, free_port, get, handshake, http, receive, send, settings, upstream,
};

pub(crate) fn embedded(data: &TempDir) -> Settings {
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

pub(crate) fn registration(name: &str) -> Vec<u8> {
    let registration = NewRegistration {
        service_type: Some(1),
        username: Some(name.into()),
        password: Some(Secret::new("correct horse".into())),
        ..NewRegistration::default()
    };
    registration.encode(2).unwrap().to_bytes().to_vec()
}

pub(crate) fn login() -> Login {
    Login { username: Some("alice".into()), ..Login::default() }
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
    send(&mut browser, &registration("alice")).await;
    let answer = frame(receive(&mut browser).await);
    assert_eq!((answer.command, answer.transaction), (Command::OK, 2));

    let mut handset = Handset::connect(bridge.addresses().tcp.unwrap()).await;
    assert!(handset.is_let_in().await);

    let handset_ends = async {
        let last = handset.next().await;
        drop(handset);
        SessionTerminated::decode(&last).unwrap().reason.unwrap()
    };
    let (code, reason, ()) = tokio::join!(close_code(&mut browser), handset_ends, bridge.stop());
    assert_eq!(code, Some(1012));
    assert_eq!(reason.as_str(), "shutdown");
}

/// A handset that begins to log in, and is answered.
pub(crate) async fn say_something_and_leave(bridge: &Bridge) {
    assert!(Handset::connect(bridge.addresses().tcp.unwrap()).await.is_let_in().await);
}

/// A client on TCP.
pub(crate) struct Handset {
    stream: TcpStream,
    decoder: Decoder,
}

impl Handset {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), decoder: Decoder::new() }
    }

    /// One that a proxy stands before.
    async fn behind_a_proxy(proxy: SocketAddr, ip: &str) -> Self {
        let mut handset = Self::connect(proxy).await;
        let header = format!("PROXY TCP4 {ip} 127.0.0.1 4000 9119\r\n");
        handset.send(header.as_bytes()).await;
        handset
    }

    /// Whether the service lets it in, as far as one does who has not logged in.
    async fn is_let_in(&mut self) -> bool {
        self.send(&login().encode(1).unwrap().to_bytes()).await;
        self.next().await.command == Command::LOGIN_CHALLENGE
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Frame {
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

#[tokio::test]
async fn the_embedded_service_counts_the_handsets_behind_a_proxy() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = embedded(&data);
    settings.trusted_proxy = vec!["127.0.0.1".parse().unwrap()];
    settings.proxy_protocol = true;
    settings.server.limits.connections_per_address = 1;
    let bridge = Bridge::start(settings).await.unwrap();
    let tcp = bridge.addresses().tcp.unwrap();
    let mut first = Handset::behind_a_proxy(tcp, "203.0.113.7").await;
    assert!(first.is_let_in().await);
    let mut second = Handset::behind_a_proxy(tcp, "203.0.113.7").await;
    assert_eq!(second.next().await.command, Command::ERROR, "there are too many from there");
    assert!(Handset::behind_a_proxy(tcp, "203.0.113.8").await.is_let_in().await);
    bridge.stop().await;
}

#[tokio::test]
async fn a_service_elsewhere_counts_the_clients_of_a_bridge_that_tells_it() {
    let data = tempfile::tempdir().unwrap();
    let mut server = mig33_server::Settings {
        data_dir: data.path().to_owned(),
        ..mig33_server::Settings::default()
    };
    server.limits.connections_per_address = 1;
    let service = mig33_server::Service::start(server).await.unwrap();
    let (listener, address) = upstream().await;
    let trusted = Trusted::new(vec!["127.0.0.1".parse().unwrap()]);
    let proxies = Proxies { trusted, proxy_protocol: true, header_time: None };
    let listening = service.clone();
    tokio::spawn(async move { listening.listen_behind(listener, proxies).await });

    let mut settings = settings(address);
    settings.trusted_proxy = vec!["127.0.0.1".parse().unwrap()];
    settings.upstream_proxy_protocol = true;
    let bridge = Bridge::start(settings).await.unwrap();
    let connect = async |ip| handshake(&bridge, &[("x-forwarded-for", ip)]).await.unwrap().0;
    let login = login().encode(1).unwrap().to_bytes();
    let mut first = connect("203.0.113.7").await;
    send(&mut first, &login).await;
    assert_eq!(frame(receive(&mut first).await).command, Command::LOGIN_CHALLENGE);
    let mut second = connect("203.0.113.7").await;
    assert_eq!(
        frame(receive(&mut second).await).command,
        Command::ERROR,
        "there are too many from there"
    );
    let mut third = connect("203.0.113.8").await;
    send(&mut third, &login).await;
    assert_eq!(frame(receive(&mut third).await).command, Command::LOGIN_CHALLENGE);
    bridge.stop().await;
    service.shutdown().await;
}

#[tokio::test]
async fn uploads_are_counted_by_the_address_that_a_proxy_names() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = embedded(&data);
    settings.trusted_proxy = vec!["127.0.0.1".parse().unwrap()];
    settings.server.open_messages = true;
    settings.server.limits.uploads_per_address = 1;
    let bridge = Bridge::start(settings).await.unwrap();
    let tcp = bridge.addresses().tcp.unwrap();
    for name in ["alice", "bob"] {
        let mut handset = Handset::connect(tcp).await;
        handset.send(&registration(name)).await;
        assert_eq!(handset.next().await.command, Command::OK);
    }
    let mut alice = Handset::connect(tcp).await;
    alice.send(&login().encode(1).unwrap().to_bytes()).await;
    let challenge = LoginChallenge::decode(&alice.next().await).unwrap().challenge.unwrap();
    let hash = sha1fold(&challenge.as_str(), "correct horse");
    let answer = LoginResponse { password_hash: Some(hash.into()), ..LoginResponse::default() };
    let ask = GetUrl { url_type: Some(20), profile_name: Some("bob".into()), ..GetUrl::default() };
    for bytes in [answer.encode(2), ask.encode(3), ask.encode(4)] {
        alice.send(&bytes.unwrap().to_bytes()).await;
    }
    let mut paths = Vec::new();
    while paths.len() < 2 {
        let frame = alice.next().await;
        if [3, 4].contains(&frame.transaction) {
            let address = packets::Ok::decode(&frame).unwrap().text.unwrap().as_str().into_owned();
            paths.push(address[address.find("/pictures/").unwrap()..].to_owned());
        }
    }
    let [held, path] = &paths[..] else { unreachable!() };
    // one that has its place, and does not go on
    let mut holding = TcpStream::connect(bridge.addresses().page).await.unwrap();
    let request = format!(
        "PUT {held} HTTP/1.1\r\nHost: chat\r\nX-Forwarded-For: 203.0.113.7\r\nContent-Length: 100\r\n\
         Expect: 100-continue\r\n\r\n"
    );
    holding.write_all(request.as_bytes()).await.unwrap();
    let mut goes_on = [0; 12];
    holding.read_exact(&mut goes_on).await.unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100");
    for (from, status) in [("X-Forwarded-For: 203.0.113.7\r\n", "503"), ("", "415")] {
        let body = "this is no picture";
        let request = format!(
            "PUT {path} HTTP/1.1\r\nHost: chat\r\n{from}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = http(bridge.addresses().page, &request).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{from}: {answer}");
    }
    drop(holding);
    bridge.stop().await;
}

#[tokio::test]
async fn a_disk_that_takes_nothing_more_is_told_until_it_does() {
    let data = tempfile::tempdir().unwrap();
    let inner = service(data.path());
    // a write beyond the limit is an error then, and no signal
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    command.arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running::of(&mut command);
    let [_, tcp, admin] = ["page", "tcp", "admin"]
        .map(|what| running.address(what).replace("http://", "").parse::<SocketAddr>().unwrap());
    let pid = Pid::from_raw(i32::try_from(running.child.id()).unwrap());
    let limit = |bytes| {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    };
    let register = async |name| {
        let mut handset = Handset::connect(tcp).await;
        handset.send(&registration(name)).await;
        handset.next().await.command
    };
    assert_eq!(register("alice").await, Command::OK);
    assert!(get(admin, "/readyz").await.starts_with("HTTP/1.1 200"));
    limit(Some(0));
    assert_eq!(register("bob").await, Command::ERROR);
    for _ in 0..2 {
        let answer = get(admin, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("nothing can be stored"), "{answer}");
    }
    let figures = get(admin, "/metrics").await;
    let failures = r#"mig33_server_store_failures_total{cause="disk"} 3"#;
    assert!(figures.contains(failures), "{figures}");
    let free = figures.lines().find_map(|line| line.strip_prefix("mig33_server_data_free_bytes "));
    assert!(free.unwrap().parse::<u64>().unwrap() > 0, "{free:?}");
    limit(None);
    let answer = get(admin, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "it has recovered by itself: {answer}");
    assert_eq!(register("bob").await, Command::OK);
}

/// How many connections of the service have ended so.
async fn ended(bridge: &Bridge, reason: &str) -> u32 {
    let figures = get(bridge.addresses().admin, "/metrics").await;
    let name = format!("mig33_server_connections_ended_total{{reason=\"{reason}\"}} ");
    let figure = figures.lines().find_map(|line| line.strip_prefix(&name));
    figure.expect("told from the start").trim().parse().unwrap()
}

/// What a client that says nothing has counts as delivered at an orderly end, and only then.
#[tokio::test]
async fn a_websocket_that_breaks_is_no_orderly_end_for_the_service() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = embedded(&data);
    settings.resume_grace = 0;
    let bridge = Bridge::start(settings).await.unwrap();
    // what it closes with (1005: nothing), if it does; and whether that is an orderly end
    let plain = [
        (None, false),
        (Some(1000), true),
        (Some(1001), false),
        (Some(1005), true),
        (Some(4000), false),
    ];
    let resumed = [
        (None, false),
        (Some(1000), true),
        (Some(1001), true),
        (Some(1005), false),
        (Some(4000), false),
    ];
    let unacknowledged = [(Some(1000), false), (Some(1001), false)];
    let (mut broken, mut closed) = (0, 0);
    for (resumes, acknowledges, ways) in
        [(false, false, &plain[..]), (true, true, &resumed), (true, false, &unacknowledged)]
    {
        for &(code, is_orderly) in ways {
            let offer: &[_] =
                if resumes { &[("sec-websocket-protocol", "mig33.resume")] } else { &[] };
            let mut browser = handshake(&bridge, offer).await.unwrap().0;
            if resumes {
                browser.send(Message::text(r#"{"new":true}"#)).await.unwrap();
                assert!(matches!(browser.next().await, Some(Ok(Message::Text(_)))));
            }
            send(&mut browser, &login().encode(1).unwrap().to_bytes()).await;
            let challenge = receive(&mut browser).await;
            let length = challenge.len();
            assert_eq!(frame(challenge).command, Command::LOGIN_CHALLENGE);
            if acknowledges {
                browser.send(Message::text(format!(r#"{{"ack":{length}}}"#))).await.unwrap();
            }
            if let Some(code) = code {
                let close = CloseFrame { code: u16::into(code), reason: "".into() };
                browser.close((code != 1005).then_some(close)).await.unwrap();
            }
            drop(browser);
            if is_orderly {
                closed += 1;
            } else {
                broken += 1;
            }
            let count = async || (ended(&bridge, "broken").await, ended(&bridge, "closed").await);
            while count().await.0 + count().await.1 < broken + closed {}
            assert_eq!(
                count().await,
                (broken, closed),
                "{code:?}, resumes: {resumes} {acknowledges}"
            );
        }
    }
    bridge.stop().await;
}

#[tokio::test]
async fn who_has_not_logged_in_makes_room_for_who_comes() {
    let data = tempfile::tempdir().unwrap();
    let mut settings = embedded(&data);
    settings.limits.connections = 2;
    let bridge = Bridge::start(settings).await.unwrap();
    let ping = Frame::new(Command::PING, 1, bytes::Bytes::new()).unwrap().to_bytes();
    let mut member = client(&bridge).await;
    send(&mut member, &registration("alice")).await;
    assert_eq!(frame(receive(&mut member).await).command, Command::OK);
    send(&mut member, &login().encode(3).unwrap().to_bytes()).await;
    let challenge = LoginChallenge::decode(&frame(receive(&mut member).await)).unwrap();
    let text = challenge.challenge.unwrap_or_default();
    let hash = sha1fold(&text.as_str(), "correct horse");
    let proof = LoginResponse { password_hash: Some(hash.into()), ..LoginResponse::default() };
    send(&mut member, &proof.encode(4).unwrap().to_bytes()).await;
    assert_eq!(frame(receive(&mut member).await).command, Command::LOGIN_OK);
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let mut stranger = client(&bridge).await;
        send(&mut stranger, &ping).await;
        assert_eq!(frame(receive(&mut stranger).await).command, Command::PONG);
        strangers.push(stranger);
    }
    assert!(close_code(&mut strangers[0]).await.is_some(), "the oldest one makes room");
    send(&mut member, &ping).await;
    assert_eq!(frame(receive(&mut member).await).command, Command::PONG);
}

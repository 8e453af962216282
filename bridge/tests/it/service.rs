//! The program as a service: what it tells systemd, and the sockets that it takes over.
use std::cell::Cell;
use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mig33_codec::Encode;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{Error, Message};

use futures_util::{SinkExt, StreamExt};

use crate::embedded::login;
use crate::program::{Running, program, run};
use crate::support::get;

/// Longer than anything here takes that works.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program as it is started here: with a chat service whose data is in a folder.
pub(crate) fn service(data: &Path) -> Command {
    let mut command = program(&["--listen", "127.0.0.1:0", "--tcp-listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    command
}

/// The same with sockets handed over, as `LISTEN_FDS` says: the first is its standard input at first, the second its
/// standard error, so its log is in a file then.
fn inheriting(
    data: &Path,
    names: &str,
    first: &TcpListener,
    second: Option<&TcpListener>,
) -> Command {
    let inner = service(data);
    let mut command = Command::new("sh");
    let (count, hand_over) = match second {
        None => ("1", "exec 3<&0 </dev/null"),
        Some(_) => ("2", "exec 3<&0 4>&2 </dev/null 2>\"$LOG\""),
    };
    command.arg("-c").arg(format!("{hand_over}; export LISTEN_PID=$$; exec \"$@\"")).arg("sh");
    command.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        assert!(value.is_none(), "{name:?} is only removed");
        command.env_remove(name);
    }
    let socket = |listener: &TcpListener| Stdio::from(OwnedFd::from(listener.try_clone().unwrap()));
    command
        .env("LISTEN_FDS", count)
        .env("LISTEN_FDNAMES", names)
        .env("LOG", data.join("log"))
        .stdin(socket(first))
        .stdout(Stdio::piped())
        .stderr(second.map_or_else(Stdio::piped, socket));
    command
}

/// Where the program tells systemd how it is.
struct Notifications {
    socket: UnixDatagram,
    _folder: TempDir,
}

impl Notifications {
    fn expected_of(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        command.env("NOTIFY_SOCKET", path);
        Self { socket, _folder: folder }
    }

    /// The next message.
    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let count = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    /// The next message that is not about the watchdog.
    fn next_state(&self) -> String {
        loop {
            match self.next() {
                alive if alive.trim_end() == "WATCHDOG=1" => {}
                other => return other,
            }
        }
    }
}

fn has_line(message: &str, line: &str) -> bool {
    message.lines().any(|found| found == line)
}

#[test]
fn systemd_is_told_of_the_start_the_life_and_the_end() {
    let data = tempfile::tempdir().unwrap();
    let mut command = service(data.path());
    command.env("WATCHDOG_USEC", "20000");
    let systemd = Notifications::expected_of(&mut command);
    let mut running = Running::of(&mut command);
    let page = running.address("page");
    let ready = systemd.next_state();
    assert!(has_line(&ready, "READY=1"), "{ready}");
    let address = page.trim_start_matches("http://");
    assert!(ready.contains("STATUS=") && ready.contains(address), "{ready}");
    for _ in 0..3 {
        assert_eq!(systemd.next().trim_end(), "WATCHDOG=1");
    }
    running.terminate();
    let stopping = systemd.next_state();
    assert!(has_line(&stopping, "STOPPING=1"), "{stopping}");
    // twice ten seconds for connections, and what the service needs
    assert!(has_line(&stopping, "EXTEND_TIMEOUT_USEC=35000000"), "{stopping}");
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
}

#[test]
fn systemd_is_told_of_a_reload_and_its_end_also_where_the_settings_are_wrong() {
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("bridge.toml");
    let mut command = service(data.path());
    command.arg("--config").arg(&config);
    fs::write(&config, "").unwrap();
    let systemd = Notifications::expected_of(&mut command);
    let mut running = Running::of(&mut command);
    running.address("page");
    assert!(has_line(&systemd.next_state(), "READY=1"));
    for settings in ["drain_timeout = 3\n", "drain_timeout = \"soon\"\n"] {
        fs::write(&config, settings).unwrap();
        running.hang_up();
        let reloading = systemd.next_state();
        assert!(has_line(&reloading, "RELOADING=1"), "{reloading}");
        // without the time, systemd takes a service that reloads with Type=notify-reload for stuck
        let time = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        assert!(time.is_some_and(|time| time.parse::<u64>().is_ok()), "{reloading}");
        assert!(has_line(&systemd.next_state(), "READY=1"));
    }
    running.terminate();
    let stopping = systemd.next_state();
    // twice three seconds: the bad settings have changed nothing
    assert!(has_line(&stopping, "EXTEND_TIMEOUT_USEC=21000000"), "{stopping}");
}

#[tokio::test]
async fn an_inherited_socket_is_taken_instead_of_the_address() {
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut running = Running::of(&mut inheriting(data.path(), "page", &listener, None));
    assert_eq!(running.address("page"), format!("http://{address}"));
    assert!(get(address, "/").await.starts_with("HTTP/1.1 "), "it answers there");
    running.terminate();
    let mut log = String::new();
    let stderr = running.child.stderr.take().unwrap();
    std::io::Read::read_to_string(&mut std::io::BufReader::new(stderr), &mut log).unwrap();
    let line = log.lines().find(|line| line.contains("took over a socket")).unwrap();
    assert!(line.contains(&address.to_string()) && line.contains("--listen"), "{line}");
}

#[test]
fn a_socket_without_a_use_is_one_line_and_exit_code_1() {
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, message) = run(&mut inheriting(data.path(), "web", &listener, None));
    assert_eq!(code, Some(1));
    assert!(message.contains("`web`") && message.contains("FileDescriptorName="), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

/// What became of clients that came and went while one program followed on the other.
#[derive(Default)]
struct Counts {
    /// They got an answer of the chat service.
    served: Cell<u32>,
    /// They were told to come back, or their connection was ended in the middle.
    sent_away: Cell<u32>,
}

impl Counts {
    fn add(count: &Cell<u32>) {
        count.set(count.get() + 1);
    }

    /// Waits for so many more that are served.
    async fn more_served(&self, more: u32) {
        let enough = self.served.get() + more;
        while self.served.get() < enough {
            tokio::task::yield_now().await;
        }
    }
}

/// What the chat service answers to at once: the beginning of a log-in.
fn request() -> Vec<u8> {
    login().encode(1).unwrap().to_bytes().to_vec()
}

/// Comes and goes as browsers do; connecting always works.
async fn browsers(address: std::net::SocketAddr, counts: &Counts) {
    loop {
        let stream = TcpStream::connect(address).await.expect("no connection is refused");
        let served = match client_async(format!("ws://{address}/ws"), stream).await {
            Ok((mut client, _)) => {
                let sent = client.send(Message::Binary(request().into())).await;
                let answer = client.next().await;
                let served = sent.is_ok() && matches!(answer, Some(Ok(Message::Binary(_))));
                let _ = client.close(None).await;
                served
            }
            Err(Error::Http(answer)) => {
                assert_eq!(answer.status(), 503);
                assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
                false
            }
            Err(error) => panic!("a handshake got no answer: {error}"),
        };
        Counts::add(if served { &counts.served } else { &counts.sent_away });
    }
}

/// The same of handsets.
async fn handsets(address: std::net::SocketAddr, counts: &Counts) {
    loop {
        let mut stream = TcpStream::connect(address).await.expect("no connection is refused");
        let sent = stream.write_all(&request()).await;
        let mut answer = [0; 64];
        let served = sent.is_ok() && matches!(stream.read(&mut answer).await, Ok(1..));
        Counts::add(if served { &counts.served } else { &counts.sent_away });
    }
}

#[tokio::test]
async fn an_upgrade_under_load_refuses_nobody() {
    let data = tempfile::tempdir().unwrap();
    let page = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let (page_address, tcp_address) = (page.local_addr().unwrap(), tcp.local_addr().unwrap());
    let start = || Running::of(&mut inheriting(data.path(), "page:tcp", &page, Some(&tcp)));
    let mut old = start();
    assert_eq!(old.address("page"), format!("http://{page_address}"));
    assert_eq!(old.address("tcp"), tcp_address.to_string());

    let (on_page, on_tcp) = (Counts::default(), Counts::default());
    let load = async {
        tokio::join!(
            browsers(page_address, &on_page),
            browsers(page_address, &on_page),
            browsers(page_address, &on_page),
            handsets(tcp_address, &on_tcp),
            handsets(tcp_address, &on_tcp),
        );
    };
    let upgrade = async {
        tokio::join!(on_page.more_served(20), on_tcp.more_served(20));
        old.terminate();
        let ended = tokio::task::spawn_blocking(move || old.child.wait().map(|_| old));
        let mut old = ended.await.unwrap().unwrap();
        assert_eq!(old.child.wait().unwrap().code(), Some(0));
        // nobody is there, and everybody who comes now waits for the next program
        let mut early = TcpStream::connect(tcp_address).await.unwrap();
        early.write_all(&request()).await.unwrap();
        let mut new = start();
        assert_eq!(new.address("page"), format!("http://{page_address}"));
        assert!(matches!(early.read(&mut [0; 64]).await, Ok(1..)), "who waited is answered");
        tokio::join!(on_page.more_served(20), on_tcp.more_served(20));
    };
    tokio::select! {
        () = load => unreachable!("clients go on until they are not needed"),
        () = async { tokio::time::timeout(PATIENCE, upgrade).await.unwrap() } => {}
    }
    // each client is in one connection at a time, and the program ended once
    assert!(on_page.sent_away.get() <= 6, "{} of the page", on_page.sent_away.get());
    assert!(on_tcp.sent_away.get() <= 4, "{} on TCP", on_tcp.sent_away.get());
}

#[tokio::test]
async fn a_proxys_connection_that_is_kept_is_let_go_at_once_for_the_next_program() {
    let data = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut old = Running::of(&mut inheriting(data.path(), "page", &listener, None));
    old.address("page");
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 4096];
    assert!(kept.read(&mut answer).await.unwrap() > 0);
    let stream = TcpStream::connect(address).await.unwrap();
    let (_tunnel, _) = client_async(format!("ws://{address}/ws"), stream).await.unwrap();
    let begin = Instant::now();
    old.terminate();
    // a request on it would get a 503, where a new connection waits for the next program
    assert_eq!(kept.read(&mut answer).await.unwrap(), 0);
    let took = begin.elapsed();
    assert!(old.child.try_wait().unwrap().is_none(), "the tunnel's client has not closed yet");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

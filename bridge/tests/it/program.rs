//! The program itself: its lines, its exit codes, its end.
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::client_async;

use crate::support::packet;

/// The program with these arguments, and nothing from the environment.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mig33-bridge"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MIG33_")) {
        command.env_remove(name);
    }
    command
}

/// What it ends with: its exit code, and what it says on standard error.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A program that runs, ended with the test.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self::of(&mut program(arguments))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The address behind `listening WHAT`, which has to be the next line.
    pub(crate) fn address(&mut self, what: &str) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let rest = line
            .strip_prefix(&format!("listening {what} "))
            .unwrap_or_else(|| panic!("{what}: {line:?}"));
        rest.trim_end().to_owned()
    }

    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Has it read its settings again.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_says_where_it_listens_and_ends_on_a_signal() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    let mut running = Running::start(&[
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--upstream",
        &address,
        "--log-format",
        "json",
    ]);
    let page = running.address("page");
    let admin = running.address("admin");
    for url in [&page, &admin] {
        assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":0"), "{url}");
    }
    let admin = admin.replace("http://", "");
    let ask = || run(&mut program(&["healthy", "--admin-listen", &admin])).0;
    assert_eq!(ask(), Some(0));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.child.id())).unwrap();
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    let core: Vec<_> = core.split_whitespace().take(2).collect();
    assert_eq!(core, ["0", "0"], "a crash leaves no dump of the memory");
    running.terminate();
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    assert_eq!(ask(), Some(1));
    let mut log = String::new();
    running.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
    assert!(log.contains("\"stopped\""), "{log}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    let mut running = Running::start(&[
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--upstream",
        &address,
    ]);
    let page = running.address("page").replace("http://", "");
    let stream = TcpStream::connect(&page).await.unwrap();
    // a client that never reads what comes after its handshake
    let handshake = client_async(format!("ws://{page}/ws"), stream);
    let (client, accepted) = tokio::join!(handshake, upstream.accept());
    let (_client, (mut upstream, _)) = (client.unwrap(), accepted.unwrap());
    let (mut from_bridge, mut to_bridge) = upstream.split();
    let flood = async {
        let packet = packet(60_000);
        while to_bridge.write_all(&packet).await.is_ok() {}
    };
    let first_signal = async {
        running.terminate();
        // the tunnel is being closed, and has more to deliver than the client takes; the upstream's stream is broken off,
        // which either the flood hears of or this
        assert_eq!(from_bridge.read(&mut [0]).await.unwrap_or(0), 0);
        running.terminate();
    };
    tokio::join!(flood, first_signal);
    assert_eq!(running.child.wait().unwrap().code(), Some(1));
}

#[test]
fn bad_settings_are_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlisten_port = 3\n").unwrap();
    let path = file.to_str().unwrap();
    let (code, message) = run(&mut program(&["--config", path]));
    assert_eq!(code, Some(2));
    assert!(message.contains("line 2") && message.contains("listen_port"), "{message}");
    assert!(!message.contains("in the table"), "{message}");

    std::fs::write(&file, "[limits]\nconnections = 9\n[server.limits]\nlog = \"warn\"\n").unwrap();
    let (code, message) = run(&mut program(&["check-config", "--config", file.to_str().unwrap()]));
    assert_eq!(code, Some(2));
    assert!(
        message.contains("line 4") && message.contains("in the table [server.limits]"),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");

    let (code, message) = run(&mut program(&["--config", "/nowhere/bridge.toml"]));
    assert_eq!(code, Some(2));
    assert!(message.contains("/nowhere/bridge.toml"), "{message}");

    let (code, message) = run(&mut program(&["--log", "=="]));
    assert_eq!(code, Some(2));
    assert!(message.contains("=="), "{message}");

    let (code, message) = run(program(&[]).env("MIG33_LISTEN", "nowhere"));
    assert_eq!(code, Some(2));
    assert!(message.contains("nowhere") && message.contains("--listen"), "{message}");
}

#[test]
fn a_port_that_is_taken_is_one_line_and_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, message) = run(&mut program(&["--listen", &address, "--upstream", "127.0.0.1:1"]));
    assert_eq!(code, Some(1));
    assert!(message.contains(&address) && message.contains("--listen"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn check_config_says_what_counts_and_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.toml");
    std::fs::write(&file, "drain_timeout = 20\nlog = \"warn\"\n[limits]\nconnections = 9\n")
        .unwrap();
    let path = file.to_str().unwrap();
    let mut command = program(&["check-config", "--config", path, "--listen", "127.0.0.1:1"]);
    command.env("MIG33_LOG", "debug").env("MIG33_UPSTREAM", "tls://chat.example:9119");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let comments = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{comments}");
    for (value, source) in [
        ("listen = \"127.0.0.1:1\"", "flag --listen"),
        ("log = \"debug\"", "environment MIG33_LOG"),
        ("upstream = \"tls://chat.example:9119\"", "environment MIG33_UPSTREAM"),
        ("drain_timeout = 20", &format!("file {path}")),
        ("limits.connections = 9", &format!("file {path}")),
        ("resume_grace = 120", "default"),
    ] {
        let line = said.lines().find(|line| line.split("  # ").next().unwrap().trim() == value);
        let line = line.unwrap_or_else(|| panic!("{value} is not in\n{said}"));
        assert!(line.ends_with(&format!("# {source}")), "{line}");
    }
    assert!(comments.contains("can be used") && comments.contains("not checked"), "{comments}");
    // nobody reads all of it in a journal
    let quiet = program(&["check-config", "--quiet", "--config", path]).output().unwrap();
    assert_eq!(quiet.status.code(), Some(0));
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{quiet:?}");
    // what it says is a settings file again
    std::fs::write(&file, &said).unwrap();
    assert_eq!(run(&mut program(&["check-config", "--config", path])).0, Some(0));
}

#[test]
fn check_config_says_what_is_wrong_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlisten_port = 3\n").unwrap();
    let (code, message) = run(&mut program(&["check-config", "--config", file.to_str().unwrap()]));
    assert_eq!(code, Some(2));
    assert!(message.contains("line 2") && message.contains("listen_port"), "{message}");
    assert!(!message.contains("in the table"), "{message}");

    std::fs::write(&file, "[limits]\nconnections = 9\n[server.limits]\nlog = \"warn\"\n").unwrap();
    let (code, message) = run(&mut program(&["check-config", "--config", file.to_str().unwrap()]));
    assert_eq!(code, Some(2));
    assert!(
        message.contains("line 4") && message.contains("in the table [server.limits]"),
        "{message}"
    );

    let (code, message) = run(&mut program(&["check-config", "--tls-cert", "/nowhere/cert.pem"]));
    assert_eq!(code, Some(2));
    assert!(message.contains("--tls-key"), "{message}");

    let (code, message) = run(program(&["check-config"]).env("MIG33_LISTEN", "nowhere"));
    assert_eq!(code, Some(2));
    assert!(message.contains("`nowhere`") && message.contains("MIG33_LISTEN"), "{message}");
}

/// The schema is of this project's store, which has its own tests: here, what an operator is told of it.
#[cfg(feature = "embedded")]
#[tokio::test]
async fn check_config_says_what_an_upgrade_does_to_the_database() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let check = || run(&mut program(&["check-config", "--data-dir", &data]));
    assert!(!check().1.contains("note:"), "there is none");
    let server = mig33_server::Settings { data_dir: (&data).into(), ..Default::default() };
    let database = server.database_file().unwrap();
    mig33_server::Service::start(server).await.unwrap().shutdown().await;
    let (code, message) = check();
    assert_eq!((code, message.contains("note:")), (Some(0), false), "{message}");

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    for (statement, code, part) in [
        ("DELETE FROM _sqlx_migrations WHERE version > 2", Some(0), "backup from before"),
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (1000, 'of the future', 1, x'00', 0)",
            Some(2),
            "put back the backup",
        ),
    ] {
        let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(statement).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        let (found, message) = check();
        assert_eq!(found, code, "{message}");
        assert!(message.contains(part), "{message}");
    }
}

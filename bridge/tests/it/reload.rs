//! SIGHUP: what is taken over, what waits for a restart, and settings that are wrong.
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ChildStderr;

use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::program::{Running, program};

/// A program with a settings file, and its log.
struct Reloading {
    running: Running,
    log: BufReader<ChildStderr>,
    page: String,
}

impl Reloading {
    fn start(config: &Path) -> Self {
        let mut command = program(&["--config"]);
        command.arg(config);
        let mut running = Running::of(&mut command);
        let log = BufReader::new(running.child.stderr.take().unwrap());
        let page = running.address("page").replace("http://", "");
        running.address("admin");
        Self { running, log, page }
    }

    /// Has the settings read again; the log's line about it.
    fn reload(&mut self) -> String {
        self.running.hang_up();
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the program has ended");
            if line.contains("settings") {
                return line;
            }
        }
    }

    /// Whether a page from there may connect.
    async fn lets_in(&self, origin: &str) -> bool {
        let mut request = format!("ws://{}/ws", self.page).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let stream = TcpStream::connect(&self.page).await.unwrap();
        client_async(request, stream).await.is_ok()
    }
}

#[tokio::test]
async fn what_can_change_does_and_what_cannot_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("bridge.toml");
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap();
    let write = |more: &str| {
        let ports = "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n";
        fs::write(&config, format!("{ports}upstream = \"{address}\"\n{more}")).unwrap();
    };
    write("");
    let mut program = Reloading::start(&config);
    let origin = "https://chat.example";
    assert!(!program.lets_in(origin).await);

    write("allow_origin = [\"https://chat.example\"]\nresume_grace = 5\n");
    let line = program.reload();
    assert!(line.contains("applied=[\"allow_origin\"]"), "{line}");
    assert!(line.contains("at_restart=[\"resume_grace\"]"), "{line}");
    assert!(program.lets_in(origin).await);

    write("allow_origin = 7\n");
    let line = program.reload();
    assert!(line.contains("ERROR") && line.contains("bridge.toml line 4"), "{line}");
    assert!(program.lets_in(origin).await, "the settings before stay");

    write("allow_origin = [\"https://chat.example\"]\n[limits]\nconnections = 1\n");
    program.reload();
    let held = TcpStream::connect(&program.page).await.unwrap();
    let mut request = format!("ws://{}/ws", program.page).into_client_request().unwrap();
    request.headers_mut().insert("origin", origin.parse().unwrap());
    let _held = client_async(request, held).await.unwrap();
    assert!(!program.lets_in(origin).await, "there is one already");
    program.running.terminate();
    assert!(program.running.child.wait().unwrap().success());
}

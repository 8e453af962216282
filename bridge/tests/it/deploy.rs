//! The files in `deploy/` and docs/operations.md, held against the program and against what reads them.
//!
//! A check whose program is not on this machine is left out, and says so.
use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mig33_bridge::Bridge;
use mig33_bridge::metrics::CONTENT_TYPE;
use rcgen::generate_simple_self_signed;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;

use crate::embedded;
use crate::program::{Running, program};
use crate::support::{bridge_with, client, get, http, packet, send, settings, upstream};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap()
}

/// Whether a program is here; says so where a check is left out for want of it.
fn is_here(name: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v \"$0\"", name]).output().unwrap();
    if !found.status.success() {
        eprintln!("LEFT OUT: {name} is not installed, so nothing was checked with it");
    }
    found.status.success()
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}:\n{said}");
    said
}

const UNITS: [&str; 5] = [
    "mig33-bridge.service",
    "mig33-bridge.socket",
    "mig33-bridge-tcp.socket",
    "mig33-backup.service",
    "mig33-backup.timer",
];

/// The units, with a program that is there.
fn units() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in UNITS {
        let unit = read(&format!("deploy/systemd/{name}"))
            .replace("/usr/local/bin/mig33-bridge", env!("CARGO_BIN_EXE_mig33-bridge"));
        fs::write(folder.path().join(name), unit).unwrap();
    }
    folder
}

#[test]
fn systemd_takes_the_units() {
    if !is_here("systemd-analyze") {
        return;
    }
    let units = units();
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").current_dir(units.path());
    for name in UNITS {
        verify.arg(format!("./{name}"));
    }
    // it succeeds with warnings too, of keys that it does not know for example
    assert_eq!(succeeds(&mut verify), "");
}

#[test]
fn the_service_may_do_little() {
    if !is_here("systemd-analyze") {
        return;
    }
    let units = units();
    // 1.2 of 10, of which 1.0 is for having a network and a disk
    let said = succeeds(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=15", "./mig33-bridge.service"])
            .current_dir(units.path()),
    );
    assert!(said.contains("Overall exposure level"), "{said}");
}

#[test]
fn the_services_memory_is_bounded_and_goes_to_no_disk() {
    let unit = read("deploy/systemd/mig33-bridge.service");
    let of = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    assert_eq!(of("LimitCORE"), Some("0"));
    assert_eq!(of("MemorySwapMax"), Some("0"));
    assert!(of("MemoryMax").is_some_and(|most| most != "infinity"));
    let container = read("docs/operations.md");
    let run = container.split("podman run").nth(1).unwrap().split("```").next().unwrap();
    assert!(run.contains("--ulimit core=0") && run.contains("--memory="), "{run}");
}

#[test]
fn prometheus_takes_the_alerts() {
    if is_here("promtool") {
        succeeds(
            Command::new("promtool")
                .args(["check", "rules"])
                .arg(file("deploy/prometheus/alerts.yml")),
        );
    }
}

#[test]
fn caddy_takes_its_file() {
    if is_here("caddy") {
        let folder = tempfile::tempdir().unwrap();
        succeeds(
            Command::new("caddy")
                .args(["adapt", "--validate", "--config"])
                .arg(file("deploy/caddy/Caddyfile"))
                .env("HOME", folder.path()),
        );
    }
}

/// nginx with our file, on one socket that it is given, with a certificate of its own.
struct Nginx {
    child: std::process::Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// One that passes on to `bridge`. It takes the socket as nginx hands its sockets to a newer nginx.
    fn start(bridge: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let made = generate_simple_self_signed(vec!["chat.example.org".to_owned()]).unwrap();
        fs::write(path.join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(path.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let ours = read("deploy/nginx/mig33.conf");
        let only_tls = ours.find("server {\n    listen 80;").unwrap()
            ..ours.find("server {\n    listen 443").unwrap();
        let mut site = ours.clone();
        site.replace_range(only_tls, "");
        for (from, to) in [
            ("127.0.0.1:8033", bridge.to_owned()),
            // plain, so that the test needs no TLS of its own, and for clients that come from elsewhere; the file as it
            // is is checked as well
            (
                "listen 443 ssl http2;",
                format!(
                    "listen {address} proxy_protocol;\nset_real_ip_from 127.0.0.1;\nreal_ip_header proxy_protocol;"
                ),
            ),
            ("    listen [::]:443 ssl http2;\n", String::new()),
            ("/etc/mig33/tls", path.display().to_string()),
        ] {
            assert!(site.contains(from), "{from}");
            site = site.replace(from, &to);
        }
        let whole = ours.replace("/etc/mig33/tls", &path.display().to_string());
        for (name, site) in [("whole.conf", whole), ("nginx.conf", site)] {
            let folder = path.display();
            let text = format!(
                "daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n\
                 client_body_temp_path {folder};\nproxy_temp_path {folder};\nfastcgi_temp_path {folder};\n\
                 uwsgi_temp_path {folder};\nscgi_temp_path {folder};\n{site}}}\n"
            );
            fs::write(path.join(name), text).unwrap();
        }
        let nginx = |name: &str| {
            let mut command = Command::new("nginx");
            command.args(["-e", "stderr", "-p"]).arg(path).arg("-c").arg(path.join(name));
            command
        };
        succeeds(nginx("whole.conf").arg("-t"));
        let inner = nginx("nginx.conf");
        let child = Command::new("sh")
            .args(["-c", "exec 3<&0 </dev/null; NGINX='3;' exec \"$@\"", "sh"])
            .arg(inner.get_program())
            .args(inner.get_args())
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, address, _folder: folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // by a signal that it passes on to its workers
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_page_and_a_tunnel_come_through_nginx_with_the_clients_address() {
    if !is_here("nginx") {
        return;
    }
    let (upstream, address) = upstream().await;
    let address = address.to_string();
    let mut command = program(&["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--upstream", &address, "--trusted-proxy", "127.0.0.1", "--log", "debug"]);
    let mut running = Running::of(&mut command);
    let page = running.address("page").replace("http://", "");
    let nginx = Nginx::start(&page);

    let from = "PROXY TCP4 203.0.113.7 127.0.0.1 4000 443\r\n";
    let request =
        format!("{from}GET / HTTP/1.1\r\nHost: chat.example.org\r\nConnection: close\r\n\r\n");
    let answer = http(nginx.address, &request).await.to_lowercase();
    assert!(answer.contains("content-security-policy"), "{answer}");
    assert!(answer.contains("strict-transport-security"), "{answer}");

    let mut stream = TcpStream::connect(nginx.address).await.unwrap();
    stream.write_all(from.as_bytes()).await.unwrap();
    let (mut tunnel, _) = client_async(format!("ws://{}/ws", nginx.address), stream).await.unwrap();
    let (mut server, _) = upstream.accept().await.unwrap();
    let packet = packet(20);
    send(&mut tunnel, &packet).await;
    let mut got = vec![0; packet.len()];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, packet);
    drop((tunnel, server));
    running.terminate();
    let mut log = String::new();
    std::io::Read::read_to_string(&mut running.child.stderr.take().unwrap(), &mut log).unwrap();
    let opened = log.lines().find(|line| line.contains("connection opened"));
    assert!(opened.is_some_and(|line| line.contains("203.0.113.7")), "{opened:?}");
}

/// The names under which Prometheus has what these bridges tell.
async fn names_told() -> BTreeSet<String> {
    let (listener, address) = upstream().await;
    let before_servers = bridge_with(settings(address)).await;
    let (tunnel, accepted) = tokio::join!(client(&before_servers), listener.accept());
    let (mut tunnel, (mut server, _)) = (tunnel, accepted.unwrap());
    send(&mut tunnel, &packet(0)).await;
    server.read_exact(&mut [0; 9]).await.unwrap();
    drop((tunnel, server));
    // no handshake, so it is refused
    get(before_servers.addresses().page, "/ws").await;
    let data = tempfile::tempdir().unwrap();
    let alone = Bridge::start(embedded::embedded(&data)).await.unwrap();
    embedded::say_something_and_leave(&alone).await;
    let mut names = BTreeSet::new();
    for bridge in [&before_servers, &alone] {
        let answer = get(bridge.addresses().admin, "/metrics").await;
        assert!(answer.contains(CONTENT_TYPE), "{answer}");
        for line in answer.lines() {
            let Some(of) = line.strip_prefix("# TYPE ") else { continue };
            let (name, kind) = of.split_once(' ').unwrap();
            names.insert(match kind {
                "counter" => format!("{name}_total"),
                "gauge" | "histogram" => name.to_owned(),
                other => panic!("{name} is a {other}, which nobody documents yet"),
            });
        }
    }
    names
}

/// Metrics that are told with TLS only; `tls` has their tests.
const ONLY_WITH_TLS: &str = "mig33_bridge_certificate_expiry_timestamp_seconds";

/// The first column of the table behind a heading.
fn first_column(text: &str, heading: &str) -> BTreeSet<String> {
    let section = text.split(&format!("\n{heading}\n")).nth(1).unwrap();
    section
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('`').nth(1).unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_exists() {
    let documented = first_column(&read("docs/operations.md"), "## Metrics");
    let mut told = names_told().await;
    told.insert(ONLY_WITH_TLS.to_owned());
    assert_eq!(told, documented);
}

/// The names of metrics in an expression.
fn names_in(expression: &str) -> impl Iterator<Item = String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("mig33_")).map(|word| {
        let parts = ["_bucket", "_sum", "_count"];
        parts.iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word).to_owned()
    })
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_exist() {
    let documented = first_column(&read("docs/operations.md"), "## Metrics");
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/mig33-bridge.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let asked: BTreeSet<String> =
        targets.flat_map(|target| names_in(target["expr"].as_str().unwrap())).collect();
    // the dashboard shows all there is
    assert_eq!(asked, documented);
    let alerts = read("deploy/prometheus/alerts.yml");
    for name in names_in(&alerts) {
        assert!(documented.contains(&name), "{name}");
    }
}

#[test]
fn every_alert_says_what_to_do() {
    let anchors: BTreeSet<String> = read("docs/operations.md")
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let kept = |c: &char| c.is_alphanumeric() || [' ', '-'].contains(c);
            let title = line.trim_start_matches('#').trim().to_lowercase();
            title.chars().filter(kept).collect::<String>().replace(' ', "-")
        })
        .collect();
    let alerts = read("deploy/prometheus/alerts.yml");
    let runbooks: Vec<_> =
        alerts.lines().filter_map(|line| line.split_once("runbook: docs/operations.md#")).collect();
    assert_eq!(runbooks.len(), alerts.matches("- alert:").count());
    for (_, anchor) in runbooks {
        assert!(anchors.contains(anchor), "{anchor} is no heading of docs/operations.md");
    }
}

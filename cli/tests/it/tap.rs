//! `mig33 tap`: between a client and a server.
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::ChildStdout;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Running, mig33, run, run_with};
use crate::tshark::{DISSECTOR, tshark};
use crate::wire;

/// A tap in front of a server that the test plays.
struct Tap {
    child: Running,
    lines: BufReader<ChildStdout>,
    address: SocketAddr,
    server: TcpListener,
}

impl Tap {
    fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    fn start_at(listen: &str, args: &[&str]) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let upstream = server.local_addr().expect("an address").to_string();
        let (child, lines, address) = start(listen, &upstream, args);
        Self { child, lines, address, server }
    }

    /// A client's connection and what the server has of it.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address).expect("the tap listens");
        (client, self.server.accept().expect("the tap connects").0)
    }

    /// The next line that is printed, without times and ports.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        let without_time = line.trim_end().split(' ').filter(|word| !is_time(word));
        without_time.collect::<Vec<_>>().join(" ")
    }

    /// What is printed up to the end of a connection.
    fn rest_of_connection(&mut self) -> String {
        let mut printed = String::new();
        while !printed.contains("\"note\":\"closed\"") {
            assert_ne!(self.lines.read_line(&mut printed).expect("text"), 0, "{printed}");
        }
        printed
    }

    /// Ends the tap as a person does, and gives what it still printed.
    fn stop(mut self) -> String {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(id).expect("a process id"), Signal::TERM).expect("it runs");
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).expect("text");
        self.child.wait().well();
        rest
    }
}

fn start(
    listen: &str,
    upstream: &str,
    args: &[&str],
) -> (Running, BufReader<ChildStdout>, SocketAddr) {
    let args = [&["tap", "--listen", listen, "--upstream", upstream], args].concat();
    let mut child = mig33(&args).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    lines.read_line(&mut line).expect("text");
    let address = line.split("listening tcp ").nth(1).expect(&line);
    let address = address.trim_end().trim_end_matches("\"}").parse().expect("an address");
    (child.into(), lines, address)
}

fn is_time(word: &str) -> bool {
    word.len() == 15 && word.split(':').count() == 3
}

fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("so many bytes");
    bytes
}

fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an end");
    bytes
}

/// A log-in and a message, with each side waiting for the other.
fn talk(client: &mut TcpStream, server: &mut TcpStream) {
    let (from_client, from_server) = (wire::client_side(), wire::server_side());
    client.write_all(&from_client[..25]).expect("an open connection");
    assert_eq!(read(server, 25), from_client[..25]);
    server.write_all(&from_server[..31]).expect("an open connection");
    assert_eq!(read(client, 31), from_server[..31]);
    client.write_all(&from_client[25..]).expect("an open connection");
    assert_eq!(read(server, from_client.len() - 25), from_client[25..]);
}

#[test]
fn what_passes_is_printed_and_one_side_may_end_first() {
    let mut tap = Tap::start(&[]);
    let (mut client, mut server) = tap.connect();
    talk(&mut client, &mut server);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut server), b"");
    // the other direction is still open
    server.write_all(&wire::server_side()[31..]).unwrap();
    drop(server);
    assert_eq!(read_all(&mut client), wire::server_side()[31..]);
    let mut titles = Vec::new();
    while titles.last().is_none_or(|last: &String| !last.contains("closed")) {
        titles.push(tap.line());
    }
    titles.retain(|line| line.starts_with('#'));
    assert!(titles[0].starts_with("#1 connection from 127.0.0.1:"), "{titles:?}");
    assert_eq!(
        titles[1..],
        [
            "#1 LOGIN (200), client to server, transaction 1, 25 bytes at byte 0",
            "#1 LOGIN_CHALLENGE (201), server to client, transaction 1, answers LOGIN, 31 bytes at byte 0",
            "#1 LOGIN_RESPONSE (202), client to server, transaction 2, 19 bytes at byte 25",
            "#1 MESSAGE (500), client to server, transaction 3, 44 bytes at byte 44",
            "#1 PING (2), client to server, transaction 4, 9 bytes at byte 88",
            "#1 ann LOGIN_OK (203), server to client, transaction 2, answers LOGIN_RESPONSE, 9 bytes at byte 31",
            "#1 ann PONG (3), server to client, transaction 4, answers PING, 9 bytes at byte 40",
            "#1 connection closed",
        ]
    );
    assert_eq!(tap.stop(), "");
}

#[test]
fn what_is_no_packet_passes_too() {
    let mut tap = Tap::start(&["--json"]);
    let (mut client, mut server) = tap.connect();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(read(&mut server, 18), b"GET / HTTP/1.1\r\n\r\n");
    let note = tap.line();
    assert!(note.contains(r#""note":"opened","client":"127.0.0.1:"#), "{note}");
    assert!(tap.line().contains(r#""problem":"at byte 0: a packet starts with 02, not 47""#));
    server.write_all(&[2, 0, 3, 0, 4]).unwrap();
    drop(server);
    assert_eq!(read_all(&mut client), [2, 0, 3, 0, 4]);
    drop(client);
    let rest = tap.stop();
    assert!(
        rest.contains(r#""from":"server","problem":"at byte 5: the stream ends inside"#),
        "{rest}"
    );
}

#[test]
fn several_clients_are_served_at_once() {
    let tap = Tap::start(&["--json"]);
    let mut pairs: Vec<_> = (0..8).map(|_| tap.connect()).collect();
    for (client, server) in &mut pairs {
        talk(client, server);
    }
    drop(pairs);
    let printed = tap.stop();
    for number in 1..=8 {
        let from = format!("\"connection\":{number},");
        let of_connection = printed.lines().filter(|line| line.contains(&from));
        assert_eq!(
            of_connection.filter(|line| line.contains("\"packet\"")).count(),
            5,
            "{printed}"
        );
    }
}

#[test]
fn the_capture_that_is_written_has_what_passed_but_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for shown in [false, true] {
        let path = folder.path().join(format!("{shown}.pcapng"));
        let path = path.to_str().unwrap();
        if shown {
            std::fs::write(path, "one that everybody may read").unwrap();
        }
        let args = ["--write", path, "--force", "--show-secrets"];
        let tap = Tap::start(&args[..if shown { 4 } else { 3 }]);
        let (mut client, mut server) = tap.connect();
        talk(&mut client, &mut server);
        // a large packet, and one that breaks off
        let large = wire::frame(mig33_codec::Command::MESSAGE, 0, &[(8, vec![0xd8; 100_000])]);
        server.write_all(&large.to_bytes()).unwrap();
        assert_eq!(read(&mut client, large.wire_len()), large.to_bytes());
        server.write_all(&[2, 0, 3, 0, 4]).unwrap();
        drop(server);
        assert_eq!(read_all(&mut client), [2, 0, 3, 0, 4]);
        drop(client);
        tap.stop();

        let decoded = run(&["decode", "--json", "--show-secrets", path]);
        let broken = "the stream ends inside a packet, after 5 bytes of it";
        assert!(decoded.errors.contains(broken), "{}", decoded.errors);
        let sent = |side: &str| run_with(&["encode", "--from", side], &decoded.bytes);
        let (mut from_client, mut from_server) =
            (wire::client_side().to_vec(), wire::server_side()[..31].to_vec());
        from_server.extend(large.to_bytes());
        if shown {
            from_server.extend([2, 0, 3, 0, 4]);
        } else {
            from_client[40..44].fill(b'*');
            assert!(sent("server").errors.contains("these bytes are masked"));
        }
        assert_eq!(sent("client").well().bytes, from_client);
        assert!(
            sent("server").bytes == from_server,
            "what the server sent is not what was written"
        );
        #[cfg(unix)]
        {
            let mode = std::fs::metadata(path).unwrap();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
        }
    }
}

#[test]
fn what_is_read_of_a_capture_is_what_was_printed() {
    let folder = tempfile::tempdir().unwrap();
    for (number, client_begins) in
        [&b"GET / HTTP/1.1\r\nPassword: 007\r\n"[..], b""].iter().enumerate()
    {
        let path = folder.path().join(format!("{number}.pcapng"));
        let path = path.to_str().unwrap();
        let mut tap = Tap::start(&["--json", "--write", path]);
        let (mut client, mut server) = tap.connect();
        let mut exchange = |from_client: &[u8], from_server: &[u8]| {
            client.write_all(from_client).unwrap();
            assert_eq!(read(&mut server, from_client.len()), from_client);
            server.write_all(from_server).unwrap();
            assert_eq!(read(&mut client, from_server.len()), from_server);
        };
        exchange(client_begins, &wire::server_side()[..31]);
        exchange(&wire::client_side()[..25], b"no packet, but a secret");
        // a packet whose last block does not fit, with a secret and without
        let mut login = wire::client_side()[..44].to_vec();
        login[39] = 200;
        let mut message = wire::client_side()[44..88].to_vec();
        message[38] = 200;
        exchange(&login[25..], &wire::server_side()[31..]);
        exchange(&message, &[2, 0, 3]);
        drop((client, server));
        let printed = tap.rest_of_connection();
        tap.stop();
        // the capture tells of a connection by its segments: without the upstream, and with their times
        let packets_and_problems = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.contains("\"note\"")).map(str::to_owned).collect()
        };
        let decoded = run(&["decode", "--json", path]);
        assert_eq!(packets_and_problems(decoded.text()), packets_and_problems(&printed));
        assert_eq!(decoded.text().lines().count(), printed.lines().count());
        // what is masked is not taken for what was sent
        let shown = run(&["decode", "--show-secrets", path]);
        assert!(shown.text().contains("masked in the capture: 22 bytes that were no packet\n"));
        let capture = std::path::Path::new(path);
        let args = ["-Y", "mig33.framing", "-T", "fields", "-e", "_ws.expert.message"];
        let theirs = tshark(std::path::Path::new(DISSECTOR), capture, &args);
        assert!(theirs.contains("bytes that were no packet, masked by mig33 tap"), "{theirs}");
        assert!(printed.contains("the stream ends inside a packet"), "{printed}");
        let written = std::fs::read(path).unwrap();
        for secret in [&b"Password"[..], b"a secret", &login[40..44]] {
            assert!(!written.windows(secret.len()).any(|bytes| bytes == secret), "{secret:?}");
        }
    }
}

#[test]
fn a_capture_is_not_overwritten_unless_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dear.pcapng");
    let text = path.to_str().unwrap();
    std::fs::write(&path, "dear to somebody").unwrap();
    let args = ["tap", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1", "--write", text];
    run(&args).failed(&format!("mig33: {text} is there already; `--force` overwrites it\n"));
    assert_eq!(std::fs::read(&path).unwrap(), b"dear to somebody");
    Tap::start(&["--write", text, "--force"]).stop();
    assert!(std::fs::read(&path).unwrap().starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
    // there is nothing to lose in an empty file, and a device is none
    let empty = tempfile::NamedTempFile::new().unwrap();
    Tap::start(&["--write", empty.path().to_str().unwrap()]).stop();
    Tap::start(&["--write", "/dev/null"]).stop();
    #[cfg(unix)]
    {
        let mode = std::fs::metadata("/dev/null").unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o666);
    }
}

#[test]
fn addresses_are_looked_at_before_anything_is_done() {
    let said = |listen: &str, upstream: &str| {
        let ended = run(&["tap", "--listen", listen, "--upstream", upstream]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        ended.errors.lines().next().unwrap_or_default().to_owned()
    };
    for (address, why) in [
        ("127.0.0.1", "a port is missing: expected HOST:PORT, as in `localhost:9119`"),
        ("127.0.0.1:99999", "\"99999\" is no port, which is a number up to 65535"),
        ("127.0.0.1:", "\"\" is no port, which is a number up to 65535"),
        (
            ":1933",
            "a host is missing: expected HOST:PORT, as in `localhost:9119` or `0.0.0.0:9119`",
        ),
        ("http://127.0.0.1:9119", "expected HOST:PORT, as in `localhost:9119`, and no URL"),
        ("::1:9119", "an IPv6 address has brackets: `[::1]:9119`"),
    ] {
        let error = format!("error: invalid value '{address}' for '--upstream <HOST:PORT>': {why}");
        assert_eq!(said("127.0.0.1:0", address), error);
        assert!(said(address, "127.0.0.1:9119").ends_with(why), "{address}");
    }
    assert!(said("127.0.0.1:0", "127.0.0.1:0").ends_with("a server has no port 0"));
    let Tap { child, address, .. } = Tap::start_at("localhost:0", &[]);
    assert!(address.ip().is_loopback());
    drop(child);
}

#[test]
fn a_server_that_does_not_read_stops_the_client() {
    const WHOLE: usize = 48 << 20;
    let tap = Tap::start(&[]);
    let (mut client, mut server) = tap.connect();
    client.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let packet = wire::frame(mig33_codec::Command::MESSAGE, 1, &[(8, vec![7; 300_000])]).to_bytes();
    let stream = packet.repeat(WHOLE / packet.len());
    let mut written = 0;
    let stopped = loop {
        match client.write(&stream[written..]) {
            Ok(length) => written += length,
            Err(error) => break error.kind(),
        }
    };
    assert!(matches!(stopped, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stopped}");
    assert!(written < WHOLE / 2, "{written} bytes went into a tap that could pass on none");
    client.set_write_timeout(None).unwrap();
    // the test reads what is printed, or the tap would wait for it
    let Tap { child, mut lines, .. } = tap;
    let printed = thread::spawn(move || {
        let mut count = 0;
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 && !line.contains("connection closed") {
            count += usize::from(line.contains(" MESSAGE (500), "));
            line.clear();
        }
        count
    });
    let expected = stream.clone();
    let writer = thread::spawn(move || {
        client.write_all(&stream[written..]).unwrap();
    });
    let received = read_all(&mut server);
    writer.join().unwrap();
    assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
    drop(server);
    assert_eq!(printed.join().unwrap(), WHOLE / packet.len());
    drop(child);
}

#[test]
fn what_one_side_breaks_off_is_broken_off_at_the_other() {
    let mut tap = Tap::start(&[]);
    let (mut client, mut server) = tap.connect();
    client.write_all(&[0; 9]).unwrap();
    assert_eq!(read(&mut server, 1), [0]);
    assert_eq!(server.peek(&mut [0; 8]).unwrap(), 8);
    // closed with bytes that nobody has read: that is a reset
    drop(server);
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let mut line = tap.line();
    while !line.contains("broken off") {
        line = tap.line();
    }
    assert!(line.starts_with("#1 broken off at the server's side: "), "{line}");
    tap.stop();
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (child, mut lines, address) = start("127.0.0.1:0", &nobody, &[]);
    let mut client = TcpStream::connect(address).unwrap();
    assert_eq!(read_all(&mut client), b"");
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains(&format!("no connection to {nobody}: Connection refused")), "{line}");
    drop(child);
}

#[test]
fn it_goes_on_when_nobody_reads_what_it_prints() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.pcapng");
    let path = path.to_str().unwrap();
    let tap = Tap::start(&["--write", path]);
    let pairs = [tap.connect(), tap.connect()];
    let Tap { child, lines, .. } = tap;
    // as `mig33 tap | head -1` does
    drop(lines);
    for (mut client, mut server) in pairs {
        talk(&mut client, &mut server);
        talk(&mut client, &mut server);
        drop(client);
        assert_eq!(read_all(&mut server), b"");
    }
    let id = i32::try_from(child.id()).expect("a process id");
    kill_process(Pid::from_raw(id).expect("a process id"), Signal::TERM).expect("it runs");
    child.wait().well();
    let decoded = run(&["decode", path]);
    assert_eq!(decoded.well().text().matches(" MESSAGE (500), ").count(), 4);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(&["tap", "--listen", &address, "--upstream", "127.0.0.1:1"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.errors.starts_with(&format!("mig33: cannot listen on {address}: ")),
        "{}",
        ended.errors
    );
}

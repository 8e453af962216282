//! Wireshark with our dissector, and `mig33 decode`: two readers that share the table and no code, and have to agree.
use std::fs;
use std::path::{Path, PathBuf};

use mig33_codec::packets::Ping;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use tempfile::TempDir;

use crate::pcap::{FileKind, Link, Session, capture, pcap};
use crate::program::run;
use crate::said::{Said, from_json};
use crate::tshark::{DISSECTOR, packets, tshark};
use crate::wire;

/// A session of two handsets with the server, recorded by tcpdump; session.md beside it tells more.
const SESSION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/captures/session.pcap");
const SHOW_SECRETS: [&str; 2] = ["-o", "mig33.show_secrets:TRUE"];

#[test]
fn the_dissector_in_docs_is_not_stale() {
    let there = fs::read_to_string(DISSECTOR).expect("the dissector");
    let now = run(&["packets", "--wireshark"]);
    assert!(now.well().text() == there, "{DISSECTOR} is stale: `cargo xtask docs` writes it");
}

#[test]
fn both_readers_say_the_same_of_a_session() {
    let ours = from_json(run(&["decode", "--json", SESSION]).well().text());
    assert_eq!(ours.len(), 81);
    agree(&ours, &packets(Path::new(DISSECTOR), Path::new(SESSION), &[]));

    let ours = from_json(run(&["decode", "--json", "--show-secrets", SESSION]).well().text());
    agree(&ours, &packets(Path::new(DISSECTOR), Path::new(SESSION), &SHOW_SECRETS));
}

#[test]
fn both_readers_say_the_same_of_every_kind_of_packet() {
    let bytes: Vec<u8> = wire::one_of_each().iter().flat_map(|frame| frame.to_bytes()).collect();
    // one segment with all of it, and many that end anywhere
    for step in [bytes.len(), 333] {
        let file = CaptureFile::of_server(&bytes, step);
        // what does not fit is said by both, and makes the program end with 1
        let ours = from_json(run(&["decode", "--json", file.path()]).text());
        assert_eq!(ours.len(), wire::one_of_each().len() + 4);
        agree(&ours, &packets(Path::new(DISSECTOR), &file.path, &[]));
    }
}

#[test]
fn both_readers_say_the_same_of_anything() {
    let frames = proptest::collection::vec(wire::any_frame(), 400);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 3,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    });
    let done = runner.run(&(frames, 100_usize..5_000), |(frames, step)| {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.to_bytes()).collect();
        let file = CaptureFile::of_server(&bytes, step);
        let ours = run(&["decode", "--json", "--show-secrets", file.path()]);
        agree(&from_json(ours.text()), &packets(Path::new(DISSECTOR), &file.path, &SHOW_SECRETS));
        Ok(())
    });
    done.unwrap();
}

#[test]
fn a_field_that_is_read_wrongly_is_noticed() {
    let lua = fs::read_to_string(DISSECTOR).expect("the dissector");
    let ours = from_json(run(&["decode", "--json", SESSION]).well().text());
    for (right, wrong) in [
        // another name, type, set of values, separator, place in the packet, secret
        (r#"name = "mobile_phone", kind"#, r#"name = "phone", kind"#),
        (r#"name = "timestamp", kind = "u64""#, r#"name = "timestamp", kind = "bytes""#),
        ("kind = \"u8\", values = VALUES.StatusEvent", "kind = \"u8\", values = VALUES.Presence"),
        ("kind = \"list(;)\"", "kind = \"list( )\""),
        ("parts.transaction, tvb(3, 2)", "parts.transaction, tvb(1, 2)"),
        (
            "name = \"password\", kind = \"string\", secret = true",
            "name = \"password\", kind = \"string\"",
        ),
        ("value = value:tonumber()", "value = value:tonumber() % 128"),
    ] {
        let doctored = lua.replace(right, wrong);
        assert_ne!(doctored, lua, "{right}");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("mig33.lua");
        fs::write(&file, doctored).expect("a file");
        let theirs = packets(&file, Path::new(SESSION), &[]);
        assert_eq!(ours.len(), theirs.len());
        assert_ne!(ours, theirs, "{wrong} goes unnoticed");
    }
}

#[test]
fn secrets_are_not_shown() {
    let text = |args: &[&str]| tshark(Path::new(DISSECTOR), Path::new(SESSION), args);
    assert!(!text(&["-V"]).contains("SeCreT1"));
    let fields = ["-T", "fields", "-e", "mig33.new_registration.password"];
    assert_eq!(text(&fields).trim(), "");
    let shown = text(&[&fields[..], &SHOW_SECRETS].concat());
    assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), ["SeCreT1"; 2]);
}

#[test]
fn the_filters_of_the_page_find_what_it_says() {
    let page = include_str!("../../../docs/wireshark/README.md");
    for (filter, finds) in [
        ("mig33", true),
        ("mig33.command == \"MESSAGE\"", true),
        ("mig33.transaction == 7", true),
        ("mig33.message.destination == \"bert\"", true),
        ("mig33.text contains \"Hello\"", true),
        ("mig33.block.id == 1001", true),
        ("mig33.width", true),
        ("mig33.repeated", true),
        ("mig33.value", false),
        ("mig33.blocks", false),
        ("mig33.framing", false),
    ] {
        assert!(page.contains(&format!("`{filter}`")), "{filter}");
        let found = tshark(Path::new(DISSECTOR), Path::new(SESSION), &["-Y", filter]);
        assert_eq!(!found.is_empty(), finds, "{filter}: {found}");
    }
}

#[test]
fn the_list_of_packets_sums_them_up() {
    let file = CaptureFile::of_server(&wire::server_side(), 40);
    let sums = tshark(
        Path::new(DISSECTOR),
        &file.path,
        &["-Y", "mig33", "-T", "fields", "-e", "_ws.col.Protocol", "-e", "_ws.col.Info"],
    );
    let expected = [
        "mig33\tclient: LOGIN #1, LOGIN_RESPONSE #2, MESSAGE #3, PING #4",
        "mig33\tserver: LOGIN_CHALLENGE #1, LOGIN_OK #2",
        "mig33\tserver: PONG #4",
    ];
    assert_eq!(sums.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn connections_are_known_by_their_port_or_by_their_first_packet() {
    let count = |first: &[u8], port: u16, args: &[&str]| {
        let mut session = Session::new(true);
        session.ports[1] = port;
        session.open();
        session.client(first);
        session.client(&wire::client_side());
        let file = CaptureFile::new(&capture(FileKind::NgBig, Link::Raw, &session.records));
        let args = [&["-Y", "mig33", "-T", "fields", "-e", "mig33.command"], args].concat();
        let text = tshark(Path::new(DISSECTOR), &file.path, &args);
        text.lines().flat_map(|line| line.split(',')).filter(|number| !number.is_empty()).count()
    };
    let (ping, nothing) = (wire::bytes(Ping::default(), 1), b"\x02\xff\xff\0\0\0\0\0\0");
    // of a known kind; of none, where the port tells; of none, where nothing does
    assert_eq!(count(&ping, 4_000, &[]), 5);
    assert_eq!(count(nothing, 9119, &[]), 5);
    assert_eq!(count(nothing, 4_000, &[]), 4);
    assert_eq!(count(b"GET / HTTP/1.1\r\n\r\n", 4_000, &[]), 0);
    // another port in the place of the usual one
    assert_eq!(count(nothing, 4_000, &["-o", "mig33.ports:4000-4001"]), 5);
}

#[test]
fn what_is_broken_is_told() {
    let told = |capture: &[u8]| -> Vec<String> {
        let file = CaptureFile::new(capture);
        let args = ["-Y", "mig33", "-T", "fields", "-e", "_ws.expert.message"];
        let text = tshark(Path::new(DISSECTOR), &file.path, &args);
        text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let of_client = |bytes: &[u8]| {
        let mut session = Session::new(false);
        session.open();
        session.client(bytes);
        told(&capture(FileKind::PcapLittle, Link::Raw, &session.records))
    };
    let packet =
        |params: &[u8]| [&b"\x02\0\x02\0\x07\0\0\0"[..], &[params.len() as u8], params].concat();
    assert_eq!(of_client(&packet(b"")), [""; 0]);
    assert_eq!(
        of_client(&packet(b"\0\x01\0\0\0\x02x")),
        ["block 1 of 2 bytes runs past its packet"]
    );
    assert_eq!(of_client(&packet(b"\0\x01\0")), ["3 bytes are left over"]);
    assert_eq!(
        of_client(b"\x02\0\x02\0\x07\0\x05\x78\x01"),
        ["PACK_LEN 358401 is more than 358400"]
    );
    let ping = packet(b"");
    assert_eq!(
        of_client(&[&ping[..], b"GET / HTTP/1.1\r\n\r\n"].concat()),
        ["a packet starts with 02, not 47"]
    );
    // records that were cut short, 40 bytes of each for the headers of IP and TCP; of less than a header no length is known
    for (snap, has, of) in [(45, 5, 9), (49, 9, 25), (55, 15, 25), (60, 20, 25)] {
        let mut session = Session::new(false);
        session.open();
        session.client(&wire::client_side()[..25]);
        let mut file = Vec::new();
        pcap(&mut file, Link::Raw, &session.records, snap);
        assert_eq!(told(&file), [format!("{has} of {of} bytes are in the capture")]);
    }
}

/// A capture in a file of its own, which is gone afterwards.
struct CaptureFile {
    path: PathBuf,
    _folder: TempDir,
}

impl CaptureFile {
    fn new(capture: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("capture");
        fs::write(&path, capture).expect("a file");
        Self { path, _folder: folder }
    }

    /// A log-in, after which both readers know who is who, and then what the server sends, in segments of so many bytes.
    fn of_server(bytes: &[u8], step: usize) -> Self {
        let mut session = Session::new(false);
        session.open();
        session.client(&wire::client_side());
        bytes.chunks(step).for_each(|part| session.server(part));
        session.close();
        Self::new(&capture(FileKind::PcapLittle, Link::Ethernet, &session.records))
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("a plain path")
    }
}

#[track_caller]
fn agree(ours: &[Said], theirs: &[Said]) {
    assert!(!ours.is_empty());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.fields.len(), theirs.fields.len(), "{ours:?}\n{theirs:?}");
        for (field, their_field) in ours.fields.iter().zip(&theirs.fields) {
            assert_eq!(field, their_field, "in {:?} at byte {}", ours.name, ours.offset);
        }
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

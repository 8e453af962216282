//! `mig33 decode` of captures: TCP connections as they come apart on a network, in every kind of file.
use mig33_codec::packets::{Ping, Pong};
use proptest::prelude::*;

use crate::pcap::{FileKind, Link, Session, capture};
use crate::program::{Ended, run, run_with};
use crate::wire;

/// Decodes a capture, in whichever file it is.
pub(crate) fn decode(args: &[&str], records: &[Vec<u8>]) -> Ended {
    run_with(&[&["decode"], args].concat(), &capture(FileKind::PcapLittle, Link::Raw, records))
}

/// What is printed of packets, without times, blocks and explanations.
pub(crate) fn titles(ended: &Ended) -> Vec<String> {
    let wanted = |line: &&str| line.starts_with('#') || line.starts_with("not ");
    let without_time = |line: &str| {
        let words = line
            .split(' ')
            .filter(|word| !(word.contains(':') && word.contains('.') && word.len() == 15));
        words.collect::<Vec<_>>().join(" ")
    };
    ended.text().lines().filter(wanted).map(without_time).collect()
}

pub(crate) const WHOLE_SESSION: [&str; 9] = [
    "#1 connection from 10.0.0.1:40000 to 10.0.0.2:9119 on 2026-11-22 (UTC)",
    "#1 LOGIN (200), client to server, transaction 1, 25 bytes at byte 0",
    "#1 LOGIN_CHALLENGE (201), server to client, transaction 1, answers LOGIN, 31 bytes at byte 0",
    "#1 LOGIN_RESPONSE (202), client to server, transaction 2, 19 bytes at byte 25",
    "#1 ann LOGIN_OK (203), server to client, transaction 2, answers LOGIN_RESPONSE, 9 bytes at byte 31",
    "#1 ann MESSAGE (500), client to server, transaction 3, 44 bytes at byte 44",
    "#1 ann PING (2), client to server, transaction 4, 9 bytes at byte 88",
    "#1 ann PONG (3), server to client, transaction 4, answers PING, 9 bytes at byte 40",
    "#1 connection closed",
];

/// A log-in and a message, packet by packet.
pub(crate) fn whole_session(session: &mut Session) {
    let (client, server) = (wire::client_side(), wire::server_side());
    session.open();
    session.client(&client[..25]);
    session.server(&server[..31]);
    session.client(&client[25..44]);
    session.server(&server[31..40]);
    session.client(&client[44..88]);
    session.client(&client[88..]);
    session.server(&server[40..]);
    session.close();
}

#[test]
fn a_session_is_read_from_every_file_and_every_link_layer() {
    for ipv6 in [false, true] {
        for link in Link::ALL {
            let mut session = Session::new(ipv6);
            whole_session(&mut session);
            for kind in FileKind::ALL {
                let ended = run_with(&["decode"], &capture(kind, link, &session.records));
                let mut expected = WHOLE_SESSION.map(str::to_owned);
                if ipv6 {
                    expected[0] =
                        "#1 connection from [fd00::1]:40000 to [fd00::2]:9119 on 2026-11-22 (UTC)"
                            .into();
                }
                assert_eq!(titles(ended.well()), expected, "{kind:?} {link:?}");
            }
        }
    }
}

#[test]
fn times_connections_and_sides_are_in_the_json() {
    let mut session = Session::new(false);
    whole_session(&mut session);
    let ended = decode(&["--json"], &session.records);
    let lines: Vec<&str> = ended.well().text().lines().collect();
    assert_eq!(
        lines[0],
        r#"{"connection":1,"time":"2026-11-22T16:25:36.000003Z","note":"opened","client":"10.0.0.1:40000","server":"10.0.0.2:9119"}"#
    );
    assert_eq!(
        lines[7],
        r#"{"connection":1,"time":"2026-11-22T16:25:36.000009Z","from":"server","offset":40,"bytes":9,"packet":"PONG","command":3,"transaction":4,"answers":"PING","fields":[]}"#
    );
    // a side can be written again
    let json = decode(&["--json", "--show-secrets"], &session.records);
    let client = run_with(&["encode", "--from", "client"], &json.bytes);
    assert_eq!(client.well().bytes, wire::client_side());
}

#[test]
fn segments_out_of_order_and_twice_are_one_stream() {
    let (client, server) = (wire::client_side(), wire::server_side());
    for step in [1, 3, 7, 20, 97] {
        let mut session = Session::new(false);
        session.open();
        let from = session.records.len();
        for (at, part) in client.chunks(step).enumerate() {
            session.client(part);
            if at % 3 == 0 {
                let again = session.records.last().cloned();
                session.records.extend(again);
            }
        }
        // every two segments change places
        for pair in session.records[from..].chunks_exact_mut(2) {
            pair.swap(0, 1);
        }
        session.keep_alive();
        session.server(&server);
        session.close();
        let ended = decode(&["--json", "--show-secrets"], &session.records);
        let encoded = run_with(&["encode", "--from", "client"], &ended.well().bytes);
        assert_eq!(encoded.well().bytes, client, "segments of {step}");
        let encoded = run_with(&["encode", "--from", "server"], &ended.bytes);
        assert_eq!(encoded.well().bytes, server, "segments of {step}");
    }
}

#[test]
fn a_hole_is_told_and_reading_goes_on() {
    let client = wire::client_side();
    let mut session = Session::new(false);
    session.open();
    session.client(&client[..25]);
    session.client(&client[25..50]);
    let lost = session.records.pop();
    assert!(lost.is_some());
    session.server(&wire::server_side()[..31]);
    session.client(&client[50..]);
    session.close();
    let ended = decode(&[], &session.records);
    ended.failed(
        "mig33: standard input: connection 1, at byte 25: 25 bytes are missing in the capture\n",
    );
    assert_eq!(
        titles(&ended),
        [
            "#1 connection from 10.0.0.1:40000 to 10.0.0.2:9119 on 2026-11-22 (UTC)",
            "#1 LOGIN (200), client to server, transaction 1, 25 bytes at byte 0",
            "#1 LOGIN_CHALLENGE (201), server to client, transaction 1, answers LOGIN, 31 bytes at byte 0",
            "#1 ! from the client, at byte 25: 25 bytes are missing in the capture",
            "#1 ! from the client, at byte 88: 38 bytes before this belong to no whole packet",
            "#1 PING (2), client to server, transaction 4, 9 bytes at byte 88",
            "#1 connection closed",
        ]
    );
}

#[test]
fn a_capture_that_begins_in_the_middle_finds_the_first_packet() {
    let (client, server) = (wire::client_side(), wire::server_side());
    let mut session = Session::new(false);
    session.client(&client[30..60]);
    session.client(&client[60..]);
    session.server(&server[31..]);
    let ended = decode(&[], &session.records);
    ended.failed(
        "mig33: standard input: connection 1, at byte 0: the capture begins inside a packet\n",
    );
    assert_eq!(
        titles(&ended),
        [
            "#1 connection from 10.0.0.1:40000 to 10.0.0.2:9119 on 2026-11-22 (UTC); the capture begins after it",
            "#1 ! from the client, at byte 0: the capture begins inside a packet",
            "#1 ! from the client, at byte 14: 14 bytes before this belong to no whole packet",
            "#1 MESSAGE (500), client to server, transaction 3, 44 bytes at byte 14",
            "#1 PING (2), client to server, transaction 4, 9 bytes at byte 58",
            "#1 LOGIN_OK (203), server to client, transaction 2, 9 bytes at byte 0",
            "#1 PONG (3), server to client, transaction 4, answers PING, 9 bytes at byte 9",
        ]
    );
}

#[test]
fn records_that_were_cut_short_leave_a_hole() {
    let client = wire::client_side();
    let mut session = Session::new(false);
    session.open();
    session.client(&client[..25]);
    session.client(&client[25..88]);
    session.server(&wire::server_side()[..31]);
    session.client(&client[88..]);
    session.close();
    let mut file = Vec::new();
    crate::pcap::pcap(&mut file, Link::Raw, &session.records, 80);
    let ended = run_with(&["decode"], &file);
    ended.failed(
        "mig33: standard input: connection 1, at byte 65: 23 bytes are missing in the capture\n",
    );
    assert!(titles(&ended).iter().any(|title| title.contains("PING")), "{}", ended.text());
    // also when nothing comes after it
    let mut session = Session::new(false);
    session.open();
    session.client(&client[..88]);
    file.clear();
    crate::pcap::pcap(&mut file, Link::Raw, &session.records, 80);
    run_with(&["decode"], &file).failed(
        "mig33: standard input: connection 1, at byte 40: 48 bytes are missing in the capture\n",
    );
}

#[test]
fn several_connections_are_told_apart_and_others_are_passed_over() {
    let mut records = Vec::new();
    let mut first = Session::new(false);
    whole_session(&mut first);
    let mut second = Session::new(true);
    whole_session(&mut second);
    let mut web = Session::new(false);
    web.ports = [50_000, 80];
    web.open();
    web.client(b"GET / HTTP/1.1\r\n\r\n");
    web.server(b"HTTP/1.1 200 OK\r\n\r\n");
    web.close();
    for at in 0..first.records.len() {
        records.extend([first.records[at].clone(), second.records[at].clone()]);
        records.extend(web.records.get(at).cloned());
    }
    let ended = decode(&[], &records);
    let titles = titles(ended.well());
    for (number, count) in [("#1", 9), ("#2", 9)] {
        assert_eq!(titles.iter().filter(|title| title.starts_with(number)).count(), count);
    }
    assert_eq!(
        titles.last().map(String::as_str),
        Some("not mig33: 10.0.0.1:50000 and 10.0.0.2:80, 37 bytes")
    );
    // a port that is asked for is read whatever is in it
    let ended = decode(&["--port", "80"], &records);
    ended.failed(
        "mig33: standard input: connection 1, at byte 0: a packet starts with 02, not 47; and 1 more problem\n",
    );
    let ended = decode(&[], &web.records);
    ended.failed(
        "mig33: standard input: none of its 1 TCP connections speaks mig33; `--port` reads some whatever they speak\n",
    );
}

#[test]
fn one_side_that_speaks_mig33_is_enough() {
    let mut session = Session::new(false);
    session.ports[1] = 4_000;
    session.open();
    session.client(b"what is no packet at all");
    session.server(&wire::server_side());
    session.client(&wire::client_side()[..25]);
    session.close();
    let ended = decode(&[], &session.records);
    ended.failed(
        "mig33: standard input: connection 1, at byte 0: a packet starts with 02, not 77\n",
    );
    assert!(titles(&ended).iter().any(|title| title.contains("LOGIN_CHALLENGE (201)")));
    assert!(titles(&ended).iter().any(|title| title.contains("LOGIN (200)")));
}

#[test]
fn the_port_of_the_service_is_read_also_when_records_were_cut() {
    let cut = |port: u16| {
        let mut session = Session::new(false);
        session.ports[1] = port;
        session.open();
        session.client(&wire::client_side());
        session.server(&wire::server_side());
        session.close();
        let mut file = Vec::new();
        crate::pcap::pcap(&mut file, Link::Raw, &session.records, 60);
        run_with(&["decode"], &file)
    };
    let said = "2 records were cut short when they were captured (snaplen)";
    let ended = cut(9119);
    assert!(ended.errors.contains("at byte 20: 77 bytes are missing in the capture"), "{ended:?}");
    assert!(
        ended.text().contains(&format!("{said}: their ends are missing\n")),
        "{}",
        ended.text()
    );
    cut(4_000).failed(&format!(
        "mig33: standard input: none of its 1 TCP connections speaks mig33; `--port` reads some \
         whatever they speak; {said}, which hides it\n"
    ));
}

#[test]
fn the_same_ports_again_are_another_connection() {
    let mut records = Vec::new();
    for first_number in [7, u32::MAX - 20] {
        let mut session = Session::new(false);
        session.next = [first_number, 5];
        whole_session(&mut session);
        records.extend(session.records);
    }
    let ended = decode(&[], &records);
    let titles = titles(ended.well());
    assert_eq!(titles.len(), 18);
    assert_eq!(titles[9], WHOLE_SESSION[0].replace("#1", "#2"));
}

#[test]
fn a_connection_that_is_reset_in_a_packet_is_told() {
    let mut session = Session::new(false);
    session.open();
    session.client(&wire::client_side()[..30]);
    session.reset();
    let ended = decode(&[], &session.records);
    ended.failed(
        "mig33: standard input: connection 1, at byte 30: the stream ends inside a packet, after 5 bytes of it\n",
    );
}

#[test]
fn an_answer_that_comes_after_the_client_has_closed_is_no_problem() {
    let mut session = Session::new(false);
    session.open();
    session.client(&wire::bytes(Ping::default(), 1));
    session.client_ends();
    // nobody is there to take it: the client's system breaks off
    session.server(&wire::bytes(Pong::default(), 1));
    session.client_resets();
    let ended = decode(&[], &session.records);
    assert_eq!(
        titles(ended.well())[1..],
        [
            "#1 PING (2), client to server, transaction 1, 9 bytes at byte 0",
            "#1 PONG (3), server to client, transaction 1, answers PING, 9 bytes at byte 0",
            "#1 connection closed",
        ]
    );
}

#[test]
fn fragments_and_unknown_link_layers_are_told() {
    let mut session = Session::new(false);
    whole_session(&mut session);
    let mut fragment = session.records[3].clone();
    fragment[6] |= 0x20; // more fragments
    session.records.push(fragment);
    decode(&[], &session.records)
        .failed("mig33: standard input: 1 IP fragments are left out: they are not put together\n");
    let mut file = Vec::new();
    crate::pcap::pcap(&mut file, Link::Raw, &session.records, 65_535);
    file[20] = 147;
    run_with(&["decode"], &file).failed(
        "mig33: standard input: link type 147 is not known here; Ethernet, raw IP, loopback and Linux cooked are\n",
    );
}

#[test]
fn a_capture_that_is_cut_is_read_as_far_as_it_goes() {
    let mut session = Session::new(false);
    whole_session(&mut session);
    for kind in FileKind::ALL {
        let file = capture(kind, Link::Ethernet, &session.records);
        for cut in [1, 30, 60, file.len() / 2] {
            let ended = run_with(&["decode"], &file[..file.len() - cut]);
            assert_eq!(ended.code, Some(1));
            assert!(ended.errors.contains("the capture ends inside a record"), "{}", ended.errors);
            assert!(ended.text().contains("LOGIN (200)"), "{kind:?}");
        }
    }
    run_with(&["decode"], &[0xd4, 0xc3, 0xb2, 0xa1, 0, 0])
        .failed("mig33: standard input: at byte 0: the capture ends inside a record\n");
    run_with(&["decode", "--format", "capture"], b"hello, this is no capture at all")
        .failed("mig33: standard input: this is no pcap or pcapng capture\n");
}

#[test]
fn large_packets_in_many_segments_are_read_from_a_file() {
    let content = vec![0xd8; 300_000];
    let frame = wire::frame(mig33_codec::Command::MESSAGE, 9, &[(8, content)]);
    let mut session = Session::new(false);
    session.open();
    for part in frame.to_bytes().chunks(1460) {
        session.client(part);
    }
    session.close();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pcapng");
    std::fs::write(&path, capture(FileKind::NgBig, Link::Ethernet, &session.records)).unwrap();
    let ended = run(&["decode", path.to_str().unwrap()]);
    let text = ended.well().text();
    assert!(
        text.contains("MESSAGE (500), client to server, transaction 9, 300015 bytes"),
        "{text}"
    );
    assert!(text.contains("content                   300000 bytes: d8 d8"), "{text}");
}

proptest! {
    // each case starts a program
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_capture_that_is_broken_anyhow_is_read_to_some_end(
        kind in proptest::sample::select(&FileKind::ALL[..]),
        link in proptest::sample::select(&Link::ALL[..]),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut session = Session::new(false);
        whole_session(&mut session);
        let mut file = capture(kind, link, &session.records);
        for (at, byte) in changes {
            // the file's first bytes say that it is a capture
            let at = 4 + at.index(file.len() - 4);
            file[at] = byte;
        }
        let ended = run_with(&["decode", "--json"], &file);
        prop_assert!(matches!(ended.code, Some(0 | 1)), "{:?}: {}", ended.code, ended.errors);
        prop_assert_eq!(ended.code == Some(0), ended.errors.is_empty());
        prop_assert_eq!(ended.errors.lines().count(), usize::from(ended.code == Some(1)));
    }
}

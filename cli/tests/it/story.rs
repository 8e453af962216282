//! `mig33 decode` of captures: what packets say about each other, and how much of it is printed.
use crate::captures::{WHOLE_SESSION, decode, titles, whole_session};
use crate::pcap::Session;
use crate::wire;

#[test]
fn the_time_of_a_message_is_that_of_its_answer() {
    let client = wire::client_side();
    let ok = |transaction: u16| {
        let time = 1_795_364_736_123_u64.to_be_bytes().to_vec();
        wire::frame(mig33_codec::Command::OK, transaction, &[(2, time)]).to_bytes()
    };
    let mut session = Session::new(false);
    session.open();
    session.client(&client[44..88]);
    session.server(&ok(3));
    // an OK for something else has another number
    session.client(&client[88..]);
    session.server(&ok(4));
    let ended = decode(&[], &session.records);
    let values: Vec<_> =
        ended.well().text().lines().filter(|line| line.contains(" value  ")).collect();
    assert!(values[0].ends_with(" 1795364736123 (2026-11-22T16:25:36.123Z)"), "{values:?}");
    assert!(values[1].ends_with(" 1795364736123"), "{values:?}");
}

#[test]
fn a_line_a_packet_is_enough_for_who_knows_them() {
    let mut session = Session::new(false);
    whole_session(&mut session);
    assert_eq!(
        titles(decode(&["--brief"], &session.records).well())[1..],
        [
            "#1 > LOGIN 1 username=\"ann\" initial_presence=AVAILABLE (1)",
            "#1 < LOGIN_CHALLENGE 1 to LOGIN challenge=\"k3Yf9QzL\" session_id=\"s1\"",
            "#1 > LOGIN_RESPONSE 2 password_hash=(masked)",
            "#1 ann < LOGIN_OK 2 to LOGIN_RESPONSE",
            "#1 ann > MESSAGE 3 destination_type=PRIVATE (1) destination=\"bob\" content_type=TEXT (1) content=\"hello\"",
            "#1 ann > PING 4",
            "#1 ann < PONG 4 to PING",
            "#1 connection closed",
        ]
    );
}

#[test]
fn packets_and_connections_are_chosen() {
    let mut records = Vec::new();
    for first_number in [7, 5_000_000] {
        let mut session = Session::new(false);
        session.next = [first_number, 5];
        whole_session(&mut session);
        records.extend(session.records);
    }
    let ended =
        decode(&["--packet", "ping", "--packet", "LOGIN_OK", "--connection", "2"], &records);
    let first = WHOLE_SESSION[0].replace("#1", "#2");
    assert_eq!(
        titles(ended.well()),
        [
            &first,
            "#2 ann LOGIN_OK (203), server to client, transaction 2, answers LOGIN_RESPONSE, 9 bytes at byte 31",
            "#2 ann PING (2), client to server, transaction 4, 9 bytes at byte 88",
            "#2 connection closed",
        ]
    );
    assert!(
        ended.text().ends_with("2 packets, and 12 that were not asked for\n"),
        "{}",
        ended.text()
    );
    let ended = decode(&["--packet", "pong!"], &records);
    assert_eq!(ended.code, Some(2));
    assert!(ended.errors.contains("there is no packet \"pong!\"; did you mean PONG?"), "{ended:?}");
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let mut session = Session::new(false);
    session.open();
    let login = wire::frame(mig33_codec::Command::LOGIN, 1, &[(5, b"a\x1b[2J".to_vec())]);
    session.client(&login.to_bytes());
    session.server(&wire::frame(mig33_codec::Command::LOGIN_OK, 2, &[]).to_bytes());
    let ended = decode(&[], &session.records);
    assert!(ended.well().text().contains("#1 a\\u{1b}[2J "), "{}", ended.text());
    assert!(!ended.text().contains('\x1b'));
}

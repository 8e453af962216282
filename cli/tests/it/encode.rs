//! `mig33 encode`: the bytes that JSON stands for.
use bytes::BytesMut;
use mig33_codec::packets::{Message, Packet};
use mig33_codec::values::{ChatDestination, ContentType};
use mig33_codec::{Command, Decoder};
use proptest::prelude::*;

use crate::program::{LOGIN_HEX, run, run_with};
use crate::wire;

/// Decodes bytes to JSON and encodes that.
fn there_and_back(bytes: &[u8]) -> Vec<u8> {
    let json = run_with(&["decode", "--json", "--show-secrets", "--format", "binary"], bytes);
    run_with(&["encode"], &json.bytes).well().bytes.clone()
}

/// The packet that JSON stands for.
fn packet(json: &str) -> (u16, Packet) {
    let mut decoder = Decoder::new();
    decoder.push(run_with(&["encode"], json.as_bytes()).well().bytes.clone().into());
    let frame = decoder.next_frame().expect("well framed").expect("whole");
    decoder.finish().expect("nothing after it");
    (frame.transaction, Packet::decode(&frame).expect("a packet"))
}

#[track_caller]
fn fails(json: &str, error: &str) {
    run_with(&["encode"], json.as_bytes()).failed(&format!("mig33: standard input: {error}\n"));
}

#[test]
fn the_capture_comes_back() {
    let json = run(&["decode", "--json", LOGIN_HEX]);
    let hex = run_with(&["encode", "--hex"], &json.bytes);
    let digits: String = std::fs::read_to_string(LOGIN_HEX)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect();
    assert_eq!(hex.well().text().trim_end(), digits.to_lowercase());
}

#[test]
fn every_kind_of_packet_comes_back_whatever_is_in_it() {
    let mut bytes = BytesMut::new();
    wire::one_of_each().iter().for_each(|frame| frame.write_to(&mut bytes));
    assert!(bytes.len() > 10_000);
    assert_eq!(there_and_back(&bytes), bytes);
}

proptest! {
    // each case starts two programs
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_packets_come_back(frames in proptest::collection::vec(wire::any_frame(), 1..12)) {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.write_to(&mut bytes));
        prop_assert_eq!(there_and_back(&bytes), bytes);
    }

    #[test]
    fn any_bytes_come_back(
        frames in proptest::collection::vec(wire::any_frame(), 0..4),
        garbage in proptest::collection::vec(prop_oneof![Just(2u8), Just(0u8), any::<u8>()], 0..60),
        at in any::<prop::sample::Index>(),
    ) {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.write_to(&mut bytes));
        let mut bytes = bytes.to_vec();
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, garbage);
        // of nothing there is nothing to write, which is an error
        prop_assume!(!bytes.is_empty());
        prop_assert_eq!(there_and_back(&bytes), bytes);
    }
}

#[test]
fn packets_are_written_by_hand() {
    let expected = Message {
        destination_type: Some(ChatDestination::PRIVATE),
        destination: Some("bob".into()),
        content_type: Some(ContentType::TEXT),
        content: Some("hello".into()),
        timestamp: Some(u64::MAX),
        ..Message::default()
    };
    let by_name = r#"{"packet":"MESSAGE","transaction":6,"fields":{
        "content":"hello", "destination":"bob", "timestamp":18446744073709551615,
        "destination_type":"PRIVATE", "content_type":1}}"#;
    assert_eq!(packet(by_name), (6, expected.clone().into()));
    let in_order = r#"{"command":500,"fields":[
        {"id":3,"value":1},{"name":"destination","value":"bob"},{"id":6,"value":"TEXT"},
        {"name":"content","hex":"68656C6c6f"},{"id":16,"hex":"ffffffffffffffff"}]}"#;
    assert_eq!(packet(in_order), (0, expected.into()));
    let bytes = run_with(&["encode", "--hex"], by_name.as_bytes());
    // strict: ascending ids, the catalogue's widths
    assert!(bytes.text().contains("00030000000101000400000003626f62000600000002000100080000"));
}

#[test]
fn arrays_lists_and_widths_are_written_by_hand() {
    let json = r#"{"packet":"MESSAGE_STATUS_EVENTS","fields":{
        "message_type":{"value":"MIG33","width":4},
        "message_guids":["a","","b"],
        "message_event_types":["RECEIVED",3],
        "message_timestamps":[1,2]}}
        {"packet":"CHATROOM_PARTICIPANTS","fields":{"participant_list":["ann","bob"]}}
        {"command":55555,"fields":[{"id":7,"hex":"00"}]}"#;
    assert_eq!(
        run_with(&["encode", "--hex"], json.as_bytes()).well().text(),
        "\
0201fa0000000000320001000000040000000100050000000461000062000600000002020300080000001000000000000000010000000000000002\n\
0202c400000000000d000200000007616e6e3b626f62\n\
02d90300000000000700070000000100\n"
    );
}

#[test]
fn what_is_masked_is_not_written() {
    let json = run_with(&["decode", "--json"], &wire::client_side());
    let ended = run_with(&["encode"], &json.bytes);
    ended.failed(
        "mig33: standard input: line 2: LOGIN_RESPONSE (202), password_hash: it is masked: \
         decode with `--show-secrets` to encode it again\n",
    );
    // what comes before it is
    assert_eq!(ended.bytes, wire::client_side()[..25]);
    let json = run_with(&["decode", "--json", "--format", "binary"], b"GET /");
    run_with(&["encode"], &json.bytes).failed(
        "mig33: standard input: line 2: these bytes are masked: decode with `--show-secrets` to \
         encode them again\n",
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    fails(
        "{\"packet\":\"PING\"}\n\n  {\"packet\":\"PIGN\"}",
        "line 3: there is no packet \"PIGN\"; did you mean PING?",
    );
    fails(
        "{\"packet\":\"PING\"}\n {\"packet\" 1}",
        "line 2, column 12: this is no JSON: expected `:`",
    );
    fails(
        "{\"transaction\":70000}",
        "line 1, column 21: invalid value: `70000`, expected a number from 0 to 65535",
    );
    fails(
        "{}",
        "line 1: a packet needs a `packet`, which is its name, or a `command`, which is its number",
    );
    fails(
        r#"{"packet":"LOGIN","command":500}"#,
        r#"line 1: `packet` says "LOGIN", but `command` is that of MESSAGE (500)"#,
    );
    fails("{\"packet\":\"PING\"", "line 1, column 16: the JSON ends within an object");
    for text in ["[1]", "true", "hello", "\n\n12"] {
        let line = text.lines().count();
        fails(
            text,
            &format!("line {line}: a packet is a JSON object, as in {{\"packet\":\"PING\"}}"),
        );
    }
    fails(
        r#"{"packet":"PING","fields":[7]}"#,
        "line 1, column 29: invalid type: `7`, expected an object with `name` or `id`, and `value` or `hex`",
    );
    fails(
        r#"{"packet":"PING","from":"me"}"#,
        "line 1, column 28: unknown variant `me`, expected `client` or `server`",
    );
    fails("{\"missing\":3}", "line 1: 3 bytes are missing in the capture that this was made from");
    let login = |field: &str, error: &str| {
        let json = format!("{{\"packet\":\"LOGIN\",\"fields\":[{field}]}}");
        fails(&json, &format!("line 1: LOGIN (200){error}"));
    };
    login(
        r#"{"name":"nickname","value":1}"#,
        " has no field \"nickname\"; `mig33 packets 200` lists them",
    );
    login(
        r#"{"id":5,"name":"language","value":""}"#,
        ": `name` says \"language\", which is not block 5",
    );
    login(r#"{"id":5,"value":7}"#, ", username: 7 is not a string");
    login(r#"{"id":5}"#, ", username: it needs a `value` or a `hex`");
    login(r#"{"id":5,"hex":"123"}"#, ", username: `hex` has to be pairs of hex digits");
    login(
        r#"{"id":77,"value":1}"#,
        ", block 77: it is not in the catalogue, so its bytes have to be given as `hex`",
    );
    login(r#"{"id":9,"value":256}"#, ", initial_presence: 256 is over 255");
    login(r#"{"id":9,"value":-1}"#, ", initial_presence: -1 is not an integer from 0 to 255");
    login(
        r#"{"id":9,"value":"HERE"}"#,
        ", initial_presence: \"HERE\" is no Presence; there are AVAILABLE, ROAMING, BUSY, AWAY, OFFLINE",
    );
    login(
        r#"{"id":9,"value":1,"meaning":"BUSY"}"#,
        ", initial_presence: `value` is 1, which does not mean \"BUSY\"",
    );
    login(r#"{"id":12,"value":300,"width":1}"#, ", screen_width: 300 is over 255");
    login(
        r#"{"id":12,"value":300,"width":3}"#,
        ", screen_width: `width` has to be 1, 2, 4 or 8, and only integers have one",
    );
    fails(
        r#"{"packet":"CHATROOM_PARTICIPANTS","fields":{"participant_list":["a;b"]}}"#,
        "line 1: CHATROOM_PARTICIPANTS (708), participant_list: \"a;b\" has ';' in it, which separates the entries",
    );
    fails(
        r#"{"packet":"PING","fields":{"x":1,"x":2}}"#,
        "line 1: PING (2) has no field \"x\"; `mig33 packets 2` lists them",
    );
    fails(
        r#"{"packet":"LOGIN","fields":{"username":"a","username":"b"}}"#,
        "line 1: LOGIN (200) has \"username\" twice",
    );
    let long =
        format!("{{\"packet\":\"LOGIN\",\"fields\":{{\"username\":\"{}\"}}}}", "x".repeat(358_400));
    fails(&long, "line 1: LOGIN (200): 358406 bytes of blocks are over the limit of 358400");
}

#[test]
fn packets_have_all_their_names() {
    for name in ["KEEP_ALIVE", "ping", "Ping"] {
        let json = format!("{{\"packet\":\"{name}\",\"command\":2}}");
        let hex = run_with(&["encode", "--hex"], json.as_bytes());
        assert_eq!(hex.well().text(), "020002000000000000\n", "{name}");
    }
    fails(
        r#"{"packet":"login","fields":{"usrname":"a"}}"#,
        "line 1: LOGIN (200) has no field \"usrname\"; did you mean username?",
    );
}

#[test]
fn streams_are_not_mixed() {
    let json = r#"{"connection":1,"note":"opened"}
        {"connection":1,"from":"client","packet":"PING"}
        {"connection":1,"from":"server","packet":"PONG"}
        {"connection":2,"from":"client","packet":"PING"}
        {"connection":5,"from":"client","packet":"PING"}"#;
    let said = |args: &[&str], error: &str| {
        let ended = run_with(&[&["encode"], args].concat(), json.as_bytes());
        ended.failed(&format!("mig33: standard input: {error}\n"));
    };
    let sides = "line 3: both sides have sent something: choose `--from client` or `--from server`";
    said(&[], sides);
    said(&["--connection", "1"], sides);
    said(
        &["--from", "client"],
        "line 4: there is more than one connection: choose one of 1, 2, 5 with `--connection`",
    );
    said(&["--connection", "3"], "there is no connection 3; there are 1, 2, 5");
    said(&["--connection", "2", "--from", "server"], "there is nothing from the server in it");
    for nothing in ["", "\n \n", r#"{"note":"closed"}"#] {
        fails(nothing, "there is no packet in it");
    }
}

#[test]
fn one_side_is_chosen() {
    let json = r#"{"connection":1,"from":"client","packet":"PING"}
        {"connection":1,"from":"server","packet":"PONG"}
        {"connection":2,"from":"client","packet":"LOGOUT"}
        {"connection":2,"note":"closed"}"#;
    let hex = |args: &[&str]| {
        run_with(&[&["encode", "--hex"], args].concat(), json.as_bytes()).well().text().to_owned()
    };
    assert_eq!(hex(&["--from", "server"]), "020003000000000000\n");
    assert_eq!(hex(&["--connection", "2"]), "02012c000000000000\n");
    assert_eq!(hex(&["--connection", "1", "--from", "client"]), "020002000000000000\n");
    assert_eq!(Command::LOGOUT.0, 300);
}

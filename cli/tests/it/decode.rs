//! `mig33 decode` of dumps: what is printed for whom.
use std::io::Write as _;
use std::process::Stdio;

use mig33_codec::Command;

use crate::program::{LOGIN_HEX, mig33, run, run_with};
use crate::wire;

const LOGIN_TEXT: &str = "\
LOGIN (200), client to server, transaction 1, 135 bytes at byte 0
  The first step of a log-in: who it is (spec/wire.md section 3).
  at byte  block  field                     value
        9     19  stream_user_events        false
       16     16  theme_id                  21
       26     15  language                  \"en-US\"
       37     13  screen_height             169
       47     12  screen_width              170
       57     11  font_height               14
       67      9  initial_presence          AVAILABLE (1)
       74      8  device_name               \"j2me\"
       84      7  user_agent                \"J2MEv4.20.291\"
      103      5  username                  \"be1\"
      112      3  client_version            420
      120      2  client_type               MIDP2 (2)
      127      1  protocol_version          1
1 packet
";

#[test]
fn the_capture_of_a_handset_is_understood_from_the_output_alone() {
    assert_eq!(run(&["decode", LOGIN_HEX]).well().text(), LOGIN_TEXT);
}

#[test]
fn hex_and_binary_come_from_standard_input_too() {
    let hex = std::fs::read(LOGIN_HEX).unwrap();
    assert_eq!(run_with(&["decode"], &hex).well().text(), LOGIN_TEXT);
    assert_eq!(run_with(&["decode", "-", "--format", "hex"], &hex).well().text(), LOGIN_TEXT);
    let binary = run_with(&["encode"], &run(&["decode", "--json", LOGIN_HEX]).bytes);
    assert_eq!(binary.bytes.len(), 135);
    assert_eq!(run_with(&["decode"], &binary.bytes).well().text(), LOGIN_TEXT);
    assert_eq!(run_with(&["decode"], b"").well().text(), "the input is empty\n0 packets\n");
}

#[test]
fn json_is_one_object_a_line() {
    let ended = run_with(&["decode", "--json"], &wire::client_side());
    let lines: Vec<&str> = ended.well().text().lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"from":"client","offset":0,"bytes":25,"packet":"LOGIN","command":200,"transaction":1,"fields":[{"offset":9,"id":5,"name":"username","value":"ann"},{"offset":18,"id":9,"name":"initial_presence","value":1,"meaning":"AVAILABLE"}]}"#,
            r#"{"from":"client","offset":25,"bytes":19,"packet":"LOGIN_RESPONSE","command":202,"transaction":2,"fields":[{"offset":34,"id":1,"name":"password_hash","masked":true}]}"#,
            r#"{"offset":44,"bytes":44,"packet":"MESSAGE","command":500,"transaction":3,"fields":[{"offset":53,"id":3,"name":"destination_type","value":1,"meaning":"PRIVATE"},{"offset":60,"id":4,"name":"destination","value":"bob"},{"offset":69,"id":6,"name":"content_type","value":1,"meaning":"TEXT"},{"offset":77,"id":8,"name":"content","value":"hello"}]}"#,
            r#"{"from":"client","offset":88,"bytes":9,"packet":"PING","command":2,"transaction":4,"fields":[]}"#,
        ]
    );
}

#[test]
fn secrets_of_other_networks_and_pages_are_masked() {
    let hidden = |command: u16, id: u16| {
        let frame = wire::frame(Command(command), 1, &[(id, b"hunter2".to_vec())]);
        let text = run_with(&["decode"], &frame.to_bytes());
        !text.well().text().contains("hunter2")
    };
    for (command, ids) in [
        (906, &[16, 19, 22, 25, 28][..]),
        (907, &[16, 19, 22, 25, 28]),
        (922, &[3, 11]),
        (923, &[11]),
        (11, &[3]),
        // and what is known by its number only
        (907, &[44]),
        (959, &[1]),
        (205, &[2]),
    ] {
        assert!(ids.iter().all(|id| hidden(command, *id)), "{command}, {ids:?}");
    }
    assert!(!hidden(907, 15), "a name is none");
}

#[test]
fn what_other_servers_say_of_rooms_is_understood() {
    let status = |blocks: &[(u16, &[u8])]| {
        let blocks: Vec<_> = blocks.iter().map(|(id, content)| (*id, content.to_vec())).collect();
        let ended = run_with(
            &["decode", "--json"],
            &wire::frame(Command::CHATROOM_USER_STATUS, 0, &blocks).to_bytes(),
        );
        ended.well().text().split_once("\"fields\":").unwrap().1.to_owned()
    };
    assert_eq!(
        status(&[(1, b"Room"), (2, b"anna"), (3, &[1])]),
        concat!(
            r#"[{"offset":9,"id":1,"name":"chatroom_name","value":"Room"},"#,
            r#"{"offset":19,"id":2,"name":"username","value":"anna"},"#,
            r#"{"offset":29,"id":3,"name":"status","value":1,"meaning":"JOINED"}]}"#,
            "\n"
        )
    );
    assert!(status(&[(1, &[2]), (2, b"Room"), (3, b"anna")]).contains(r#""status","value":2"#));

    let kicked = wire::frame(
        Command::CHATROOM_NOTIFICATION,
        0,
        &[
            (1, b"Room".to_vec()),
            (2, vec![0]),
            (3, b"anna".to_vec()),
            (4, b"anna was kicked".to_vec()),
        ],
    );
    let json = run_with(&["decode", "--json"], &kicked.to_bytes());
    for field in [r#""name":"chatroom_name","value":"Room""#, r#""name":"kind","value":0"#] {
        assert!(json.well().text().contains(field), "{}", json.text());
    }
    // and comes back
    assert_eq!(run_with(&["encode"], &json.bytes).well().bytes, kicked.to_bytes());
    let notice = wire::frame(Command::CHATROOM_NOTIFICATION, 0, &[(1, b"Hello".to_vec())]);
    let json = run_with(&["decode", "--json"], &notice.to_bytes());
    assert!(json.well().text().contains(r#""name":"text","value":"Hello""#));
}

#[test]
fn secrets_are_masked_unless_they_are_asked_for() {
    let masked = run_with(&["decode"], &wire::client_side());
    assert!(masked.well().text().contains("password_hash             (masked)\n"));
    assert!(!masked.text().contains("67305985"));
    let shown = run_with(&["decode", "--show-secrets"], &wire::client_side());
    assert!(shown.well().text().contains("password_hash             67305985\n"));
    let shown = run_with(&["decode", "--show-secrets", "--json"], &wire::client_side());
    assert!(shown.well().text().contains(r#""name":"password_hash","value":67305985}"#));
}

#[test]
fn no_secret_is_shown_by_any_kind_of_packet() {
    for packet in mig33_codec::catalogue() {
        let secret = b"do not show me".to_vec();
        let blocks: Vec<_> =
            packet.fields.iter().filter(|f| f.secret).map(|f| (f.id, secret.clone())).collect();
        let frame = wire::frame(packet.command, 1, &blocks);
        // twice the same block: the second is as secret as the first
        let twice = wire::frame(packet.command, 1, &[&blocks[..], &blocks].concat());
        let bytes = [frame.to_bytes(), twice.to_bytes()].concat();
        for args in [&["decode", "--full"][..], &["decode", "--json"]] {
            // without its last byte: what is left of a packet is as secret as the whole
            for cut in [0, 1] {
                let ended = run_with(args, &bytes[..bytes.len() - cut]);
                let text = format!("{}{}", ended.text(), ended.errors);
                assert!(!text.contains("not show"), "{text}");
                assert!(!text.contains("6e6f74") && !text.contains("6e 6f 74"), "{text}");
            }
        }
        if blocks.is_empty() {
            continue;
        }
        let shown = run_with(&["decode", "--show-secrets"], &bytes);
        assert!(
            shown.text().contains("do not show me") || shown.text().contains("64 6f 20 6e"),
            "{}",
            shown.text()
        );
    }
}

#[test]
fn garbage_is_told_with_its_place_and_what_follows_is_read() {
    let ping = wire::bytes(mig33_codec::packets::Ping::default(), 4);
    let bytes = [&ping[..], b"GET / HTTP/1.1\r\n", &ping].concat();
    let ended = run_with(&["decode"], &bytes);
    let error = "mig33: standard input: at byte 9: a packet starts with 02, not 47\n";
    assert_eq!(
        ended.failed(error).text(),
        "\
PING (2), client to server, transaction 4, 9 bytes at byte 0
  The client is still there: every 60 s, no blocks (spec/wire.md section 3).
! at byte 9: a packet starts with 02, not 47
! at byte 25: 16 bytes before this belong to no whole packet
PING (2), client to server, transaction 4, 9 bytes at byte 25
2 packets
"
    );
    let json = run_with(&["decode", "--json"], &bytes);
    let lines: Vec<&str> = json.failed(error).text().lines().collect();
    assert_eq!(lines[1], r#"{"problem":"at byte 9: a packet starts with 02, not 47"}"#);
    assert_eq!(lines[2], r#"{"offset":9,"bytes":1,"masked":true}"#);
}

#[test]
fn a_cut_packet_and_a_value_that_does_not_fit_are_told() {
    let bytes = wire::client_side();
    let ended = run_with(&["decode"], &bytes[..30]);
    let error = "at byte 30: the stream ends inside a packet, after 5 bytes of it";
    ended.failed(&format!("mig33: standard input: {error}\n"));
    assert!(ended.text().ends_with(&format!("! {error}\n1 packet\n")), "{}", ended.text());

    let frame = wire::frame(mig33_codec::Command::PRESENCE, 0, &[(2, vec![1, 0]), (1, vec![])]);
    let ended = run_with(&["decode"], &frame.to_bytes());
    ended.failed(
        "mig33: standard input: at byte 15: PRESENCE (404), block 2 (presence) of 2 bytes: \
         the value 256 is over 255; and 1 more problem\n",
    );
    let row =
        "        9      2  presence                  2 bytes: 01 00, the value 256 is over 255\n";
    assert!(ended.text().contains(row), "{}", ended.text());
}

#[test]
fn the_blocks_of_a_broken_packet_that_can_be_read_are_printed() {
    let mut hex = std::fs::read_to_string(LOGIN_HEX).unwrap();
    let last = hex.rfind("00 01 00 00 00 02").unwrap();
    hex.replace_range(last.., "00 01 00 00 00 03 00 01\n");
    let ended = run_with(&["decode"], hex.as_bytes());
    let error = "at byte 127: a block runs past its packet; in LOGIN (200), which starts at byte 0";
    ended.failed(&format!("mig33: standard input: {error}\n"));
    let mut expected: Vec<_> = LOGIN_TEXT.lines().map(str::to_owned).collect();
    expected.truncate(15);
    expected.push("      127      ?  no block: 8 bytes".into());
    expected.push(format!("! {error}"));
    expected.push("0 packets and 1 that is broken".into());
    assert_eq!(ended.text().lines().collect::<Vec<_>>(), expected);

    let shown = run_with(&["decode", "--show-secrets"], hex.as_bytes());
    shown.failed(
        "mig33: standard input: at byte 127: block 1 says 3 bytes where 2 are left of the packet; \
         in LOGIN (200), which starts at byte 0\n",
    );
    assert!(shown.text().contains("no block: 8 bytes: 00 01 00 00 00 03 00 01\n"));
    let json = run_with(&["decode", "--json", "--show-secrets"], hex.as_bytes());
    assert!(json.text().contains(
        r#""broken":{"packet":"LOGIN","command":200,"transaction":1,"fields":[{"offset":9,"id":19,"#
    ));
    assert!(json.text().contains(r#""rest":{"offset":127,"bytes":8}"#), "{}", json.text());
    // it is the same bytes again, if they are there
    let bytes = run_with(&["encode"], &json.bytes).well().bytes.clone();
    assert_eq!(run_with(&["decode", "--show-secrets"], &bytes).text(), shown.text());
    let masked = run_with(&["decode", "--json"], hex.as_bytes());
    assert!(masked.text().contains(r#""masked":true,"broken":{"packet":"LOGIN""#));
    run_with(&["encode"], &masked.bytes).failed(
        "mig33: standard input: line 1: these bytes are masked: decode with `--show-secrets` to \
         encode them again\n",
    );
}

#[test]
fn a_length_that_is_wrong_shows_no_secret() {
    // what a password stands in, with each length of a block before it one of every other
    let secret = b"do not show me".to_vec();
    let blocks = [(1, vec![1]), (2, b"ann".to_vec()), (3, secret), (4, b"49".to_vec())];
    let whole = wire::frame(mig33_codec::Command::NEW_REGISTRATION, 1, &blocks).to_bytes();
    let lengths = [14, 21, 30, 50];
    for at in lengths {
        assert!(whole[at] < 20, "a length");
        for wrong in (0..60).filter(|wrong| *wrong != whole[at]) {
            let mut bytes = whole.to_vec();
            bytes[at] = wrong;
            for args in [&["decode", "--full"][..], &["decode", "--json"]] {
                let ended = run_with(args, &bytes);
                let text = format!("{}{}", ended.text(), ended.errors);
                assert!(!text.contains("not show"), "{at} {wrong}: {text}");
                assert!(!text.contains("6e6f74") && !text.contains("6e 6f 74"), "{text}");
                let number = u16::from_be_bytes(*b"sh").to_string();
                assert!(!text.contains(&number), "{text}");
            }
        }
    }
}

#[test]
fn a_message_is_text_also_with_a_control_character() {
    let frame = wire::frame(mig33_codec::Command::MESSAGE, 1, &[(8, b"red \x1b[31m".to_vec())]);
    let ended = run_with(&["decode"], &frame.to_bytes());
    assert!(ended.well().text().contains(r#""red \u{1b}[31m""#), "{}", ended.text());
    let json = run_with(&["decode", "--json"], &frame.to_bytes());
    assert!(json.well().text().contains(r#""value":"red \u001b[31m""#), "{}", json.text());
    assert_eq!(run_with(&["encode"], &json.bytes).well().bytes, frame.to_bytes());
}

#[test]
fn bad_hex_is_told_with_its_line() {
    run_with(&["decode"], b"# a dump\n02 00 0Z").failed(
        "mig33: standard input: line 2, column 8: 'Z' is no hex digit; by its \
         first bytes it was taken for hex digits, and `--format` says otherwise\n",
    );
    run_with(&["decode", "--format", "hex"], b"# a dump\n02 00 0Z")
        .failed("mig33: standard input: line 2, column 8: 'Z' is no hex digit\n");
    run(&["decode", "no-such-file"])
        .failed("mig33: no-such-file: No such file or directory (os error 2)\n");
}

#[test]
fn dumps_of_other_programs_are_read() {
    let login = run_with(&["encode"], &run(&["decode", "--json", LOGIN_HEX]).bytes).bytes;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, &login).unwrap();
    let mut tried = 0;
    for command in
        [&["xxd"][..], &["xxd", "-p"], &["hexdump", "-C"], &["od", "-A", "x", "-t", "x1"]]
    {
        let program =
            std::process::Command::new(command[0]).args(&command[1..]).arg(file.path()).output();
        // what is not installed is in the tables of the unit tests
        let Ok(dump) = program else { continue };
        assert_eq!(run_with(&["decode"], &dump.stdout).well().text(), LOGIN_TEXT, "{command:?}");
        tried += 1;
    }
    assert!(tried > 0, "od is part of every system");
}

#[test]
fn what_the_input_was_taken_for_is_told() {
    run_with(&["decode"], &[0x1f, 0x8b, 8, 0]).failed(
        "mig33: standard input: this is compressed: `gzip -dc FILE | mig33 decode` reads it\n",
    );
    run_with(&["decode"], b"GET / HTTP/1.1\r\n").failed(
        "mig33: standard input: at byte 0: a packet starts with 02, not 47; by its first bytes it is \
         neither hex digits nor a capture, so it was read as the bytes of packets\n",
    );
}

#[test]
fn usage_errors_end_with_2() {
    for args in
        [&[][..], &["decoed"], &["decode", "--format", "x"], &["tap"], &["decode", "a", "b"]]
    {
        assert_eq!(run(args).code, Some(2), "{args:?}");
    }
    assert_eq!(run(&["--help"]).code, Some(0));
}

#[test]
fn colours_are_printed_when_they_are_wanted() {
    let escape = "\u{1b}[";
    assert!(!run(&["decode", LOGIN_HEX]).well().text().contains(escape));
    assert!(run(&["decode", "--color", "always", LOGIN_HEX]).well().text().contains(escape));
    assert!(!run(&["decode", "--color", "always", "--json", LOGIN_HEX]).text().contains(escape));
    let with = |name: &str, args: &[&str]| {
        let output = mig33(args).env("CLICOLOR_FORCE", "1").env(name, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains(escape)
    };
    assert!(with("TERM", &["decode", LOGIN_HEX]));
    assert!(!with("NO_COLOR", &["decode", LOGIN_HEX]));
    assert!(!with("TERM", &["decode", "--color", "never", LOGIN_HEX]));
}

#[test]
fn nobody_reading_is_no_error() {
    let many = wire::client_side().repeat(5_000);
    for args in [&["decode"][..], &["decode", "--json"]] {
        let mut child = mig33(args).stdin(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        let many = many.clone();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&many)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
    let mut child = mig33(&["packets"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn packets_are_printed_while_the_input_goes_on() {
    let mut child = mig33(&["decode", "--json"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    for transaction in 1..4 {
        stdin.write_all(&wire::bytes(mig33_codec::packets::Ping::default(), transaction)).unwrap();
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(&format!("\"transaction\":{transaction}")), "{line}");
    }
    drop(stdin);
    assert!(lines.next().is_none());
    assert!(child.wait().unwrap().success());
}

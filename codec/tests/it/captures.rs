//! What real clients sent, as known answers: read to these values, written to the same bytes.
use bytes::Bytes;
use mig33_codec::packets::Login;
use mig33_codec::values::{ClientType, Presence};
use mig33_codec::{Command, Decode, Decoder, Encode, Frame, Order};

const LOGIN_J2ME: &str = include_str!("../../../spec/captures/login-j2me-4.20.hex");

/// The bytes of that capture.
pub(crate) fn login_j2me() -> Bytes {
    capture(LOGIN_J2ME)
}

fn capture(text: &str) -> Bytes {
    let digits = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("a pair of hex digits")).collect()
}

fn only_frame(bytes: Bytes) -> Frame {
    let mut decoder = Decoder::new();
    decoder.push(bytes);
    let frame = decoder.next_frame().expect("well framed").expect("whole");
    decoder.finish().expect("nothing after it");
    frame
}

#[test]
fn handset_log_in_reads_to_what_its_comment_says() {
    let bytes = login_j2me();
    assert_eq!(bytes.len(), 135);
    let frame = only_frame(bytes);
    assert_eq!((frame.command, frame.transaction), (Command::LOGIN, 1));
    let ids: Vec<u16> = frame.blocks().map(|block| block.id).collect();
    assert_eq!(ids, [19, 16, 15, 13, 12, 11, 9, 8, 7, 5, 3, 2, 1]);
    let login = Login::decode(&frame).unwrap();
    let expected = Login {
        protocol_version: Some(1),
        client_type: Some(ClientType::MIDP2),
        client_version: Some(420),
        username: Some("be1".into()),
        user_agent: Some("J2MEv4.20.291".into()),
        device_name: Some("j2me".into()),
        initial_presence: Some(Presence::AVAILABLE),
        font_height: Some(14),
        screen_width: Some(170),
        screen_height: Some(169),
        language: Some("en-US".into()),
        theme_id: Some(21),
        stream_user_events: Some(false),
        ..Login::default()
    };
    assert_eq!(login, expected);
}

#[test]
fn handset_log_in_is_written_to_the_same_bytes_in_the_same_order() {
    let bytes = login_j2me();
    let frame = only_frame(bytes.clone());
    assert_eq!(frame.to_bytes(), bytes);
    let typed = Login::decode(&frame).unwrap();
    let written = typed.encode(frame.transaction).unwrap().in_order(Order::Descending);
    assert_eq!(written.to_bytes(), bytes);
}

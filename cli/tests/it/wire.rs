//! Bytes of packets for the tests, and arbitrary ones.
use bytes::{BufMut, Bytes, BytesMut};
use mig33_codec::packets::{Login, LoginChallenge, LoginResponse, Message, Packet, Ping};
use mig33_codec::values::{ChatDestination, ContentType, Presence};
use mig33_codec::{Command, Encode, FieldKind, Frame, catalogue};
use proptest::collection::vec;
use proptest::prelude::*;

/// The bytes of a packet.
pub(crate) fn bytes(packet: impl Into<Packet>, transaction: u16) -> Bytes {
    packet.into().encode(transaction).expect("a small packet").to_bytes()
}

/// What a client sends to log in and to say hello.
pub(crate) fn client_side() -> Bytes {
    let login = Login {
        username: Some("ann".into()),
        initial_presence: Some(Presence::AVAILABLE),
        ..Login::default()
    };
    let proof =
        LoginResponse { password_hash: Some(0x0403_0201.into()), ..LoginResponse::default() };
    let message = Message {
        destination_type: Some(ChatDestination::PRIVATE),
        destination: Some("bob".into()),
        content_type: Some(ContentType::TEXT),
        content: Some("hello".into()),
        ..Message::default()
    };
    [bytes(login, 1), bytes(proof, 2), bytes(message, 3), bytes(Ping::default(), 4)].concat().into()
}

/// What a server sends meanwhile.
pub(crate) fn server_side() -> Bytes {
    let challenge = LoginChallenge {
        challenge: Some("k3Yf9QzL".into()),
        session_id: Some("s1".into()),
        ..LoginChallenge::default()
    };
    let ok = mig33_codec::packets::LoginOk::default();
    let pong = mig33_codec::packets::Pong::default();
    [bytes(challenge, 1), bytes(ok, 2), bytes(pong, 4)].concat().into()
}

/// A frame of these blocks.
pub(crate) fn frame(command: Command, transaction: u16, blocks: &[(u16, Vec<u8>)]) -> Frame {
    let mut params = BytesMut::new();
    for (id, content) in blocks {
        params.put_u16(*id);
        params.put_u32(content.len() as u32);
        params.put_slice(content);
    }
    Frame::new(command, transaction, params.freeze()).expect("blocks were written whole")
}

/// A packet of each kind, each with all its fields in every width and with what does not fit among it.
pub(crate) fn one_of_each() -> Vec<Frame> {
    catalogue()
        .iter()
        .map(|packet| {
            let mut blocks = Vec::new();
            for field in packet.fields.iter().rev() {
                for content in contents(field.kind) {
                    blocks.push((field.id, content));
                }
            }
            blocks.push((40_000, b"unknown".to_vec()));
            frame(packet.command, 7, &blocks)
        })
        .collect()
}

fn contents(kind: FieldKind) -> Vec<Vec<u8>> {
    let widths = |value: u8| [1, 2, 4, 8].map(|width| [vec![0; width - 1], vec![value]].concat());
    match kind {
        FieldKind::U8 | FieldKind::U16 | FieldKind::U32 | FieldKind::U64 => {
            [&widths(3)[..], &[vec![], vec![0; 3], vec![255; 8]]].concat()
        }
        FieldKind::Bool => [&widths(1)[..], &[vec![2]]].concat(),
        FieldKind::Text | FieldKind::Bytes => {
            vec![vec![], "Zß水\0\x1b\"".into(), vec![0xff, 0xfe], b"plain".to_vec()]
        }
        FieldKind::List(separator) => {
            let list = format!("a{separator}{separator}b\n{separator}");
            vec![vec![], list.into_bytes(), separator.to_string().into(), vec![0xff]]
        }
        FieldKind::StringArray => vec![vec![], b"a\0\0b\0".to_vec(), b"\0".to_vec(), vec![0xff]],
        FieldKind::U8Array => vec![vec![], vec![0, 3, 255]],
        FieldKind::U64Array => vec![vec![], (240..=255).collect(), vec![1; 7]],
    }
}

/// Well-framed packets of known and unknown commands with any blocks.
pub(crate) fn any_frame() -> impl Strategy<Value = Frame> {
    let known = proptest::sample::select(catalogue());
    let block = (prop_oneof![0u16..45, any::<u16>()], vec(any::<u8>(), 0..20));
    let blocks = vec(block, 0..8);
    let command = prop_oneof![
        9 => known.prop_map(|packet| packet.command),
        1 => any::<u16>().prop_map(Command),
    ];
    (command, any::<u16>(), blocks)
        .prop_map(|(command, transaction, blocks)| frame(command, transaction, &blocks))
}

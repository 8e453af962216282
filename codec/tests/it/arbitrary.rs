//! Frames for property tests: arbitrary ones, and for each kind of packet one that has all its fields.
use bytes::{BufMut, Bytes, BytesMut};
use mig33_codec::{Command, FieldInfo, FieldKind, Frame, MAX_PARAMS, PacketInfo, Parts};
use proptest::collection::vec;
use proptest::prelude::*;

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

/// Well-framed packets of known and unknown commands with any blocks.
pub(crate) fn any_frame() -> impl Strategy<Value = Frame> {
    let block = (0u16..40, vec(any::<u8>(), 0..40));
    (any_command(), any::<u16>(), vec(block, 0..8))
        .prop_map(|(command, transaction, blocks)| frame(command, transaction, &blocks))
}

/// Packets of a kind whose known blocks fit their types, in any order and width, with unknown and repeated ones among
/// them.
pub(crate) fn fitting_frame(packet: &'static PacketInfo) -> impl Strategy<Value = Frame> {
    let ids: Vec<u16> = packet.fields.iter().map(|field| field.id).chain([900, 2000]).collect();
    let most = ids.len() + 4;
    let block = proptest::sample::select(ids).prop_flat_map(|id| {
        let kind = packet.fields.iter().find(|field| field.id == id).map(|field| field.kind);
        fitting_content(kind).prop_map(move |content| (id, content))
    });
    (any::<u16>(), vec(block, 0..most))
        .prop_map(|(transaction, blocks)| frame(packet.command, transaction, &blocks))
}

/// The same packet, but some of what may be of any length is large enough to be shared, or a byte too small.
pub(crate) fn with_large_contents(small: &Frame) -> Frame {
    let fields = mig33_codec::catalogue().iter().find(|packet| packet.command == small.command);
    let mut room = MAX_PARAMS - small.params().len();
    let blocks: Vec<(u16, Vec<u8>)> = small
        .blocks()
        .zip(0_usize..)
        .map(|(block, at)| {
            let field = fields.and_then(|packet| packet.fields.iter().find(|f| f.id == block.id));
            let mut content = block.content.to_vec();
            let lengths = [Parts::SHARE - 1, Parts::SHARE, Parts::SHARE + 700];
            if let Some(length) = lengths.get((at + content.len()) % 6)
                && any_length(field.map(|field| field.kind))
                && room >= *length
            {
                room -= length;
                content.resize(*length, b'x');
            }
            (block.id, content)
        })
        .collect();
    frame(small.command, small.transaction, &blocks)
}

/// Whether a content of this kind may be any bytes.
fn any_length(kind: Option<FieldKind>) -> bool {
    match kind {
        Some(
            FieldKind::U8
            | FieldKind::U16
            | FieldKind::U32
            | FieldKind::U64
            | FieldKind::Bool
            | FieldKind::U64Array,
        ) => false,
        Some(
            FieldKind::Text
            | FieldKind::Bytes
            | FieldKind::List(_)
            | FieldKind::StringArray
            | FieldKind::U8Array,
        )
        | None => true,
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        proptest::sample::select(mig33_codec::catalogue()).prop_map(|packet| packet.command),
        any::<u16>().prop_map(Command),
    ]
}

fn fitting_content(kind: Option<FieldKind>) -> BoxedStrategy<Vec<u8>> {
    let integer = |max: u64| {
        (0..=max, proptest::sample::select(vec![1usize, 2, 4, 8])).prop_map(|(value, width)| {
            let value = if width < 8 { value & ((1 << (8 * width)) - 1) } else { value };
            value.to_be_bytes()[8 - width..].to_vec()
        })
    };
    match kind {
        Some(FieldKind::U8) => integer(u64::from(u8::MAX)).boxed(),
        Some(FieldKind::U16) => integer(u64::from(u16::MAX)).boxed(),
        Some(FieldKind::U32) => integer(u64::from(u32::MAX)).boxed(),
        Some(FieldKind::U64) => integer(u64::MAX).boxed(),
        Some(FieldKind::Bool) => integer(1).boxed(),
        Some(FieldKind::U64Array) => vec(any::<[u8; 8]>(), 0..4).prop_map(|v| v.concat()).boxed(),
        Some(
            FieldKind::Text
            | FieldKind::Bytes
            | FieldKind::List(_)
            | FieldKind::StringArray
            | FieldKind::U8Array,
        )
        | None => vec(any::<u8>(), 0..30).boxed(),
    }
}

/// One packet of a kind, with every field.
pub(crate) fn full_frame(packet: &PacketInfo) -> Frame {
    let blocks: Vec<(u16, Vec<u8>)> =
        packet.fields.iter().map(|field| (field.id, sample(field))).collect();
    frame(packet.command, 7, &blocks)
}

fn sample(field: &FieldInfo) -> Vec<u8> {
    match field.kind {
        FieldKind::U8 | FieldKind::Bool => vec![1],
        FieldKind::U16 => vec![1, 2],
        FieldKind::U32 => vec![1, 2, 3, 4],
        FieldKind::U64 | FieldKind::U64Array => vec![1, 2, 3, 4, 5, 6, 7, 8],
        FieldKind::Text => "Zß水".as_bytes().to_vec(),
        FieldKind::Bytes | FieldKind::U8Array => vec![0, 255, 2],
        FieldKind::List(separator) => format!("a{separator}b").into_bytes(),
        FieldKind::StringArray => b"a\0b".to_vec(),
    }
}

/// The bytes of many frames, back to back.
pub(crate) fn stream(frames: &[Frame]) -> Bytes {
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| frame.write_to(&mut bytes));
    bytes.freeze()
}

//! `Dialect`: packets that other servers fill otherwise than the catalogue says (spec/wire.md section 9).
use mig33_codec::{Block, Command, FieldInfo, FieldKind};

/// Another meaning of a command's blocks.
#[derive(Debug)]
pub(crate) struct Dialect {
    pub(crate) command: Command,
    /// The block that tells: the dialect is spoken where it has a length of this range, in bytes.
    pub(crate) told_by: u16,
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) fields: &'static [FieldInfo],
}

/// All of them.
pub(crate) const DIALECTS: &[Dialect] = &[
    // the kind of a notice is one byte, and no address is
    Dialect {
        command: Command::CHATROOM_NOTIFICATION,
        told_by: 2,
        least: 1,
        most: 1,
        fields: &[
            field(1, "chatroom_name", FieldKind::Text),
            field(2, "kind", FieldKind::U8),
            field(3, "username", FieldKind::Text),
            field(4, "text", FieldKind::Text),
        ],
    },
    // a status is one byte, and no room's name is
    Dialect {
        command: Command::CHATROOM_USER_STATUS,
        told_by: 1,
        least: 2,
        most: mig33_codec::MAX_PARAMS,
        fields: &[
            field(1, "chatroom_name", FieldKind::Text),
            field(2, "username", FieldKind::Text),
            FieldInfo { values: Some("ChatUserStatus"), ..field(3, "status", FieldKind::U8) },
        ],
    },
];

const fn field(id: u16, name: &'static str, kind: FieldKind) -> FieldInfo {
    FieldInfo { id, name, kind, values: None, secret: false }
}

/// What the blocks of a packet are, in the catalogue or in the dialect that it speaks.
pub(crate) fn fields_of(command: Command, blocks: &[Block]) -> &'static [FieldInfo] {
    let speaks = |dialect: &&Dialect| {
        let tells = blocks.iter().find(|block| block.id == dialect.told_by);
        tells.is_some_and(|block| (dialect.least..=dialect.most).contains(&block.content.len()))
    };
    of(command).find(speaks).map_or_else(|| catalogued(command), |dialect| dialect.fields)
}

/// The fields that these ids and names are meant by: the catalogue's, unless only a dialect has all of them.
pub(crate) fn fields_named<'a>(
    command: Command,
    named: impl Iterator<Item = (Option<u16>, &'a str)> + Clone,
) -> &'static [FieldInfo] {
    let has_all = |fields: &[FieldInfo]| {
        named.clone().all(|(id, name)| {
            fields.iter().any(|field| field.name == name && id.is_none_or(|id| id == field.id))
        })
    };
    let known = catalogued(command);
    let others = of(command).map(|dialect| dialect.fields);
    std::iter::once(known).chain(others).find(|fields| has_all(fields)).unwrap_or(known)
}

fn of(command: Command) -> impl Iterator<Item = &'static Dialect> {
    DIALECTS.iter().filter(move |dialect| dialect.command == command)
}

fn catalogued(command: Command) -> &'static [FieldInfo] {
    command.info().map_or(&[][..], |packet| packet.fields)
}

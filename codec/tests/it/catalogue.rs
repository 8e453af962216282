//! The table of packets and spec/packets.toml say the same, both ways.
use std::collections::BTreeMap;

use mig33_codec::{Command, Direction, FieldKind, catalogue, value_sets};
use toml::{Table, Value};

fn spec() -> Table {
    include_str!("../../../spec/packets.toml").parse().expect("spec/packets.toml is TOML")
}

fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}

/// A line a packet and a field, as both sides can be put.
fn lines_of_the_spec() -> Vec<String> {
    let spec = spec();
    let mut lines = Vec::new();
    for packet in spec["packet"].as_array().expect("packets") {
        let packet = packet.as_table().expect("a packet");
        let name = text(packet, "name").expect("a name");
        lines.push(format!(
            "{} {name} {} {:?}",
            packet["command"],
            text(packet, "dir").expect("a direction"),
            text(packet, "seed"),
        ));
        for field in packet.get("fields").and_then(Value::as_array).into_iter().flatten() {
            let field = field.as_table().expect("a field");
            lines.push(format!(
                "{name}.{} {} {} {:?}",
                field["id"],
                text(field, "name").expect("a name"),
                text(field, "type").expect("a type"),
                text(field, "values"),
            ));
        }
    }
    lines
}

fn lines_of_the_table() -> Vec<String> {
    let mut lines = Vec::new();
    for packet in catalogue() {
        let direction = match packet.direction {
            Direction::ClientToServer => "c",
            Direction::ServerToClient => "s",
            Direction::Both => "b",
        };
        let (number, name) = (packet.command.0, packet.name);
        lines.push(format!("{number} {name} {direction} {:?}", packet.seed));
        for field in packet.fields {
            let (id, kind) = (field.id, field.kind);
            lines.push(format!("{name}.{id} {} {kind} {:?}", field.name, field.values));
        }
    }
    lines
}

#[test]
fn packets_and_fields_are_those_of_the_spec() {
    let (spec, table) = (lines_of_the_spec(), lines_of_the_table());
    assert_eq!(table, spec);
    assert!(spec.len() > 500, "only {} lines were read of the spec", spec.len());
}

#[test]
fn values_are_those_of_the_spec() {
    let spec = spec();
    let of_spec: BTreeMap<&str, BTreeMap<&str, i64>> = spec["values"]
        .as_table()
        .expect("value sets")
        .iter()
        .map(|(name, set)| {
            let set = set.as_table().expect("a set").iter();
            (
                name.as_str(),
                set.map(|(k, v)| (k.as_str(), v.as_integer().expect("a number"))).collect(),
            )
        })
        .collect();
    let of_table: BTreeMap<&str, BTreeMap<&str, i64>> = value_sets()
        .iter()
        .map(|set| (set.name, set.entries.iter().map(|(k, v)| (*k, i64::from(*v))).collect()))
        .collect();
    assert_eq!(of_table, of_spec);
}

#[test]
fn other_commands_have_the_names_of_the_spec() {
    let spec = spec();
    let other = spec["other"].as_table().expect("other commands");
    for (name, number) in other {
        let number = u16::try_from(number.as_integer().expect("a number")).expect("16 bits");
        assert_eq!(Command(number).name(), Some(name.as_str()));
    }
    let named = (0..=u16::MAX).filter(|number| Command(*number).name().is_some()).count();
    assert_eq!(named, other.len() + catalogue().len());
}

#[test]
fn names_are_shown() {
    assert_eq!(Command::LOGIN.to_string(), "LOGIN (200)");
    assert_eq!(Command::LOGIN.seed_name(), Some("LOGIN_1"));
    assert_eq!(Command(55_555).to_string(), "command 55555");
}

#[test]
fn every_name_leads_to_its_command() {
    for number in 0..=u16::MAX {
        let command = Command(number);
        if let Some(name) = command.name() {
            assert_eq!(Command::named(name), Some(command));
        }
    }
    assert_eq!(Command::named("login"), None);
}

#[test]
fn every_packet_says_what_it_is_for() {
    for packet in catalogue() {
        assert!(packet.about.ends_with('.'), "{}: {:?}", packet.name, packet.about);
        assert_eq!(packet.command.info(), Some(packet));
    }
    assert_eq!(
        Command::PONG.info().map(|packet| packet.about),
        Some("The answer to a keep-alive.")
    );
}

#[test]
fn contents_are_checked_by_kind() {
    use mig33_codec::FieldProblem::{ArrayLength, IntegerLength, OutOfRange};
    assert_eq!(FieldKind::U16.integer(&[0, 0, 1, 0]), Ok(Some(256)));
    assert_eq!(FieldKind::U64.integer(&[255; 8]), Ok(Some(u64::MAX)));
    assert_eq!(FieldKind::U8.integer(&[1, 0]), Err(OutOfRange { value: 256, max: 255 }));
    assert_eq!(FieldKind::Bool.integer(&[2]), Err(OutOfRange { value: 2, max: 1 }));
    assert_eq!(FieldKind::U32.integer(&[]), Err(IntegerLength));
    assert_eq!(FieldKind::U64Array.integer(&[0; 9]), Err(ArrayLength));
    assert_eq!(FieldKind::U64Array.integer(&[0; 16]), Ok(None));
    assert_eq!(FieldKind::Text.integer(&[255]), Ok(None));
}

/// Words in the name of what lets somebody else act as the person, or costs them money.
const SECRET_WORDS: [&str; 12] = [
    "password",
    "pass",
    "pin",
    "token",
    "secret",
    "code",
    "cookie",
    "cookies",
    "card",
    "ticket",
    "session",
    "credential",
];

/// Names with such a word that were looked at, and are no secret, with why.
const NO_SECRETS: [(&str, &str); 8] = [
    ("ERROR.code", "why a request was refused"),
    ("LOGIN.session_id", "a proof follows"),
    ("LOGIN.local_area_code", "where a telephone is"),
    ("LOGIN.mobile_network_code", "which network it is in"),
    ("LOGIN.mobile_country_code", "and in which country"),
    ("LOGIN_CHALLENGE.session_id", "as LOGIN's"),
    ("REGISTRATION_CHALLENGE.idd_code", "a country's telephone prefix"),
    ("OPEN_URL_RESPONSE.response_code", "of HTTP"),
];

#[test]
fn what_is_called_a_secret_is_one() {
    let mut looked_at = Vec::new();
    for packet in catalogue() {
        for field in packet.fields {
            let is_called_so = field.name.split('_').any(|word| SECRET_WORDS.contains(&word));
            let name = format!("{}.{}", packet.name, field.name);
            if is_called_so && NO_SECRETS.iter().any(|(known, _)| *known == name) {
                assert!(!field.secret, "{name} is a secret after all");
                looked_at.push(name);
            } else if is_called_so {
                assert!(field.secret, "{name} is no secret: mark it, or say why");
            }
        }
    }
    assert_eq!(looked_at.len(), NO_SECRETS.len(), "{looked_at:?}");
}

#[test]
fn other_secrets_are_those_that_are_used_as_one() {
    let is_secret = |name: &str, id: u16| {
        let packet = Command::named(name).and_then(Command::info).expect("it is in the catalogue");
        packet.fields.iter().find(|field| field.id == id).expect("a field").secret
    };
    for (name, ids) in [
        ("NEW_REGISTRATION", &[3, 10, 11][..]),
        ("USER_PROFILE", &[16, 19, 22, 25, 28]),
        ("UPDATE_USER_PROFILE", &[16, 19, 22, 25, 28]),
        // a form's content, as in a log-in to a page, and what stays logged in there
        ("OPEN_URL", &[3, 11]),
        ("OPEN_URL_RESPONSE", &[11]),
        // a cookie, or the device's token
        ("MIDLET_PROPERTY", &[3]),
    ] {
        assert!(ids.iter().all(|id| is_secret(name, *id)), "{name}");
    }
}

#[test]
fn secrets_are_hidden() {
    let login = mig33_codec::packets::LoginResponse {
        password_hash: Some(0x4142_4344.into()),
        ..Default::default()
    };
    assert!(!format!("{login:?}").contains("1094861636"), "{login:?}");
}

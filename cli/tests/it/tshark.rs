//! Runs tshark, Wireshark without a window, with our dissector, and reads what it says.
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use data_encoding::HEXLOWER;
use mig33_codec::FieldKind;
use roxmltree::{Document, Node};

use crate::said::{Content, Said, SaidField};

/// The dissector that is in the documentation.
pub(crate) const DISSECTOR: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wireshark/mig33.lua");

/// What tshark prints of a capture, read by a dissector, without what anybody has set for himself.
pub(crate) fn tshark(dissector: &Path, capture: &Path, args: &[&str]) -> String {
    let settings = tempfile::tempdir().expect("a folder");
    let output = Command::new("tshark")
        .arg("-X")
        .arg(format!("lua_script:{}", dissector.display()))
        .args(["-n", "-r"])
        .arg(capture)
        .args(args)
        .env("WIRESHARK_CONFIG_DIR", settings.path())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => panic!(
            "tshark is missing, which this test asks for a second opinion: `cargo xtask test` installs it, and so does \
             `apt-get install tshark`"
        ),
        Err(error) => panic!("tshark does not start: {error}"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !errors.contains("Lua"), "tshark: {errors}");
    let text = String::from_utf8(output.stdout).expect("tshark prints UTF-8");
    assert!(!text.contains("Lua Error"), "the dissector fails: {text}");
    text
}

/// The packets that tshark finds in a capture.
pub(crate) fn packets(dissector: &Path, capture: &Path, args: &[&str]) -> Vec<Said> {
    let xml = tshark(dissector, capture, &[&["-Y", "mig33", "-T", "pdml"], args].concat());
    let document = Document::parse(&xml).expect("XML");
    let mut offsets = HashMap::new();
    let mut packets = Vec::new();
    for record in document.descendants().filter(|node| node.has_tag_name("packet")) {
        let time = time(attribute(named(record, "frame.time_epoch"), "show"));
        let connection = shown_number(named(record, "tcp.stream")) + 1;
        let is_mig33 = |node: &Node<'_, '_>| node.has_tag_name("proto") && is_named(*node, "mig33");
        for packet in record.children().filter(is_mig33) {
            let from = attribute(named(packet, "mig33.from"), "show").to_owned();
            // a stream begins with its first packet, and the next begins where that ends
            let offset = offsets.entry((connection, from.clone())).or_insert(0);
            packets.push(read_packet(packet, connection, time, from, *offset));
            *offset += number(packet, "size");
        }
    }
    packets
}

fn read_packet(
    packet: Node<'_, '_>,
    connection: u64,
    time: Duration,
    from: String,
    offset: u64,
) -> Said {
    let command = named(packet, "mig33.command");
    let name = meaning(command);
    let params = shown_number(named(packet, "mig33.length"));
    let length = number(packet, "size");
    assert_eq!(length, 9 + params, "PACK_LEN is that of the bytes");
    // places are those in the record, or in what TCP has put together
    let start = number(packet, "pos");
    let blocks = packet.children().filter(|node| is_named(*node, "mig33.block"));
    let fields = blocks.map(|block| {
        let (id, name, content) = read_block(block, name.as_deref());
        SaidField { offset: offset + number(block, "pos") - start, id, name, content }
    });
    Said {
        connection,
        time,
        from,
        offset,
        length,
        command: shown_number(command),
        transaction: shown_number(named(packet, "mig33.transaction")),
        fields: fields.collect(),
        name,
    }
}

fn read_block(block: Node<'_, '_>, packet: Option<&str>) -> (u64, Option<String>, Content) {
    let id = shown_number(named(block, "mig33.block.id"));
    let length = shown_number(named(block, "mig33.block.length"));
    assert_eq!(number(block, "size"), 6 + length, "a block is its header and its content");
    // `Block 5, username: ann`
    let title = attribute(block, "showname");
    let title = title.strip_prefix(&format!("Block {id}, ")).expect("a title");
    let (name, _) = title.split_once(": ").expect("a name");
    let filter = format!("mig33.{}.{name}", packet.unwrap_or_default().to_lowercase());
    let content: Vec<_> = block
        .children()
        .filter(|node| node.is_element() && attribute(*node, "name") != "_ws.expert")
        .filter(|node| !attribute(*node, "name").starts_with("mig33.block."))
        .collect();
    let content = match content[..] {
        [node] if is_named(node, "mig33.secret") => Content::Masked,
        [node] if is_named(node, "mig33.misfit") => Content::Misfit(hex(node)),
        [node] if is_named(node, "mig33.unknown") => Content::Bytes(hex(node)),
        ref nodes => {
            assert!(nodes.iter().all(|node| is_named(*node, &filter)), "{filter}: {block:?}");
            let values: Option<Vec<_>> = nodes.iter().copied().map(value).collect();
            let wide = nodes.iter().find(|node| has_problem(**node, "mig33.width"));
            match values {
                Some(values) => {
                    Content::Values { values, width: wide.map(|node| number(*node, "size")) }
                }
                None => {
                    let parts: Vec<_> = nodes.iter().map(|node| hex(*node)).collect();
                    Content::Bytes(parts.join(&separator(packet, name)))
                }
            }
        }
    };
    (id, Some(name).filter(|name| *name != "(unknown)").map(str::to_owned), content)
}

/// What stands between the strings of a field, in hex.
fn separator(packet: Option<&str>, field: &str) -> String {
    let packet = packet.and_then(mig33_codec::Command::named).and_then(|command| command.info());
    let mut fields = packet.iter().flat_map(|packet| packet.fields);
    match fields.find(|info| info.name == field).map(|info| info.kind) {
        Some(FieldKind::List(separator)) => HEXLOWER.encode(separator.to_string().as_bytes()),
        Some(FieldKind::StringArray) => "00".to_owned(),
        Some(_) | None => String::new(),
    }
}

/// A value and its name, if it is no bytes that nobody can read.
fn value(node: Node<'_, '_>) -> Option<(String, Option<String>)> {
    let shown = attribute(node, "show");
    // `name: READ (3)`, `name: 3`, `name: text`
    let label = attribute(node, "showname").split_once(": ").map_or("", |(_, label)| label);
    let bytes = HEXLOWER.decode(hex(node).as_bytes()).expect("hex");
    let integer = bytes.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
    if bytes == shown.as_bytes() || label == shown && integer.to_string() == shown {
        // a text, or an integer without names
        return Some((shown.to_owned(), None));
    }
    if let Some(name) = meaning(node) {
        return Some((shown.to_owned(), Some(name)));
    }
    if matches!((label, shown), ("True", "1" | "True") | ("False", "0" | "False")) {
        return Some((u8::from(label == "True").to_string(), None));
    }
    if label == format!("Unknown ({shown})") {
        return Some((shown.to_owned(), None));
    }
    read_text(node).map(|text| (text, None))
}

/// The text of a string, or of bytes that the dissector takes for one.
fn read_text(node: Node<'_, '_>) -> Option<String> {
    let bytes = HEXLOWER.decode(hex(node).as_bytes()).expect("hex");
    let text = String::from_utf8(bytes).ok()?;
    let is_plain = |text: &str| !text.contains(|c: char| c.is_control() || c == '\\' || c == '"');
    let as_text = node.children().find(|child| is_named(*child, "mig33.text"));
    // `de:ad:be:ef`
    let is_bytes = attribute(node, "show").replace(':', "") == hex(node) && !text.is_empty();
    match as_text {
        None if is_bytes => return None,
        None if text.contains('\0') => assert!(has_problem(node, "mig33.zero"), "{node:?}"),
        // what it shows is what it holds, but for what XML and the screen cannot bear
        _ if !is_plain(&text) => {}
        None => assert_eq!(attribute(node, "show"), text),
        Some(child) => assert_eq!(attribute(child, "show"), text),
    }
    Some(text)
}

/// The name of a value: `READ` of `name: READ (3)`.
fn meaning(node: Node<'_, '_>) -> Option<String> {
    let (_, label) = attribute(node, "showname").split_once(": ")?;
    let name = label.strip_suffix(&format!(" ({})", attribute(node, "show")))?;
    Some(name).filter(|name| *name != "Unknown").map(str::to_owned)
}

/// Whether the dissector remarks on a field.
fn has_problem(node: Node<'_, '_>, problem: &str) -> bool {
    node.descendants().any(|child| is_named(child, problem))
}

/// Seconds and their parts since 1970.
fn time(text: &str) -> Duration {
    let (seconds, nanos) = text.split_once('.').expect("parts of a second");
    Duration::new(seconds.parse().expect("seconds"), nanos.parse().expect("nanoseconds"))
}

fn named<'a, 'input>(within: Node<'a, 'input>, name: &str) -> Node<'a, 'input> {
    let found = within.descendants().find(|node| is_named(*node, name));
    found.unwrap_or_else(|| panic!("no {name} in {within:?}"))
}

fn is_named(node: Node<'_, '_>, name: &str) -> bool {
    node.attribute("name") == Some(name)
}

/// The bytes of a field, in hex.
fn hex(node: Node<'_, '_>) -> String {
    node.attribute("value").unwrap_or_default().to_owned()
}

fn shown_number(node: Node<'_, '_>) -> u64 {
    number(node, "show")
}

fn number(node: Node<'_, '_>, name: &str) -> u64 {
    attribute(node, name).parse().expect("a number")
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

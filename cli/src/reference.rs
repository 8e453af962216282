//! `mig33 packets`: the catalogue as a page to look things up in, or as a program that reads by it.
mod dissector;

use std::io::{self, Write};

use mig33_codec::{Direction, PacketInfo, ValueSet, catalogue, other_commands, value_sets};

use crate::args::Packets;
use crate::error::Failure;
use crate::names::{NoPacket, find};
use crate::print::plain_docs;
use crate::view::holds_time;

/// Runs the command.
pub(crate) fn run(args: &Packets) -> Result<(), Failure> {
    let stdout = io::stdout();
    let mut out = io::BufWriter::new(stdout.lock());
    match &args.name {
        None if args.wireshark => dissector::write(&mut out)?,
        None if args.list => list(&mut out)?,
        None if args.markdown => all_markdown(&mut out)?,
        None => all_text(&mut out)?,
        Some(name) => {
            let command = find(name).ok_or_else(|| Failure::NoPacket(NoPacket(name.clone())))?;
            match command.info() {
                Some(packet) if args.markdown => packet_markdown(&mut out, packet)?,
                Some(packet) => {
                    packet_text(&mut out, packet)?;
                    for set in sets_of(packet) {
                        writeln!(out)?;
                        set_text(&mut out, set)?;
                    }
                }
                None => writeln!(out, "{command}\n  {OTHER}")?,
            }
        }
    }
    out.flush()?;
    Ok(())
}

const TIME: &str = "ms since 1970";

const OTHER: &str = "A command of a service beside the chat. Nothing is known of its blocks; they are shown as they are.";

/// A line a packet.
fn list(out: &mut dyn Write) -> io::Result<()> {
    for packet in catalogue() {
        let (number, name, way) = (packet.command.0, packet.name, way(packet.direction));
        writeln!(out, "{number:>5}  {name:<32}  {way}")?;
    }
    other_commands().iter().try_for_each(|(number, name)| {
        writeln!(out, "{number:>5}  {name:<32}  a service beside the chat")
    })
}

fn all_text(out: &mut dyn Write) -> io::Result<()> {
    for packet in catalogue() {
        packet_text(out, packet)?;
        writeln!(out)?;
    }
    for set in value_sets() {
        set_text(out, set)?;
        writeln!(out)?;
    }
    writeln!(out, "Commands of services beside the chat, whose blocks are not known")?;
    other_commands().iter().try_for_each(|(number, name)| writeln!(out, "{number:>7}  {name}"))
}

fn packet_text(out: &mut dyn Write, packet: &PacketInfo) -> io::Result<()> {
    let seed =
        packet.seed.map_or_else(String::new, |seed| format!("; {seed} in the protocol article"));
    writeln!(out, "{}, {}{seed}", packet.command, way(packet.direction))?;
    writeln!(out, "  {}", plain_docs(packet.about))?;
    if packet.fields.is_empty() {
        return writeln!(out, "  No blocks.");
    }
    writeln!(out, "{:>7}  {:<28}  {:<12}  values", "block", "field", "type")?;
    for field in packet.fields {
        let kind = field.kind.to_string();
        let values = match field.values {
            Some(set) => set,
            None if field.secret => "(secret)",
            None if holds_time(field) => TIME,
            None => "",
        };
        let line = format!("{:>7}  {:<28}  {kind:<12}  {values}", field.id, field.name);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn set_text(out: &mut dyn Write, set: &ValueSet) -> io::Result<()> {
    writeln!(out, "{}", set.name)?;
    set.entries.iter().try_for_each(|(name, number)| writeln!(out, "{number:>7}  {name}"))
}

/// The sets of values that a packet's fields take.
fn sets_of(packet: &PacketInfo) -> impl Iterator<Item = &'static ValueSet> {
    let fields = packet.fields;
    value_sets().iter().filter(|set| fields.iter().any(|field| field.values == Some(set.name)))
}

fn all_markdown(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "# Packets\n\n\
         Every packet that this project reads and writes, from its own table. `cargo xtask docs` writes this page; what\n\
         the packets are for, and when they are sent, says [wire.md](../spec/wire.md).\n\n\
         A packet is nine bytes and its blocks: `02`, the command (2 bytes), the transaction number (2), and how many\n\
         bytes of blocks follow (4). A block is its id (2 bytes), its length (4) and its content. Blocks come in any\n\
         order, and each may be left out. *The protocol article* is the description of the first handsets that this\n\
         project started from; it had other names for some packets, which `mig33` takes as well.\n\n\
         All integers are big-endian. `list(;)` is strings joined by that character, `string_array` strings separated by\n\
         a zero byte, `u8_array` and `u64_array` values back to back. A secret is masked\n\
         wherever packets are printed.\n\n\
         | command | packet | sent by |\n|---|---|---|"
    )?;
    for packet in catalogue() {
        let (number, name) = (packet.command.0, packet.name);
        let anchor = format!("{}-{number}", name.to_lowercase());
        writeln!(out, "| {number} | [{name}](#{anchor}) | {} |", sender(packet.direction))?;
    }
    for packet in catalogue() {
        writeln!(out)?;
        packet_markdown(out, packet)?;
    }
    writeln!(out, "\n## Values")?;
    for set in value_sets() {
        writeln!(out, "\n### {}\n\n| value | name |\n|---|---|", set.name)?;
        for (name, number) in set.entries {
            writeln!(out, "| {number} | {name} |")?;
        }
    }
    writeln!(
        out,
        "\n## Other commands\n\n\
         Commands of services beside the chat. Nothing is known of their blocks; they are carried as they are.\n\n\
         | command | name |\n|---|---|"
    )?;
    other_commands().iter().try_for_each(|(number, name)| writeln!(out, "| {number} | {name} |"))
}

fn packet_markdown(out: &mut dyn Write, packet: &PacketInfo) -> io::Result<()> {
    let seed =
        packet.seed.map_or_else(String::new, |seed| format!(" `{seed}` in the protocol article."));
    writeln!(out, "## {}\n", packet.command)?;
    writeln!(out, "{}\n", plain_docs(packet.about))?;
    let way = way(packet.direction);
    let (first, rest) = way.split_at(1);
    writeln!(out, "{}{rest}.{seed}", first.to_uppercase())?;
    if packet.fields.is_empty() {
        return writeln!(out, "No blocks.");
    }
    writeln!(out, "\n| block | field | type | values |\n|---|---|---|---|")?;
    for field in packet.fields {
        let link = |set: &str| format!("[{set}](#{})", set.to_lowercase());
        let values = match field.values {
            Some(set) => link(set),
            None if field.secret => "secret".to_owned(),
            None if holds_time(field) => TIME.to_owned(),
            None => String::new(),
        };
        writeln!(out, "| {} | `{}` | {} | {values} |", field.id, field.name, field.kind)?;
    }
    Ok(())
}

const fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::ClientToServer => "client to server",
        Direction::ServerToClient => "server to client",
        Direction::Both => "both ways",
    }
}

const fn sender(direction: Direction) -> &'static str {
    match direction {
        Direction::ClientToServer => "client",
        Direction::ServerToClient => "server",
        Direction::Both => "both",
    }
}

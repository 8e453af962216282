//! The catalogue as a Wireshark dissector: the tables are written here, and `mig33.lua` beside this file reads by them.
use std::io::{self, Write};

use mig33_codec::{
    BLOCK_HEADER_LEN, Direction, FieldInfo, HEADER_LEN, MAGIC, MAX_PARAMS, PacketInfo, catalogue,
    other_commands, value_sets,
};

use crate::dialects::{DIALECTS, Dialect};
use crate::secrets;

const LUA: &str = include_str!("mig33.lua");
/// Where the tables go in it.
const MARK: &str = "-- @tables\n";

/// Writes the dissector.
pub(super) fn write(out: &mut dyn Write) -> io::Result<()> {
    let (before, after) = LUA.split_once(MARK).unwrap_or((LUA, ""));
    out.write_all(before.as_bytes())?;
    tables(out)?;
    out.write_all(after.as_bytes())
}

fn tables(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "-- Bytes of a packet's header and of a block's, and the most that a packet's blocks have (sections 1 and 2).\n\
         local HEADER, BLOCK_HEADER, MAX_PARAMS = {HEADER_LEN}, {BLOCK_HEADER_LEN}, {MAX_PARAMS}\n\
         local MAGIC = {MAGIC}"
    )?;
    writeln!(out, "\n-- Sets of values, by name.\nlocal VALUES = {{")?;
    for set in value_sets() {
        writeln!(out, "  {} = {{", set.name)?;
        for (name, number) in set.entries {
            writeln!(out, "    [{number}] = {name:?},")?;
        }
        writeln!(out, "  }},")?;
    }
    writeln!(out, "}}\n\n-- Packets by command; their blocks by id.\nlocal PACKETS = {{")?;
    catalogue().iter().try_for_each(|packet| self::packet(out, packet))?;
    writeln!(
        out,
        "}}\n\n-- Commands of services beside the chat. Nothing is known of their blocks."
    )?;
    writeln!(out, "local OTHERS = {{")?;
    for (number, name) in other_commands() {
        writeln!(out, "  [{number}] = {name:?},")?;
    }
    writeln!(
        out,
        "}}\n\n-- Commands whose unknown blocks may hold secrets.\nlocal HOLDS_SECRETS = {{"
    )?;
    for command in secrets::holders() {
        writeln!(out, "  [{}] = true,", command.0)?;
    }
    writeln!(
        out,
        "}}\n\n-- Packets that other servers fill otherwise (section 9), where block `told_by` has a length of this range.\n\
         local DIALECTS = {{"
    )?;
    for Dialect { command, told_by, least, most, fields } in DIALECTS {
        writeln!(
            out,
            "  [{}] = {{ told_by = {told_by}, least = {least}, most = {most}, fields = {{",
            command.0
        )?;
        fields.iter().try_for_each(|field| self::field(out, field))?;
        writeln!(out, "  }} }},")?;
    }
    writeln!(out, "}}")
}

fn packet(out: &mut dyn Write, packet: &PacketInfo) -> io::Result<()> {
    let from = match packet.direction {
        Direction::ClientToServer => ", from = \"client\"",
        Direction::ServerToClient => ", from = \"server\"",
        Direction::Both => "",
    };
    write!(out, "  [{}] = {{ name = {:?}{from}, fields = {{", packet.command.0, packet.name)?;
    if !packet.fields.is_empty() {
        writeln!(out)?;
        packet.fields.iter().try_for_each(|field| self::field(out, field))?;
        write!(out, "  ")?;
    }
    writeln!(out, "}} }},")
}

fn field(out: &mut dyn Write, field: &FieldInfo) -> io::Result<()> {
    let FieldInfo { id, name, kind, values, secret } = field;
    write!(out, "    [{id}] = {{ name = {name:?}, kind = \"{kind}\"")?;
    if let Some(values) = values {
        write!(out, ", values = VALUES.{values}")?;
    }
    if *secret {
        write!(out, ", secret = true")?;
    }
    writeln!(out, " }},")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_one_place() {
        assert_eq!(LUA.matches(MARK).count(), 1);
    }
}

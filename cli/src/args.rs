//! The command line.
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::names::{self, NoPacket};
use crate::print::Side;
use crate::tap::address::{Address, Upstream};

/// See, write and tap the mig33 wire.
#[derive(Debug, Parser)]
#[command(name = "mig33", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) color: colorchoice_clap::Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the packets of a hex dump, of a binary dump, or of a pcap or pcapng capture
    ///
    /// Exits with 1 if something could not be read; what could is printed all the same.
    Decode(Decode),
    /// Write the bytes of packets in JSON, as `decode --json` prints them or by hand
    ///
    /// By hand a packet is short, and `mig33 packets NAME` says which fields it has:
    ///
    ///   {"packet":"MESSAGE","transaction":6,"fields":{"destination":"bob","content":"hello"}}
    ///
    /// Of a capture with several connections choose one with --connection, and its side with --from. What is masked
    /// cannot be written again: decode with --show-secrets.
    ///
    /// What is read of an object is `packet` (a name) or `command` (a number), `transaction` (0 when left out), and
    /// `fields`: by name, to be written by ascending id, or a list, to be written in its order. An entry of the list
    /// has a `name` or an `id`, and a `value` or its bytes in `hex`. A value that has a name may be given by it. An
    /// integer of another `width` than the catalogue's says so. `unread` stands for bytes that belong to no packet.
    /// Everything else is there to be read by people and is left out.
    #[command(verbatim_doc_comment)]
    Encode(Encode),
    /// Stand between clients and a server, pass everything on, and print it
    Tap(Tap),
    /// Print what is known of a packet, or of all
    Packets(Packets),
}

#[derive(Debug, Args)]
pub(crate) struct Decode {
    /// What to read; standard input when left out or `-`
    pub(crate) file: Option<PathBuf>,
    /// What it holds
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    pub(crate) format: Format,
    /// Of a capture: read the connections with this port only, whatever is in them (repeatable)
    #[arg(long)]
    pub(crate) port: Vec<u16>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// See by its first bytes
    Auto,
    /// Pairs of hex digits; white space between them and what follows a `#` is left out
    Hex,
    /// The bytes of one direction
    Binary,
    /// A pcap or pcapng capture
    Capture,
}

/// How packets are printed.
#[derive(Clone, Debug, Args)]
pub(crate) struct Show {
    /// Print one JSON object a line, which `mig33 encode` reads
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a line a packet
    #[arg(long, conflicts_with = "json")]
    pub(crate) brief: bool,
    /// Print this kind of packet only, by name or number (repeatable)
    #[arg(long, value_name = "NAME", value_parser = packet)]
    pub(crate) packet: Vec<mig33_codec::Command>,
    /// Print the connection with this number only (repeatable)
    #[arg(long, value_name = "NUMBER")]
    pub(crate) connection: Vec<u64>,
    /// Print long values whole
    #[arg(long)]
    pub(crate) full: bool,
    /// Show passwords, their hashes and tokens, and bytes that cannot be read
    #[arg(long)]
    pub(crate) show_secrets: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Encode {
    /// What to read; standard input when left out or `-`
    pub(crate) file: Option<PathBuf>,
    /// Write hex digits, a packet a line, as on a terminal
    #[arg(long)]
    pub(crate) hex: bool,
    /// Write the packets of this connection of a capture only
    #[arg(long, value_name = "NUMBER")]
    pub(crate) connection: Option<u64>,
    /// Write what this side sent only
    #[arg(long, value_enum)]
    pub(crate) from: Option<Side>,
}

#[derive(Debug, Args)]
pub(crate) struct Tap {
    /// Where clients connect to; port 0 takes any free one
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Address,
    /// The server
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) upstream: Upstream,
    /// Also write a capture (pcapng); secrets and bytes that cannot be read become `*` in it, unless they are shown
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Write it also where there is a file already
    #[arg(long, requires = "write")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Packets {
    /// The name or the number of a packet: LOGIN, or 200
    pub(crate) name: Option<String>,
    /// Print a line a packet only
    #[arg(long, conflicts_with = "name")]
    pub(crate) list: bool,
    /// Write Markdown
    #[arg(long, conflicts_with = "list")]
    pub(crate) markdown: bool,
    /// Write all of it as a dissector for Wireshark, in Lua
    #[arg(long, conflicts_with_all = ["name", "markdown", "list"])]
    pub(crate) wireshark: bool,
}

fn packet(name: &str) -> Result<mig33_codec::Command, NoPacket> {
    names::find(name).ok_or_else(|| NoPacket(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}

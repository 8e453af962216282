//! Packets as text, a line each: for who knows the protocol and looks for a moment in a long capture.
use std::fmt::Write as _;
use std::io::{self, Write};

use super::text::{NAME, Page, prefix};
use super::{Origin, Side};
use crate::view::{PacketView, Value};

/// Prints a packet: `>` is to the server, `<` to the client.
pub(super) fn packet(
    out: &mut dyn Write,
    page: Page,
    origin: Origin,
    user: Option<&str>,
    packet: &PacketView,
) -> io::Result<()> {
    let way = match origin.from.or_else(|| Side::sender(packet.command)) {
        Some(Side::Client) => ">",
        Some(Side::Server) => "<",
        None => "-",
    };
    let name = packet.command.name().map_or_else(|| packet.command.0.to_string(), str::to_owned);
    let mut line = prefix(page.paint, origin, user);
    let _ = write!(line, "{way} {} {}", page.paint.on(NAME, name), packet.transaction);
    if let Some(request) = packet.answers {
        let _ = write!(line, " to {}", request.name().unwrap_or("an unknown request"));
    }
    for field in &packet.fields {
        let _ = match field.info {
            Some(info) => write!(line, " {}=", info.name),
            None => write!(line, " {}=", field.block.id),
        };
        line.push_str(&match &field.value {
            Value::Bytes | Value::Misfit(_) => format!("({} bytes)", field.block.content.len()),
            Value::Masked
            | Value::Integer(..)
            | Value::Bool(..)
            | Value::Text(_)
            | Value::Strings(_)
            | Value::Integers(_) => page.value(packet, field),
        });
    }
    if let Some(rest) = &packet.rest {
        let _ = write!(line, " and {} bytes that are no block", rest.bytes.len());
    }
    writeln!(out, "{line}")
}

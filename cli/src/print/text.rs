//! Packets as text: a title, and a line a block. Whatever a peer sent is escaped, so that it cannot steer a terminal.
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use anstyle::{AnsiColor, Style};
use mig33_codec::{Command, FieldKind};

use super::{Note, Origin, Side};
use crate::secrets::Secrets;
use crate::stream::Problem;
use crate::view::{FieldView, PacketView, Rest, Value, holds_time, is_plain};

/// The most characters and bytes of a value that are printed if not all are asked for.
const SHORT_TEXT: usize = 200;
const SHORT_BYTES: usize = 32;
/// The most entries of an array.
const SHORT_ENTRIES: usize = 32;

pub(super) const NAME: Style = AnsiColor::Cyan.on_default().bold();
const FIELD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const MASKED: Style = AnsiColor::Yellow.on_default();
const ASIDE: Style = Style::new().dimmed();

/// Whether colours are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    pub(super) fn on(self, style: Style, what: impl fmt::Display) -> String {
        if self.0 { format!("{style}{what}{style:#}") } else { what.to_string() }
    }
}

/// How a packet is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) paint: Paint,
    /// Print long values whole.
    pub(super) full: bool,
    /// Say what the columns are.
    pub(super) columns: bool,
    /// Say what the kind of packet is for.
    pub(super) explain: bool,
    pub(super) secrets: Secrets,
}

impl Page {
    /// Prints a packet.
    pub(super) fn packet(
        self,
        out: &mut dyn Write,
        origin: Origin,
        user: Option<&str>,
        packet: &PacketView,
    ) -> io::Result<()> {
        let name = self.paint.on(NAME, packet.command);
        let from = origin.from.or_else(|| Side::sender(packet.command));
        let way = from.map_or_else(String::new, |from| {
            format!(", {} to {}", from.name(), from.other().name())
        });
        let (transaction, length) = (packet.transaction, count(packet.length as u64, "byte"));
        let place = self.paint.on(ASIDE, format_args!("{length} at byte {}", packet.offset));
        let before = prefix(self.paint, origin, user);
        let answers = packet.answers.map_or_else(String::new, |request| match request.name() {
            Some(name) => format!(", answers {name}"),
            None => format!(", answers command {}", request.0),
        });
        writeln!(out, "{before}{name}{way}, transaction {transaction}{answers}, {place}")?;
        match packet.command.info() {
            Some(info) if self.explain => {
                writeln!(out, "  {}", self.paint.on(ASIDE, plain_docs(info.about)))?;
            }
            None if self.explain => {
                let why = "Not in the catalogue: its blocks are shown as they are.";
                writeln!(out, "  {}", self.paint.on(ASIDE, why))?;
            }
            Some(_) | None => {}
        }
        if self.columns && !packet.fields.is_empty() {
            let titles = format!("{:>9}  {:>5}  {:<24}  {}", "at byte", "block", "field", "value");
            writeln!(out, "{}", self.paint.on(ASIDE, titles))?;
        }
        packet.fields.iter().try_for_each(|field| self.field(out, packet, field))?;
        packet.rest.as_ref().map_or(Ok(()), |rest| self.rest(out, rest))
    }

    /// Prints what of a broken packet is no block.
    fn rest(self, out: &mut dyn Write, rest: &Rest) -> io::Result<()> {
        let at = self.paint.on(ASIDE, format_args!("{:>9}", rest.offset));
        let what = match self.secrets {
            Secrets::Shown => self.bytes(&rest.bytes),
            Secrets::Masked => count(rest.bytes.len() as u64, "byte"),
        };
        writeln!(out, "{at}      ?  {}", self.paint.on(BAD, format_args!("no block: {what}")))
    }

    fn field(self, out: &mut dyn Write, packet: &PacketView, field: &FieldView) -> io::Result<()> {
        let name = field.info.map_or("(unknown)", |info| info.name);
        let style = if field.info.is_some() { FIELD } else { ASIDE };
        let name = self.paint.on(style, format_args!("{name:<24}"));
        let (at, id) = (self.paint.on(ASIDE, format_args!("{:>9}", field.offset)), field.block.id);
        let repeated = if field.repeated { " (repeated: does not count)" } else { "" };
        writeln!(out, "{at}  {id:>5}  {name}  {}{repeated}", self.value(packet, field))
    }

    /// What a block holds.
    pub(super) fn value(self, packet: &PacketView, field: &FieldView) -> String {
        let is_time = is_time(packet, field);
        match &field.value {
            Value::Masked => self.paint.on(MASKED, "(masked)"),
            Value::Integer(value, width) => {
                let mut text = integer(field, *value, is_time);
                if let Some(width) = width {
                    let _ = write!(text, ", in {}", count(*width as u64, "byte"));
                }
                text
            }
            Value::Bool(value, None) => value.to_string(),
            Value::Bool(value, Some(width)) => {
                format!("{value}, in {}", count(*width as u64, "byte"))
            }
            Value::Text(text) => self.text(text),
            Value::Strings(entries) => {
                self.entries(entries.iter().map(|entry| self.text(entry)), entries.len())
            }
            Value::Integers(values) => self
                .entries(values.iter().map(|value| integer(field, *value, is_time)), values.len()),
            Value::Bytes => {
                let bytes = self.bytes(&field.block.content);
                match std::str::from_utf8(&field.block.content) {
                    Ok(text) if is_plain(text) && !text.is_empty() => {
                        format!("{bytes}, as text {}", self.text(text))
                    }
                    Ok(_) | Err(_) => bytes,
                }
            }
            Value::Misfit(problem) => {
                let bytes = self.bytes(&field.block.content);
                format!("{bytes}, {}", self.paint.on(BAD, problem))
            }
        }
    }

    fn text(self, text: &str) -> String {
        let cut = text.char_indices().nth(SHORT_TEXT).map(|(at, _)| at);
        match cut.and_then(|at| text.get(..at)) {
            Some(start) if !self.full => {
                let more = format!("… {} in all", count(text.len() as u64, "byte"));
                format!("{start:?}{}", self.paint.on(ASIDE, more))
            }
            Some(_) | None => format!("{text:?}"),
        }
    }

    fn bytes(self, bytes: &[u8]) -> String {
        let length = count(bytes.len() as u64, "byte");
        let shown = if self.full { bytes.len() } else { bytes.len().min(SHORT_BYTES) };
        let mut text = length;
        for (at, byte) in bytes.iter().take(shown).enumerate() {
            let _ = write!(text, "{}{byte:02x}", if at == 0 { ": " } else { " " });
        }
        if shown < bytes.len() {
            text.push_str(&self.paint.on(ASIDE, " …"));
        }
        text
    }

    fn entries(self, entries: impl Iterator<Item = String>, length: usize) -> String {
        let shown = if self.full { length } else { length.min(SHORT_ENTRIES) };
        let mut text = entries.take(shown).collect::<Vec<_>>().join(", ");
        if shown < length {
            text.push_str(&self.paint.on(ASIDE, format_args!(", … {length} in all")));
        }
        format!("[{text}]")
    }
}

/// Prints what is wrong.
pub(super) fn problem(
    out: &mut dyn Write,
    paint: Paint,
    origin: Origin,
    problem: &Problem,
) -> io::Result<()> {
    let from = origin.from.map_or_else(String::new, |from| format!("from the {}, ", from.name()));
    writeln!(
        out,
        "{}{}",
        prefix(paint, origin, None),
        paint.on(BAD, format_args!("! {from}{problem}"))
    )
}

/// Prints bytes that belong to no whole packet.
pub(super) fn unread(
    out: &mut dyn Write,
    paint: Paint,
    full: bool,
    bytes: &[u8],
) -> io::Result<()> {
    let page = Page { paint, full, columns: false, explain: false, secrets: Secrets::Shown };
    writeln!(out, "           {}", page.bytes(bytes))
}

/// Prints that who made a capture has put other bytes in the place of some that were no packet.
pub(super) fn masked(out: &mut dyn Write, paint: Paint, length: usize) -> io::Result<()> {
    let said =
        format!("masked in the capture: {} that were no packet", count(length as u64, "byte"));
    writeln!(out, "           {}", paint.on(MASKED, said))
}

/// Prints what happens to a connection.
pub(super) fn note(
    out: &mut dyn Write,
    paint: Paint,
    origin: Origin,
    note: &Note,
) -> io::Result<()> {
    let before = prefix(paint, origin, None);
    match note {
        Note::Opened { client, server, upstream, begins } => {
            let day = origin
                .time
                .map_or_else(String::new, |time| format!(" on {} (UTC)", part(time, 0..10)));
            let after = if *begins { "" } else { "; the capture begins after it" };
            let upstream =
                upstream.map_or_else(String::new, |upstream| format!(", passed on to {upstream}"));
            writeln!(out, "{before}connection from {client} to {server}{upstream}{day}{after}")
        }
        Note::Closed => writeln!(out, "{before}connection closed"),
        Note::Said(text) => writeln!(out, "{before}{text}"),
    }
}

/// Prints how many packets there were.
pub(super) fn sum(
    out: &mut dyn Write,
    paint: Paint,
    packets: u64,
    broken: u64,
    left_out: u64,
) -> io::Result<()> {
    let mut text = count(packets, "packet");
    if broken > 0 {
        let _ = write!(
            text,
            " and {broken} that {}",
            if broken == 1 { "is broken" } else { "are broken" }
        );
    }
    if left_out > 0 {
        let _ = write!(text, ", and {left_out} that were not asked for");
    }
    writeln!(out, "{}", paint.on(ASIDE, text))
}

/// Documentation without the marks that make links of names.
pub(crate) fn plain_docs(text: &str) -> String {
    text.replace("[`", "").replace("`]", "").replace('`', "")
}

/// A number and what it counts.
fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Connection, who has logged in on it, and time of day, where they are known.
pub(super) fn prefix(paint: Paint, origin: Origin, user: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(connection) = origin.connection {
        let _ = write!(text, "#{connection} ");
    }
    if let Some(user) = user {
        let _ = write!(text, "{user} ");
    }
    if let Some(time) = origin.time {
        let _ = write!(text, "{} ", part(time, 11..26));
    }
    if text.is_empty() { text } else { paint.on(ASIDE, text) }
}

/// Part of `2026-11-22T16:25:36.123456Z`.
fn part(time: SystemTime, part: std::ops::Range<usize>) -> String {
    let text = humantime::format_rfc3339_micros(time).to_string();
    text.get(part).unwrap_or_default().to_owned()
}

/// An integer with its name, or with the time that it says.
fn integer(field: &FieldView, value: u64, is_time: bool) -> String {
    let Some(info) = field.info else {
        return value.to_string();
    };
    if let Some(name) = field.meaning(value) {
        return format!("{name} ({value})");
    }
    if let Some(set) = info.values {
        return format!("{value} (no {set} that is known)");
    }
    match SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(value)) {
        Some(time) if is_time && (1..=LATEST).contains(&value) => {
            format!("{value} ({})", humantime::format_rfc3339_millis(time))
        }
        Some(_) | None => value.to_string(),
    }
}

/// Whether integers of a block are times: ms since 1970.
fn is_time(packet: &PacketView, field: &FieldView) -> bool {
    // an OK has its value for any request; that of a message says when it was accepted (spec/wire.md section 4)
    let of_message = || packet.command == Command::OK && packet.answers == Some(Command::MESSAGE);
    field.info.is_some_and(|info| holds_time(info) || info.kind == FieldKind::U64 && of_message())
}

/// The last millisecond of the year 9999, after which no time is printed.
const LATEST: u64 = 253_402_300_799_999;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mig33_codec::Frame;

    use super::*;

    fn value(command: Command, id: u16, content: &[u8]) -> String {
        let length = (content.len() as u32).to_be_bytes();
        let params = [&id.to_be_bytes()[..], &length, content].concat();
        let frame = Frame::new(command, 1, Bytes::from(params)).unwrap();
        let packet = PacketView::new(0, &frame, Secrets::Masked);
        let page = Page {
            paint: Paint(false),
            full: false,
            columns: false,
            explain: false,
            secrets: Secrets::Masked,
        };
        page.value(&packet, &packet.fields[0])
    }

    #[test]
    fn values_are_shown_with_what_they_mean() {
        assert_eq!(value(Command::PRESENCE, 2, &[99]), "OFFLINE (99)");
        assert_eq!(value(Command::PRESENCE, 2, &[0, 0, 0, 4]), "AWAY (4), in 4 bytes");
        assert_eq!(value(Command::PRESENCE, 2, &[9]), "9 (no Presence that is known)");
        assert_eq!(value(Command::PRESENCE, 9, &[1, 2]), "[1, 2]");
        assert_eq!(value(Command::MESSAGE_STATUS_EVENTS, 6, &[2, 3]), "[RECEIVED (2), READ (3)]");
        assert_eq!(
            value(Command::MESSAGE, 16, &1_795_364_736_123u64.to_be_bytes()),
            "1795364736123 (2026-11-22T16:25:36.123Z)"
        );
        assert_eq!(value(Command::CHATROOM_PARTICIPANTS, 2, b"ann;bob;"), r#"["ann", "bob", ""]"#);
        assert_eq!(value(Command::LOGIN_RESPONSE, 1, &[1, 2, 3, 4]), "(masked)");
        assert_eq!(value(Command::LOGIN, 1001, &[]), r#""""#);
        assert_eq!(value(Command::MESSAGE, 8, &[0xff, 0xd8]), "2 bytes: ff d8");
        assert_eq!(value(Command::MESSAGE, 99, b"hi"), "2 bytes: 68 69, as text \"hi\"");
    }

    #[test]
    fn a_peer_cannot_steer_the_terminal() {
        let shown = value(Command::MESSAGE, 2, "a\x1b[2J\u{202e}b\u{9b}".as_bytes());
        assert_eq!(shown, r#""a\u{1b}[2J\u{202e}b\u{9b}""#);
    }

    #[test]
    fn long_values_are_cut() {
        let shown = value(Command::MESSAGE, 8, &[b'x'; 300]);
        assert!(shown.ends_with("xxx\"… 300 bytes in all"), "{shown}");
        let shown = value(Command::MESSAGE, 8, &[0; 300]);
        assert!(shown.starts_with("300 bytes: 00 00") && shown.ends_with("00 …"), "{shown}");
    }
}

//! One line of a hex dump with offsets.
use super::HexError;

/// What a line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DumpLine {
    /// Nothing.
    Empty,
    /// `*`: the line before, again and again.
    Repeated,
    /// Bytes; none where the dump ends.
    Bytes { offset: u64, content: Vec<u8> },
}

/// Whether a dump whose first line is this has offsets: it begins with four zeros or more, as no packet does.
pub(super) fn seems_dump(line: &[u8]) -> bool {
    let digits = line.iter().take_while(|byte| **byte == b'0').count();
    let after = line.get(digits..).unwrap_or_default();
    (4..=16).contains(&digits) && (after.starts_with(b":") || after.starts_with(b" "))
}

impl DumpLine {
    /// Reads a line.
    pub(super) fn read(text: &[u8], line: u64) -> Result<Self, HexError> {
        let none = HexError::NoLine { line };
        let text = std::str::from_utf8(text).map_err(|_| none)?.trim_end();
        match text {
            "" => return Ok(Self::Empty),
            "*" => return Ok(Self::Repeated),
            _ => {}
        }
        let end = text.find([':', ' ']).unwrap_or(text.len());
        let (offset, after) = text.split_at_checked(end).ok_or(none)?;
        let offset = u64::from_str_radix(offset, 16).map_err(|_| none)?;
        let groups = groups(after);
        let mut content = Vec::new();
        for group in groups.split_whitespace() {
            // `xxd` joins two bytes, and only it has a colon
            if group.len() == 4 && after.starts_with(' ') {
                return Err(HexError::Swapped { line });
            }
            let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(group.as_bytes());
            content.extend(bytes.map_err(|_| none)?);
        }
        Ok(Self::Bytes { offset, content })
    }
}

/// The groups of digits between the offset and the column with the text.
fn groups(after: &str) -> &str {
    let cut = |text: &'static str, of: &str| of.find(text);
    match after.strip_prefix(": ") {
        // `xxd`: two spaces come before the text
        Some(after) => after.get(..cut("  ", after).unwrap_or(after.len())).unwrap_or_default(),
        None => {
            let after = after.trim_start();
            // `hexdump -C`: two spaces in the middle, the text between bars; Wireshark: three spaces before the text
            let end = [cut("  |", after), cut("  >", after), cut("   ", after)];
            let end = end.into_iter().flatten().min().unwrap_or(after.len());
            after.get(..end).unwrap_or_default()
        }
    }
}

//! What usernames, passwords, phone numbers, room names, texts beside names and guids may look like (spec/wire.md
//! sections 3, 5 and 10).

/// What is wrong with something that a user chose. The text is for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a username.
    #[error(
        "A username has 3 to 32 characters: a letter, then letters, digits, _, - or single dots."
    )]
    Username,
    /// Not a password.
    #[error("A password has 6 to 60 characters.")]
    Password,
    /// Not a phone number.
    #[error("A mobile phone number has 5 to 15 digits and starts with the country code.")]
    Phone,
    /// Not a room's name.
    #[error(
        "A room's name has 3 to 30 characters: a letter or digit, then also single spaces, _, - and dots."
    )]
    Room,
    /// Not a contact group's name.
    #[error("A group's name has 1 to 60 characters, on one line.")]
    Group,
    /// Not what a room may say about itself.
    #[error("A room's description has at most 255 characters, on one line.")]
    Description,
    /// Not a file's name.
    #[error("A file's name is one line.")]
    FileName,
    /// Not a file's type.
    #[error("A file's type is one line.")]
    FileType,
    /// Not what may be read beside a name.
    #[error("A status message has at most 255 characters, on one line.")]
    Status,
    /// Not what somebody may call a contact.
    #[error("A contact's display name has at most 60 characters, on one line.")]
    DisplayName,
    /// Not a message's id.
    #[error("A message's id has 1 to 64 visible ASCII characters.")]
    Guid,
}

/// Checks a username; the name as it is shown.
///
/// # Errors
/// [`NameError::Username`].
pub fn username(text: &str) -> Result<&str, NameError> {
    let bytes = text.as_bytes();
    let fits = (3..=32).contains(&bytes.len())
        && bytes[0].is_ascii_alphabetic()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
        && !text.contains("..");
    if fits { Ok(text) } else { Err(NameError::Username) }
}

/// What a username or a room's name is compared by.
#[must_use]
pub fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Checks a password.
///
/// # Errors
/// [`NameError::Password`].
pub fn password(text: &str) -> Result<&str, NameError> {
    if (6..=60).contains(&text.chars().count()) { Ok(text) } else { Err(NameError::Password) }
}

/// Checks a phone number; its digits.
///
/// # Errors
/// [`NameError::Phone`].
pub fn phone(text: &str) -> Result<&str, NameError> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let fits = (5..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if fits { Ok(digits) } else { Err(NameError::Phone) }
}

/// Checks a room's name.
///
/// # Errors
/// [`NameError::Room`].
pub fn room(text: &str) -> Result<&str, NameError> {
    let bytes = text.as_bytes();
    let fits = (3..=30).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b" _-.".contains(byte))
        && !text.contains("  ")
        && !text.ends_with(' ');
    if fits { Ok(text) } else { Err(NameError::Room) }
}

/// A text of at most so many characters that is shown on one line beside what others have written, without the space around
/// it; none where it is too long, or would show elsewhere than in its place.
///
/// A line has no control characters and no ends of lines. Bidirectional embeddings and isolates have to be closed in it
/// (Unicode Standard Annex 9): an open one turns around what stands behind it, and a close without its opening ends what
/// keeps the text apart. Overrides, which show letters in another order than they have, are not for names. Marks (U+200E,
/// U+200F, U+061C) move nothing but their neighbours.
#[must_use]
pub fn line(text: &str, most: usize) -> Option<&str> {
    let text = text.trim();
    let mut open = Vec::new();
    for (count, character) in text.chars().enumerate() {
        if count == most {
            return None;
        }
        match character {
            // separators of lines and of paragraphs; overrides
            '\u{2028}' | '\u{2029}' | '\u{202d}' | '\u{202e}' => return None,
            '\u{202a}' | '\u{202b}' => open.push('\u{202c}'),
            '\u{2066}'..='\u{2068}' => open.push('\u{2069}'),
            '\u{202c}' | '\u{2069}' if open.pop() != Some(character) => return None,
            _ if character.is_control() => return None,
            _ => {}
        }
    }
    open.is_empty().then_some(text)
}

/// Checks a contact group's name.
///
/// # Errors
/// [`NameError::Group`].
pub fn group(text: &str) -> Result<&str, NameError> {
    line(text, 60).filter(|text| !text.is_empty()).ok_or(NameError::Group)
}

/// Checks what a room says about itself; it may be empty.
///
/// # Errors
/// [`NameError::Description`].
pub fn description(text: &str) -> Result<&str, NameError> {
    line(text, 255).ok_or(NameError::Description)
}

/// Checks what is to be read beside a name: one's status message, which may be empty.
///
/// # Errors
/// [`NameError::Status`].
pub fn status(text: &str) -> Result<&str, NameError> {
    line(text, 255).ok_or(NameError::Status)
}

/// Checks what somebody calls a contact; empty: by the contact's own name.
///
/// # Errors
/// [`NameError::DisplayName`].
pub fn display_name(text: &str) -> Result<&str, NameError> {
    line(text, 60).ok_or(NameError::DisplayName)
}

/// Checks a message's id.
///
/// # Errors
/// [`NameError::Guid`].
pub fn guid(text: &str) -> Result<&str, NameError> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text) } else { Err(NameError::Guid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames() {
        let long = "a".repeat(32);
        for good in ["bob", "Bob_1", "a-b.c.d", "a1.", long.as_str()] {
            assert_eq!(username(good), Ok(good));
        }
        let longer = "a".repeat(33);
        for bad in ["", "ab", "1ab", "_ab", "a..b", "a b", "jürgen", "a/b", longer.as_str()] {
            assert_eq!(username(bad), Err(NameError::Username), "{bad}");
        }
        assert_eq!(key("BoB"), "bob");
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        assert!(password("secret").is_ok());
        assert!(password("pässwö").is_ok());
        assert!(password("päss5").is_err());
        assert!(password(&"ü".repeat(60)).is_ok());
        assert!(password(&"x".repeat(61)).is_err());
    }

    #[test]
    fn phones() {
        assert_eq!(phone("+491701234567"), Ok("491701234567"));
        assert_eq!(phone("61412345678"), Ok("61412345678"));
        for bad in ["", "+", "1234", "0170123456", "49 170", "4917012345678901", "49170x"] {
            assert_eq!(phone(bad), Err(NameError::Phone), "{bad}");
        }
    }

    #[test]
    fn rooms() {
        for good in ["Lobby", "3 D", "A b-c_d.e", "abc"] {
            assert_eq!(room(good), Ok(good));
        }
        for bad in ["", "ab", " ab", "a  b", "ab ", ".ab", "a;b", "a\nb", &"a".repeat(31)] {
            assert_eq!(room(bad), Err(NameError::Room), "{bad}");
        }
    }

    #[test]
    fn texts_beside_names_are_counted_in_characters() {
        assert_eq!(status(" on a train "), Ok("on a train"));
        assert_eq!(status(""), Ok(""));
        assert!(status(&"ü".repeat(255)).is_ok());
        assert_eq!(status(&"x".repeat(256)), Err(NameError::Status));
        assert!(display_name(&"ü".repeat(60)).is_ok());
        assert_eq!(description(&"x".repeat(256)), Err(NameError::Description));
        assert_eq!(group("  "), Err(NameError::Group));
        for bad in ["x".repeat(61), "a\nb".to_owned()] {
            assert_eq!(display_name(&bad), Err(NameError::DisplayName));
        }
    }

    #[test]
    fn a_line_keeps_to_its_place() {
        for good in [
            "",
            "on a train",
            "\u{200f}שלום\u{200e} \u{61c}",
            "\u{2067}a \u{2066}b\u{2069}\u{2069} \u{202a}c\u{202c}",
            "e\u{301} \u{200d}\u{feff}",
        ] {
            assert_eq!(line(good, 255), Some(good.trim()), "{good:?}");
        }
        for bad in [
            "a\tb",
            "a\u{0}b",
            "\u{1b}[31m",
            "a\u{85}b",
            "a\u{7f}b",
            "a\u{2029}b",
            "\u{202d}a\u{202c}",
            "\u{202e}a",
            "\u{202b}a",
            "\u{2068}a",
            "a\u{202c}",
            "a\u{2069}",
            // closed by what closes the other kind
            "\u{202b}a\u{2069}",
            "\u{2067}a\u{202c}\u{2069}",
        ] {
            assert_eq!(line(bad, 255), None, "{bad:?}");
        }
        assert_eq!(line("abc", 2), None);
    }

    #[test]
    fn guids() {
        assert!(guid("6f1c").is_ok());
        assert!(guid(&"g".repeat(64)).is_ok());
        for bad in ["", "a b", "ü", "a\0", &"g".repeat(65)] {
            assert_eq!(guid(bad), Err(NameError::Guid), "{bad}");
        }
    }
}

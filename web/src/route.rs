//! Which chat the address shows: `#/`, `#/chat/NAME`, `#/room/NAME`.
use mig33_client::ChatId;

/// What the page shows beside the list of chats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Route {
    /// Nothing; on a narrow screen, the list.
    #[default]
    List,
    /// A chat.
    Chat(ChatId),
}

impl Route {
    /// Reads the part of an address from `#` on. What it does not know is the list.
    pub(crate) fn parse(hash: &str) -> Self {
        let path = hash.trim_start_matches('#').trim_start_matches('/');
        let Some((kind, name)) = path.split_once('/') else {
            return Self::List;
        };
        let Some(name) = percent_decode(name).filter(|name| !name.is_empty()) else {
            return Self::List;
        };
        match kind {
            "chat" => Self::Chat(ChatId::private(&name)),
            "room" => Self::Chat(ChatId::room(&name)),
            _ => Self::List,
        }
    }

    /// The part of an address from `#` on.
    pub(crate) fn to_hash(&self) -> String {
        match self {
            Self::List => "#/".to_owned(),
            // as the name is written: some servers tell upper from lower case
            Self::Chat(chat) => {
                let kind = if chat.is_room() { "room" } else { "chat" };
                format!("#/{kind}/{}", percent_encode(chat.written()))
            }
        }
    }

    /// The chat, where one is shown.
    pub(crate) const fn chat(&self) -> Option<&ChatId> {
        match self {
            Self::List => None,
            Self::Chat(chat) => Some(chat),
        }
    }
}

/// Keeps the unreserved characters of RFC 3986 and escapes every other byte.
fn percent_encode(text: &str) -> String {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(HEX[usize::from(byte >> 4)]);
            escaped.push(HEX[usize::from(byte & 15)]);
        }
    }
    escaped
}

/// `None` where an escape is cut short or the bytes are no UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_chat_and_back() {
        for (hash, chat) in [
            ("#/chat/bob", ChatId::private("bob")),
            ("#/chat/Bob.the_builder-1", ChatId::private("Bob.the_builder-1")),
            ("#/room/Tea%20room", ChatId::room("Tea room")),
            ("#/room/caf%C3%A9", ChatId::room("café")),
        ] {
            assert_eq!(Route::parse(hash), Route::Chat(chat.clone()), "{hash}");
            let lower = hash.to_ascii_lowercase().replace("%c3%a9", "%C3%A9");
            assert_eq!(Route::parse(&lower), Route::Chat(chat.clone()), "{lower}");
            assert_eq!(Route::Chat(chat).to_hash(), hash);
        }
    }

    #[test]
    fn what_is_no_address_is_the_list() {
        for hash in [
            "",
            "#",
            "#/",
            "#/chat",
            "#/chat/",
            "#/lobby/x",
            "#/chat/%",
            "#/chat/%zz",
            "#/room/%FF",
        ] {
            assert_eq!(Route::parse(hash), Route::List, "{hash}");
        }
        assert_eq!(Route::List.to_hash(), "#/");
    }
}

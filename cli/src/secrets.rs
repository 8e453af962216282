//! `Secrets`: whether passwords, proofs and tokens are shown.
use mig33_codec::{Command, FieldInfo, FieldKind, catalogue};

/// Commands outside the catalogue, or with few blocks in it, that may carry passwords, codes, tickets and account numbers
/// in blocks which nobody here can read.
const OPAQUE: [&str; 10] = [
    "IM_LOGIN",
    "ACTIVATE_ACCOUNT",
    "RESEND_VERIFICATION_CODE",
    "RECHARGE",
    "FORGOT_PASSWORD",
    "TRANSFER_CREDIT",
    "SERVER_QUESTION_REPLY",
    "HTTP_POLL",
    "GET_UPLOAD_DATA_TICKET",
    "UPLOAD_ADDRESS_BOOK_CONTACTS",
];

/// What happens to passwords, proofs and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// They are not shown, and neither is what cannot be read and may hold one.
    Masked,
    /// They are shown like everything else.
    Shown,
}

/// Commands whose unknown blocks may hold secrets: the opaque ones, and those that have a secret among their known ones.
pub(crate) fn holders() -> impl Iterator<Item = Command> {
    let known = catalogue().iter().filter(|packet| packet.fields.iter().any(|field| field.secret));
    let opaque = OPAQUE.iter().filter_map(|name| Command::named(name));
    known.map(|packet| packet.command).chain(opaque)
}

/// Whether what nobody can read of this kind of packet may hold a secret.
pub(crate) fn may_hold(command: Command) -> bool {
    holders().any(|holder| holder == command)
}

impl Secrets {
    /// As a flag says.
    pub(crate) const fn from_shown(shown: bool) -> Self {
        if shown { Self::Shown } else { Self::Masked }
    }

    /// Whether a block of a packet has to be hidden: a secret, what may be one, and a block that may have taken in a
    /// secret behind it because its length is wrong.
    pub(crate) fn hide(self, command: Command, field: Option<&FieldInfo>, content: &[u8]) -> bool {
        let hidden = || match field {
            Some(field) => field.secret || may_hold(command) && takes_in(field.kind, content),
            None => may_hold(command),
        };
        self == Self::Masked && !content.is_empty() && hidden()
    }
}

/// Whether a content can have another block within it: the header of one has a zero byte.
fn takes_in(kind: FieldKind, content: &[u8]) -> bool {
    match kind.width() {
        Some(_) => kind.integer(content).is_err(),
        None => content.contains(&0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_and_names_are_not() {
        let fields = Command::SLIM_LOGIN.info().map_or(&[][..], |packet| packet.fields);
        let hidden = |secrets: Secrets| -> Vec<&str> {
            let hide = |field: &&FieldInfo| secrets.hide(Command::SLIM_LOGIN, Some(field), b"x");
            fields.iter().filter(hide).map(|field| field.name).collect()
        };
        assert_eq!(hidden(Secrets::Masked), ["password_hash", "password"]);
        assert!(hidden(Secrets::Shown).is_empty());
    }

    #[test]
    fn blocks_without_a_name_are_hidden_where_a_password_may_be() {
        let packets = ["LOGIN", "NEW_REGISTRATION", "RECHARGE", "FORGOT_PASSWORD", "MESSAGE", "OK"];
        let hidden = |name: &&&str| Secrets::Masked.hide(Command::named(name).unwrap(), None, b"x");
        assert_eq!(packets.iter().filter(hidden).count(), 4);
    }

    #[test]
    fn what_opens_a_session_by_itself_is_a_secret() {
        let is_secret = |name: &str| {
            let packet = Command::named(name).and_then(Command::info).unwrap();
            packet.fields.iter().find(|field| field.name == "session_id").unwrap().secret
        };
        assert!(is_secret("SLIM_LOGIN_OK") && is_secret("CREATE_SESSION"));
        // a proof follows
        assert!(!is_secret("LOGIN") && !is_secret("LOGIN_CHALLENGE"));
    }

    #[test]
    fn opaque_commands_are_those_of_the_catalogue() {
        for name in OPAQUE {
            let command = Command::named(name).unwrap();
            // what is known of a transfer is no secret, and there may be more of it
            let is_known = command.info().is_some() && name != "TRANSFER_CREDIT";
            assert!(!is_known, "{name} has fields now: mark them instead");
            assert!(Secrets::Masked.hide(command, None, b"x"));
        }
        assert!(!Secrets::Masked.hide(Command(55_555), None, b"x"));
    }
}

//! `Secrets`: whether passwords, proofs and tokens are shown.
use mig33_codec::{Command, FieldInfo};

/// Commands outside the catalogue that carry passwords in blocks which nobody here can read.
const OPAQUE: [&str; 1] = ["IM_LOGIN"];

/// What happens to passwords, proofs and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// They are not shown, and neither is what cannot be read and may hold one.
    Masked,
    /// They are shown like everything else.
    Shown,
}

/// Commands whose blocks nobody here can read and that may hold passwords.
pub(crate) fn opaque() -> impl Iterator<Item = Command> {
    OPAQUE.iter().filter_map(|name| Command::named(name))
}

impl Secrets {
    /// As a flag says.
    pub(crate) const fn from_shown(shown: bool) -> Self {
        if shown { Self::Shown } else { Self::Masked }
    }

    /// Whether a block of a packet has to be hidden.
    pub(crate) fn hide(self, command: Command, field: Option<&FieldInfo>) -> bool {
        let is_opaque = || opaque().any(|opaque| opaque == command);
        self == Self::Masked && (field.is_some_and(|field| field.secret) || is_opaque())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_and_names_are_not() {
        let fields = Command::SLIM_LOGIN.info().map_or(&[][..], |packet| packet.fields);
        let hidden = |secrets: Secrets| -> Vec<&str> {
            let hide = |field: &&FieldInfo| secrets.hide(Command::SLIM_LOGIN, Some(field));
            fields.iter().filter(hide).map(|field| field.name).collect()
        };
        assert_eq!(hidden(Secrets::Masked), ["password_hash", "password"]);
        assert!(hidden(Secrets::Shown).is_empty());
    }

    #[test]
    fn opaque_commands_are_those_of_the_catalogue() {
        for name in OPAQUE {
            let command = Command::named(name).unwrap();
            assert!(command.info().is_none(), "{name} has fields now: mark them instead");
            assert!(Secrets::Masked.hide(command, None));
        }
        assert!(!Secrets::Masked.hide(Command(55_555), None));
    }
}

//! Names of packets as people write them: in any case, by number, as the protocol article has them, or nearly right.
use mig33_codec::{Command, catalogue, other_commands};

/// That there is no packet of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no packet {:?}; {}", .0, instead_of_packet(.0))]
pub(crate) struct NoPacket(pub(crate) String);

/// A packet by its number, or by its name here or in the protocol article, in any case.
pub(crate) fn find(name: &str) -> Option<Command> {
    let by_number = name.parse().ok().map(Command).filter(|command| command.name().is_some());
    by_number.or_else(|| named(name))
}

/// A packet by its name here or in the protocol article, in any case.
pub(crate) fn named(name: &str) -> Option<Command> {
    let upper = name.to_uppercase();
    Command::named(&upper).or_else(|| {
        let has_name = |seed: &&str| seed.split(" / ").any(|part| part == upper);
        let packet = catalogue().iter().find(|packet| packet.seed.as_ref().is_some_and(has_name));
        packet.map(|packet| packet.command)
    })
}

/// What to do about a packet that is not there, to be put after that this is so.
pub(crate) fn instead_of_packet(name: &str) -> String {
    let known = catalogue().iter().map(|packet| packet.name);
    let others = other_commands().iter().map(|(_, name)| *name);
    match nearest(&name.to_uppercase(), known.chain(others)) {
        Some(near) => format!("did you mean {near}?"),
        None => "`mig33 packets --list` lists them".to_owned(),
    }
}

/// The name that is most like one that is not there, if any is.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // one slip in three letters, but not every letter of a short name
    let most = (name.chars().count() / 3).clamp(1, 3);
    let near = names.map(|known| (strsim::damerau_levenshtein(name, known), known));
    near.filter(|(slips, _)| *slips <= most).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_by_any_of_their_names() {
        assert_eq!(find("200"), Some(Command::LOGIN));
        assert_eq!(find("login"), Some(Command::LOGIN));
        assert_eq!(find("LOGIN_1"), Some(Command::LOGIN));
        assert_eq!(find("recv_msg"), Some(Command::MESSAGE));
        assert_eq!(find("IM_LOGIN"), Some(Command(206)));
        assert_eq!(find("55555"), None);
        assert_eq!(find("HELLO"), None);
    }

    #[test]
    fn a_slip_is_understood() {
        assert_eq!(instead_of_packet("logn"), "did you mean LOGIN?");
        assert_eq!(instead_of_packet("PIGN"), "did you mean PING?");
        assert_eq!(instead_of_packet("Get_Contcats"), "did you mean GET_CONTACTS?");
        assert_eq!(instead_of_packet("zebra"), "`mig33 packets --list` lists them");
    }
}

//! Which presence somebody with several sessions shows.
use mig33_codec::values::Presence;

/// Whether this is a presence that a client may set.
#[must_use]
pub fn is_known(presence: Presence) -> bool {
    presence.name().is_some()
}

/// The most available of several sessions' presences; offline when there is none.
#[must_use]
pub fn shown(sessions: impl Iterator<Item = Presence>) -> Presence {
    // the numbers grow from available to offline
    sessions.min().unwrap_or(Presence::OFFLINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_available_presence_is_shown() {
        let of = |sessions: &[Presence]| shown(sessions.iter().copied());
        assert_eq!(of(&[]), Presence::OFFLINE);
        assert_eq!(of(&[Presence::OFFLINE]), Presence::OFFLINE);
        assert_eq!(of(&[Presence::AWAY, Presence::BUSY, Presence::OFFLINE]), Presence::BUSY);
        assert_eq!(of(&[Presence::AWAY, Presence::AVAILABLE]), Presence::AVAILABLE);
    }

    #[test]
    fn only_the_catalogues_values_can_be_set() {
        assert!(is_known(Presence::AVAILABLE) && is_known(Presence::OFFLINE));
        assert!(!is_known(Presence(0)) && !is_known(Presence(5)));
    }
}

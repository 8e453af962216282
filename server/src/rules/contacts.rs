//! What can be between two accounts, and what each wish makes of it (spec/wire.md section 5).

/// What somebody's list says about the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactState {
    /// Asked, and not answered yet.
    Asked,
    /// Both want each other.
    Accepted,
    /// Asked, and quietly refused: who asked sees no difference.
    Declined,
}

/// What is between two accounts, seen by the one who wishes something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// What my list says about the other.
    pub mine: Option<ContactState>,
    /// What the other's list says about me.
    pub theirs: Option<ContactState>,
    /// Whether I block the other.
    pub i_block: bool,
    /// Whether the other blocks me.
    pub they_block: bool,
    /// Whether I have rejected the other, and not asked since.
    pub i_reject: bool,
    /// Whether the other has rejected me, and not asked since.
    pub they_reject: bool,
}

impl Pair {
    /// What is between anybody and a name that nobody has: as if that one had blocked us, so nothing tells them apart.
    pub const NOBODY: Self = Self {
        mine: None,
        theirs: None,
        i_block: false,
        they_block: true,
        i_reject: false,
        they_reject: false,
    };

    /// The same, seen by the other.
    #[must_use]
    pub const fn turned(self) -> Self {
        let Self { mine, theirs, i_block, they_block, i_reject, they_reject } = self;
        Self {
            mine: theirs,
            theirs: mine,
            i_block: they_block,
            they_block: i_block,
            i_reject: they_reject,
            they_reject: i_reject,
        }
    }

    /// Whether both are contacts and nobody blocks: presence is shown.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self.mine, Some(ContactState::Accepted)) && !self.i_block && !self.they_block
    }

    /// Whether a private message may go from me to the other.
    #[must_use]
    pub const fn may_write(self, open_to_strangers: bool) -> bool {
        let known = open_to_strangers || matches!(self.mine, Some(ContactState::Accepted));
        known && !self.i_block && !self.they_block
    }

    /// Whether the other waits for my answer.
    #[must_use]
    pub const fn waits_for_me(self) -> bool {
        matches!(self.theirs, Some(ContactState::Asked)) && self.mine.is_none() && !self.i_block
    }
}

/// What somebody wishes about another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// To have the other as a contact (ADD_CONTACT).
    Ask,
    /// To say yes to the other's wish (ACCEPT_CONTACT_REQUEST).
    Accept,
    /// To say no to it, and perhaps to hear no more of the other (REJECT_CONTACT_REQUEST).
    Reject {
        /// Whether to block, too.
        block: bool,
    },
    /// Not to have the other as a contact any more (REMOVE_CONTACT).
    Remove,
    /// To hear nothing of the other (SET_PERMISSION).
    Block,
    /// To take that back.
    Allow,
}

/// What a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Everything is as it was.
    Nothing,
    /// The other is asked.
    Asked,
    /// The other has rejected the one who asks, and is not asked again. It looks like [`Asked`](Self::Asked) to the
    /// one who asks.
    AskedInVain,
    /// The two are contacts.
    Accepted,
    /// The other's wish is off the table, without a word to the other.
    Declined,
    /// The two are contacts no more, or the wish is withdrawn.
    Removed,
    /// The other is blocked.
    Blocked,
    /// The other is blocked no more.
    Allowed,
}

/// Why a change is not made. What it says must not tell who exists, or who blocks whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is nobody of that name, or nobody who can be asked.
    NoSuchUser,
    /// The other has not asked.
    NoRequest,
    /// Not in the list.
    NotAContact,
    /// Nobody is one's own contact.
    Oneself,
    /// No such group.
    NoSuchGroup,
    /// The first group stays.
    FirstGroup,
    /// There is a group of that name.
    GroupExists,
    /// The list is as long as it may be.
    ListFull,
    /// As many groups, or blocked people, as there may be.
    TooMany,
}

/// What becomes of a pair by one's wish.
///
/// # Errors
/// [`Refusal`] when the wish cannot be; nothing changes then.
pub const fn decide(pair: Pair, change: Change) -> Result<(Pair, Effect), Refusal> {
    use ContactState::{Accepted, Asked, Declined};
    let both = Pair {
        mine: Some(Accepted),
        theirs: Some(Accepted),
        i_reject: false,
        they_reject: false,
        ..pair
    };
    match change {
        Change::Ask => match (pair.mine, pair.theirs) {
            (Some(_), _) => Ok((pair, Effect::Nothing)),
            (None, _) if pair.they_block => Err(Refusal::NoSuchUser),
            // who asks somebody blocked has changed their mind
            (None, Some(Asked | Declined)) => {
                Ok((Pair { i_block: false, ..both }, Effect::Accepted))
            }
            (None, Some(Accepted) | None) => {
                let pair = Pair { i_block: false, i_reject: false, ..pair };
                if pair.they_reject {
                    Ok((Pair { mine: Some(Declined), ..pair }, Effect::AskedInVain))
                } else {
                    Ok((Pair { mine: Some(Asked), ..pair }, Effect::Asked))
                }
            }
        },
        Change::Accept => {
            if pair.waits_for_me() && !pair.they_block {
                Ok((both, Effect::Accepted))
            } else if matches!(pair.mine, Some(Accepted)) {
                Ok((pair, Effect::Nothing)) // said twice
            } else {
                Err(Refusal::NoRequest)
            }
        }
        Change::Reject { block } => match pair.theirs {
            Some(Asked | Declined) if pair.mine.is_none() => {
                let after = Pair {
                    theirs: Some(Declined),
                    i_block: pair.i_block || block,
                    i_reject: true,
                    ..pair
                };
                Ok((after, Effect::Declined))
            }
            Some(_) | None => Err(Refusal::NoRequest),
        },
        Change::Remove => match pair.mine {
            Some(Accepted) => Ok((Pair { mine: None, theirs: None, ..pair }, Effect::Removed)),
            Some(Asked | Declined) => Ok((Pair { mine: None, ..pair }, Effect::Removed)),
            None => Err(Refusal::NotAContact),
        },
        Change::Block if pair.i_block => Ok((pair, Effect::Nothing)),
        Change::Block => Ok((Pair { i_block: true, ..pair }, Effect::Blocked)),
        Change::Allow if pair.i_block => Ok((Pair { i_block: false, ..pair }, Effect::Allowed)),
        Change::Allow => Ok((pair, Effect::Nothing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ContactState::{Accepted, Asked, Declined};

    const STATES: [Option<ContactState>; 4] = [None, Some(Asked), Some(Accepted), Some(Declined)];
    const CHANGES: [Change; 7] = [
        Change::Ask,
        Change::Accept,
        Change::Reject { block: false },
        Change::Reject { block: true },
        Change::Remove,
        Change::Block,
        Change::Allow,
    ];

    /// Every pair that can come about from nothing.
    fn reachable() -> Vec<Pair> {
        let mut found = vec![Pair::default()];
        let mut at = 0;
        while let Some(pair) = found.get(at).copied() {
            for side in [pair, pair.turned()] {
                for change in CHANGES {
                    if let Ok((after, _)) = decide(side, change)
                        && !found.contains(&after)
                    {
                        found.push(after);
                    }
                }
            }
            at += 1;
        }
        found
    }

    #[test]
    fn being_contacts_is_mutual_and_only_one_side_asks() {
        let all = reachable();
        assert!(all.len() > 10);
        for pair in all {
            assert_eq!(pair.mine == Some(Accepted), pair.theirs == Some(Accepted), "{pair:?}");
            assert!(
                pair.mine.is_none() || pair.theirs.is_none() || pair.mine == Some(Accepted),
                "{pair:?}"
            );
        }
    }

    #[test]
    fn a_blocked_one_learns_nothing() {
        for mine in STATES {
            for theirs in STATES {
                let pair = Pair { mine, theirs, they_block: true, ..Pair::default() };
                assert!(!pair.may_write(true) && !pair.is_open());
                if mine.is_none() {
                    assert_eq!(decide(pair, Change::Ask), Err(Refusal::NoSuchUser));
                }
            }
        }
    }

    #[test]
    fn who_was_refused_sees_no_difference() {
        let asked = decide(Pair::default(), Change::Ask).unwrap().0;
        let refused = decide(asked.turned(), Change::Reject { block: false }).unwrap().0.turned();
        assert_eq!(refused.mine, Some(Declined));
        for change in CHANGES {
            let (before, after) = (decide(asked, change), decide(refused, change));
            assert_eq!(
                before.map(|(_, effect)| effect),
                after.map(|(_, effect)| effect),
                "{change:?}"
            );
        }
        assert_eq!(asked.is_open(), refused.is_open());
    }

    #[test]
    fn who_was_refused_asks_in_vain_until_the_other_asks() {
        let asked = decide(Pair::default(), Change::Ask).unwrap().0;
        let refused = decide(asked.turned(), Change::Reject { block: false }).unwrap().0.turned();
        let mut pair = refused;
        for _ in 0..3 {
            pair = decide(pair, Change::Remove).unwrap().0;
            let (again, effect) = decide(pair, Change::Ask).unwrap();
            assert_eq!((again, effect), (refused, Effect::AskedInVain));
            assert!(!again.turned().waits_for_me());
            pair = again;
        }
        // taking a block back does not take the rejection back
        let blocked = decide(pair.turned(), Change::Block).unwrap().0;
        let allowed = decide(blocked, Change::Allow).unwrap().0;
        let gone = decide(allowed.turned(), Change::Remove).unwrap().0;
        assert_eq!(decide(gone, Change::Ask).unwrap().1, Effect::AskedInVain);
        // who has refused may still ask: at once where the other still wants it, else as anybody
        assert_eq!(decide(pair.turned(), Change::Ask).unwrap().1, Effect::Accepted);
        let (asks, effect) = decide(gone.turned(), Change::Ask).unwrap();
        assert_eq!(effect, Effect::Asked);
        let withdrawn = decide(asks, Change::Remove).unwrap().0.turned();
        assert_eq!(decide(withdrawn, Change::Ask).unwrap().1, Effect::Asked, "it is lifted");
    }

    #[test]
    fn asking_who_has_asked_is_a_yes() {
        let asked = decide(Pair::default(), Change::Ask).unwrap().0;
        let (after, effect) = decide(asked.turned(), Change::Ask).unwrap();
        assert_eq!(
            (after.mine, after.theirs, effect),
            (Some(Accepted), Some(Accepted), Effect::Accepted)
        );
        assert_eq!(decide(asked.turned(), Change::Accept).unwrap().0, after);
        assert!(after.is_open() && after.may_write(false));
        let removed = decide(after, Change::Remove).unwrap().0;
        assert_eq!(removed, Pair::default());
    }
}

//! `Admission`: how many connections there may be, in all and from one address, and whose place goes to somebody new.
//!
//! Whoever is there first could keep all others out, members among them. So once every place is taken, the one who has been
//! connected longest without a log-in makes room for who comes now: a flood of strangers pushes out strangers. A member
//! needs the time of a log-in, and as long as that lasts, hardly more can come than there are places for strangers.
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mig33_peer::Crowd;

use crate::fanout::{Ending, Mailbox};

/// Counts connections, in all and by address.
#[derive(Debug)]
pub(crate) struct Admission {
    most: usize,
    most_per_address: u32,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    crowd: Crowd,
    /// How many have come.
    came: u64,
    /// Those that were pushed out and are not gone yet.
    leaving: HashSet<u64>,
    /// Those without a log-in, in the order in which they came.
    strangers: BTreeMap<u64, Arc<Mailbox>>,
}

/// A connection that is counted, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Admitted<'a> {
    admission: &'a Admission,
    peer: Option<IpAddr>,
    number: u64,
}

impl Admission {
    pub(crate) fn new(most: usize, most_per_address: u32) -> Self {
        let crowd = Crowd::of(u32::try_from(most).unwrap_or(u32::MAX));
        Self { most, most_per_address, counts: Mutex::new(Counts { crowd, ..Counts::default() }) }
    }

    /// Counts one more, unless there are too many from there, or all places are members'.
    pub(crate) fn admit(
        &self,
        peer: Option<IpAddr>,
        mailbox: &Arc<Mailbox>,
    ) -> Option<Admitted<'_>> {
        let mut counts = self.lock();
        if peer.is_some_and(|peer| counts.crowd.full(peer, self.most_per_address).is_some()) {
            return None;
        }
        let staying = counts.all - counts.leaving.len();
        let oldest = if staying < self.most { None } else { Some(counts.push_out()?) };
        if let Some(peer) = peer {
            counts.crowd.enter(peer, self.most_per_address).ok()?;
        }
        counts.all += 1;
        counts.came += 1;
        let number = counts.came;
        counts.strangers.insert(number, Arc::clone(mailbox));
        drop(counts);
        if let Some(oldest) = oldest {
            oldest.end(Ending::CrowdedOut);
        }
        Some(Admitted { admission: self, peer, number })
    }

    /// Ends the oldest connection without a log-in, for somebody new; false where there is none.
    pub(crate) fn push_out(&self) -> bool {
        let oldest = self.lock().push_out();
        oldest.inspect(|mailbox| mailbox.end(Ending::CrowdedOut)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// The oldest one without a log-in, whose place is free from now on.
    fn push_out(&mut self) -> Option<Arc<Mailbox>> {
        let (number, mailbox) = self.strangers.pop_first()?;
        self.leaving.insert(number);
        Some(mailbox)
    }
}

impl Admitted<'_> {
    /// Somebody has logged in on it: nobody else gets its place.
    pub(crate) fn keep(&self) {
        self.admission.lock().strangers.remove(&self.number);
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let mut counts = self.admission.lock();
        counts.all -= 1;
        counts.leaving.remove(&self.number);
        counts.strangers.remove(&self.number);
        if let Some(peer) = self.peer {
            counts.crowd.leave(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn mailbox() -> Arc<Mailbox> {
        Arc::new(Mailbox::new("", 1000))
    }

    #[test]
    fn connections_are_counted_in_all_and_by_address() {
        let admission = Admission::new(3, 2);
        let admit = |at: Option<IpAddr>| {
            let admitted = admission.admit(at, &mailbox());
            if let Some(admitted) = &admitted {
                admitted.keep();
            }
            admitted
        };
        let (one, two) = (admit(peer("192.0.2.1")), admit(peer("192.0.2.1")));
        assert!(one.is_some() && two.is_some());
        assert!(admit(peer("192.0.2.1")).is_none());
        let three = admit(peer("198.51.100.1"));
        assert!(three.is_some());
        assert!(admit(None).is_none(), "all places are members'");
        drop(one);
        assert!(admit(peer("192.0.2.1")).is_some());
        drop((two, three));
        let counts = admission.counts.lock().unwrap();
        assert_eq!(counts.all, 0);
        assert!(counts.crowd.is_empty() && counts.strangers.is_empty());
    }

    #[test]
    fn the_oldest_stranger_makes_room() {
        let admission = Admission::new(3, 2);
        let mailboxes: [_; 4] = std::array::from_fn(|_| mailbox());
        let ended = || mailboxes.each_ref().map(|mailbox| mailbox.ending().is_some());
        let member = admission.admit(peer("192.0.2.1"), &mailboxes[0]).unwrap();
        let elsewhere = peer("198.51.100.1");
        let _strangers = [1, 2].map(|n| admission.admit(elsewhere, &mailboxes[n]).unwrap());
        member.keep();
        assert!(admission.admit(elsewhere, &mailboxes[3]).is_none());
        assert_eq!(ended(), [false; 4], "who may not come anyway pushes nobody out");
        let _new = admission.admit(peer("203.0.113.1"), &mailboxes[3]).unwrap();
        assert_eq!(ended(), [false, true, false, false]);
    }

    #[test]
    fn who_was_pushed_out_counts_as_gone() {
        let admission = Admission::new(2, 9);
        let mailboxes: [_; 4] = std::array::from_fn(|_| mailbox());
        let ended = || mailboxes.each_ref().map(|mailbox| mailbox.ending().is_some());
        let admit = |n: usize| admission.admit(None, &mailboxes[n]).unwrap();
        let (first, second) = (admit(0), admit(1));
        assert!(admission.push_out());
        let third = admit(2);
        assert_eq!(ended(), [true, false, false, false], "one has made room for one");
        drop(first);
        let fourth = admit(3);
        assert_eq!(ended(), [true, true, false, false]);
        drop((second, third, fourth));
        assert!(admission.lock().leaving.is_empty());
    }
}

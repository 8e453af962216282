//! `Places`: how many uploads there may be at a time, in all, of one account, and at one address.
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::UserId;

/// Counts uploads that are under way. So nobody takes all places, least of all with one address.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_per_account: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    addresses: HashSet<[u8; 32]>,
    accounts: HashMap<UserId, usize>,
}

/// An upload that is counted, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    places: &'a Places,
    address: [u8; 32],
    account: UserId,
}

impl Places {
    /// So many places in all, and so many for one account; one for an upload address.
    pub(crate) fn new(most: usize, most_per_account: usize) -> Self {
        Self { most, most_per_account, taken: Mutex::default() }
    }

    /// A place for an upload to the address with this hash, unless there are too many.
    pub(crate) fn take(&self, address: [u8; 32], account: UserId) -> Option<Place<'_>> {
        let mut taken = self.lock();
        let own = taken.accounts.get(&account).copied().unwrap_or_default();
        let is_full = taken.addresses.len() >= self.most || own >= self.most_per_account;
        if is_full || !taken.addresses.insert(address) {
            return None;
        }
        taken.accounts.insert(account, own + 1);
        Some(Place { places: self, address, account })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.addresses.remove(&self.address);
        if let Some(count) = taken.accounts.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                taken.accounts.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_by_account_and_by_address() {
        let places = Places::new(3, 2);
        let (alice, bob, carol) = (UserId(1), UserId(2), UserId(3));
        let one = places.take([1; 32], alice);
        assert!(one.is_some() && places.take([1; 32], alice).is_none());
        let two = places.take([2; 32], alice);
        assert!(two.is_some() && places.take([3; 32], alice).is_none());
        let three = places.take([3; 32], bob);
        assert!(three.is_some() && places.take([4; 32], carol).is_none());
        drop(one);
        assert!(places.take([1; 32], alice).is_some());
        drop((two, three));
        assert!(places.lock().addresses.is_empty() && places.lock().accounts.is_empty());
    }
}

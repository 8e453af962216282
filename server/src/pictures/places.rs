//! `Places`: how many uploads there may be at a time, in all, of one account, from one network, and at one address.
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mig33_peer::Crowd;

use crate::ids::UserId;
use crate::settings::Limits;

/// Counts uploads that are under way. So nobody takes all places, neither with one upload address nor with many accounts.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    most_per_account: usize,
    most_per_peer: u32,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    addresses: HashSet<[u8; 32]>,
    accounts: HashMap<UserId, usize>,
    peers: Crowd,
}

/// An upload that is counted, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    places: &'a Places,
    address: [u8; 32],
    account: UserId,
    peer: Option<IpAddr>,
}

impl Places {
    /// So many places as these limits say; one for an upload address.
    pub(crate) fn new(limits: &Limits) -> Self {
        let peers = Crowd::of(u32::try_from(limits.uploads).unwrap_or(u32::MAX));
        Self {
            most: limits.uploads,
            most_per_account: limits.uploads_per_account,
            most_per_peer: limits.uploads_per_address,
            taken: Mutex::new(Taken { peers, ..Taken::default() }),
        }
    }

    /// A place for an upload to the address with this hash, unless there are too many. `peer` is where it comes from.
    pub(crate) fn take(
        &self,
        address: [u8; 32],
        account: UserId,
        peer: Option<IpAddr>,
    ) -> Option<Place<'_>> {
        let mut taken = self.lock();
        let own = taken.accounts.get(&account).copied().unwrap_or_default();
        let is_full = taken.addresses.len() >= self.most || own >= self.most_per_account;
        if is_full || taken.addresses.contains(&address) {
            return None;
        }
        let counts = |peer: &IpAddr| self.most_per_peer != 0 && !peer.to_canonical().is_loopback();
        let peer = peer.filter(counts);
        if let Some(peer) = peer
            && taken.peers.enter(peer, self.most_per_peer).is_err()
        {
            return None;
        }
        taken.addresses.insert(address);
        taken.accounts.insert(account, own + 1);
        Some(Place { places: self, address, account, peer })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.addresses.remove(&self.address);
        if let Some(peer) = self.peer {
            taken.peers.leave(peer);
        }
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

    fn places(uploads: usize, uploads_per_account: usize, uploads_per_address: u32) -> Places {
        Places::new(&Limits {
            uploads,
            uploads_per_account,
            uploads_per_address,
            ..Limits::default()
        })
    }

    #[test]
    fn places_are_counted_in_all_by_account_and_by_address() {
        let places = places(3, 2, 1);
        let (alice, bob, carol) = (UserId(1), UserId(2), UserId(3));
        let one = places.take([1; 32], alice, None);
        assert!(one.is_some() && places.take([1; 32], alice, None).is_none());
        let two = places.take([2; 32], alice, None);
        assert!(two.is_some() && places.take([3; 32], alice, None).is_none());
        let three = places.take([3; 32], bob, None);
        assert!(three.is_some() && places.take([4; 32], carol, None).is_none());
        drop(one);
        assert!(places.take([1; 32], alice, None).is_some());
        drop((two, three));
        assert!(places.lock().addresses.is_empty() && places.lock().accounts.is_empty());
    }

    #[test]
    fn many_accounts_at_one_place_leave_places_for_others() {
        let places = places(100, 4, 2);
        let take = |n: u8, peer: &str| {
            places.take([n; 32], UserId(u32::from(n)), Some(peer.parse().unwrap()))
        };
        let (one, two) = (take(1, "192.0.2.1"), take(2, "::ffff:192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(take(3, "192.0.2.1").is_none());
        let other = take(4, "192.0.2.2");
        assert!(other.is_some(), "somebody elsewhere");
        let here: Vec<_> = (10..20).map(|n| take(n, "127.0.0.1")).collect();
        assert!(here.iter().all(Option::is_some), "this machine stands for everybody");
        let network = ["2001:db8::1", "2001:db8::2", "2001:db8::3"];
        let v6: Vec<_> = (20..).zip(network).map(|(n, peer)| take(n, peer)).collect();
        assert_eq!(v6.iter().flatten().count(), 2, "an IPv6 network is one");
        drop(one);
        assert!(take(3, "192.0.2.1").is_some());
        drop((two, other, here, v6));
        assert!(places.lock().peers.is_empty() && places.lock().addresses.is_empty());
    }

    #[test]
    fn no_network_has_more_than_a_quarter_of_the_places() {
        let places = places(64, 1, 16);
        let take = |n: u8| {
            let peer = format!("2001:db8:0:{n:x}::1").parse().unwrap();
            places.take([n; 32], UserId(u32::from(n)), Some(peer))
        };
        let taken: Vec<_> = (0..64).filter_map(take).collect();
        assert_eq!(taken.len(), 16);
    }

    #[test]
    fn without_a_number_places_are_not_counted_by_address() {
        let places = places(100, 4, 0);
        let peer = Some("192.0.2.1".parse().unwrap());
        let all: Vec<_> =
            (0..50).map(|n| places.take([n; 32], UserId(u32::from(n)), peer)).collect();
        assert!(all.iter().all(Option::is_some));
        drop(all);
        assert!(places.lock().peers.is_empty() && places.lock().addresses.is_empty());
    }
}

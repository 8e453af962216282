//! `Admission`: how many connections there may be, in all and from one address.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::settings::AddressKey;

/// Counts connections, in all and by address.
#[derive(Debug)]
pub(crate) struct Admission {
    most: usize,
    most_per_address: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<AddressKey, usize>,
}

/// A connection that is counted, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Admitted<'a> {
    admission: &'a Admission,
    address: Option<AddressKey>,
}

impl Admission {
    pub(crate) fn new(most: usize, most_per_address: usize) -> Self {
        Self { most, most_per_address, counts: Mutex::default() }
    }

    /// Counts one more, unless there are too many.
    pub(crate) fn admit(&self, peer: Option<IpAddr>) -> Option<Admitted<'_>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let address = AddressKey::of(peer);
        let here = address
            .map_or(0, |address| counts.by_address.get(&address).copied().unwrap_or_default());
        if counts.all >= self.most || here >= self.most_per_address {
            return None;
        }
        counts.all += 1;
        if let Some(address) = address {
            counts.by_address.insert(address, here + 1);
        }
        Some(Admitted { admission: self, address })
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = counts.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_in_all_and_by_address() {
        let admission = Admission::new(3, 2);
        let peer = |text: &str| Some(text.parse().unwrap());
        let one = admission.admit(peer("192.0.2.1"));
        let two = admission.admit(peer("192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(admission.admit(peer("192.0.2.1")).is_none());
        let three = admission.admit(peer("192.0.2.2"));
        assert!(three.is_some());
        assert!(admission.admit(None).is_none());
        drop(one);
        assert!(admission.admit(peer("192.0.2.1")).is_some());
        drop((two, three));
        assert_eq!(admission.counts.lock().unwrap().all, 0);
        assert!(admission.counts.lock().unwrap().by_address.is_empty());
    }
}

//! `Admission`: how many connections there may be, in all, from one address and from one network.
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::Arrivals;
use super::pace::Rate;

/// How many there may be at a time, and how fast they may come from one network. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Most {
    pub(crate) in_all: u32,
    pub(crate) per_address: u32,
    /// From one /64 of IPv6.
    pub(crate) per_network: u32,
    pub(crate) arrivals: Rate,
}

/// Which limit a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// There are too many.
    InAll,
    /// There are too many from its address.
    Address,
    /// There are too many from its /64.
    Network,
    /// They come too fast; the next may come after this time.
    Arrivals(Duration),
}

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Admission {
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    most: Most,
    in_all: u32,
    by_address: HashMap<IpAddr, u32>,
    by_network: HashMap<Network, u32>,
    arrivals: Arrivals<IpAddr>,
}

/// The first 64 bits of an IPv6 address.
type Network = u64;

/// A connection that is counted, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Admission {
    pub(crate) fn new(most: Most) -> Arc<Self> {
        let counts = Counts {
            most,
            in_all: 0,
            by_address: HashMap::new(),
            by_network: HashMap::new(),
            arrivals: Arrivals::new(most.arrivals),
        };
        Arc::new(Self { counts: Mutex::new(counts) })
    }

    /// Has other limits from now on. Who is here stays.
    pub(crate) fn set(&self, most: Most) {
        let mut counts = self.lock();
        if counts.most.arrivals != most.arrivals {
            counts.arrivals = Arrivals::new(most.arrivals);
        }
        counts.most = most;
    }

    /// Whether one more could come, from somewhere.
    pub(crate) fn has_room(&self) -> bool {
        let counts = self.lock();
        !is_reached(counts.in_all, counts.most.in_all)
    }

    /// Counts one more, unless there are too many. Without an address it counts in all only, and so does loopback.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<Admitted, Over> {
        let address = address.and_then(counted);
        let mut counts = self.lock();
        if is_reached(counts.in_all, counts.most.in_all) {
            return Err(Over::InAll);
        }
        if let Some(ip) = address {
            counts.add(ip, now)?;
        }
        counts.in_all += 1;
        Ok(Admitted { admission: Arc::clone(self), address })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted {
    /// Counts it for this address, unless it is counted for one already or there are too many.
    pub(crate) fn come_from(&mut self, address: IpAddr, now: Instant) -> Result<(), Over> {
        if self.address.is_none()
            && let Some(ip) = counted(address)
        {
            self.admission.lock().add(ip, now)?;
            self.address = Some(ip);
        }
        Ok(())
    }
}

impl Counts {
    fn add(&mut self, ip: IpAddr, now: Instant) -> Result<(), Over> {
        let most = self.most;
        let here = self.by_address.get(&ip).copied().unwrap_or_default();
        if is_reached(here, most.per_address) {
            return Err(Over::Address);
        }
        let near = network(ip).and_then(|network| self.by_network.get(&network).copied());
        if is_reached(near.unwrap_or_default(), most.per_network) {
            return Err(Over::Network);
        }
        self.arrivals.count(arriving(ip), now).map_err(Over::Arrivals)?;
        *self.by_address.entry(ip).or_default() += 1;
        if let Some(network) = network(ip) {
            *self.by_network.entry(network).or_default() += 1;
        }
        Ok(())
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.admission.lock();
        counts.in_all -= 1;
        if let Some(ip) = self.address {
            one_less(&mut counts.by_address, &ip);
            if let Some(network) = network(ip) {
                one_less(&mut counts.by_network, &network);
            }
        }
    }
}

/// What a client is counted by where something else than connections is counted by address: its address, or its /64 of
/// IPv6; none for loopback, which stands for everybody.
pub(crate) fn counted_as(address: IpAddr) -> Option<IpAddr> {
    counted(address).map(arriving)
}

/// The address as it is counted; none for loopback.
fn counted(address: IpAddr) -> Option<IpAddr> {
    Some(address.to_canonical()).filter(|ip| !ip.is_loopback())
}

const fn is_reached(count: u32, most: u32) -> bool {
    most != 0 && count >= most
}

fn network(ip: IpAddr) -> Option<Network> {
    match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some((u128::from(ip) >> 64) as u64),
    }
}

/// What arrivals are counted by: a machine has a whole /64 to come from.
fn arriving(ip: IpAddr) -> IpAddr {
    match network(ip) {
        None => ip,
        Some(network) => Ipv6Addr::from(u128::from(network) << 64).into(),
    }
}

fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
    // after a flood, the room for it is let go of
    if counts.capacity() > 1024 && counts.len() < counts.capacity() / 8 {
        counts.shrink_to(2 * counts.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Most =
        Most { in_all: 6, per_address: 2, per_network: 3, arrivals: Rate::UNLIMITED };

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn other_limits_count_from_now_on_and_who_is_here_stays() {
        let admission = Admission::new(MOST);
        let now = Instant::now();
        let here: Vec<_> = (0..6).map(|_| admission.admit(None, now).unwrap()).collect();
        assert_eq!(admission.admit(None, now).unwrap_err(), Over::InAll);
        admission.set(Most { in_all: 7, ..MOST });
        let one_more = admission.admit(None, now).unwrap();
        admission.set(Most { in_all: 2, ..MOST });
        drop(one_more);
        assert_eq!(admission.admit(None, now).unwrap_err(), Over::InAll);
        drop(here);
        assert!(admission.admit(None, now).is_ok());
    }

    #[test]
    fn they_are_counted_in_all_by_address_and_by_network() {
        let admission = Admission::new(MOST);
        let now = Instant::now();
        let admit = |address| admission.admit(address, now);
        let mut held: Vec<_> =
            ["192.0.2.1", "::ffff:192.0.2.1"].map(|a| admit(ip(a)).unwrap()).into();
        assert_eq!(admit(ip("192.0.2.1")).unwrap_err(), Over::Address);
        held.extend(["2001:db8::1", "2001:db8::2", "2001:db8::1"].map(|a| admit(ip(a)).unwrap()));
        assert_eq!(admit(ip("2001:db8::1")).unwrap_err(), Over::Address);
        assert_eq!(admit(ip("2001:db8::3")).unwrap_err(), Over::Network);
        held.push(admit(ip("2001:db8:0:1::3")).unwrap());
        assert_eq!(admit(ip("192.0.2.9")).unwrap_err(), Over::InAll);
        assert_eq!(admit(None).unwrap_err(), Over::InAll);
        held.remove(0);
        held.push(admit(ip("192.0.2.1")).unwrap());
        drop(held);
        let counts = admission.lock();
        assert_eq!(counts.in_all, 0);
        assert!(counts.by_address.is_empty() && counts.by_network.is_empty());
    }

    #[test]
    fn loopback_stands_for_everybody_and_zero_is_no_limit() {
        let none = Most { in_all: 0, per_address: 0, per_network: 0, arrivals: Rate::UNLIMITED };
        for (most, addresses) in [
            (Most { in_all: 0, ..MOST }, ["127.0.0.1", "::1", "::ffff:127.0.0.9"]),
            (none, ["192.0.2.1", "2001:db8::1", "127.0.0.1"]),
        ] {
            let admission = Admission::new(most);
            let now = Instant::now();
            let held: Vec<_> =
                addresses.iter().cycle().take(60).map(|at| admission.admit(ip(at), now)).collect();
            assert!(held.iter().all(Result::is_ok));
        }
    }

    #[test]
    fn who_comes_too_fast_is_not_counted_as_there() {
        let most = Most { arrivals: Rate { per_s: 2, burst: 1 }, ..MOST };
        let admission = Admission::new(most);
        let now = Instant::now();
        drop(admission.admit(ip("2001:db8::1"), now).unwrap());
        let over = admission.admit(ip("2001:db8::2"), now).unwrap_err();
        assert_eq!(over, Over::Arrivals(Duration::from_millis(500)));
        assert_eq!(admission.lock().in_all, 0);
        assert!(admission.admit(ip("2001:db8::2"), now + Duration::from_millis(500)).is_ok());
        assert!(admission.admit(ip("127.0.0.1"), now).is_ok());
    }

    #[test]
    fn an_address_that_is_known_later_counts_from_then_on_and_once() {
        let admission = Admission::new(MOST);
        let now = Instant::now();
        let mut held: Vec<_> = (0..3).map(|_| admission.admit(None, now).unwrap()).collect();
        let client = ip("192.0.2.1").unwrap();
        held[0].come_from(client, now).unwrap();
        held[0].come_from(client, now).unwrap();
        held[1].come_from(client, now).unwrap();
        assert_eq!(held[2].come_from(client, now), Err(Over::Address));
        held.truncate(1);
        assert_eq!(admission.lock().by_address[&client], 1);
        drop(held);
        assert_eq!(admission.lock().in_all, 0);
        assert!(admission.lock().by_address.is_empty());
    }
}

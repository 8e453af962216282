//! The networks that an address is in, and counting by them.
//!
//! Whoever rents a machine gets a /64 of IPv6, a household a /56, and a /48 is to be had for the asking: a limit for one
//! /64 is no limit for who has 65,536 of them. But in a larger network there are more people, too. So each limit by
//! address holds for the networks around it as well, and grows with them, far more slowly than the number of addresses:
//! four times for a /56, sixteen times for a /48. For IPv4, where a /24 is what one renter may have in a row and what a
//! phone network's gateways share, it is sixteen times for a /24. Where there is a limit in all, none of these larger networks
//! gets more than a quarter of it.
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::bucket::Rate;

/// A network that is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The network's bits, and none behind them: of IPv4, all; of IPv6, the first 64.
    bits: u64,
    /// How many bits it has: 32 and 24 are of IPv4, 64, 56 and 48 of IPv6.
    length: u8,
}

impl Prefix {
    /// The smallest network of an address: the address itself for IPv4, its /64 for IPv6. None for loopback, which
    /// stands for everybody.
    #[must_use]
    pub fn of(address: IpAddr) -> Option<Self> {
        prefixes(address).next().map(|(prefix, _)| prefix)
    }

    /// It as bytes, another for each network.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [self.length; 9];
        bytes[..8].copy_from_slice(&self.bits.to_be_bytes());
        bytes
    }
}

/// The networks of an address, the smallest first, and how many times what an address may have each of them may. None
/// for loopback.
pub fn prefixes(address: IpAddr) -> impl Iterator<Item = (Prefix, u32)> + Clone {
    let (bits, width, lengths): (u64, u8, &[(u8, u32)]) = match address.to_canonical() {
        ip if ip.is_loopback() => (0, 0, &[]),
        IpAddr::V4(ip) => (u64::from(u32::from(ip)), 32, &[(32, 1), (24, 16)]),
        IpAddr::V6(ip) => ((u128::from(ip) >> 64) as u64, 64, &[(64, 1), (56, 4), (48, 16)]),
    };
    lengths.iter().map(move |(length, factor)| {
        let behind = width - length;
        (Prefix { bits: bits >> behind << behind, length: *length }, *factor)
    })
}

/// How many there are at a time, of each network.
#[derive(Clone, Debug, Default)]
pub struct Crowd {
    /// How many there may be in all; 0: as many as come.
    total: u32,
    counts: HashMap<Prefix, u32>,
}

/// Of how many there may be in all, a network gets one part in so many.
const SHARE: u32 = 4;

impl Crowd {
    /// Nobody, of so many that there may be in all; 0: as many as come. Whoever counts has to see to the total.
    #[must_use]
    pub fn of(total: u32) -> Self {
        Self { total, counts: HashMap::new() }
    }

    /// There may be another number in all from now on.
    pub fn set_total(&mut self, total: u32) {
        self.total = total;
    }

    /// Counts one more from an address, of which there may be `max`; 0: as many as come.
    ///
    /// # Errors
    /// There are too many from this network, and nothing is counted.
    pub fn enter(&mut self, address: IpAddr, max: u32) -> Result<(), Prefix> {
        if let Some(full) = self.full(address, max) {
            return Err(full);
        }
        for (prefix, _) in prefixes(address) {
            *self.counts.entry(prefix).or_default() += 1;
        }
        Ok(())
    }

    /// The network of this address from which there are too many already.
    #[must_use]
    pub fn full(&self, address: IpAddr, max: u32) -> Option<Prefix> {
        // one address does not get less than it may, however few there may be in all
        let share = max.max(self.total / SHARE);
        let is_full = |(prefix, factor): &(Prefix, u32)| {
            let here = self.counts.get(prefix).copied().unwrap_or_default();
            let most = max.saturating_mul(*factor);
            max != 0 && here >= if self.total == 0 { most } else { most.min(share) }
        };
        prefixes(address).find(is_full).map(|(prefix, _)| prefix)
    }

    /// One that was counted has gone.
    pub fn leave(&mut self, address: IpAddr) {
        for (prefix, _) in prefixes(address) {
            if let Some(count) = self.counts.get_mut(&prefix) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&prefix);
                }
            }
        }
        // after a flood, the room for it is let go of
        if self.counts.capacity() > 1024 && self.counts.len() < self.counts.capacity() / 8 {
            self.counts.shrink_to(2 * self.counts.len());
        }
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// Entries from which on those that say nothing are looked for.
const MANY: usize = 1_000;
/// The most entries. A network that comes while it is full of others is not counted: other limits still hold, and those
/// who filled it stay slowed.
const MOST: usize = 100_000;
/// How long a table with many entries that all say something is not looked through again.
const PAUSE: Duration = Duration::from_secs(1);

/// How fast something comes from each network, in a table that cannot grow without end.
///
/// A crate for rate limits would keep an entry for everybody who ever came until it is told to look through them all.
/// Here an entry is one point in time, and one that lies in the past says nothing: it can go at any time.
#[derive(Clone, Debug)]
pub struct Arrivals {
    rate: Rate,
    /// When each network's bucket is full again.
    full_at: HashMap<Prefix, Instant>,
    /// With how many entries they are looked through again: twice what was left, so that it costs little each.
    look_at: usize,
    /// Not before this time, either.
    look_after: Option<Instant>,
}

impl Arrivals {
    /// Nobody has come yet; so many may, from one address.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, full_at: HashMap::new(), look_at: MANY, look_after: None }
    }

    /// Counts so much for all networks of an address.
    ///
    /// # Errors
    /// There was too much from one of them, and nothing is counted; how long until it may come.
    pub fn count(&mut self, address: IpAddr, amount: u32, now: Instant) -> Result<(), Duration> {
        if !self.rate.is_limit() {
            return Ok(());
        }
        self.forget(now);
        let counted = self.after(address, amount, now).collect::<Result<Vec<_>, Duration>>()?;
        for (prefix, full_at) in counted {
            if self.full_at.len() < MOST || self.full_at.contains_key(&prefix) {
                self.full_at.insert(prefix, full_at);
            }
        }
        Ok(())
    }

    /// Whether so much could be counted now; nothing is.
    ///
    /// # Errors
    /// There was too much from a network of the address; how long until it may come.
    pub fn check(&self, address: IpAddr, amount: u32, now: Instant) -> Result<(), Duration> {
        if self.rate.is_limit() {
            self.after(address, amount, now).try_for_each(|after| after.map(|_| ()))?;
        }
        Ok(())
    }

    /// When the buckets of an address's networks are full again after so much.
    fn after(
        &self,
        address: IpAddr,
        amount: u32,
        now: Instant,
    ) -> impl Iterator<Item = Result<(Prefix, Instant), Duration>> {
        prefixes(address).map(move |(prefix, factor)| {
            let full_at = self.full_at.get(&prefix).copied().unwrap_or(now);
            Ok((prefix, self.rate.times(factor).after(full_at, amount, now)?))
        })
    }

    fn forget(&mut self, now: Instant) {
        let due = self.look_after.is_none_or(|at| now >= at);
        if due && self.full_at.len() >= self.look_at {
            self.full_at.retain(|_, at| *at > now);
            self.look_at = (2 * self.full_at.len()).clamp(MANY, MOST);
            self.look_after = (self.full_at.len() > MOST / 2).then(|| now + PAUSE);
            self.full_at.shrink_to(self.look_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_in_networks_that_may_have_ever_more() {
        let all = |text| prefixes(ip(text)).collect::<Vec<_>>();
        let factors = |text| all(text).iter().map(|(_, factor)| *factor).collect::<Vec<_>>();
        assert_eq!(factors("192.0.2.1"), [1, 16]);
        assert_eq!(factors("2001:db8::1"), [1, 4, 16]);
        for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.9"] {
            assert_eq!(all(loopback), []);
            assert_eq!(Prefix::of(ip(loopback)), None);
        }
        assert_eq!(all("::ffff:192.0.2.1"), all("192.0.2.1"));
        let shared = |one, two| {
            let (one, two) = (all(one), all(two));
            one.iter().filter(|network| two.contains(network)).count()
        };
        for (one, two, both) in [
            ("192.0.2.1", "192.0.2.2", 1),
            ("192.0.2.1", "192.0.3.1", 0),
            ("2001:db8::1", "2001:db8::2", 3),
            ("2001:db8::1", "2001:db8:0:1::1", 2),
            ("2001:db8::1", "2001:db8:0:100::1", 1),
            ("2001:db8::1", "2001:db8:1::1", 0),
        ] {
            assert_eq!(shared(one, two), both, "{one} {two}");
        }
        assert_ne!(
            Prefix::of(ip("2001:db8::1")).unwrap().to_bytes(),
            Prefix::of(ip("192.0.2.1")).unwrap().to_bytes()
        );
    }

    #[test]
    fn a_crowd_is_counted_in_each_network() {
        let mut crowd = Crowd::default();
        let from = |n: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, n, 0, 0, 0, 1));
        // one /57 has 128 networks of 64 bits
        let came: Vec<IpAddr> =
            (0..512).map(|n| from(n % 128)).filter(|at| crowd.enter(*at, 2).is_ok()).collect();
        assert_eq!(came.len(), 8, "four times what one /64 may");
        assert_eq!(crowd.enter(from(1), 2), Err(prefixes(from(1)).nth(1).unwrap().0));
        // a /48 has 256 of these
        let more: Vec<IpAddr> =
            (0..65_535).map(from).filter(|at| crowd.enter(*at, 2).is_ok()).collect();
        assert_eq!(came.len() + more.len(), 32);
        assert!(crowd.enter(ip("2001:db8:1::1"), 2).is_ok(), "another is not concerned");
        assert!(crowd.enter(ip("127.0.0.1"), 1).is_ok() && crowd.enter(ip("127.0.0.1"), 1).is_ok());
        for at in came.into_iter().chain(more).chain([ip("2001:db8:1::1")]) {
            crowd.leave(at);
        }
        assert!(crowd.is_empty());
        assert!((0..100).all(|_| crowd.enter(from(0), 0).is_ok()), "0 is no limit");
    }

    #[test]
    fn a_network_has_no_more_than_a_quarter_of_all() {
        let held = |total, max, from: &dyn Fn(u16) -> IpAddr| {
            let mut crowd = Crowd::default();
            crowd.set_total(total);
            (0..65_535).filter(|n| crowd.enter(from(*n), max).is_ok()).count()
        };
        let v4 = |n: u16| IpAddr::from(Ipv4Addr::new(192, 0, 2, n as u8));
        let of_56 = |n: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, n % 256, 0, 0, 0, 1));
        let of_48 = |n: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, n, 0, 0, 0, 1));
        assert_eq!(held(4_000, 200, &v4), 1_000);
        assert_eq!(held(4_000, 200, &of_56), 800);
        assert_eq!(held(4_000, 200, &of_48), 1_000);
        assert_eq!(held(64, 16, &of_56), 16);
        assert_eq!(held(0, 200, &of_48), 3_200, "no total");
        assert_eq!(held(10, 5, &of_48), 5, "what one address may, a network may");
    }

    #[test]
    fn what_is_checked_is_not_counted() {
        let now = Instant::now();
        let mut arrivals = Arrivals::new(Rate::new(1, 1, Duration::from_secs(1)));
        assert!((0..9).all(|_| arrivals.check(ip("192.0.2.1"), 1, now).is_ok()));
        assert_eq!(arrivals.count(ip("192.0.2.1"), 1, now), Ok(()));
        assert_eq!(arrivals.check(ip("192.0.2.1"), 1, now), Err(Duration::from_secs(1)));
        assert!((0..9).all(|_| Arrivals::new(Rate::OFF).check(ip("192.0.2.1"), 1, now).is_ok()));
    }

    #[test]
    fn arrivals_have_a_burst_and_then_the_rate_in_each_network() {
        let now = Instant::now();
        let mut arrivals = Arrivals::new(Rate::new(3, 4, Duration::from_secs(1)));
        let from = |n: u8| IpAddr::from(Ipv4Addr::new(192, 0, 2, n));
        for _ in 0..3 {
            assert_eq!(arrivals.count(from(1), 1, now), Ok(()));
        }
        assert_eq!(arrivals.count(from(1), 1, now), Err(Duration::from_millis(250)));
        assert_eq!(arrivals.count(from(2), 3, now), Ok(()), "another is not concerned");
        let later = now + Duration::from_millis(250);
        assert_eq!(arrivals.count(from(1), 1, later), Ok(()), "who was refused is not counted");
        assert!(arrivals.count(from(1), 1, later).is_err());
        let mut arrivals = Arrivals::new(Rate::new(3, 4, Duration::from_secs(1)));
        let come = (0..=255).cycle().take(2000);
        assert_eq!(come.filter(|n| arrivals.count(from(*n), 1, now).is_ok()).count(), 48);
        let mut off = Arrivals::new(Rate::OFF);
        assert!((0..1000).all(|_| off.count(from(1), 1, now).is_ok()));
        assert!(off.full_at.is_empty());
    }

    #[test]
    fn the_table_does_not_grow_without_end_and_forgets_nobody_who_is_too_fast() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(Rate::new(1, 1, Duration::from_secs(1)));
        let from = |n: u32| IpAddr::from(Ipv4Addr::from(n << 8));
        let first = from(0xc0_0002);
        assert_eq!(arrivals.count(first, 1, start), Ok(()));
        for n in 0..2 * MOST as u32 {
            let _ = arrivals.count(from(n), 1, start);
        }
        assert_eq!(arrivals.full_at.len(), MOST);
        assert!(arrivals.count(first, 1, start).is_err());
        let later = start + Duration::from_secs(2);
        assert_eq!(arrivals.count(first, 1, later), Ok(()));
        assert_eq!(arrivals.full_at.len(), 2);
        assert!(arrivals.full_at.capacity() < 4 * MANY);
    }
}

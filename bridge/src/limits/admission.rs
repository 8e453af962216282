//! `Admission`: how many connections there may be, in all, from one address and from the networks around it.
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mig33_peer::{Arrivals, Crowd, Prefix};
use tokio::time::Instant;

use super::pace::Rate;

/// Limits on the number of places and on the rate of arrivals. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Most {
    pub(crate) in_all: u32,
    /// From one address; of IPv4, also the networks around it go by this.
    pub(crate) per_address: u32,
    /// From one /64 of IPv6; the networks around it go by this.
    pub(crate) per_network: u32,
    /// From one IPv4 address or one /64 of IPv6, and the networks around them.
    pub(crate) arrivals: Rate,
}

/// Which limit a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// There are too many.
    InAll,
    /// There are too many from its address.
    Address,
    /// There are too many from a network that it is in.
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
    /// IPv6 addresses; those of IPv4 are networks of their own.
    by_address: HashMap<Ipv6Addr, u32>,
    crowd: Crowd,
    arrivals: Arrivals,
}

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
            crowd: Crowd::of(most.in_all),
            arrivals: arrivals(most),
        };
        Arc::new(Self { counts: Mutex::new(counts) })
    }

    /// Has other limits from now on. Who is here stays.
    pub(crate) fn set(&self, most: Most) {
        let mut counts = self.lock();
        counts.crowd.set_total(most.in_all);
        if counts.most.arrivals != most.arrivals {
            counts.arrivals = arrivals(most);
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
        self.admit_or(address, now, || false)
    }

    /// The same; where there are too many in all, one of them may be sent away for it. Until that one has gone there are
    /// more than there may be, by a tenth at most.
    pub(crate) fn admit_or(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        now: Instant,
        make_room: impl FnOnce() -> bool,
    ) -> Result<Admitted, Over> {
        let address = address.and_then(counted);
        let mut counts = self.lock();
        if let Some(ip) = address {
            counts.may_come(ip)?;
        }
        let most = counts.most.in_all;
        if is_reached(counts.in_all, most) {
            // who comes too fast is refused anyway: nobody has to go for that
            if let Some(ip) = address {
                counts.arrivals.check(ip, 1, now.into_std()).map_err(Over::Arrivals)?;
            }
            if counts.in_all > most.saturating_add(most / 10) || !make_room() {
                return Err(Over::InAll);
            }
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
    /// Whether there are not too many from there.
    fn may_come(&self, ip: IpAddr) -> Result<(), Over> {
        let most = self.most;
        let per_network = match ip {
            IpAddr::V4(_) => most.per_address,
            IpAddr::V6(ip) => {
                let here = self.by_address.get(&ip).copied().unwrap_or_default();
                if is_reached(here, most.per_address) {
                    return Err(Over::Address);
                }
                most.per_network
            }
        };
        match self.crowd.full(ip, per_network) {
            None => Ok(()),
            Some(full) if ip.is_ipv4() && Prefix::of(ip) == Some(full) => Err(Over::Address),
            Some(_) => Err(Over::Network),
        }
    }

    fn add(&mut self, ip: IpAddr, now: Instant) -> Result<(), Over> {
        self.may_come(ip)?;
        self.arrivals.count(ip, 1, now.into_std()).map_err(Over::Arrivals)?;
        let _ = self.crowd.enter(ip, 0); // there is room for it
        if let IpAddr::V6(ip) = ip {
            *self.by_address.entry(ip).or_default() += 1;
        }
        Ok(())
    }

    fn leave(&mut self, ip: IpAddr) {
        self.crowd.leave(ip);
        if let IpAddr::V6(ip) = ip
            && let Some(count) = self.by_address.get_mut(&ip)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&ip);
            }
        }
        // after a flood, the room for it is let go of
        let (capacity, len) = (self.by_address.capacity(), self.by_address.len());
        if capacity > 1024 && len < capacity / 8 {
            self.by_address.shrink_to(2 * len);
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.admission.lock();
        counts.in_all -= 1;
        if let Some(ip) = self.address {
            counts.leave(ip);
        }
    }
}

fn arrivals(most: Most) -> Arrivals {
    let Rate { per_s, burst } = most.arrivals;
    Arrivals::new(mig33_peer::Rate::new(burst.max(1), per_s, Duration::from_secs(1)))
}

/// The address as it is counted; none for loopback.
fn counted(address: IpAddr) -> Option<IpAddr> {
    Some(address.to_canonical()).filter(|ip| !ip.is_loopback())
}

const fn is_reached(count: u32, most: u32) -> bool {
    most != 0 && count >= most
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
    fn somebody_may_be_sent_away_for_who_comes() {
        let admission = Admission::new(Most { in_all: 20, ..MOST });
        let now = Instant::now();
        let mut held: Vec<_> = (0..20).map(|_| admission.admit(None, now).unwrap()).collect();
        assert_eq!(admission.admit_or(None, now, || false).unwrap_err(), Over::InAll);
        // those who are sent away take a while
        held.extend((0..10).map_while(|_| admission.admit_or(None, now, || true).ok()));
        assert_eq!(held.len(), 23);
        held.truncate(19);
        assert!(admission.admit_or(None, now, || unreachable!("there is room")).is_ok());
    }

    #[test]
    fn who_comes_too_fast_sends_nobody_away() {
        let arrivals = Rate { per_s: 1, burst: 1 };
        let most = Most { in_all: 20, per_address: 0, per_network: 0, arrivals };
        let admission = Admission::new(most);
        let now = Instant::now();
        let _here: Vec<_> = (0..20).map(|_| admission.admit(None, now).unwrap()).collect();
        let mut sent_away = 0;
        let mut come = || {
            admission.admit_or(ip("192.0.2.1"), now, || {
                sent_away += 1;
                true
            })
        };
        let _first = come().unwrap();
        for _ in 0..5 {
            assert!(matches!(come(), Err(Over::Arrivals(_))));
        }
        assert_eq!(sent_away, 1);
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
        held.push(admit(ip("2001:db8:1::3")).unwrap());
        assert_eq!(admit(ip("198.51.100.9")).unwrap_err(), Over::InAll);
        assert_eq!(admit(None).unwrap_err(), Over::InAll);
        held.remove(0);
        held.push(admit(ip("192.0.2.1")).unwrap());
        drop(held);
        let counts = admission.lock();
        assert_eq!(counts.in_all, 0);
        assert!(counts.by_address.is_empty() && counts.crowd.is_empty());
    }

    #[test]
    fn a_57_of_ipv6_and_a_24_of_ipv4_have_limits_of_their_own() {
        let most = Most { in_all: 10_000, per_address: 2, per_network: 3, ..MOST };
        let admission = Admission::new(most);
        let now = Instant::now();
        let six = (0..10_000).map(|n| ip(&format!("2001:db8:0:{:x}::{n:x}", n % 128)));
        let four = (0..10_000).map(|n| ip(&format!("192.0.2.{}", n % 256)));
        let held: Vec<_> = six.filter_map(|at| admission.admit(at, now).ok()).collect();
        assert_eq!(held.len(), 12, "four times what one /64 may");
        let more: Vec<_> = four.filter_map(|at| admission.admit(at, now).ok()).collect();
        assert_eq!(more.len(), 32, "sixteen times what one address may");
        assert_eq!(admission.admit(ip("2001:db8::1"), now).unwrap_err(), Over::Network);
        assert_eq!(admission.admit(ip("192.0.2.77"), now).unwrap_err(), Over::Network);
        let most = Most { arrivals: Rate { per_s: 1, burst: 5 }, in_all: 0, ..most };
        let admission = Admission::new(Most { per_address: 0, per_network: 0, ..most });
        let all = (0..10_000).map(|n| ip(&format!("2001:db8:0:{n:x}::1")));
        assert_eq!(all.filter(|at| admission.admit(*at, now).is_ok()).count(), 5 * 16);
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
        let mut more = admission.admit(None, now).unwrap();
        assert_eq!(more.come_from(client, now), Ok(()), "one of two is there");
        drop((held, more));
        assert_eq!(admission.lock().in_all, 0);
        assert!(admission.lock().crowd.is_empty());
    }
}

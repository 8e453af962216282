//! `Addresses`: how fast connections, log-ins and registrations come from each address and the networks around it.
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mig33_peer::{Arrivals, Rate};

use crate::settings::Limits;

/// What an ordinary log-in takes, LOGIN and LOGIN_RESPONSE together, in the costs of the command table.
const LOGIN_COST: u32 = 4;

/// How fast clients come.
#[derive(Debug)]
pub(crate) struct Addresses {
    connects: Mutex<Arrivals>,
    before_login: Mutex<Arrivals>,
    registrations: Mutex<Arrivals>,
}

impl Addresses {
    pub(crate) fn new(limits: &Limits) -> Self {
        let second = Duration::from_secs(1);
        let hour = Duration::from_secs(60 * 60);
        let of = |rate| Mutex::new(Arrivals::new(rate));
        let registrations = limits.registrations_per_hour;
        Self {
            connects: of(Rate::new(limits.connect_burst, limits.connects_per_s, second)),
            before_login: of(Rate::new(
                limits.login_burst.saturating_mul(LOGIN_COST),
                limits.logins_per_s.saturating_mul(LOGIN_COST),
                second,
            )),
            registrations: of(Rate::new(registrations, registrations, hour)),
        }
    }

    /// Counts a connection; when they come too fast from there, how long to wait. Who has no address is not counted,
    /// here and below.
    pub(crate) fn connect(&self, peer: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        count(&self.connects, peer, 1, now)
    }

    /// Counts a request of somebody who is not logged in, of which a log-in is made.
    pub(crate) fn before_login(
        &self,
        peer: Option<IpAddr>,
        cost: u32,
        now: Instant,
    ) -> Result<(), Duration> {
        count(&self.before_login, peer, cost, now)
    }

    /// Counts a registration.
    pub(crate) fn register(&self, peer: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        count(&self.registrations, peer, 1, now)
    }
}

fn count(
    arrivals: &Mutex<Arrivals>,
    peer: Option<IpAddr>,
    amount: u32,
    now: Instant,
) -> Result<(), Duration> {
    let Some(peer) = peer else { return Ok(()) };
    arrivals.lock().unwrap_or_else(PoisonError::into_inner).count(peer, amount, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn registrations_are_counted_by_address() {
        let limits = Limits { registrations_per_hour: 60, ..Limits::default() };
        let (addresses, now) = (Addresses::new(&limits), Instant::now());
        let all = |peer, now| (0..100).filter(|_| addresses.register(peer, now).is_ok()).count();
        assert_eq!(all(address("192.0.2.1"), now), 60);
        assert_eq!(all(address("192.0.2.2"), now), 60);
        assert_eq!(all(address("192.0.2.1"), now + Duration::from_secs(600)), 10);
        assert_eq!(all(address("127.0.0.1"), now), 100);
        assert_eq!(all(None, now), 100);
    }

    #[test]
    fn a_57_of_ipv6_registers_four_times_as_much_as_one_machine() {
        let (addresses, now) = (Addresses::new(&Limits::default()), Instant::now());
        let from = |n: u32| address(&format!("2001:db8:0:{:x}::1", n % 128));
        assert_eq!((0..2000).filter(|n| addresses.register(from(*n), now).is_ok()).count(), 80);
    }

    #[test]
    fn an_hour_gives_back_as_many_registrations_as_it_may_have() {
        let home = address("192.0.2.1");
        for registrations_per_hour in [1, 2, 3, 7, 20] {
            let limits = Limits { registrations_per_hour, ..Limits::default() };
            let (addresses, now) = (Addresses::new(&limits), Instant::now());
            let all = |now| (0..30).filter(|_| addresses.register(home, now).is_ok()).count();
            assert_eq!(all(now), registrations_per_hour as usize);
            let wait = addresses.register(home, now).unwrap_err();
            let each = Duration::from_secs(3600) / registrations_per_hour;
            assert_eq!(wait, each, "{registrations_per_hour} an hour");
            assert!(addresses.register(home, now + wait).is_ok());
            assert_eq!(
                all(now + wait + 2 * Duration::from_secs(3600)),
                registrations_per_hour as usize
            );
        }
        let off = Addresses::new(&Limits { registrations_per_hour: 0, ..Limits::default() });
        let now = Instant::now();
        assert!((0..1000).all(|_| off.register(home, now).is_ok()));
    }

    #[test]
    fn log_ins_are_counted_by_address() {
        let limits = Limits { login_burst: 5, logins_per_s: 1, ..Limits::default() };
        let (addresses, now) = (Addresses::new(&limits), Instant::now());
        let home = address("192.0.2.1");
        let log_in =
            || addresses.before_login(home, 2, now).and(addresses.before_login(home, 2, now));
        assert_eq!((0..20).filter(|_| log_in().is_ok()).count(), 5);
        assert_eq!(addresses.before_login(home, 4, now), Err(Duration::from_secs(1)));
    }
}

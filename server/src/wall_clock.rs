//! `WallClock`: the time of day that goes on evenly, whatever is done to the machine's clock meanwhile. No I/O.
//!
//! A message that is stored while the machine's clock is a year ahead would put its chat a year ahead for good, since
//! times within a chat increase. So the service takes the time of day once, when it starts, and goes on by the monotonic
//! clock. What the machine's clock is off by then is made up slowly; a jump is told, and not followed.
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use rustix::time::{ClockId, clock_gettime};

use crate::clock::{Clock, Millis, SystemClock};

/// Microseconds by which the machine's clock may change against the monotonic one, between two looks at both, without
/// that being a jump.
const JUMP: i64 = 5_000_000;
/// Of so many microseconds, one may be left out or put in to come closer to the machine's clock.
const SLEW: i64 = 2_000;
/// After how many microseconds it is looked anew how much there is to make up.
const LOOK: i64 = 1_000_000;

/// The time of day on an even course.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// A point of the course, in microseconds: on the monotonic clock, and the time of day.
    since: i64,
    time: i64,
    /// What was to be made up from there.
    due: i64,
    /// How far the machine's clock was ahead at the last look.
    ahead: i64,
}

/// What a look at both clocks shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The time of day.
    pub now: Millis,
    /// How far the machine's clock is ahead of it, in microseconds.
    pub ahead: i64,
    /// By how many microseconds the machine's clock has jumped since the last look, where it has.
    pub jumped: Option<i64>,
}

impl WallClock {
    /// Takes the time of day from the machine's clock.
    #[must_use]
    pub fn new(monotonic: Duration, system: Millis) -> Self {
        Self { since: micros(monotonic), time: of_day(system), due: 0, ahead: 0 }
    }

    /// The time of day at a moment that both clocks tell.
    pub fn look(&mut self, monotonic: Duration, system: Millis) -> Look {
        let passed = (micros(monotonic) - self.since).max(0);
        let most = passed / SLEW;
        let time = self.time + passed + self.due.clamp(-most, most);
        let ahead = of_day(system) - time;
        let jumped = Some(ahead - self.ahead).filter(|by| by.abs() > JUMP);
        self.ahead = ahead;
        if passed >= LOOK {
            *self = Self { since: self.since + passed, time, due: ahead, ahead };
        }
        Look { now: Millis(u64::try_from(time / 1000).unwrap_or(0)), ahead, jumped }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}

fn of_day(time: Millis) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX).saturating_mul(1000).min(i64::MAX / 4)
}

/// What is told of the machine's clock.
#[derive(Clone, Debug, Default)]
pub struct ClockFigures {
    /// Its jumps.
    pub jumps: Counter<u64, AtomicU64>,
    /// By how many seconds it is ahead of the service's.
    pub ahead: Gauge<f64, AtomicU64>,
}

/// A [`WallClock`] on the machine's clocks.
#[derive(Debug)]
pub struct SteadyClock {
    clock: Mutex<WallClock>,
    system: Arc<dyn Clock>,
    monotonic: fn() -> Duration,
    figures: ClockFigures,
}

impl SteadyClock {
    /// One that begins now.
    #[must_use]
    pub fn new(figures: ClockFigures) -> Self {
        Self::over(Arc::new(SystemClock), since_boot, figures)
    }

    /// The same, over another clock of the machine and another monotonic one.
    #[must_use]
    pub fn over(
        system: Arc<dyn Clock>,
        monotonic: fn() -> Duration,
        figures: ClockFigures,
    ) -> Self {
        let clock = Mutex::new(WallClock::new(monotonic(), system.now()));
        Self { clock, system, monotonic, figures }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Millis {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let Look { now, ahead, jumped } = clock.look((self.monotonic)(), self.system.now());
        drop(clock);
        #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
        let seconds = |micros: i64| micros as f64 / 1e6;
        self.figures.ahead.set(seconds(ahead));
        if let Some(by) = jumped {
            self.figures.jumps.inc();
            tracing::warn!(
                jumped_s = seconds(by),
                ahead_s = seconds(ahead),
                "the machine's clock has jumped, and the service's goes on as it was: once the machine's is right, a \
                 restart takes it over"
            );
        }
        now
    }
}

/// The time since the machine was started, the time in which it slept included.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800_000_000_000;
    const YEAR: u64 = 365 * 24 * 3600 * 1000;

    /// Looks at clocks of which the machine's is so many milliseconds ahead of an even course.
    fn look(clock: &mut WallClock, millis: u64, ahead: i64) -> Look {
        let system = START.checked_add_signed(ahead).unwrap() + millis;
        clock.look(Duration::from_millis(millis), Millis(system))
    }

    #[test]
    fn a_jump_is_told_once_and_not_followed() {
        let mut clock = WallClock::new(Duration::ZERO, Millis(START));
        assert_eq!(look(&mut clock, 1000, 0).now, Millis(START + 1000));
        let jump = look(&mut clock, 2000, YEAR as i64);
        assert_eq!((jump.now, jump.jumped), (Millis(START + 2000), Some(YEAR as i64 * 1000)));
        for second in 3..600 {
            let after = look(&mut clock, second * 1000, YEAR as i64);
            assert_eq!(after.jumped, None);
            let lead = after.now.0 - (START + second * 1000);
            assert!(lead <= 300, "{lead} ms in ten minutes");
        }
        let back = look(&mut clock, 600_000, 0);
        assert_eq!(back.jumped.map(|by| by / 1_000_000), Some(-(YEAR as i64) / 1000));
        // what it has gone ahead meanwhile is made up
        for second in 601..1300 {
            assert_eq!(look(&mut clock, second * 1000, 0).jumped, None);
        }
        assert_eq!(look(&mut clock, 1_300_000, 0).now, Millis(START + 1_300_000));
    }

    #[test]
    fn small_differences_are_made_up_and_time_never_goes_back() {
        for ahead in [-400, -3, 7, 900] {
            let mut clock = WallClock::new(Duration::ZERO, Millis(START));
            let mut last = Millis(START);
            // however often somebody looks
            for tick in 0..2_000_000_u64 {
                let Look { now, jumped, .. } = look(&mut clock, tick, ahead);
                assert!(now >= last && now.0 - last.0 <= 2 && jumped.is_none());
                last = now;
            }
            assert_eq!(last.0 + 1 - START, 2_000_000_u64.checked_add_signed(ahead).unwrap());
        }
    }

    #[test]
    fn who_looks_seldom_does_not_make_up_too_much() {
        let mut clock = WallClock::new(Duration::ZERO, Millis(START));
        look(&mut clock, 1000, 30);
        assert_eq!(look(&mut clock, 3_600_000, 30).now, Millis(START + 3_600_030));
        assert_eq!(look(&mut clock, 7_200_000, 30).now, Millis(START + 7_200_030));
    }
}

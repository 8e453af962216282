//! Packets by command: a tally for one batch of packets, and the counters that it goes to.
use std::sync::{LazyLock, OnceLock};

use mig33_codec::{Command, Header, catalogue};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The place of each command in the catalogue, from 1; 0 for those that are in none, whatever a peer makes up.
static PLACES: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let last = catalogue().iter().map(|packet| packet.command.0).max().unwrap_or_default();
    let mut places = vec![0; usize::from(last) + 1].into_boxed_slice();
    for (packet, place) in catalogue().iter().zip(1..=u8::MAX) {
        if let Some(entry) = places.get_mut(usize::from(packet.command.0)) {
            *entry = place;
        }
    }
    places
});

fn place(command: Command) -> u8 {
    PLACES.get(usize::from(command.0)).copied().unwrap_or_default()
}

/// How many packets of each command a batch has. Batches have few commands, and the shared counters are touched once for
/// each of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Vec<(u8, u64)>,
}

impl Tally {
    /// One more packet with this header.
    pub(crate) fn add(&mut self, header: &Header) {
        let place = place(header.command);
        match self.counts.iter_mut().find(|(known, _)| *known == place) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((place, 1)),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many there are, of all commands; the tally is empty then.
    #[cfg(test)]
    pub(crate) fn take_total(&mut self) -> u64 {
        self.counts.drain(..).map(|(_, count)| count).sum()
    }
}

/// The counters of one direction, made when they are needed.
#[derive(Debug)]
pub(super) struct PacketCounters {
    direction: &'static str,
    family: Family<PacketLabels, Counter>,
    by_place: Vec<OnceLock<Counter>>,
}

/// A packet's direction and command; `other` for those that are in no catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PacketLabels {
    direction: &'static str,
    command: &'static str,
}

impl PacketCounters {
    pub(super) fn new(direction: &'static str, family: Family<PacketLabels, Counter>) -> Self {
        let by_place = (0..=catalogue().len()).map(|_| OnceLock::new()).collect();
        Self { direction, family, by_place }
    }

    /// Counts a batch, and empties the tally.
    pub(super) fn count(&self, tally: &mut Tally) {
        for (place, count) in tally.counts.drain(..) {
            let place = usize::from(place);
            if let Some(counter) = self.by_place.get(place) {
                counter.get_or_init(|| self.counter(place)).inc_by(count);
            }
        }
    }

    fn counter(&self, place: usize) -> Counter {
        let packet = place.checked_sub(1).and_then(|at| catalogue().get(at));
        let command = packet.map_or("other", |packet| packet.name);
        self.family.get_or_create_owned(&PacketLabels { direction: self.direction, command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_place_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for packet in catalogue() {
            let place = place(packet.command);
            assert!(place > 0 && seen.insert(place), "{}", packet.name);
            assert_eq!(catalogue()[usize::from(place) - 1].name, packet.name);
        }
        for unknown in [60_000, u16::MAX] {
            assert_eq!(place(Command(unknown)), 0);
        }
    }

    #[test]
    fn a_batch_is_counted_once_by_command_and_what_is_made_up_is_one() {
        let header = |command| Header { command: Command(command), transaction: 0, length: 0 };
        let family = Family::default();
        let counters = PacketCounters::new("to_upstream", family.clone());
        let mut tally = Tally::default();
        for command in [2, 2, 500, 60_000, 60_001, 2] {
            tally.add(&header(command));
        }
        counters.count(&mut tally);
        counters.count(&mut tally);
        for (command, count) in [("PING", 3), ("MESSAGE", 1), ("other", 2)] {
            let labels = PacketLabels { direction: "to_upstream", command };
            assert_eq!(family.get_or_create(&labels).get(), count, "{command}");
        }
    }
}

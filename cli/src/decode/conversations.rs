//! `Conversations`: the TCP connections of a capture, and which of them speak mig33.
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::SystemTime;

use super::link::TcpRecord;
use super::tcp::{Half, Piece};
use crate::print::{Note, Origin, Printer, Side};
use crate::stream::{Broken, Event, Reader};

/// The port that the service has always had.
const SERVICE_PORT: u16 = 9119;
/// The most bytes of a connection that are looked at for a first packet.
const MOST_HELD: usize = 1 << 20;

/// All TCP connections of a capture.
pub(crate) struct Conversations {
    open: HashMap<(SocketAddr, SocketAddr), Conversation>,
    /// Other connections than those with these ports are left out, if there are any.
    only: Vec<u16>,
    /// The connections with these ports are read whatever is in them.
    ports: Vec<u16>,
    /// Records of TCP that the capture has not all of.
    cut: u64,
    /// How many were found to speak mig33.
    found: u64,
    /// Those that do not, and how many bytes they had.
    others: Vec<(SocketAddr, SocketAddr, u64)>,
}

/// One connection. Its two ends are 0 and 1.
struct Conversation {
    ends: [SocketAddr; 2],
    halves: [Half; 2],
    readers: [Option<Reader>; 2],
    /// Which end has begun it, if the capture tells.
    client: Option<usize>,
    kind: Kind,
    bytes: u64,
    /// Whether it is read whatever is in it.
    forced: bool,
    closed: bool,
}

enum Kind {
    /// Not yet known: what has come so far.
    Unknown(Vec<(usize, SystemTime, Vec<Event>)>),
    /// It speaks mig33 and has this number; the client is this end.
    Mig33(u64, usize),
    /// It speaks something else.
    Other,
}

/// What a side begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// A packet that has a name.
    Named,
    /// Another packet.
    Packet,
    /// Something else.
    Other,
    /// Nothing yet, or the capture does not have it.
    Unknown,
}

impl Conversations {
    /// None yet.
    pub(crate) fn new(ports: &[u16]) -> Self {
        Self {
            open: HashMap::new(),
            only: ports.to_vec(),
            ports: [ports, &[SERVICE_PORT]].concat(),
            cut: 0,
            found: 0,
            others: Vec::new(),
        }
    }

    /// Reads the connections with this port whatever is in them.
    pub(crate) fn add_port(&mut self, port: u16) {
        if !self.ports.contains(&port) {
            self.ports.push(port);
        }
    }

    /// How many speak mig33.
    pub(crate) const fn found(&self) -> u64 {
        self.found
    }

    /// How many records were cut short.
    pub(crate) const fn cut(&self) -> u64 {
        self.cut
    }

    /// How many were seen.
    pub(crate) fn seen(&self) -> u64 {
        self.found + self.others.len() as u64
    }

    /// Takes a segment and prints what it completes.
    pub(crate) fn take(
        &mut self,
        record: TcpRecord,
        time: SystemTime,
        printer: &mut Printer,
    ) -> io::Result<()> {
        let ports = [record.source.port(), record.destination.port()];
        if !self.only.is_empty() && !ports.iter().any(|port| self.only.contains(port)) {
            return Ok(());
        }
        self.cut += u64::from(record.segment.cut > 0);
        let forced = ports.iter().any(|port| self.ports.contains(port));
        let ends = [record.source.min(record.destination), record.source.max(record.destination)];
        let from = usize::from(record.source != ends[0]);
        let key = (ends[0], ends[1]);
        let known = self.open.get(&key);
        if known.is_some_and(|known| known.halves[from].is_other_beginning(&record.segment)) {
            self.end(key, time, printer)?;
        }
        let conversation = self.open.entry(key).or_insert_with(|| Conversation::new(ends));
        if conversation.closed {
            return Ok(());
        }
        conversation.forced = forced;
        conversation.take(from, record, time, &mut self.found, printer)
    }

    /// Ends all connections, as nothing more was captured, and prints what is left of them.
    pub(crate) fn finish(&mut self, time: SystemTime, printer: &mut Printer) -> io::Result<()> {
        let number = |conversation: &Conversation| match conversation.kind {
            Kind::Mig33(number, _) => number,
            Kind::Unknown(_) | Kind::Other => u64::MAX,
        };
        let mut keys: Vec<_> =
            self.open.iter().map(|(key, conversation)| (number(conversation), *key)).collect();
        keys.sort_unstable();
        keys.into_iter().try_for_each(|(_, key)| self.end(key, time, printer))?;
        for (one, other, bytes) in &self.others {
            let said = format!("not mig33: {one} and {other}, {bytes} bytes");
            printer.note(Origin::default(), &Note::Said(said))?;
        }
        Ok(())
    }

    fn end(
        &mut self,
        key: (SocketAddr, SocketAddr),
        time: SystemTime,
        printer: &mut Printer,
    ) -> io::Result<()> {
        let Some(mut conversation) = self.open.remove(&key) else {
            return Ok(());
        };
        conversation.flush(time, &mut self.found, printer)?;
        match conversation.kind {
            Kind::Mig33(..) => {}
            Kind::Unknown(_) | Kind::Other => {
                self.others.push((key.0, key.1, conversation.bytes));
            }
        }
        Ok(())
    }
}

impl Conversation {
    fn new(ends: [SocketAddr; 2]) -> Self {
        Self {
            ends,
            halves: [Half::default(), Half::default()],
            readers: [None, None],
            client: None,
            kind: Kind::Unknown(Vec::new()),
            bytes: 0,
            forced: false,
            closed: false,
        }
    }

    fn take(
        &mut self,
        from: usize,
        record: TcpRecord,
        time: SystemTime,
        found: &mut u64,
        printer: &mut Printer,
    ) -> io::Result<()> {
        if record.segment.syn {
            // who answers a SYN with one acknowledges it
            self.client = Some(if record.acknowledges.is_some() { 1 - from } else { from });
        }
        self.bytes += record.segment.payload.len() as u64 + record.segment.cut;
        if let Some(number) = record.acknowledges {
            self.halves[1 - from].acknowledge(number);
        }
        let mut pieces = Vec::new();
        self.halves[from].segment(record.segment, &mut pieces);
        self.read(from, pieces, time, found, printer)?;
        if record.reset {
            self.flush(time, found, printer)?;
        }
        if self.halves.iter().all(Half::has_ended) {
            self.closed = true;
            if let Kind::Mig33(number, _) = self.kind {
                let origin = Origin { connection: Some(number), from: None, time: Some(time) };
                printer.note(origin, &Note::Closed)?;
            }
        }
        Ok(())
    }

    fn flush(
        &mut self,
        time: SystemTime,
        found: &mut u64,
        printer: &mut Printer,
    ) -> io::Result<()> {
        for from in [0, 1] {
            let mut pieces = Vec::new();
            self.halves[from].flush(&mut pieces);
            self.read(from, pieces, time, found, printer)?;
        }
        Ok(())
    }

    /// Reads the next pieces of one direction.
    fn read(
        &mut self,
        from: usize,
        pieces: Vec<Piece>,
        time: SystemTime,
        found: &mut u64,
        printer: &mut Printer,
    ) -> io::Result<()> {
        let saw_beginning = self.halves[from].saw_beginning();
        let begin = || if saw_beginning { Reader::new() } else { Reader::in_the_middle() };
        let mut events = Vec::new();
        for piece in pieces {
            let reader = self.readers[from].get_or_insert_with(begin);
            match piece {
                Piece::Data(bytes) => reader.push(&bytes, &mut events),
                Piece::Masked(bytes) => reader.push_masked(bytes, &mut events),
                Piece::Seen(problem) => events.push(Event::Problem(problem)),
                Piece::Missing(count) => reader.skip(count, &mut events),
                Piece::End => reader.finish(&mut events),
            }
        }
        if events.is_empty() {
            return Ok(());
        }
        match &mut self.kind {
            Kind::Mig33(..) => self.print(from, time, &events, printer),
            Kind::Other => Ok(()),
            Kind::Unknown(held) => {
                held.push((from, time, events));
                self.recognise(found, printer)
            }
        }
    }

    /// Looks whether what has come so far is mig33, and prints it if so.
    fn recognise(&mut self, found: &mut u64, printer: &mut Printer) -> io::Result<()> {
        let Kind::Unknown(held) = &mut self.kind else {
            return Ok(());
        };
        let all =
            || held.iter().flat_map(|(from, _, events)| events.iter().map(move |e| (*from, e)));
        let first = all().find_map(|(from, event)| match event {
            Event::Packet { frame, .. } => Some((from, frame.command)),
            Event::Broken(_) | Event::Problem(_) | Event::Unread { .. } | Event::Missing { .. } => {
                None
            }
        });
        let bytes: usize = all()
            .map(|(_, event)| match event {
                Event::Broken(Broken { bytes, .. }) | Event::Unread { bytes, .. } => bytes.len(),
                Event::Packet { .. } | Event::Problem(_) | Event::Missing { .. } => 0,
            })
            .sum();
        // a side of which the capture has the beginning begins with a packet, and one that begins so is enough: the
        // other may be what is to be looked into
        let begins = [0, 1].map(|end| {
            let first = all().find(|(from, _)| *from == end).map(|(_, event)| event);
            match first {
                None => Begins::Unknown,
                Some(Event::Packet { frame, .. }) if frame.command.name().is_some() => {
                    Begins::Named
                }
                Some(Event::Packet { .. }) => Begins::Packet,
                Some(_) if self.halves[end].saw_beginning() => Begins::Other,
                Some(_) => Begins::Unknown,
            }
        });
        let speaks = match begins {
            [Begins::Named, _] | [_, Begins::Named] => true,
            [Begins::Other, _] | [_, Begins::Other] => false,
            _ => first.is_some(),
        };
        if !self.forced && !speaks {
            if begins == [Begins::Other, Begins::Other] || bytes > MOST_HELD {
                self.kind = Kind::Other;
            }
            return Ok(());
        }
        let held = std::mem::take(held);
        let client = self.client.unwrap_or_else(|| {
            let sender = first.and_then(|(from, command)| Some((from, Side::sender(command)?)));
            match sender {
                Some((from, Side::Client)) => from,
                Some((from, Side::Server)) => 1 - from,
                None => guess_client(&self.ends),
            }
        });
        *found += 1;
        let number = *found;
        self.kind = Kind::Mig33(number, client);
        let time = held.first().map(|(_, time, _)| *time);
        let note = Note::Opened {
            client: self.ends[client],
            server: self.ends[1 - client],
            upstream: None,
            begins: self.client.is_some(),
        };
        printer.note(Origin { connection: Some(number), from: None, time }, &note)?;
        held.iter().try_for_each(|(from, time, events)| self.print(*from, *time, events, printer))
    }

    fn print(
        &self,
        from: usize,
        time: SystemTime,
        events: &[Event],
        printer: &mut Printer,
    ) -> io::Result<()> {
        let Kind::Mig33(number, client) = self.kind else {
            return Ok(());
        };
        let side = if from == client { Side::Client } else { Side::Server };
        let origin = Origin { connection: Some(number), from: Some(side), time: Some(time) };
        printer.events(origin, events)
    }
}

/// Which end is the client, if neither a SYN nor a packet tells: servers have the service's port, or the lower one.
fn guess_client(ends: &[SocketAddr; 2]) -> usize {
    match ends.each_ref().map(SocketAddr::port) {
        [SERVICE_PORT, _] => 1,
        [_, SERVICE_PORT] => 0,
        [one, other] => usize::from(one < other),
    }
}

//! `mig33 tap`: between clients and a server. Bytes are passed on as they are, and a copy is printed.
pub(crate) mod address;
mod record;
mod relay;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::record::Recorder;
use self::relay::{Relay, Seen};
use crate::args::Tap;
use crate::error::Failure;
use crate::print::{Note, Origin, Printer, Side};
use crate::stream::{Event, Reader};

/// Pieces of traffic that wait to be printed. When there are more, traffic waits: nothing is left out.
const WAITING: usize = 64;
/// How long no connection is accepted after accepting one has failed, as when there are no more file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the command until it is told to stop.
pub(crate) fn run(args: &Tap) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::System)?;
    let done = runtime.block_on(tap(args));
    runtime.shutdown_background();
    done
}

async fn tap(args: &Tap) -> Result<(), Failure> {
    let listen = |error| Failure::Listen { address: args.listen.clone(), error };
    let listener = TcpListener::bind(args.listen.as_str()).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let printer = Printer::to_stdout(args.show.clone());
    let recorder = match &args.write {
        Some(path) => Some(Recorder::create(path, args.force, address.port(), printer.secrets())?),
        None => None,
    };
    // before anybody is told that it listens, and may stop it
    let mut stop = Stop::new().map_err(Failure::System)?;
    let (seen, traffic) = mpsc::channel(WAITING);
    let mut shown = tokio::task::spawn_blocking(move || show(address, traffic, printer, recorder));
    let mut relays = JoinSet::new();
    let mut connection = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    connection += 1;
                    let relay = Relay::new(connection, args.upstream.0.clone(), seen.clone());
                    relays.spawn(relay.run(client));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = relays.join_next() => {}
            done = &mut shown => return done.map_err(|error| Failure::System(error.into()))?,
            () = stop.heard() => break,
        }
    }
    relays.shutdown().await;
    drop(seen);
    // when nobody takes what is still to be printed, it takes telling twice
    tokio::select! {
        done = shown => done.map_err(|error| Failure::System(error.into()))?,
        () = stop.heard() => Ok(()),
    }
}

/// What a person, or the system, ends the program with. It is heard from when this is made.
struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Stop {
    fn new() -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            signals: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?],
        })
    }

    async fn heard(&mut self) {
        #[cfg(unix)]
        {
            let [terminate, interrupt] = &mut self.signals;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // without a signal handler there is nothing to wait for, and the default ends the program
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Prints and records what passes.
fn show(
    address: SocketAddr,
    mut traffic: mpsc::Receiver<Seen>,
    printer: Printer,
    recorder: Option<Recorder>,
) -> Result<(), Failure> {
    let mut show = Show { printer, is_read: true, recorder, connections: Default::default() };
    show.note(Origin::default(), &Note::Said(format!("listening tcp {address}")))?;
    loop {
        let next = match traffic.try_recv() {
            Ok(next) => Some(next),
            Err(mpsc::error::TryRecvError::Disconnected) => None,
            Err(mpsc::error::TryRecvError::Empty) => {
                show.flush()?;
                traffic.blocking_recv()
            }
        };
        match next {
            Some(seen) => show.take(seen)?,
            None => break,
        }
    }
    // what was open when the program was told to stop
    let open: Vec<u64> = show.connections.keys().copied().collect();
    for connection in open {
        show.close(connection, SystemTime::now(), None)?;
    }
    show.flush()
}

struct Show {
    printer: Printer,
    /// Whether anybody reads what is printed.
    is_read: bool,
    recorder: Option<Recorder>,
    /// What each side of an open connection is in the middle of.
    connections: std::collections::BTreeMap<u64, [Reader; 2]>,
}

impl Show {
    fn take(&mut self, seen: Seen) -> Result<(), Failure> {
        match seen {
            Seen::Opened { connection, time, client, tap, server } => {
                self.connections.insert(connection, [Reader::new(), Reader::new()]);
                let origin = Origin { connection: Some(connection), from: None, time: Some(time) };
                let upstream = Some(server);
                let note = Note::Opened { client, server: tap, upstream, begins: true };
                self.note(origin, &note)?;
                if let Some(recorder) = &mut self.recorder {
                    recorder.open(connection, client, tap, time)?;
                }
                Ok(())
            }
            Seen::Bytes { connection, time, from, bytes } => {
                self.read(connection, time, from, |reader, events| reader.push(&bytes, events))
            }
            Seen::Ended { connection, time, from } => {
                self.read(connection, time, from, Reader::finish)?;
                match &mut self.recorder {
                    Some(recorder) => recorder.end(connection, from, time),
                    None => Ok(()),
                }
            }
            Seen::Closed { connection, time, why } => self.close(connection, time, why),
        }
    }

    /// Prints and records what a side's next bytes, or their end, complete.
    fn read(
        &mut self,
        connection: u64,
        time: SystemTime,
        from: Side,
        step: impl FnOnce(&mut Reader, &mut Vec<Event>),
    ) -> Result<(), Failure> {
        let Some([client, server]) = self.connections.get_mut(&connection) else {
            return Ok(());
        };
        let mut events = Vec::new();
        step(if from == Side::Client { client } else { server }, &mut events);
        if let Some(recorder) = &mut self.recorder {
            recorder.events(connection, from, time, &events)?;
        }
        let origin = Origin { connection: Some(connection), from: Some(from), time: Some(time) };
        self.print(|printer| printer.events(origin, &events))
    }

    fn close(
        &mut self,
        connection: u64,
        time: SystemTime,
        why: Option<String>,
    ) -> Result<(), Failure> {
        for from in [Side::Client, Side::Server] {
            self.read(connection, time, from, Reader::finish)?;
        }
        self.connections.remove(&connection);
        if let Some(recorder) = &mut self.recorder {
            recorder.close(connection, time, why.is_some())?;
        }
        let origin = Origin { connection: Some(connection), from: None, time: Some(time) };
        let note = why.map_or(Note::Closed, Note::Said);
        self.note(origin, &note)
    }

    fn note(&mut self, origin: Origin, note: &Note) -> Result<(), Failure> {
        self.print(|printer| printer.note(origin, note))
    }

    /// Prints as long as somebody reads it. The clients are not to notice when nobody does.
    fn print(&mut self, step: impl FnOnce(&mut Printer) -> io::Result<()>) -> Result<(), Failure> {
        if !self.is_read {
            return Ok(());
        }
        match step(&mut self.printer) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_read = false;
                Ok(())
            }
            done => Ok(done?),
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.print(Printer::flush)?;
        match &mut self.recorder {
            Some(recorder) => recorder.flush(),
            None => Ok(()),
        }
    }
}

//! `Printer`: what came along in streams, as text for people or as JSON.
mod brief;
mod context;
mod json;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;
use mig33_codec::{Command, Direction};
use serde::{Deserialize, Serialize};

use crate::args::{Format, Show};
use crate::error::Failure;
use crate::secrets::Secrets;
use crate::stream::{Event, Problem};
use crate::view::{self, PacketView};

use self::context::Context;
pub(crate) use self::text::plain_docs;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// The one that logs in.
    Client,
    /// The service.
    Server,
}

impl Side {
    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Who sends this kind of packet, if only one does.
    pub(crate) fn sender(command: Command) -> Option<Self> {
        match view::direction(command)? {
            Direction::ClientToServer => Some(Self::Client),
            Direction::ServerToClient => Some(Self::Server),
            Direction::Both => None,
        }
    }

    /// Its place in an array of both.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }

    /// Its word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Where and when something came along; nothing of it is known of a dump.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    /// Which connection, from 1.
    pub(crate) connection: Option<u64>,
    /// Who sent it.
    pub(crate) from: Option<Side>,
    /// When it was complete.
    pub(crate) time: Option<SystemTime>,
}

/// What happens to a connection as a whole.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// It was seen first.
    Opened {
        client: SocketAddr,
        /// What the client connected to.
        server: SocketAddr,
        /// What that passes everything on to, if it is a tap.
        upstream: Option<SocketAddr>,
        begins: bool,
    },
    /// It ended.
    Closed,
    /// Something that has to be said about it.
    Said(String),
}

const GUESSED_BINARY: &str = "; by its first bytes it is neither hex digits nor a capture, so it was read as the bytes of packets";

/// Prints events, and counts what is wrong.
pub(crate) struct Printer {
    out: Box<dyn Write + Send>,
    show: Show,
    paint: text::Paint,
    /// Kinds of packets that were explained already.
    explained: BTreeSet<Command>,
    /// Whether it was said what the columns are.
    columns: bool,
    /// What is known of each open connection.
    contexts: BTreeMap<u64, Context>,
    packets: u64,
    /// Packets that nobody asked for.
    left_out: u64,
    /// Packets of which only some blocks could be read.
    broken: u64,
    /// Whether the input is bytes only because it seems to be nothing else.
    guessed_binary: bool,
    problems: u64,
    first_problem: Option<String>,
}

impl Printer {
    /// A printer to standard output.
    pub(crate) fn to_stdout(show: Show) -> Self {
        let stdout = io::stdout();
        let color = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        Self {
            out: Box::new(io::BufWriter::with_capacity(64 * 1024, stdout)),
            show,
            paint: text::Paint(color),
            explained: BTreeSet::new(),
            columns: false,
            contexts: BTreeMap::new(),
            packets: 0,
            left_out: 0,
            broken: 0,
            guessed_binary: false,
            problems: 0,
            first_problem: None,
        }
    }

    /// Prints all events of one direction.
    pub(crate) fn events(&mut self, origin: Origin, events: &[Event]) -> io::Result<()> {
        events.iter().try_for_each(|event| self.event(origin, event))
    }

    fn event(&mut self, origin: Origin, event: &Event) -> io::Result<()> {
        if !self.wants_connection(origin) {
            let is_packet = matches!(event, Event::Packet { .. } | Event::Broken(_));
            self.left_out += u64::from(is_packet);
            return Ok(());
        }
        match event {
            Event::Packet { offset, frame } => {
                self.packet(origin, PacketView::new(*offset, frame, self.secrets()))
            }
            Event::Broken(broken) => {
                self.packet(origin, PacketView::of_broken(broken, self.secrets()))
            }
            Event::Problem(problem) => self.problem(origin, problem.clone()),
            Event::Unread { offset, bytes, masked } => {
                let shown = self.secrets() == Secrets::Shown && !masked;
                self.unread(origin, *offset, bytes, shown)
            }
            Event::Missing { offset, count } if self.show.json => {
                json::missing(&mut self.out, origin, *offset, *count)
            }
            Event::Missing { .. } => Ok(()),
        }
    }

    fn packet(&mut self, origin: Origin, mut packet: PacketView) -> io::Result<()> {
        let secrets = self.secrets();
        let mut user = None;
        if let (Some(connection), Some(from)) = (origin.connection, origin.from) {
            let context = self.contexts.entry(connection).or_default();
            packet.answers = context.see(from, &packet);
            user = context.user();
        }
        let packet = &packet;
        if !self.show.packet.is_empty() && !self.show.packet.contains(&packet.command) {
            self.left_out += 1;
            return Ok(());
        }
        match packet.rest {
            None => self.packets += 1,
            Some(_) => self.broken += 1,
        }
        if self.show.json {
            json::packet(&mut self.out, origin, packet, secrets == Secrets::Shown)?;
        } else {
            let is_first = !self.show.brief && self.explained.insert(packet.command);
            let page = text::Page {
                paint: self.paint,
                full: self.show.full,
                columns: !self.columns,
                explain: is_first,
                secrets,
            };
            if self.show.brief {
                brief::packet(&mut self.out, page, origin, user, packet)?;
            } else {
                page.packet(&mut self.out, origin, user, packet)?;
            }
            self.columns |= !packet.fields.is_empty();
        }
        packet.problems().try_for_each(|problem| self.problem(origin, problem))
    }

    fn problem(&mut self, origin: Origin, problem: Problem) -> io::Result<()> {
        let problem = match self.secrets() {
            Secrets::Masked => problem.masked(),
            Secrets::Shown => problem,
        };
        if problem.is_wrong() {
            self.problems += 1;
            self.first_problem.get_or_insert_with(|| match origin.connection {
                Some(connection) => format!("connection {connection}, {problem}"),
                None => problem.to_string(),
            });
        }
        if self.show.json {
            json::problem(&mut self.out, origin, &problem)
        } else {
            text::problem(&mut self.out, self.paint, origin, &problem)
        }
    }

    fn unread(
        &mut self,
        origin: Origin,
        offset: u64,
        bytes: &Bytes,
        shown: bool,
    ) -> io::Result<()> {
        if self.show.json {
            json::unread(&mut self.out, origin, offset, bytes, shown)
        } else if shown {
            text::unread(&mut self.out, self.paint, self.show.full, bytes)
        } else if self.secrets() == Secrets::Shown {
            text::masked(&mut self.out, self.paint, bytes.len())
        } else {
            Ok(())
        }
    }

    /// Whether what comes from there is printed.
    fn wants_connection(&self, origin: Origin) -> bool {
        let wanted = &self.show.connection;
        wanted.is_empty() || origin.connection.is_none_or(|number| wanted.contains(&number))
    }

    /// Prints what happens to a connection.
    pub(crate) fn note(&mut self, origin: Origin, note: &Note) -> io::Result<()> {
        if let (Some(connection), Note::Closed | Note::Said(_)) = (origin.connection, note) {
            self.contexts.remove(&connection);
        }
        if !self.wants_connection(origin) {
            return Ok(());
        }
        if self.show.json {
            json::note(&mut self.out, origin, note)
        } else {
            text::note(&mut self.out, self.paint, origin, note)
        }
    }

    /// Counts something wrong that is said elsewhere.
    pub(crate) fn count_problem(&mut self, problem: impl FnOnce() -> String) {
        self.problems += 1;
        self.first_problem.get_or_insert_with(problem);
    }

    /// Hands on what was printed.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Notes what the input was taken for, since nobody said.
    pub(crate) fn guessed(&mut self, format: Format) {
        self.guessed_binary = format == Format::Binary;
    }

    /// Prints a sum, and says whether everything was read.
    pub(crate) fn finish(mut self, input: &str) -> Result<(), Failure> {
        if !self.show.json {
            let Self { packets, broken, left_out, .. } = self;
            text::sum(&mut self.out, self.paint, packets, broken, left_out)?;
        }
        self.flush()?;
        match self.first_problem {
            None => Ok(()),
            Some(first) => Err(Failure::Problems {
                input: input.to_owned(),
                first,
                more: self.problems.saturating_sub(1),
                hint: if self.guessed_binary && self.packets + self.broken == 0 {
                    GUESSED_BINARY
                } else {
                    ""
                },
            }),
        }
    }

    /// What happens to secrets.
    pub(crate) const fn secrets(&self) -> Secrets {
        Secrets::from_shown(self.show.show_secrets)
    }
}

//! `Recorder`: what a tap passes on, as a pcapng capture of the connections of its clients.
//!
//! The TCP segments are made up: the tap sees streams, not segments. Secrets become `*`, and so does what cannot be
//! read and may hold one, unless they are to be shown. So a capture can be handed on as the printed text can.
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use etherparse::{PacketBuilder, TcpHeader};
use mig33_codec::BLOCK_HEADER_LEN;
use pcap_parser::pcapng::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode, PcapNGOption, SectionHeaderBlock,
};
use pcap_parser::{Linktype, ToVec as _};

use crate::error::Failure;
use crate::print::Side;
use crate::remark::Remark;
use crate::secrets::{Secrets, may_hold};
use crate::stream::{Event, Problem};
use crate::view::{PacketView, Value};

/// Bytes of a made-up segment: less than an IP packet can have.
const SEGMENT: usize = 16 * 1024;
const WINDOW: u16 = u16::MAX;
const HOPS: u8 = 64;
const MASK: u8 = b'*';

/// Writes a capture.
pub(super) struct Recorder {
    path: PathBuf,
    file: BufWriter<File>,
    secrets: Secrets,
    connections: BTreeMap<u64, Connection>,
}

/// A connection of a client to the tap. The arrays are by side: client, server.
struct Connection {
    ends: [SocketAddr; 2],
    /// Number of the next byte.
    next: [u32; 2],
    ended: [bool; 2],
}

/// What a made-up segment carries.
struct Made<'a> {
    payload: &'a [u8],
    /// What is said about it.
    remark: Option<Remark>,
}

impl<'a> Made<'a> {
    const fn of(payload: &'a [u8]) -> Self {
        Self { payload, remark: None }
    }
}

/// What a made-up segment says beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    None,
    Syn,
    Fin,
    Reset,
}

impl Recorder {
    /// Creates the file, for its owner only. Connections with this port will be in it.
    ///
    /// # Errors
    ///
    /// If there is a file that has something in it, unless `force`; and if it cannot be written.
    pub(super) fn create(
        path: &Path,
        force: bool,
        port: u16,
        secrets: Secrets,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::File { path: path.to_owned(), error };
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        // a device or a pipe is what somebody else has made: it stays as it is
        if there.is_file() {
            if there.len() > 0 && !force {
                return Err(Failure::Exists(path.to_owned()));
            }
            file.set_len(0).map_err(failed)?;
            // one that was there keeps its mode otherwise
            #[cfg(unix)]
            file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .map_err(failed)?;
        }
        let file = BufWriter::new(file);
        let mut recorder =
            Self { path: path.to_owned(), file, secrets, connections: BTreeMap::new() };
        let port = Remark::Port(port).to_string();
        let mut section = SectionHeaderBlock {
            block_type: 0,
            block_len1: 0,
            bom: 0x1a2b_3c4d,
            major_version: 1,
            minor_version: 0,
            section_len: -1,
            options: vec![comment(&port)],
            block_len2: 0,
        };
        let mut interface = InterfaceDescriptionBlock {
            block_type: 0,
            block_len1: 0,
            linktype: Linktype::RAW,
            reserved: 0,
            snaplen: 0,
            options: Vec::new(),
            block_len2: 0,
            // as readers take it to be: microseconds
            if_tsresol: 6,
            if_tsoffset: 0,
        };
        recorder.block(section.to_vec().map_err(|_| failed(not_written()))?)?;
        recorder.block(interface.to_vec().map_err(|_| failed(not_written()))?)?;
        Ok(recorder)
    }

    /// A client has connected to the tap.
    pub(super) fn open(
        &mut self,
        connection: u64,
        client: SocketAddr,
        tap: SocketAddr,
        time: SystemTime,
    ) -> Result<(), Failure> {
        let new = Connection { ends: [client, tap], next: [0, 0], ended: [false, false] };
        self.connections.insert(connection, new);
        self.segment(connection, Side::Client, Flag::Syn, Made::of(&[]), time)?;
        self.segment(connection, Side::Server, Flag::Syn, Made::of(&[]), time)?;
        self.segment(connection, Side::Client, Flag::None, Made::of(&[]), time)
    }

    /// A side sent what these events tell of.
    pub(super) fn events(
        &mut self,
        connection: u64,
        from: Side,
        time: SystemTime,
        events: &[Event],
    ) -> Result<(), Failure> {
        for event in events {
            let bytes = match event {
                Event::Packet { offset, frame } => {
                    masked(&PacketView::new(*offset, frame, self.secrets), self.secrets)
                }
                Event::Broken(broken) => {
                    masked(&PacketView::of_broken(broken, self.secrets), self.secrets)
                }
                Event::Unread { bytes, .. } if self.secrets == Secrets::Shown => bytes.to_vec(),
                Event::Unread { bytes, .. } => {
                    for part in vec![MASK; bytes.len()].chunks(SEGMENT) {
                        let segment = Made { payload: part, remark: Some(Remark::Masked) };
                        self.segment(connection, from, Flag::None, segment, time)?;
                    }
                    continue;
                }
                Event::Problem(problem) if self.secrets == Secrets::Masked => {
                    if let Some(remark) = remark(problem) {
                        let segment = Made { payload: &[], remark: Some(remark) };
                        self.segment(connection, from, Flag::None, segment, time)?;
                    }
                    continue;
                }
                Event::Problem(_) | Event::Missing { .. } => continue,
            };
            for part in bytes.chunks(SEGMENT) {
                self.segment(connection, from, Flag::None, Made::of(part), time)?;
            }
        }
        Ok(())
    }

    /// A side sends nothing more.
    pub(super) fn end(
        &mut self,
        connection: u64,
        from: Side,
        time: SystemTime,
    ) -> Result<(), Failure> {
        let Some(known) = self.connections.get_mut(&connection) else {
            return Ok(());
        };
        if std::mem::replace(&mut known.ended[from.index()], true) {
            return Ok(());
        }
        self.segment(connection, from, Flag::Fin, Made::of(&[]), time)
    }

    /// The connection is closed, or was broken off.
    pub(super) fn close(
        &mut self,
        connection: u64,
        time: SystemTime,
        broken: bool,
    ) -> Result<(), Failure> {
        if broken {
            self.segment(connection, Side::Server, Flag::Reset, Made::of(&[]), time)?;
        } else {
            self.end(connection, Side::Client, time)?;
            self.end(connection, Side::Server, time)?;
        }
        self.connections.remove(&connection);
        Ok(())
    }

    /// Hands the file on to the operating system.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let done = self.file.flush();
        done.map_err(|error| self.failed(error))
    }

    /// Writes a segment from a side.
    fn segment(
        &mut self,
        connection: u64,
        from: Side,
        flag: Flag,
        segment: Made<'_>,
        time: SystemTime,
    ) -> Result<(), Failure> {
        let Made { payload, remark } = segment;
        let remark = remark.map(|remark| remark.to_string());
        let Some(known) = self.connections.get_mut(&connection) else {
            return Ok(());
        };
        let packet = known.packet(from, flag, payload).map_err(|error| self.failed(error))?;
        let micros = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
        // 64 bits of microseconds last for half a million years
        let micros = micros as u64;
        let mut record = EnhancedPacketBlock {
            block_type: 0,
            block_len1: 0,
            if_id: 0,
            ts_high: (micros >> 32) as u32,
            ts_low: micros as u32,
            caplen: packet.len() as u32,
            origlen: packet.len() as u32,
            data: &packet,
            options: remark.iter().map(|remark| comment(remark)).collect(),
            block_len2: 0,
        };
        let block = record.to_vec().map_err(|_| self.failed(not_written()))?;
        self.block(block)
    }

    fn block(&mut self, block: Vec<u8>) -> Result<(), Failure> {
        let done = self.file.write_all(&block);
        done.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::File { path: self.path.clone(), error }
    }
}

impl Connection {
    /// An IP packet with a segment, and moves on behind it.
    fn packet(&mut self, from: Side, flag: Flag, payload: &[u8]) -> io::Result<Vec<u8>> {
        let (from, to) = (from.index(), from.other().index());
        let (source, target) = (self.ends[from], self.ends[to]);
        let mut tcp = TcpHeader::new(source.port(), target.port(), self.next[from], WINDOW);
        tcp.syn = flag == Flag::Syn;
        tcp.fin = flag == Flag::Fin;
        tcp.rst = flag == Flag::Reset;
        tcp.psh = !payload.is_empty();
        // all but the very first acknowledge what the other side has sent
        tcp.ack = self.next != [0, 0];
        tcp.acknowledgment_number = self.next[to];
        let builder = match (source, target) {
            (SocketAddr::V4(source), SocketAddr::V4(target)) => {
                PacketBuilder::ipv4(source.ip().octets(), target.ip().octets(), HOPS)
            }
            (source, target) => PacketBuilder::ipv6(octets(source), octets(target), HOPS),
        };
        let mut packet = Vec::new();
        let written = builder.tcp_header(tcp).write(&mut packet, payload);
        written.map_err(|error| io::Error::other(error.to_string()))?;
        let length = payload.len() as u32 + u32::from(matches!(flag, Flag::Syn | Flag::Fin));
        self.next[from] = self.next[from].wrapping_add(length);
        Ok(packet)
    }
}

/// The bytes of a packet, its secrets masked. What of a broken one is no block stays broken in the same way.
fn masked(packet: &PacketView, secrets: Secrets) -> Vec<u8> {
    let mut bytes = packet.bytes();
    let mut mask = |from: u64, to: usize| {
        let from = usize::try_from(from - packet.offset).unwrap_or(to);
        if let Some(content) = bytes.get_mut(from..to) {
            content.fill(MASK);
        }
    };
    for field in packet.fields.iter().filter(|field| field.value == Value::Masked) {
        let end = field.offset - packet.offset + field.block.wire_len() as u64;
        mask(field.offset + BLOCK_HEADER_LEN as u64, usize::try_from(end).unwrap_or(0));
    }
    if let Some(rest) = packet.rest.as_ref().filter(|_| secrets == Secrets::Masked) {
        // its header may be part of a secret only where there is one; masked, it is still that of a block that does
        // not fit
        let header = if may_hold(packet.command) { 0 } else { BLOCK_HEADER_LEN as u64 };
        mask(rest.offset + header, packet.length);
    }
    bytes
}

/// What has to be said of a problem that masked bytes do not show any more. The blocks of packets show it themselves.
fn remark(problem: &Problem) -> Option<Remark> {
    let text = problem.to_string();
    match problem {
        Problem::Frame(_)
        | Problem::Begins
        | Problem::Missing { .. }
        | Problem::Recorded { wrong: true, .. } => Some(Remark::Problem(text)),
        Problem::Passed { .. } | Problem::Recorded { wrong: false, .. } => {
            Some(Remark::Passed(text))
        }
        Problem::Blocks { .. } | Problem::Overrun { .. } | Problem::Field { .. } => None,
    }
}

fn comment(text: &str) -> PcapNGOption<'_> {
    // remarks are a line
    let length = text.len() as u16;
    PcapNGOption { code: OptionCode::Comment, len: length, value: text.as_bytes().into() }
}

fn octets(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(address) => address.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(address) => address.ip().octets(),
    }
}

/// What cannot happen when a block is written to memory.
fn not_written() -> io::Error {
    io::Error::other("a block of the capture cannot be written")
}

#[cfg(test)]
mod tests {
    use etherparse::{SlicedPacket, TransportSlice};

    use super::*;

    /// Source and destination port, sequence and acknowledgment number, and payload of a packet.
    fn parts(packet: &[u8]) -> (u16, u16, u32, u32, Vec<u8>) {
        let sliced = SlicedPacket::from_ip(packet).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { panic!("no TCP") };
        assert_eq!(tcp.ack(), tcp.acknowledgment_number() != 0);
        let (from, to) = (tcp.source_port(), tcp.destination_port());
        let payload = tcp.payload().to_vec();
        (from, to, tcp.sequence_number(), tcp.acknowledgment_number(), payload)
    }

    #[test]
    fn made_up_segments_follow_each_other() {
        for ends in
            [["127.0.0.1:1", "127.0.0.1:2"], ["[::1]:1", "[::1]:2"], ["[::1]:1", "10.0.0.1:2"]]
        {
            let ends = ends.map(|end| end.parse().unwrap());
            let mut connection = Connection { ends, next: [0, 0], ended: [false, false] };
            let mut segment = |from, flag, payload: &[u8]| {
                parts(&connection.packet(from, flag, payload).unwrap())
            };
            assert_eq!(segment(Side::Client, Flag::Syn, b""), (1, 2, 0, 0, vec![]));
            assert_eq!(segment(Side::Server, Flag::Syn, b""), (2, 1, 0, 1, vec![]));
            assert_eq!(segment(Side::Client, Flag::None, b"abc"), (1, 2, 1, 1, b"abc".to_vec()));
            assert_eq!(segment(Side::Server, Flag::None, b"d"), (2, 1, 1, 4, b"d".to_vec()));
            assert_eq!(segment(Side::Client, Flag::Fin, b""), (1, 2, 4, 2, vec![]));
            assert_eq!(segment(Side::Server, Flag::Fin, b""), (2, 1, 2, 5, vec![]));
        }
    }
}

//! Captures made by hand: TCP segments, link layers around them, and the files that hold them.
use etherparse::PacketBuilder;

/// When the first record was taken: 2026-11-22 16:25:36 UTC. Each record is a microsecond later.
const START: u64 = 1_795_364_736;

/// A TCP connection, segment by segment, as IP packets. Sides are client and server.
pub(crate) struct Session {
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) ports: [u16; 2],
    /// Number of the next byte of each side.
    pub(crate) next: [u32; 2],
    ipv6: bool,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    syn: bool,
    ack: bool,
    fin: bool,
    rst: bool,
}

const ACK: Flags = Flags { syn: false, ack: true, fin: false, rst: false };

impl Session {
    /// A connection of which nothing has been sent yet.
    pub(crate) fn new(ipv6: bool) -> Self {
        // numbers wrap in the middle of the session
        Self { records: Vec::new(), ports: [40_000, 9119], next: [u32::MAX - 40, 1_000], ipv6 }
    }

    /// SYN, SYN and ACK, ACK.
    pub(crate) fn open(&mut self) {
        self.segment(0, Flags { syn: true, ..Flags::default() }, b"");
        self.segment(1, Flags { syn: true, ..ACK }, b"");
        self.segment(0, ACK, b"");
    }

    /// The client sends bytes in one segment.
    pub(crate) fn client(&mut self, payload: &[u8]) {
        self.segment(0, ACK, payload);
    }

    /// The server sends bytes in one segment.
    pub(crate) fn server(&mut self, payload: &[u8]) {
        self.segment(1, ACK, payload);
    }

    /// The client asks whether the server is there, with a byte that it has sent before.
    pub(crate) fn keep_alive(&mut self) {
        self.next[0] = self.next[0].wrapping_sub(1);
        self.segment(0, ACK, b"\0");
    }

    /// FIN from both sides.
    pub(crate) fn close(&mut self) {
        self.segment(0, Flags { fin: true, ..ACK }, b"");
        self.segment(1, Flags { fin: true, ..ACK }, b"");
        self.segment(0, ACK, b"");
    }

    /// FIN from the client.
    pub(crate) fn client_ends(&mut self) {
        self.segment(0, Flags { fin: true, ..ACK }, b"");
    }

    /// RST from the client, which is never acknowledged.
    pub(crate) fn client_resets(&mut self) {
        self.segment(0, Flags { rst: true, ..Flags::default() }, b"");
    }

    /// RST from the server.
    pub(crate) fn reset(&mut self) {
        self.segment(1, Flags { rst: true, ..ACK }, b"");
    }

    fn segment(&mut self, from: usize, flags: Flags, payload: &[u8]) {
        let to = 1 - from;
        let mut tcp =
            etherparse::TcpHeader::new(self.ports[from], self.ports[to], self.next[from], 60_000);
        (tcp.syn, tcp.ack, tcp.fin, tcp.rst) = (flags.syn, flags.ack, flags.fin, flags.rst);
        tcp.acknowledgment_number = if flags.ack { self.next[to] } else { 0 };
        let [source, target] = [from, to].map(|side| side as u8 + 1);
        let builder = if self.ipv6 {
            let address = |last| [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
            PacketBuilder::ipv6(address(source), address(target), 9)
        } else {
            PacketBuilder::ipv4([10, 0, 0, source], [10, 0, 0, target], 9)
        };
        let mut packet = Vec::new();
        builder.tcp_header(tcp).write(&mut packet, payload).expect("a small segment");
        self.records.push(packet);
        let length = payload.len() as u32 + u32::from(flags.syn) + u32::from(flags.fin);
        self.next[from] = self.next[from].wrapping_add(length);
    }
}

/// What stands before IP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    Null,
    Loop,
    Ethernet,
    Vlan,
    Raw,
    Sll,
    Sll2,
}

impl Link {
    pub(crate) const ALL: [Self; 7] =
        [Self::Null, Self::Loop, Self::Ethernet, Self::Vlan, Self::Raw, Self::Sll, Self::Sll2];

    const fn number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet | Self::Vlan => 1,
            Self::Raw => 101,
            Self::Loop => 108,
            Self::Sll => 113,
            Self::Sll2 => 276,
        }
    }

    fn around(self, ip: &[u8]) -> Vec<u8> {
        let is_ipv6 = ip[0] >> 4 == 6;
        let protocol: [u8; 2] = if is_ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] };
        let family = if is_ipv6 { 30 } else { 2 };
        let mut record = match self {
            Self::Null => vec![family, 0, 0, 0],
            Self::Loop => vec![0, 0, 0, family],
            Self::Ethernet => [&[2; 12][..], &protocol].concat(),
            Self::Vlan => [&[2; 12][..], &[0x81, 0, 0, 5], &protocol].concat(),
            Self::Raw => Vec::new(),
            Self::Sll => [&[0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0][..], &protocol].concat(),
            Self::Sll2 => {
                [&protocol[..], &[0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0]].concat()
            }
        };
        record.extend_from_slice(ip);
        if matches!(self, Self::Ethernet) {
            // a network card pads short frames, which is no part of IP
            record.resize(record.len().max(60), 0xee);
        }
        record
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FileKind {
    PcapLittle,
    PcapBigNanos,
    NgLittle,
    NgBig,
}

impl FileKind {
    pub(crate) const ALL: [Self; 4] =
        [Self::PcapLittle, Self::PcapBigNanos, Self::NgLittle, Self::NgBig];
}

/// A capture of these IP packets.
pub(crate) fn capture(kind: FileKind, link: Link, records: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    match kind {
        FileKind::PcapLittle => pcap(&mut file, link, records, 65_535),
        FileKind::PcapBigNanos => pcap_big_nanos(&mut file, link, records),
        FileKind::NgLittle => pcapng(&mut file, link, records, u16::to_le_bytes, u32::to_le_bytes),
        FileKind::NgBig => pcapng(&mut file, link, records, u16::to_be_bytes, u32::to_be_bytes),
    }
    file
}

/// pcap, little-endian, microseconds, with at most `snap` bytes of each record.
pub(crate) fn pcap(file: &mut Vec<u8>, link: Link, records: &[Vec<u8>], snap: usize) {
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, snap as u32, u32::from(link.number())] {
        file.extend(word.to_le_bytes());
    }
    for (at, record) in records.iter().enumerate() {
        let record = link.around(record);
        let there = record.len().min(snap);
        for word in [START as u32, at as u32, there as u32, record.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&record[..there]);
    }
}

fn pcap_big_nanos(file: &mut Vec<u8>, link: Link, records: &[Vec<u8>]) {
    for word in [0xa1b2_3c4d, 0x0002_0004, 0, 0, 65_535, u32::from(link.number())] {
        file.extend(word.to_be_bytes());
    }
    for (at, record) in records.iter().enumerate() {
        let record = link.around(record);
        let length = record.len() as u32;
        for word in [START as u32, at as u32 * 1000, length, length] {
            file.extend(word.to_be_bytes());
        }
        file.extend(record);
    }
}

/// pcapng with an unknown block, a name block's place taken by it, and records in turn on two interfaces, of which
/// the second counts milliseconds.
fn pcapng(
    file: &mut Vec<u8>,
    link: Link,
    records: &[Vec<u8>],
    short: fn(u16) -> [u8; 2],
    word: fn(u32) -> [u8; 4],
) {
    let mut block = |kind: u32, body: Vec<u8>| {
        let padded = body.len().next_multiple_of(4);
        let length = word(padded as u32 + 12);
        file.extend([&word(kind)[..], &length, &body].concat());
        file.resize(file.len() + padded - body.len(), 0);
        file.extend(length);
    };
    let version = [short(1), short(0)].concat();
    block(0x0a0d_0d0a, [&word(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat());
    let interface = [short(link.number()), short(0)].concat();
    block(1, [&interface[..], &word(0)].concat());
    let milliseconds = [&short(9)[..], &short(1), &[3, 0, 0, 0], &[0; 4]].concat();
    block(1, [&interface[..], &word(0), &milliseconds].concat());
    block(0x0bad, b"what nobody knows".to_vec());
    for (at, record) in records.iter().enumerate() {
        let record = link.around(record);
        let length = word(record.len() as u32);
        let time = if at % 2 == 0 { START * 1_000_000 + at as u64 } else { START * 1_000 };
        let (high, low) = (word((time >> 32) as u32), word(time as u32));
        let id = word(at as u32 % 2);
        block(6, [&id[..], &high, &low, &length, &length, &record].concat());
    }
}

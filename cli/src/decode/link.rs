//! What a captured record holds: through link layer and IP to the TCP segment.
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::tcp::Segment;

/// A record that was understood as far as it matters.
#[derive(Debug)]
pub(crate) enum Record {
    /// A TCP segment.
    Tcp(TcpRecord),
    /// A part of an IP packet, which is not put together.
    Fragment,
    /// Something else.
    Other,
}

/// A TCP segment with its ends.
#[derive(Debug)]
pub(crate) struct TcpRecord {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) segment: Segment,
    /// The number up to which the sender has everything.
    pub(crate) acknowledges: Option<u32>,
    /// The connection is broken off.
    pub(crate) reset: bool,
}

/// What records begin with: the numbers of <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Four bytes that say which IP: NULL and LOOP.
    Loopback,
    /// Ethernet.
    Ethernet,
    /// Nothing: it is IP.
    Raw,
    /// Linux, all interfaces at once.
    LinuxCooked,
    /// The same, version 2.
    LinuxCooked2,
}

impl Link {
    /// The link layer with this number.
    pub(crate) const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 | 108 => Self::Loopback,
            1 => Self::Ethernet,
            // 12 and 14 are what some systems write for it
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            _ => return None,
        })
    }

    /// Reads a record, of which `cut` bytes at the end were not captured.
    pub(crate) fn read(self, data: &[u8], cut: u64) -> Record {
        self.slice(data).map_or(Record::Other, |packet| record(&packet, cut))
    }

    fn slice(self, data: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        let after_protocol = |at: usize, header: usize| {
            let protocol = data.get(at..)?.first_chunk::<2>()?;
            let protocol = EtherType(u16::from_be_bytes(*protocol));
            Some(LaxSlicedPacket::from_ether_type(protocol, data.get(header..)?))
        };
        match self {
            Self::Loopback => LaxSlicedPacket::from_ip(data.get(4..)?).ok(),
            Self::Ethernet => LaxSlicedPacket::from_ethernet(data).ok(),
            Self::Raw => LaxSlicedPacket::from_ip(data).ok(),
            Self::LinuxCooked => after_protocol(14, 16),
            Self::LinuxCooked2 => after_protocol(0, 20),
        }
    }
}

fn record(packet: &LaxSlicedPacket<'_>, cut: u64) -> Record {
    let Some(payload) = packet.ip_payload() else {
        return Record::Other;
    };
    if payload.fragmented {
        return Record::Fragment;
    }
    let (source, destination): (IpAddr, IpAddr) = match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        Some(LaxNetSlice::Arp(_)) | None => return Record::Other,
    };
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else {
        return Record::Other;
    };
    Record::Tcp(TcpRecord {
        source: SocketAddr::new(source, tcp.source_port()),
        destination: SocketAddr::new(destination, tcp.destination_port()),
        segment: Segment {
            sequence: tcp.sequence_number(),
            syn: tcp.syn(),
            fin: tcp.fin(),
            payload: Bytes::copy_from_slice(tcp.payload()),
            cut: if payload.incomplete { cut } else { 0 },
            masked: false,
            seen: None,
        },
        acknowledges: tcp.ack().then(|| tcp.acknowledgment_number()),
        reset: tcp.rst(),
    })
}

//! Reads a pcap or pcapng capture, record by record.
use std::time::{Duration, SystemTime};

use pcap_parser::pcapng::{Block, OptionCode, PcapNGOption};
use pcap_parser::traits::{PcapNGPacketBlock as _, PcapReaderIterator};
use pcap_parser::{LegacyPcapReader, PcapBlockOwned, PcapError, PcapNGReader};

use super::conversations::Conversations;
use super::link::{Link, Record};
use crate::args::Decode;
use crate::decode::Input;
use crate::error::Failure;
use crate::print::{Note, Origin, Printer};
use crate::remark::Remark;
use crate::stream::Problem;

/// What captures begin with: pcapng, and pcap in both byte orders, with micro- and nanoseconds, and as patched Linux
/// tools wrote it.
const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const PCAP: [[u8; 4]; 5] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0x34, 0xcd, 0xb2, 0xa1],
];
/// Bytes of a capture that are held at first, and at most: more than any record has.
const BUFFER: usize = 256 * 1024;
const LARGEST_BUFFER: usize = 64 * 1024 * 1024;

/// Why a capture cannot be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CaptureError {
    /// It begins with something else.
    #[error("this is no pcap or pcapng capture")]
    NoCapture,
    /// It ends within a record.
    #[error("at byte {offset}: the capture ends inside a record")]
    Truncated { offset: usize },
    /// A record or a block is not well formed.
    #[error("at byte {offset}: a record that cannot be read")]
    BadRecord { offset: usize },
    /// The file cannot be read.
    #[error("at byte {offset}: reading fails")]
    Read { offset: usize },
    /// It has records of a link layer that is not known here.
    #[error("link type {0} is not known here; Ethernet, raw IP, loopback and Linux cooked are")]
    LinkType(i32),
    /// None of its connections speaks mig33.
    #[error(
        "none of its {seen} TCP connections speaks mig33; `--port` reads some whatever they speak{}",
        cut_too(*.cut)
    )]
    NoMig33 { seen: u64, cut: u64 },
}

fn cut_too(records: u64) -> String {
    match records {
        0 => String::new(),
        cut => format!(
            "; {cut} records were cut short when they were captured (snaplen), which hides it"
        ),
    }
}

/// Whether a file that begins so is a capture.
pub(crate) fn seems_capture(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|magic| *magic == PCAPNG || PCAP.contains(magic))
}

/// Prints the packets of a capture.
pub(crate) fn run(mut input: Input, args: &Decode, mut printer: Printer) -> Result<(), Failure> {
    let name = input.name.clone();
    let failed = |error| Failure::Capture { input: name.clone(), error };
    let mut reader = open(&mut input).map_err(failed)?;
    let mut capture = Capture::new(args);
    let done = capture.read(reader.as_mut(), &mut printer)?;
    capture.conversations.finish(capture.time, &mut printer)?;
    if capture.fragments > 0 {
        let said =
            format!("{} IP fragments are left out: they are not put together", capture.fragments);
        printer.note(Origin::default(), &Note::Said(said.clone()))?;
        printer.count_problem(|| said);
    }
    let cut = capture.conversations.cut();
    if cut > 0 {
        let said = format!(
            "{cut} records were cut short when they were captured (snaplen): their ends are missing"
        );
        printer.note(Origin::default(), &Note::Said(said))?;
    }
    if let Some(number) = capture.unknown_link {
        printer.count_problem(|| CaptureError::LinkType(number).to_string());
    }
    let found = printer.finish(&name);
    done.map_err(failed)?;
    found?;
    match capture.conversations.found() {
        0 => {
            let (seen, cut) = (capture.conversations.seen(), capture.conversations.cut());
            Err(failed(CaptureError::NoMig33 { seen, cut }))
        }
        _ => Ok(()),
    }
}

type CaptureReader<'a> = Box<dyn PcapReaderIterator + 'a>;

fn open(input: &mut Input) -> Result<CaptureReader<'_>, CaptureError> {
    // the reader wants the first header in its first read
    let start = input.look(24).map_err(|_| CaptureError::Read { offset: 0 })?;
    let is_ng = start.starts_with(&PCAPNG);
    let header = match start.get(4..12).and_then(|bytes| bytes.split_first_chunk::<4>()) {
        Some((length, order)) if is_ng && *order == [0x1a, 0x2b, 0x3c, 0x4d] => {
            u32::from_be_bytes(*length)
        }
        Some((length, _)) if is_ng => u32::from_le_bytes(*length),
        Some(_) | None => 24,
    };
    let header = (header as usize).min(BUFFER);
    input.look(header).map_err(|_| CaptureError::Read { offset: 0 })?;
    let no_capture = |error: PcapError<&[u8]>| match error {
        PcapError::Incomplete(_) => CaptureError::Truncated { offset: 0 },
        PcapError::ReadError => CaptureError::Read { offset: 0 },
        PcapError::Eof
        | PcapError::BufferTooSmall
        | PcapError::UnexpectedEof
        | PcapError::HeaderNotRecognized
        | PcapError::NomError(..)
        | PcapError::OwnedNomError(..) => CaptureError::NoCapture,
    };
    if is_ng {
        let reader = PcapNGReader::new(BUFFER, input).map_err(no_capture)?;
        return Ok(Box::new(reader));
    }
    Ok(Box::new(LegacyPcapReader::new(BUFFER, input).map_err(no_capture)?))
}

/// What is known of a capture so far.
struct Capture {
    /// The link type of each interface, and how it counts time.
    interfaces: Vec<Interface>,
    conversations: Conversations,
    /// When the last record was taken.
    time: SystemTime,
    fragments: u64,
    unknown_link: Option<i32>,
}

#[derive(Clone, Copy)]
struct Interface {
    number: i32,
    link: Option<Link>,
    /// Parts of a second that it counts.
    resolution: u64,
    /// Seconds that are to be added.
    offset: i64,
}

/// A record of a file.
struct Taken<'a> {
    /// In parts of a second since 1970.
    time: Option<u128>,
    data: &'a [u8],
    /// Bytes that it had before it was cut.
    length: u32,
    remarks: Vec<Remark>,
}

/// The comments of a block that `tap` has written.
fn remarks(options: &[PcapNGOption<'_>]) -> impl Iterator<Item = Remark> {
    let comments = options.iter().filter(|option| option.code == OptionCode::Comment);
    comments.filter_map(|comment| Remark::parse(comment.as_str().ok()?))
}

impl Capture {
    fn new(args: &Decode) -> Self {
        Self {
            interfaces: Vec::new(),
            conversations: Conversations::new(&args.port),
            time: SystemTime::UNIX_EPOCH,
            fragments: 0,
            unknown_link: None,
        }
    }

    /// Reads all records. What is wrong with the capture is in the inner result.
    fn read(
        &mut self,
        reader: &mut dyn PcapReaderIterator,
        printer: &mut Printer,
    ) -> Result<Result<(), CaptureError>, Failure> {
        loop {
            let offset = reader.consumed();
            let (is_end, available) = (reader.reader_exhausted(), reader.data().len());
            match reader.next() {
                Ok((length, block)) => {
                    self.block(block, printer)?;
                    reader.consume(length);
                }
                Err(PcapError::Eof) => return Ok(Ok(())),
                Err(PcapError::UnexpectedEof) if available == 0 => return Ok(Ok(())),
                Err(PcapError::Incomplete(_)) if !is_end => {
                    printer.flush()?;
                    if reader.refill().is_err() {
                        return Ok(Err(CaptureError::Read { offset }));
                    }
                }
                Err(PcapError::BufferTooSmall) => {
                    let larger = (available.max(BUFFER) * 2).min(LARGEST_BUFFER);
                    if !reader.grow(larger) || reader.refill().is_err() {
                        return Ok(Err(CaptureError::BadRecord { offset }));
                    }
                }
                Err(PcapError::UnexpectedEof | PcapError::Incomplete(_)) => {
                    return Ok(Err(CaptureError::Truncated { offset }));
                }
                Err(
                    PcapError::ReadError
                    | PcapError::HeaderNotRecognized
                    | PcapError::NomError(..)
                    | PcapError::OwnedNomError(..),
                ) => return Ok(Err(CaptureError::BadRecord { offset })),
            }
        }
    }

    fn block(&mut self, block: PcapBlockOwned<'_>, printer: &mut Printer) -> Result<(), Failure> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let is_nano = header.is_nanosecond_precision();
                let resolution = if is_nano { 1_000_000_000 } else { 1_000_000 };
                // the upper half of the link type's field says other things
                self.add_interface(header.network.0 & 0xffff, resolution, 0);
                Ok(())
            }
            PcapBlockOwned::Legacy(record) => {
                let Some(interface) = self.interfaces.first().copied() else {
                    return Ok(());
                };
                let time = u128::from(record.ts_sec) * u128::from(interface.resolution)
                    + u128::from(record.ts_usec);
                let (data, length) = (record.data, record.origlen);
                let record = Taken { time: Some(time), data, length, remarks: Vec::new() };
                self.record(interface, record, printer)
            }
            PcapBlockOwned::NG(block) => self.ng_block(block, printer),
        }
    }

    fn ng_block(&mut self, block: Block<'_>, printer: &mut Printer) -> Result<(), Failure> {
        match block {
            Block::SectionHeader(section) => {
                self.interfaces.clear();
                for remark in remarks(&section.options) {
                    if let Remark::Port(port) = remark {
                        self.conversations.add_port(port);
                    }
                }
            }
            Block::InterfaceDescription(interface) => {
                let exponent = u32::from(interface.if_tsresol & 0x7f);
                let base = if interface.if_tsresol & 0x80 == 0 { 10 } else { 2u64 };
                let resolution = base.checked_pow(exponent).unwrap_or(1_000_000);
                self.add_interface(interface.linktype.0, resolution, interface.if_tsoffset);
            }
            Block::EnhancedPacket(record) => {
                if let Some(interface) = self.interface(record.if_id) {
                    let time = u128::from(record.ts_high) << 32 | u128::from(record.ts_low);
                    let record = Taken {
                        time: Some(time),
                        data: record.packet_data(),
                        length: record.origlen,
                        remarks: remarks(&record.options).collect(),
                    };
                    return self.record(interface, record, printer);
                }
            }
            Block::SimplePacket(record) => {
                if let Some(interface) = self.interface(0) {
                    let (data, length) = (record.packet_data(), record.origlen);
                    let record = Taken { time: None, data, length, remarks: Vec::new() };
                    return self.record(interface, record, printer);
                }
            }
            Block::NameResolution(_)
            | Block::InterfaceStatistics(_)
            | Block::SystemdJournalExport(_)
            | Block::DecryptionSecrets(_)
            | Block::ProcessInformation(_)
            | Block::Custom(_)
            | Block::Unknown(_) => {}
        }
        Ok(())
    }

    fn add_interface(&mut self, number: i32, resolution: u64, offset: i64) {
        self.interfaces.push(Interface {
            number,
            link: Link::from_number(number),
            resolution,
            offset,
        });
    }

    fn interface(&self, id: u32) -> Option<Interface> {
        self.interfaces.get(id as usize).copied()
    }

    fn record(
        &mut self,
        interface: Interface,
        taken: Taken<'_>,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let Taken { time, data, length, remarks } = taken;
        if let Some(time) = time.and_then(|time| interface.time(time)) {
            self.time = time;
        }
        let Some(link) = interface.link else {
            self.unknown_link.get_or_insert(interface.number);
            return Ok(());
        };
        let cut = u64::from(length).saturating_sub(data.len() as u64);
        match link.read(data, cut) {
            Record::Tcp(mut record) => {
                for remark in remarks {
                    match remark {
                        Remark::Masked => record.segment.masked = true,
                        Remark::Problem(text) => {
                            record.segment.seen = Some(Problem::Recorded { text, wrong: true });
                        }
                        Remark::Passed(text) => {
                            record.segment.seen = Some(Problem::Recorded { text, wrong: false });
                        }
                        Remark::Port(_) => {}
                    }
                }
                Ok(self.conversations.take(record, self.time, printer)?)
            }
            Record::Fragment => {
                self.fragments += 1;
                Ok(())
            }
            Record::Other => Ok(()),
        }
    }
}

impl Interface {
    /// The time that so many parts of a second since 1970 are; nothing if no clock shows it.
    fn time(self, parts: u128) -> Option<SystemTime> {
        let resolution = u128::from(self.resolution);
        let seconds = u64::try_from(parts / resolution).ok()?.checked_add_signed(self.offset)?;
        let nanos = u32::try_from(parts % resolution * 1_000_000_000 / resolution).ok()?;
        // the year 9999 is the last that can be printed
        (seconds < 253_402_300_800).then_some(())?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
    }
}

//! What all typed packets share: reading from a frame, writing to bytes, and what is kept of what is not known.
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use bytes::BytesMut;

use crate::field::{Field, read_integer};
use crate::frame::{Block, BlockSlice, block_header};
use crate::{
    BLOCK_HEADER_LEN, Command, DecodeError, EncodeError, FieldProblem, Frame, Header, MAX_PARAMS,
    Output, Parts,
};

/// A typed packet that can be read from a frame.
pub trait Decode: Sized {
    /// COMMAND1 of this kind of packet.
    const COMMAND: Command;

    /// Reads the blocks of a frame. The frame's command is not looked at: use [`Packet::decode`] to choose by it.
    ///
    /// [`Packet::decode`]: crate::packets::Packet::decode
    ///
    /// # Errors
    /// [`DecodeError`] when a block's content does not fit its type (spec/wire.md section 2).
    fn decode(frame: &Frame) -> Result<Self, DecodeError>;
}

/// A packet that can be written.
pub trait Encode {
    /// COMMAND1 of the packet.
    fn command(&self) -> Command;

    /// Bytes of PARAMS.
    fn params_len(&self) -> usize;

    /// Appends PARAMS: the blocks by ascending id.
    fn write_params(&self, out: &mut BytesMut);

    /// [`write_params`](Self::write_params) to an output of any kind, which is how both are written.
    fn write_params_to<O: Output>(&self, out: &mut O)
    where
        Self: Sized;

    /// Appends the whole packet.
    ///
    /// # Errors
    /// [`EncodeError`] when PARAMS would be over [`MAX_PARAMS`]; nothing is appended then.
    fn encode_into(&self, transaction: u16, out: &mut BytesMut) -> Result<(), EncodeError>
    where
        Self: Sized,
    {
        encode_into(self, transaction, out)
    }

    /// Appends the whole packet in parts: a content of [`Parts::SHARE`] bytes or more is not copied.
    ///
    /// # Errors
    /// As [`encode_into`](Self::encode_into).
    fn encode_parts(&self, transaction: u16, parts: &mut Parts) -> Result<(), EncodeError>
    where
        Self: Sized,
    {
        parts.put_packet(self.command(), transaction, |parts| self.write_params_to(parts))
    }

    /// The packet as a frame.
    ///
    /// # Errors
    /// As [`encode_into`](Self::encode_into).
    fn encode(&self, transaction: u16) -> Result<Frame, EncodeError>
    where
        Self: Sized,
    {
        encode(self, transaction)
    }
}

/// [`Encode::encode_into`] for a packet of any kind.
///
/// # Errors
/// [`EncodeError`] when PARAMS would be over [`MAX_PARAMS`]; nothing is appended then.
#[inline]
pub fn encode_into(
    packet: &dyn Encode,
    transaction: u16,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let length = checked_len(packet)?;
    let header = Header { command: packet.command(), transaction, length: length as u32 };
    out.reserve(header.packet_len());
    out.extend_from_slice(&header.to_bytes());
    packet.write_params(out);
    Ok(())
}

/// [`Encode::encode`] for a packet of any kind.
///
/// # Errors
/// As [`encode_into`].
pub fn encode(packet: &dyn Encode, transaction: u16) -> Result<Frame, EncodeError> {
    let mut params = BytesMut::with_capacity(checked_len(packet)?);
    packet.write_params(&mut params);
    Ok(Frame::from_checked(packet.command(), transaction, params.freeze()))
}

fn checked_len(packet: &dyn Encode) -> Result<usize, EncodeError> {
    match packet.params_len() {
        length if length > MAX_PARAMS => Err(EncodeError { command: packet.command(), length }),
        length => Ok(length),
    }
}

/// What a packet had besides the fields that its kind is known to have, so that it is written as it came.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    /// Blocks with an unknown id, and those that repeat an id, in wire order.
    blocks: Vec<Block>,
    /// Integers that came in another width than the catalogue's: id and bytes.
    widths: Vec<(u16, u8)>,
}

impl Extra {
    /// Nothing besides the known fields.
    pub const NONE: Self = Self { blocks: Vec::new(), widths: Vec::new() };

    /// Blocks with an unknown id, and those that repeat an id, in wire order.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    pub(crate) fn keep(&mut self, block: &BlockSlice<'_>) {
        self.blocks.push(block.to_block());
    }

    /// Whether there is anything to write besides the fields as the catalogue has them.
    pub(crate) const fn is_none(&self) -> bool {
        self.blocks.is_empty() && self.widths.is_empty()
    }

    /// Makes of the fields that were written from `start` on the packet as it came: integers in their width, the kept
    /// blocks between the fields.
    pub(crate) fn merge<O: Output>(&self, start: usize, out: &mut O) {
        let mut kept = self.ascending().peekable();
        for field in out.split_off_blocks(start) {
            // one of the same id repeats the field and comes after it
            while let Some(block) = kept.next_if(|block| block.id < field.id) {
                block.write_to(out);
            }
            match self.kept_width(&field) {
                Some((width, value)) => {
                    out.put_copy(&block_header(field.id, width));
                    // as many of the lowest bytes as it came in, which are 8 at most
                    out.put_copy(&value.to_be_bytes()[8 - width..]);
                }
                None => field.write_to(out),
            }
        }
        kept.for_each(|block| block.write_to(out));
    }

    /// The kept blocks by ascending id, those of one id in wire order.
    fn ascending(&self) -> impl Iterator<Item = &Block> {
        let places = self.blocks.iter().zip(0_u64..);
        // a heap, since a sort would be ten times its code
        let mut keys: BinaryHeap<Reverse<u64>> =
            places.map(|(block, at)| Reverse(u64::from(block.id) << 32 | at)).collect();
        core::iter::from_fn(move || {
            let Reverse(key) = keys.pop()?;
            // the lower half is the place
            self.blocks.get((key & u64::from(u32::MAX)) as usize)
        })
    }

    /// The width in which an integer came, and its value, if it still fits.
    fn kept_width(&self, field: &Block) -> Option<(usize, u64)> {
        let (_, width) = self.widths.iter().find(|(id, _)| *id == field.id)?;
        let value = read_integer(&field.content, u64::MAX).ok()?;
        let fits = *width >= 8 || value < 1 << (8 * width);
        fits.then_some((usize::from(*width), value))
    }
}

/// Equal are those that are written equally: the order of blocks of different ids has no meaning.
impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        let has = |width| other.widths.contains(width);
        self.widths.len() == other.widths.len()
            && self.widths.iter().all(has)
            && self.ascending().eq(other.ascending())
    }
}

impl Eq for Extra {}

/// A packet whose fields are being read.
pub(crate) trait Fields {
    /// Takes one block.
    fn take(&mut self, block: &BlockSlice<'_>) -> Result<(), FieldProblem>;
}

/// Reads the blocks of a frame, in wire order.
pub(crate) fn read_blocks(
    frame: &Frame,
    command: Command,
    packet: &mut dyn Fields,
) -> Result<(), DecodeError> {
    for block in frame.slices() {
        packet.take(&block).map_err(|problem| DecodeError {
            command,
            block: block.id,
            offset: block.offset(),
            length: block.content.len(),
            problem,
        })?;
    }
    Ok(())
}

/// Reads a block into its field and notes an unusual width; the first block of an id wins, the rest is kept.
pub(crate) fn read_field<F: Field>(
    field: &mut Option<F>,
    block: &BlockSlice<'_>,
    extra: &mut Extra,
) -> Result<(), FieldProblem> {
    if field.is_some() {
        extra.keep(block);
        return Ok(());
    }
    F::read(block, field)?;
    if F::WIDTH != 0 && F::WIDTH != block.content.len() {
        // an integer has at most eight bytes
        extra.widths.push((block.id, block.content.len() as u8));
    }
    Ok(())
}

/// Bytes that a field takes in PARAMS, as the catalogue has it.
pub(crate) fn field_len<F: Field>(field: Option<&F>) -> usize {
    field.map_or(0, |value| BLOCK_HEADER_LEN + value.len())
}

/// Bytes of PARAMS of a packet with something besides its known fields, which is rare.
pub(crate) fn written_len(packet: &dyn Encode) -> usize {
    let mut params = BytesMut::new();
    packet.write_params(&mut params);
    params.len()
}

impl Encode for Frame {
    fn command(&self) -> Command {
        self.command
    }

    fn params_len(&self) -> usize {
        self.params().len()
    }

    fn write_params(&self, out: &mut BytesMut) {
        self.write_params_to(out);
    }

    fn write_params_to<O: Output>(&self, out: &mut O) {
        out.put_share(self.params());
    }
}

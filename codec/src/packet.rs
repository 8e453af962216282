//! What all typed packets share: reading from a frame, writing to bytes, and what is kept of what is not known.
use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};

use crate::field::Field;
use crate::frame::Block;
use crate::{
    BLOCK_HEADER_LEN, Command, DecodeError, EncodeError, FieldProblem, Frame, Header, MAX_PARAMS,
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
pub fn encode_into(
    packet: &dyn Encode,
    transaction: u16,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let length = checked_len(packet)?;
    let header = Header { command: packet.command(), transaction, length: length as u32 };
    out.reserve(header.packet_len());
    header.write_to(out);
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

    pub(crate) fn keep(&mut self, block: Block) {
        self.blocks.push(block);
    }

    fn width(&self, id: u16) -> Option<usize> {
        self.widths.iter().find(|(of, _)| *of == id).map(|(_, bytes)| usize::from(*bytes))
    }

    fn blocks_len(&self) -> usize {
        self.blocks.iter().map(Block::wire_len).sum()
    }
}

/// A packet whose fields are being read.
pub(crate) trait Fields {
    /// Takes one block.
    fn take(&mut self, block: Block) -> Result<(), DecodeError>;
}

/// Reads the blocks of a frame, in wire order.
pub(crate) fn read_blocks(frame: &Frame, packet: &mut dyn Fields) -> Result<(), DecodeError> {
    frame.blocks().try_for_each(|block| packet.take(block))
}

/// Reads a block into its field and notes an unusual width; the first block of an id wins, the rest is kept.
pub(crate) fn read_field<F: Field>(
    field: &mut Option<F>,
    command: Command,
    name: &'static str,
    block: Block,
    extra: &mut Extra,
) -> Result<(), DecodeError> {
    if field.is_some() {
        extra.keep(block);
        return Ok(());
    }
    let (id, length) = (block.id, block.content.len());
    let fail =
        |problem: FieldProblem| DecodeError { command, block: id, field: name, length, problem };
    *field = Some(F::read(block.content).map_err(fail)?);
    if F::WIDTH != 0 && F::WIDTH != length {
        // an integer has at most eight bytes
        extra.widths.push((id, length as u8));
    }
    Ok(())
}

/// Bytes that a field takes in PARAMS.
pub(crate) fn field_len<F: Field>(id: u16, field: Option<&F>, extra: &Extra) -> usize {
    field.map_or(0, |value| {
        BLOCK_HEADER_LEN + kept_width(id, value, extra).unwrap_or_else(|| value.len())
    })
}

/// The width in which an integer came, if the value still fits it.
fn kept_width<F: Field>(id: u16, value: &F, extra: &Extra) -> Option<usize> {
    if F::WIDTH == 0 || extra.widths.is_empty() {
        return None;
    }
    extra.width(id).filter(|width| *width >= 8 || value.integer() < 1 << (8 * width))
}

/// Writes blocks by ascending id: known fields as they are given, the kept blocks between them.
pub(crate) struct ParamsWriter<'a> {
    out: &'a mut BytesMut,
    extra: &'a Extra,
    /// The kept blocks that are still to be written, the next one last: id, then place, which keeps the order of those
    /// that share an id. Empty for almost every packet.
    kept: Vec<u64>,
}

impl<'a> ParamsWriter<'a> {
    pub(crate) fn new(out: &'a mut BytesMut, extra: &'a Extra) -> Self {
        let blocks = extra.blocks.iter().enumerate();
        let mut kept: Vec<u64> =
            blocks.map(|(place, block)| !(u64::from(block.id) << 32 | place as u64)).collect();
        kept.sort_unstable();
        Self { out, extra, kept }
    }

    /// Writes a field. A kept block of the same id repeats it and comes after.
    pub(crate) fn field<F: Field>(&mut self, id: u16, field: Option<&F>) {
        self.kept_below(u64::from(id) << 32);
        let Some(value) = field else { return };
        self.out.put_u16(id);
        match kept_width(id, value, self.extra) {
            Some(width) => {
                self.out.put_u32(width as u32);
                self.out.put_uint(value.integer(), width);
            }
            None => {
                self.out.put_u32(value.len() as u32);
                value.write(self.out);
            }
        }
    }

    /// Writes what is left of the kept blocks.
    pub(crate) fn finish(mut self) {
        self.kept_below(u64::MAX);
    }

    fn kept_below(&mut self, end: u64) {
        while let Some(next) = self.kept.pop_if(|next| !*next < end) {
            // the lower half is the place
            if let Some(block) = self.extra.blocks.get((!next & u64::from(u32::MAX)) as usize) {
                block.write_to(self.out);
            }
        }
    }
}

/// Bytes of PARAMS besides the known fields.
pub(crate) fn extra_len(extra: &Extra) -> usize {
    extra.blocks_len()
}

impl Encode for Frame {
    fn command(&self) -> Command {
        self.command
    }

    fn params_len(&self) -> usize {
        self.params().len()
    }

    fn write_params(&self, out: &mut BytesMut) {
        out.put_slice(self.params());
    }
}

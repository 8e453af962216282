//! `Frame`, the lossless view of a packet, and the blocks in it (spec/wire.md section 1).
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::{Command, FrameError, Output};

/// The byte that starts every packet.
pub const MAGIC: u8 = 0x02;
/// Bytes of a packet before PARAMS.
pub const HEADER_LEN: usize = 9;
/// Bytes of a block before its content.
pub const BLOCK_HEADER_LEN: usize = 6;
/// The most bytes that PARAMS may have (spec/wire.md section 2).
pub const MAX_PARAMS: usize = 358_400;
/// The most bytes of PARAMS that a server takes from a client before LOGIN_OK (spec/wire.md section 2).
pub const MAX_PARAMS_BEFORE_LOGIN: usize = 8 << 10;
/// The most bytes that a packet may have, header included.
pub const MAX_PACKET: usize = HEADER_LEN + MAX_PARAMS;

/// A packet as it is on the wire: what kind it is, which request it belongs to, and whole blocks.
///
/// The blocks fill `params` exactly and PARAMS is within [`MAX_PARAMS`]: a `Frame` is made by a check or by an encoder
/// only, so reading its blocks cannot fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What kind of packet it is: COMMAND1.
    pub command: Command,
    /// Which request it is or answers: COMMAND2; 0 for what a server sends unasked.
    pub transaction: u16,
    params: Bytes,
}

impl Frame {
    /// A frame of these blocks.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], [`FrameError::BlockOverrun`] or [`FrameError::TrailingBytes`], with offsets that count
    /// from the packet's first byte.
    pub fn new(command: Command, transaction: u16, params: Bytes) -> Result<Self, FrameError> {
        if params.len() > MAX_PARAMS {
            let length = u32::try_from(params.len()).unwrap_or(u32::MAX);
            return Err(FrameError::TooLong { offset: 5, length });
        }
        check_blocks(&params, HEADER_LEN as u64)?;
        Ok(Self { command, transaction, params })
    }

    /// A frame whose blocks the caller has just written or checked.
    pub(crate) const fn from_checked(command: Command, transaction: u16, params: Bytes) -> Self {
        Self { command, transaction, params }
    }

    /// PARAMS: the blocks, back to back.
    #[must_use]
    pub const fn params(&self) -> &Bytes {
        &self.params
    }

    /// The blocks in the order in which they came.
    #[must_use]
    pub fn blocks(&self) -> Blocks {
        Blocks::new(self.params.clone())
    }

    /// The content of the first block with this id.
    #[must_use]
    pub fn block(&self, id: u16) -> Option<Bytes> {
        self.slices().find(|block| block.id == id).map(|block| block.to_bytes())
    }

    /// The blocks in the order in which they came, as places in PARAMS.
    pub(crate) fn slices(&self) -> BlockSlices<'_> {
        BlockSlices::new(&self.params)
    }

    /// Bytes of the whole packet, header included.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        HEADER_LEN + self.params.len()
    }

    /// Appends the packet's bytes.
    pub fn write_to(&self, out: &mut BytesMut) {
        out.reserve(self.wire_len());
        let header = Header {
            command: self.command,
            transaction: self.transaction,
            length: self.params.len() as u32,
        };
        out.extend_from_slice(&header.to_bytes());
        out.extend_from_slice(&self.params);
    }

    /// The packet's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.wire_len());
        self.write_to(&mut out);
        out.freeze()
    }

    /// The same blocks in another order, those of one id among themselves as they were. Real handsets write
    /// [`Order::Descending`].
    #[must_use]
    pub fn in_order(&self, order: Order) -> Self {
        let mut blocks: Vec<Block> = self.blocks().collect();
        match order {
            Order::Ascending => blocks.sort_by_key(|block| block.id),
            Order::Descending => blocks.sort_by_key(|block| core::cmp::Reverse(block.id)),
        }
        let mut params = BytesMut::with_capacity(self.params.len());
        for block in &blocks {
            block.write_to(&mut params);
        }
        Self { command: self.command, transaction: self.transaction, params: params.freeze() }
    }
}

/// The order of blocks in a packet; it has no meaning, but captures have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the lowest id to the highest, as this crate writes.
    Ascending,
    /// From the highest id to the lowest, as the handsets of old wrote.
    Descending,
}

/// One field of a packet: 2 bytes id, 4 bytes length, content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Which field of the packet it is.
    pub id: u16,
    /// Its content, a slice of the packet.
    pub content: Bytes,
}

impl Block {
    /// Bytes of the block, header included.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        BLOCK_HEADER_LEN + self.content.len()
    }

    pub(crate) fn write_to(&self, out: &mut impl Output) {
        out.put_block(self.id, &self.content);
    }
}

/// Appends a block.
pub(crate) fn write_block(id: u16, content: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(&block_header(id, content.len()));
    out.extend_from_slice(content);
}

/// The bytes before a block's content.
pub(crate) const fn block_header(id: u16, length: usize) -> [u8; BLOCK_HEADER_LEN] {
    let [i1, i2] = id.to_be_bytes();
    let [l1, l2, l3, l4] = (length as u32).to_be_bytes();
    [i1, i2, l1, l2, l3, l4]
}

/// The blocks of one frame, in wire order.
#[derive(Clone, Debug)]
pub struct Blocks {
    params: Bytes,
    at: usize,
}

impl Blocks {
    /// Of blocks that are whole.
    pub(crate) const fn new(params: Bytes) -> Self {
        Self { params, at: 0 }
    }
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let rest = self.params.get(self.at..)?;
        let block = BlockSlices { params: &self.params, rest }.next()?.to_block();
        self.at += block.wire_len();
        Some(block)
    }
}

/// A block as a place in PARAMS: only what keeps its content takes a share in the memory.
pub(crate) struct BlockSlice<'a> {
    pub(crate) id: u16,
    pub(crate) content: &'a [u8],
    /// Where in PARAMS the content starts.
    at: usize,
    params: &'a Bytes,
}

impl BlockSlice<'_> {
    /// Where the block starts, in bytes from the packet's first.
    pub(crate) const fn offset(&self) -> usize {
        HEADER_LEN + self.at - BLOCK_HEADER_LEN
    }

    /// The content, as a share in the packet's memory.
    pub(crate) fn to_bytes(&self) -> Bytes {
        self.params.slice(self.at..self.at + self.content.len())
    }

    pub(crate) fn to_block(&self) -> Block {
        Block { id: self.id, content: self.to_bytes() }
    }
}

/// The blocks of one frame as places in its PARAMS, in wire order.
pub(crate) struct BlockSlices<'a> {
    params: &'a Bytes,
    rest: &'a [u8],
}

impl<'a> BlockSlices<'a> {
    pub(crate) fn new(params: &'a Bytes) -> Self {
        Self { params, rest: params }
    }
}

impl<'a> Iterator for BlockSlices<'a> {
    type Item = BlockSlice<'a>;

    fn next(&mut self) -> Option<BlockSlice<'a>> {
        let (id, length, after) = split_header(self.rest)?;
        let (content, rest) = after.split_at_checked(length)?;
        self.rest = rest;
        Some(BlockSlice { id, content, at: self.params.len() - after.len(), params: self.params })
    }
}

/// The first nine bytes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// COMMAND1.
    pub command: Command,
    /// COMMAND2.
    pub transaction: u16,
    /// PACK_LEN: bytes that follow the header, at most [`MAX_PARAMS`].
    pub length: u32,
}

impl Header {
    /// Reads a header that starts at stream position `offset`.
    ///
    /// # Errors
    /// [`FrameError::BadMagic`] or [`FrameError::TooLong`].
    pub fn read(bytes: &[u8; HEADER_LEN], offset: u64) -> Result<Self, FrameError> {
        let [magic, c1, c2, t1, t2, l1, l2, l3, l4] = *bytes;
        check_magic(magic, offset)?;
        let length = u32::from_be_bytes([l1, l2, l3, l4]);
        if length as usize > MAX_PARAMS {
            return Err(FrameError::TooLong { offset: offset + 5, length });
        }
        Ok(Self {
            command: Command(u16::from_be_bytes([c1, c2])),
            transaction: u16::from_be_bytes([t1, t2]),
            length,
        })
    }

    /// Bytes of the whole packet.
    #[must_use]
    pub const fn packet_len(&self) -> usize {
        HEADER_LEN + self.length as usize
    }

    pub(crate) const fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [c1, c2] = self.command.0.to_be_bytes();
        let [t1, t2] = self.transaction.to_be_bytes();
        let [l1, l2, l3, l4] = self.length.to_be_bytes();
        [MAGIC, c1, c2, t1, t2, l1, l2, l3, l4]
    }
}

/// Whether a packet may start with this byte, which stands at stream position `offset`.
pub(crate) const fn check_magic(found: u8, offset: u64) -> Result<(), FrameError> {
    match found {
        MAGIC => Ok(()),
        _ => Err(FrameError::BadMagic { offset, found }),
    }
}

/// Whether whole blocks fill `params` exactly; `offset` is where PARAMS stands in the stream.
pub(crate) fn check_blocks(params: &[u8], offset: u64) -> Result<(), FrameError> {
    let mut rest = params;
    let at = |rest: &[u8]| offset + (params.len() - rest.len()) as u64;
    while let Some((id, length, after)) = split_header(rest) {
        let Some(next) = after.get(length..) else {
            return Err(FrameError::BlockOverrun {
                offset: at(rest),
                block: id,
                length: length as u32,
                available: after.len(),
            });
        };
        rest = next;
    }
    match rest.len() {
        0 => Ok(()),
        count => Err(FrameError::TrailingBytes { offset: at(rest), count }),
    }
}

/// A block's id, its length, and what follows its header.
fn split_header(bytes: &[u8]) -> Option<(u16, usize, &[u8])> {
    let ([i1, i2, l1, l2, l3, l4], after) = bytes.split_first_chunk::<BLOCK_HEADER_LEN>()?;
    let length = u32::from_be_bytes([*l1, *l2, *l3, *l4]);
    Some((u16::from_be_bytes([*i1, *i2]), length as usize, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(id: u16, content: &'static [u8]) -> Block {
        Block { id, content: Bytes::from_static(content) }
    }

    #[test]
    fn blocks_come_as_they_were_written() {
        let blocks = [block(7, b"x"), block(1, b""), block(7, b"yz")];
        let mut params = BytesMut::new();
        blocks.iter().for_each(|b| b.write_to(&mut params));
        let frame = Frame::new(Command::OK, 3, params.freeze()).unwrap();
        assert_eq!(frame.blocks().collect::<Vec<_>>(), blocks);
        assert_eq!(frame.block(7).unwrap(), "x");
        assert_eq!(frame.wire_len(), frame.to_bytes().len());
    }

    #[test]
    fn other_order_keeps_repeated_blocks_among_themselves() {
        let mut params = BytesMut::new();
        [block(1, b"a"), block(2, b"b"), block(1, b"c")]
            .iter()
            .for_each(|b| b.write_to(&mut params));
        let frame = Frame::new(Command::OK, 3, params.freeze()).unwrap();
        let ids = |order| {
            frame.in_order(order).blocks().map(|b| (b.id, b.content[0])).collect::<Vec<_>>()
        };
        assert_eq!(ids(Order::Ascending), [(1, b'a'), (1, b'c'), (2, b'b')]);
        assert_eq!(ids(Order::Descending), [(2, b'b'), (1, b'a'), (1, b'c')]);
    }

    #[test]
    fn bad_blocks_are_named_with_their_place() {
        let overrun = Bytes::from_static(&[0, 1, 0, 0, 0, 9, b'x']);
        assert_eq!(
            Frame::new(Command::OK, 0, overrun),
            Err(FrameError::BlockOverrun { offset: 9, block: 1, length: 9, available: 1 })
        );
        let trailing = Bytes::from_static(&[0, 1, 0, 0, 0, 0, 1, 2]);
        assert_eq!(
            Frame::new(Command::OK, 0, trailing),
            Err(FrameError::TrailingBytes { offset: 15, count: 2 })
        );
        let long = Bytes::from(alloc::vec![0; MAX_PARAMS + 1]);
        assert_eq!(
            Frame::new(Command::OK, 0, long),
            Err(FrameError::TooLong { offset: 5, length: MAX_PARAMS as u32 + 1 })
        );
    }
}

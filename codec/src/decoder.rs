//! `Decoder`: bytes in any chunks in, frames out.
use alloc::vec::Vec;

use bytes::{Buf, Bytes, BytesMut};

use crate::frame::{check_blocks, check_magic};
use crate::{Frame, FrameError, HEADER_LEN, Header, MAX_PARAMS};

/// A piece of a packet that is smaller than this is joined to the ones before it, so that a peer that sends byte by
/// byte does not make the decoder keep a buffer for each.
const SMALL_PIECE: usize = 256;

/// Cuts a stream of bytes into frames.
///
/// A frame that lies within one chunk is a slice of it: nothing is copied or allocated. One that spans chunks is put
/// together once all of it is there, each byte copied once, into memory of the size that has arrived and not the one
/// that a peer only declares. (Only pieces of less than 256 bytes in the middle of a packet are copied twice.) What is
/// held is what has arrived: at most one packet and one chunk.
#[derive(Debug)]
pub struct Decoder {
    /// What is not yet read of the newest chunk.
    chunk: Bytes,
    /// A packet that began in earlier chunks: its pieces as they came, then small ones joined.
    pieces: Vec<Bytes>,
    tail: BytesMut,
    held: usize,
    /// Where in the stream the packet that is being read begins.
    offset: u64,
    /// The most bytes of PARAMS.
    max_params: usize,
    failed: Option<FrameError>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            chunk: Bytes::new(),
            pieces: Vec::new(),
            tail: BytesMut::new(),
            held: 0,
            offset: 0,
            max_params: MAX_PARAMS,
            failed: None,
        }
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes PARAMS of at most so many bytes from now on, and never more than [`MAX_PARAMS`]. A packet whose header has
    /// arrived is held to it, too.
    pub fn set_max_params(&mut self, bytes: usize) {
        self.max_params = bytes.min(MAX_PARAMS);
    }

    /// Puts in the next bytes of the stream. Call [`next_frame`](Self::next_frame) until it gives nothing before the
    /// next push, or what is left has to be copied.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
            joined.extend_from_slice(&self.chunk);
            joined.extend_from_slice(&chunk);
            self.chunk = joined.freeze();
        }
    }

    /// The next frame, if all of it has arrived.
    ///
    /// # Errors
    /// The first [`FrameError`] of the stream, again at every later call: nothing after it can be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let frame = if self.held == 0 { self.frame_in_chunk() } else { self.frame_across_chunks() };
        if let Err(error) = frame {
            self.failed = Some(error);
        }
        frame
    }

    /// Tells that the stream has ended.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] when it ended inside a packet, or the error that came before.
    pub fn finish(&self) -> Result<(), FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.held + self.chunk.len() {
            0 => Ok(()),
            count => Err(FrameError::Truncated { offset: self.offset + count as u64, count }),
        }
    }

    /// Bytes that have arrived and belong to no frame yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.held + self.chunk.len()
    }

    fn frame_in_chunk(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(header) = self.chunk.first_chunk() else {
            if let Some(first) = self.chunk.first() {
                check_magic(*first, self.offset)?;
                self.keep_chunk();
            }
            return Ok(None);
        };
        let header = self.header(header)?;
        if self.chunk.len() < header.packet_len() {
            self.keep_chunk();
            return Ok(None);
        }
        self.chunk.advance(HEADER_LEN);
        let params = self.take(header.length as usize);
        self.frame(header, params).map(Some)
    }

    fn frame_across_chunks(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(header) = self.spanning_header() else {
            self.keep_chunk();
            return Ok(None);
        };
        let header = self.header(&header)?;
        if self.buffered() < header.packet_len() {
            self.keep_chunk();
            return Ok(None);
        }
        let mut packet = Vec::with_capacity(header.packet_len());
        let rest = self.take(header.packet_len() - self.held);
        let tail = core::mem::take(&mut self.tail);
        self.pieces.drain(..).for_each(|piece| packet.extend_from_slice(&piece));
        packet.extend_from_slice(&tail);
        packet.extend_from_slice(&rest);
        self.held = 0;
        let mut params = Bytes::from(packet);
        params.advance(HEADER_LEN);
        self.frame(header, params).map(Some)
    }

    /// The header of the packet that is being read.
    fn header(&self, bytes: &[u8; HEADER_LEN]) -> Result<Header, FrameError> {
        let header = Header::read(bytes, self.offset)?;
        if header.length as usize > self.max_params {
            return Err(FrameError::TooLong { offset: self.offset + 5, length: header.length });
        }
        Ok(header)
    }

    /// The frame of a whole packet, behind which the decoder then stands.
    fn frame(&mut self, header: Header, params: Bytes) -> Result<Frame, FrameError> {
        check_blocks(&params, self.offset + HEADER_LEN as u64)?;
        self.offset += header.packet_len() as u64;
        Ok(Frame::from_checked(header.command, header.transaction, params))
    }

    /// The chunk's next bytes. Nothing empty stays a slice of the chunk, which would keep all of it alive.
    fn take(&mut self, count: usize) -> Bytes {
        if count == self.chunk.len() {
            let rest = core::mem::take(&mut self.chunk);
            return if count == 0 { Bytes::new() } else { rest };
        }
        self.chunk.split_to(count)
    }

    /// Moves what is left of the chunk to the packet that is being read.
    fn keep_chunk(&mut self) {
        let piece = core::mem::take(&mut self.chunk);
        let is_first = self.held == 0;
        self.held += piece.len();
        if piece.len() < SMALL_PIECE && !is_first {
            self.tail.extend_from_slice(&piece);
            return;
        }
        if !self.tail.is_empty() {
            self.pieces.push(self.tail.split().freeze());
        }
        self.pieces.push(piece);
    }

    /// The header of a packet that began in earlier chunks, if all of it is here.
    fn spanning_header(&self) -> Option<[u8; HEADER_LEN]> {
        let mut header = [0; HEADER_LEN];
        let held = self.pieces.iter().map(Bytes::as_ref);
        let mut bytes = held.chain([self.tail.as_ref(), self.chunk.as_ref()]).flatten();
        for byte in &mut header {
            *byte = *bytes.next()?;
        }
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, MAX_PARAMS};

    const PING: [u8; 9] = [2, 0, 2, 0, 4, 0, 0, 0, 0];

    #[test]
    fn frame_within_a_chunk_is_a_slice_of_it() {
        let chunk =
            Bytes::from_static(&[2, 0, 1, 0, 2, 0, 0, 0, 8, 0, 1, 0, 0, 0, 2, b'h', b'i', 2]);
        let mut decoder = Decoder::new();
        decoder.push(chunk.clone());
        let frame = decoder.next_frame().unwrap().unwrap();
        assert_eq!(frame.params().as_ptr(), chunk[9..].as_ptr());
        assert_eq!(decoder.next_frame(), Ok(None));
        assert_eq!(decoder.buffered(), 1);
    }

    #[test]
    fn errors_count_bytes_from_the_start_of_the_stream() {
        let mut decoder = Decoder::new();
        decoder.push(Bytes::from_static(&PING));
        decoder.push(Bytes::from_static(&[3]));
        assert_eq!(decoder.next_frame().unwrap().unwrap().command, Command::PING);
        let error = FrameError::BadMagic { offset: 9, found: 3 };
        assert_eq!(decoder.next_frame(), Err(error));
        decoder.push(Bytes::from_static(&PING));
        assert_eq!(decoder.next_frame(), Err(error));
        assert_eq!(decoder.finish(), Err(error));
    }

    #[test]
    fn a_declared_length_takes_no_memory() {
        let mut decoder = Decoder::new();
        let length = (MAX_PARAMS as u32).to_be_bytes();
        decoder.push(Bytes::from([&[2, 0, 2, 0, 4][..], &length].concat()));
        assert_eq!(decoder.next_frame(), Ok(None));
        assert!(decoder.tail.capacity() < 128);
        decoder.push(Bytes::from_static(&[0; 3]));
        assert_eq!(decoder.next_frame(), Ok(None));
        assert!(decoder.tail.capacity() < 128);
        assert_eq!(decoder.finish(), Err(FrameError::Truncated { offset: 12, count: 12 }));
    }

    #[test]
    fn bytes_one_by_one_are_joined() {
        let mut decoder = Decoder::new();
        for byte in PING {
            assert_eq!(decoder.next_frame(), Ok(None));
            decoder.push(Bytes::copy_from_slice(&[byte]));
        }
        assert_eq!(decoder.next_frame().unwrap().unwrap().transaction, 4);
        assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn a_lower_limit_holds_until_it_is_raised() {
        let packet = |length: usize| {
            let mut bytes = alloc::vec![2, 0, 2, 0, 4];
            bytes.extend((length as u32).to_be_bytes());
            bytes.extend([0, 1]);
            bytes.extend((length as u32 - 6).to_be_bytes());
            bytes.resize(HEADER_LEN + length, 0);
            Bytes::from(bytes)
        };
        let mut decoder = Decoder::new();
        decoder.set_max_params(100);
        decoder.push(packet(100));
        assert_eq!(decoder.next_frame().unwrap().unwrap().params().len(), 100);
        let mut raised = decoder;
        raised.push(packet(101));
        raised.set_max_params(usize::MAX);
        assert_eq!(raised.next_frame().unwrap().unwrap().params().len(), 101);
        raised.set_max_params(100);
        raised.push(packet(101).slice(..HEADER_LEN));
        assert_eq!(raised.next_frame(), Err(FrameError::TooLong { offset: 224, length: 101 }));
    }

    #[test]
    fn a_length_over_the_limit_is_refused_at_the_header() {
        let mut decoder = Decoder::new();
        let length = MAX_PARAMS as u32 + 1;
        decoder.push(Bytes::from([&[2, 0, 2, 0, 4][..], &length.to_be_bytes()].concat()));
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLong { offset: 5, length }));
    }
}

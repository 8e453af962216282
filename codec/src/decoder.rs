//! `Decoder`: bytes in any chunks in, frames out.
use alloc::vec::Vec;

use bytes::{Buf, Bytes, BytesMut};

use crate::frame::check_blocks;
use crate::{Frame, FrameError, HEADER_LEN, Header};

/// A chunk smaller than this that falls inside a packet is copied to the ones before it, so that a peer that sends
/// byte by byte does not make the decoder keep a buffer for each.
const SMALL_CHUNK: usize = 256;

/// Cuts a stream of bytes into frames.
///
/// A frame that lies within one chunk is a slice of it: nothing is copied or allocated. One that spans chunks is put
/// together once all of it is there, so that no memory is taken by a length that a peer only declares; what is held
/// is what has arrived, at most one packet and one chunk.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What is not yet read of the newest chunk.
    chunk: Bytes,
    /// A packet that began in earlier chunks: whole chunks, then small ones joined.
    parts: Vec<Bytes>,
    tail: BytesMut,
    held: usize,
    /// Its header, once nine bytes are there.
    header: Option<Header>,
    /// Where in the stream the packet that is being read begins.
    offset: u64,
    failed: Option<FrameError>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
        let Some(start) = self.chunk.first_chunk::<HEADER_LEN>() else {
            if let Some(&first) = self.chunk.first() {
                self.check_first(first)?;
                self.keep(self.chunk.len());
            }
            return Ok(None);
        };
        let header = Header::read(start, self.offset)?;
        if self.chunk.len() < header.packet_len() {
            self.header = Some(header);
            self.keep(self.chunk.len());
            return Ok(None);
        }
        let packet = self.chunk.split_to(header.packet_len());
        if self.chunk.is_empty() {
            self.chunk = Bytes::new(); // an empty slice would keep the whole chunk alive
        }
        self.frame(header, packet).map(Some)
    }

    fn frame_across_chunks(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.header.is_none() {
            self.keep(self.chunk.len().min(HEADER_LEN - self.held));
            if self.held < HEADER_LEN {
                return Ok(None);
            }
            self.header = Some(Header::read(&self.held_header(), self.offset)?);
        }
        let Some(header) = self.header else {
            return Ok(None);
        };
        self.keep(self.chunk.len().min(header.packet_len() - self.held));
        if self.held < header.packet_len() {
            return Ok(None);
        }
        let mut packet = BytesMut::with_capacity(self.held);
        for part in self.parts.drain(..) {
            packet.extend_from_slice(&part);
        }
        packet.extend_from_slice(&self.tail);
        self.tail = BytesMut::new();
        self.held = 0;
        self.header = None;
        self.frame(header, packet.freeze()).map(Some)
    }

    /// Checks the blocks of a whole packet and moves on behind it.
    fn frame(&mut self, header: Header, mut packet: Bytes) -> Result<Frame, FrameError> {
        packet.advance(HEADER_LEN);
        check_blocks(&packet, self.offset + HEADER_LEN as u64)?;
        self.offset += header.packet_len() as u64;
        Ok(Frame::from_checked(header.command, header.transaction, packet))
    }

    fn check_first(&self, first: u8) -> Result<(), FrameError> {
        if first == crate::MAGIC {
            return Ok(());
        }
        Err(FrameError::BadMagic { offset: self.offset, found: first })
    }

    /// Moves the chunk's next bytes to those of the packet that is being read.
    fn keep(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let part = self.chunk.split_to(count);
        if self.chunk.is_empty() {
            self.chunk = Bytes::new();
        }
        self.held += count;
        if count < SMALL_CHUNK {
            self.tail.extend_from_slice(&part);
        } else {
            if !self.tail.is_empty() {
                self.parts.push(self.tail.split().freeze());
            }
            self.parts.push(part);
        }
    }

    fn held_header(&self) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        let held = self.parts.iter().map(|part| part.as_ref()).chain([self.tail.as_ref()]);
        for (to, from) in header.iter_mut().zip(held.flatten()) {
            *to = *from;
        }
        header
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
    fn a_length_over_the_limit_is_refused_at_the_header() {
        let mut decoder = Decoder::new();
        let length = MAX_PARAMS as u32 + 1;
        decoder.push(Bytes::from([&[2, 0, 2, 0, 4][..], &length.to_be_bytes()].concat()));
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLong { offset: 5, length }));
    }
}

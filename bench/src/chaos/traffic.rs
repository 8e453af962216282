//! What two sides say to each other: numbered packets of random lengths, the same for the same seed.
use anyhow::{Context, Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use fastrand::Rng;
use mig33_codec::{Command, Frame};

/// A stream of packets, known beforehand to who sends and to who gets it.
pub(crate) struct Traffic {
    bytes: Bytes,
    /// Where each packet ends.
    ends: Vec<usize>,
}

impl Traffic {
    /// Packets with so many bytes or some more. Each has the sender's number in its header, and its own in its content.
    pub(crate) fn new(rng: &mut Rng, sender: u16, least: usize) -> Result<Self> {
        let (mut bytes, mut ends) = (BytesMut::new(), Vec::new());
        while bytes.len() < least {
            let content = random_bytes(rng, content_length);
            let number = u32::try_from(ends.len())?;
            packet(sender, number, &content)?.write_to(&mut bytes);
            ends.push(bytes.len());
        }
        Ok(Self { bytes: bytes.freeze(), ends })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes from one offset to another, or to the end of the stream.
    pub(crate) fn part(&self, from: usize, to: usize) -> Bytes {
        let to = to.min(self.len());
        self.bytes.slice(from.min(to)..to)
    }

    /// Where the packet ends that such an offset is in; the end of the stream behind it.
    pub(crate) fn end_of_packet(&self, offset: usize) -> usize {
        let index = self.ends.partition_point(|end| *end <= offset);
        self.ends.get(index).copied().unwrap_or(self.len())
    }

    /// Whether an offset is between two packets.
    pub(crate) fn is_between(&self, offset: usize) -> bool {
        offset == 0 || self.ends.binary_search(&offset).is_ok()
    }

    /// Holds bytes against the stream: they have to be what comes at this offset. The offset behind them.
    pub(crate) fn follow(&self, offset: usize, bytes: &[u8]) -> Result<usize> {
        let end = offset + bytes.len();
        let due = self.bytes.get(offset..end).with_context(|| {
            format!("{} bytes came at {offset} of a stream of {}", bytes.len(), self.len())
        })?;
        let differs = due.iter().zip(bytes).position(|(due, came)| due != came);
        ensure!(
            differs.is_none(),
            "what came at {offset} differs from byte {} on, in packet {} of {}",
            offset + differs.unwrap_or_default(),
            self.ends.partition_point(|end| *end <= offset + differs.unwrap_or_default()),
            self.ends.len(),
        );
        Ok(end)
    }
}

/// A packet with a sender, a number and content.
pub(crate) fn packet(sender: u16, number: u32, content: &[u8]) -> Result<Frame> {
    let length = u32::try_from(4 + content.len())?;
    let mut params = BytesMut::with_capacity(10 + content.len());
    params.put_u16(1);
    params.put_u32(length);
    params.put_u32(number);
    params.put_slice(content);
    Ok(Frame::new(Command::MESSAGE, sender, params.freeze())?)
}

/// Random bytes, of a random length.
pub(crate) fn random_bytes(rng: &mut Rng, length: impl FnOnce(&mut Rng) -> usize) -> Vec<u8> {
    let mut bytes = vec![0; length(rng)];
    rng.fill(&mut bytes);
    bytes
}

/// Mostly a chat message's, sometimes a picture's, which is more than a session keeps.
fn content_length(rng: &mut Rng) -> usize {
    match rng.u8(..) {
        0 => rng.usize(60_000..100_000),
        1..20 => rng.usize(..10_000),
        _ => rng.usize(..300),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_follows_from_its_seed_and_is_followed_byte_by_byte() {
        let traffic = |seed| Traffic::new(&mut Rng::with_seed(seed), 7, 5_000).unwrap();
        let (one, other) = (traffic(1), traffic(2));
        assert_eq!(one.bytes, traffic(1).bytes);
        let bytes = one.part(0, usize::MAX);
        assert_eq!(one.follow(3, &bytes[3..90]).unwrap(), 90);
        assert!(one.follow(4, &bytes[3..90]).is_err());
        assert!(one.follow(one.len(), &[0]).is_err());
        assert!(other.follow(0, &bytes[..40]).is_err());
    }

    #[test]
    fn packets_begin_where_others_end() {
        let traffic = Traffic::new(&mut Rng::with_seed(3), 1, 20_000).unwrap();
        let mut offset = 0;
        while offset < traffic.len() {
            assert!(traffic.is_between(offset) && !traffic.is_between(offset + 1));
            assert_eq!(traffic.part(offset, offset + 1)[..], [2]);
            offset = traffic.end_of_packet(offset);
        }
        assert_eq!(traffic.end_of_packet(offset), traffic.len());
    }
}

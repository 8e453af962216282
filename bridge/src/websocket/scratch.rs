//! Buffers that all tunnels of a thread share: a tunnel uses them while it is polled and owns none at rest.
use std::cell::RefCell;
use std::time::Instant;

use mig33_codec::MAX_PACKET;

use super::frames::HEADER_ROOM;
use crate::metrics::Tally;

/// The most that is read from either side at once, in bytes.
pub(crate) const READ: usize = 64 * 1024;

/// Working memory of one poll.
pub(crate) struct Scratch {
    /// What a client has sent.
    pub(crate) from_client: Box<[u8]>,
    /// What an upstream has sent, with room before it for a frame's header and for a packet whose end has not come.
    pub(crate) from_upstream: Box<[u8]>,
    /// What one batch of bytes is made into.
    pub(crate) batch: Batch,
    /// Which reads are timed.
    pub(crate) sampler: Sampler,
}

/// What came of one read.
#[derive(Default)]
pub(crate) struct Batch {
    /// Packets for the upstream.
    pub(crate) packets: Vec<u8>,
    /// Answers to a client's control frames.
    pub(crate) answers: Vec<u8>,
    /// The packets by command.
    pub(crate) tally: Tally,
}

/// One read in so many is timed.
const SAMPLE: u32 = 16;

/// Chooses the reads that are timed.
#[derive(Default)]
pub(crate) struct Sampler {
    reads: u32,
}

impl Sampler {
    /// The time now, for one read in [`SAMPLE`].
    pub(crate) fn start(&mut self) -> Option<Instant> {
        self.reads = self.reads.wrapping_add(1);
        self.reads.is_multiple_of(SAMPLE).then(Instant::now)
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        from_client: vec![0; READ].into_boxed_slice(),
        from_upstream: vec![0; HEADER_ROOM + MAX_PACKET + READ].into_boxed_slice(),
        batch: Batch::default(),
        sampler: Sampler::default(),
    });
}

/// Lends the thread's buffers. Not to be called from within itself.
pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(work)
}

//! Buffers that all tunnels of a thread share: a tunnel uses them while it is polled and owns none at rest.
use std::cell::RefCell;

use mig33_codec::MAX_PACKET;

use super::frames::HEADER_ROOM;

/// The most that is read from either side at once, in bytes.
pub(crate) const READ: usize = 64 * 1024;

/// Working memory of one poll.
pub(crate) struct Scratch {
    /// What a client has sent.
    pub(crate) from_client: Box<[u8]>,
    /// What an upstream has sent, with room before it for a frame's header and for a packet whose end has not come.
    pub(crate) from_upstream: Box<[u8]>,
    /// Packets for the upstream.
    pub(crate) packets: Vec<u8>,
    /// Answers to a client's control frames.
    pub(crate) answers: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        from_client: vec![0; READ].into_boxed_slice(),
        from_upstream: vec![0; HEADER_ROOM + MAX_PACKET + READ].into_boxed_slice(),
        packets: Vec::new(),
        answers: Vec::new(),
    });
}

/// Lends the thread's buffers. Not to be called from within itself.
pub(crate) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(work)
}

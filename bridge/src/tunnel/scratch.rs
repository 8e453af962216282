//! Buffers that all tunnels of a thread share: a tunnel uses them while it is polled and owns none at rest.
use std::cell::RefCell;

use super::outbound;

/// The most that is read from a client at once.
const READ: usize = 64 * 1024;

/// Working memory of one poll.
pub(super) struct Scratch {
    /// What a client has sent.
    pub(super) from_client: Box<[u8]>,
    /// What an upstream has sent, with room for what goes before it; see [`outbound::Outbound::room`].
    pub(super) from_upstream: Box<[u8]>,
    /// Packets for the upstream.
    pub(super) packets: Vec<u8>,
    /// Answers to a client's control frames.
    pub(super) answers: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        from_client: vec![0; READ].into_boxed_slice(),
        from_upstream: vec![0; outbound::BUFFER].into_boxed_slice(),
        packets: Vec::new(),
        answers: Vec::new(),
    });
}

/// Lends the thread's buffers. Not to be called from within itself.
pub(super) fn with<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(work)
}

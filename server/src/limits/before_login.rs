//! `BeforeLogin`: how much memory all connections together may hold that are not logged in.
//!
//! Whoever connects can begin a packet and not end it, or let answers lie. A log-in is a few hundred bytes and comes in
//! one piece: it needs none of this memory, so who fills it keeps nobody from logging in.
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that each connection may hold without being counted: as much as a log-in has.
const FREE: usize = 512;

/// The memory of connections that are not logged in.
#[derive(Debug)]
pub(crate) struct BeforeLogin {
    /// Bytes; 0: as many as come.
    max: usize,
    held: AtomicUsize,
}

/// What one connection holds of it.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    of: &'a BeforeLogin,
    bytes: usize,
}

/// There is no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl BeforeLogin {
    pub(crate) const fn new(max: usize) -> Self {
        Self { max, held: AtomicUsize::new(0) }
    }

    /// Nothing yet, of one more connection.
    pub(crate) const fn nothing(&self) -> Held<'_> {
        Held { of: self, bytes: 0 }
    }
}

impl Held<'_> {
    /// The connection holds so many bytes now.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let bytes = bytes.saturating_sub(FREE);
        if bytes <= self.bytes {
            self.of.held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            self.bytes = bytes;
            return Ok(());
        }
        let more = bytes - self.bytes;
        let before = self.of.held.fetch_add(more, Ordering::Relaxed);
        if self.of.max != 0 && before + more > self.of.max {
            self.of.held.fetch_sub(more, Ordering::Relaxed);
            return Err(NoRoom);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.of.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_hold_so_much_together_and_little_ones_do_not_count() {
        let memory = BeforeLogin::new(1000);
        let (mut one, mut two) = (memory.nothing(), memory.nothing());
        assert_eq!(one.set(FREE + 600), Ok(()));
        assert_eq!(two.set(FREE + 401), Err(NoRoom));
        assert_eq!(two.set(FREE + 400), Ok(()));
        assert_eq!(one.set(FREE + 601), Err(NoRoom));
        assert_eq!(memory.nothing().set(FREE), Ok(()));
        assert_eq!(one.set(FREE + 100), Ok(()));
        assert_eq!(two.set(FREE + 900), Ok(()));
        drop((one, two));
        assert_eq!(memory.held.load(Ordering::Relaxed), 0);
        let memory = BeforeLogin::new(0);
        assert_eq!(memory.nothing().set(usize::MAX / 2), Ok(()));
    }
}

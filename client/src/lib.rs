//! A mig33 client session and what it knows, sans-I/O: bytes and time in, bytes and changes out.
pub mod state;

pub use state::*;

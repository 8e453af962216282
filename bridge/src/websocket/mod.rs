//! What every kind of tunnel needs of WebSocket: messages out of bytes, frames into bytes, signs of life, an end in
//! good order. Nothing here knows of packets.

mod backlog;
mod farewell;
mod follower;
pub(crate) mod frames;
mod heartbeat;
mod reader;
pub(crate) mod scratch;
mod whole;

pub(crate) use self::backlog::Backlog;
pub(crate) use self::farewell::{
    break_off_upstream, close_client, close_read_upstream, close_upstream, refuse,
};
pub(crate) use self::heartbeat::{Beat, Heartbeat, PERIOD};
pub(crate) use self::reader::{Message, Reader};
pub(crate) use self::scratch::{Batch, Scratch};

/// A client that does not read its answers to pings is not read any further once so many bytes of them wait.
pub(crate) const MAX_ANSWERS: usize = 4096;

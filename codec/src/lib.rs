//! The mig33 wire protocol: bytes to packets and back.
//!
//! A packet has two views. [`Frame`] is lossless and cheap: a command, a transaction number and the blocks as they
//! came. A typed packet such as [`packets::Login`] names what it knows and keeps the rest beside it. Nothing here does
//! I/O, reads a clock or draws a random number; bytes come in any chunks, frames come out.
//!
//! ```
//! use bytes::BytesMut;
//! use mig33_codec::{Decoder, Encode, packets::{Message, Packet}, values::ChatDestination};
//!
//! let message = Message {
//!     destination_type: Some(ChatDestination::PRIVATE),
//!     destination: Some("bob".into()),
//!     content: Some("hello".into()),
//!     ..Message::default()
//! };
//! let mut bytes = BytesMut::new();
//! message.encode_into(6, &mut bytes)?;
//!
//! let mut decoder = Decoder::new();
//! decoder.push(bytes.freeze());
//! let frame = decoder.next_frame()?.expect("one whole packet went in");
//! assert_eq!(frame.transaction, 6);
//! let Packet::Message(read) = Packet::decode(&frame)? else { panic!("another packet") };
//! assert_eq!(read, message);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Every packet and field is described by [`catalogue()`]; the protocol itself by spec/wire.md.
//!
//! # What is kept
//!
//! A command, a block or a value without a name is no error. [`Command`] and the [`values`] are newtypes over their
//! integer, unknown blocks are in a packet's [`Extra`], and a packet of an unknown kind is [`packets::Packet::Other`].
//! What was read and is written again has the same blocks, integers in the width in which they came.
//!
//! # Errors
//!
//! | error | what it costs |
//! |---|---|
//! | [`FrameError`] | the connection: there is no way to find the next packet; it says where in the stream |
//! | [`DecodeError`] | the packet: a block does not fit its field's type; it says which, and where in the packet |
//! | [`EncodeError`] | nothing was written: the packet is too large |
//!
//! Nothing that a peer sends makes anything here panic.
//!
//! # Limits
//!
//! - PARAMS has at most [`MAX_PARAMS`] bytes, so a packet at most [`MAX_PACKET`]. The number of blocks has no other limit.
//! - A [`Decoder`] holds what has arrived: at most one packet and one chunk. A declared length takes no memory.
//! - A frame within one chunk is a slice of it, and so are texts and bytes in the typed packet: a small one that is kept
//!   keeps its whole chunk alive. What stays for long is better copied.
//! - Text is not checked: [`Text::as_str`] shows what is no UTF-8 as U+FFFD. Ranges of values and lengths of names are
//!   for the service to check.
//!
//! # Features
//!
//! - `hash` (default): the hashes of the log-in, in the module `hash`, which bring the crate sha1. Without it the crate
//!   needs `bytes` only.
//! - `std` (default): [`Parts`] fill the slices of a vectored write. Without it the crate is `no_std` and allocates.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod catalogue;
mod command;
mod decoder;
mod error;
mod field;
mod frame;
#[cfg(feature = "hash")]
pub mod hash;
mod packet;
pub mod packets;
mod parts;
mod scanner;
mod secret;
mod table;
mod text;
pub mod values;

pub use catalogue::{
    Direction, FieldInfo, FieldKind, PacketInfo, ValueSet, catalogue, other_commands, value_sets,
};
pub use command::Command;
pub use decoder::Decoder;
pub use error::{DecodeError, EncodeError, FieldProblem, FrameError};
pub use frame::{
    BLOCK_HEADER_LEN, Block, Blocks, Frame, HEADER_LEN, Header, MAGIC, MAX_PACKET, MAX_PARAMS,
    MAX_PARAMS_BEFORE_LOGIN, Order,
};
pub use packet::{Decode, Encode, Extra, encode, encode_into};
pub use parts::{Output, Parts};
pub use scanner::{Scan, Scanner};
pub use secret::Secret;
pub use text::{List, StringArray, Text, U8Array, U64Array};

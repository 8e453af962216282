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
#![no_std]

extern crate alloc;
#[cfg(test)]
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
    Order,
};
pub use packet::{Decode, Encode, Extra, encode, encode_into};
pub use scanner::{Scan, Scanner};
pub use secret::Secret;
pub use text::{List, StringArray, Text, U8Array, U64Array};

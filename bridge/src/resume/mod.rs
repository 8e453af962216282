//! `mig33.resume`: sessions that outlive their WebSocket (spec/resume.md).
//!
//! A client's first message says whether it is new; [`Registry`] knows the sessions that can be gone on with, and a
//! `Session` is one of them.

mod control;
mod keepalive;
mod opening;
mod registry;
mod replay;
mod session;
mod to_server;
mod token;

pub(crate) use self::control::{First, Reason};
pub(crate) use self::opening::first_message;
pub use self::registry::Limits;
pub(crate) use self::registry::{Arrival, Refused, Registry};
pub(crate) use self::session::Session;

//! WebSocket to mig33 TCP, the page, and the chat service in one program.
//!
//! [`Bridge`] starts and stops everything; [`tunnel::Tunnel`] is its heart: one WebSocket, one connection to the upstream.
//! Everything that decides is without I/O: [`close`] is the table of close codes, [`origin`] the rule of who may connect,
//! [`limits`] the table of how many and how fast.

mod accept;
mod admin;
mod app;
mod drain;
mod drive;
mod handshake;
mod patience;
mod socket;
mod tick;
mod timer;
mod upgrade;
mod websocket;
mod workers;

pub mod address;
pub mod bridge;
pub mod check;
pub mod close;
pub mod command_line;
pub mod forwarded;
pub mod healthy;
pub mod inherited;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod open_files;
pub mod origin;
pub mod page;
pub mod pipe;
pub mod reference;
pub mod reload;
pub mod resume;
pub mod settings;
pub mod tls;
pub mod traces;
pub mod tunnel;
pub mod upstream;

pub use bridge::{Addresses, Bridge, StartError};
pub use inherited::Inherited;
pub use settings::{Arguments, Settings};

//! WebSocket to mig33 TCP, the page, and the chat service in one program.
//!
//! [`Bridge`] starts and stops everything; [`tunnel::Tunnel`] is its heart: one WebSocket, one connection to the upstream.
//! Everything that decides is without I/O: [`close`] is the table of close codes, [`origin`] the rule of who may connect.

mod accept;
mod admin;
mod app;
mod upgrade;
mod websocket;

pub mod address;
pub mod bridge;
pub mod close;
pub mod log;
pub mod metrics;
pub mod origin;
pub mod page;
pub mod pipe;
pub mod resume;
pub mod settings;
mod tick;
pub mod tunnel;
pub mod upstream;

pub use bridge::{Addresses, Bridge, StartError};
pub use settings::{Arguments, Settings};

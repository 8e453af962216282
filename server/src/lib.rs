//! A mig33-compatible chat service: who is registered, who is there, what was said.
//!
//! [`Service::start`] opens the data folder; [`Service::serve_connection`] serves one client on any stream of bytes,
//! [`Service::listen`] all that come over TCP; [`Service::http_router`] takes and shows pictures.
mod admission;
mod answer;
mod backlog;
pub mod backup;
pub mod clock;
mod commands;
mod connection;
mod core;
mod disk;
mod end;
pub mod fanout;
mod guard;
mod handlers;
pub mod ids;
mod limits;
mod listener;
mod metrics;
pub mod names;
pub mod passwords;
mod pictures;
pub mod repair;
pub mod rules;
mod seats;
pub mod service;
mod session;
pub mod settings;
pub mod store;
pub mod wall_clock;
mod written;

pub use service::{ClientInfo, Outside, Service, StartError};
pub use settings::{Limits, Settings, SettingsArgs};

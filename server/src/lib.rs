//! A mig33-compatible chat service: who is registered, who is there, what was said.
//!
//! [`Service::start`] opens the data folder; [`Service::serve_connection`] serves one client on any stream of bytes,
//! [`Service::listen`] all that come over TCP; [`Service::http_router`] takes and shows pictures.
pub mod service;
pub mod settings;

pub use service::{ClientInfo, Service, StartError};
pub use settings::{Settings, SettingsArgs};

//! The bridge against upstreams and clients that are written here.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod addresses;
#[cfg(feature = "embedded")]
mod deploy;
#[cfg(feature = "embedded")]
mod embedded;
mod http;
mod limits;
mod listeners;
mod memory;
mod program;
mod reload;
mod resume;
#[cfg(feature = "embedded")]
mod service;
#[cfg(feature = "embedded")]
mod slow_room;
mod support;
mod tls;
#[cfg(feature = "embedded")]
mod traces;
mod tunnel;
mod upstreams;

//! The service from a client's side: scenarios that run on every store, models, virtual time, and the real program.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[macro_use]
mod harness;

mod abuse;
mod backup;
mod bad_input;
mod contacts;
mod contacts_model;
mod crash;
mod delivery;
mod future;
mod login;
mod messages;
mod messages_model;
mod picture_files;
mod pictures;
mod rejoin;
mod restart;
mod rooms;
mod rooms_model;
mod silent;
mod slow_reader;
mod start;
mod sync;
mod virtual_time;

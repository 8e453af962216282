//! A session joined to a scripted server in memory, on virtual time.
mod away;
mod contacts;
mod dialects;
mod history;
mod log_out;
mod login;
mod messages;
mod notices;
mod reconnect;
mod resume;
mod rooms;
mod stage;

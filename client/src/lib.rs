//! A mig33 client session and what it knows, sans-I/O: bytes and time in, bytes and changes out.
//!
//! [`Session`] is a state machine. Who drives it owns the connection and the clock: it carries out [`Output`]s, hands
//! in what arrives, calls [`Session::handle_timeout`] when [`Session::poll_timeout`] says so, and shows
//! [`Session::state`]. The same session runs in a page, in a test on virtual time and in a load tool.
//!
//! ```
//! use mig33_client::{Config, Output, Session, Tunnel};
//!
//! let mut session = Session::new(Config::new("example", Box::new(|| [7; 16])));
//! session.log_in(0, "alice", "secret");
//! assert_eq!(session.poll_output(), Some(Output::Connect));
//! session.connected(20, Tunnel::Plain);
//! let Some(Output::Send(bytes)) = session.poll_output() else { panic!("LOGIN goes out") };
//! assert_eq!(bytes[..5], [2, 0, 200, 0, 1]);
//! ```
mod action;
mod answers;
mod arrivals;
mod away;
mod backoff;
mod change;
mod chats;
mod config;
mod control;
mod leave;
mod login;
mod messages;
mod notices;
mod outbox;
mod pace;
mod reduce;
mod requests;
mod resume;
mod rooms;
mod session;
pub mod state;
mod stream;
mod transcript;
mod whole;
mod wishes;

pub use action::{Action, ActionId, Close, Event, Output};
pub use change::Change;
pub use config::{Config, HashFunction, Random};
pub use control::Control;
pub use messages::is_blank;
pub use session::Session;
pub use state::*;
pub use stream::Tunnel;

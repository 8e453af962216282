//! `Context`: what the packets of a connection say about each other: which request an answer belongs to, and who it is.
use std::collections::HashMap;

use mig33_codec::Command;

use super::Side;
use crate::view::{FieldView, PacketView, Value};

/// The most characters of a name that are shown; names have 3 to 32.
const LONGEST_NAME: usize = 32;

/// What is known of a connection so far.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// The last request of each transaction number.
    requests: HashMap<u16, Command>,
    /// Who wants to log in.
    claims: Option<String>,
    /// Who has logged in.
    user: Option<String>,
}

impl Context {
    /// Takes note of a packet, and says which request it answers.
    pub(super) fn see(&mut self, from: Side, packet: &PacketView) -> Option<Command> {
        let username = || {
            let is_username = |field: &&FieldView| field.info.is_some_and(|i| i.name == "username");
            match packet.fields.iter().find(is_username).map(|field| &field.value) {
                Some(Value::Text(name)) => Some(shortened(name)),
                Some(_) | None => None,
            }
        };
        match (from, packet.command) {
            (Side::Client, command) => {
                if packet.transaction != 0 {
                    self.requests.insert(packet.transaction, command);
                }
                if matches!(command, Command::LOGIN | Command::SLIM_LOGIN) {
                    self.claims = username();
                }
                None
            }
            (Side::Server, command) => {
                if matches!(command, Command::LOGIN_OK | Command::SLIM_LOGIN_OK) {
                    self.user = username().or_else(|| self.claims.clone());
                }
                self.requests.get(&packet.transaction).copied().filter(|_| packet.transaction != 0)
            }
        }
    }

    /// Who has logged in, in characters that any terminal can show.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }
}

/// The start of a name, without what could steer a terminal.
fn shortened(name: &str) -> String {
    name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect()
}

//! `Answer` and `Refused`: what a handler gives back.
use std::time::Duration;

use mig33_codec::packets::{self, Packet};
use mig33_codec::values::ErrorCode;
use mig33_codec::{Command, DecodeError};
use mig33_picture::PictureError;

use crate::fanout::Ending;
use crate::ids::Seq;
use crate::names::NameError;
use crate::passwords::OpenError;
use crate::store::StoreError;

/// What a handler gives back.
pub(crate) type Outcome = Result<Answer, Refused>;

/// The packets that answer a request, in order.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Packets; whether each carries the request's number, or 0.
    pub(crate) packets: Vec<(Number, Packet)>,
    /// Waiting messages that are in it: they count as delivered once it is written.
    pub(crate) fetched: Vec<Seq>,
    /// The session ends with it.
    pub(crate) ending: Option<Ending>,
}

/// Which number a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// The request's.
    OfRequest,
    /// 0: it was not asked for.
    Unasked,
}

impl Answer {
    /// OK without more.
    pub(crate) fn ok() -> Self {
        Self::of(packets::Ok::default())
    }

    /// This packet.
    pub(crate) fn of(packet: impl Into<Packet>) -> Self {
        Self::default().and(packet)
    }

    /// And then this packet, with the request's number.
    pub(crate) fn and(mut self, packet: impl Into<Packet>) -> Self {
        self.packets.push((Number::OfRequest, packet.into()));
        self
    }

    /// And then this packet, with number 0.
    pub(crate) fn unasked(mut self, packet: impl Into<Packet>) -> Self {
        self.packets.push((Number::Unasked, packet.into()));
        self
    }
}

/// Why a request was not done. The text goes to the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The service does not know this command, or not from a client.
    #[error("This server does not serve {0}.")]
    NotServed(Command),
    /// Not before log-in.
    #[error("Log in first.")]
    NotLoggedIn,
    /// Not after log-in.
    #[error("You are logged in.")]
    LoggedIn,
    /// A block is missing.
    #[error("{command} needs block {block} ({field}).")]
    Missing {
        /// In which packet.
        command: Command,
        /// Which one.
        block: u16,
        /// Its name.
        field: &'static str,
    },
    /// A text is too long.
    #[error("{command}, block {block} ({field}): a text has at most {most} bytes.")]
    TooLong {
        /// In which packet.
        command: Command,
        /// Which block.
        block: u16,
        /// Its name.
        field: &'static str,
        /// How long it may be.
        most: usize,
    },
    /// A block's value cannot be.
    #[error("{command}, block {block} ({field}): {problem}")]
    Value {
        /// In which packet.
        command: Command,
        /// Which block.
        block: u16,
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A block's content is no picture that is taken.
    #[error("{command}, block {block} ({field}): {unfit}.")]
    Picture {
        /// In which packet.
        command: Command,
        /// Which block.
        block: u16,
        /// Its name.
        field: &'static str,
        /// Why not.
        unfit: PictureError,
    },
    /// A block does not have the form of its type.
    #[error("{0}.")]
    Decode(#[from] DecodeError),
    /// A name cannot be.
    #[error("{0}")]
    Name(#[from] NameError),
    /// More requests than allowed in a time.
    #[error("Too many requests. Wait {} s.", seconds(.0))]
    TooMany(Duration),
    /// More connections than allowed in a time.
    #[error("Too many connections from your address. Wait {} s.", seconds(.0))]
    TooManyConnections(Duration),
    /// The service lets nobody in.
    #[error("{0}")]
    Maintenance(String),
    /// The name is taken.
    #[error("The username {0} is taken.")]
    NameTaken(String),
    /// Too many accounts from one address.
    #[error("Too many registrations from your address. Wait {} s.", seconds(.0))]
    Registrations(Duration),
    /// More contacts asked for than allowed in a time.
    #[error("You have asked many people to be contacts. Wait {} s.", seconds(.0))]
    TooManyContacts(Duration),
    /// Wrong name or password; not which. Said after a pause.
    #[error("Wrong username or password.")]
    Credentials(Duration),
    /// So many wrong answers of a network are in line that no more is looked at.
    #[error("Too many wrong passwords come from your network. Try again in some minutes.")]
    TooManyWrong,
    /// LOGIN_RESP without LOGIN_CHAL.
    #[error("Ask for a challenge first: each is good for one answer.")]
    NoChallenge,
    /// What the rules say, for a person.
    #[error("{0}")]
    Rule(&'static str),
    /// Likewise, with a name in it.
    #[error("{0}")]
    RuleOf(String),
    /// The store did not do it.
    #[error("The server could not do that. Try again.")]
    Store(#[from] StoreError),
    /// A password that this service's key does not open.
    #[error("The server could not do that. Try again.")]
    Password(#[from] OpenError),
}

fn seconds(wait: &Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

impl Refused {
    /// A block whose value cannot be.
    pub(crate) fn value(command: Command, block: u16, problem: &'static str) -> Self {
        Self::Value { command, block, field: crate::commands::field_name(command, block), problem }
    }

    /// A block whose content is no picture that is taken.
    pub(crate) fn picture(command: Command, block: u16, unfit: PictureError) -> Self {
        Self::Picture { command, block, field: crate::commands::field_name(command, block), unfit }
    }

    /// How long the answer has to wait.
    pub(crate) const fn pause(&self) -> Duration {
        if let Self::Credentials(pause) = self { *pause } else { Duration::ZERO }
    }

    /// The ERROR that says it.
    pub(crate) fn packet(&self) -> Packet {
        let code = if matches!(self, Self::Credentials(_)) {
            ErrorCode::INCORRECT_CREDENTIAL
        } else {
            ErrorCode::UNDEFINED
        };
        Packet::Error(packets::Error {
            code: Some(code),
            description: Some(self.to_string().into()),
            ..packets::Error::default()
        })
    }
}

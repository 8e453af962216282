//! `Failure`: why the program ends with 1.
use std::io;
use std::path::PathBuf;

use crate::decode::capture::CaptureError;
use crate::decode::hex::HexError;
use crate::encode::EncodeError;
use crate::names::NoPacket;
use crate::tap::address::Address;

/// Why a command could not do all that it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A file cannot be opened, read or written.
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    /// Standard output cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// Standard input cannot be read.
    #[error("standard input: {0}")]
    Input(io::Error),
    /// The operating system refuses something else.
    #[error("{0}")]
    System(io::Error),
    /// What has been printed already is not all right.
    #[error("{input}: {first}{}{hint}", and_more(*more))]
    Problems { input: String, first: String, more: u64, hint: &'static str },
    /// A hex dump that is none.
    #[error("{input}: {error}{}", if *is_guess { GUESSED_HEX } else { "" })]
    Hex { input: String, error: HexError, is_guess: bool },
    /// A file that has to be expanded first.
    #[error("{input}: this is compressed: `{with} -dc FILE | mig33 decode` reads it")]
    Compressed { input: String, with: &'static str },
    /// A capture that cannot be read to its end.
    #[error("{input}: {error}")]
    Capture { input: String, error: CaptureError },
    /// JSON that is no packet.
    #[error("{input}: {error}")]
    Encode { input: String, error: Box<EncodeError> },
    /// A packet that nobody knows.
    #[error("{0}")]
    NoPacket(NoPacket),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen { address: Address, error: io::Error },
    /// A file that would be lost.
    #[error("{} is there already; `--force` overwrites it", .0.display())]
    Exists(PathBuf),
}

impl Failure {
    /// Whether it is only that nobody reads the output any more.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::File { .. }
            | Self::Input(_)
            | Self::System(_)
            | Self::Problems { .. }
            | Self::Hex { .. }
            | Self::Compressed { .. }
            | Self::Capture { .. }
            | Self::Encode { .. }
            | Self::NoPacket(_)
            | Self::Listen { .. }
            | Self::Exists(_) => false,
        }
    }
}

const GUESSED_HEX: &str =
    "; by its first bytes it was taken for hex digits, and `--format` says otherwise";

fn and_more(problems: u64) -> String {
    match problems {
        0 => String::new(),
        1 => "; and 1 more problem".to_owned(),
        more => format!("; and {more} more problems"),
    }
}

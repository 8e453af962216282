//! Backup and restore: database, pictures and, where it is asked for, the key, in one archive.
//!
//! The archive is a tar file: `manifest.toml` first, `mig33.db`, perhaps `mig33.key`, the pictures that the database names
//! in `pictures/`, and last `SHA256SUMS`, which has them all: an archive without it was cut short. It is made while the
//! service runs, and ends whatever is written meanwhile: the database is copied as it is at one moment (`VACUUM INTO`), the
//! pictures, which never change, after it. It is put in place while the service is stopped, after all of it was checked.
mod archive;
mod command;
mod make;
mod restore;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::archive::ArchiveError;
pub use self::command::{BackupCommand, CommandError};
pub use self::make::{BackupError, Made, backup};
pub use self::restore::{RestoreError, Restored, restore, unfinished};

/// The format that this program writes, and the newest that it reads.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.toml";
const DATABASE: &str = "mig33.db";
const KEY: &str = "mig33.key";
const PICTURES: &str = "pictures/";
const SUMS: &str = "SHA256SUMS";
/// Bytes that a manifest or a key has at most.
const SMALL: u64 = 64 << 10;

/// Where an archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// It is written to standard output, or read from standard input.
    Standard,
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Standard } else { Self::File(path) }
    }
}

/// What an archive says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// The archive's format; one with a higher number cannot be read.
    format: u32,
    /// When it was begun, in UTC.
    made_at: String,
    /// The version of the program that made it.
    program: String,
    /// Whether the key file is in it.
    has_key: bool,
}

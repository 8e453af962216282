//! Pictures and upload addresses, as a store keeps them.
use std::collections::HashSet;

use super::Receiver;
use crate::clock::Millis;
use crate::ids::UserId;

/// An upload address to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewUpload {
    /// SHA-256 of its token.
    pub hash: [u8; 32],
    /// Who may upload.
    pub sender: UserId,
    /// Who gets to see it.
    pub receiver: UserId,
    /// When.
    pub now: Millis,
    /// Until when it is good.
    pub expires: Millis,
}

/// What an upload address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadState {
    /// Nothing.
    Unknown,
    /// It was good once.
    Gone,
    /// It takes a picture.
    Open {
        /// From whom.
        sender: Receiver,
        /// For whom.
        receiver: Receiver,
    },
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What its address ends with.
    pub token: String,
    /// The file that has its bytes.
    pub file: String,
    /// What it is.
    pub mime_type: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Why a picture was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureRefused {
    /// The chat takes no more at the moment: [`MessageRefused::Busy`](super::MessageRefused::Busy).
    Busy,
    /// The address is used up.
    Gone,
    /// The receiver is no longer somebody whom the sender may write to.
    Receiver,
}

/// The files that a store names, and what tells others of its own from those of another store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFiles {
    /// Their names.
    pub names: HashSet<String>,
    /// When the store was made.
    pub created: Option<Millis>,
    /// When its newest upload address was made; each picture has had one.
    pub last_upload: Option<Millis>,
}

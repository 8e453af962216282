//! Accounts and their stay-logged-in tokens, as a store keeps them.
use super::ListVersion;
use crate::clock::Millis;
use crate::ids::{TokenId, UserId};
use crate::passwords::Sealed;

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The name as it is shown.
    pub name: String,
    /// The encrypted password.
    pub password: Sealed,
    /// Digits with country code.
    pub mobile_phone: Option<String>,
    /// When.
    pub now: Millis,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its name as it is shown.
    pub name: String,
    /// The encrypted password.
    pub password: Sealed,
    /// Digits with country code.
    pub mobile_phone: Option<String>,
    /// What its contacts read beside its name.
    pub status_message: String,
    /// The version of its contact list.
    pub contacts: ListVersion,
}

/// A token to be kept: its SHA-256, never itself.
#[derive(Clone, Copy, Debug)]
pub struct NewToken {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// When.
    pub now: Millis,
    /// Until when it is good.
    pub expires: Millis,
}

/// A token that is being used.
#[derive(Clone, Debug)]
pub struct Redeem {
    /// Whose it has to be.
    pub name_key: String,
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// Its successor.
    pub successor: NewToken,
    /// How many tokens an account keeps.
    pub keep: u32,
}

/// A token was good.
#[derive(Clone, Debug)]
pub struct Redeemed {
    /// Whose it is.
    pub account: Account,
    /// The token that was used; it lives until its successor is used.
    pub used: TokenId,
    /// Its successor.
    pub issued: TokenId,
}

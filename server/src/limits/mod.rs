//! Bounds on what clients may do: how much, how often, and from where.
mod accounts;
mod addresses;
mod before_login;

pub(crate) use self::accounts::{Accounts, Used};
pub(crate) use self::addresses::Addresses;
pub(crate) use self::before_login::{BeforeLogin, Held};

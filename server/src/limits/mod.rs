//! Bounds on what clients may do: how much, how often, and from where.
mod before_login;

pub(crate) use self::before_login::{BeforeLogin, Held};

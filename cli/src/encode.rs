//! x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub(crate) struct EncodeError;

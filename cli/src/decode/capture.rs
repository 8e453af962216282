//! x
use crate::{args::Decode, decode::Input, error::Failure, print::Printer};
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub(crate) struct CaptureError;
pub(crate) fn seems_capture(_: &[u8]) -> bool { false }
pub(crate) fn run(_: Input, _: &Decode, _: Printer) -> Result<(), Failure> { Ok(()) }

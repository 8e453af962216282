//! A program that ends with whoever started it, in whatever way that one ends.
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Error};
use rustix::process::{Signal, set_parent_process_death_signal};

/// Has the kernel end this process with its parent, and becomes the program. Returns only if it cannot.
pub(crate) fn become_program(program: &OsStr, arguments: &[OsString]) -> Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return Error::new(error).context("the kernel ties no process to its parent");
    }
    let error = Command::new(program).args(arguments).exec();
    Err::<(), _>(error).context(program.display().to_string()).expect_err("it is an error")
}

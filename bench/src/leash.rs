//! A program that ends with whoever started it, in whatever way that one ends.
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Signal, set_parent_process_death_signal};

/// What a shell exits with when it cannot start a program.
const NOT_STARTED: u8 = 127;

/// Has the kernel end this process with its parent, and becomes the program. Returns only if it cannot.
pub(crate) fn become_program(program: &OsStr, arguments: &[OsString]) -> ExitCode {
    let error = match set_parent_process_death_signal(Some(Signal::KILL)) {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error.into(),
    };
    // nobody may be reading; the code says it too
    let _ = writeln!(io::stderr(), "{}: {error}", program.display());
    NOT_STARTED.into()
}

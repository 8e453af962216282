//! `mig33`: a tool to see, write and tap the mig33 wire. `mig33 help` lists the commands.

mod args;
mod decode;
mod dialects;
mod encode;
mod error;
mod names;
mod print;
mod reference;
mod remark;
mod secrets;
mod stream;
mod tap;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.color.write_global();
    let done = match &cli.command {
        Command::Decode(args) => decode::run(args),
        Command::Encode(args) => encode::run(args),
        Command::Packets(args) => reference::run(args),
        Command::Tap(args) => tap::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            anstream::eprintln!("mig33: {failure}");
            ExitCode::FAILURE
        }
    }
}

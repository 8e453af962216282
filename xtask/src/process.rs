//! Starts other programs: with a clean environment, their output watched line by line, shown or kept for a failure.

mod output;

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(crate) use self::output::plain;
use self::output::{Piece, Pieces};
use crate::progress::Step;
use crate::signals;

/// How many lines of a quiet program are shown when it fails.
const KEPT_LINES: usize = 400;
/// How often the live line is drawn again.
const TICK: Duration = Duration::from_millis(200);
/// How long after a program's end its output may still come: a grandchild may hold the pipe open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What happens with the lines that a program writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// They are passed on as they come.
    All,
    /// They are shown only if the program fails.
    OnFailure,
}

/// A program with what `cargo run` put into our environment taken out, and no standard input.
pub(crate) fn program(path: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_from_cargo_run) {
            command.env_remove(name);
        }
    }
    command
}

/// cargo, as the user would call it.
pub(crate) fn cargo() -> Command {
    let mut command = program("cargo");
    shown(&mut command);
    command
}

/// cargo for what needs rustdoc: where PATH has none, it is told where the toolchain's is.
pub(crate) fn cargo_with_rustdoc() -> Command {
    let mut command = cargo();
    if ask(program("rustdoc").arg("--version")).is_none()
        && let Some(sysroot) = ask(program("rustc").args(["--print", "sysroot"]))
    {
        command.env("RUSTDOC", Path::new(sysroot.trim()).join("bin/rustdoc"));
    }
    command
}

/// Makes a program that writes to us, and the cargo that it may call, show progress and colours as on a terminal.
pub(crate) fn shown(command: &mut Command) {
    command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "100");
    let unset = |name| std::env::var_os(name).is_none();
    if io::stdout().is_terminal() && unset("NO_COLOR") && unset("CARGO_TERM_COLOR") {
        command.env("CARGO_TERM_COLOR", "always").env("FORCE_COLOR", "1");
    }
}

/// Runs a program to its end as (a part of) a step. An error when it does not succeed.
pub(crate) fn run(step: &mut Step, command: &mut Command, show: Show) -> Result<()> {
    run_lines(step, command, show, |_| {})
}

/// As [`run`], and hands each line, without colours, to `on_line`.
pub(crate) fn run_lines(
    step: &mut Step,
    command: &mut Command,
    show: Show,
    on_line: impl FnMut(&str),
) -> Result<()> {
    let name = describe(command);
    let status = watch(step, command, show, on_line).with_context(|| name.clone())?;
    if signals::received().is_some() {
        bail!("stopped");
    }
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// The output of a program that is quickly done, or `None` if it cannot be started or fails.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn watch(
    step: &mut Step,
    command: &mut Command,
    show: Show,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus> {
    let (mut child, chunks) = spawn(command)?;
    let _watched = signals::watched(&child);
    let mut pieces = Pieces::default();
    let mut kept = VecDeque::new();
    let mut ended: Option<(ExitStatus, Instant)> = None;
    let mut drawn = Instant::now();
    loop {
        let received = chunks.recv_timeout(TICK);
        for piece in received.iter().flat_map(|chunk| pieces.push(chunk)) {
            take(step, piece, show, &mut kept, &mut on_line);
        }
        if matches!(received, Err(RecvTimeoutError::Disconnected)) {
            break;
        }
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (status, Instant::now()));
        }
        if ended.is_some_and(|(_, since)| since.elapsed() > LAST_WORDS) {
            break;
        }
        if drawn.elapsed() >= TICK {
            drawn = Instant::now();
            step.tick();
        }
    }
    if let Some(piece) = pieces.rest() {
        take(step, piece, show, &mut kept, &mut on_line);
    }
    let status = match ended {
        Some((status, _)) => status,
        None => child.wait()?,
    };
    if !status.success() && signals::received().is_none() {
        step.above(|| kept.iter().for_each(|line| eprintln!("{line}")));
    }
    Ok(status)
}

fn take(
    step: &mut Step,
    piece: Piece,
    show: Show,
    kept: &mut VecDeque<String>,
    on_line: &mut impl FnMut(&str),
) {
    match piece {
        Piece::Progress(detail) => step.at(detail),
        Piece::Line(line) => {
            on_line(&plain(&line));
            match show {
                Show::All => step.above(|| println!("{line}")),
                Show::OnFailure => {
                    if kept.len() == KEPT_LINES {
                        kept.pop_front();
                    }
                    kept.push_back(line);
                }
            }
        }
    }
}

/// Starts a program whose both outputs arrive in the order in which they were written.
fn spawn(command: &mut Command) -> Result<(Child, Receiver<Vec<u8>>)> {
    let (mut reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn().context("does not start")?;
    // our copies of the pipe's end, without which reading would never end
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(n @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    Ok((child, receiver))
}

/// A command as it would be typed, for messages.
fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}

/// Whether `cargo run` sets this variable for the program that it runs. Left in, some make what is built differ.
fn is_from_cargo_run(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    const NAMES: [&str; 3] = ["CARGO", "CARGO_PRIMARY_PACKAGE", "RUST_RECURSION_COUNT"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_run_sets_is_taken_out_and_settings_stay() {
        assert!(is_from_cargo_run("CARGO_PKG_VERSION"));
        assert!(is_from_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(is_from_cargo_run("CARGO"));
        assert!(!is_from_cargo_run("CARGO_HOME"));
        assert!(!is_from_cargo_run("CARGO_TARGET_DIR"));
        assert!(!is_from_cargo_run("PATH"));
    }

    #[test]
    fn a_command_is_described_as_it_is_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["build", "--release"]);
        assert_eq!(describe(&command), "cargo build --release");
    }
}

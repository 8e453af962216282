//! `cargo xtask run` and `cargo xtask build`: from a clone to a running program.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::page;
use crate::programs::{self, Profile};
use crate::progress::Progress;
use crate::workspace::Workspace;

/// Builds everything and becomes mig33-bridge.
pub(crate) fn run(workspace: &Workspace, profile: Profile, args: &[String]) -> Result<()> {
    let mut progress = Progress::new(4);
    build_all(workspace, profile, &mut progress)?;
    progress.last("starting mig33-bridge (Ctrl-C stops it)");
    let path = programs::path(workspace, profile, "mig33-bridge");
    // its own environment and input: from here on it is the program that the user started
    let mut bridge = Command::new(&path);
    bridge.args(args).current_dir(&workspace.root).stdin(Stdio::inherit());
    become_program(bridge).with_context(|| path.display().to_string())
}

/// Builds everything and says where it is.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<()> {
    let mut progress = Progress::new(3);
    build_all(workspace, profile, &mut progress)?;
    for name in ["mig33-bridge", "mig33-server"] {
        println!("{}", programs::path(workspace, profile, name).display());
    }
    Ok(())
}

fn build_all(workspace: &Workspace, profile: Profile, progress: &mut Progress) -> Result<()> {
    let tools = progress.step("getting the tools", |step| page::tools(workspace, step))?;
    progress.step("building the page", |step| page::build(workspace, &tools, step))?;
    // after the page: it is compiled into the program
    progress.step("building the program", |step| programs::build(workspace, profile, step))
}

/// Replaces this process, so that signals reach the program itself and its exit code is ours.
#[cfg(unix)]
fn become_program(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

/// Waits for the program, and ends as it did.
#[cfg(not(unix))]
fn become_program(mut command: Command) -> Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1));
}

//! `cargo xtask deny`: licences, sources and known security problems of the dependencies, by cargo-deny.

use anyhow::Result;

use crate::process::{self, Show};
use crate::progress::{Progress, Step};
use crate::tools::{CARGO_DENY, Toolbox};
use crate::workspace::Workspace;

/// Checks all that deny.toml asks for. Known security problems need the network, and change without us: that is why
/// the tests leave them out.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    let mut progress = Progress::new(2);
    let tools = progress.step("getting the tools", |step| tools(workspace, step))?;
    progress.step("cargo deny", |step| {
        check(workspace, &tools, step, &["advisories", "bans", "licenses", "sources"])
    })
}

/// cargo-deny.
pub(crate) fn tools(workspace: &Workspace, step: &mut Step) -> Result<Toolbox> {
    Toolbox::prepare(workspace, step, &[CARGO_DENY])
}

/// Checks what depends on this repository alone.
pub(crate) fn check_offline(workspace: &Workspace, tools: &Toolbox, step: &mut Step) -> Result<()> {
    check(workspace, tools, step, &["bans", "licenses", "sources"])
}

fn check(workspace: &Workspace, tools: &Toolbox, step: &mut Step, checks: &[&str]) -> Result<()> {
    let mut deny = tools.command(&CARGO_DENY)?;
    deny.arg("check").args(checks).current_dir(&workspace.root);
    process::run(step, &mut deny, Show::All)
}

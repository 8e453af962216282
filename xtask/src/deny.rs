//! `cargo xtask deny`: licences, sources and known security problems of the dependencies, by cargo-deny.

use anyhow::{Result, bail};

use crate::process::{self, Show};
use crate::progress::{Progress, Step};
use crate::workspace::Workspace;

/// Checks all that deny.toml asks for; known security problems need the network.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    if !is_there() {
        bail!("cargo-deny is missing: `cargo install cargo-deny --locked`");
    }
    let everything = ["advisories", "bans", "licenses", "sources"];
    Progress::new(1).step("cargo deny", |step| check(workspace, step, &everything))
}

/// Whether cargo-deny is installed.
pub(crate) fn is_there() -> bool {
    process::ask(process::cargo().args(["deny", "--version"])).is_some()
}

/// Runs some of cargo-deny's checks.
pub(crate) fn check(workspace: &Workspace, step: &mut Step, checks: &[&str]) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["deny", "check"]).args(checks).current_dir(&workspace.root);
    process::run(step, &mut cargo, Show::All)
}

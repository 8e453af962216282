//! `cargo xtask docs`: writes what is written from the code: docs/packets.md, from the codec's catalogue.
//!
//! That it is not stale is a test of the crate `cli`, whose program writes it.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::process::{self, Show};
use crate::programs::{self, Profile};
use crate::progress::Progress;
use crate::workspace::Workspace;

const PACKETS: &str = "docs/packets.md";

/// Writes the pages.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    let mut progress = Progress::new(2);
    progress.step("building mig33", |step| {
        let mut cargo = process::cargo();
        cargo.args(["build", "--package=mig33-cli"]).current_dir(&workspace.root);
        process::run(step, &mut cargo, Show::OnFailure)
    })?;
    progress.step(PACKETS, |_| {
        let mut mig33 = process::program(programs::path(workspace, Profile::Dev, "mig33"));
        let output = mig33.args(["packets", "--markdown"]).output().context("mig33 packets")?;
        if !output.status.success() {
            bail!("mig33 packets: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        fs::write(workspace.root.join(PACKETS), output.stdout).context(PACKETS)
    })
}

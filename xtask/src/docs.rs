//! `cargo xtask docs`: writes what is written from the codec's catalogue: a reference, and a Wireshark dissector.
//!
//! That they are not stale are tests of the crate `cli`, whose program writes them.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::process::{self, Show};
use crate::programs::{self, Profile};
use crate::progress::Progress;
use crate::workspace::Workspace;

/// The files, and what `mig33 packets` is asked for to print them.
const FILES: [(&str, &str); 2] =
    [("docs/packets.md", "--markdown"), ("docs/wireshark/mig33.lua", "--wireshark")];

/// Writes the files.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    let mut progress = Progress::new(1 + FILES.len());
    progress.step("building mig33", |step| {
        let mut cargo = process::cargo();
        cargo.args(["build", "--package=mig33-cli"]).current_dir(&workspace.root);
        process::run(step, &mut cargo, Show::OnFailure)
    })?;
    FILES.iter().try_for_each(|(file, form)| {
        progress.step(file, |_| {
            let mut mig33 = process::program(programs::path(workspace, Profile::Dev, "mig33"));
            let output = mig33.args(["packets", form]).output().context("mig33 packets")?;
            if !output.status.success() {
                bail!("mig33 packets: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            fs::write(workspace.root.join(file), output.stdout).context(*file)
        })
    })
}

//! `cargo xtask docs`: writes what the programs say of themselves into docs/: from the codec's catalogue a reference and
//! a Wireshark dissector, from the bridge's settings a table.
//!
//! That they are not stale are tests of the crates `cli` and `bridge`, whose programs write them.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::process::{self, Show};
use crate::programs::{self, Profile};
use crate::progress::Progress;
use crate::workspace::Workspace;

/// The files, and what `mig33 packets` is asked for to print them.
const FILES: [(&str, &str); 2] =
    [("docs/packets.md", "--markdown"), ("docs/wireshark/mig33.lua", "--wireshark")];

/// The file that has the table of settings in it, and the lines that it is between.
const SETTINGS: (&str, &str, &str) = (
    "docs/operations.md",
    "<!-- settings: written by cargo xtask docs -->\n",
    "<!-- end of settings -->",
);

/// Writes the files.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    let mut progress = Progress::new(2 + FILES.len());
    progress.step("building mig33 and mig33-bridge", |step| {
        let mut cargo = process::cargo();
        cargo
            .args(["build", "--package=mig33-cli", "--package=mig33-bridge", "--all-features"])
            .current_dir(&workspace.root);
        process::run(step, &mut cargo, Show::OnFailure)
    })?;
    FILES.iter().try_for_each(|(file, form)| {
        progress.step(file, |_| {
            let text = said(workspace, "mig33", &["packets", form])?;
            fs::write(workspace.root.join(file), text).context(*file)
        })
    })?;
    let (file, start, end) = SETTINGS;
    progress.step(file, |_| {
        let path = workspace.root.join(file);
        let text = fs::read_to_string(&path).context(file)?;
        let table = said(workspace, "mig33-bridge", &["settings", "--markdown"])?;
        let whole = between(&text, start, end, &table)
            .with_context(|| format!("{file} has no place for the settings: {start}"))?;
        fs::write(path, whole).context(file)
    })
}

/// What a program prints.
fn said(workspace: &Workspace, name: &str, arguments: &[&str]) -> Result<String> {
    let mut program = process::program(programs::path(workspace, Profile::Dev, name));
    let output = program.args(arguments).output().context(name.to_owned())?;
    if !output.status.success() {
        bail!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context(name.to_owned())
}

/// The text with something else between two marks; none where it does not have both, in order.
fn between(text: &str, start: &str, end: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(start)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{start}{new}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn only_what_is_between_the_marks_is_new() {
        assert_eq!(between("a<old>b", "<", ">", "new").as_deref(), Some("a<new>b"));
        assert_eq!(between("a>old<b", "<", ">", "new"), None);
        assert_eq!(between("a", "<", ">", "new"), None);
    }
}

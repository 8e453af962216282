//! Builds the programs, mig33-bridge and mig33-server, and says where they are.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::{self, Show};
use crate::progress::Step;
use crate::workspace::Workspace;

/// How the programs are compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As users get them.
    Release,
    /// Quick to build.
    Dev,
}

impl Profile {
    /// From the flag `--dev`.
    pub(crate) fn from_dev(dev: bool) -> Self {
        if dev { Self::Dev } else { Self::Release }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

/// Builds both programs. Always both, since another choice of packages may be another choice of features, and
/// everything would be compiled again.
pub(crate) fn build(workspace: &Workspace, profile: Profile, step: &mut Step) -> Result<()> {
    let mut cargo = process::cargo();
    cargo
        .args(["build", "--profile", profile.name()])
        .args(["--package=mig33-bridge", "--package=mig33-server", "--bins"])
        .current_dir(&workspace.root);
    process::run(step, &mut cargo, Show::OnFailure)
}

/// Where a built program is.
pub(crate) fn path(workspace: &Workspace, profile: Profile, name: &str) -> PathBuf {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    workspace.target.join(profile.folder()).join(file)
}

//! `cargo xtask tidy`: the conventions of this repository, as tests.

mod code;
mod manifests;
mod repository;
mod sources;
mod tree;

use anyhow::{Result, bail};

use self::tree::{Problem, Tree};
use crate::progress::{Progress, Step};
use crate::workspace::Workspace;

/// A convention: what it says, and what breaks it.
struct Rule {
    says: &'static str,
    check: fn(&Tree) -> Vec<Problem>,
}

const RULES: &[Rule] = &[
    Rule { says: "crates depend on each other one way only", check: manifests::arrows },
    Rule { says: "bridge has the server only by its feature", check: manifests::embedded },
    Rule { says: "codec and client have no runtime, no browser, no clock", check: manifests::pure },
    Rule { says: "codec needs bytes only, and sha1 for a feature", check: manifests::lean },
    Rule { says: "each crate has the workspace's lints", check: manifests::lints },
    Rule { says: "versions stand once, in the root manifest", check: manifests::versions },
    Rule { says: "codec and client ask nobody for time, files, network", check: sources::pure },
    Rule { says: "the first line says what a file holds", check: sources::first_line },
    Rule { says: "a file's name says what is in it", check: sources::names },
    Rule { says: "a file has one subject, so it is not long", check: sources::length },
    Rule { says: "an allowed lint has a reason", check: sources::allowed_lints },
    Rule { says: "no test is switched off", check: sources::switched_off },
    Rule { says: "nothing names a path of somebody's machine", check: sources::machine_paths },
    Rule { says: "README has the two commands", check: repository::readme },
    Rule { says: "CI runs the README's test command", check: repository::ci },
];

/// `cargo xtask tidy`.
pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    Progress::new(1).step("tidy", |step| check(workspace, step))
}

/// Holds all files against all rules; says each place that breaks one.
pub(crate) fn check(workspace: &Workspace, step: &mut Step) -> Result<()> {
    let tree = Tree::read(&workspace.root)?;
    let mut broken = 0;
    for rule in RULES {
        let problems = (rule.check)(&tree);
        for problem in &problems {
            step.above(|| println!("{problem}"));
        }
        if !problems.is_empty() {
            step.say(format_args!("broken: {}", rule.says));
            broken += 1;
        }
    }
    if broken > 0 {
        bail!("{broken} of {} conventions are broken", RULES.len());
    }
    Ok(())
}

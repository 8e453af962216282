//! Rules about the repository as a whole: what a newcomer types works, and CI types the same.

use super::tree::{Problem, Tree};

/// The command that runs every test.
const TEST_COMMAND: &str = "cargo xtask test";

/// README.md has the commands to run and to test.
pub(super) fn readme(tree: &Tree) -> Vec<Problem> {
    let Some(readme) = tree.file("README.md") else {
        return vec![Problem::of_file("README.md", "is missing")];
    };
    let is_missing = |command: &&str| !readme.text.lines().any(|line| line.trim() == *command);
    let missing = ["cargo xtask run", TEST_COMMAND].into_iter().filter(is_missing);
    missing.map(|command| readme.problem_of_all(format!("has no line `{command}`"))).collect()
}

/// .ci/run does what a developer does, and nothing more.
pub(super) fn ci(tree: &Tree) -> Vec<Problem> {
    let Some(run) = tree.file(".ci/run") else {
        return vec![Problem::of_file(".ci/run", "is missing")];
    };
    let is_setup = |line: &str| {
        line.is_empty()
            || line.starts_with('#')
            || line.starts_with("set ")
            || line.starts_with("cd ")
    };
    let commands: Vec<_> = run.text.lines().map(str::trim).filter(|line| !is_setup(line)).collect();
    if commands == [TEST_COMMAND] {
        return Vec::new();
    }
    vec![run.problem_of_all(format!("has to call `{TEST_COMMAND}` and nothing else"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_has_both_commands() {
        let count = |text| readme(&Tree::from_texts(&[("README.md", text)])).len();
        assert_eq!(count("# mig33\n\n    cargo xtask run\n\n    cargo xtask test\n"), 0);
        assert_eq!(count("# mig33\n\n    cargo xtask run\n"), 1);
        assert_eq!(readme(&Tree::default()).len(), 1);
    }

    #[test]
    fn ci_runs_the_test_command_only() {
        let count = |text| ci(&Tree::from_texts(&[(".ci/run", text)])).len();
        assert_eq!(
            count("#!/usr/bin/env bash\nset -eu\ncd \"$(dirname \"$0\")/..\"\ncargo xtask test\n"),
            0
        );
        assert_eq!(count("#!/usr/bin/env bash\ncargo test\n"), 1);
        assert_eq!(count("cargo xtask test\ncargo xtask deny\n"), 1);
    }
}

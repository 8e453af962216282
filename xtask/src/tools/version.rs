//! Looks for a program on PATH and asks it for its version.

use std::path::{Path, PathBuf};

use crate::process;

/// Where the first program of this name on PATH is, if it has this version.
pub(crate) fn on_path(name: &str, version: &str) -> Option<PathBuf> {
    which(name).filter(|path| has(path, version))
}

/// Where the first program of this name on PATH is.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join(&file))
        .find(|p| p.is_file())
}

/// Where a program is that Debian may have put where only root's PATH leads.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    which(name).or_else(|| Some(Path::new("/usr/sbin").join(name)).filter(|path| path.is_file()))
}

/// Whether a program says that it has this version.
pub(crate) fn has(program: &Path, version: &str) -> bool {
    process::ask(process::program(program).arg("--version"))
        .is_some_and(|said| says(&said, version))
}

/// `trunk 0.21.14` says 0.21.14, and so does `v0.21.14`; `0.21.140` does not.
fn says(said: &str, version: &str) -> bool {
    let first = said.lines().next().unwrap_or_default();
    first.split_whitespace().any(|word| word.strip_prefix('v').unwrap_or(word) == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_a_tool_says() {
        for (said, version, expected) in [
            ("trunk 0.21.14\n", "0.21.14", true),
            ("trunk 0.21.140\n", "0.21.14", false),
            ("trunk 0.21.14-beta.1", "0.21.14", false),
            ("wasm-bindgen 0.2.130 (abcdef 2026-01-01)", "0.2.130", true),
            ("wasm-opt version 132 (version_132)", "132", true),
            ("wasm-opt version 108", "132", false),
            ("v20.20.2", "20.20.2", true),
            ("tool 1.0\n132", "132", false),
            ("", "132", false),
        ] {
            assert_eq!(says(said, version), expected, "{said:?} {version}");
        }
    }
}

//! The text files of the repository, read once, and what is wrong with one of them.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::code;

/// What no rule looks at: results of builds and runs.
const SKIPPED: [&str; 8] = [
    ".git",
    "data",
    "dist",
    "node_modules",
    "playwright-report",
    "target",
    "test-results",
    "corpus",
];
/// Which files are text that somebody here wrote.
const TEXT: [&str; 16] = [
    "css", "html", "js", "json", "lua", "md", "mjs", "py", "rs", "run", "service", "sh", "sql",
    "toml", "ts", "yml",
];

/// All files that rules look at.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

/// A file of the repository.
pub(super) struct File {
    /// From the root, with `/` between folders.
    pub(super) path: String,
    pub(super) text: String,
    /// Of a Rust file: its text with comments and strings blanked out, line by line the same. Else empty.
    pub(super) code: String,
}

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    path: String,
    line: Option<usize>,
    what: String,
}

impl Tree {
    /// Reads the files under a root.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// The file at a path.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files with an extension.
    pub(super) fn of_kind(&self, extension: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.extension() == extension)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        // where cargo builds, whatever its name
        if folder.join("CACHEDIR.TAG").exists() {
            return Ok(());
        }
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() && (path == ".ci/run" || TEXT.contains(&extension(&name))) {
                let text = fs::read_to_string(entry.path())
                    .with_context(|| entry.path().display().to_string())?;
                self.files.push(File::new(path, text));
            }
        }
        Ok(())
    }
}

impl File {
    /// A file with this text.
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = if extension(&path) == "rs" { code::only(&text) } else { String::new() };
        Self { path, text, code }
    }

    /// What comes after the last dot of its name, or nothing.
    pub(super) fn extension(&self) -> &str {
        extension(&self.path)
    }

    /// Whether it is a file of tests, or of what tests run on.
    pub(super) fn is_test(&self) -> bool {
        let mut folders = self.path.split('/').rev().skip(1);
        folders.any(|folder| matches!(folder, "tests" | "e2e" | "fuzz" | "benches"))
            || self.path.ends_with("tests.rs")
    }

    /// A problem in a line, the first being 1.
    pub(super) fn problem(&self, line: usize, what: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), line: Some(line), what: what.into() }
    }

    /// A problem of the file as a whole.
    pub(super) fn problem_of_all(&self, what: impl Into<String>) -> Problem {
        Problem::of_file(&self.path, what)
    }
}

impl Problem {
    /// A problem of a file that may not even be there.
    pub(super) fn of_file(path: &str, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

#[cfg(test)]
impl Tree {
    /// A tree of these paths and texts.
    pub(super) fn from_texts(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File::new(*path, *text)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_not_read() -> Result<()> {
        let root = tempfile::tempdir()?;
        for path in ["src/a.rs", "target/b.rs", "e2e/node_modules/c.ts", "other-target/d.rs"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().context("a folder")?)?;
            fs::write(path, "text")?;
        }
        fs::write(root.path().join("other-target/CACHEDIR.TAG"), "")?;
        fs::write(root.path().join("picture.png"), [0xff])?;
        let tree = Tree::read(root.path())?;
        let paths: Vec<_> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["src/a.rs"]);
        Ok(())
    }

    #[test]
    fn tests_are_told_from_sources() {
        let is_test = |path: &str| File::new(path, "").is_test();
        assert!(is_test("server/tests/it/main.rs"));
        assert!(is_test("e2e/chat.spec.ts"));
        assert!(is_test("web/src/state/tests.rs"));
        assert!(!is_test("server/src/main.rs"));
    }
}

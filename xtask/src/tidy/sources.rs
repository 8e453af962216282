//! Rules about source files: what a file is called, how it begins, how long it is, what it must not hold.

use super::manifests::PURE;
use super::tree::{File, Problem, Tree};

/// The most lines that a source file has.
const LONGEST: usize = 500;
/// Files that are longer, and why they are one.
const LONGER: &[(&str, &str)] =
    &[("codec/src/packets.rs", "the one table of all packets, a row each")];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["common", "helper", "helpers", "manager", "misc", "types", "utils"];
/// Where the state of the world would come in.
const IMPURE: [&str; 9] = [
    "SystemTime",
    "Instant::now",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
];
/// What only sounds so: a slice, as `Buf::chunks_vectored` has it.
const NO_IO: &str = "std::io::IoSlice";
/// What somebody's home folder begins with.
const HOMES: [&str; 4] = [concat!("/ho", "me/"), concat!("/ro", "ot/"), "/Users/", r"C:\Users\"];

/// Sources of the crates that must work without an operating system.
pub(super) fn pure(tree: &Tree) -> Vec<Problem> {
    let is_pure = |file: &&File| {
        PURE.iter().any(|name| file.path.starts_with(&format!("{name}/src/"))) && !file.is_test()
    };
    let mut problems = Vec::new();
    for file in tree.of_kind("rs").filter(is_pure) {
        for (number, line) in numbered(before_tests(&file.code)) {
            if line.trim_end_matches(';').ends_with(NO_IO) {
                continue;
            }
            let grouped = line.contains("std::time::{") && line.contains("Instant");
            let named = IMPURE.iter().find(|name| has_word(line, name));
            if let Some(name) = named.copied().or(grouped.then_some("Instant")) {
                problems
                    .push(file.problem(number, format!("{name}: it has to come in from outside")));
            }
        }
    }
    problems
}

/// A file begins with a comment.
pub(super) fn first_line(tree: &Tree) -> Vec<Problem> {
    let begins: [(&str, &[&str]); 5] = [
        ("rs", &["//! "]),
        ("ts", &["// ", "/** ", "/* "]),
        ("mjs", &["// ", "/** ", "/* "]),
        ("js", &["// ", "/** ", "/* "]),
        ("css", &["/* "]),
    ];
    let mut problems = Vec::new();
    for (extension, starts) in begins {
        for file in tree.of_kind(extension) {
            if !starts.iter().any(|start| file.text.starts_with(start)) {
                let what =
                    format!("the first line has to say what the file holds: `{}…`", starts[0]);
                problems.push(file.problem(1, what));
            }
        }
    }
    problems
}

/// No file or folder is called "utils".
pub(super) fn names(tree: &Tree) -> Vec<Problem> {
    let is_empty = |file: &&File| {
        let path = file.path.rsplit_once('.').map_or(file.path.as_str(), |(path, _)| path);
        path.split('/').any(|part| EMPTY_NAMES.contains(&part))
    };
    let sources = tree.files.iter().filter(|file| is_source(file));
    sources.filter(is_empty).map(|file| file.problem_of_all("its name says nothing")).collect()
}

/// No source file has more than LONGEST lines.
pub(super) fn length(tree: &Tree) -> Vec<Problem> {
    long_files(tree, LONGER)
}

fn long_files(tree: &Tree, exceptions: &[(&str, &str)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| is_source(file)) {
        let lines = file.text.lines().count();
        let is_exception = exceptions.iter().any(|(path, _)| *path == file.path);
        if lines > LONGEST && !is_exception {
            problems.push(file.problem_of_all(format!("{lines} lines are more than {LONGEST}")));
        }
        if lines <= LONGEST && is_exception {
            problems.push(file.problem_of_all("is not long any more: take it from the list"));
        }
    }
    problems
}

/// `#[allow(…)]` says why: `reason = "…"`, or a comment behind it.
pub(super) fn allowed_lints(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.of_kind("rs") {
        let texts: Vec<_> = file.text.lines().collect();
        let codes: Vec<_> = file.code.lines().collect();
        for (number, line) in numbered(&file.code) {
            if !["[allow(", "[expect("].iter().any(|start| line.contains(start)) {
                continue;
            }
            let end = (number..=codes.len()).find(|&n| codes[n - 1].contains(")]"));
            let end = end.unwrap_or(number);
            let has_reason = codes[number - 1..end].iter().any(|code| code.contains("reason = "));
            if !has_reason && !texts[end - 1].contains(")] // ") {
                problems.push(file.problem(number, "a lint is allowed without a reason"));
            }
        }
    }
    problems
}

/// Tests run.
pub(super) fn switched_off(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.of_kind("rs") {
        for (number, line) in numbered(&file.code) {
            if line.contains("#[ignore") {
                problems.push(file.problem(number, "a test is switched off"));
            }
        }
    }
    for file in tree.files.iter().filter(|file| file.path.starts_with("e2e/")) {
        for (number, line) in numbered(&file.text) {
            if [".skip(", ".fixme(", ".only("].iter().any(|call| line.contains(call)) {
                problems.push(file.problem(number, "a test is switched off, or others are"));
            }
        }
    }
    problems
}

/// No path leads into somebody's home.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.files.iter().filter(|file| !file.is_test()) {
        for (number, line) in numbered(&file.text) {
            for home in HOMES {
                let mut after = line.split(home).skip(1).map(|rest| rest.chars().next());
                if after.any(|next| next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.')) {
                    problems.push(file.problem(number, format!("a path of one machine: {home}…")));
                }
            }
        }
    }
    problems
}

fn is_source(file: &File) -> bool {
    ["rs", "ts", "mjs", "js", "css", "py"].contains(&file.extension())
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// The part of a file before its unit tests, which come last.
fn before_tests(code: &str) -> &str {
    code.split_once("#[cfg(test)]\nmod ").map_or(code, |(before, _)| before)
}

/// Whether `line` holds `name`, not only as a part of a longer word.
fn has_word(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(is_word)
            && !line[at + name.len()..].chars().next().is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of one file that break a rule.
    fn lines(rule: fn(&Tree) -> Vec<Problem>, path: &str, text: &str) -> Vec<String> {
        let problems = rule(&Tree::from_texts(&[(path, text)]));
        let places = problems.iter().map(|problem| {
            let said = problem.to_string();
            let place = said.trim_start_matches(path).trim_start_matches(':');
            place.split(':').next().unwrap_or_default().trim().to_owned()
        });
        places.collect()
    }

    #[test]
    fn codec_and_client_have_no_clock() {
        let text =
            "//! x\nuse std::time::{Duration, Instant};\nlet n = std::time::SystemTime::now();
// SystemTime\nstruct MySystemTimes;\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(lines(pure, "client/src/lib.rs", text), ["2", "3"]);
        assert!(lines(pure, "server/src/lib.rs", text).is_empty());
        let slice = "//! x\nuse std::io::IoSlice;\nuse std::io::IoSliceMut;\nuse std::io::Read;\n";
        assert_eq!(lines(pure, "codec/src/lib.rs", slice), ["3", "4"]);
    }

    #[test]
    fn a_file_begins_with_what_it_holds() {
        assert!(lines(first_line, "a/src/b.rs", "//! Reads.\n").is_empty());
        assert_eq!(lines(first_line, "a/src/b.rs", "use x;\n"), ["1"]);
        assert_eq!(lines(first_line, "e2e/b.ts", "import x\n"), ["1"]);
        assert!(lines(first_line, "e2e/b.ts", "// Tests.\n").is_empty());
    }

    #[test]
    fn names_say_something() {
        assert_eq!(lines(names, "a/src/utils.rs", "").len(), 1);
        assert_eq!(lines(names, "a/src/helpers/b.rs", "").len(), 1);
        assert!(lines(names, "a/src/utility_room.rs", "").is_empty());
    }

    #[test]
    fn long_files_are_told_unless_listed() {
        let long = "//! x\n".repeat(LONGEST + 1);
        let tree = Tree::from_texts(&[("a.rs", &long), ("b.rs", "//! x\n"), ("c.md", &long)]);
        assert_eq!(long_files(&tree, &[]).len(), 1);
        assert!(long_files(&tree, &[("a.rs", "a table")]).is_empty());
        assert_eq!(long_files(&tree, &[("a.rs", "a table"), ("b.rs", "no")]).len(), 1);
    }

    #[test]
    fn lints_are_allowed_for_a_reason() {
        let text = r#"#[allow(dead_code)]
#[allow(dead_code)] // read by tests
#[expect(dead_code, reason = "read by tests")]
#[allow(
    dead_code,
    reason = "read by tests",
)]
let s = "[allow(";
#![allow(
    dead_code
)]
"#;
        assert_eq!(lines(allowed_lints, "a/src/b.rs", text), ["1", "9"]);
    }

    #[test]
    fn tests_that_are_switched_off_are_found() {
        assert_eq!(lines(switched_off, "a/src/b.rs", "// #[ignore]\n#[ignore = \"x\"]\n"), ["2"]);
        assert_eq!(lines(switched_off, "e2e/a.spec.ts", "// x\ntest.skip('x')\n"), ["2"]);
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        let text = format!("a\nlet p = \"{}ann/x\";\nGET {}\n", HOMES[0], HOMES[0]);
        assert_eq!(lines(machine_paths, "a/src/b.rs", &text), ["2"]);
        assert!(lines(machine_paths, "a/tests/it/b.rs", &text).is_empty());
    }
}

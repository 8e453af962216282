//! Rules about the Cargo.toml files: which crate may depend on what.

use toml::{Table, Value};

use super::tree::{File, Problem, Tree};

/// Which crates of this repository each may use, and which in its tests only. A crate that is missing here breaks
/// the rule: a new one is added on purpose.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("codec", &[], &[]),
    ("client", &["codec"], &[]),
    ("peer", &[], &[]),
    ("picture", &[], &[]),
    ("server", &["codec", "peer", "picture"], &["client"]),
    ("bridge", &["codec", "peer", "server"], &["client"]),
    ("web", &["client", "codec", "picture"], &[]),
    ("bench", &["client", "codec"], &[]),
    ("bench/codec", &["codec"], &[]),
    ("cli", &["codec"], &[]),
    ("xtask", &[], &[]),
];

/// Crates whose results follow from their input alone, and what they therefore must not use.
pub(super) const PURE: [&str; 3] = ["codec", "client", "picture"];
const IMPURE: &[&str] = &[
    "async-std",
    "chrono",
    "getrandom",
    "gloo",
    "js-sys",
    "mio",
    "rand",
    "smol",
    "socket2",
    "sqlx",
    "time",
    "tokio",
    "wasm-bindgen",
    "wasm-bindgen-futures",
    "web-sys",
    "web-time",
];

/// Crates use each other as ARROWS says.
pub(super) fn arrows(tree: &Tree) -> Vec<Problem> {
    each_crate(tree, |name, file, manifest, problems| {
        let Some((_, may, may_in_tests)) = ARROWS.iter().find(|(from, ..)| *from == name) else {
            problems.push(file.problem_of_all("is not in the table of crates (xtask/src/tidy)"));
            return;
        };
        for (table, dependency, _) in dependencies(manifest) {
            let Some(to) = dependency.strip_prefix("mig33-") else {
                continue;
            };
            let in_tests =
                table == "dev-dependencies" && (may_in_tests.contains(&to) || to == name);
            if !may.contains(&to) && !in_tests {
                problems.push(file.problem_of_all(format!("{name} must not depend on {to}")));
            }
        }
    })
}

/// bridge can be built without the server.
pub(super) fn embedded(tree: &Tree) -> Vec<Problem> {
    each_crate(tree, |name, file, manifest, problems| {
        for (table, dependency, value) in dependencies(manifest) {
            let optional = value.get("optional").and_then(Value::as_bool) == Some(true);
            let used = table == "dependencies" && dependency == "mig33-server";
            if name == "bridge" && used && !optional {
                problems.push(file.problem_of_all("mig33-server must be optional"));
            }
        }
        let features = manifest.get("features").and_then(Value::as_table);
        for (feature, parts) in features.into_iter().flatten() {
            let brings = parts.as_array().into_iter().flatten().filter_map(Value::as_str);
            let brings_server = brings.map(|part| part.trim_start_matches("dep:"));
            if name == "bridge" && feature != "embedded" {
                problems.extend(
                    brings_server
                        .filter(|part| *part == "mig33-server")
                        .map(|_| file.problem_of_all(format!("{feature} brings the server"))),
                );
            }
        }
    })
}

/// What PURE crates depend on.
pub(super) fn pure(tree: &Tree) -> Vec<Problem> {
    each_crate(tree, |name, file, manifest, problems| {
        for (table, dependency, _) in dependencies(manifest) {
            if PURE.contains(&name) && table != "dev-dependencies" && IMPURE.contains(&dependency) {
                problems.push(file.problem_of_all(format!("{name} must not use {dependency}")));
            }
        }
    })
}

/// codec brings nothing but bytes, and sha1 where its feature is asked for.
pub(super) fn lean(tree: &Tree) -> Vec<Problem> {
    each_crate(tree, |name, file, manifest, problems| {
        if name != "codec" {
            return;
        }
        for (table, dependency, value) in dependencies(manifest) {
            let optional = value.get("optional").and_then(Value::as_bool) == Some(true);
            let may = dependency == "bytes" || (dependency == "sha1" && optional);
            if table != "dev-dependencies" && !may {
                problems.push(file.problem_of_all(format!("codec must not need {dependency}")));
            }
        }
    })
}

/// `[lints] workspace = true`
pub(super) fn lints(tree: &Tree) -> Vec<Problem> {
    each_crate(tree, |_, file, manifest, problems| {
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(Value::as_bool) != Some(true) {
            problems.push(file.problem_of_all("has no `[lints] workspace = true`"));
        }
    })
}

/// A dependency takes its version from the workspace.
pub(super) fn versions(tree: &Tree) -> Vec<Problem> {
    each_crate(tree, |_, file, manifest, problems| {
        for (_, dependency, value) in dependencies(manifest) {
            if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                let what = format!("{dependency}: its version belongs into the root Cargo.toml");
                problems.push(file.problem_of_all(what));
            }
        }
    })
}

/// Reads the manifest of each member and lets a rule look at it.
fn each_crate(
    tree: &Tree,
    mut rule: impl FnMut(&str, &File, &Table, &mut Vec<Problem>),
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in members(tree) {
        let path = format!("{name}/Cargo.toml");
        match tree.file(&path).map(|file| (file, file.text.parse::<Table>())) {
            Some((file, Ok(manifest))) => rule(&name, file, &manifest, &mut problems),
            Some((file, Err(error))) => problems.push(file.problem_of_all(error.to_string())),
            None => problems.push(Problem::of_file(&path, "is missing")),
        }
    }
    problems
}

fn members(tree: &Tree) -> Vec<String> {
    let root = tree.file("Cargo.toml").and_then(|file| file.text.parse::<Table>().ok());
    let members = root.as_ref().and_then(|root| root.get("workspace")?.get("members")?.as_array());
    let names = members.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// All dependencies with the kind of table that they are in, those for some targets only included.
fn dependencies(manifest: &Table) -> Vec<(&'static str, &str, &Value)> {
    let for_targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let tables = for_targets.filter_map(|(_, table)| table.as_table());
    let mut found = Vec::new();
    for table in tables.chain([manifest]) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            found.extend(entries.map(|(name, value)| (kind, name.as_str(), value)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a rule says about a workspace with one crate.
    fn said(rule: fn(&Tree) -> Vec<Problem>, name: &str, manifest: &str) -> Vec<String> {
        let root = format!("[workspace]\nmembers = [\"{name}\"]");
        let path = format!("{name}/Cargo.toml");
        let tree = Tree::from_texts(&[("Cargo.toml", &root), (&path, manifest)]);
        rule(&tree).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn arrows_point_one_way() {
        let with = |dependency: &str| format!("[dependencies]\n{dependency}.workspace = true");
        assert!(said(arrows, "client", &with("mig33-codec")).is_empty());
        assert_eq!(
            said(arrows, "codec", &with("mig33-client")),
            ["codec/Cargo.toml: codec must not depend on client"]
        );
        assert_eq!(said(arrows, "bench", &with("mig33-web")).len(), 1);
        assert_eq!(said(arrows, "newcomer", "").len(), 1);
        let for_tests = "[dev-dependencies]\nmig33-client.workspace = true";
        assert!(said(arrows, "server", for_tests).is_empty());
        assert_eq!(said(arrows, "codec", for_tests).len(), 1);
        let for_target = "[target.'cfg(unix)'.dependencies]\nmig33-web.workspace = true";
        assert_eq!(said(arrows, "server", for_target).len(), 1);
    }

    #[test]
    fn the_server_is_a_feature_of_the_bridge() {
        let optional = "[features]\ndefault = [\"embedded\"]\nembedded = [\"dep:mig33-server\"]
            [dependencies]\nmig33-server = { workspace = true, optional = true }";
        assert!(said(embedded, "bridge", optional).is_empty());
        let always = "[dependencies]\nmig33-server.workspace = true";
        assert_eq!(said(embedded, "bridge", always).len(), 1);
        let otherwise = optional.replace("default = [\"embedded\"]", "x = [\"dep:mig33-server\"]");
        assert_eq!(said(embedded, "bridge", &otherwise).len(), 1);
    }

    #[test]
    fn codec_and_client_are_pure() {
        let tokio = "[dependencies]\ntokio.workspace = true";
        assert_eq!(said(pure, "client", tokio), ["client/Cargo.toml: client must not use tokio"]);
        assert!(said(pure, "server", tokio).is_empty());
    }

    #[test]
    fn codec_needs_bytes_only() {
        let needs = "[dependencies]\nbytes.workspace = true
            sha1 = { workspace = true, optional = true }
            [dev-dependencies]\ntoml.workspace = true";
        assert!(said(lean, "codec", needs).is_empty());
        let more = "[dependencies]\nthiserror.workspace = true";
        assert_eq!(said(lean, "codec", more), ["codec/Cargo.toml: codec must not need thiserror"]);
        assert!(said(lean, "client", more).is_empty());
        let always = "[dependencies]\nsha1.workspace = true";
        assert_eq!(said(lean, "codec", always).len(), 1);
    }

    #[test]
    fn lints_and_versions_come_from_the_workspace() {
        assert!(said(lints, "web", "[lints]\nworkspace = true").is_empty());
        assert_eq!(said(lints, "web", "[lints.rust]\nunused = \"allow\"").len(), 1);
        assert!(said(versions, "web", "[dependencies]\nyew.workspace = true").is_empty());
        assert_eq!(said(versions, "web", "[dependencies]\nyew = \"0.23\"").len(), 1);
    }
}

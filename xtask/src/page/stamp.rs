//! Tells whether dist/ is what the present sources make: a hash of what goes into the page and of what came out.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tools::{FOR_PAGE, Toolbox};
use crate::workspace::{Workspace, read};

/// Files of the root that the page depends on.
const ROOT_FILES: [&str; 5] =
    ["Cargo.lock", "Cargo.toml", "Trunk.toml", "index.html", "rust-toolchain.toml"];

/// What goes into the page, as one number, and where it is kept.
pub(super) struct Stamp {
    inputs: u64,
    file: PathBuf,
    dist: PathBuf,
}

impl Stamp {
    /// Reads the sources of the page.
    pub(super) fn of(workspace: &Workspace, tools: &Toolbox) -> Result<Self> {
        let mut paths: BTreeSet<PathBuf> =
            ROOT_FILES.iter().map(|name| workspace.root.join(name)).collect();
        for folder in crates_of_page(&workspace.root)? {
            collect(&folder, &mut paths)?;
        }
        let html = read(&workspace.root.join("index.html"))?;
        for link in trunk_links(&html) {
            collect(&workspace.root.join(link), &mut paths)?;
        }
        let mut hasher = DefaultHasher::new();
        for tool in FOR_PAGE {
            (tool.name, &tool.version, tools.has(tool)).hash(&mut hasher);
        }
        hash_files(&paths, &mut hasher)?;
        Ok(Self {
            inputs: hasher.finish(),
            file: workspace.target.join("page.stamp"),
            dist: workspace.dist(),
        })
    }

    /// Whether these sources made what is in dist/ now.
    pub(super) fn is_fresh(&self) -> bool {
        let written = fs::read_to_string(&self.file).ok();
        written.is_some() && written == self.text().ok()
    }

    /// Notes that these sources made what is in dist/ now.
    pub(super) fn write(&self) -> Result<()> {
        fs::write(&self.file, self.text()?).with_context(|| self.file.display().to_string())
    }

    fn text(&self) -> Result<String> {
        let mut outputs = BTreeSet::new();
        collect(&self.dist, &mut outputs)?;
        let mut hasher = DefaultHasher::new();
        hash_files(&outputs, &mut hasher)?;
        Ok(format!("{:016x} {:016x}\n", self.inputs, hasher.finish()))
    }
}

/// The folders of the crates that the page is made of: web and what it depends on in this repository.
fn crates_of_page(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec!["web".to_owned()];
    while let Some(name) = open.pop() {
        let folder = root.join(&name);
        let manifest = read(&folder.join("Cargo.toml"))?;
        if found.insert(folder) {
            open.extend(own_dependencies(&manifest)?);
        }
    }
    Ok(found)
}

/// `mig33-client` lives in client/, and so on: the names of the folders a manifest depends on.
fn own_dependencies(manifest: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse()?;
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let names = dependencies.into_iter().flat_map(toml::Table::keys);
    Ok(names.filter_map(|name| name.strip_prefix("mig33-").map(str::to_owned)).collect())
}

/// What the `data-trunk` elements of the HTML link to, other than crates.
fn trunk_links(html: &str) -> Vec<&str> {
    html.split('<')
        .filter(|tag| tag.contains("data-trunk"))
        .filter_map(|tag| {
            let (_, value) = tag.split_once("href=\"").or_else(|| tag.split_once("src=\""))?;
            Some(value.split_once('"')?.0)
        })
        .filter(|link| !link.ends_with("Cargo.toml"))
        .collect()
}

/// A file, or all files under a folder. One that does not exist is nothing.
fn collect(path: &Path, into: &mut BTreeSet<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
            collect(&entry?.path(), into)?;
        }
    } else if path.exists() {
        into.insert(path.to_owned());
    }
    Ok(())
}

fn hash_files(paths: &BTreeSet<PathBuf>, hasher: &mut DefaultHasher) -> Result<()> {
    for path in paths {
        path.hash(hasher);
        fs::read(path).with_context(|| path.display().to_string())?.hash(hasher);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_trunk_are_found() {
        let html = r#"
            <link data-trunk rel="rust" href="web/Cargo.toml" data-bin="mig33-web">
            <link data-trunk rel="css" href="web/style/main.css">
            <link rel="help" href="other.html">
            <script data-trunk src="web/start.js"></script>
        "#;
        assert_eq!(trunk_links(html), ["web/style/main.css", "web/start.js"]);
    }

    #[test]
    fn own_crates_are_told_from_others() -> Result<()> {
        let manifest = "[dependencies]\nmig33-client.workspace = true\nyew = \"1\"\n";
        assert_eq!(own_dependencies(manifest)?, ["client"]);
        Ok(())
    }

    #[test]
    fn a_stamp_holds_only_as_long_as_nothing_changes() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let dist = folder.path().join("dist");
        fs::create_dir(&dist)?;
        fs::write(dist.join("index.html"), "page")?;
        let stamp =
            |inputs| Stamp { inputs, file: folder.path().join("stamp"), dist: dist.clone() };
        assert!(!stamp(1).is_fresh(), "nothing was built yet");
        stamp(1).write()?;
        assert!(stamp(1).is_fresh());
        assert!(!stamp(2).is_fresh(), "other sources");
        fs::write(dist.join("index.html"), "something else built it")?;
        assert!(!stamp(1).is_fresh(), "another output");
        Ok(())
    }
}

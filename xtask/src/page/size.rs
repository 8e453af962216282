//! How many bytes a first visit transfers, by kind of file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use super::compress::{beside, extension, files};

/// Bytes in brotli by file extension, over all that is in dist/.
pub(crate) struct Size(BTreeMap<String, u64>);

impl Size {
    /// Adds up the built page; each file as it is transferred, compressed if there is a compressed one.
    pub(super) fn of(dist: &Path) -> Result<Self> {
        let mut sizes = BTreeMap::new();
        for path in files(dist)? {
            let packed = beside(&path, ".br");
            let sent = if packed.exists() { &packed } else { &path };
            *sizes.entry(extension(&path).to_owned()).or_default() += fs::metadata(sent)?.len();
        }
        for kind in ["html", "js", "wasm"] {
            if !sizes.contains_key(kind) {
                bail!("dist/ has no {kind} file: that is no page");
            }
        }
        Ok(Self(sizes))
    }

    /// All of it, in bytes.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

impl fmt::Display for Size {
    /// `page: 131.2 KB brotli (wasm 120.1, js 9.0, …)`, a KB being 1000 bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<_> = self.0.iter().collect();
        kinds.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
        let kinds: Vec<_> =
            kinds.iter().map(|(kind, bytes)| format!("{kind} {}", Kilo(**bytes))).collect();
        write!(f, "page: {} KB brotli ({})", Kilo(self.total()), kinds.join(", "))
    }
}

/// Bytes as kilobytes with one digit after the point, rounded up.
struct Kilo(u64);

impl fmt::Display for Kilo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.div_ceil(100);
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_added_up_as_transferred() -> Result<()> {
        let dist = tempfile::tempdir()?;
        let write = |name: &str, bytes: usize| fs::write(dist.path().join(name), vec![b'x'; bytes]);
        write("index.html", 2_000)?;
        write("index.html.br", 900)?;
        write("index.html.gz", 1_000)?;
        write("app.js", 450)?;
        assert!(Size::of(dist.path()).is_err(), "a page without its program");
        write("app.wasm", 5_000)?;
        write("app.wasm.br", 4_050)?;

        let size = Size::of(dist.path())?;

        assert_eq!(size.total(), 900 + 450 + 4_050);
        assert_eq!(size.to_string(), "page: 5.4 KB brotli (wasm 4.1, html 0.9, js 0.5)");
        Ok(())
    }
}

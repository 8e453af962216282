//! Writes `.br` and `.gz` files beside what trunk built. The built files stay as they are: the page holds their hashes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What is worth compressing; pictures and fonts are compressed in themselves.
const TEXT_LIKE: [&str; 9] =
    ["css", "html", "ico", "js", "json", "svg", "txt", "wasm", "webmanifest"];

/// Compresses each file under `folder` that gets smaller by it.
pub(super) fn compress(folder: &Path) -> Result<()> {
    for path in files(folder)? {
        if TEXT_LIKE.contains(&extension(&path)) {
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            for (suffix, packed) in [(".br", brotli(&bytes)?), (".gz", gzip(&bytes)?)] {
                if packed.len() < bytes.len() {
                    let beside = beside(&path, suffix);
                    fs::write(&beside, packed).with_context(|| beside.display().to_string())?;
                }
            }
        }
    }
    Ok(())
}

/// The file that holds `path` compressed.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The files that trunk built, sorted, without the compressed ones.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !["br", "gz"].contains(&extension(&path)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's extension, or nothing.
pub(super) fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality: 11,
        lgwin: 22, // the largest window that every browser takes is 24; beyond 4 MB nothing changes
        size_hint: bytes.len(),
        ..BrotliEncoderParams::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut packed, &params).context("brotli")?;
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    // no time stamp: the same page gives the same bytes
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).context("gzip")?;
    encoder.finish().context("gzip")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn side_files_hold_the_same_and_originals_stay() -> Result<()> {
        let dist = tempfile::tempdir()?;
        let text = "to and fro ".repeat(500);
        fs::write(dist.path().join("index.html"), &text)?;
        fs::write(dist.path().join("tiny.js"), "x")?;
        fs::write(dist.path().join("picture.png"), &text)?;

        compress(dist.path())?;

        assert_eq!(fs::read_to_string(dist.path().join("index.html"))?, text);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(fs::File::open(dist.path().join("index.html.gz"))?)
            .read_to_string(&mut unpacked)?;
        assert_eq!(unpacked, text);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(
            &mut fs::File::open(dist.path().join("index.html.br"))?,
            &mut unpacked,
        )?;
        assert_eq!(unpacked, text.as_bytes());
        // not worth it, and not meant to be
        assert!(!dist.path().join("tiny.js.br").exists());
        assert!(!dist.path().join("picture.png.br").exists());
        assert_eq!(files(dist.path())?.len(), 3);
        Ok(())
    }
}

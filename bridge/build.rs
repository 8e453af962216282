//! Builds the program anew when the page has been built anew.
use std::{fs, path::Path};

fn main() {
    // Cargo watches a folder only where there is one; an empty one means that the page has not been built
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist");
    if !dist.exists() {
        let _ = fs::create_dir(&dist);
    }
    println!("cargo::rerun-if-changed=../dist");
    println!("cargo::rerun-if-changed=build.rs");
}

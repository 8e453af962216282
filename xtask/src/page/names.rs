//! Gives one- and two-letter names to what the page's WebAssembly and its JavaScript call in each other: wasm-bindgen's
//! have a hash in each, which compresses badly. And puts its functions in order on the way.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::compress::{extension, files};
use super::order;
use crate::process;
use crate::tools::{Toolbox, WASM_OPT};
use crate::workspace::read;

/// What wasm-opt says that it has renamed.
#[derive(Deserialize)]
struct Renamed {
    /// Module, old name, new name. All of them are in module `a` afterwards.
    imports: Vec<(String, String, String)>,
    /// Old name, new name.
    exports: Vec<(String, String)>,
}

/// Renames and sorts under `dist`, with the features of WebAssembly that the source of the page names.
pub(super) fn shorten(dist: &Path, html: &str, tools: &Toolbox) -> Result<()> {
    let (wasm, js) = (the_only(dist, "wasm")?, the_only(dist, "js")?);
    let module = fs::read(&wasm).with_context(|| wasm.display().to_string())?;
    fs::write(&wasm, order::named_by_place(&module)?)
        .with_context(|| wasm.display().to_string())?;
    let mut wasm_opt = tools.command(&WASM_OPT)?;
    wasm_opt.args(features(html)).arg("--reorder-functions-by-name");
    wasm_opt.arg("--minify-imports-and-exports-and-modules");
    wasm_opt.arg(&wasm).arg("--output").arg(&wasm);
    let said = process::ask(&mut wasm_opt).context("wasm-opt could not rename")?;
    let renamed: Renamed = serde_json::from_str(&said).context("what wasm-opt has renamed")?;
    let glue = rename(&read(&js)?, &renamed)?;
    fs::write(&js, glue).with_context(|| js.display().to_string())
}

/// The one file with this extension.
fn the_only(dist: &Path, wanted: &str) -> Result<std::path::PathBuf> {
    let mut found = files(dist)?;
    found.retain(|path| extension(path) == wanted);
    let [file] = found.as_slice() else { bail!("not one .{wanted} file: {found:?}") };
    Ok(file.clone())
}

/// The flags among wasm-opt's parameters that name features.
fn features(html: &str) -> impl Iterator<Item = &str> {
    html.split([' ', '"', '\n']).filter(|word| word.starts_with("--enable-"))
}

/// Renames in the JavaScript: `old: function` of an import, `wasm.old` of an export. Each import has to be there, or
/// wasm-bindgen writes otherwise than it did, and the page would not start.
fn rename(glue: &str, renamed: &Renamed) -> Result<String> {
    let Some((module, ..)) = renamed.imports.first() else { return Ok(glue.to_owned()) };
    ensure!(renamed.imports.iter().all(|(of, ..)| of == module), "imports of several modules");
    let import = format!("\"{module}\":");
    ensure!(glue.matches(&import).count() == 1, "the glue does not name {module} once");
    let imports: HashMap<&str, &str> =
        renamed.imports.iter().map(|(_, old, new)| (&**old, &**new)).collect();
    let exports: HashMap<&str, &str> =
        renamed.exports.iter().map(|(old, new)| (&**old, &**new)).collect();
    let (mut short, mut found) = (String::new(), 0);
    for word in words(&glue.replacen(&import, "a:", 1)) {
        let new = if short.ends_with("wasm.") { exports.get(word) } else { imports.get(word) };
        found += usize::from(imports.contains_key(word));
        short.push_str(new.unwrap_or(&word));
    }
    ensure!(found == imports.len(), "the glue has {found} imports, not {}", imports.len());
    Ok(short)
}

/// Names, and what is between them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| of_name(c) != of_name(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed() -> Renamed {
        let import =
            |old: &str, new: &str| ("./x_bg.js".to_owned(), old.to_owned(), new.to_owned());
        Renamed {
            imports: vec![import("__wbg_log_1f", "b"), import("__wbg_log_1f0", "c")],
            exports: vec![("memory".to_owned(), "d".to_owned())],
        }
    }

    #[test]
    fn both_sides_get_the_new_names() -> Result<()> {
        let glue = "const i = {\n __wbg_log_1f: function(memory) { wasm.memory.grow(1); },\n \
            __wbg_log_1f0: function() {}\n};\nreturn { \"./x_bg.js\": i };";
        assert_eq!(
            rename(glue, &renamed())?,
            "const i = {\n b: function(memory) { wasm.d.grow(1); },\n c: function() {}\n};\nreturn { a: i };"
        );
        Ok(())
    }

    #[test]
    fn a_glue_that_names_them_otherwise_is_an_error() {
        for glue in [
            "i = { __wbg_log_1f: 1 }; r = { \"./x_bg.js\": i }",
            "i = { __wbg_log_1f: 1, __wbg_log_1f0: 2 }; r = { './x_bg.js': i }",
        ] {
            assert!(rename(glue, &renamed()).is_err(), "{glue}");
        }
    }

    #[test]
    fn features_are_those_of_the_page() {
        let html = "data-wasm-opt-params=\"--enable-a --enable-b\n  --flatten -Oz\"";
        assert_eq!(features(html).collect::<Vec<_>>(), ["--enable-a", "--enable-b"]);
    }
}

//! Makes what trunk built quicker to fetch: one style sheet instead of several, and JavaScript without its long names.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::compress::{extension, files};
use crate::process::{self, Show};
use crate::progress::Step;
use crate::tools::{ESBUILD, Toolbox};
use crate::workspace::read;

/// Joins the style sheets under `dist` and shortens its JavaScript. The latter stays as it is without esbuild.
pub(super) fn bundle(dist: &Path, tools: &Toolbox, step: &mut Step) -> Result<()> {
    join_style_sheets(dist)?;
    if tools.has(&ESBUILD) {
        for path in files(dist)?.iter().filter(|path| extension(path) == "js") {
            let mut esbuild = tools.command(&ESBUILD)?;
            esbuild.arg(path).args(["--minify", "--format=esm", "--allow-overwrite"]);
            esbuild.arg(format!("--outfile={}", path.display()));
            process::run(step, &mut esbuild, Show::OnFailure)?;
        }
    }
    name_by_content(dist)
}

/// Gives the program's files names by what is in them now: browsers keep a file of a name for ever, and its JavaScript
/// must never meet the WebAssembly of another build.
fn name_by_content(dist: &Path) -> Result<()> {
    let mut program = files(dist)?;
    program.retain(|path| ["js", "wasm"].contains(&extension(path)));
    let mut hasher = DefaultHasher::new();
    for path in &program {
        fs::read(path).with_context(|| path.display().to_string())?.hash(&mut hasher);
    }
    let html_path = dist.join("index.html");
    let mut html = read(&html_path)?;
    for path in program {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let named = name.rsplit_once('-').and_then(|(stem, rest)| {
            let end = rest.find(|c: char| !c.is_ascii_hexdigit())?;
            Some(format!("{stem}-{:016x}{}", hasher.finish(), rest.get(end..)?))
        });
        let Some(named) = named else { bail!("no hash in the name of {name}") };
        html = html.replace(name, &named);
        fs::rename(&path, dist.join(&named)).with_context(|| named)?;
    }
    fs::write(&html_path, html).with_context(|| html_path.display().to_string())
}

/// Puts the style sheets into one, in the order in which the page names them.
fn join_style_sheets(dist: &Path) -> Result<()> {
    let html_path = dist.join("index.html");
    let html = read(&html_path)?;
    let links: Vec<&str> = style_sheet_links(&html);
    let mut joined = String::new();
    for link in &links {
        let Some(name) = address(link) else { bail!("a style sheet without an address: {link}") };
        let path = dist.join(name.trim_start_matches('/'));
        joined.push_str(&read(&path)?);
        fs::remove_file(&path).with_context(|| path.display().to_string())?;
    }
    let mut hasher = DefaultHasher::new();
    joined.hash(&mut hasher);
    let name = format!("page-{:016x}.css", hasher.finish());
    let mut page = html.clone();
    for (place, link) in links.iter().enumerate() {
        let with = if place == 0 {
            format!("<link href=\"/{name}\" rel=\"stylesheet\">")
        } else {
            String::new()
        };
        page = page.replacen(link, &with, 1);
    }
    if !links.is_empty() {
        fs::write(dist.join(&name), joined).context(name)?;
        fs::write(&html_path, page).with_context(|| html_path.display().to_string())?;
    }
    Ok(())
}

/// The elements of the HTML that name a style sheet.
fn style_sheet_links(html: &str) -> Vec<&str> {
    let ends = html.match_indices("<link ").filter_map(|(start, _)| {
        let element = &html[start..];
        Some(&element[..=element.find('>')?])
    });
    ends.filter(|link| link.contains("stylesheet")).collect()
}

/// What `href` says, with or without quotes.
fn address(link: &str) -> Option<&str> {
    let (_, value) = link.split_once("href=")?;
    let value = value.trim_start_matches(['"', '\'']);
    Some(&value[..value.find(['"', '\'', ' ', '>'])?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_sheets_become_one_in_their_order() -> Result<()> {
        let dist = tempfile::tempdir()?;
        fs::write(dist.path().join("a-1.css"), "a{}")?;
        fs::write(dist.path().join("b-2.css"), "b{}")?;
        let html = "<title>x</title><link href=/b-2.css rel=stylesheet>\
            <link rel=icon href=/i.svg><link rel=\"stylesheet\" href=\"/a-1.css\" /><body>";
        fs::write(dist.path().join("index.html"), html)?;

        join_style_sheets(dist.path())?;

        let left: Vec<_> =
            files(dist.path())?.iter().filter(|path| extension(path) == "css").cloned().collect();
        let [sheet] = left.as_slice() else { bail!("not one style sheet: {left:?}") };
        assert_eq!(fs::read_to_string(sheet)?, "b{}a{}");
        let name = sheet.file_name().and_then(|name| name.to_str()).context("no name")?;
        assert_eq!(
            fs::read_to_string(dist.path().join("index.html"))?,
            format!(
                "<title>x</title><link href=\"/{name}\" rel=\"stylesheet\"><link rel=icon href=/i.svg><body>"
            )
        );
        Ok(())
    }

    #[test]
    fn the_program_is_named_by_what_is_in_it() -> Result<()> {
        let named = |js: &str| -> Result<Vec<String>> {
            let dist = tempfile::tempdir()?;
            fs::write(dist.path().join("mig33-web-1f.js"), js)?;
            fs::write(dist.path().join("mig33-web-1f_bg.wasm"), "wasm")?;
            fs::write(dist.path().join("index.html"), "/mig33-web-1f.js /mig33-web-1f_bg.wasm")?;
            name_by_content(dist.path())?;
            let names = files(dist.path())?;
            let names =
                names.iter().filter_map(|path| path.file_name()?.to_str()?.to_owned().into());
            let names: Vec<String> = names.filter(|name| name != "index.html").collect();
            let html = fs::read_to_string(dist.path().join("index.html"))?;
            assert_eq!(html, format!("/{} /{}", names[0], names[1]));
            Ok(names)
        };
        let (one, other) = (named("one")?, named("other")?);
        assert_eq!(named("one")?, one);
        // a change of one gives both a new name
        assert!(one.iter().all(|name| !other.contains(name)), "{one:?} {other:?}");
        Ok(())
    }

    #[test]
    fn a_page_without_style_sheets_stays_as_it_is() -> Result<()> {
        let dist = tempfile::tempdir()?;
        fs::write(dist.path().join("index.html"), "<body>")?;
        join_style_sheets(dist.path())?;
        assert_eq!(files(dist.path())?.len(), 1);
        Ok(())
    }
}

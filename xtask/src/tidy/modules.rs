//! Every file is part of its crate, and lists of modules are sorted.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, Finding};

/// Files that no `mod` line names, and lists out of order.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (parent, names) in missing(files) {
        for name in names {
            let text = format!("no \"mod {name};\"; cargo xtask tidy --fix adds it");
            findings.push(Finding::error(&files[parent].path, text));
        }
    }
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        for (line, name) in out_of_order(&file.text) {
            let place = format!("{}:{line}", file.path);
            findings.push(Finding::error(place, format!("\"mod {name};\" is not in order")));
        }
    }
    findings
}

/// Path and new text of the files that lacked `mod` lines.
pub(super) fn fixed(files: &[File]) -> Vec<(String, String)> {
    (missing(files).into_iter())
        .map(|(parent, names)| {
            let text = names.iter().fold(files[parent].text.clone(), |text, name| add(&text, name));
            (files[parent].path.clone(), text)
        })
        .collect()
}

/// Names of the modules that exist as files but are not named by their parent, by parent.
fn missing(files: &[File]) -> BTreeMap<usize, BTreeSet<String>> {
    let index_of = |path: &str| files.iter().position(|file| file.path == path);
    let mut missing: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let Some((name, parents)) = module_of(&file.path) else { continue };
        let Some(parent) = parents.iter().find_map(|path| index_of(path)) else { continue };
        if !names(&files[parent].text).any(|(_, named)| named == name) {
            missing.entry(parent).or_default().insert(name);
        }
    }
    missing
}

/// Name of the module that a file is, and the files that may name it. `None` for the root of a crate.
fn module_of(path: &str) -> Option<(String, Vec<String>)> {
    let (folder, file) = path.strip_suffix(".rs")?.rsplit_once('/')?;
    let (folder, name) = match file {
        "lib" | "main" | "build" => return None,
        "mod" => folder.rsplit_once('/')?,
        name => (folder, name),
    };
    // Only sources of a crate and its one integration test; examples and benches stand alone.
    if !folder.contains("/src") && !folder.starts_with("src") && !folder.contains("/tests/it") {
        return None;
    }
    let parents = vec![
        format!("{folder}/mod.rs"),
        format!("{folder}.rs"),
        format!("{folder}/lib.rs"),
        format!("{folder}/main.rs"),
    ];
    Some((name.into(), parents))
}

/// Line number, from 1, and name of each `mod name;`.
fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| module_line(line).map(|n| (index + 1, n)))
}

fn module_line(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (visibility, rest) =
        line.split_once("mod ").filter(|(v, _)| v.is_empty() || v.ends_with(' '))?;
    let visible = visibility.is_empty() || visibility.starts_with("pub");
    let name = rest.trim_end().strip_suffix(';')?;
    (visible && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
}

/// Names smaller than the one in the line before.
fn out_of_order(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut before: Option<(usize, &str)> = None;
    for (line, name) in names(text) {
        if before.is_some_and(|(at, other)| at + 1 == line && name < other) {
            found.push((line, name));
        }
        before = Some((line, name));
    }
    found
}

/// The text with a `mod` line for `name` in its place.
fn add(text: &str, name: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let listed: Vec<_> = names(text).collect();
    let at = match listed.iter().find(|(_, other)| *other > name) {
        Some((line, _)) => line - 1,
        None => match listed.last() {
            Some((line, _)) => *line,
            // After the page on top.
            None => lines.iter().take_while(|line| line.starts_with("//!")).count(),
        },
    };
    let line = format!("mod {name};");
    let gap = if listed.is_empty() && at > 0 { "\n" } else { "" };
    let (before, after) = lines.split_at(at);
    let mut text = String::new();
    before.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text.push_str(&format!("{gap}{line}\n"));
    after.iter().for_each(|line| text.push_str(&format!("{line}\n")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_forgotten_file_is_found_and_added() {
        let files = [
            file("crates/a/src/lib.rs", "//! A.\n\nmod one;\npub mod three;\n"),
            file("crates/a/src/one.rs", ""),
            file("crates/a/src/three/mod.rs", ""),
            file("crates/a/src/two.rs", ""),
            file("crates/a/tests/it/main.rs", "mod x;\n"),
            file("crates/a/tests/it/x.rs", ""),
        ];
        let found: Vec<_> = check(&files).iter().map(Finding::to_string).collect();
        assert_eq!(found, ["crates/a/src/lib.rs: no \"mod two;\"; cargo xtask tidy --fix adds it"]);
        let [(path, text)] = &fixed(&files)[..] else { panic!("one file is wrong") };
        assert_eq!(path, "crates/a/src/lib.rs");
        assert_eq!(text, "//! A.\n\nmod one;\npub mod three;\nmod two;\n");
    }

    #[test]
    fn the_first_module_goes_under_the_page_on_top() {
        assert_eq!(add("//! A.\n\nfn f() {}\n", "one"), "//! A.\n\nmod one;\n\nfn f() {}\n");
        assert_eq!(add("mod a;\nmod c;\n", "b"), "mod a;\nmod b;\nmod c;\n");
    }

    #[test]
    fn lists_are_sorted_but_paragraphs_are_free() {
        assert_eq!(out_of_order("mod b;\nmod a;\n"), [(2, "a")]);
        assert_eq!(out_of_order("mod b;\n\nmod a;\n"), []);
        assert_eq!(out_of_order("pub(crate) mod a;\nmod b;\n"), []);
    }
}

//! The second half of `docs/tables.md` is made from the tables and functions themselves.

use std::fmt::Write as _;

use super::{File, Finding};

/// The page, and the line in it below which everything is made.
const PAGE: &str = "docs/tables.md";
const MARK: &str = "<!-- Below: made from the code by `cargo xtask tidy --fix`. -->\n";

const TABLES: &str = "crates/groma-query/src/tables/";
const FUNCTIONS: &str = "crates/groma-query/src/functions/";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    match fixed(files) {
        Some(_) => {
            let text = "it is not what the tables say; cargo xtask tidy --fix makes it anew";
            vec![Finding::error(PAGE, text)]
        }
        None => Vec::new(),
    }
}

/// Path and text of the page, if it is not what it should be.
pub(super) fn fixed(files: &[File]) -> Option<(String, String)> {
    let page = files.iter().find(|file| file.path == PAGE)?;
    let (written, _) = page.text.split_once(MARK)?;
    let made = format!("{written}{MARK}{}", sections(files));
    (made != page.text).then(|| (PAGE.to_owned(), made))
}

fn sections(files: &[File]) -> String {
    let mut tables: Vec<(String, String)> = Vec::new();
    let mut functions: Vec<(String, String)> = Vec::new();
    for file in files {
        if file.path.starts_with(TABLES) {
            tables.extend(entries(&file.text, ": Table = Table {").filter_map(|entry| {
                let name = format!("{}.{}", field(entry, "schema:")?, field(entry, "name:")?);
                let section = section(&name, &field(entry, "doc:")?, columns(entry, file, files));
                Some((name, section))
            }));
        } else if file.path.starts_with(FUNCTIONS) {
            functions.extend(entries(&file.text, ": Function = Function {").filter_map(|entry| {
                let usage = field(entry, "usage:")?;
                let doc = sentence(&field(entry, "doc:")?);
                let section = section(&usage, &doc, columns(entry, file, files));
                Some((usage, section))
            }));
        }
    }
    tables.sort();
    functions.sort();
    let mut page = String::from("\n## Tables, column by column\n");
    tables.iter().for_each(|(_, section)| page.push_str(section));
    page.push_str("\n## Functions, column by column\n");
    functions.iter().for_each(|(_, section)| page.push_str(section));
    page
}

/// The text of each static of a type, up to its rows.
fn entries<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).map(|entry| entry.split("rows:").next().unwrap_or(entry))
}

/// The text of the columns of an entry; of those that have a name, as several may share them, from where
/// the name is given: in its own file, in that of the module, or in the only one that gives it.
fn columns<'a>(entry: &'a str, file: &'a File, files: &'a [File]) -> &'a str {
    let said = entry.split_once("columns:").map_or("", |(_, said)| said);
    let said = said.split(',').next().unwrap_or_default().trim();
    let name = said.rsplit("::").next().unwrap_or_default();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        return entry;
    }
    let start = format!("const {name}: &[Column] = &[");
    let stem = |file: &File| file.path.rsplit(['/', '.']).nth(1).unwrap_or_default().to_owned();
    let given: Vec<&File> = files.iter().filter(|file| file.text.contains(&start)).collect();
    let of_module = |given: &&&File| file.text.contains(&format!("{}::", stem(given)));
    let found = (given.iter().find(|given| given.path == file.path && said == name))
        .or_else(|| given.iter().find(|given| given.path != file.path && of_module(given)))
        .or(given.first());
    let list = found.and_then(|found| found.text.split_once(&start));
    list.map_or(entry, |(_, list)| list.split("];").next().unwrap_or(list))
}

fn section(name: &str, doc: &str, entry: &str) -> String {
    let mut section =
        format!("\n### {name}\n\n{doc}\n\n| column | type | meaning |\n|---|---|---|\n");
    for column in entry.split("column(").skip(1) {
        let Some((name, rest)) = literal(column) else { continue };
        let Some((_, rest)) = rest.split_once("Type::") else { continue };
        let of = rest.split(',').next().unwrap_or_default().trim().to_lowercase();
        let Some((doc, _)) = literal(rest) else { continue };
        let _ = writeln!(section, "| `{name}` | {of} | {} |", doc.replace('|', "\\|"));
    }
    section
}

/// The text literal that follows a name of a field.
fn field(entry: &str, name: &str) -> Option<String> {
    literal(entry.split_once(name)?.1).map(|(text, _)| text)
}

/// The first text literal, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let (_, inside) = text.split_once('"')?;
    let mut value = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &inside[at + 1..])),
            '\\' => match chars.next()?.1 {
                // A literal that goes on in the next line.
                '\n' => {
                    let gap = chars.as_str().chars().take_while(|c| c.is_whitespace()).count();
                    gap.checked_sub(1).and_then(|last| chars.nth(last));
                }
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// With a capital in front.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_behind_the_tables_is_found_and_made_anew() {
        let table = "pub(super) static TABLE: Table = Table {\n schema: \"trace\",\n name: \"skew\",\n\
            doc: \"How far \\\n      clocks are apart.\",\n columns: &[\n column(\"a\", Type::Text, \"One \\\"end\\\".\"),\n\
            column(\n \"b\",\n Type::Float,\n \"x | y.\",\n ),\n ],\n rows: |view, sheet| column(\"no\", Type::Text, \"no\"),\n};";
        let function = "static FUNCTION: Function = Function {\n name: \"path\",\n usage: \"path(from, to)\",\n\
            doc: \"every cable.\",\n columns: &[column(\"step\", Type::Integer, \"Which.\")],\n rows: f,\n};";
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let mut files = vec![
            file("crates/groma-query/src/tables/skew.rs", table),
            file("crates/groma-query/src/functions/path.rs", function),
            file(PAGE, &format!("# Tables\n\n{MARK}old")),
        ];
        assert_eq!(check(&files).len(), 1);
        let (_, page) = fixed(&files).unwrap();
        assert!(page.starts_with("# Tables\n"));
        assert!(page.contains("\n### trace.skew\n\nHow far clocks are apart.\n"));
        assert!(page.contains("| `a` | text | One \"end\". |\n| `b` | float | x \\| y. |\n"));
        assert!(page.contains("\n### path(from, to)\n\nEvery cable.\n"));
        assert!(!page.contains("| `no` |"), "rows are no columns");
        files[2].text = page;
        assert_eq!(check(&files), []);

        // Two of one list, which has a name.
        let list = "const ITS: &[Column] = &[\n column(\"c\", Type::Time, \"When.\"),\n];";
        files[0].text = table.replace("columns: &[", "columns: clocks::ITS,\n other: &[");
        files.push(file("crates/groma-query/src/clocks.rs", list));
        let (_, page) = fixed(&files).unwrap();
        assert!(page.contains("|---|---|---|\n| `c` | time | When. |\n\n## Functions"));
    }
}

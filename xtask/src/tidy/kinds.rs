//! `docs/kinds.md` is made from `schema/`: the columns of every kind's table.

use std::fmt::Write as _;

use super::{File, Finding};

/// The page that is made.
const PAGE: &str = "docs/kinds.md";

/// Layers in the order of the manual.
const LAYERS: [&str; 5] = ["facility", "physical", "network", "compute", "service"];

const TOP: &str = "# Kinds

Every kind is a table of its layer's schema, in every database: `SELECT * FROM network.vlan`. The first column is always `id`.
Kinds can be written: `INSERT`, `UPDATE` and `DELETE` become facts. A reference holds the id of another entity, written `noun/id`
where several kinds are possible. This page is made from `schema/` by `cargo xtask tidy --fix`.
";

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    match made(files) {
        Err(reason) => vec![Finding::error("schema", reason)],
        Ok(page) if written(files) == Some(&page) => Vec::new(),
        Ok(_) => {
            let text = "it is not what schema/ says; cargo xtask tidy --fix makes it anew";
            vec![Finding::error(PAGE, text)]
        }
    }
}

/// Path and text of the page, if it is not what it should be.
pub(super) fn fixed(files: &[File]) -> Option<(String, String)> {
    let page = made(files).ok()?;
    (written(files) != Some(&page)).then(|| (PAGE.to_owned(), page))
}

fn written(files: &[File]) -> Option<&String> {
    files.iter().find(|file| file.path == PAGE).map(|file| &file.text)
}

fn made(files: &[File]) -> Result<String, String> {
    let mut page = TOP.to_owned();
    for layer in LAYERS {
        let path = format!("schema/{layer}.toml");
        let Some(file) = files.iter().find(|file| file.path == path) else { continue };
        let schema: toml::Table =
            toml::from_str(&file.text).map_err(|error| format!("{path}: {}", error.message()))?;
        for kind in tables(schema.get("kind")) {
            let (name, doc, key) = (text(kind, "name"), text(kind, "doc"), text(kind, "key"));
            let _ = write!(page, "\n## {name}\n\n{doc} Its id is {key}.\n\n");
            page.push_str("| column | type | meaning |\n|---|---|---|\n");
            for attribute in tables(kind.get("attributes")) {
                let of = type_of(attribute);
                let (name, doc) = (text(attribute, "name"), text(attribute, "doc"));
                let _ = writeln!(page, "| `{name}` | {of} | {doc} |");
            }
        }
    }
    Ok(page)
}

fn type_of(attribute: &toml::Table) -> String {
    let words = |name: &str, gap: &str| {
        let words = attribute.get(name).and_then(toml::Value::as_array).into_iter().flatten();
        let words = words.filter_map(toml::Value::as_str).map(|word| format!("`{word}`"));
        words.collect::<Vec<_>>().join(gap)
    };
    let of = match text(attribute, "type") {
        "enum" => words("values", ", "),
        "reference" => format!("id of {}", words("to", " or ")),
        "references" => format!("list of ids of {}", words("to", " or ")),
        "texts" => "list of texts".into(),
        "integers" => "list of integers".into(),
        other => other.to_owned(),
    };
    match attribute.get("unit").and_then(toml::Value::as_str) {
        Some(unit) => format!("{of}, {unit}"),
        None => of,
    }
}

fn tables(value: Option<&toml::Value>) -> impl Iterator<Item = &toml::Table> {
    value.and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_table)
}

fn text<'a>(table: &'a toml::Table, name: &str) -> &'a str {
    table.get(name).and_then(toml::Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_behind_the_schema_is_found_and_made_anew() {
        let schema = "[[kind]]\nname = \"service.farm\"\ndoc = \"A group.\"\nkey = \"its name\"\n\
            attributes = [\n  { name = \"cap_watts\", type = \"float\", unit = \"W\", doc = \"A bound.\" },\n\
            { name = \"of\", type = \"reference\", to = [\"a.b\", \"a.c\"], doc = \"Whose.\" }]\n";
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let mut files = vec![file("schema/service.toml", schema), file(PAGE, "# Kinds\n")];
        assert_eq!(check(&files).len(), 1);
        let (_, page) = fixed(&files).unwrap();
        assert!(page.contains("\n## service.farm\n\nA group. Its id is its name.\n"));
        assert!(page.contains("| `cap_watts` | float, W | A bound. |\n"));
        assert!(page.contains("| `of` | id of `a.b` or `a.c` | Whose. |\n"));
        files[1].text = page;
        assert_eq!((check(&files), fixed(&files)), (vec![], None));
    }
}

//! Schema files of a site, which lie beside the tables of its kinds.
//!
//! Hears nothing: a schema is no fact. `groma schema apply` takes it, for all databases of a store; here it is only
//! known for what it is, so that a folder with its tables is imported without a problem.

use crate::{Heard, Importer, Takes};

/// Knows schema files.
pub(crate) static IMPORTER: Importer = Importer {
    name: "site-schema",
    doc: "A site's schema, *.toml. It gives no facts: groma schema apply takes it.",
    takes: Takes::File,
    recognises: |path, first| {
        let text = String::from_utf8_lossy(first);
        let mut headers = text.lines().map(str::trim).filter(|line| line.starts_with('['));
        let is_of_a_schema = |header: &str| {
            let name = header.strip_prefix("[[").and_then(|header| header.split("]]").next());
            name.is_some_and(|name| {
                ["kind", "extend", "rule", "enum", "unit", "source"].contains(&name.trim())
            })
        };
        path.extension().is_some_and(|extension| extension == "toml")
            && headers.next().is_some_and(is_of_a_schema)
    },
    decode: |_, _, sink| sink(Heard::default()),
};

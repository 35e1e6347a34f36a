//! Rows of inputs that others join, by their key.

use std::collections::HashMap;
use std::path::Path;

use groma_model::Problem;
use serde_json::Value;

use super::config::Mapping;
use super::map::{Join, field, fits};
use super::rows;
use super::template::{Fields, Hole};

/// Most rows of inputs that are held to be joined.
pub(crate) const JOINED_ROWS_MAX: usize = 4 << 20;

/// All rows that can be joined.
#[derive(Default)]
pub(super) struct Joins {
    rows: Vec<Value>,
    /// By input, text of the key's template, and key.
    by_key: HashMap<(String, String), HashMap<String, Vec<usize>>>,
}

impl Joins {
    /// The rows of a join that have this key.
    pub(super) fn find<'a>(&'a self, join: &'a Join, key: &str) -> impl Iterator<Item = &'a Value> {
        let name = (join.input.clone(), join.key.text().to_owned());
        let found = self.by_key.get(&name).and_then(|by_key| by_key.get(key));
        let rows = found.into_iter().flatten().map(|index| &self.rows[*index]);
        rows.filter(|row| fits(row, &join.wanted))
    }
}

struct Alone<'a>(&'a Value);

impl Fields for Alone<'_> {
    fn field(&self, hole: &Hole) -> Option<std::borrow::Cow<'_, Value>> {
        field(self.0, &hole.field).map(std::borrow::Cow::Borrowed)
    }
}

/// Reads the inputs that some map joins, up to `rows_max` rows of all of them. Problems of rows are told here if no map reads the input by itself.
pub(super) fn index(
    path: &Path,
    mapping: &Mapping,
    rows_max: usize,
    problems: &mut Vec<Problem>,
) -> Joins {
    let mut joins = Joins::default();
    for input in &mapping.inputs {
        let of_input = |join: &&Join| join.input == input.name;
        let own: Vec<&Join> =
            mapping.maps.iter().flat_map(|map| &map.joins).filter(of_input).collect();
        if own.is_empty() {
            continue;
        }
        let is_read = mapping.maps.iter().any(|map| map.from == input.name);
        let mut left_out = 0_u64;
        rows::each(path, input, &mut |row| match row {
            Err(problem) if !is_read => problems.push(problem),
            Err(_) => {}
            Ok(_) if joins.rows.len() >= rows_max => left_out += 1,
            Ok(row) => {
                let mut names: Vec<&str> = Vec::new();
                for join in &own {
                    if names.contains(&join.key.text()) {
                        continue;
                    }
                    names.push(join.key.text());
                    match join.key.fill(&Alone(&row.value)) {
                        Ok(Some(key)) => {
                            let name = (join.input.clone(), join.key.text().to_owned());
                            let by_key = joins.by_key.entry(name).or_default();
                            by_key.entry(key).or_default().push(joins.rows.len());
                        }
                        Ok(None) => {}
                        Err(reason) => problems.push(row.problem(format!("join: {reason}"))),
                    }
                }
                joins.rows.push(row.value);
            }
        });
        if left_out > 0 {
            let reason = format!(
                "{left_out} rows of {} are beyond the {rows_max} that can be joined",
                input.name
            );
            problems.push(Problem::new(path.display().to_string(), "", reason));
        }
    }
    joins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_bound_are_counted_and_not_joined() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mapping.toml");
        std::fs::write(folder.path().join("t.csv"), "id,rack\na,r1\nb,r2\nc,r3\nd,r4\n").unwrap();
        let text = "[[input]]\nname = \"t\"\nfile = \"t.csv\"\n\
                    [[map]]\nfrom = \"t\"\nkind = \"physical.device\"\nkey = \"{id}\"\n\
                    join.same = { input = \"t\", key = \"{id}\", equals = \"{id}\" }\n\
                    attributes = { rack = \"{same:rack}\" }\n";
        let mapping = Mapping::parse(text).ok().unwrap();
        let mut problems = Vec::new();
        let joins = index(&path, &mapping, 3, &mut problems);
        let join = &mapping.maps[0].joins[0];
        let found = |key| joins.find(join, key).count();
        assert_eq!((found("a"), found("c"), found("d")), (1, 1, 0));
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert_eq!(problem.reason, "1 rows of t are beyond the 3 that can be joined");
        problems.clear();
        index(&path, &mapping, JOINED_ROWS_MAX, &mut problems);
        assert_eq!(problems, []);
    }
}

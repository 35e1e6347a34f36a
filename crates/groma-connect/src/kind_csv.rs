//! Groma's own CSV: one file per kind, `physical.port.csv`, one row per entity.
//!
//! The header is `id` and names of attributes, and any of `observed_at`, `valid_from`, `valid_to`. An empty cell says
//! nothing about the attribute, `NULL` says that there is none; in quotes both are texts. Lists are written with commas
//! in a quoted cell. Several rows may speak of one entity at different times of validity.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use groma_model::{Interval, Kind, Observation, Problem, Raw, Schema, Timestamp, Value};

use crate::csv_lines::{CsvLines, Fields, write_field};
use crate::lines::{self, Lines};
use crate::{BATCH_LENGTH, Heard, Importer, Takes};

/// Reads Groma's own CSV.
pub(crate) static IMPORTER: Importer = Importer {
    name: "kind-csv",
    doc: "Groma's own CSV, one file per kind, named after it: physical.port.csv.",
    takes: Takes::File,
    recognises: |path, first| {
        let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
        kind_of(path).is_some() && first.starts_with(ID.as_bytes())
    },
    decode: |input, observed_at, sink| {
        for path in &input.paths {
            match (kind_of(path), lines::open(path)) {
                (Some(kind), Ok(lines)) => decode(&kind, lines, observed_at, sink),
                (_, Err(problem)) => sink(problem.into()),
                (None, _) => {}
            }
        }
    },
};

const ID: &str = "id";
const OBSERVED_AT: &str = "observed_at";
const VALID_FROM: &str = "valid_from";
const VALID_TO: &str = "valid_to";

/// How many rows are remembered to notice that a later one contradicts them. About 32 bytes each.
const ROWS_REMEMBERED_MAX: usize = 8 << 20;

/// The kind that a file name spells, such as `physical.port` of `physical.port.csv`.
fn kind_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".csv")?;
    let (layer, noun) = name.split_once('.')?;
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    (is_word(layer) && is_word(noun)).then(|| name.to_owned())
}

/// The schema that ships, so that its names are not copied. What a site adds is read too; whether it fits is then
/// checked by the store.
fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(Schema::builtin)
}

/// What a column says.
enum Column {
    Id,
    Attribute(Cow<'static, str>),
    ObservedAt,
    ValidFrom,
    ValidTo,
}

/// Decodes a file of one kind, a batch of rows at a time.
/// Memory: a batch, and [`ROWS_REMEMBERED_MAX`] fingerprints of rows at most.
pub(crate) fn decode<R: BufRead>(
    kind: &str,
    lines: Lines<R>,
    observed_at: Timestamp,
    sink: &mut dyn FnMut(Heard),
) {
    let mut rows = CsvLines::new(lines);
    let mut heard = Heard::default();
    let header = loop {
        match rows.next_record() {
            None => return sink(heard),
            Some((number, Ok(fields))) => break (number, read_header(kind, fields)),
            Some((_, Err(problem))) => heard.problems.push(problem),
        }
    };
    let columns = match header {
        (_, Ok(columns)) => columns,
        (number, Err(reason)) => {
            return sink(Problem::new(rows.place(number), "", reason).into());
        }
    };
    let mut reader = RowReader {
        kind: known_kind(kind)
            .map_or_else(|| Cow::Owned(kind.to_owned()), |kind| Cow::Borrowed(&*kind.name)),
        columns,
        observed_at,
        hashes: RandomState::new(),
        seen: HashMap::new(),
    };
    loop {
        let (number, outcome) = match rows.next_record() {
            None => break,
            Some((number, Ok(fields))) => (number, reader.read(fields)),
            Some((_, Err(problem))) => {
                heard.problems.push(problem);
                continue;
            }
        };
        match outcome {
            Ok((observation, contradicts)) => {
                if contradicts {
                    let reason = "the id stands above with other values; the later row wins";
                    heard.problems.push(Problem::new(rows.place(number), &observation.key, reason));
                }
                heard.observations.push(observation);
            }
            Err((text, reason)) => {
                heard.problems.push(Problem::new(rows.place(number), &text, reason));
            }
        }
        if heard.observations.len() >= BATCH_LENGTH || heard.problems.len() >= BATCH_LENGTH {
            sink(std::mem::take(&mut heard));
        }
    }
    sink(heard);
}

fn known_kind(kind: &str) -> Option<&'static Kind> {
    schema().find(kind)
}

/// The columns. Whether the kind has such attributes is for the schema of the store to say.
fn read_header(kind: &str, fields: &Fields) -> Result<Vec<Column>, String> {
    let known = known_kind(kind);
    let mut columns = Vec::with_capacity(fields.len());
    for name in fields.iter() {
        let name = name.trim().trim_start_matches('\u{feff}');
        let attribute = known.map(|kind| kind.attribute(name).map(|at| &*kind.attributes[at].name));
        columns.push(match (name, attribute) {
            (ID, _) => Column::Id,
            (OBSERVED_AT, _) => Column::ObservedAt,
            (VALID_FROM, _) => Column::ValidFrom,
            (VALID_TO, _) => Column::ValidTo,
            (_, Some(Some(name))) => Column::Attribute(Cow::Borrowed(name)),
            (name, _) => Column::Attribute(Cow::Owned(name.to_owned())),
        });
    }
    if !columns.iter().any(|column| matches!(column, Column::Id)) {
        return Err("the header has no column id".into());
    }
    Ok(columns)
}

struct RowReader {
    kind: Cow<'static, str>,
    columns: Vec<Column>,
    observed_at: Timestamp,
    hashes: RandomState,
    /// Fingerprint of id and validity to that of the whole row.
    seen: HashMap<u64, u64>,
}

impl RowReader {
    /// The observation of a row, and whether it contradicts an earlier one; or the text and what is wrong with it.
    fn read(&mut self, fields: &Fields) -> Result<(Observation, bool), (String, String)> {
        let shown = || fields.iter().collect::<Vec<_>>().join(",");
        if fields.len() != self.columns.len() {
            let (found, wanted) = (fields.len(), self.columns.len());
            return Err((shown(), format!("the row has {found} fields and the header {wanted}")));
        }
        let mut observation = Observation::new(self.kind.clone(), "", self.observed_at);
        observation.attributes.reserve(self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            let cell = fields.get(index);
            let said = if fields.is_quoted(index) {
                Some(Raw::Text(cell.to_owned()))
            } else if cell.is_empty() {
                None
            } else if cell == "NULL" {
                Some(Raw::Absent)
            } else {
                Some(Raw::Text(cell.to_owned()))
            };
            let time = |into: &mut Timestamp| match &said {
                None | Some(Raw::Absent) => Ok(()),
                Some(_) => match Timestamp::parse(cell) {
                    Ok(time) => {
                        *into = time;
                        Ok(())
                    }
                    Err(error) => Err((shown(), error.to_string())),
                },
            };
            match column {
                Column::Id => observation.key = cell.trim().to_owned(),
                Column::ObservedAt => time(&mut observation.observed_at)?,
                Column::ValidFrom => time(&mut observation.valid.from)?,
                Column::ValidTo => time(&mut observation.valid.to)?,
                Column::Attribute(name) => {
                    if let Some(said) = said {
                        observation.attributes.push((name.clone(), said));
                    }
                }
            }
        }
        if observation.key.is_empty() {
            return Err((shown(), "the row has no id".into()));
        }
        if observation.valid.to <= observation.valid.from {
            return Err((shown(), "valid_to is not after valid_from".into()));
        }
        let contradicts = self.contradicts(&observation, fields);
        Ok((observation, contradicts))
    }

    fn contradicts(&mut self, observation: &Observation, fields: &Fields) -> bool {
        let id = self.hashes.hash_one((&observation.key, observation.valid));
        let mut row = 0_u64;
        for cell in fields.iter() {
            row = self.hashes.hash_one((row, cell));
        }
        if self.seen.len() >= ROWS_REMEMBERED_MAX {
            return self.seen.get(&id).is_some_and(|before| *before != row);
        }
        self.seen.insert(id, row).is_some_and(|before| before != row)
    }
}

/// What a row says about an attribute.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// Nothing.
    Nothing,
    /// That there is no value.
    Absent,
    /// That it is this.
    Value(&'a Value),
}

/// A row to write.
#[derive(Debug, Clone)]
pub struct KindRow<'a> {
    /// Key of the entity.
    pub id: &'a str,
    /// One for each attribute of the kind, in the order of the schema; missing ones say nothing.
    pub values: Vec<Said<'a>>,
    /// When it was observed. `None`: not written.
    pub observed_at: Option<Timestamp>,
    /// When it holds.
    pub valid: Interval,
}

/// Writes rows of a kind as this importer reads them: `id`, all attributes in the order of the schema, `observed_at`,
/// `valid_from`, `valid_to`.
///
/// # Errors
/// Those of `out`. Cost: one pass, nothing is held.
pub fn write_kind_csv<'a>(
    out: &mut impl Write,
    schema: &Schema,
    kind: &Kind,
    rows: impl IntoIterator<Item = KindRow<'a>>,
) -> io::Result<()> {
    out.write_all(ID.as_bytes())?;
    for attribute in &kind.attributes {
        write!(out, ",{}", attribute.name)?;
    }
    writeln!(out, ",{OBSERVED_AT},{VALID_FROM},{VALID_TO}")?;
    let time = |out: &mut dyn Write, time: Option<Timestamp>| match time {
        Some(time) => write!(out, ",{time}"),
        None => write!(out, ","),
    };
    for row in rows {
        write_field(out, row.id, false)?;
        for (index, attribute) in kind.attributes.iter().enumerate() {
            out.write_all(b",")?;
            match row.values.get(index) {
                None | Some(Said::Nothing) => {}
                Some(Said::Absent) => out.write_all(b"NULL")?,
                Some(Said::Value(value)) => {
                    let text = value.print(&attribute.of, schema);
                    write_field(out, &text, text.is_empty() || text == "NULL")?;
                }
            }
        }
        time(out, row.observed_at)?;
        time(out, Some(row.valid.from).filter(|from| *from != Timestamp::MIN))?;
        time(out, Some(row.valid.to).filter(|to| *to != Timestamp::MAX))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

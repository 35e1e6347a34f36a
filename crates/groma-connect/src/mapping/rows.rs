//! Rows of a file of any form, as JSON values.

use std::path::{Path, PathBuf};

use arrow::json::LineDelimitedWriter;
use groma_model::Problem;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::InputFile;
use crate::csv_lines::CsvLines;
use crate::lines;
use crate::whole;

/// Most files that one input may name by a `*`.
const FILES_MAX: usize = 10_000;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Csv,
    Json,
    Jsonl,
    Yaml,
    Parquet,
}

/// A row and where it stands.
pub(super) struct Row<'a> {
    pub(super) value: Value,
    file: &'a str,
    /// Line of a text, or number of the row in a document, from 1.
    number: u64,
    is_line: bool,
}

impl Row<'_> {
    /// A problem of this row.
    pub(super) fn problem(&self, reason: String) -> Problem {
        let Row { file, number, .. } = self;
        let place = match self.is_line {
            true => format!("{file}:{number}"),
            false => format!("{file}, row {number}"),
        };
        Problem::new(place, &self.value.to_string(), reason)
    }
}

type Sink<'a> = dyn FnMut(Result<Row<'_>, Problem>) + 'a;

/// The files that an input names, sorted; a name without `*` is one file, there or not.
pub(super) fn files(mapping: &Path, name: &str) -> Vec<PathBuf> {
    let beside = mapping.parent().unwrap_or(Path::new("")).join(name);
    let pattern = beside.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(pattern) = pattern.filter(|pattern| pattern.contains('*')) else {
        return vec![beside];
    };
    let folder = beside.parent().map(Path::to_owned).unwrap_or_default();
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    let parts: Vec<&str> = pattern.split('*').collect();
    let fits = |name: &str| {
        let (first, last) = (parts[0], parts[parts.len() - 1]);
        name.len() >= first.len() + last.len()
            && name.starts_with(first)
            && name.ends_with(last)
            && parts[1..parts.len() - 1]
                .iter()
                .try_fold(&name[first.len()..], |rest, part| {
                    rest.find(part).map(|at| &rest[at + part.len()..])
                })
                .is_some()
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(fits))
        .take(FILES_MAX)
        .collect();
    found.sort();
    found
}

/// Gives each row of an input.
pub(super) fn each(mapping: &Path, input: &InputFile, sink: &mut Sink<'_>) {
    let files = files(mapping, &input.file);
    if files.is_empty() {
        let reason = format!("no file fits \"{}\"", input.file);
        sink(Err(Problem::new(mapping.display().to_string(), &input.file, reason)));
    }
    for path in files {
        let place = path.display().to_string();
        let format = input.format.or_else(|| format_of(&path));
        match format {
            Some(Format::Csv) => each_csv(&path, sink),
            Some(Format::Jsonl) => each_line(&path, sink),
            Some(Format::Parquet) => each_parquet(&path, &place, sink),
            Some(Format::Json) => document(&path, &place, sink, |bytes| {
                serde_json::from_slice(bytes).map_err(|error| error.to_string())
            })
            .into_iter()
            .for_each(|document| each_of(document, input, &place, sink)),
            Some(Format::Yaml) => document(&path, &place, sink, |bytes| {
                serde_saphyr::from_slice(bytes).map_err(|error| error.to_string())
            })
            .into_iter()
            .for_each(|document| each_of(document, input, &place, sink)),
            None => {
                let reason = "its ending does not tell its form; say format = \"csv\", \"json\", \
                              \"jsonl\", \"yaml\" or \"parquet\"";
                sink(Err(Problem::new(place, "", reason)));
            }
        }
    }
}

fn format_of(path: &Path) -> Option<Format> {
    Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Format::Csv,
        "json" => Format::Json,
        "jsonl" | "ndjson" => Format::Jsonl,
        "yaml" | "yml" => Format::Yaml,
        "parquet" => Format::Parquet,
        _ => return None,
    })
}

fn document(
    path: &Path,
    place: &str,
    sink: &mut Sink<'_>,
    parse: impl Fn(&[u8]) -> Result<Value, String>,
) -> Option<Value> {
    let parsed = whole::read(path).and_then(|bytes| {
        parse(&bytes).map_err(|reason| Problem::new(place, &lines::lossy_start(&bytes), reason))
    });
    parsed.map_err(|problem| sink(Err(problem))).ok()
}

/// The rows of a document: the items of a list, or the members of an object, which take their names with them.
fn each_of(mut document: Value, input: &InputFile, place: &str, sink: &mut Sink<'_>) {
    let pointer = input.rows.as_deref().unwrap_or_default();
    let Some(rows) = document.pointer_mut(pointer).map(Value::take) else {
        return sink(Err(Problem::new(
            place,
            pointer,
            "there is nothing at rows of this document",
        )));
    };
    let row = |(index, value)| Row { value, file: place, number: index as u64 + 1, is_line: false };
    match (rows, &input.key_as) {
        (Value::Array(items), _) => {
            items.into_iter().enumerate().for_each(|item| sink(Ok(row(item))));
        }
        (Value::Object(members), Some(field)) => {
            for (index, (name, value)) in members.into_iter().enumerate() {
                let mut members = match value {
                    Value::Object(members) => members,
                    Value::Null => Map::new(),
                    other => Map::from_iter([("value".to_owned(), other)]),
                };
                members.insert(field.clone(), Value::String(name));
                sink(Ok(row((index, Value::Object(members)))));
            }
        }
        (single @ Value::Object(_), None) => sink(Ok(row((0, single)))),
        (other, _) => {
            let reason = "the rows are neither a list nor an object; say where they stand, as rows = \"/items\"";
            sink(Err(Problem::new(place, &other.to_string(), reason)));
        }
    }
}

fn each_line(path: &Path, sink: &mut Sink<'_>) {
    let place = path.display().to_string();
    let mut lines = match lines::open(path) {
        Ok(lines) => lines,
        Err(problem) => return sink(Err(problem)),
    };
    while let Some(line) = lines.next_line() {
        let text = match line.text {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => text,
            Err(problem) => {
                sink(Err(problem));
                continue;
            }
        };
        sink(match serde_json::from_str(text) {
            Ok(value) => Ok(Row { value, file: &place, number: line.number, is_line: true }),
            Err(error) => {
                let at = format!("{place}:{}", line.number);
                Err(Problem::new(at, text, format!("not a JSON value: {error}")))
            }
        });
    }
}

fn each_csv(path: &Path, sink: &mut Sink<'_>) {
    let place = path.display().to_string();
    let mut rows = match lines::open(path) {
        Ok(lines) => CsvLines::new(lines),
        Err(problem) => return sink(Err(problem)),
    };
    let mut header: Option<Vec<String>> = None;
    while let Some((number, record)) = rows.next_record() {
        let fields = match record {
            Ok(fields) => fields,
            Err(problem) => {
                sink(Err(problem));
                continue;
            }
        };
        let Some(names) = &header else {
            let names = fields.iter().map(|name| name.trim().trim_start_matches('\u{feff}'));
            header = Some(names.map(str::to_owned).collect());
            continue;
        };
        if fields.len() != names.len() {
            let text = fields.iter().collect::<Vec<_>>().join(",");
            let reason =
                format!("the row has {} fields and the header {}", fields.len(), names.len());
            sink(Err(Problem::new(format!("{place}:{number}"), &text, reason)));
            continue;
        }
        let cells = fields.iter().map(|cell| Value::String(cell.to_owned()));
        let value = Value::Object(names.iter().cloned().zip(cells).collect());
        sink(Ok(Row { value, file: &place, number, is_line: true }));
    }
}

/// Row by row through JSON, which spells every type that a column can have.
fn each_parquet(path: &Path, place: &str, sink: &mut Sink<'_>) {
    let failed =
        |error: String| Problem::new(place, "", format!("not Parquet that can be read: {error}"));
    let batches = whole::open(path)
        .map_err(|error| error.to_string())
        .and_then(|file| ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| e.to_string()))
        .and_then(|builder| builder.build().map_err(|error| error.to_string()));
    let batches = match batches {
        Ok(batches) => batches,
        Err(error) => return sink(Err(failed(error))),
    };
    let mut number = 0;
    for batch in batches {
        let mut writer = LineDelimitedWriter::new(Vec::new());
        let written = batch.and_then(|batch| writer.write(&batch)).and_then(|()| writer.finish());
        if let Err(error) = written {
            return sink(Err(failed(error.to_string())));
        }
        for line in writer.into_inner().split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
        {
            number += 1;
            match serde_json::from_slice(line) {
                Ok(value) => sink(Ok(Row { value, file: place, number, is_line: false })),
                Err(error) => sink(Err(failed(error.to_string()))),
            }
        }
    }
}

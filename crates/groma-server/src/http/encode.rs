//! Rows as bytes of a body: JSON, NDJSON, CSV, an Arrow stream, Parquet.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::WriterBuilder;
use arrow::json::writer::{JsonArray, LineDelimited};
use groma_query::{CopyForm, QueryError};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::wire::text_rows;

/// Most rows of a group of Parquet, which is held until it is whole.
const GROUP_ROWS_MAX: usize = 128 << 10;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Ndjson,
    Csv,
    Arrow,
    Parquet,
}

const FORMS: [(Form, &str, &str); 5] = [
    (Form::Json, "json", "application/json"),
    (Form::Ndjson, "ndjson", "application/x-ndjson"),
    (Form::Csv, "csv", "text/csv"),
    (Form::Arrow, "arrow", "application/vnd.apache.arrow.stream"),
    (Form::Parquet, "parquet", "application/vnd.apache.parquet"),
];

impl Form {
    pub(super) fn by_suffix(suffix: &str) -> Option<Form> {
        FORMS.iter().find(|(_, known, _)| *known == suffix).map(|(form, ..)| *form)
    }

    /// The one that the client likes best; JSON if it does not say. `None`: it takes none of ours.
    pub(super) fn by_accept(accept: &str) -> Option<Form> {
        if accept.trim().is_empty() {
            return Some(Form::Json);
        }
        let mut liked: Vec<(f32, Form)> = accept.split(',').filter_map(read_accept).collect();
        // Of those liked equally, the first.
        liked.sort_by(|a, b| b.0.total_cmp(&a.0));
        liked.first().filter(|(quality, _)| *quality > 0.0).map(|(_, form)| *form)
    }

    pub(super) fn media_type(self) -> &'static str {
        FORMS.iter().find(|(form, ..)| *form == self).map_or("", |(.., media)| media)
    }
}

/// `text/csv;q=0.5`
fn read_accept(text: &str) -> Option<(f32, Form)> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next()?.to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
    let known = FORMS.iter().find(|(.., known)| *known == media).map(|(form, ..)| *form);
    let form = match media.as_str() {
        "*/*" | "application/*" => Some(Form::Json),
        "text/*" => Some(Form::Csv),
        "application/jsonl" | "application/ndjson" => Some(Form::Ndjson),
        _ => known,
    };
    Some((quality, form?))
}

/// Writes batches one after the other.
#[expect(clippy::large_enum_variant, reason = "one per answer")]
pub(super) enum Encoder {
    Json { is_first: bool },
    Ndjson,
    Csv(CopyForm),
    Arrow(StreamWriter<Vec<u8>>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

impl Encoder {
    /// With the bytes that stand before the first row.
    pub(super) fn begin(form: Form, schema: &SchemaRef) -> Result<(Encoder, Vec<u8>), QueryError> {
        Ok(match form {
            Form::Json => {
                let columns = text_rows(schema, Vec::new())?.columns;
                let columns: Vec<_> = (columns.into_iter())
                    .map(|(name, of)| json!({ "name": name, "type": of }))
                    .collect();
                let head = format!("{{\"columns\":{},\"rows\":[", json!(columns));
                (Encoder::Json { is_first: true }, head.into_bytes())
            }
            Form::Ndjson => (Encoder::Ndjson, Vec::new()),
            Form::Csv => {
                let (form, mut head) = (CopyForm::csv(), Vec::new());
                form.write_line(
                    schema.fields().iter().map(|field| Some(field.name().as_str())),
                    &mut head,
                );
                (Encoder::Csv(form), head)
            }
            Form::Arrow => {
                let writer = StreamWriter::try_new(Vec::new(), schema).map_err(of_arrow)?;
                (Encoder::Arrow(writer), Vec::new())
            }
            Form::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(Default::default()))
                    .set_max_row_group_row_count(Some(GROUP_ROWS_MAX))
                    .build();
                let writer =
                    ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), Some(properties))
                        .map_err(of_parquet)?;
                (Encoder::Parquet(Box::new(writer)), Vec::new())
            }
        })
    }

    /// The bytes of a batch, as far as they can be given yet.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let json = || WriterBuilder::new().with_explicit_nulls(true);
        let mut bytes = Vec::new();
        match self {
            Encoder::Json { is_first } => {
                let mut writer = json().build::<_, JsonArray>(&mut bytes);
                writer.write(batch).and_then(|()| writer.finish()).map_err(of_arrow)?;
                drop(writer);
                // The rows alone, without the brackets of their array.
                bytes.pop();
                bytes[0] = b',';
                if std::mem::take(is_first) {
                    bytes.remove(0);
                }
            }
            Encoder::Ndjson => {
                let mut writer = json().build::<_, LineDelimited>(&mut bytes);
                writer.write(batch).and_then(|()| writer.finish()).map_err(of_arrow)?;
            }
            Encoder::Csv(form) => {
                for row in text_rows(&batch.schema(), vec![batch.clone()])?.rows {
                    form.write_line(row.iter().map(Option::as_deref), &mut bytes);
                }
            }
            Encoder::Arrow(writer) => {
                writer.write(batch).map_err(of_arrow)?;
                bytes = std::mem::take(writer.get_mut());
            }
            Encoder::Parquet(writer) => {
                writer.write(batch).map_err(of_parquet)?;
                bytes = std::mem::take(writer.inner_mut());
            }
        }
        Ok(bytes)
    }

    /// The bytes behind the last row.
    pub(super) fn end(self) -> Result<Vec<u8>, QueryError> {
        Ok(match self {
            Encoder::Json { .. } => b"]}\n".to_vec(),
            Encoder::Ndjson | Encoder::Csv(_) => Vec::new(),
            Encoder::Arrow(writer) => writer.into_inner().map_err(of_arrow)?,
            Encoder::Parquet(writer) => writer.into_inner().map_err(of_parquet)?,
        })
    }
}

fn of_arrow(error: ArrowError) -> QueryError {
    QueryError::new(
        QueryError::NOT_SUPPORTED,
        format!("a value has no place in this form: {error}"),
    )
    .with_hint("Ask for another form, or cast the column to text.")
}

fn of_parquet(error: ParquetError) -> QueryError {
    of_arrow(ArrowError::ExternalError(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_client_likes_best() {
        for (accept, form) in [
            ("", Some(Form::Json)),
            ("*/*", Some(Form::Json)),
            ("text/csv", Some(Form::Csv)),
            ("application/json;q=0.5, application/vnd.apache.arrow.stream", Some(Form::Arrow)),
            ("text/html, text/csv;q=0.1, */*;q=0.01", Some(Form::Csv)),
            ("image/png", None),
            ("text/csv;q=0", None),
        ] {
            assert_eq!(Form::by_accept(accept), form, "{accept}");
        }
    }
}

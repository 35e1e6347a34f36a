//! One record of a capture: what one command said on one device.

use groma_model::{Problem, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::capture::Family;

/// A record as the poller wrote it.
#[derive(Deserialize)]
pub(super) struct Record {
    /// 0 (shell) or 200 (HTTP) when the command succeeded.
    #[serde(default)]
    pub(super) status: Option<i64>,
    /// Milliseconds since 1970.
    pub(super) timestamp: i64,
    pub(super) cmd: String,
    #[serde(default)]
    pub(super) devtype: Option<String>,
    #[serde(default)]
    pub(super) namespace: Option<String>,
    pub(super) hostname: String,
    /// Address at which the device was asked.
    #[serde(default)]
    pub(super) address: Option<String>,
    #[serde(default)]
    pub(super) data: Value,
}

impl Record {
    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.timestamp)
    }

    pub(super) fn succeeded(&self) -> bool {
        matches!(self.status, None | Some(0 | 200))
    }

    /// Whose commands it speaks; `None`: we do not know the type.
    pub(super) fn family(&self) -> Option<Family> {
        let devtype = self.devtype.as_deref()?.to_ascii_lowercase();
        Some(match devtype.as_str() {
            "linux" => Family::Linux,
            "cumulus" | "sonic" => Family::LinuxSwitch,
            "eos" => Family::Eos,
            "nxos" => Family::Nxos,
            "ios" | "iosxe" => Family::Ios,
            other if other.starts_with("junos") => Family::Junos,
            _ => return None,
        })
    }

    /// The answer as text. EOS puts text under `output`.
    pub(super) fn text(&self) -> Result<&str, String> {
        match &self.data {
            Value::String(text) => Ok(text),
            Value::Object(fields) => fields
                .get("output")
                .and_then(Value::as_str)
                .ok_or_else(|| "text was expected".into()),
            _ => Err("text was expected".into()),
        }
    }

    /// The answer as JSON, which many devices give inside a text. `None`: an empty answer, since there is nothing
    /// of the kind on the device.
    pub(super) fn json(&self) -> Result<Option<Value>, String> {
        let Value::String(text) = &self.data else { return Ok(Some(self.data.clone())) };
        let text = text.trim();
        // A device that ran another command of the same batch may leave the word in place of the answer.
        if text.is_empty() || text == "data" {
            return Ok(None);
        }
        // NX-OS and Junos print warnings around the document.
        let start = text.find(['{', '[']).ok_or("no JSON in the answer")?;
        let mut documents = serde_json::Deserializer::from_str(&text[start..]).into_iter();
        match documents.next() {
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(error)) => Err(format!("the JSON of the answer is broken: {error}")),
            None => Ok(None),
        }
    }

    /// All JSON documents of an answer that holds several, one behind the other.
    pub(super) fn json_documents(&self) -> Result<Vec<Value>, String> {
        let Value::String(text) = &self.data else { return Ok(vec![self.data.clone()]) };
        let Some(start) = text.find(['{', '[']) else { return Ok(Vec::new()) };
        let documents = serde_json::Deserializer::from_str(&text[start..]).into_iter();
        documents
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the JSON of the answer is broken: {error}"))
    }

    /// A problem that names device and command.
    pub(super) fn problem(&self, file: &str, text: &str, reason: impl Into<String>) -> Problem {
        Problem::new(format!("{file}: {}: {}", self.hostname, self.cmd), text, reason)
    }

    /// The start of the answer, for a problem.
    pub(super) fn shown(&self) -> String {
        match &self.data {
            Value::String(text) => text.chars().take(Problem::TEXT_LENGTH_MAX).collect(),
            other => other.to_string().chars().take(Problem::TEXT_LENGTH_MAX).collect(),
        }
    }
}

/// Splits a file into its records: JSON arrays of records, one behind the other. Broken stretches become problems,
/// and reading goes on at the next array.
pub(super) fn read_records(
    bytes: &[u8],
    place: &str,
    records: &mut Vec<Record>,
    problems: &mut Vec<Problem>,
) {
    let mut start = 0;
    while start < bytes.len() {
        let mut documents =
            serde_json::Deserializer::from_slice(&bytes[start..]).into_iter::<Value>();
        let error = loop {
            match documents.next() {
                None => return,
                Some(Ok(document)) => take_document(document, place, records, problems),
                Some(Err(error)) => break error,
            }
        };
        let broken_at = start + documents.byte_offset();
        let shown = crate::lines::lossy_start(&bytes[broken_at..]);
        let line = 1 + bytes[..broken_at].iter().filter(|byte| **byte == b'\n').count();
        problems.push(Problem::new(
            format!("{place}:{line}"),
            shown.trim(),
            format!("not a JSON array of records: {error}"),
        ));
        match next_array(bytes, broken_at + 1) {
            Some(next) => start = next,
            None => return,
        }
    }
}

/// Where the next line begins that opens an array.
fn next_array(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let at = rest.windows(2).position(|pair| pair == b"\n[" || pair == b"][")?;
    Some(from + at + 1)
}

fn take_document(
    document: Value,
    place: &str,
    records: &mut Vec<Record>,
    problems: &mut Vec<Problem>,
) {
    let items = match document {
        Value::Array(items) => items,
        other => vec![other],
    };
    for item in items {
        match Record::deserialize(&item) {
            Ok(record) => records.push(record),
            Err(error) => problems.push(Problem::new(
                place,
                &item.to_string(),
                format!("not a record of a capture: {error}"),
            )),
        }
    }
}

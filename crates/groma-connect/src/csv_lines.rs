//! Records of a CSV file in bounded memory: a quote that is never closed costs one record, not the file.

use std::collections::VecDeque;
use std::io::BufRead;

use groma_model::Problem;

use crate::lines::{LINE_LENGTH_MAX, Lines};

/// Longest record, in lines; a quoted field may hold line ends.
const RECORD_LINES_MAX: usize = 1000;

/// Reads records one by one.
pub(crate) struct CsvLines<R> {
    lines: Lines<R>,
    /// Lines that were read ahead in the hope of a closing quote.
    again: VecDeque<(u64, Result<String, Problem>)>,
    fields: Fields,
}

/// The fields of one record.
#[derive(Default)]
pub(crate) struct Fields {
    text: String,
    ends: Vec<(usize, bool)>,
}

impl Fields {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a field. A missing one is empty.
    pub(crate) fn get(&self, index: usize) -> &str {
        let Some((end, _)) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        &self.text[start..*end]
    }

    /// Whether the field was written in quotes, as a text that must not be taken for a sign is.
    pub(crate) fn is_quoted(&self, index: usize) -> bool {
        self.ends.get(index).is_some_and(|(_, quoted)| *quoted)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Takes the fields of a line apart. `false`: a quote is open at its end.
    fn split(&mut self, line: &str) -> bool {
        self.text.clear();
        self.ends.clear();
        if !line.contains('"') {
            for field in line.split(',') {
                self.text.push_str(field);
                self.ends.push((self.text.len(), false));
            }
            return true;
        }
        let mut rest = line;
        loop {
            let quoted = rest.starts_with('"');
            if quoted {
                rest = &rest[1..];
                loop {
                    let Some(quote) = rest.find('"') else { return false };
                    self.text.push_str(&rest[..quote]);
                    rest = &rest[quote + 1..];
                    let Some(after) = rest.strip_prefix('"') else { break };
                    self.text.push('"');
                    rest = after;
                }
            }
            let comma = rest.find(',');
            self.text.push_str(&rest[..comma.unwrap_or(rest.len())]);
            self.ends.push((self.text.len(), quoted));
            match comma {
                Some(comma) => rest = &rest[comma + 1..],
                None => return true,
            }
        }
    }
}

impl<R: BufRead> CsvLines<R> {
    pub(crate) fn new(lines: Lines<R>) -> CsvLines<R> {
        CsvLines { lines, again: VecDeque::new(), fields: Fields::default() }
    }

    /// The place of a line, as problems name it.
    pub(crate) fn place(&self, line_number: u64) -> String {
        self.lines.place(line_number)
    }

    /// The next record with the number of its first line; empty lines are passed over.
    pub(crate) fn next_record(&mut self) -> Option<(u64, Result<&Fields, Problem>)> {
        loop {
            // The quick way: a line of its own.
            if self.again.is_empty() {
                let line = self.lines.next_line()?;
                let number = line.number;
                match line.text {
                    Err(problem) => return Some((number, Err(problem))),
                    Ok("") => continue,
                    Ok(text) if self.fields.split(text) => break Some((number, Ok(&self.fields))),
                    Ok(text) => self.again.push_front((number, Ok(text.to_owned()))),
                }
            }
            let (number, text) = self.again.pop_front()?;
            match text {
                Err(problem) => return Some((number, Err(problem))),
                Ok(text) if text.is_empty() => continue,
                Ok(text) if self.fields.split(&text) => break Some((number, Ok(&self.fields))),
                Ok(text) => {
                    let outcome = self.read_on(number, text);
                    return Some((number, outcome.map(|()| &self.fields)));
                }
            }
        }
    }

    /// Adds lines until the quote closes. If it does not, the lines are read again as records of their own.
    fn read_on(&mut self, number: u64, first: String) -> Result<(), Problem> {
        let mut record = first;
        let first_length = record.len();
        let mut taken = VecDeque::new();
        while taken.len() < RECORD_LINES_MAX && record.len() < LINE_LENGTH_MAX {
            let Some((next, text)) = self.pull() else { break };
            match &text {
                Ok(line) => {
                    record.push('\n');
                    record.push_str(line);
                    let closes = line.contains('"') && self.fields.split(&record);
                    taken.push_back((next, text));
                    if closes {
                        return Ok(());
                    }
                }
                Err(_) => {
                    taken.push_back((next, text));
                    break;
                }
            }
        }
        taken.append(&mut self.again);
        self.again = taken;
        let reason = "a quoted field does not end";
        Err(Problem::new(self.place(number), &record[..first_length], reason))
    }

    fn pull(&mut self) -> Option<(u64, Result<String, Problem>)> {
        if let Some(line) = self.again.pop_front() {
            return Some(line);
        }
        let line = self.lines.next_line()?;
        Some((line.number, line.text.map(str::to_owned)))
    }
}

/// Writes a field, in quotes where it needs them.
pub(crate) fn write_field(
    out: &mut impl std::io::Write,
    field: &str,
    must_quote: bool,
) -> std::io::Result<()> {
    if must_quote || field.contains([',', '"', '\n', '\r']) {
        write!(out, "\"{}\"", field.replace('"', "\"\""))
    } else {
        out.write_all(field.as_bytes())
    }
}

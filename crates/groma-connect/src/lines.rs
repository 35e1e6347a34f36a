//! Lines of a file that may be hostile: bounded length, any bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use groma_model::Problem;

use crate::whole;

/// Longest line that is read, in bytes. A longer one becomes a problem and is skipped without being held.
pub const LINE_LENGTH_MAX: usize = 16 << 20;

const READ_BUFFER_SIZE: usize = 256 << 10;

/// Reads lines one by one, in memory of at most the longest line.
pub struct Lines<R> {
    reader: R,
    place: String,
    number: u64,
    buffer: Vec<u8>,
    failed: bool,
}

/// One line of a file.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// Its text without the line end, or why it has none.
    pub text: Result<&'a str, Problem>,
}

/// Opens a file for reading by lines; a file that cannot be opened is a problem.
pub fn open(path: &Path) -> Result<Lines<BufReader<File>>, Problem> {
    match whole::open(path) {
        Ok(file) => Ok(Lines::new(
            BufReader::with_capacity(READ_BUFFER_SIZE, file),
            path.display().to_string(),
        )),
        Err(error) => {
            Err(Problem::new(path.display().to_string(), "", format!("cannot be opened: {error}")))
        }
    }
}

impl<R: BufRead> Lines<R> {
    /// Of any reader; `place` is what problems call it, usually the path.
    pub fn new(reader: R, place: impl Into<String>) -> Lines<R> {
        Lines { reader, place: place.into(), number: 0, buffer: Vec::new(), failed: false }
    }

    /// The place of a line, as problems name it.
    pub fn place(&self, line_number: u64) -> String {
        format!("{}:{line_number}", self.place)
    }

    /// The next line. `None` at the end, and after the reader failed (which is a problem once).
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        if self.failed {
            return None;
        }
        self.buffer.clear();
        self.number += 1;
        let number = self.number;
        let mut limited = (&mut self.reader).take(LINE_LENGTH_MAX as u64 + 1);
        let text = match limited.read_until(b'\n', &mut self.buffer) {
            Ok(0) => return None,
            Ok(length) if length > LINE_LENGTH_MAX && self.buffer.last() != Some(&b'\n') => {
                let shown = lossy_start(&self.buffer);
                self.buffer = Vec::new();
                match skip_line(&mut self.reader) {
                    Ok(skipped) => Err((
                        shown,
                        format!(
                            "the line has {} bytes, more than the {LINE_LENGTH_MAX} that are read",
                            length as u64 + skipped
                        ),
                    )),
                    Err(error) => {
                        self.failed = true;
                        Err((shown, format!("reading failed: {error}")))
                    }
                }
            }
            Ok(_) => {
                let content = without_line_end(&self.buffer);
                std::str::from_utf8(content).map_err(|error| {
                    let at = error.valid_up_to() + 1;
                    (lossy_start(content), format!("byte {at} of the line is not UTF-8"))
                })
            }
            Err(error) => {
                self.failed = true;
                Err((String::new(), format!("reading failed: {error}")))
            }
        };
        let text = text.map_err(|(shown, reason)| {
            Problem::new(format!("{}:{number}", self.place), &shown, reason)
        });
        Some(Line { number, text })
    }
}

/// The first bytes of something that is not text, as far as a problem shows them.
pub fn lossy_start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(Problem::TEXT_LENGTH_MAX)]).into_owned()
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Reads on to the end of the line and gives the number of bytes before it, holding none of them.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    reader.skip_until(b'\n').map(|skipped| (skipped as u64).saturating_sub(1))
}

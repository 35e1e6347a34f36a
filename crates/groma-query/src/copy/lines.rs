//! Lines of COPY: cells to bytes and back, in PostgreSQL's text and CSV formats.

use crate::QueryError;

/// Most bytes of one line, so that a quote that is never closed does not fill the memory.
pub const COPY_ROW_BYTES_MAX: usize = 16 << 20;

/// How rows are written as lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyForm {
    pub(crate) layout: Layout,
    pub(crate) delimiter: u8,
    /// What stands for NULL.
    pub(crate) null: String,
    /// Whether the first line holds the names of the columns.
    pub(crate) header: bool,
}

/// How a cell is kept apart from the delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// With backslashes.
    Text,
    /// In quotes.
    Csv { quote: u8, escape: u8 },
}

impl CopyForm {
    /// PostgreSQL's text format.
    pub fn text() -> CopyForm {
        CopyForm { layout: Layout::Text, delimiter: b'\t', null: "\\N".into(), header: false }
    }

    /// PostgreSQL's CSV format.
    pub fn csv() -> CopyForm {
        let layout = Layout::Csv { quote: b'"', escape: b'"' };
        CopyForm { layout, delimiter: b',', null: String::new(), header: false }
    }

    /// Whether a line with the names of the columns goes first.
    pub fn has_header(&self) -> bool {
        self.header
    }

    /// Adds a line; `None` is NULL.
    pub fn write_line<'a>(
        &self,
        cells: impl IntoIterator<Item = Option<&'a str>>,
        out: &mut Vec<u8>,
    ) {
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                out.push(self.delimiter);
            }
            match (cell, self.layout) {
                (None, _) => out.extend_from_slice(self.null.as_bytes()),
                (Some(text), Layout::Text) => self.write_text(text, out),
                (Some(text), Layout::Csv { quote, escape }) => {
                    self.write_csv(text, quote, escape, out);
                }
            }
        }
        out.push(b'\n');
    }

    fn write_text(&self, text: &str, out: &mut Vec<u8>) {
        for byte in text.bytes() {
            let letter = match byte {
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                b'\\' => b'\\',
                byte if byte == self.delimiter => byte,
                _ => {
                    out.push(byte);
                    continue;
                }
            };
            out.extend([b'\\', letter]);
        }
    }

    fn write_csv(&self, text: &str, quote: u8, escape: u8, out: &mut Vec<u8>) {
        let needs_quotes = text == self.null
            || text == "\\."
            || (text.bytes()).any(|byte| [self.delimiter, quote, b'\n', b'\r'].contains(&byte));
        if !needs_quotes {
            return out.extend_from_slice(text.as_bytes());
        }
        out.push(quote);
        for byte in text.bytes() {
            if byte == quote || byte == escape {
                out.push(escape);
            }
            out.push(byte);
        }
        out.push(quote);
    }
}

/// Cells of a line with its number, from 1.
type Line = (u64, Vec<Option<String>>);

/// From bytes, cut anywhere, to lines.
pub(super) struct LineReader {
    form: CopyForm,
    pending: Vec<u8>,
    /// Where in `pending` the next line begins.
    start: usize,
    /// Up to where `pending` has been looked through for the end of that line.
    searched: usize,
    in_quotes: bool,
    escaped: bool,
    /// Lines of text that were given; a cell of CSV may hold some.
    lines: u64,
    ended: Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    /// The client has sent all.
    Sent,
    /// `\.` stood alone on a line: what follows is passed over.
    Marked,
}

impl LineReader {
    pub(super) fn new(form: CopyForm) -> LineReader {
        LineReader {
            form,
            pending: Vec::new(),
            start: 0,
            searched: 0,
            in_quotes: false,
            escaped: false,
            lines: 0,
            ended: Ended::No,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.ended == Ended::No {
            self.pending.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
            self.pending.extend_from_slice(bytes);
        }
    }

    /// There is no more to come: what is left is the last line.
    pub(super) fn end(&mut self) {
        if self.ended == Ended::No {
            self.ended = Ended::Sent;
        }
    }

    /// `None`: no whole line is there. Errors say which line it is.
    pub(super) fn next_line(&mut self) -> Result<Option<Line>, QueryError> {
        if self.ended == Ended::Marked {
            return Ok(None);
        }
        let end = match self.find_end() {
            Some(end) => end,
            None if self.ended == Ended::Sent && self.start < self.pending.len() => {
                if self.in_quotes {
                    return Err(self.broken("unterminated CSV quoted field"));
                }
                self.pending.len()
            }
            None if self.pending.len() - self.start > COPY_ROW_BYTES_MAX => {
                return Err(self.broken(&format!(
                    "the line is longer than {COPY_ROW_BYTES_MAX} bytes, or a quote is not closed"
                )));
            }
            None => return Ok(None),
        };
        let line = &self.pending[self.start..end];
        let bare = line.strip_suffix(b"\r").unwrap_or(line);
        if bare == b"\\." {
            self.ended = Ended::Marked;
            return Ok(None);
        }
        let cells = match self.form.layout {
            Layout::Text => self.form.read_text(bare),
            Layout::Csv { quote, escape } => self.form.read_csv(bare, quote, escape),
        };
        let Ok(cells) = cells else { return Err(self.broken("it is not valid UTF-8")) };
        let number = self.lines + 1;
        self.lines += 1 + line.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.start = (end + 1).min(self.pending.len());
        self.searched = self.start;
        Ok(Some((number, cells)))
    }

    /// The place of the next end of line that is not part of a cell.
    fn find_end(&mut self) -> Option<usize> {
        let csv = match self.form.layout {
            Layout::Text => None,
            Layout::Csv { quote, escape } => Some((quote, escape)),
        };
        while let Some(byte) = self.pending.get(self.searched).copied() {
            let at = self.searched;
            self.searched += 1;
            if std::mem::take(&mut self.escaped) {
                continue;
            }
            match csv {
                None if byte == b'\\' => self.escaped = true,
                Some((quote, escape)) if self.in_quotes && byte == escape && escape != quote => {
                    self.escaped = true;
                }
                // A doubled quote goes out and comes in again.
                Some((quote, _)) if byte == quote => self.in_quotes = !self.in_quotes,
                _ if byte == b'\n' && !self.in_quotes => return Some(at),
                _ => {}
            }
        }
        None
    }

    fn broken(&self, why: &str) -> QueryError {
        QueryError::new("22P04", why).with_detail(format!("COPY, line {}", self.lines + 1))
    }
}

type Cells = Result<Vec<Option<String>>, std::string::FromUtf8Error>;

impl CopyForm {
    fn read_text(&self, line: &[u8]) -> Cells {
        let mut cells = Vec::new();
        let (mut start, mut escaped) = (0, false);
        for at in 0..=line.len() {
            let byte = line.get(at);
            if byte.is_some_and(|byte| escaped || *byte != self.delimiter) {
                escaped = !escaped && byte == Some(&b'\\');
                continue;
            }
            let raw = &line[start..at];
            let is_null = raw == self.null.as_bytes();
            cells.push(if is_null { None } else { Some(String::from_utf8(unescape(raw))?) });
            start = at + 1;
        }
        Ok(cells)
    }

    fn read_csv(&self, line: &[u8], quote: u8, escape: u8) -> Cells {
        let mut cells = Vec::new();
        let mut cell = Vec::new();
        let (mut in_quotes, mut was_quoted) = (false, false);
        let mut bytes = line.iter().copied().peekable();
        loop {
            match bytes.next() {
                Some(byte) if in_quotes && byte == escape => match bytes.peek() {
                    Some(next) if *next == quote || *next == escape => {
                        cell.extend(bytes.next());
                    }
                    _ if escape == quote => in_quotes = false,
                    _ => cell.push(byte),
                },
                Some(byte) if byte == quote => {
                    in_quotes = !in_quotes;
                    was_quoted = true;
                }
                Some(byte) if in_quotes || byte != self.delimiter => cell.push(byte),
                end => {
                    let raw = std::mem::take(&mut cell);
                    let is_null = !was_quoted && raw == self.null.as_bytes();
                    cells.push(if is_null { None } else { Some(String::from_utf8(raw)?) });
                    was_quoted = false;
                    if end.is_none() {
                        return Ok(cells);
                    }
                }
            }
        }
    }
}

/// Backslashes as PostgreSQL reads them.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some((letter, after)) = rest.split_first() else {
            out.push(b'\\');
            break;
        };
        rest = after;
        match letter {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(0x0b),
            b'0'..=b'7' => rest = number(letter - b'0', 8, 2, rest, &mut out),
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
                rest = number(0, 16, 2, rest, &mut out);
            }
            other => out.push(*other),
        }
    }
    out
}

/// A byte given by its digits, of which at most `digits_max` follow.
fn number<'a>(
    first: u8,
    radix: u32,
    digits_max: usize,
    mut rest: &'a [u8],
    out: &mut Vec<u8>,
) -> &'a [u8] {
    let mut value = u32::from(first);
    for _ in 0..digits_max {
        let Some(digit) = rest.first().and_then(|byte| char::from(*byte).to_digit(radix)) else {
            break;
        };
        value = value * radix + digit;
        rest = &rest[1..];
    }
    out.push((value & 0xff) as u8);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a text that comes in pieces of this many bytes.
    fn read(form: &CopyForm, bytes: &[u8], piece: usize) -> Result<Vec<Line>, QueryError> {
        let mut reader = LineReader::new(form.clone());
        let mut lines = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(line) = reader.next_line()? {
                lines.push(line);
            }
        }
        reader.end();
        while let Some(line) = reader.next_line()? {
            lines.push(line);
        }
        Ok(lines)
    }

    fn cells(line: &[Option<&str>]) -> Vec<Option<String>> {
        line.iter().map(|cell| cell.map(str::to_owned)).collect()
    }

    #[test]
    fn what_is_written_is_read_again_however_it_is_cut() {
        let rows = [
            cells(&[Some("plain"), None, Some("")]),
            cells(&[Some("tab\tand\nline\r"), Some("quote\"comma,"), Some("\\N")]),
            cells(&[Some("\\."), Some("\u{8}\u{b}ä\\"), Some(" ")]),
        ];
        let odd = CopyForm {
            layout: Layout::Csv { quote: b'\'', escape: b'\\' },
            delimiter: b';',
            null: "-".into(),
            header: false,
        };
        for form in [CopyForm::text(), CopyForm::csv(), odd] {
            let mut bytes = Vec::new();
            for row in &rows {
                form.write_line(row.iter().map(Option::as_deref), &mut bytes);
            }
            for piece in [1, 2, 3, 1000] {
                let lines = read(&form, &bytes, piece).unwrap();
                let read: Vec<_> = lines.into_iter().map(|(_, cells)| cells).collect();
                assert_eq!(read, rows, "{form:?} {}", String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn an_end_of_line_of_windows_and_the_end_mark_are_known() {
        let lines = read(&CopyForm::text(), b"a\tb\r\nc\t\\N\r\n\\.\r\nnot this", 3).unwrap();
        assert_eq!(lines, [(1, cells(&[Some("a"), Some("b")])), (2, cells(&[Some("c"), None]))]);
    }

    #[test]
    fn lines_are_counted_through_cells_that_hold_some() {
        let lines = read(&CopyForm::csv(), b"\"a\nb\"\nc", 2).unwrap();
        assert_eq!(lines, [(1, cells(&[Some("a\nb")])), (3, cells(&[Some("c")]))]);
    }

    #[test]
    fn what_is_broken_says_in_which_line() {
        let error = read(&CopyForm::csv(), b"a\n\"b", 9).unwrap_err();
        assert_eq!(error.detail(), Some("COPY, line 2"));
        let error = read(&CopyForm::text(), b"a\n\xff\n", 9).unwrap_err();
        assert!(error.message().contains("UTF-8"), "{error}");
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_at_a_limit() {
        let mut reader = LineReader::new(CopyForm::csv());
        reader.push(b"\"");
        let piece = vec![b'x'; 1 << 20];
        let ended = (0..=COPY_ROW_BYTES_MAX >> 20).find_map(|_| {
            reader.push(&piece);
            reader.next_line().err()
        });
        assert!(ended.is_some_and(|error| error.message().contains("longer")));
    }
}

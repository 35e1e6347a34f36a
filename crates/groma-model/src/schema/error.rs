//! What is wrong with a schema file: where, and what to try.

use std::fmt;

/// Something in a schema file is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaError {
    /// File name.
    pub file: String,
    /// Line of the file, from 1; `None`: it is about the file as a whole.
    pub line: Option<usize>,
    /// The kind it is about, where one is.
    pub kind: Option<String>,
    /// The attribute it is about, where one is.
    pub attribute: Option<String>,
    /// What is wrong: lower case, no full stop.
    pub reason: String,
    /// What to try, one full sentence.
    pub hint: Option<String>,
}

/// `power.toml:12, power.feed, volts: there is no type "int"`
impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        for part in [&self.kind, &self.attribute].into_iter().flatten() {
            write!(f, ", {part}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for SchemaError {}

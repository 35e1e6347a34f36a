//! What a session remembers between statements: SET, SHOW, and transactions that do nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::timezone::Tz;
use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::sql::sqlparser::ast::{Expr, Reset, Set, Statement, Value};

use crate::session::read_only;
use crate::{Outcome, QueryError};

/// How the volume of traffic is counted; `SET groma.accounting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Accounting {
    /// Each message's bytes, once.
    Bytes,
    /// Bytes times the links with an end at the distribution or core layer that they use.
    #[default]
    HopBytes,
}

const ACCOUNTING: &str = "groma.accounting";
const READ_ONLY: &str = "default_transaction_read_only";
const STATEMENT_TIMEOUT: &str = "statement_timeout";

/// Settings that clients ask for, with the answers that never change.
pub(crate) const FIXED: [(&str, &str); 13] = [
    ("server_version", "15.14"),
    ("server_version_num", "150014"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("transaction_isolation", "read committed"),
    ("transaction isolation level", "read committed"),
    ("timezone", "UTC"),
    ("time zone", "UTC"),
    ("datestyle", "ISO, MDY"),
    ("integer_datetimes", "on"),
    ("search_path", "public"),
    // JDBC looks through as many columns of a foreign key.
    ("max_index_keys", "32"),
];

/// What a setting that never changes is.
pub(crate) fn fixed_setting(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    FIXED.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// The settings of one session.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    set: HashMap<String, String>,
    /// The statement timeout where nothing is set.
    timeout: Option<Duration>,
    /// Whether the transaction only reads, for whoever asks.
    transaction_read_only: bool,
}

impl Settings {
    /// With the statement timeout that holds until a session sets its own. `None`: no bound.
    pub(crate) fn with_timeout(timeout: Option<Duration>) -> Settings {
        Settings { timeout, ..Settings::default() }
    }

    pub(crate) fn statement_timeout(&self) -> Option<Duration> {
        let set = self.set.get(STATEMENT_TIMEOUT).filter(|set| !is_default(set));
        set.map_or(self.timeout, |text| parse_timeout(text)).filter(|timeout| !timeout.is_zero())
    }

    pub(crate) fn accounting(&self) -> Accounting {
        match self.set.get(ACCOUNTING).map(String::as_str) {
            Some("bytes") => Accounting::Bytes,
            _ => Accounting::default(),
        }
    }

    /// Whether transactions only read, where they do not say.
    pub(crate) fn read_only(&self) -> bool {
        let set = self.set.get(READ_ONLY).map(|set| set.to_ascii_lowercase());
        matches!(set.as_deref(), Some("on" | "true" | "yes" | "1" | "t"))
    }

    /// Remembers, for whoever asks, whether the transaction only reads.
    pub(crate) fn note_read_only(&mut self, read_only: bool) {
        self.transaction_read_only = read_only;
    }

    /// Whether the statement is about settings or transactions, which need no planning.
    pub(crate) fn answers(&self, ast: &Statement) -> bool {
        matches!(
            ast,
            Statement::Set(_)
                | Statement::ShowVariable { .. }
                | Statement::StartTransaction { .. }
                | Statement::Commit { .. }
                | Statement::Rollback { .. }
                | Statement::Savepoint { .. }
                | Statement::ReleaseSavepoint { .. }
                | Statement::Discard { .. }
                | Statement::Reset(_)
                | Statement::UNLISTEN { .. }
                | Statement::Deallocate { .. }
        )
    }

    /// The columns of the answer; `None`: it has none.
    pub(crate) fn shown_schema(ast: &Statement) -> Option<SchemaRef> {
        let Statement::ShowVariable { variable } = ast else { return None };
        let name =
            variable.iter().map(|word| word.value.to_lowercase()).collect::<Vec<_>>().join(" ");
        Some(Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, true)])))
    }

    /// Carries it out.
    pub(crate) fn answer(&mut self, ast: &Statement) -> Result<Outcome, QueryError> {
        let tag = match ast {
            Statement::Set(set) => {
                self.set(set)?;
                "SET"
            }
            Statement::ShowVariable { variable } => {
                let words: Vec<_> = variable.iter().map(|word| word.value.to_lowercase()).collect();
                return self.show(ast, &words);
            }
            Statement::StartTransaction { .. } => "BEGIN",
            Statement::Commit { .. } => "COMMIT",
            Statement::Rollback { .. } => "ROLLBACK",
            Statement::Savepoint { .. } => "SAVEPOINT",
            Statement::ReleaseSavepoint { .. } => "RELEASE",
            Statement::Discard { .. } => {
                self.set.clear();
                "DISCARD ALL"
            }
            Statement::Reset(reset) => {
                match &reset.reset {
                    Reset::ALL => self.set.clear(),
                    Reset::ConfigurationParameter(name) => {
                        self.set.remove(&name.to_string().to_lowercase().replace('"', ""));
                    }
                }
                "RESET"
            }
            // Nobody notifies, so that there is nothing to end.
            Statement::UNLISTEN { .. } => "UNLISTEN",
            _ => "DEALLOCATE",
        };
        Ok(Outcome::Command { tag: tag.to_owned() })
    }

    fn set(&mut self, set: &Set) -> Result<(), QueryError> {
        let (variable, values) = match set {
            Set::SingleAssignment { variable, values, .. } => (variable, values),
            Set::SetTransaction { modes, session: true, .. } => {
                if let Some(read_only) = read_only(modes) {
                    self.set.insert(READ_ONLY.into(), if read_only { "on" } else { "off" }.into());
                }
                return Ok(());
            }
            Set::SetTimeZone { value, .. } => return check_zone(&plain(value)),
            _ => return Ok(()),
        };
        let name = variable.to_string().to_lowercase().replace('"', "");
        let value = values.iter().map(plain).collect::<Vec<_>>().join(", ");
        match name.as_str() {
            ACCOUNTING if !matches!(value.as_str(), "bytes" | "hop-bytes") => {
                return Err(QueryError::new(
                    QueryError::BAD_VALUE,
                    format!("{ACCOUNTING} cannot be \"{value}\""),
                )
                .with_hint("It is 'bytes' or 'hop-bytes'."));
            }
            "timezone" | "time zone" => return check_zone(&value),
            STATEMENT_TIMEOUT if parse_timeout(&value).is_none() => {
                return Err(QueryError::new(QueryError::BAD_VALUE, format!("{STATEMENT_TIMEOUT} cannot be \"{value}\""))
                    .with_hint("It is a number of milliseconds, or a text such as '30s' or '5min'; 0 is no bound."));
            }
            _ if name.starts_with("groma.") && name != ACCOUNTING => {
                return Err(QueryError::new("42704", format!("there is no setting \"{name}\""))
                    .with_hint(format!("There is {ACCOUNTING}.")));
            }
            _ => {}
        }
        self.set.insert(name, value);
        Ok(())
    }

    fn show(&self, ast: &Statement, words: &[String]) -> Result<Outcome, QueryError> {
        let name = words.join(" ");
        let dotted = words.join(".");
        let fixed = fixed_setting(&name).map(str::to_owned);
        let own = || match dotted.as_str() {
            ACCOUNTING => Some("hop-bytes".to_owned()),
            STATEMENT_TIMEOUT => {
                Some(format!("{}ms", self.timeout.unwrap_or_default().as_millis()))
            }
            READ_ONLY => Some("off".to_owned()),
            "transaction_read_only" => {
                Some(if self.transaction_read_only { "on" } else { "off" }.to_owned())
            }
            "application_name" | "search_path" => Some(String::new()),
            _ => None,
        };
        let value =
            self.set.get(&dotted).or_else(|| self.set.get(&name)).cloned().or(fixed).or_else(own);
        let Some(value) = value else {
            return Err(QueryError::new("42704", format!("there is no setting \"{name}\"")));
        };
        let schema = Settings::shown_schema(ast).unwrap_or_else(|| Arc::new(Schema::empty()));
        let batch = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![Arc::new(StringArray::from(vec![value]))],
        )
        .map_err(|error| QueryError::new(QueryError::INTERNAL, error.to_string()))?;
        let stream = MemoryStream::try_new(vec![batch], Arc::clone(&schema), None)?;
        Ok(Outcome::Rows { schema, stream: Box::pin(stream) })
    }
}

fn plain(value: &Expr) -> String {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        other => other.to_string().replace('"', ""),
    }
}

/// Times are told in UTC, whatever zone a client would like; but it has to be one.
fn check_zone(name: &str) -> Result<(), QueryError> {
    let known = matches!(name.to_ascii_lowercase().as_str(), "default" | "local")
        || name.parse::<f64>().is_ok()
        || name.parse::<Tz>().is_ok();
    match known {
        true => Ok(()),
        false => Err(QueryError::new(
            "22023",
            format!("invalid value for parameter \"TimeZone\": \"{name}\""),
        )
        .with_hint("It is a name such as Europe/Berlin; times are told in UTC all the same.")),
    }
}

fn is_default(text: &str) -> bool {
    text.eq_ignore_ascii_case("default")
}

/// PostgreSQL's way: a bare number is milliseconds.
pub(crate) fn parse_timeout(text: &str) -> Option<Duration> {
    let text = text.trim();
    if is_default(text) {
        return Some(Duration::ZERO);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let milliseconds = match text[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(milliseconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_postgresql_reads_it() {
        assert_eq!(parse_timeout("500"), Some(Duration::from_millis(500)));
        assert_eq!(parse_timeout("5min"), Some(Duration::from_secs(300)));
        assert_eq!(parse_timeout("soon"), None);
    }
}

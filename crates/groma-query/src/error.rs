//! A request that cannot be served: what was asked, and what to try.

use std::fmt;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use groma_store::StoreError;

/// Why a statement was refused or ended, in the form that PostgreSQL clients show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    sqlstate: &'static str,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<usize>,
}

impl QueryError {
    /// The statement is not SQL.
    pub const SYNTAX: &'static str = "42601";
    /// No such table.
    pub const NO_TABLE: &'static str = "42P01";
    /// No such column.
    pub const NO_COLUMN: &'static str = "42703";
    /// No such function, or not with these arguments.
    pub const NO_FUNCTION: &'static str = "42883";
    /// No such database.
    pub const NO_DATABASE: &'static str = "3D000";
    /// A database of this name exists.
    pub const DUPLICATE_DATABASE: &'static str = "42P04";
    /// Understood, but not offered.
    pub const NOT_SUPPORTED: &'static str = "0A000";
    /// A value does not fit its column.
    pub const BAD_VALUE: &'static str = "22P02";
    /// A schema is wrong.
    pub const BAD_SCHEMA: &'static str = "42P17";
    /// The table is derived and cannot be written.
    pub const READ_ONLY: &'static str = "25006";
    /// An entity of this id exists.
    pub const DUPLICATE_KEY: &'static str = "23505";
    /// More memory than the query may use.
    pub const OUT_OF_MEMORY: &'static str = "53200";
    /// A merge has conflicts that nobody has decided.
    pub const CONFLICTS: &'static str = "55000";
    /// Others changed the same meanwhile; it may be tried again.
    pub const CHANGED_MEANWHILE: &'static str = "40001";
    /// The role does not suffice.
    pub const NOT_ALLOWED: &'static str = "42501";
    /// No such role or user.
    pub const NO_ROLE: &'static str = "42704";
    /// Nothing of that name is known.
    pub const NO_OBJECT: &'static str = "42704";
    /// A user of this name exists.
    pub const DUPLICATE_ROLE: &'static str = "42710";
    /// The user may not come in.
    pub const NOT_LET_IN: &'static str = "28000";
    /// The disk failed or is full.
    pub const IO: &'static str = "58030";
    /// Division by zero.
    pub const DIVISION_BY_ZERO: &'static str = "22012";
    /// A fault of ours.
    pub const INTERNAL: &'static str = "XX000";

    /// With a code of PostgreSQL's list and a message in lower case.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> QueryError {
        QueryError { sqlstate, message: message.into(), detail: None, hint: None, position: None }
    }

    /// Adds what to try, one full sentence.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> QueryError {
        self.hint = Some(hint.into());
        self
    }

    /// Adds more about what is wrong.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> QueryError {
        self.detail = Some(detail.into());
        self
    }

    /// Says at which character of the request, from 1.
    #[must_use]
    pub(crate) fn at(mut self, position: usize) -> QueryError {
        self.position = Some(position);
        self
    }

    /// Its place is in no request, but in what `place` names, if that is not empty.
    #[must_use]
    pub(crate) fn nowhere(mut self, place: &str) -> QueryError {
        self.position = None;
        if !place.is_empty() {
            self.detail.get_or_insert_with(|| place.to_owned());
        }
        self
    }

    /// At which character of the request, from 1.
    pub fn position(&self) -> Option<usize> {
        self.position
    }

    /// The five characters of the SQL standard.
    pub fn sqlstate(&self) -> &'static str {
        self.sqlstate
    }

    /// Whether others have changed what it was about; it may be tried again.
    pub(crate) fn is_moved(&self) -> bool {
        self.sqlstate == QueryError::CHANGED_MEANWHILE
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// More about it.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What to try.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for QueryError {}

impl From<QueryError> for DataFusionError {
    fn from(error: QueryError) -> DataFusionError {
        DataFusionError::External(Box::new(error))
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> QueryError {
        let sqlstate = match &error {
            StoreError::NoDatabase { .. }
            | StoreError::NoVersion { .. }
            | StoreError::Compacted { .. } => QueryError::NO_DATABASE,
            StoreError::DatabaseExists { .. } => QueryError::DUPLICATE_DATABASE,
            StoreError::Schema { .. } => QueryError::BAD_SCHEMA,
            StoreError::SchemaChanged => QueryError::CHANGED_MEANWHILE,
            StoreError::Conflicts { .. } => QueryError::CONFLICTS,
            StoreError::Moved { .. } => QueryError::CHANGED_MEANWHILE,
            _ => QueryError::IO,
        };
        let (message, detail, hint) = (error.to_string(), error.detail(), error.hint());
        QueryError { sqlstate, message, detail, hint, position: None }
    }
}

impl From<DataFusionError> for QueryError {
    fn from(error: DataFusionError) -> QueryError {
        if let DataFusionError::External(inner) = error.find_root()
            && let Some(ours) = inner.downcast_ref::<QueryError>()
        {
            return ours.clone();
        }
        let root = error.find_root();
        let (sqlstate, hint) = classify(root);
        let message = match root {
            DataFusionError::SchemaError(schema_error, _) => match schema_error.as_ref() {
                SchemaError::FieldNotFound { field, .. } => {
                    format!("no column named \"{}\"", field.name)
                }
                _ => plain_message(root),
            },
            _ => plain_message(root),
        };
        QueryError { sqlstate, message, detail: None, hint, position: None }
    }
}

fn classify(error: &DataFusionError) -> (&'static str, Option<String>) {
    let text = error.to_string();
    let plan = |text: &str| {
        if text.contains("table") && text.contains("not found") {
            (
                QueryError::NO_TABLE,
                Some(
                    "\\dt *.* in psql, or SELECT * FROM model.tables, lists what there is.".into(),
                ),
            )
        } else if text.contains("Invalid function")
            || text.contains("No function matches")
            || text.contains("table function")
        {
            (QueryError::NO_FUNCTION, None)
        } else {
            (QueryError::SYNTAX, None)
        }
    };
    match error {
        DataFusionError::SQL(..) => (QueryError::SYNTAX, None),
        DataFusionError::SchemaError(schema_error, _) => match schema_error.as_ref() {
            SchemaError::FieldNotFound { valid_fields, .. } => {
                let names: Vec<_> =
                    valid_fields.iter().take(30).map(|field| field.name()).collect();
                (QueryError::NO_COLUMN, Some(format!("There are {}.", names.join(", "))))
            }
            _ => (QueryError::NO_COLUMN, None),
        },
        DataFusionError::NotImplemented(_) => (QueryError::NOT_SUPPORTED, None),
        DataFusionError::ResourcesExhausted(_) => (
            QueryError::OUT_OF_MEMORY,
            Some("Ask for fewer rows or columns at once, or start the server with a larger --query-memory or --memory.".into()),
        ),
        DataFusionError::ArrowError(..) if text.contains("Divide by zero") => {
            (QueryError::DIVISION_BY_ZERO, None)
        }
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {
            (QueryError::BAD_VALUE, None)
        }
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => (QueryError::IO, None),
        DataFusionError::Plan(_) => plan(&text),
        DataFusionError::Internal(_) => (QueryError::INTERNAL, None),
        _ => (QueryError::INTERNAL, None),
    }
}

/// The text without the engine's own prefixes and advice about its source code.
fn plain_message(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let text = text.split("\nThis issue was likely caused by a bug").next().unwrap_or(&text);
    let prefixes = [
        "Error during planning: ",
        "SQL error: ",
        "Schema error: ",
        "Arrow error: ",
        "Execution error: ",
        "This feature is not implemented: ",
        "Resources exhausted: ",
        "External error: ",
    ];
    let stripped =
        prefixes.iter().fold(text, |text, prefix| text.strip_prefix(prefix).unwrap_or(text));
    match stripped.strip_prefix("ParserError(\"").and_then(|inner| inner.strip_suffix("\")")) {
        Some(inner) => inner.replace("\\\"", "\""),
        None => stripped.to_owned(),
    }
}

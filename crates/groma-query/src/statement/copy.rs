//! COPY in PostgreSQL's words: what goes where, and in which form.

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{
    CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget, Statement as Ast,
};

use crate::QueryError;
use crate::copy::{CopyForm, Layout};
use crate::dml::identifier;

/// What a COPY moves.
#[derive(Debug, Clone)]
pub(crate) enum Copy {
    /// Rows to the client.
    Out { query: Box<Ast>, form: CopyForm },
    /// Rows to a Parquet file of the export folder.
    File { query: Box<Ast>, file: String },
    /// Rows from the client into the table of a kind; no columns: all, in order.
    In { table: TableReference, columns: Option<Vec<String>>, form: CopyForm },
}

/// Reads `Ast::Copy`.
pub(super) fn read(ast: Ast) -> Result<Copy, QueryError> {
    let Ast::Copy { source, to, target, options, legacy_options, .. } = ast else {
        return Err(QueryError::new(QueryError::SYNTAX, "COPY was not understood"));
    };
    if let CopyTarget::File { filename } = &target {
        if !to {
            return Err(not_offered("COPY FROM a file of the server").with_hint(
                "Send the file: \\copy in psql, or COPY ... FROM STDIN; SELECT * FROM import('path') reads files of the server.",
            ));
        }
        let parquet = options.iter().all(|option| {
            matches!(option, CopyOption::Format(format) if format.value.eq_ignore_ascii_case("parquet"))
        });
        if !parquet || !legacy_options.is_empty() {
            return Err(not_offered("COPY TO a file in a form other than Parquet").with_hint(
                "Write COPY (query) TO 'name.parquet', or use \\copy in psql for text and CSV.",
            ));
        }
        return Ok(Copy::File { query: Box::new(query(source)?), file: filename.clone() });
    }
    let form = form(&options, &legacy_options)?;
    match (to, target, source) {
        (true, CopyTarget::Stdout, source) => {
            Ok(Copy::Out { query: Box::new(query(source)?), form })
        }
        (false, CopyTarget::Stdin, CopySource::Table { table_name, columns }) => {
            let columns = (!columns.is_empty())
                .then(|| columns.iter().map(|column| identifier(&column.to_string())).collect());
            let table = TableReference::parse_str(&table_name.to_string());
            Ok(Copy::In { table, columns, form })
        }
        (_, CopyTarget::Program { .. }, _) => Err(not_offered("COPY with a program")),
        _ => Err(QueryError::new(QueryError::SYNTAX, "COPY was not understood")
            .with_hint("Write COPY table TO STDOUT, or COPY table FROM STDIN.")),
    }
}

/// The SELECT whose rows go out.
fn query(source: CopySource) -> Result<Ast, QueryError> {
    match source {
        CopySource::Query(query) => Ok(Ast::Query(query)),
        CopySource::Table { table_name, columns } => {
            let columns: Vec<_> = columns.iter().map(ToString::to_string).collect();
            let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
            super::parse_select(&format!("SELECT {columns} FROM {table_name}"))
        }
    }
}

fn form(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<CopyForm, QueryError> {
    let is_csv = |option: &CopyOption| matches!(option, CopyOption::Format(format) if format.value.eq_ignore_ascii_case("csv"));
    let csv = options.iter().any(is_csv)
        || legacy.iter().any(|option| matches!(option, CopyLegacyOption::Csv(_)));
    let mut form = if csv { CopyForm::csv() } else { CopyForm::text() };
    for option in options {
        match option {
            CopyOption::Format(format)
                if ["csv", "text"].iter().any(|f| format.value.eq_ignore_ascii_case(f)) => {}
            CopyOption::Format(format) => {
                return Err(not_offered(&format!("COPY in the format {format}"))
                    .with_hint("The formats are text and csv."));
            }
            CopyOption::Delimiter(delimiter) => form.delimiter = byte(*delimiter)?,
            CopyOption::Null(null) => form.null = null.clone(),
            CopyOption::Header(header) => form.header = *header,
            CopyOption::Quote(quote) => form.set_quote(byte(*quote)?)?,
            CopyOption::Escape(escape) => form.set_escape(byte(*escape)?)?,
            CopyOption::Freeze(false) => {}
            CopyOption::Encoding(name)
                if name.replace(['-', '_'], "").eq_ignore_ascii_case("utf8") => {}
            other => return Err(not_offered(&format!("COPY with {other}"))),
        }
    }
    for option in legacy {
        match option {
            CopyLegacyOption::Delimiter(delimiter) => form.delimiter = byte(*delimiter)?,
            CopyLegacyOption::Null(null) => form.null = null.clone(),
            CopyLegacyOption::Header => form.header = true,
            CopyLegacyOption::Csv(options) => {
                for option in options {
                    match option {
                        CopyLegacyCsvOption::Header => form.header = true,
                        CopyLegacyCsvOption::Quote(quote) => form.set_quote(byte(*quote)?)?,
                        CopyLegacyCsvOption::Escape(escape) => form.set_escape(byte(*escape)?)?,
                        other => return Err(not_offered(&format!("COPY with {other}"))),
                    }
                }
            }
            other => return Err(not_offered(&format!("COPY with {other}"))),
        }
    }
    form.check()?;
    Ok(form)
}

fn byte(character: char) -> Result<u8, QueryError> {
    u8::try_from(character).ok().filter(u8::is_ascii).ok_or_else(|| {
        QueryError::new(
            QueryError::NOT_SUPPORTED,
            "delimiter, quote and escape of COPY are single ASCII characters",
        )
    })
}

fn not_offered(what: &str) -> QueryError {
    QueryError::new(QueryError::NOT_SUPPORTED, format!("{what} is not offered"))
}

impl CopyForm {
    fn set_quote(&mut self, quote: u8) -> Result<(), QueryError> {
        self.csv_only("QUOTE")?;
        if let Layout::Csv { quote: old, escape } = &mut self.layout {
            // Unless said otherwise, a quote is escaped by itself.
            if escape == old {
                *escape = quote;
            }
            *old = quote;
        }
        Ok(())
    }

    fn set_escape(&mut self, given: u8) -> Result<(), QueryError> {
        self.csv_only("ESCAPE")?;
        if let Layout::Csv { escape, .. } = &mut self.layout {
            *escape = given;
        }
        Ok(())
    }

    fn csv_only(&self, what: &str) -> Result<(), QueryError> {
        match self.layout {
            Layout::Csv { .. } => Ok(()),
            Layout::Text => Err(not_offered(&format!("COPY with {what} in the text format"))
                .with_hint("Add FORMAT csv.")),
        }
    }

    /// What would make the rows ambiguous.
    fn check(&self) -> Result<(), QueryError> {
        let wrong = |message: &str| Err(QueryError::new("22023", message));
        let unusable: &[u8] = match self.layout {
            Layout::Text => b"\\\r\nabcdefghijklmnopqrstuvwxyz0123456789.",
            Layout::Csv { .. } => b"\r\n",
        };
        if unusable.contains(&self.delimiter) {
            return wrong("this character cannot be the delimiter of COPY");
        }
        if let Layout::Csv { quote, .. } = self.layout
            && quote == self.delimiter
        {
            return wrong("delimiter and quote of COPY must differ");
        }
        if self.null.bytes().any(|byte| byte == self.delimiter || byte == b'\n' || byte == b'\r') {
            return wrong("the NULL of COPY cannot hold the delimiter or an end of line");
        }
        Ok(())
    }
}

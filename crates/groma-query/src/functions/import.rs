//! Reads files into `live`.

use std::path::Path;

use datafusion::error::Result;
use groma_store::LIVE;

use super::arguments::Function;
use crate::table::{Cell, Column, Sheet, Type, column};
use crate::{AskedBy, Import, ImportReport, Listing, QueryError, Role};

pub(super) static FUNCTION: Function = Function {
    name: "import",
    usage: "import(path [, source [, listing [, record]]])",
    doc: "reads a file or folder of the server's machine, or a live source such as machine: or snmp://switch1, into live; what is reported is durable. With listing 'complete' what each source said before and no longer says has ended; that is always so of a live source. What a live source answered is also written to the folder record.",
    arguments_min: 1,
    arguments_max: 4,
    columns: COLUMNS,
    rows: |call, sheet| {
        let path = Path::new(call.text(0).unwrap_or_default());
        let listing = match call.text(2) {
            None | Some("partial") => Listing::Partial,
            Some("complete") => Listing::Complete,
            Some(other) => {
                let reason = format!("\"{other}\" is neither partial nor complete");
                return Err(QueryError::new(QueryError::BAD_VALUE, reason).into());
            }
        };
        let import = Import {
            path,
            source: call.text(1),
            listing,
            record: call.text(3).map(Path::new),
            database: LIVE,
            asked_by: match call.who().door {
                "process" => AskedBy::Owner,
                _ => AskedBy::Client,
            },
        };
        let report = call.change(Role::Operator, |engine| {
            let importer = engine.options().importer.as_ref().ok_or_else(|| {
                QueryError::new(QueryError::NOT_SUPPORTED, "this server does not import files")
            })?;
            Ok(importer.import(engine.shared_world(), &import)?)
        })?;
        write(&report, sheet)
    },
};

/// What an import tells of each thing that it read.
pub(super) const COLUMNS: &[Column] = &[
    column("path", Type::Text, "The file."),
    column("importer", Type::Text, "Which importer knew its form; NULL: none."),
    column("kind", Type::Text, "facts, messages or unknown."),
    column("entities", Type::Integer, "Entities it spoke of."),
    column("facts", Type::Integer, "Facts it gave."),
    column("messages", Type::Integer, "Message records it gave."),
    column("problems", Type::Integer, "Places that could not be understood; see model.problems."),
];

/// The rows of [`COLUMNS`].
pub(super) fn write(report: &ImportReport, sheet: &mut Sheet) -> Result<()> {
    report.files.iter().try_for_each(|file| {
        sheet.push([
            Cell::Text(&file.path),
            if file.importer.is_empty() { Cell::Null } else { Cell::Text(&file.importer) },
            Cell::Text(file.kind),
            Cell::Integer(file.entities as i64),
            Cell::Integer(file.facts as i64),
            Cell::Integer(file.messages as i64),
            Cell::Integer(file.problems as i64),
        ])
    })
}

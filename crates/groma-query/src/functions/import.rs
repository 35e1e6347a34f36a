//! Reads files into `live`.

use std::path::Path;

use super::arguments::Function;
use crate::QueryError;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "import",
    usage: "import(path [, source])",
    doc: "reads a file or folder of the server's machine into live; what is reported is durable.",
    arguments_min: 1,
    arguments_max: 2,
    columns: &[
        column("path", Type::Text, "The file."),
        column("importer", Type::Text, "Which importer knew its form; NULL: none."),
        column("kind", Type::Text, "facts, messages or unknown."),
        column("entities", Type::Integer, "Entities it spoke of."),
        column("facts", Type::Integer, "Facts it gave."),
        column("messages", Type::Integer, "Message records it gave."),
        column(
            "problems",
            Type::Integer,
            "Places that could not be understood; see model.problems.",
        ),
    ],
    rows: |call, sheet| {
        let engine = call.engine();
        let Some(importer) = &engine.options().importer else {
            return Err(QueryError::new(
                QueryError::NOT_SUPPORTED,
                "this server does not import files",
            )
            .into());
        };
        let path = call.text(0).unwrap_or_default();
        let report = importer.import(engine.shared_world(), Path::new(path), call.text(1))?;
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
    },
};

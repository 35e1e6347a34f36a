//! What is wrong in a schema.

use groma_model::split_texts;
use groma_store::StoreError;

use super::arguments::Function;
use crate::QueryError;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "schema_check",
    usage: "schema_check(text)",
    doc: "what is wrong in a site's schema; no rows: it can be applied. Several files are one text with a line #:file NAME before each.",
    arguments_min: 1,
    arguments_max: 1,
    columns: &[
        column("file", Type::Text, "The file."),
        column("line", Type::Integer, "Its line, from 1; NULL: the file as a whole."),
        column("kind", Type::Text, "The kind it is about, if one is."),
        column("attribute", Type::Text, "The attribute it is about, if one is."),
        column("reason", Type::Text, "What is wrong."),
        column("hint", Type::Text, "What to try; NULL: the reason says it all."),
    ],
    rows: |call, sheet| {
        let files = split_texts(call.text(0).unwrap_or_default());
        let checked = call.engine().world().schema_with(&files);
        let errors = match checked {
            Ok(_) => return Ok(()),
            Err(StoreError::Schema { first, others }) => std::iter::once(*first).chain(others),
            Err(other) => return Err(QueryError::from(other).into()),
        };
        for error in errors {
            let cell = |text: Option<String>| text.map_or(Cell::Null, Cell::Owned);
            sheet.push([
                Cell::Owned(error.file),
                error.line.map_or(Cell::Null, |line| Cell::Integer(line as i64)),
                cell(error.kind),
                cell(error.attribute),
                Cell::Owned(error.reason),
                cell(error.hint),
            ])?;
        }
        Ok(())
    },
};

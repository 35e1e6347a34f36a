//! Who said what, and when.

use groma_model::Version;

use crate::changes;
use crate::table::Table;

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "changes",
    doc: "All changes to the database, the oldest first: who said what, when it was heard, and when observed. changes(since) gives the last ones without reading all.",
    columns: changes::COLUMNS,
    rows: |view, sheet| changes::write(view, Version(0), &|_| true, sheet),
};

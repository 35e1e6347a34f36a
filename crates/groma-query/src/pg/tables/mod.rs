//! PostgreSQL's own tables that tell of Groma's tables; what never differs between servers (types,
//! operators, casts, ...) comes from the catalog library.
//!
//! A table lists its columns with what they hold for everything that Groma has; a row names only
//! what is its own.

mod information_schema;
mod pg_attribute;
mod pg_class;
mod pg_collation;
mod pg_constraint;
mod pg_database;
mod pg_description;
mod pg_index;
mod pg_namespace;
pub(super) mod pg_proc;
mod pg_roles;
mod pg_settings;
mod pg_tables;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::error::Result;

use super::relations::Relations;
use crate::View;
use crate::table::{Cell, RowsTable, Sheet, Type, arrow_schema};

/// One of PostgreSQL's tables.
pub(super) struct PgTable {
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    /// Name, type, and the value of a row that does not name it.
    pub(super) columns: &'static [(&'static str, Type, Cell<'static>)],
    pub(super) rows: fn(&Relations, &mut PgRows<'_>) -> Result<()>,
}

/// Where a [`PgTable`] writes its rows.
pub(super) struct PgRows<'a> {
    columns: &'static [(&'static str, Type, Cell<'static>)],
    sheet: &'a mut Sheet,
}

impl PgRows<'_> {
    /// Adds a row: the columns that differ from the table's defaults, in any order.
    ///
    /// # Panics
    /// If the table has no column of a name: a table is wrong, and its test says so.
    fn push<const N: usize>(&mut self, own: [(&str, Cell<'_>); N]) -> Result<()> {
        self.push_after([], own)
    }

    /// As [`PgRows::push`], with columns that several tables name alike in front.
    fn push_after<const S: usize, const N: usize>(
        &mut self,
        shared: [(&str, Cell<'_>); S],
        own: [(&str, Cell<'_>); N],
    ) -> Result<()> {
        let own = || shared.iter().chain(&own);
        for (name, _) in own() {
            assert!(self.columns.iter().any(|(known, ..)| known == name), "no column {name}");
        }
        let cell = |(name, _, default): &(&str, Type, Cell<'static>)| {
            own()
                .find(|(own, _)| own == name)
                .map_or_else(|| default.clone(), |(_, cell)| cell.clone())
        };
        self.sheet.push_row(self.columns.iter().map(cell))
    }
}

/// In the order of their names.
pub(super) static ALL: &[&PgTable] = &[
    &information_schema::COLUMNS,
    &information_schema::KEY_COLUMN_USAGE,
    &information_schema::REFERENTIAL_CONSTRAINTS,
    &information_schema::SCHEMATA,
    &information_schema::TABLE_CONSTRAINTS,
    &information_schema::TABLES,
    &information_schema::VIEWS,
    &pg_attribute::TABLE,
    &pg_roles::MEMBERS,
    &pg_class::TABLE,
    &pg_collation::TABLE,
    &pg_constraint::TABLE,
    &pg_database::TABLE,
    &pg_description::TABLE,
    &pg_index::TABLE,
    &pg_namespace::TABLE,
    &pg_roles::TABLE,
    &pg_settings::TABLE,
    &pg_tables::TABLE,
];

/// The table of this name over a view.
pub(super) fn find(schema: &str, name: &str, view: &Arc<View>) -> Option<Arc<dyn TableProvider>> {
    let table = ALL.iter().find(|table| table.schema == schema && table.name == name)?;
    let view = Arc::clone(view);
    let rows = move |sheet: &mut Sheet| {
        (table.rows)(&Relations::of(&view), &mut PgRows { columns: table.columns, sheet })
    };
    let schema = arrow_schema(table.columns.iter().map(|(name, of, _)| (*name, *of)));
    Some(Arc::new(RowsTable::new(schema, Arc::new(rows))))
}

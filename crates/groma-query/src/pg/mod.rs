//! PostgreSQL's own tables and functions, so that clients find their way.
//!
//! ```text
//! statement --rewrite--> plan over pg_catalog, information_schema
//!                          tables of ours (tables/, over relations) | of the library (types, casts, ...)
//! ```

mod functions;
mod relations;
mod rewrite;
mod tables;
mod to_char;

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{
    CatalogProviderList, MemoryCatalogProviderList, SchemaProvider, TableProvider,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::{PgCatalogSchemaProvider, PgCatalogStaticTables};

use crate::{Engine, QueryError, View};

pub(crate) use rewrite::{asks_catalog, rewrite};

/// Who owns all tables, for clients that ask.
pub(crate) const OWNER: &str = "groma";

/// Schemas whose tables are PostgreSQL's.
pub(crate) const SCHEMAS: [&str; 2] = ["information_schema", "pg_catalog"];

/// What `SELECT version()` says; clients read the first two words.
const VERSION: &str = concat!("PostgreSQL 15.14 (Groma ", env!("CARGO_PKG_VERSION"), ")");

/// Adds the functions that clients call.
pub(crate) fn install(
    context: &SessionContext,
    engine: &Engine,
    database: &str,
    user: &str,
) -> Result<(), QueryError> {
    datafusion_pg_catalog::setup_pg_catalog(context, database, EmptyContextProvider)
        .map_err(|error| *error)?;
    context.register_udf(constant("version", VERSION));
    context.register_udf(constant("session_user", user));
    context.register_udf(constant("user", user));
    to_char::install(context);
    functions::register(context, engine, database);
    Ok(())
}

fn constant(name: &str, value: &str) -> datafusion::logical_expr::ScalarUDF {
    let value = ScalarValue::Utf8(Some(value.to_owned()));
    let answer = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(value.clone()));
    create_udf(name, Vec::new(), DataType::Utf8, Volatility::Immutable, Arc::new(answer))
}

/// `pg_catalog` or `information_schema` of one view.
pub(crate) struct PgSchema {
    view: Arc<View>,
    name: &'static str,
}

impl PgSchema {
    /// The schema of this name, if it is one of PostgreSQL's.
    pub(crate) fn find(view: &Arc<View>, name: &str) -> Option<PgSchema> {
        let name = SCHEMAS.into_iter().find(|known| *known == name)?;
        Some(PgSchema { view: Arc::clone(view), name })
    }
}

impl fmt::Debug for PgSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?}", self.name, self.view)
    }
}

#[async_trait]
impl SchemaProvider for PgSchema {
    fn table_names(&self) -> Vec<String> {
        let own = tables::ALL.iter().filter(|table| table.schema == self.name);
        own.map(|table| table.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = tables::find(self.name, name, &self.view) {
            return Ok(Some(table));
        }
        match (self.name, name) {
            ("pg_catalog", "pg_proc") => {
                tables::pg_proc::table(&relations::Relations::of(&self.view)).map(Some)
            }
            ("pg_catalog", _) => library()?.table(name).await,
            _ => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        tables::ALL.iter().any(|table| (table.schema, table.name) == (self.name, name))
            || self.name == "pg_catalog" && library().is_ok_and(|library| library.table_exist(name))
    }
}

/// What the catalog library knows of every PostgreSQL; over no tables, since ours are told here.
fn library() -> Result<Arc<dyn SchemaProvider>> {
    let none: Arc<dyn CatalogProviderList> = Arc::new(MemoryCatalogProviderList::new());
    Ok(Arc::new(PgCatalogSchemaProvider::try_new(none, static_tables()?, EmptyContextProvider)?))
}

fn static_tables() -> Result<Arc<PgCatalogStaticTables>> {
    static TABLES: OnceLock<Arc<PgCatalogStaticTables>> = OnceLock::new();
    if let Some(tables) = TABLES.get() {
        return Ok(Arc::clone(tables));
    }
    let tables = Arc::new(PgCatalogStaticTables::try_new()?);
    Ok(Arc::clone(TABLES.get_or_init(|| tables)))
}

//! PostgreSQL's own tables and functions, so that clients find their way.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::{CatalogProviderList, MemorySchemaProvider, SchemaProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion_pg_catalog::pg_catalog::catalog_info::CatalogInfo;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::{PgCatalogSchemaProvider, PgCatalogStaticTables};

use crate::catalog::{Databases, PG_CATALOG};
use crate::settings::Accounting;
use crate::{Engine, QueryError};

/// What `SELECT version()` says; clients read the first two words.
const VERSION: &str = concat!("PostgreSQL 16.6 (Groma ", env!("CARGO_PKG_VERSION"), ")");

/// Adds the functions that clients call and gives the tables they read.
pub(crate) fn install(
    context: &SessionContext,
    engine: &Engine,
    database: &str,
) -> Result<Arc<dyn SchemaProvider>, QueryError> {
    datafusion_pg_catalog::setup_pg_catalog(context, database, EmptyContextProvider)
        .map_err(|error| *error)?;
    context.register_udf(constant("version", VERSION));
    let own = OwnDatabase { engine: engine.clone(), database: database.to_owned() };
    Ok(Arc::new(PgCatalogSchemaProvider::try_new(own, static_tables()?, EmptyContextProvider)?))
}

/// A memory pool for queries.
pub(crate) fn runtime_with_memory(bytes: usize) -> Result<Arc<RuntimeEnv>, QueryError> {
    Ok(RuntimeEnvBuilder::new().with_memory_limit(bytes, 1.0).build_arc()?)
}

fn constant(name: &str, value: &'static str) -> datafusion::logical_expr::ScalarUDF {
    let answer = move |_: &[ColumnarValue]| {
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(Some(value.to_owned()))))
    };
    create_udf(name, Vec::new(), DataType::Utf8, Volatility::Immutable, Arc::new(answer))
}

fn static_tables() -> Result<Arc<PgCatalogStaticTables>, QueryError> {
    static TABLES: OnceLock<Arc<PgCatalogStaticTables>> = OnceLock::new();
    if let Some(tables) = TABLES.get() {
        return Ok(Arc::clone(tables));
    }
    let tables = Arc::new(PgCatalogStaticTables::try_new()?);
    Ok(Arc::clone(TABLES.get_or_init(|| tables)))
}

/// All databases by name, but the tables of the session's own only, as PostgreSQL shows them.
#[derive(Clone)]
struct OwnDatabase {
    engine: Engine,
    database: String,
}

impl OwnDatabase {
    /// Without `pg_catalog` itself: its own tables are not listed.
    fn databases(&self) -> Databases {
        Databases::new(
            self.engine.clone(),
            Arc::new(MemorySchemaProvider::new()),
            Accounting::default(),
        )
    }
}

impl fmt::Debug for OwnDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnDatabase({})", self.database)
    }
}

#[async_trait]
impl CatalogInfo for OwnDatabase {
    async fn catalog_names(&self) -> Result<Vec<String>, DataFusionError> {
        Ok(self.databases().catalog_names())
    }

    async fn schema_names(&self, catalog: &str) -> Result<Option<Vec<String>>, DataFusionError> {
        if catalog != self.database {
            return Ok(Some(Vec::new()));
        }
        Ok(self.databases().catalog(catalog).map(|catalog| catalog.schema_names()))
    }

    async fn table_names(
        &self,
        catalog: &str,
        schema: &str,
    ) -> Result<Option<Vec<String>>, DataFusionError> {
        if schema == PG_CATALOG {
            return Ok(Some(Vec::new()));
        }
        let schema = self.databases().catalog(catalog).and_then(|catalog| catalog.schema(schema));
        Ok(schema.map(|schema| schema.table_names()))
    }

    async fn table_schema(
        &self,
        catalog: &str,
        schema: &str,
        table: &str,
    ) -> Result<Option<SchemaRef>, DataFusionError> {
        let Some(schema) =
            self.databases().catalog(catalog).and_then(|catalog| catalog.schema(schema))
        else {
            return Ok(None);
        };
        Ok(schema.table(table).await?.map(|table| table.schema()))
    }

    async fn table_type(
        &self,
        _: &str,
        _: &str,
        _: &str,
    ) -> Result<Option<TableType>, DataFusionError> {
        Ok(Some(TableType::Base))
    }
}

//! Databases, schemas and tables as the SQL engine sees them, pinned for one statement.
//!
//! The first time that a statement names a database, its view is pinned; every later mention
//! sees the same version.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::{DataFusionError, Result};
use groma_model::{Kind, Version};
use groma_store::StoreError;

use crate::kind_table::KindTable;
use crate::pg::{self, PgSchema};
use crate::session::Ledger;
use crate::settings::Accounting;
use crate::table::{RowsTable, Table};
use crate::{Engine, QueryError, Role, View, Who, messages, tables};

/// Who asks, and how the session counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) accounting: Accounting,
    pub(crate) who: Arc<Who>,
    /// Whether it said that it only reads.
    pub(crate) read_only: bool,
}

impl Asker {
    /// For what is shown to all alike.
    pub(crate) fn nobody() -> Asker {
        let nobody = Who { role: Role::Reader, ..Who::owner("") };
        Asker { accounting: Accounting::default(), who: Arc::new(nobody), read_only: true }
    }
}

/// The databases that one statement has named so far, each at one version.
pub(crate) struct Databases {
    engine: Engine,
    pinned: Mutex<HashMap<String, Arc<View>>>,
    /// Why a database that the statement names cannot be seen; the SQL engine only knows that.
    refusal: Mutex<Option<QueryError>>,
    asker: Asker,
    ledger: Arc<Ledger>,
    is_gone: Arc<AtomicBool>,
    /// The last commit of the world before the first of them was named.
    began_at: OnceLock<Version>,
}

impl Databases {
    pub(crate) fn new(engine: Engine, asker: Asker, ledger: Arc<Ledger>) -> Databases {
        let (pinned, refusal, began_at) = (Mutex::default(), Mutex::default(), OnceLock::new());
        let is_gone = Arc::default();
        Databases { engine, pinned, refusal, asker, ledger, is_gone, began_at }
    }

    /// Whoever reads the rows of the statement.
    pub(crate) fn reader(&self) -> Reader {
        self.is_gone.store(false, Relaxed);
        Reader(Arc::clone(&self.is_gone))
    }

    /// Whether whoever read the rows of the statement went away.
    pub(crate) fn is_reader_gone(&self) -> bool {
        self.is_gone.load(Relaxed)
    }

    /// Who asks.
    pub(crate) fn who(&self) -> &Arc<Who> {
        &self.asker.who
    }

    /// Where it is noted what the statement changes.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Refuses to change something where it was said that nothing is written.
    pub(crate) fn may_write(&self, what: &str) -> Result<(), QueryError> {
        if self.asker.read_only { Err(read_only(what)) } else { Ok(()) }
    }

    /// Its name.
    pub(crate) fn user(&self) -> &str {
        &self.asker.who.name
    }

    /// Whether whoever asks now would see the same: nothing has changed since, and nothing that was
    /// named depends on the time.
    pub(crate) fn are_still(&self, asker: &Asker) -> bool {
        if self.asker != *asker {
            return false;
        }
        let pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(began_at) = self.began_at.get() else { return true };
        let world = self.engine.world();
        let is_still = |name: &str, view: &View| {
            let schema = view.snapshot().schema();
            view.is_now()
                && world.database(name).is_ok_and(|now| {
                    now.state() == view.world_database().state()
                        && Arc::ptr_eq(now.snapshot().schema(), schema)
                })
        };
        world.version() == *began_at && pinned.iter().all(|(name, view)| is_still(name, view))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Why a database that was named could not be seen. `None`: all could be.
    pub(crate) fn refusal(&self) -> Option<QueryError> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The pinned view of a database.
    pub(crate) fn view(&self, database: &str) -> Result<Arc<View>, QueryError> {
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = pinned.get(database) {
            return Ok(Arc::clone(view));
        }
        self.began_at.get_or_init(|| self.engine.world().version());
        let view = self.engine.view(database, self.asker.clone())?;
        let schema = view.snapshot().schema();
        if pinned.values().any(|known| !Arc::ptr_eq(known.snapshot().schema(), schema)) {
            return Err(StoreError::SchemaChanged.into());
        }
        pinned.insert(database.to_owned(), Arc::clone(&view));
        Ok(view)
    }
}

/// Whoever reads the rows of a statement, until it is dropped.
pub(crate) struct Reader(Arc<AtomicBool>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// That something cannot be changed inside of a transaction that only reads.
pub(crate) fn read_only(what: &str) -> QueryError {
    let reason = format!("cannot execute {what} in a read-only transaction");
    QueryError::new(QueryError::READ_ONLY, reason)
        .with_hint("Say BEGIN READ WRITE, or SET default_transaction_read_only = off.")
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Databases")
    }
}

impl CatalogProviderList for Databases {
    fn register_catalog(
        &self,
        _: String,
        _: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.engine.databases().iter().map(|database| database.name().to_string()).collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let refuse = |error| {
            self.refusal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        };
        let view = self.view(name).map_err(refuse).ok()?;
        Some(Arc::new(Database { view }))
    }
}

#[derive(Debug)]
struct Database {
    view: Arc<View>,
}

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        schema_names(&self.view)
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if let Some(schema) = PgSchema::find(&self.view, name) {
            return Some(Arc::new(schema));
        }
        let layer = Layer { view: Arc::clone(&self.view), name: name.to_owned() };
        schema_names(&self.view).iter().any(|known| known == name).then(|| Arc::new(layer) as _)
    }
}

/// The layers of the model, the derived schemas, and `public`, where table functions are at home.
pub(crate) fn schema_names(view: &View) -> Vec<String> {
    let layers = view.snapshot().schema().kinds().iter().map(|kind| kind.layer().to_owned());
    let derived = tables::ALL.iter().map(|table| table.schema.to_owned());
    let others = ["public", messages::SCHEMA].into_iter().chain(pg::SCHEMAS).map(str::to_owned);
    layers
        .chain(derived)
        .chain(others)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[derive(Debug)]
struct Layer {
    view: Arc<View>,
    name: String,
}

impl Layer {
    fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.view.snapshot().schema().kinds().iter().filter(|kind| kind.layer() == self.name)
    }

    fn tables(&self) -> impl Iterator<Item = &'static &'static Table> {
        tables::ALL.iter().filter(|table| table.schema == self.name)
    }
}

#[async_trait]
impl SchemaProvider for Layer {
    fn table_names(&self) -> Vec<String> {
        let kinds = self.kinds().map(|kind| (kind.noun().to_owned(), ()));
        let tables = self.tables().map(|table| (table.name.to_owned(), ()));
        let messages = (self.name == messages::SCHEMA).then(|| (messages::NAME.to_owned(), ()));
        kinds.chain(tables).chain(messages).collect::<BTreeMap<_, _>>().into_keys().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if let Some(kind) = self.kinds().find(|kind| kind.noun() == name) {
            return Ok(Some(Arc::new(KindTable::new(Arc::clone(&self.view), kind.id))));
        }
        if let Some(table) = self.tables().find(|table| table.name == name) {
            let (view, rows) = (Arc::clone(&self.view), table.rows);
            let rows = Arc::new(move |sheet: &mut _| rows(&view, sheet));
            return Ok(Some(Arc::new(RowsTable::new(table.arrow_schema(), rows))));
        }
        if self.name == messages::SCHEMA && name == messages::NAME {
            return messages::table(&self.view).await.map(Some);
        }
        Ok(None)
    }

    async fn table_type(&self, _name: &str) -> Result<Option<TableType>> {
        Ok(Some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}

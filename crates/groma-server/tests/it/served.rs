//! A server on a free port over a new data folder, gone at the end of the test.

use std::net::SocketAddr;
use std::path::Path;

use groma_server::{ServeConfig, Server, Sources, Store, StoreOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

/// A few facts: enough to join, to fork and to compare.
pub(crate) const WORLD: &str = "
    INSERT INTO service.farm (id, balancing) VALUES ('orders', 'round_robin'), ('bills', 'round_robin');
    INSERT INTO service.instance (id, farm) VALUES ('orders-1', 'orders'), ('orders-2', 'orders'),
        ('bills-1', 'bills');
";

pub(crate) struct Served {
    runtime: Runtime,
    pub(crate) address: SocketAddr,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) sources: Sources,
    folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    ended: Option<JoinHandle<()>>,
}

impl Served {
    pub(crate) fn empty(config: ServeConfig) -> Served {
        Served::with(config, StoreOptions::default(), |_| ())
    }

    /// `prepare` gets the data folder before anything is opened in it.
    pub(crate) fn with(
        config: ServeConfig,
        options: StoreOptions,
        prepare: impl FnOnce(&Path),
    ) -> Served {
        let folder = TempDir::new().unwrap();
        prepare(folder.path());
        let store = Store::open(folder.path(), options).unwrap();
        let runtime = Runtime::new().unwrap();
        let config = ServeConfig { listen: "127.0.0.1:0".parse().unwrap(), ..config };
        let server = runtime.block_on(Server::bind(store, &config)).unwrap();
        let (address, http) = (server.address(), server.http_address());
        let sources = server.sources();
        let (stop, stopped) = oneshot::channel();
        let ended = runtime.spawn(async move { server.run(async { drop(stopped.await) }).await });
        Served { runtime, address, http, sources, folder, stop: Some(stop), ended: Some(ended) }
    }

    /// With the small world in `live`.
    pub(crate) fn world() -> Served {
        let served = Served::empty(ServeConfig::default());
        served.run(async |served| served.client("live").await.batch_execute(WORLD).await.unwrap());
        served
    }

    pub(crate) fn run<T>(&self, work: impl AsyncFnOnce(&Served) -> T) -> T {
        self.runtime.block_on(work(self))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn client(&self, database: &str) -> Client {
        self.connect(database).await.unwrap()
    }

    /// As a user with a password.
    pub(crate) async fn connect_as(
        &self,
        user: &str,
        password: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let port = self.address.port();
        let config =
            format!("host=127.0.0.1 port={port} user={user} password={password} dbname=live");
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    pub(crate) async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let config =
            format!("host=127.0.0.1 port={} user=tester dbname={database}", self.address.port());
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Stops it, and gives the folder.
    pub(crate) fn stop(mut self) -> TempDir {
        self.end();
        std::mem::replace(&mut self.folder, TempDir::new().unwrap())
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(ended) = self.ended.take() {
            self.runtime.block_on(ended).unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end();
    }
}

//! The server that holds the store.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Result;
use futures::{TryStreamExt as _, pin_mut};
use groma_server::Running;
use tokio::runtime::Runtime;
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::{Ask, Column, Heard, Refusal, in_one_line};

/// How long a server may take to accept; it is on this machine.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// Answers through the PostgreSQL wire.
pub(crate) struct Wire {
    address: SocketAddr,
    /// What lets in whoever may read the data folder.
    secret: Option<String>,
    runtime: Runtime,
    clients: BTreeMap<String, Client>,
}

impl Wire {
    /// `None`: nobody listens there; the file that named it was left by a dead server.
    pub(crate) fn to(running: &Running) -> Option<Wire> {
        let address = running.address;
        TcpStream::connect_timeout(&address, CONNECT_PATIENCE).ok()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .ok()?;
        Some(Wire { address, secret: running.secret.clone(), runtime, clients: BTreeMap::new() })
    }

    fn client(&mut self, database: &str) -> Result<&Client> {
        if !self.clients.contains_key(database) {
            let mut config = Config::new();
            config.host(self.address.ip().to_string()).port(self.address.port());
            config.user("groma").dbname(database).application_name("groma");
            if let Some(secret) = &self.secret {
                config.password(secret);
            }
            let connected = self.runtime.block_on(config.connect(NoTls));
            let (client, connection) = connected.map_err(|error| refusal(&error))?;
            self.runtime.spawn(async move {
                // Its error is given to whoever asks next.
                let _ = connection.await;
            });
            self.clients.insert(database.to_owned(), client);
        }
        Ok(&self.clients[database])
    }
}

impl Ask for Wire {
    fn ask(
        &mut self,
        database: &str,
        sql: &str,
        hear: &mut dyn FnMut(Heard) -> Result<()>,
    ) -> Result<()> {
        self.client(database)?;
        let client = &self.clients[database];
        self.runtime.block_on(async {
            // Only a statement alone can be prepared, and only that tells the types.
            let types: Vec<String> = match client.prepare(sql).await {
                Ok(prepared) => {
                    prepared.columns().iter().map(|column| column.type_().name().into()).collect()
                }
                Err(_) => Vec::new(),
            };
            let messages = client.simple_query_raw(sql).await.map_err(|error| refusal(&error))?;
            pin_mut!(messages);
            while let Some(message) = messages.try_next().await.map_err(|error| refusal(&error))? {
                hear(heard(message, &types))?;
            }
            Ok(())
        })
    }
}

fn heard(message: SimpleQueryMessage, types: &[String]) -> Heard {
    match message {
        SimpleQueryMessage::RowDescription(columns) => {
            let column = |(index, name): (usize, &str)| Column {
                name: name.to_owned(),
                of: types.get(index).cloned().unwrap_or_else(|| "text".into()),
            };
            let names = columns.iter().map(|column| column.name());
            Heard::Columns(names.enumerate().map(column).collect())
        }
        SimpleQueryMessage::Row(row) => {
            Heard::Row((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect())
        }
        SimpleQueryMessage::CommandComplete(count) => Heard::Done(format!("done ({count})")),
        _ => Heard::Done("done".into()),
    }
}

fn refusal(error: &tokio_postgres::Error) -> Refusal {
    let Some(refused) = error.as_db_error() else {
        return Refusal::new(in_one_line(error), Some("See whether the server still runs.".into()));
    };
    Refusal {
        message: refused.message().to_owned(),
        detail: refused.detail().map(str::to_owned),
        hint: refused.hint().map(str::to_owned),
        position: match refused.position() {
            Some(ErrorPosition::Original(position)) => usize::try_from(*position).ok(),
            _ => None,
        },
    }
}

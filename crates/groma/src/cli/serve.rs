//! `groma serve`: the PostgreSQL wire.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use groma_server::{
    CONNECTIONS_MAX, DEFAULT_ADDRESS, ServeConfig, Server, SourceConfig, Sources, Store,
    StoreOptions, TlsFiles,
};
use tokio::signal::unix::{SignalKind, signal};

use super::{Answered, Groma, remark, say};
use crate::ask::{Refusal, in_one_line};

/// Serve the store to psql and every PostgreSQL client, until SIGINT or SIGTERM
///
/// Without users whoever is on this machine may do all, and nobody else may come in. With users (groma
/// user add) all are asked for a password, and other machines may come in over TLS.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Then: psql -h 127.0.0.1 -p 5433 -d live")]
pub(super) struct Args {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_ADDRESS)]
    pub(super) listen: SocketAddr,
    /// Where to listen for HTTP, such as 127.0.0.1:5480. Default: nowhere
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    /// How many clients may be connected at the same time
    #[arg(long, value_name = "CLIENTS", default_value_t = CONNECTIONS_MAX,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) connections: u16,
    /// Certificate for TLS, in PEM, with those it hangs on behind it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM, readable by its owner alone
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Most memory that queries may use together, such as 2GiB. Default: no bound
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    memory: Option<usize>,
    /// Most memory that one query may use
    #[arg(long, value_name = "SIZE", value_parser = read_size, default_value = "2GiB")]
    query_memory: usize,
    /// How long a statement may take, such as 5min; a user and a session may set their own. Default:
    /// no bound
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    statement_timeout: Option<Duration>,
    /// How long a client may say nothing. Default: as long as it wants
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    idle_timeout: Option<Duration>,
    /// Sources to ask again and again: a TOML file, read again at SIGHUP
    #[arg(long, value_name = "FILE")]
    sources: Option<PathBuf>,
    /// How long to keep what was known, such as 30d; what was known longer ago is given up in the
    /// background. Default: for ever
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    retain: Option<Duration>,
}

/// As without any flag, for the verbs that serve at their end.
#[derive(clap::Parser)]
struct Alone {
    #[command(flatten)]
    args: Args,
}

impl Args {
    /// Everything by default but the address.
    pub(super) fn at(listen: SocketAddr) -> Args {
        Args { listen, ..Alone::parse_from(["groma"]).args }
    }

    pub(super) fn store_options(&self) -> StoreOptions {
        StoreOptions {
            memory_bytes_max: self.memory,
            query_memory_bytes_max: Some(self.query_memory),
            statement_timeout: self.statement_timeout,
            ..StoreOptions::default()
        }
    }

    fn config(&self) -> Result<ServeConfig> {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        Ok(ServeConfig {
            listen: self.listen,
            http: self.http,
            connections_max: self.connections.into(),
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            idle_timeout: self.idle_timeout,
            sources: match &self.sources {
                Some(file) => read_sources(file)?,
                None => Vec::new(),
            },
            retain: self.retain,
            ..ServeConfig::default()
        })
    }
}

fn read_sources(file: &Path) -> Result<Vec<SourceConfig>, Refusal> {
    SourceConfig::read(file).map_err(|error| Refusal::new(error.to_string(), Some(error.hint())))
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let config = args.config()?;
    let store = Store::open(&groma.folder, args.store_options())
        .map_err(|error| Refusal::of_store(&error))?;
    serve_as(store, args, &config)
}

/// Serves in the foreground until a signal asks to stop.
pub(super) fn serve(store: Store, args: &Args) -> Result<Answered> {
    serve_as(store, args, &args.config()?)
}

fn serve_as(store: Store, args: &Args, config: &ServeConfig) -> Result<Answered> {
    if let Some(repaired) = store.repaired() {
        remark(repaired);
    }
    let runtime = tokio::runtime::Runtime::new().context("starting threads")?;
    runtime.block_on(async {
        let server = Server::bind(store, config)
            .await
            .map_err(|error| Refusal::new(in_one_line(&error), error.hint()))?;
        let address = server.address();
        if !server.asks_for_passwords() {
            remark("there are no users: whoever is on this machine may read and write (groma user add)");
        }
        let mut terminate = signal(SignalKind::terminate()).context("listening for signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for signals")?;
        let host = if address.ip().is_unspecified() {
            "127.0.0.1".to_owned()
        } else {
            address.ip().to_string()
        };
        say(&format!("listening at {address}; try: psql -h {host} -p {} -d live", address.port()))?;
        if let Some(http) = server.http_address() {
            let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
            say(&format!("listening at {scheme}://{http}; try: curl {scheme}://{http}/openapi.json"))?;
        }
        if let Some(file) = args.sources.clone() {
            remark(&format!("{} sources are asked; see model.sources", config.sources.len()));
            tokio::spawn(follow(file, server.sources()));
        }
        server
            .run(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            })
            .await;
        Ok(Answered::Well)
    })
}

/// Reads the file of sources again at each SIGHUP. A wrong one changes nothing.
async fn follow(file: PathBuf, sources: Sources) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        match SourceConfig::read(&file) {
            Ok(read) => {
                remark(&format!("{} sources are asked from now on", read.len()));
                sources.set(read);
            }
            Err(error) => remark(&format!("the sources stay as they were: {error}")),
        }
    }
}

/// `500ms`, `30s`, `5min`, `1h`.
/// `500ms`, `30s`, `5min`, `1h`, `30d`, `8w`.
fn read_time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 =
        digits.trim().parse().map_err(|_| "it is not a time such as 30s or 5min".to_owned())?;
    let milliseconds: u64 = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        other => return Err(format!("\"{other}\" is not a unit such as s or min")),
    };
    match number.checked_mul(milliseconds) {
        None => Err("it is too long".into()),
        Some(0) => Err("it is no time at all".into()),
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
    }
}

/// `2GiB`, `500MB`, `1000000`.
fn read_size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: usize = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        other => return Err(format!("\"{other}\" is not a unit such as MiB or GiB")),
    };
    let count: usize =
        digits.trim().parse().map_err(|_| "it is not a size such as 2GiB".to_owned())?;
    count.checked_mul(unit).ok_or_else(|| "it is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(read_size("2GiB"), Ok(2 << 30));
        assert_eq!(read_size("500MB"), Ok(500_000_000));
        assert_eq!(read_size("7"), Ok(7));
        assert!(read_size("2 parsecs").is_err());
        assert!(read_size("99999999999GiB").is_err());
        assert_eq!(read_time("5min"), Ok(Duration::from_secs(300)));
        assert!(read_time("5").is_err() && read_time("0s").is_err() && read_time("soon").is_err());
    }
}

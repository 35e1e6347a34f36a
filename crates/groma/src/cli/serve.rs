//! `groma serve`: the PostgreSQL wire.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use groma_server::{CONNECTIONS_MAX, DEFAULT_ADDRESS, ServeConfig, Server, Store, StoreOptions};
use tokio::signal::unix::{SignalKind, signal};

use super::{Answered, Groma, remark, say};
use crate::ask::{Refusal, in_one_line};

/// Serve the store to psql and every PostgreSQL client, until SIGINT or SIGTERM
///
/// Nobody is asked for a password yet: whoever reaches the address may read and write. It is therefore
/// a loopback address unless --listen names another one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Then: psql -h 127.0.0.1 -p 5433 -d live")]
pub(super) struct Args {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_ADDRESS)]
    pub(super) listen: SocketAddr,
    /// How many clients may be connected at the same time
    #[arg(long, value_name = "CLIENTS", default_value_t = CONNECTIONS_MAX,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) connections: u16,
    /// Most memory that queries may use together, such as 2GiB. Default: no bound
    #[arg(long, value_name = "SIZE", value_parser = read_size)]
    pub(super) memory: Option<usize>,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    let options = StoreOptions { memory_bytes_max: args.memory, ..StoreOptions::default() };
    let store = Store::open(&groma.folder, options).map_err(|error| Refusal::of_store(&error))?;
    serve(store, args)
}

/// Serves in the foreground until a signal asks to stop.
pub(super) fn serve(store: Store, args: &Args) -> Result<Answered> {
    if let Some(repaired) = store.repaired() {
        remark(repaired);
    }
    let config = ServeConfig { listen: args.listen, connections_max: args.connections.into() };
    let runtime = tokio::runtime::Runtime::new().context("starting threads")?;
    runtime.block_on(async {
        let server = Server::bind(store, &config)
            .await
            .map_err(|error| Refusal::new(in_one_line(&error), error.hint()))?;
        let address = server.address();
        if !address.ip().is_loopback() {
            remark(&format!(
                "warning: {address} can be reached from other machines, and nobody is asked for a password yet"
            ));
        }
        let mut terminate = signal(SignalKind::terminate()).context("listening for signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for signals")?;
        let host = if address.ip().is_unspecified() {
            "127.0.0.1".to_owned()
        } else {
            address.ip().to_string()
        };
        say(&format!("listening at {address}; try: psql -h {host} -p {} -d live", address.port()))?;
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
    }
}

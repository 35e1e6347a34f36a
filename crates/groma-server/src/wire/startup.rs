//! How a client comes in: protocol, a place, its database, its settings.

use std::fmt::Debug;

use async_trait::async_trait;
use futures::Sink;
use groma_query::Session;
use pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use pgwire::api::{
    ClientInfo, METADATA_DATABASE, METADATA_USER, PidSecretKeyGenerator,
    RandomPidSecretKeyGenerator,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::Startup;
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use std::sync::{Arc, LazyLock};

use super::Door;
use super::connection::Connection;
use super::error::{to_wire_fatal, turned_away};

/// The database of a client that names none.
const DEFAULT_DATABASE: &str = "live";
/// What clients take us for: they choose their catalog queries by it.
const SERVER_VERSION: &str = concat!("15.14 (groma ", env!("CARGO_PKG_VERSION"), ")");

static KEYS: LazyLock<RandomPidSecretKeyGenerator> =
    LazyLock::new(RandomPidSecretKeyGenerator::default);

#[async_trait]
impl StartupHandler for Door {
    async fn on_startup<C>(
        &self,
        client: &mut C,
        message: PgWireFrontendMessage,
    ) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let PgWireFrontendMessage::Startup(startup) = message else {
            return Err(turned_away(
                "08P01",
                "a startup message was expected".into(),
                "No password is asked for yet.".into(),
            ));
        };
        protocol_negotiation(client, &startup).await?;
        save_startup_parameters_to_metadata(client, &startup);
        let connection = self.let_in(client, &startup).await?;

        let (pid, secret) = KEYS.generate(client);
        client.set_pid_and_secret_key(pid, secret.clone());
        let registered = self.registry.register(pid, &secret.to_bytes(), connection);
        client.session_extensions().insert(registered);

        let mut parameters = DefaultServerParameterProvider::default();
        parameters.server_version = SERVER_VERSION.to_owned();
        parameters.is_superuser = false;
        finish_authentication(client, &parameters).await
    }
}

impl Door {
    async fn let_in<C: ClientInfo>(
        &self,
        client: &C,
        startup: &Startup,
    ) -> PgWireResult<Connection> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(turned_away(
                "53300",
                format!("all {} connections are in use", self.places_max),
                "Close one, or start the server with a larger --connections.".into(),
            ));
        };
        let named = |key| client.metadata().get(key).map(String::as_str).filter(|v| !v.is_empty());
        let database = named(METADATA_DATABASE).unwrap_or(DEFAULT_DATABASE);
        let user = named(METADATA_USER).unwrap_or("groma");
        let session = self.engine.session(database, user).map_err(|error| to_wire_fatal(&error))?;
        apply_settings(&session, startup).await?;
        Ok(Connection::new(session, self.engine_threads.clone(), place))
    }
}

/// Settings that came with the startup: `statement_timeout`, and `options=-c name=value`.
async fn apply_settings(session: &Session, startup: &Startup) -> PgWireResult<()> {
    let options = startup.parameters.get("options").map(|options| read_options(options));
    let direct = startup.parameters.get("statement_timeout");
    let settings = (options.into_iter().flatten())
        .chain(direct.map(|value| ("statement_timeout".to_owned(), value.clone())));
    for (name, value) in settings {
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
            return Err(turned_away(
                "22023",
                format!("\"{name}\" is not the name of a setting"),
                "Write options as -c name=value.".into(),
            ));
        }
        let set = format!("SET {name} = '{}'", value.replace('\'', "''"));
        session.execute(&set).await.map_err(|error| to_wire_fatal(&error))?;
    }
    Ok(())
}

/// `-c a=1 -cb=2 --c=3` as pairs; what is not of this form is passed over, as libpq's are.
fn read_options(options: &str) -> Vec<(String, String)> {
    let mut words = options.split_whitespace();
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            Some("") => words.next(),
            other => other,
        };
        if let Some((name, value)) = setting.and_then(|setting| setting.split_once('=')) {
            settings.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_all_their_spellings() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read_options("-c statement_timeout=500 -cgeqo=off --lock-timeout=1s -x junk"),
            [pair("statement_timeout", "500"), pair("geqo", "off"), pair("lock_timeout", "1s")]
        );
    }
}

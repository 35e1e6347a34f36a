//! How a client comes in: protocol, who it is, a place, its database, its settings.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use futures::{Sink, SinkExt};
use groma_query::{Engine, Notice, QueryError, Role, Session, Standing, Who};
use pgwire::api::auth::sasl::SCRAM_SHA_256_METHOD;
use pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use pgwire::api::{
    ClientInfo, METADATA_DATABASE, METADATA_USER, PgWireConnectionState, PidSecretKeyGenerator,
    RandomPidSecretKeyGenerator,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::{Authentication, PasswordMessageFamily};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use super::Door;
use super::attend::Origin;
use super::connection::Connection;
use super::error::{to_wire_fatal, turned_away};
use crate::users::{Check, Exchange, OWNER, Unproven};
use crate::work::{self, Limits};

/// The database of a client that names none.
const DEFAULT_DATABASE: &str = "live";
/// What clients take us for: they choose their catalog queries by it.
const SERVER_VERSION: &str = concat!("15.14 (groma ", env!("CARGO_PKG_VERSION"), ")");

static KEYS: LazyLock<RandomPidSecretKeyGenerator> =
    LazyLock::new(RandomPidSecretKeyGenerator::default);

/// How far the proof of a password is.
type Proof = Mutex<Option<(Exchange, Option<&'static str>)>>;

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
        match message {
            PgWireFrontendMessage::Startup(startup)
                if matches!(client.state(), PgWireConnectionState::AwaitingStartup) =>
            {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                let is_local =
                    client.session_extensions().get::<Origin>().is_some_and(|from| from.is_local);
                self.refuse_clear_text(client, is_local)?;
                if !self.users.is_empty() {
                    client.set_state(PgWireConnectionState::AuthenticationInProgress);
                    let offered = Authentication::SASL(vec![SCRAM_SHA_256_METHOD.to_owned()]);
                    client.send(PgWireBackendMessage::Authentication(offered)).await?;
                    return Ok(());
                }
                if !is_local {
                    return Err(turned_away(
                        "28000",
                        "there are no users yet, and without users only this machine may come in"
                            .into(),
                        "On the server: groma user add name --role reader.".into(),
                    ));
                }
                self.let_in(client, Role::Admin, Standing::Unasked).await
            }
            PgWireFrontendMessage::PasswordMessageFamily(message)
                if matches!(client.state(), PgWireConnectionState::AuthenticationInProgress) =>
            {
                self.prove(client, message).await
            }
            _ => Err(turned_away(
                "08P01",
                "a startup message or a password was expected".into(),
                "See whether the client speaks PostgreSQL's protocol 3 and SCRAM-SHA-256.".into(),
            )),
        }
    }
}

impl Door {
    fn refuse_clear_text<C: ClientInfo>(&self, client: &C, is_local: bool) -> PgWireResult<()> {
        if self.tls.is_some() && !client.is_secure() && !is_local {
            return Err(turned_away(
                "28000",
                "other machines may come in over TLS only".into(),
                "Connect with sslmode=require, or better verify-full.".into(),
            ));
        }
        Ok(())
    }

    /// One message of SCRAM.
    async fn prove<C>(&self, client: &mut C, message: PasswordMessageFamily) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let name = named(client, METADATA_USER).unwrap_or_default().to_owned();
        let proof = client.session_extensions().get_or_insert_with(Proof::default);
        let begun = proof.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((exchange, barred)) = begun else {
            let first = message.into_sasl_initial_response()?;
            let Check { verifier, barred } = match &self.owner {
                Some(owner) if name == OWNER => Check { verifier: owner.clone(), barred: None },
                _ => self.users.check(&name),
            };
            let data = first.data.as_deref().unwrap_or_default();
            let begun = match first.auth_method.as_str() {
                SCRAM_SHA_256_METHOD => Exchange::begin(verifier, data),
                _ => Err(Unproven::Malformed("only SCRAM-SHA-256 is offered")),
            };
            let exchange = match begun {
                Ok(exchange) => exchange,
                Err(why) => return Err(self.unproven(client, &name, why).await),
            };
            let challenge = Authentication::SASLContinue(exchange.challenge().to_owned().into());
            *proof.lock().unwrap_or_else(PoisonError::into_inner) = Some((exchange, barred));
            client.send(PgWireBackendMessage::Authentication(challenge)).await?;
            return Ok(());
        };
        let last = message.into_sasl_response()?;
        let own = match exchange.finish(&last.data) {
            Ok(own) => own,
            Err(why) => return Err(self.unproven(client, &name, why).await),
        };
        if let Some(reason) = barred {
            return Err(turned_away(
                QueryError::NOT_LET_IN,
                format!("role \"{name}\" {}", reason.split(';').next().unwrap_or_default()),
                format!("Ask an admin: it {reason}."),
            ));
        }
        let end = Authentication::SASLFinal(own.into());
        client.feed(PgWireBackendMessage::Authentication(end)).await?;
        let (role, standing) = match name.as_str() {
            OWNER => (Role::Admin, Standing::Owner),
            _ => (self.users.role_of(&name), Standing::Listed),
        };
        self.let_in(client, role, standing).await
    }

    /// Tells of a failure, later and later.
    async fn unproven<C: ClientInfo>(&self, client: &C, name: &str, why: Unproven) -> PgWireError {
        let wait = self.guard.failed(client.socket_addr().ip(), Instant::now());
        tokio::time::sleep(wait).await;
        match why {
            Unproven::Wrong => turned_away(
                "28P01",
                format!("password authentication failed for user \"{name}\""),
                "See whether name and password are right; each failure makes the next one slower."
                    .into(),
            ),
            Unproven::Malformed(reason) => turned_away(
                "08P01",
                reason.to_owned(),
                "See whether the client knows SCRAM-SHA-256.".into(),
            ),
        }
    }

    /// Gives a place and a session.
    async fn let_in<C>(&self, client: &mut C, role: Role, standing: Standing) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(turned_away(
                "53300",
                format!("all {} connections are in use", self.places_max),
                "Close one, or start the server with a larger --connections.".into(),
            ));
        };
        let who = Who {
            name: named(client, METADATA_USER).unwrap_or(OWNER).to_owned(),
            role,
            standing,
            door: "wire",
            client: client.socket_addr().ip().to_string(),
        };
        let is_admin = role == Role::Admin;
        let database = named(client, METADATA_DATABASE).unwrap_or(DEFAULT_DATABASE).to_owned();
        let engine = self.engine.clone();
        // A database of the past may have to be made from the journal first.
        let (_cancel, limits) = Limits::begin(None);
        let open = async move { open(&engine, &database, who) };
        let session = work::run(&self.engine_threads, &limits, open).await;
        let session = session.map_err(|error| to_wire_fatal(&error))?;
        apply_settings(&session, client.metadata()).await?;
        let (threads, metrics) = (self.engine_threads.clone(), Arc::clone(&self.metrics.wire));
        let connection = Connection::new(session, threads, metrics, place);

        let (pid, secret) = KEYS.generate(client);
        client.set_pid_and_secret_key(pid, secret.clone());
        let registered = self.registry.register(pid, &secret.to_bytes(), connection);
        client.session_extensions().insert(registered);

        let mut parameters = DefaultServerParameterProvider::default();
        parameters.server_version = SERVER_VERSION.to_owned();
        parameters.is_superuser = is_admin;
        finish_authentication(client, &parameters).await
    }
}

/// A session in the database that was named; a notice is told with the first statement. Clients that
/// name none send the user's name, and `psql -l` goes to `postgres`: where there is no such database,
/// they are led to `live`.
fn open(engine: &Engine, database: &str, who: Who) -> Result<Session, QueryError> {
    let unsaid = database == who.name || ["postgres", "template1"].contains(&database);
    match engine.session_for(database, who.clone()) {
        Err(error) if unsaid && error.sqlstate() == QueryError::NO_DATABASE => {
            let session = engine.session_for(DEFAULT_DATABASE, who)?;
            session.notice(Notice {
                severity: "NOTICE",
                sqlstate: "00000",
                message: format!(
                    "there is no database \"{database}\"; you are in \"{DEFAULT_DATABASE}\""
                ),
                hint: None,
            });
            Ok(session)
        }
        opened => opened,
    }
}

fn named<'a, C: ClientInfo>(client: &'a C, key: &str) -> Option<&'a str> {
    client.metadata().get(key).map(String::as_str).filter(|value| !value.is_empty())
}

/// Settings that came with the startup: `statement_timeout`, and `options=-c name=value`.
async fn apply_settings(
    session: &Session,
    parameters: &HashMap<String, String>,
) -> PgWireResult<()> {
    let options = parameters.get("options").map(|options| read_options(options));
    let direct = parameters.get("statement_timeout");
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

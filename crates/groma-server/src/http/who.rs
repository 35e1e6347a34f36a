//! Who asks over HTTP: a token, or without users whoever is on this machine and is no web page.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, AUTHORIZATION, HOST, ORIGIN};
use axum::http::request::Parts;
use groma_query::{Role, Standing, Who};

use super::encode::Form;
use super::listen::Peer;
use super::problem::Problem;
use crate::users::OWNER;
use crate::wire::Door;

/// A request that may be answered: for whom, and in which form.
pub(super) struct Asking {
    pub(super) who: Who,
    /// `None`: the client takes none that we have.
    pub(super) form: Option<Form>,
}

impl FromRequestParts<Arc<Door>> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Asking, Problem> {
        let ConnectInfo(peer) = ConnectInfo::<Peer>::from_request_parts(parts, door)
            .await
            .map_err(|_| Problem::new("XX000", "the request comes from nowhere"))?;
        let found = if door.users.is_empty() {
            without_users(&parts.headers, &peer)
        } else {
            by_token(&parts.headers, &peer, door).await
        };
        let who =
            found.inspect_err(|problem| door.note_http(&problem.sqlstate, problem.title()))?;
        let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        Ok(Asking { who, form: Form::by_accept(accept.unwrap_or_default()) })
    }
}

fn without_users(headers: &HeaderMap, peer: &Peer) -> Result<Who, Problem> {
    if !peer.is_local {
        let title = "there are no users yet, and without users only this machine may ask";
        return Err(Problem::new("28000", title).with_hint(
            "On the server: groma user add name --role reader, and groma user token name.",
        ));
    }
    // A page that a browser of this machine shows is not this machine: it may neither send us
    // requests of its own nor give our address a name of its own.
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (host, origin) = (text(HOST), text(ORIGIN));
    let own_origin =
        ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host));
    if !is_literal(host) || !(origin.is_empty() || own_origin) {
        return Err(Problem::new("42501", "a web page may not ask without a token")
            .with_hint("Ask by address (http://127.0.0.1:...), or add users and use a token."));
    }
    Ok(Who {
        name: OWNER.into(),
        role: Role::Admin,
        standing: Standing::Unasked,
        door: "http",
        client: peer.ip.to_string(),
    })
}

/// Whether a host is `localhost` or an address, so that no name server was asked for it.
fn is_literal(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

async fn by_token(headers: &HeaderMap, peer: &Peer, door: &Door) -> Result<Who, Problem> {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let hint = "Send Authorization: Bearer groma_...; groma user token name makes one.";
    let Some(token) = given else {
        return Err(Problem::new("28000", "a token is needed").with_hint(hint));
    };
    match door.users.of_token(token.trim()) {
        Some((name, role)) => {
            let client = peer.ip.to_string();
            Ok(Who { name, role, standing: Standing::Listed, door: "http", client })
        }
        None => {
            tokio::time::sleep(door.guard.failed(peer.ip, Instant::now())).await;
            let title = "the token is not known or has ended";
            Err(Problem::new("28P01", title).with_hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_no_addresses() {
        for host in ["localhost:1", "127.0.0.1:80", "[::1]:80", "10.0.0.1"] {
            assert!(is_literal(host), "{host}");
        }
        for host in ["", "evil.example", "127.0.0.1.evil.example:80", "localhost.evil"] {
            assert!(!is_literal(host), "{host}");
        }
    }
}

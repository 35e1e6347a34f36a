//! NetBox: what a site means to have.
//!
//! Asked as `netbox+https://netbox.example.org`, or read from JSON: pages of its REST interface saved to files, in any
//! layout, since each object names itself by its `url`. **Hears** sites, locations, racks, devices, interfaces, cables
//! (patch panels are passed through where NetBox traced them), addresses, prefixes, VLANs, virtual machines.
//!
//! **Needs** a token that may read (`NETBOX_TOKEN`, or `token` in the file of `GROMA_CREDENTIALS`), over TLS; plain HTTP
//! only to the machine itself. Where `GROMA_CA_FILE` (or `ca_file`) names a PEM file, its authorities are believed
//! instead of the public ones. **Load**: one request for 500 objects, one after the other, with back-off.
//! **Cannot know** whether anything is as it is written: a site's schema lets it say what is desired (`[[source]]`, `says`),
//! `model.drift` then compares that with what was observed, and [`propose`] turns that into changes of NetBox.
//! Roles are free words; those that are not understood say nothing.

mod facts;
mod fetch;
mod objects;
mod propose;

use std::path::Path;

use groma_model::{Decoded, Timestamp};

use crate::live::{FetchError, Live, OpenError, Recording, Scheme, Secret, Secrets};
use crate::{Importer, Takes};

pub use propose::{Drift, Patch, propose};

/// `netbox+https://host`.
pub(crate) static SCHEME: Scheme = Scheme {
    prefixes: &["netbox+https://", "netbox+http://"],
    usage: "netbox+https://host[:port][/path]",
    doc: "NetBox over its REST interface.",
    open,
};

/// Reads answers of NetBox.
pub(crate) static IMPORTER: Importer = Importer {
    name: "netbox",
    doc: "JSON of NetBox's REST interface, a folder at a time.",
    takes: Takes::Folder,
    recognises,
    decode: |input, observed_at, sink| {
        let mut decoded = Decoded::default();
        let mut objects = objects::Objects::default();
        let problems = input.each_whole(|place, _, bytes| {
            objects.take(place, bytes, &mut decoded.problems);
        });
        decoded.problems.extend(problems);
        facts::write(&objects, observed_at, &mut decoded);
        sink(decoded.into());
    },
};

/// JSON in which objects name themselves by a `url` of the interface.
fn recognises(_: &Path, first: &[u8]) -> bool {
    let text = String::from_utf8_lossy(first);
    matches!(text.trim_start().chars().next(), Some('{' | '['))
        && text.contains("\"url\"")
        && ["/api/dcim/", "/api/ipam/", "/api/virtualization/"]
            .iter()
            .any(|part| text.contains(part))
}

/// One NetBox.
#[derive(Debug)]
struct NetBox {
    name: String,
    /// Where the interface begins, without a slash at its end.
    base: String,
    source: String,
    token: Secret,
    /// PEM of the authorities that are believed; `None`: the public ones.
    authorities: Option<Vec<u8>>,
}

fn open(name: &str, secrets: &Secrets) -> Result<Box<dyn Live>, OpenError> {
    let wrong = |reason: &str, hint: &str| OpenError {
        name: name.into(),
        reason: reason.into(),
        hint: hint.into(),
    };
    let base = name.strip_prefix("netbox+").unwrap_or(name).trim_end_matches('/').to_owned();
    let (scheme, rest) = base.split_once("://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || host.contains('@') || rest.contains(['?', '#']) {
        let hint =
            "Write it as netbox+https://netbox.example.org; the token comes from NETBOX_TOKEN.";
        return Err(wrong("it is no address of a NetBox", hint));
    }
    if scheme == "http" && !is_loopback(host) {
        let hint = "Use netbox+https://; plain HTTP is for a NetBox on the machine itself.";
        return Err(wrong("the token would travel in the clear", hint));
    }
    let Some(token) = secrets.of(name, "token", "NETBOX_TOKEN") else {
        let hint = "Set NETBOX_TOKEN, or GROMA_CREDENTIALS to a file that says [\"netbox+https://host\"] token = \"...\".";
        return Err(wrong("no token is known for it", hint));
    };
    let authorities = match secrets.of(name, "ca_file", "GROMA_CA_FILE") {
        None => None,
        Some(path) => match std::fs::read(path.expose()) {
            Ok(pem) => Some(pem),
            Err(error) => {
                let reason = format!("the file of authorities cannot be read: {error}");
                return Err(wrong(&reason, "GROMA_CA_FILE names a PEM file."));
            }
        },
    };
    let source = format!("netbox:{host}");
    Ok(Box::new(NetBox { name: name.into(), base, source, token: token.clone(), authorities }))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Live for NetBox {
    fn name(&self) -> &str {
        &self.name
    }

    fn source(&self) -> String {
        self.source.clone()
    }

    fn fetch(&self, now: Timestamp) -> Result<Recording, FetchError> {
        fetch::fetch(self, now)
    }
}

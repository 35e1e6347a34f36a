//! SNMP: what a switch, a router or any other box says of itself in the standard MIBs.
//!
//! Asked as `snmp://switch1` (version 2c) or `snmp://switch1?version=3&user=groma&auth=sha256&privacy=aes128`, or read
//! from walks that were recorded as `.snmprec` files (`snmpsim`'s form, `OID|type|value`). **Hears** SNMPv2-MIB and
//! ENTITY-MIB (the device), IF-MIB and IEEE8023-LAG-MIB (ports, LAGs), BRIDGE-MIB and Q-BRIDGE-MIB (VLANs, MAC table,
//! spanning tree), IP-MIB (addresses, ARP and ND), LLDP-MIB (cables). The walks of a folder are read together, so that
//! a neighbour's port is found under whatever name it is told.
//!
//! **Needs** a community or a user that may read; `GROMA_SNMP_COMMUNITY`, or for version 3 `GROMA_SNMP_AUTH_PASSWORD` and
//! `GROMA_SNMP_PRIVACY_PASSWORD`, or `community`, `auth_password`, `privacy_password` in the file of `GROMA_CREDENTIALS`.
//! **Load**: bulk requests of 25 values, one at a time, only for the tables above; a box with 10,000 MAC addresses is
//! asked some 2,000 times. **Cannot know** routes, MLAG, VRFs, VXLAN: the standard MIBs do not tell them well. A box
//! does not answer a wrong community at all. Cisco keeps one MAC table per VLAN and shows only that of VLAN 1.

mod device;
mod facts;
mod fetch;
mod links;
mod walk;

use groma_model::{Decoded, Timestamp};
use snmp2::v3::{Auth, AuthProtocol, Cipher, Security};

use crate::live::{FetchError, Live, OpenError, Recording, Scheme, Secret, Secrets};
use crate::{Importer, Takes};

/// `snmp://host`.
pub(crate) static SCHEME: Scheme = Scheme {
    prefixes: &["snmp://"],
    usage: "snmp://host[:port][?version=3&user=NAME[&auth=sha256][&privacy=aes128]]",
    doc: "A device over SNMP v2c or v3.",
    open,
};

/// Reads recorded walks.
pub(crate) static IMPORTER: Importer = Importer {
    name: "snmp",
    doc: "Recorded SNMP walks, *.snmprec, a folder at a time.",
    takes: Takes::Folder,
    recognises: |path, first| {
        path.extension().is_some_and(|extension| extension == "snmprec") && first.starts_with(b"1.")
    },
    decode: |input, observed_at, sink| {
        let mut decoded = Decoded::default();
        let mut devices = Vec::new();
        let problems = input.each_whole(|place, _, bytes| {
            let walk = walk::read(place, bytes, &mut decoded.problems);
            devices.extend(device::read(place, &walk, &mut decoded.problems));
        });
        decoded.problems.extend(problems);
        device::key(&mut devices);
        facts::write(&devices, observed_at, &mut decoded);
        sink(decoded.into());
    },
};

const PORT: u16 = 161;
/// Bytes of stack of a walk.
const STACK_SIZE: usize = 16 << 20;

/// One device.
struct Agent {
    name: String,
    host: String,
    /// With the port.
    address: String,
    access: Access,
}

/// As whom it is asked.
enum Access {
    Community(Secret),
    User(Box<Security>),
}

fn open(name: &str, secrets: &Secrets) -> Result<Box<dyn Live>, OpenError> {
    let wrong =
        |reason: String, hint: &str| OpenError { name: name.into(), reason, hint: hint.into() };
    let rest = name.strip_prefix("snmp://").unwrap_or(name);
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let place = place.trim_end_matches('/');
    if place.is_empty() || place.contains(['@', '/']) {
        let hint = "Write it as snmp://switch1; the community comes from GROMA_SNMP_COMMUNITY.";
        return Err(wrong("it names no device".into(), hint));
    }
    let (mut version, mut user, mut auth, mut privacy) = ("2c", None, None, None);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("version", number)) => version = number,
            Some(("user", name)) => user = Some(name),
            Some(("auth", name)) => auth = Some(name),
            Some(("privacy", name)) => privacy = Some(name),
            _ => {
                let reason =
                    format!("it has no setting \"{}\"", part.split('=').next().unwrap_or(part));
                return Err(wrong(reason, &format!("Write it as {}.", SCHEME.usage)));
            }
        }
    }
    let access = match version {
        "2c" | "2" => match secrets.of(name, "community", "GROMA_SNMP_COMMUNITY") {
            Some(community) => Access::Community(community.clone()),
            None => {
                let hint = "Set GROMA_SNMP_COMMUNITY, or community in the file that GROMA_CREDENTIALS names.";
                return Err(wrong("no community is known for it".into(), hint));
            }
        },
        "3" => {
            let security = security(name, user, auth, privacy, secrets)
                .map_err(|reason| wrong(reason, &format!("Write it as {}; passwords come from GROMA_SNMP_AUTH_PASSWORD and GROMA_SNMP_PRIVACY_PASSWORD.", SCHEME.usage)))?;
            Access::User(Box::new(security))
        }
        other => {
            let reason = format!("there is no version {other}");
            return Err(wrong(reason, "Say version=2c or version=3."));
        }
    };
    // `[::1]:1161`, `::1`, `switch1:1161`, `switch1`.
    let has_port = place.rsplit_once(':').is_some_and(|(host, port)| {
        port.parse::<u16>().is_ok() && (host.ends_with(']') || !host.contains(':'))
    });
    let is_bare_6 = place.parse::<std::net::Ipv6Addr>().is_ok();
    let address = match (has_port && !is_bare_6, is_bare_6) {
        (true, _) => place.to_owned(),
        (false, true) => format!("[{place}]:{PORT}"),
        (false, false) => format!("{place}:{PORT}"),
    };
    Ok(Box::new(Agent { name: name.into(), host: place.to_owned(), address, access }))
}

fn security(
    name: &str,
    user: Option<&str>,
    auth: Option<&str>,
    privacy: Option<&str>,
    secrets: &Secrets,
) -> Result<Security, String> {
    let user = user.ok_or("version 3 needs a user")?;
    let secret = |field: &str, variable: &str| {
        secrets.of(name, field, variable).ok_or_else(|| format!("no {field} is known for it"))
    };
    let Some(auth) = auth else {
        if privacy.is_some() {
            return Err("privacy needs auth".into());
        }
        return Ok(Security::new(user.as_bytes(), b"").with_auth(Auth::NoAuthNoPriv));
    };
    let protocol = match auth {
        "md5" => AuthProtocol::Md5,
        "sha" | "sha1" => AuthProtocol::Sha1,
        "sha224" => AuthProtocol::Sha224,
        "sha256" => AuthProtocol::Sha256,
        "sha384" => AuthProtocol::Sha384,
        "sha512" => AuthProtocol::Sha512,
        other => return Err(format!("auth \"{other}\" is none of md5, sha1, sha224 to sha512")),
    };
    let password = secret("auth_password", "GROMA_SNMP_AUTH_PASSWORD")?;
    let auth = match privacy {
        None => Auth::AuthNoPriv,
        Some(privacy) => {
            let cipher = match privacy {
                "des" => Cipher::Des,
                "aes" | "aes128" => Cipher::Aes128,
                "aes192" => Cipher::Aes192,
                "aes256" => Cipher::Aes256,
                other => {
                    return Err(format!(
                        "privacy \"{other}\" is none of des, aes128, aes192, aes256"
                    ));
                }
            };
            let password = secret("privacy_password", "GROMA_SNMP_PRIVACY_PASSWORD")?;
            Auth::AuthPriv { cipher, privacy_password: password.expose().as_bytes().to_vec() }
        }
    };
    let security = Security::new(user.as_bytes(), password.expose().as_bytes());
    Ok(security.with_auth_protocol(protocol).with_auth(auth))
}

impl Live for Agent {
    fn name(&self) -> &str {
        &self.name
    }

    fn source(&self) -> String {
        format!("snmp:{}", self.host)
    }

    fn fetch(&self, now: Timestamp) -> Result<Recording, FetchError> {
        // The library keeps buffers of 64 KiB on the stack, many of them at once.
        let walked = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_SIZE);
            thread.spawn_scoped(scope, || fetch::fetch(self, now)).map(|walk| walk.join())
        });
        let failed = |reason: &str| FetchError::Failed {
            what: self.name.clone(),
            reason: reason.into(),
            retry_after: None,
        };
        match walked {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(failed("its answers made the decoder of SNMP give up")),
            Err(_) => Err(failed("no thread could be started")),
        }
    }
}

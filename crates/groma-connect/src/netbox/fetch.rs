//! Asks the REST interface, page by page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use groma_model::{Problem, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, http};

use super::{IMPORTER, NetBox};
use crate::live::{BackOff, FetchError, Recording};

/// What is asked for, in this order.
const ENDPOINTS: [&str; 10] = [
    "dcim/sites",
    "dcim/racks",
    "dcim/devices",
    "dcim/interfaces",
    "dcim/cables",
    "ipam/vlans",
    "ipam/prefixes",
    "ipam/ip-addresses",
    "virtualization/virtual-machines",
    "virtualization/interfaces",
];
/// Objects of one page.
const PAGE_OBJECTS: u32 = 500;
/// Most pages of one endpoint.
const PAGES_MAX: u32 = 20_000;
/// Most bytes of one page.
const PAGE_SIZE_MAX: u64 = 128 << 20;
/// How often a page is asked for before it is given up.
const TRIES_MAX: u32 = 5;
/// Longest time for one page.
const PAGE_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest time to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest time for all.
const FETCH_TIME_MAX: Duration = Duration::from_secs(3600);

/// A page, as far as the next one is concerned.
#[derive(Deserialize)]
struct Page {
    next: Option<String>,
    #[serde(rename = "results")]
    _results: Vec<IgnoredAny>,
}

/// Why there is no page.
enum Failure {
    /// It does not want to, or does not know it.
    Refused(u16, String),
    /// It may be better later.
    Failed { reason: String, retry_after: Option<Duration>, is_gone: bool },
}

/// Fetches all. What one endpoint does not give is a lack; if nothing at all is given, an error.
pub(super) fn fetch(netbox: &NetBox, now: Timestamp) -> Result<Recording, FetchError> {
    let agent = agent(netbox)?;
    let mut recording = Recording::new(&netbox.name, netbox.source.clone(), &IMPORTER, now);
    let deadline = Instant::now() + FETCH_TIME_MAX;
    for endpoint in ENDPOINTS {
        let Err(failure) = fetch_endpoint(netbox, &agent, endpoint, deadline, &mut recording)?
        else {
            continue;
        };
        let is_first = recording.parts().is_empty();
        let what = format!("{}/api/{endpoint}/", netbox.base);
        match failure {
            Failure::Refused(status, reason) if is_first && matches!(status, 401 | 403) => {
                let hint = "Check that the token is right and may read; NETBOX_TOKEN or GROMA_CREDENTIALS give it.".into();
                return Err(FetchError::Refused { what, reason, hint });
            }
            Failure::Refused(404, reason) if is_first => {
                let hint = "Check the path: NetBox answers at <address>/api/.".into();
                return Err(FetchError::Refused { what, reason, hint });
            }
            Failure::Failed { reason, retry_after, .. } if is_first => {
                return Err(FetchError::Failed { what, reason, retry_after });
            }
            Failure::Refused(_, reason) => recording.lack(Problem::new(what, "", reason)),
            Failure::Failed { reason, is_gone, .. } => {
                recording.lack(Problem::new(&*what, "", reason));
                if is_gone {
                    let reason = "it went away, so what follows was not asked for";
                    recording.lack(Problem::new(what, "", reason));
                    break;
                }
            }
        }
    }
    Ok(recording)
}

fn agent(netbox: &NetBox) -> Result<Agent, FetchError> {
    let roots = match &netbox.authorities {
        None => RootCerts::WebPki,
        Some(pem) => {
            let mut certificates = Vec::new();
            for item in parse_pem(pem).flatten() {
                if let PemItem::Certificate(certificate) = item {
                    certificates.push(certificate);
                }
            }
            if certificates.is_empty() {
                return Err(FetchError::Refused {
                    what: netbox.name.clone(),
                    reason: "the file of authorities holds no certificate".into(),
                    hint: "GROMA_CA_FILE names a PEM file.".into(),
                });
            }
            RootCerts::Specific(Arc::new(certificates))
        }
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PAGE_TIME_MAX))
        .timeout_connect(Some(CONNECT_TIME_MAX))
        .max_redirects(0)
        .user_agent(concat!("groma/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build();
    Ok(config.new_agent())
}

/// Outer `Err`: there is more than is kept. Inner: the pages before the failure are kept.
fn fetch_endpoint(
    netbox: &NetBox,
    agent: &Agent,
    endpoint: &str,
    deadline: Instant,
    recording: &mut Recording,
) -> Result<Result<(), Failure>, FetchError> {
    let detail = if endpoint == "dcim/devices" { "&exclude=config_context" } else { "" };
    let mut url = format!("{}/api/{endpoint}/?limit={PAGE_OBJECTS}{detail}", netbox.base);
    for page in 1..=PAGES_MAX {
        let (bytes, next) = match fetch_page(netbox, agent, &url, deadline) {
            Ok(page) => page,
            Err(failure) => return Ok(Err(failure)),
        };
        let name = format!("{}.{page:05}.json", endpoint.replace('/', "."));
        if !recording.add(name, bytes) {
            return Err(FetchError::TooLarge { what: netbox.name.clone() });
        }
        match next.map(|next| same_host(&netbox.base, &next)) {
            None => return Ok(Ok(())),
            Some(Some(next)) if next != url => url = next,
            Some(_) => {
                let reason = "the address of the next page makes no sense".into();
                return Ok(Err(Failure::Failed { reason, retry_after: None, is_gone: false }));
            }
        }
    }
    let reason = format!("there are more than {PAGES_MAX} pages");
    Ok(Err(Failure::Failed { reason, retry_after: None, is_gone: false }))
}

/// The next page on the host that we ask, whatever a proxy made of its name: the token goes nowhere else.
fn same_host(base: &str, next: &str) -> Option<String> {
    let (scheme, rest) = base.split_once("://")?;
    let host = rest.split('/').next()?;
    let after = next
        .split_once("://")
        .map_or(next, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    after.starts_with('/').then(|| format!("{scheme}://{host}{after}"))
}

/// One page and the address of the next. Asks again, ever later, what may be better then.
fn fetch_page(
    netbox: &NetBox,
    agent: &Agent,
    url: &str,
    deadline: Instant,
) -> Result<(Vec<u8>, Option<String>), Failure> {
    let mut tries = 0;
    loop {
        if Instant::now() > deadline {
            let reason = format!("all together took longer than {} s", FETCH_TIME_MAX.as_secs());
            return Err(Failure::Failed { reason, retry_after: None, is_gone: false });
        }
        tries += 1;
        let (reason, retry_after, is_gone) = match ask(netbox, agent, url) {
            Ok(page) => return Ok(page),
            Err(Failure::Failed { reason, retry_after, is_gone }) => (reason, retry_after, is_gone),
            Err(refused) => return Err(refused),
        };
        let too_long = retry_after.is_some_and(|wish| wish > BackOff::REQUESTS.most);
        let wait = BackOff::REQUESTS.wait(tries, url, retry_after);
        if tries >= TRIES_MAX || too_long || Instant::now() + wait > deadline {
            let reason = format!("{reason} ({tries} tries)");
            return Err(Failure::Failed { reason, retry_after, is_gone });
        }
        std::thread::sleep(wait);
    }
}

fn ask(netbox: &NetBox, agent: &Agent, url: &str) -> Result<(Vec<u8>, Option<String>), Failure> {
    let failed = |reason: String, is_gone| Failure::Failed { reason, retry_after: None, is_gone };
    let token = netbox.token.expose();
    // Tokens of version 2 say so.
    let scheme = if token.starts_with("nbt_") { "Bearer" } else { "Token" };
    let mut answer = agent
        .get(url)
        .header("Authorization", format!("{scheme} {token}"))
        .header("Accept", "application/json")
        .call()
        .map_err(|error| failed(error.to_string(), true))?;
    let status = answer.status();
    let retry_after = retry_after(answer.headers());
    let body = answer.body_mut().with_config().limit(PAGE_SIZE_MAX).read_to_vec();
    let bytes = body.map_err(|error| failed(format!("the answer breaks off: {error}"), true))?;
    if status.is_success() {
        let page: Page = serde_json::from_slice(&bytes)
            .map_err(|error| failed(format!("the page is broken: {error}"), false))?;
        return Ok((bytes, page.next));
    }
    let reason = said(status, &bytes).replace(token, "...");
    if status.as_u16() == 429 || status.is_server_error() {
        return Err(Failure::Failed { reason, retry_after, is_gone: false });
    }
    Err(Failure::Refused(status.as_u16(), reason))
}

/// `Retry-After: 120`.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// `403 Forbidden: Invalid token`.
fn said(status: http::StatusCode, bytes: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        detail: String,
    }
    match serde_json::from_slice::<Said>(bytes) {
        Ok(said) => format!("{status}: {}", said.detail.chars().take(200).collect::<String>()),
        Err(_) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Secret;

    #[test]
    fn after_the_deadline_nobody_is_asked() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let netbox = NetBox {
            name: format!("netbox+{base}"),
            base: base.clone(),
            source: "netbox".into(),
            token: Secret::new("t"),
            authorities: None,
        };
        let deadline = Instant::now() - Duration::from_nanos(1);
        let page = fetch_page(&netbox, &agent(&netbox).unwrap(), &base, deadline);
        let Err(Failure::Failed { reason, .. }) = page else { panic!("it gave a page") };
        assert_eq!(reason, "all together took longer than 3600 s");
        assert!(listener.accept().is_err(), "nobody came");
    }
}

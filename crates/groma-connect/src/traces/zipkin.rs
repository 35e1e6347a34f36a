//! Zipkin v2: spans as JSON.
//!
//! Hears: an array of spans, an array of such arrays (as `/api/v2/traces` gives), or one of these or one
//! span a line. Annotations are not read. Times are microseconds. A span without a timestamp gives a
//! request without a time; one without a duration gives no reply.
//!
//! A process is named `serviceName@ip` after the span's `localEndpoint`: instances of one service are
//! told apart by their address, which is also what places them. The port is left out, since clients often do
//! not give it. Gives a host per address, a service per service name, an instance per process.
//!
//! Cannot know: sizes unless the tags `http.request.size` and `http.response.size` are there, sessions,
//! operations (a message bears the name of the service, since names of spans may hold ids of things).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use groma_model::{Observation, Problem, Timestamp};
use serde_json::Value;

use super::json_stream::{self, Handler, Step, at_byte};
use super::out::{NAME_LENGTH_MAX, Out};
use super::spans::{Assembler, Remote, Sizes, Span, SpanKind};
use super::{UNKNOWN, ids, stdx};
use crate::{Heard, Importer, Input, Takes};

pub(crate) static IMPORTER: Importer = Importer {
    name: "zipkin",
    doc: "Spans in Zipkin's JSON, version 2.",
    takes: Takes::File,
    recognises: |_: &Path, first| {
        matches!(stdx::first_visible(first), Some(b'[' | b'{'))
            && stdx::contains(first, "\"traceId\"")
            && stdx::contains(first, "\"id\"")
            && !stdx::contains(first, "\"spanId\"")
    },
    decode,
};

/// How many different processes are given as instances; those after only occur in messages.
const PROCESSES_MAX: usize = 1 << 20;

fn decode(input: &Input, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut decoder = Decoder {
        observed_at,
        place: String::new(),
        out: Out::new(sink),
        assembler: Assembler::new(),
        processes: BTreeSet::new(),
    };
    for path in &input.paths {
        decoder.place = path.display().to_string();
        json_stream::read_file(path, Step::Elements("span"), &mut decoder);
    }
    decoder.assembler.flush(&mut decoder.out);
    decoder.out.finish(&input.source);
}

struct Decoder<'a> {
    observed_at: Timestamp,
    place: String,
    out: Out<'a>,
    assembler: Assembler,
    processes: BTreeSet<Arc<str>>,
}

impl Handler for Decoder<'_> {
    fn key(&mut self, _key: &str, _depth: usize) -> Step {
        Step::Ignore
    }

    fn element(&mut self, _name: &'static str, value: Value, byte: u64) {
        match self.read_span(&value) {
            Ok(span) => self.assembler.push(span, &mut self.out),
            Err(reason) => {
                let place = at_byte(&self.place, byte);
                self.out.problem(Problem::new(place, &value.to_string(), reason));
            }
        }
    }

    fn leave(&mut self, _depth: usize) {}

    fn problem(&mut self, problem: Problem) {
        self.out.problem(problem);
    }
}

impl Decoder<'_> {
    fn read_span(&mut self, value: &Value) -> Result<Span, String> {
        let span = value.as_object().ok_or("a span is an object")?;
        let field = |key: &str| span.get(key).filter(|value| !value.is_null());
        let start = field("timestamp").map(|it| read_micros(it, "timestamp")).transpose()?;
        let duration = field("duration").map(|it| read_micros(it, "duration")).transpose()?;
        let local = self.read_endpoint(field("localEndpoint"), "localEndpoint")?;
        let remote = self.read_endpoint(field("remoteEndpoint"), "remoteEndpoint")?;
        let tag = |key: &str| field("tags").and_then(|tags| tags.get(key));
        let size = |key| tag(key).and_then(Value::as_str).and_then(|text| text.parse().ok());
        Ok(Span {
            trace: required_id(field("traceId"), "traceId")?,
            id: required_id(field("id"), "id")?,
            parent: match field("parentId") {
                Some(parent) => required_id(Some(parent), "parentId")?,
                None => 0,
            },
            session: 0,
            kind: read_kind(field("kind"))?,
            process: self.process(&local),
            service: local.service.clone(),
            remote: Remote {
                name: remote.service.as_ref().map(|_| self.name_of(&remote)),
                ip: remote.ip,
                port: remote.port,
                service: remote.service,
            },
            start: start.map(Timestamp),
            end: start.zip(duration).map(|(start, long)| Timestamp(start.saturating_add(long))),
            sizes: Sizes { request: size("http.request.size"), reply: size("http.response.size") },
            status: tag("http.status_code").and_then(Value::as_str).and_then(|it| it.parse().ok()),
        })
    }

    fn read_endpoint(&mut self, value: Option<&Value>, field: &str) -> Result<Endpoint, String> {
        let Some(value) = value else { return Ok(Endpoint::default()) };
        let object = value.as_object().ok_or_else(|| format!("{field} is not an object"))?;
        let mut text = |key: &str| match object.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() > NAME_LENGTH_MAX => {
                Err(format!("{field}.{key} has more than {NAME_LENGTH_MAX} bytes"))
            }
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(self.out.name(text))),
            Some(_) => Err(format!("{field}.{key} is not a text")),
        };
        let (service, ipv4, ipv6) = (text("serviceName")?, text("ipv4")?, text("ipv6")?);
        let port = object.get("port").and_then(Value::as_u64);
        Ok(Endpoint {
            service,
            ip: ipv4.or(ipv6),
            port: port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0),
        })
    }

    /// `service@ip`, or what there is of it.
    fn name_of(&mut self, endpoint: &Endpoint) -> Arc<str> {
        match (&endpoint.service, &endpoint.ip) {
            (Some(service), Some(ip)) => self.out.name(&format!("{service}@{ip}")),
            (Some(name), None) | (None, Some(name)) => Arc::clone(name),
            (None, None) => self.out.name(UNKNOWN),
        }
    }

    /// The name of the process at a local endpoint, which is told of when it is new.
    fn process(&mut self, local: &Endpoint) -> Arc<str> {
        let process = self.name_of(local);
        if let Some(ip) = &local.ip {
            self.assembler.address(ip, &process);
        }
        let Some(service) = &local.service else { return process };
        if self.processes.contains(&process) || self.processes.len() >= PROCESSES_MAX {
            return process;
        }
        self.processes.insert(Arc::clone(&process));
        self.out.observe(Observation::new("service.service", &**service, self.observed_at));
        let mut instance = Observation::new("service.instance", &*process, self.observed_at)
            .with("service", &**service);
        if let Some(ip) = &local.ip {
            let host = Observation::new("compute.host", &**ip, self.observed_at);
            self.out.observe(host.with("address", &**ip));
            instance = instance.with("runs_on", format!("host/{ip}"));
        }
        self.out.observe(instance);
        process
    }
}

/// One end of a call.
#[derive(Default)]
struct Endpoint {
    service: Option<Arc<str>>,
    ip: Option<Arc<str>>,
    port: Option<u16>,
}

fn required_id(value: Option<&Value>, field: &str) -> Result<u64, String> {
    let text = value.and_then(Value::as_str).ok_or_else(|| format!("{field} is not a text"))?;
    ids::from_span_hex(text)
        .ok_or_else(|| format!("{field} is not an id of 1 to 32 hex digits other than zero"))
}

/// Microseconds as nanoseconds.
fn read_micros(value: &Value, field: &str) -> Result<i64, String> {
    value
        .as_i64()
        .and_then(|micros| micros.checked_mul(1000))
        .ok_or_else(|| format!("{field} is not a whole number of microseconds"))
}

fn read_kind(value: Option<&Value>) -> Result<SpanKind, String> {
    match value.map(|kind| kind.as_str().unwrap_or_default()) {
        None => Ok(SpanKind::Internal),
        Some("CLIENT") => Ok(SpanKind::Client),
        Some("SERVER") => Ok(SpanKind::Server),
        Some("PRODUCER") => Ok(SpanKind::Producer),
        Some("CONSUMER") => Ok(SpanKind::Consumer),
        Some(_) => Err("kind is not one of CLIENT, SERVER, PRODUCER, CONSUMER".into()),
    }
}

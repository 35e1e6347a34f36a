//! OpenTelemetry: spans as OTLP/JSON, and as Grafana Tempo gives them.
//!
//! Hears: `{"resourceSpans": …}` (the Collector's file exporter, one document a line; exporters that
//! speak OTLP/JSON) and `{"batches": …}` or `{"trace": {"resourceSpans": …}}` (Tempo's API). Ids are
//! hex in OTLP and base64 in Tempo; both are read in both. Spans are read one by one, so that a file
//! cut off anywhere gives those before the cut.
//!
//! A process is named after the first of these that its resource or span gives: `k8s.pod.name`, the pod
//! in Istio's `node_id`, `service.instance.id`, `service.name@host.name`, `service.name@` the address in
//! `net.host.ip` and its kin, `service.name`. Gives hosts (`k8s.node.name`, `host.name`), containers
//! (pods) with their addresses, services and instances. `otlp_attributes.rs` lists all attributes that are read.
//!
//! Status is that of HTTP or gRPC where there is one; else 2 for a span that says ERROR, as OTLP has it.
//!
//! Cannot know: sessions (`session.id` is read where it is given), operations (a message bears the
//! name of the called service).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use groma_model::{Observation, Problem, Timestamp};
use groma_trace::id_of_text;
use serde_json::Value;

use super::json_stream::{self, Handler, Step, at_byte};
use super::otlp_attributes::{Attributes, pod_of_istio_node};
use super::out::Out;
use super::spans::{Assembler, Remote, Sizes, Span, SpanKind};
use super::{UNKNOWN, ids, stdx};
use crate::{Heard, Importer, Input, Takes};

pub(crate) static IMPORTER: Importer = Importer {
    name: "otlp",
    doc: "Spans in OTLP/JSON, as the OpenTelemetry Collector and Grafana Tempo write them.",
    takes: Takes::File,
    recognises: |_: &Path, first| {
        stdx::first_visible(first) == Some(b'{')
            && ["\"resourceSpans\"", "\"resource_spans\"", "\"batches\""]
                .iter()
                .any(|key| stdx::contains(first, key))
    },
    decode,
};

/// How many different processes are given as instances; those after only occur in messages.
const PROCESSES_MAX: usize = 1 << 20;
/// How many spans wait for a resource that is written after them.
const SPANS_WAITING_MAX: usize = 1 << 16;

fn decode(input: &Input, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut decoder = Decoder {
        observed_at,
        place: String::new(),
        out: Out::new(sink),
        assembler: Assembler::new(),
        processes: BTreeSet::new(),
        resource_depth: 0,
        resource: None,
        waiting: Vec::new(),
    };
    for path in &input.paths {
        decoder.place = path.display().to_string();
        json_stream::read_file(path, Step::Walk, &mut decoder);
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
    /// How deep the object lies that holds `resource` and `scopeSpans`.
    resource_depth: usize,
    resource: Option<Attributes>,
    /// Spans that came before their resource, and where they end.
    waiting: Vec<(Value, u64)>,
}

impl Handler for Decoder<'_> {
    fn key(&mut self, key: &str, depth: usize) -> Step {
        match key {
            "trace" | "batches" | "resourceSpans" | "resource_spans" => Step::Walk,
            "resource" => {
                self.resource_depth = depth;
                Step::Elements("resource")
            }
            "scopeSpans" | "scope_spans" | "instrumentationLibrarySpans" | "ilSpans" => {
                self.resource_depth = depth;
                Step::Walk
            }
            "spans" => Step::Elements("span"),
            _ => Step::Ignore,
        }
    }

    fn element(&mut self, name: &'static str, value: Value, byte: u64) {
        if name == "resource" {
            self.resource = Some(Attributes::read(value.get("attributes")));
            self.read_waiting();
        } else if self.resource.is_some() {
            self.span(&value, byte);
        } else if self.waiting.len() < SPANS_WAITING_MAX {
            self.waiting.push((value, byte));
        } else {
            let reason = format!("more than {SPANS_WAITING_MAX} spans stand before their resource");
            self.problem(Problem::new(at_byte(&self.place, byte), "", reason));
        }
    }

    fn leave(&mut self, depth: usize) {
        if depth <= self.resource_depth {
            self.read_waiting();
            self.resource = None;
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.out.problem(problem);
    }
}

impl Decoder<'_> {
    fn read_waiting(&mut self) {
        for (value, byte) in std::mem::take(&mut self.waiting) {
            self.span(&value, byte);
        }
    }

    fn span(&mut self, value: &Value, byte: u64) {
        match self.read_span(value) {
            Ok(span) => self.assembler.push(span, &mut self.out),
            Err(reason) => {
                let place = at_byte(&self.place, byte);
                self.out.problem(Problem::new(place, &value.to_string(), reason));
            }
        }
    }

    fn read_span(&mut self, value: &Value) -> Result<Span, String> {
        let span = value.as_object().ok_or("a span is an object")?;
        let field = |camel: &str, snake: &str| {
            span.get(camel).or_else(|| span.get(snake)).filter(|value| !value.is_null())
        };
        let kind = read_kind(field("kind", "kind"))?;
        let attributes = Attributes::read(field("attributes", "attributes"));
        let trace = required_id(field("traceId", "trace_id"), "traceId")?;
        let id = required_id(field("spanId", "span_id"), "spanId")?;
        let parent = match field("parentSpanId", "parent_span_id") {
            None => 0,
            Some(Value::String(text)) if text.bytes().all(|byte| byte == b'0') => 0,
            Some(parent) => required_id(Some(parent), "parentSpanId")?,
        };
        let start = read_time(field("startTimeUnixNano", "start_time_unix_nano"))?;
        let end = read_time(field("endTimeUnixNano", "end_time_unix_nano"))?;
        let says_error = field("status", "status")
            .and_then(|status| status.get("code"))
            .is_some_and(|code| *code == 2 || *code == "STATUS_CODE_ERROR");
        let (process, service) = self.process(&attributes);
        Ok(Span {
            trace,
            id,
            parent,
            session: attributes.text(&["session.id"]).map_or(0, id_of_text),
            kind,
            process,
            service,
            remote: self.remote(kind, &attributes),
            start,
            end,
            sizes: sizes(kind, &attributes, field("events", "events")),
            status: attributes.status().or(says_error.then_some(2)),
        })
    }

    /// What the span says of the other end. For a server, `server.address` is its own address.
    fn remote(&mut self, kind: SpanKind, attributes: &Attributes) -> Remote {
        let text = |keys: &[&str]| attributes.text(keys);
        let (address, port, name) = match kind {
            SpanKind::Client | SpanKind::Producer => (
                text(&["network.peer.address", "net.sock.peer.addr", "net.peer.ip"]),
                attributes.integer(&["network.peer.port", "net.peer.port", "server.port"]),
                text(&["peer.service", "server.address", "net.peer.name", "messaging.system"]),
            ),
            _ => (
                text(&["network.peer.address", "client.address", "net.sock.peer.addr"])
                    .or_else(|| text(&["net.peer.ip", "peer.address"])),
                None,
                match kind {
                    SpanKind::Consumer => text(&["server.address", "messaging.system"]),
                    _ => text(&["peer.service"]),
                },
            ),
        };
        Remote {
            service: text(&["peer.service"]).map(|name| self.out.name(name)),
            name: name.map(|name| self.out.name(name)),
            ip: address.map(|address| self.out.name(address)),
            port: port.and_then(|port| u16::try_from(port).ok()),
        }
    }

    /// Name and service of the process that wrote the span; it is told of when it is new.
    fn process(&mut self, span: &Attributes) -> (Arc<str>, Option<Arc<str>>) {
        let resource = self.resource.take().unwrap_or_default();
        let here = Whereabouts::read(&resource, span);
        let process = self.out.name(&here.process());
        let service = here.service.map(|service| self.out.name(service));
        if let Some(address) = here.address {
            let address = self.out.name(address);
            self.assembler.address(&address, &process);
        }
        if self.processes.len() < PROCESSES_MAX && self.processes.insert(Arc::clone(&process)) {
            self.observe(&here, &process);
        }
        self.resource = Some(resource);
        (process, service)
    }

    fn observe(&mut self, here: &Whereabouts<'_>, process: &Arc<str>) {
        let entity = |kind: &'static str, key: &str| Observation::new(kind, key, self.observed_at);
        if let Some(host) = here.host {
            let address = here.address.filter(|_| here.pod.is_none());
            self.out.observe(entity("compute.host", host).with_some("address", address));
        }
        let on_host = here.host.map(|host| format!("host/{host}"));
        if let Some(pod) = here.pod {
            let container = entity("compute.container", pod)
                .with_some("runs_on", on_host.clone())
                .with_some("address", here.address);
            self.out.observe(container);
        }
        if let Some(service) = here.service {
            self.out.observe(entity("service.service", service));
        }
        let on_pod = here.pod.map(|pod| format!("container/{pod}"));
        let runs_on = on_pod.or(on_host);
        let instance = entity("service.instance", process)
            .with_some("service", here.service)
            .with_some("address", here.address.filter(|_| runs_on.is_none()))
            .with_some("runs_on", runs_on);
        self.out.observe(instance);
    }
}

/// Where a process is, as its resource and its spans say.
struct Whereabouts<'a> {
    pod: Option<&'a str>,
    host: Option<&'a str>,
    address: Option<&'a str>,
    service: Option<&'a str>,
    instance: Option<&'a str>,
}

impl<'a> Whereabouts<'a> {
    fn read(resource: &'a Attributes, span: &'a Attributes) -> Whereabouts<'a> {
        let text = |keys: &[&str]| resource.text(keys).or_else(|| span.text(keys));
        let istio = span.text(&["node_id"]).and_then(pod_of_istio_node);
        Whereabouts {
            pod: text(&["k8s.pod.name"]).or(istio.map(|(pod, _)| pod)),
            // In a pod, `host.name` is usually the pod's own name.
            host: text(&["k8s.node.name"])
                .or_else(|| text(&["host.name"]).filter(|_| text(&["k8s.pod.name"]).is_none())),
            address: text(&["k8s.pod.ip", "net.host.ip", "host.ip"])
                .or_else(|| text(&["net.sock.host.addr"]))
                .or(istio.map(|(_, address)| address)),
            service: text(&["service.name"]),
            instance: text(&["service.instance.id"]),
        }
    }

    fn process(&self) -> String {
        let service = self.service.unwrap_or(UNKNOWN);
        match (self.pod.or(self.instance), self.host.or(self.address)) {
            (Some(name), _) => name.to_owned(),
            (None, Some(place)) => format!("{service}@{place}"),
            (None, None) => service.to_owned(),
        }
    }
}

/// Sizes from attributes, else the sum of gRPC's message events.
fn sizes(kind: SpanKind, attributes: &Attributes, events: Option<&Value>) -> Sizes {
    let size = |keys: &[&str]| attributes.integer(keys).and_then(|size| u64::try_from(size).ok());
    let mut sent = None;
    let mut received = None;
    for event in events.and_then(Value::as_array).into_iter().flatten() {
        let event = Attributes::read(event.get("attributes"));
        let size = event.integer(&[
            "message.compressed_size",
            "rpc.message.compressed_size",
            "message.uncompressed_size",
            "rpc.message.uncompressed_size",
        ]);
        let Some(size) = size.and_then(|size| u64::try_from(size).ok()) else { continue };
        let sum = match event.text(&["message.type", "rpc.message.type"]) {
            Some("SENT") => &mut sent,
            Some("RECEIVED") => &mut received,
            _ => continue,
        };
        *sum = Some(sum.unwrap_or(0_u64).saturating_add(size));
    }
    let (request, reply) = match kind {
        SpanKind::Client | SpanKind::Producer => (sent, received),
        _ => (received, sent),
    };
    Sizes {
        request: size(&["http.request.size", "http.request.body.size"])
            .or_else(|| size(&["http.request_content_length", "request_size"]))
            .or_else(|| size(&["messaging.message.envelope.size", "messaging.message.body.size"]))
            .or_else(|| size(&["messaging.message_payload_size_bytes", "message.size"]))
            .or(request),
        reply: size(&["http.response.size", "http.response.body.size"])
            .or_else(|| size(&["http.response_content_length", "response_size"]))
            .or(reply),
    }
}

fn required_id(value: Option<&Value>, field: &str) -> Result<u64, String> {
    let text = value.and_then(Value::as_str).ok_or_else(|| format!("{field} is not a text"))?;
    ids::from_span_base64(text)
        .or_else(|| ids::from_span_hex(text))
        .ok_or_else(|| format!("{field} is neither hex nor base64 of an id other than zero"))
}

/// Nanoseconds, as a text (as OTLP/JSON writes 64-bit numbers) or a number. Absent when 0.
fn read_time(value: Option<&Value>) -> Result<Option<Timestamp>, String> {
    let nanos = match value {
        None => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_i64(),
    };
    let nanos = nanos.ok_or("a time is not nanoseconds since 1970")?;
    Ok((nanos != 0).then_some(Timestamp(nanos)))
}

fn read_kind(value: Option<&Value>) -> Result<SpanKind, String> {
    let Some(value) = value else { return Ok(SpanKind::Internal) };
    match (value.as_u64(), value.as_str()) {
        (Some(0 | 1), _) | (_, Some("SPAN_KIND_UNSPECIFIED" | "SPAN_KIND_INTERNAL")) => {
            Ok(SpanKind::Internal)
        }
        (Some(2), _) | (_, Some("SPAN_KIND_SERVER")) => Ok(SpanKind::Server),
        (Some(3), _) | (_, Some("SPAN_KIND_CLIENT")) => Ok(SpanKind::Client),
        (Some(4), _) | (_, Some("SPAN_KIND_PRODUCER")) => Ok(SpanKind::Producer),
        (Some(5), _) | (_, Some("SPAN_KIND_CONSUMER")) => Ok(SpanKind::Consumer),
        _ => Err("kind is none of OTLP's".into()),
    }
}

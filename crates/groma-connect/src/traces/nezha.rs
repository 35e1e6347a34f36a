//! Nezha: spans of a Kubernetes cluster as CSV, and the node of each pod.
//!
//! Hears: `TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration`
//! (`root` as parent of a root; `Duration` in microseconds, not read since start and end are finer),
//! and `pod,node` with the node's address. All files of a folder are read together: files are cut by
//! the minute, and traces go on over the cut. Published as data set beside
//! <https://github.com/IntelligentDDS/Nezha>.
//!
//! Gives a host per node address, a container per pod, a service per deployment (the pod's name
//! without the hashes that Kubernetes adds), an instance per pod.
//!
//! Cannot know: sizes, status, sessions, and the kind of a span, so that a span whose parent ran in
//! another pod is taken for a call from there.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use groma_model::{Observation, Problem, Timestamp};

use super::out::{NAME_LENGTH_MAX, Out};
use super::spans::{Assembler, Remote, Sizes, Span, SpanKind};
use super::{csv_line, ids, stdx};
use crate::lines::{self, Line};
use crate::{Heard, Importer, Input, Takes};

pub(crate) static IMPORTER: Importer = Importer {
    name: "nezha",
    doc: "Spans of a Kubernetes cluster as CSV in the form of the Nezha data set, with pod,node placement.",
    takes: Takes::Folder,
    recognises: |_: &Path, first| {
        matches!(stdx::first_line(first), SPANS_HEADER | PLACEMENT_HEADER)
    },
    decode,
};

const SPANS_HEADER: &str =
    "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration";
const PLACEMENT_HEADER: &str = "pod,node";
/// How many different pods are given as instances; those after only occur in messages.
const PODS_MAX: usize = 1 << 20;

fn decode(input: &Input, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut decoder = Decoder {
        observed_at,
        out: Out::new(sink),
        assembler: Assembler::new(),
        pods: BTreeSet::new(),
        nodes: BTreeSet::new(),
    };
    for path in &input.paths {
        decoder.file(path);
    }
    decoder.assembler.flush(&mut decoder.out);
    decoder.out.finish(&input.source);
}

struct Decoder<'a> {
    observed_at: Timestamp,
    out: Out<'a>,
    assembler: Assembler,
    pods: BTreeSet<Arc<str>>,
    nodes: BTreeSet<Arc<str>>,
}

impl Decoder<'_> {
    fn file(&mut self, path: &Path) {
        let mut lines = match lines::open(path) {
            Ok(lines) => lines,
            Err(problem) => return self.out.problem(problem),
        };
        let is_header = |text: &str, header: &str| text.trim_start_matches('\u{feff}') == header;
        let read_row = match lines.next_line().map(|line| line.text) {
            Some(Ok(text)) if is_header(text, SPANS_HEADER) => Decoder::span_row,
            Some(Ok(text)) if is_header(text, PLACEMENT_HEADER) => Decoder::placement_row,
            _ => {
                let place = path.display().to_string();
                return self.out.problem(Problem::new(place, "", "the header is not Nezha's"));
            }
        };
        let place = path.display();
        while let Some(Line { number, text }) = lines.next_line() {
            match text {
                Ok("") => {}
                Ok(row) => {
                    if let Err(reason) = read_row(self, row) {
                        self.out.problem(Problem::new(format!("{place}:{number}"), row, reason));
                    }
                }
                Err(problem) => self.out.problem(problem),
            }
        }
    }

    fn placement_row(&mut self, row: &str) -> Result<(), String> {
        let mut fields = Vec::new();
        csv_line::split(row, &mut fields)?;
        let [pod, node] = fields.as_slice() else {
            return Err(format!("there are {} fields, not 2", fields.len()));
        };
        let (pod, node) = (self.read_name("pod", pod)?, self.read_name("node", node)?);
        if self.nodes.insert(Arc::clone(&node)) {
            let host = Observation::new("compute.host", &*node, self.observed_at);
            self.out.observe(host.with("address", &*node));
        }
        let container = Observation::new("compute.container", &*pod, self.observed_at);
        self.out.observe(container.with("runs_on", format!("host/{node}")));
        let instance = Observation::new("service.instance", &*pod, self.observed_at);
        self.out.observe(instance.with("runs_on", format!("container/{pod}")));
        self.pod(&pod);
        Ok(())
    }

    fn span_row(&mut self, row: &str) -> Result<(), String> {
        let mut fields: Vec<Cow<'_, str>> = Vec::with_capacity(8);
        csv_line::split(row, &mut fields)?;
        let [trace, id, parent, pod, _operation, start, end, _duration] = fields.as_slice() else {
            return Err(format!("there are {} fields, not 8", fields.len()));
        };
        let parent = if parent == "root" { 0 } else { read_id("ParentID", parent)? };
        let process = self.read_name("PodName", pod)?;
        self.pod(&process);
        let service = self.out.name(deployment_of(&process));
        let span = Span {
            trace: read_id("TraceID", trace)?,
            id: read_id("SpanID", id)?,
            parent,
            session: 0,
            kind: if parent == 0 { SpanKind::Server } else { SpanKind::Internal },
            process,
            service: Some(service),
            remote: Remote::default(),
            start: read_time("StartTimeUnixNano", start)?,
            end: read_time("EndTimeUnixNano", end)?,
            sizes: Sizes::default(),
            status: None,
        };
        self.assembler.push(span, &mut self.out);
        Ok(())
    }

    /// Says once of each pod what it is an instance of.
    fn pod(&mut self, pod: &Arc<str>) {
        if self.pods.contains(pod) || self.pods.len() >= PODS_MAX {
            return;
        }
        self.pods.insert(Arc::clone(pod));
        let deployment = deployment_of(pod);
        self.out.observe(Observation::new("service.service", deployment, self.observed_at));
        let instance = Observation::new("service.instance", &**pod, self.observed_at);
        self.out.observe(instance.with("service", deployment));
    }

    fn read_name(&mut self, column: &str, text: &str) -> Result<Arc<str>, String> {
        match text.trim() {
            "" => Err(format!("{column} is empty")),
            text if text.len() > NAME_LENGTH_MAX => {
                Err(format!("{column} has {} bytes, more than {NAME_LENGTH_MAX}", text.len()))
            }
            text => Ok(self.out.name(text)),
        }
    }
}

fn read_id(column: &str, text: &str) -> Result<u64, String> {
    ids::from_span_hex(text)
        .ok_or_else(|| format!("{column} is not an id of 1 to 32 hex digits other than zero"))
}

/// Absent when empty or 0.
fn read_time(column: &str, text: &str) -> Result<Option<Timestamp>, String> {
    match text {
        "" | "0" => Ok(None),
        text => match text.parse() {
            Ok(nanos) => Ok(Some(Timestamp(nanos))),
            Err(_) => Err(format!("{column} is not nanoseconds since 1970")),
        },
    }
}

/// The deployment (or stateful set) of a pod: its name without `-<replica set>-<pod>` or `-<ordinal>`.
/// Kubernetes makes both hashes of letters and digits without vowels and without 0, 1 and 3.
pub(super) fn deployment_of(pod: &str) -> &str {
    let is_hash =
        |text: &str| text.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte));
    let Some((rest, last)) = pod.rsplit_once('-').filter(|(rest, _)| !rest.is_empty()) else {
        return pod;
    };
    if !last.is_empty() && last.len() < 5 && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return rest;
    }
    match rest.rsplit_once('-') {
        Some((name, set))
            if !name.is_empty()
                && last.len() == 5
                && is_hash(last)
                && (5..=10).contains(&set.len())
                && is_hash(set) =>
        {
            name
        }
        _ => pod,
    }
}

#[cfg(test)]
mod tests {
    use super::deployment_of;

    #[test]
    fn a_pods_name_loses_its_hashes() {
        for (pod, deployment) in [
            ("ts-auth-service-7f8d7d756d-k7b9j", "ts-auth-service"),
            ("ts-preserve-service-b5ccf8557-j4txs", "ts-preserve-service"),
            ("mysql-0", "mysql"),
            ("checkout", "checkout"),
            ("front-end", "front-end"),
            ("-", "-"),
        ] {
            assert_eq!(deployment_of(pod), deployment);
        }
    }
}

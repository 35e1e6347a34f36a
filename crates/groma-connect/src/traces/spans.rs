//! From spans to messages: who called whom?
//!
//! A span is a transaction. It becomes a request at its start and a reply at its end, written down by
//! the process that the span belongs to; the other end is found among the spans around it:
//!
//! | kind | who is at the other end |
//! |---|---|
//! | server, consumer | the client half with the same id (Zipkin's shared spans), else the process of the parent span, else what the span says itself, else `client` for a root and `unknown` otherwise |
//! | client, producer | the server half with the same id; else, if a child span is the server's, see below; else what the span says, else `unknown` |
//! | internal | the process of the parent span; itself if it is a root |
//!
//! - Both halves of a shared span tell of the same message, so both records bear the same message id.
//! - A client span whose server has a span of its own (OTLP) is book-keeping inside the caller: the
//!   message is told by the server's span, and counting it here too would double the traffic. Its
//!   records have the caller at both ends and no size; a size only the client knows goes to the server's.
//! - Producers and consumers are one-way: no reply. A consumer hears from the broker if one is named.
//! - When several servers share one span id (one event, many listeners), each beyond the first has a
//!   message of its own.
//!
//! Spans come in any order and a parent may come from another file, so [`SPANS_HELD_MAX`] of them are
//! held before the other ends are looked up, and what is known of a span is remembered for as many
//! again. A parent farther away than that is as good as missing.

use std::collections::HashMap;
use std::sync::Arc;

use groma_model::Timestamp;
use groma_trace::{Direction, MessageRecord};

use super::out::Out;
use super::recent::Recent;
use super::{CLIENT, UNKNOWN, ids};

/// How many spans are held until their other ends are looked up: about 150 MB with what is
/// remembered.
pub(super) const SPANS_HELD_MAX: usize = 1 << 17;
/// How many addresses of processes are remembered, to name peers that are given by address only.
const ADDRESSES_MAX: usize = 1 << 18;
/// How many processes are remembered that served one span, beside the first.
const LISTENERS_MAX: usize = 64;

/// One span, as every format gives it.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) trace: u64,
    pub(super) id: u64,
    /// 0: it is a root.
    pub(super) parent: u64,
    /// 0: not known.
    pub(super) session: u64,
    pub(super) kind: SpanKind,
    /// The process that wrote it.
    pub(super) process: Arc<str>,
    /// The service that `process` is an instance of.
    pub(super) service: Option<Arc<str>>,
    pub(super) remote: Remote,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) sizes: Sizes,
    pub(super) status: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanKind {
    Client,
    Server,
    Producer,
    Consumer,
    /// Also when the source does not say.
    Internal,
}

/// What the span itself says of the other end.
#[derive(Debug, Clone, Default)]
pub(super) struct Remote {
    pub(super) name: Option<Arc<str>>,
    /// Address without a port: it may be that of a process we know.
    pub(super) ip: Option<Arc<str>>,
    pub(super) port: Option<u16>,
    pub(super) service: Option<Arc<str>>,
}

/// Bytes of the request and of the reply. `None`: not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) request: Option<u64>,
    pub(super) reply: Option<u64>,
}

/// Holds spans and turns them into messages.
pub(super) struct Assembler {
    held: Vec<Span>,
    held_max: usize,
    known: Recent<(u64, u64), Known>,
    /// `None`: several processes have the address.
    by_address: HashMap<Arc<str>, Option<Arc<str>>>,
    client: Arc<str>,
    unknown: Arc<str>,
}

/// What is known of one (trace, span id).
#[derive(Debug, Default)]
struct Known {
    /// Process and service of its client or producer half.
    caller: Option<Arc<str>>,
    caller_sizes: Sizes,
    /// Process of its server, consumer or internal half; the first that came, unless an internal one
    /// came before a server.
    worker: Option<Arc<str>>,
    /// More processes that served it.
    listeners: Vec<Arc<str>>,
    worker_serves: bool,
    worker_service: Option<Arc<str>>,
    /// Service of a child that is a server or consumer.
    answered_by: Option<Option<Arc<str>>>,
}

/// Where a span's messages went.
struct Ends {
    direction: Direction,
    peer: Arc<str>,
    service: Option<Arc<str>>,
    sizes: Sizes,
    replies: bool,
    /// Distinguishes messages of listeners that share one span id; 0 for the first.
    listener: u64,
}

impl Assembler {
    pub(super) fn new() -> Assembler {
        Assembler::holding(SPANS_HELD_MAX)
    }

    fn holding(held_max: usize) -> Assembler {
        Assembler {
            held: Vec::new(),
            held_max,
            // A span tells of itself and of its parent.
            known: Recent::new(2 * held_max),
            by_address: HashMap::new(),
            client: CLIENT.into(),
            unknown: UNKNOWN.into(),
        }
    }

    /// Says which process has an address.
    pub(super) fn address(&mut self, ip: &Arc<str>, process: &Arc<str>) {
        if let Some(known) = self.by_address.get_mut(ip) {
            if known.as_ref().is_some_and(|known| known != process) {
                *known = None;
            }
        } else if self.by_address.len() < ADDRESSES_MAX {
            self.by_address.insert(Arc::clone(ip), Some(Arc::clone(process)));
        }
    }

    /// Takes a span; its messages may come later.
    pub(super) fn push(&mut self, span: Span, out: &mut Out<'_>) {
        self.note(&span);
        self.held.push(span);
        if self.held.len() >= self.held_max {
            self.flush(out);
        }
    }

    /// Gives the messages of all spans that are held, in the order in which the spans came.
    pub(super) fn flush(&mut self, out: &mut Out<'_>) {
        for span in std::mem::take(&mut self.held) {
            let ends = self.ends(&span);
            let cause = self.cause(&span);
            give_messages(span, ends, cause, out);
        }
    }

    fn note(&mut self, span: &Span) {
        let known = self.known.entry((span.trace, span.id));
        match span.kind {
            SpanKind::Client | SpanKind::Producer => {
                known.caller.get_or_insert_with(|| Arc::clone(&span.process));
                known.caller_sizes = span.sizes;
            }
            SpanKind::Server | SpanKind::Consumer if !known.worker_serves => {
                known.worker = Some(Arc::clone(&span.process));
                known.worker_service = span.service.clone();
                known.worker_serves = true;
            }
            SpanKind::Server | SpanKind::Consumer => {
                if !known.served_by(&span.process) && known.listeners.len() < LISTENERS_MAX {
                    known.listeners.push(Arc::clone(&span.process));
                }
            }
            SpanKind::Internal => {
                known.worker.get_or_insert_with(|| Arc::clone(&span.process));
            }
        }
        if matches!(span.kind, SpanKind::Server | SpanKind::Consumer) && span.parent != 0 {
            let parent = self.known.entry((span.trace, span.parent));
            parent.answered_by.get_or_insert_with(|| span.service.clone());
        }
    }

    fn ends(&self, span: &Span) -> Ends {
        let known = self.known.get(&(span.trace, span.id));
        let parent = self.known.get(&(span.trace, span.parent)).filter(|_| span.parent != 0);
        let other = OtherHalves { known, parent };
        match other.kind(span) {
            SpanKind::Server => self.server_ends(span, other),
            SpanKind::Consumer => {
                let broker = self.remote(span, Port::Kept);
                let ends = self.server_ends(span, other);
                Ends { peer: broker.unwrap_or(ends.peer), replies: false, ..ends }
            }
            SpanKind::Client => self.client_ends(span, other, None),
            SpanKind::Producer => {
                let broker = self.remote(span, Port::Kept);
                Ends { replies: false, ..self.client_ends(span, other, broker) }
            }
            SpanKind::Internal => {
                let near = |parent: &&Known| !parent.served_by(&span.process);
                let peer = parent.filter(near).and_then(Known::process).unwrap_or(&span.process);
                Ends {
                    direction: Direction::Receive,
                    peer: Arc::clone(peer),
                    service: span.service.clone(),
                    sizes: span.sizes,
                    replies: true,
                    listener: 0,
                }
            }
        }
    }

    /// The request of the parent span: the one that was heard here, if several processes heard it.
    fn cause(&self, span: &Span) -> u64 {
        let parent = self.known.get(&(span.trace, span.parent));
        let listener = match parent {
            _ if span.parent == 0 => return 0,
            Some(parent) if parent.listeners.contains(&span.process) => listener(&span.process),
            _ => 0,
        };
        message_id(span.trace, span.parent, REQUEST, listener)
    }

    fn server_ends(&self, span: &Span, OtherHalves { known, parent }: OtherHalves<'_>) -> Ends {
        let shared_caller = known.and_then(|known| known.caller.as_ref());
        let peer = shared_caller
            .or_else(|| parent.and_then(Known::process))
            .map(Arc::clone)
            // A caller's port is a new one for each connection and names nobody.
            .or_else(|| self.remote(span, Port::Dropped))
            .unwrap_or_else(|| {
                Arc::clone(if span.parent == 0 { &self.client } else { &self.unknown })
            });
        let caller_sizes = match (shared_caller, parent) {
            (None, Some(parent)) => parent.caller_sizes,
            _ => Sizes::default(),
        };
        let first = known.and_then(|known| known.worker.as_ref());
        let listener = match first {
            Some(first) if *first != span.process => listener(&span.process),
            _ => 0,
        };
        Ends {
            direction: Direction::Receive,
            peer,
            service: span.service.clone(),
            sizes: Sizes {
                request: span.sizes.request.or(caller_sizes.request),
                reply: span.sizes.reply.or(caller_sizes.reply),
            },
            replies: true,
            listener,
        }
    }

    fn client_ends(
        &self,
        span: &Span,
        OtherHalves { known, .. }: OtherHalves<'_>,
        broker: Option<Arc<str>>,
    ) -> Ends {
        let server = known.filter(|known| known.worker_serves);
        let answered_by = known.and_then(|known| known.answered_by.as_ref());
        let ends = |peer, service, sizes| Ends {
            direction: Direction::Send,
            peer,
            service,
            sizes,
            replies: true,
            listener: 0,
        };
        if let Some((server, process)) = server.and_then(|it| Some((it, it.worker.as_ref()?))) {
            ends(Arc::clone(process), server.worker_service.clone(), span.sizes)
        } else if let Some(broker) = broker {
            ends(broker, span.remote.service.clone(), span.sizes)
        } else if let Some(service) = answered_by {
            ends(Arc::clone(&span.process), service.clone(), Sizes::default())
        } else {
            let peer = self.remote(span, Port::Kept).unwrap_or_else(|| Arc::clone(&self.unknown));
            ends(peer, span.remote.service.clone(), span.sizes)
        }
    }

    /// The other end as the span gives it: a process whose address it is, else a name, else an address.
    fn remote(&self, span: &Span, port: Port) -> Option<Arc<str>> {
        let Remote { name, ip, port: number, .. } = &span.remote;
        let of_address = ip.as_ref().and_then(|ip| self.by_address.get(ip)?.as_ref());
        match (of_address, name, ip) {
            (Some(process), _, _) => Some(Arc::clone(process)),
            (None, Some(name), _) => Some(Arc::clone(name)),
            (None, None, Some(ip)) => Some(match (number, port) {
                (Some(number), Port::Kept) if ip.contains(':') => format!("[{ip}]:{number}").into(),
                (Some(number), Port::Kept) => format!("{ip}:{number}").into(),
                _ => Arc::clone(ip),
            }),
            (None, None, None) => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Port {
    Kept,
    Dropped,
}

/// What is known of a span's own id and of its parent's.
#[derive(Clone, Copy)]
struct OtherHalves<'a> {
    known: Option<&'a Known>,
    parent: Option<&'a Known>,
}

impl OtherHalves<'_> {
    /// The kind of a span. One that does not say, but has the id of a span of the same process that
    /// does, was reported in two parts.
    fn kind(self, span: &Span) -> SpanKind {
        let Some(known) = self.known.filter(|_| span.kind == SpanKind::Internal) else {
            return span.kind;
        };
        if known.worker_serves && known.worker.as_ref() == Some(&span.process) {
            SpanKind::Server
        } else if known.caller.as_ref() == Some(&span.process) {
            SpanKind::Client
        } else {
            SpanKind::Internal
        }
    }
}

impl Known {
    /// The process in which its children ran: where it was served, else where it was called.
    fn process(&self) -> Option<&Arc<str>> {
        self.worker.as_ref().or(self.caller.as_ref())
    }

    fn served_by(&self, process: &Arc<str>) -> bool {
        self.worker.as_ref() == Some(process) || self.listeners.contains(process)
    }
}

const REQUEST: u64 = 0;
const REPLY: u64 = 1;

/// Message ids come from trace, span and leg, so that a span that is told twice gives the same ids.
fn message_id(trace: u64, span: u64, leg: u64, listener: u64) -> u64 {
    match listener {
        0 => ids::of_parts(&[trace, span, leg]),
        listener => ids::of_parts(&[trace, span, leg, listener]),
    }
}

/// Tells the messages of one listener from those of another.
fn listener(process: &str) -> u64 {
    ids::of_name(process)
}

fn give_messages(span: Span, ends: Ends, parent_message: u64, out: &mut Out<'_>) {
    let message = |leg| message_id(span.trace, span.id, leg, ends.listener);
    let request = MessageRecord {
        time: span.start,
        process: span.process,
        direction: ends.direction,
        peer: ends.peer,
        message: message(REQUEST),
        parent_message,
        reply: false,
        tree: span.trace,
        transaction: span.id,
        parent_transaction: span.parent,
        session: span.session,
        service: ends.service,
        bytes: ends.sizes.request,
        status: None,
    };
    let reply = (ends.replies && span.end.is_some()).then(|| MessageRecord {
        time: span.end,
        direction: match ends.direction {
            Direction::Send => Direction::Receive,
            Direction::Receive => Direction::Send,
        },
        message: message(REPLY),
        parent_message: request.message,
        reply: true,
        bytes: ends.sizes.reply,
        status: span.status,
        ..request.clone()
    });
    out.message(request);
    if let Some(reply) = reply {
        out.message(reply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Heard;

    /// Who called the span that is the last of `count` spans in a row, each in a process of its own, if
    /// the first is its parent and `held_max` spans are held.
    fn caller_of_last(count: u64, held_max: usize) -> String {
        let mut peer = String::new();
        let mut sink = |heard: Heard| peer = heard.messages.last().unwrap().peer.to_string();
        let mut out = Out::new(&mut sink);
        let mut assembler = Assembler::holding(held_max);
        for id in 1..=count {
            let span = Span {
                trace: 1,
                id,
                parent: u64::from(id == count),
                session: 0,
                kind: SpanKind::Server,
                process: format!("p{id}").into(),
                service: None,
                remote: Remote::default(),
                start: None,
                end: None,
                sizes: Sizes::default(),
                status: None,
            };
            assembler.push(span, &mut out);
        }
        assembler.flush(&mut out);
        assert!(assembler.known.len() <= 4 * held_max);
        out.finish("test");
        peer
    }

    #[test]
    fn a_parent_is_known_as_long_as_was_promised() {
        assert_eq!(caller_of_last(8, 4), "p1", "given before, and remembered");
        assert_eq!(caller_of_last(100, 4), "unknown", "farther away than that");
        assert_eq!(caller_of_last(100, 200), "p1");
    }
}

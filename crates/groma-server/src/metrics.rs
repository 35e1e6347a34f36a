//! What the server counts about itself, in the text form of Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::retention::Retained;

/// A door, with what goes through it.
#[derive(Debug, Default)]
pub(crate) struct DoorMetrics {
    pub(crate) open: AtomicI64,
    pub(crate) connections: AtomicU64,
    pub(crate) statements: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl DoorMetrics {
    /// Counts a connection until the guard is dropped.
    pub(crate) fn connected(self: &std::sync::Arc<Self>) -> Connected {
        self.connections.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
        Connected(std::sync::Arc::clone(self))
    }
}

/// A connection that is open.
pub(crate) struct Connected(std::sync::Arc<DoorMetrics>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// Limits that can be hit; each has a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Connections,
    StatementTimeout,
    Memory,
    Idle,
    Login,
    Body,
}

const LIMITS: [(Limit, &str); 6] = [
    (Limit::Connections, "connections"),
    (Limit::StatementTimeout, "statement_timeout"),
    (Limit::Memory, "query_memory"),
    (Limit::Idle, "idle_timeout"),
    (Limit::Login, "failed_logins"),
    (Limit::Body, "request_bytes"),
];

/// All counters of a server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) wire: std::sync::Arc<DoorMetrics>,
    pub(crate) http: std::sync::Arc<DoorMetrics>,
    pub(crate) retained: std::sync::Arc<Retained>,
    limits: [AtomicU64; LIMITS.len()],
}

impl Metrics {
    /// Counts a limit that was hit.
    pub(crate) fn hit(&self, limit: Limit) {
        if let Some(index) = LIMITS.iter().position(|(known, _)| *known == limit) {
            self.limits[index].fetch_add(1, Relaxed);
        }
    }

    /// Counts the limit that an error tells of, if it does.
    pub(crate) fn note_error(&self, sqlstate: &str, message: &str) {
        match sqlstate {
            "53300" => self.hit(Limit::Connections),
            "53200" => self.hit(Limit::Memory),
            "57014" if message.contains("timeout") => self.hit(Limit::StatementTimeout),
            "57P05" => self.hit(Limit::Idle),
            "28P01" => self.hit(Limit::Login),
            _ => {}
        }
    }

    /// `gauges`: name, help and value of what is not counted here.
    pub(crate) fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, i64)]| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let doors = [("wire", &self.wire), ("http", &self.http)];
        let per_door = |of: &dyn Fn(&DoorMetrics) -> i64| -> Vec<(String, i64)> {
            doors
                .iter()
                .map(|(door, metrics)| (format!("{{door=\"{door}\"}}"), of(metrics)))
                .collect()
        };
        let count = |counter: &AtomicU64| counter.load(Relaxed) as i64;
        family(
            "groma_connections",
            "gauge",
            "Connections that are open.",
            &per_door(&|door| door.open.load(Relaxed)),
        );
        for (name, help, of) in [
            (
                "groma_connections_total",
                "Connections that were taken.",
                &(|door: &DoorMetrics| count(&door.connections)) as &dyn Fn(&DoorMetrics) -> i64,
            ),
            ("groma_statements_total", "Statements.", &|door| count(&door.statements)),
            ("groma_errors_total", "Requests that were refused or failed.", &|door| {
                count(&door.errors)
            }),
            ("groma_rows_total", "Rows sent.", &|door| count(&door.rows)),
            ("groma_row_bytes_total", "Bytes of rows sent, before TLS.", &|door| {
                count(&door.bytes)
            }),
        ] {
            family(name, "counter", help, &per_door(of));
        }
        let limits: Vec<_> = (LIMITS.iter().zip(&self.limits))
            .map(|((_, name), counter)| (format!("{{limit=\"{name}\"}}"), count(counter)))
            .collect();
        family("groma_limits_hit_total", "counter", "Requests that hit a limit.", &limits);
        for (name, help, of) in [
            (
                "groma_compactions_total",
                "Times that the far past was given up.",
                &self.retained.compactions,
            ),
            (
                "groma_compacted_changes_total",
                "Changes that were given up.",
                &self.retained.changes,
            ),
        ] {
            family(name, "counter", help, &[(String::new(), count(of))]);
        }
        family(
            "groma_compaction_hold_max_microseconds",
            "gauge",
            "The longest that others waited for a step of giving up the far past.",
            &[(String::new(), count(&self.retained.longest_hold_micros))],
        );
        for (name, help, value) in gauges {
            family(name, "gauge", help, &[(String::new(), *value as i64)]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_of_the_form_of_prometheus() {
        let metrics = Metrics::default();
        let connected = metrics.wire.connected();
        metrics.note_error("53200", "");
        metrics.note_error("57014", "canceling statement due to statement timeout (1 ms)");
        let text = metrics.text(&[("groma_version", "Commits.", 7)]);
        for line in [
            "groma_connections{door=\"wire\"} 1",
            "groma_limits_hit_total{limit=\"query_memory\"} 1",
            "groma_limits_hit_total{limit=\"statement_timeout\"} 1",
            "# TYPE groma_version gauge",
            "groma_version 7",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        drop(connected);
        assert!(metrics.text(&[]).contains("groma_connections{door=\"wire\"} 0"));
    }
}

//! Traffic as others write it down: message logs and spans.
//!
//! ```text
//! message log (JSON lines, CSV, Parquet) ------------------------------> MessageRecord
//! spans (Nezha, Zipkin, OTLP) -> Span -> Assembler (who called whom?) -> MessageRecord
//! ```
//!
//! A format of spans only says what a span looks like; how spans become messages is decided in one
//! place, [`spans`]. To add a format: a file here with its `IMPORTER`, and a line in the list of the crate.

mod csv_line;
mod ids;
mod json_stream;
mod message_log;
pub(crate) mod message_log_csv;
pub(crate) mod message_log_json;
pub(crate) mod message_log_parquet;
pub(crate) mod nezha;
mod otlp_attributes;
pub(crate) mod otlp_json;
mod out;
mod recent;
mod spans;
mod stdx;
pub(crate) mod zipkin;

/// The other end of a message that came from outside of what was traced.
pub const CLIENT: &str = "client";
/// The other end of a message when the source does not say.
pub const UNKNOWN: &str = "unknown";

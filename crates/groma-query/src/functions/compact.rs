//! Gives up the far past, so that the journal holds what can still be asked.

use groma_model::{Timestamp, Version};

use super::arguments::Function;
use crate::table::{Cell, Type, column};
use crate::{QueryError, Role, clock, stretch};

pub(super) static FUNCTION: Function = Function {
    name: "compact",
    usage: "compact(keep)",
    doc: "gives up what was known longer ago than keep, such as '30d'; no answer about what is kept changes.",
    arguments_min: 1,
    arguments_max: 1,
    columns: &[
        column("oldest_version", Type::Integer, "The oldest version that can be asked now."),
        column("oldest_heard_at", Type::Time, "When that was heard; NULL: all is kept."),
        column("changes", Type::Integer, "Changes taken out of the journal."),
        column("bytes_before", Type::Integer, "Size of the entries up to that version, before."),
        column("bytes_after", Type::Integer, "Their size after."),
        column("held_ms", Type::Float, "The longest that others had to wait for a step of it."),
    ],
    rows: |call, sheet| {
        let text = call.text(0).unwrap_or_default();
        let nanos = stretch::nanos(text).ok_or_else(|| {
            QueryError::new(QueryError::BAD_VALUE, format!("\"{text}\" is no stretch of time"))
                .with_hint("Write a number and s, min, h, d or w, such as '30d'.")
        })?;
        let compacted = call.change(Role::Admin, |engine| {
            let compacted = engine.compact(Timestamp(clock::now().0.saturating_sub(nanos)))?;
            if compacted.is_some() {
                engine.shrink_journal();
            }
            Ok(compacted)
        })?;
        let (oldest, heard_at) = call.engine().oldest_version();
        let (report, hold) = compacted.map(|done| (done.report, done.longest_hold)).unzip();
        let bytes = |bytes: Option<u64>| Cell::Integer(bytes.unwrap_or(0) as i64);
        sheet.push([
            Cell::Integer(oldest.0 as i64),
            if oldest == Version(0) { Cell::Null } else { Cell::Time(heard_at) },
            bytes(report.map(|report| report.changes)),
            bytes(report.map(|report| report.bytes_before)),
            bytes(report.map(|report| report.bytes_after)),
            Cell::Float(hold.map_or(0.0, |hold| hold.as_secs_f64() * 1e3)),
        ])
    },
};

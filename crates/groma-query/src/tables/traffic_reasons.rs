//! Why traffic crossed, summed up by kind of hop.

use std::collections::BTreeMap;

use groma_network::Verdict;

use crate::table::{Cell, Table, Type, column};
use crate::tally::Tally;

pub(super) static TABLE: Table = Table {
    schema: "traffic",
    name: "reasons",
    doc: "Why traffic crossed, by kind of hop; the rows add up to the matrix.",
    columns: &[
        column(
            "hop_kind",
            Type::Text,
            "What the two ends are: CLIENT->ESB, ESB->APP, ESB->ESB, ...",
        ),
        column("class", Type::Text, "LOCAL, CROSSING, UNPLACED, AMBIGUOUS, EXTERNAL or UNROUTED."),
        column(
            "reason",
            Type::Text,
            "LB, VLAN, LB|VLAN, LB&VLAN, PLACEMENT or PINNED; NULL: it did not cross.",
        ),
        column("cause", Type::Text, "Of VLAN reasons: deployment or configuration."),
        column("stretch", Type::Text, "Of PLACEMENT and PINNED: l2-stretched or l3-routed."),
        column("messages", Type::Integer, "Requests and replies."),
        column("bytes", Type::Integer, "Their bytes, as far as known."),
        column("hop_bytes", Type::Float, "Bytes times the links with an end beyond access."),
        column("volume", Type::Float, "bytes or hop_bytes, as SET groma.accounting says."),
        column(
            "saved_by_balancing_bytes",
            Type::Integer,
            "Bytes that another choice of the balancer alone would have kept local.",
        ),
        column(
            "saved_by_vlan_bytes",
            Type::Integer,
            "Bytes that one VLAN alone would have kept local.",
        ),
        column(
            "saved_by_both_bytes",
            Type::Integer,
            "Bytes that both together would have kept local.",
        ),
    ],
    rows: |view, sheet| {
        let traffic = view.traffic();
        let mut sums: BTreeMap<_, Tally> = BTreeMap::new();
        for flow in &traffic.lanes {
            let Verdict { class, reason, cause, stretch, .. } = flow.verdict;
            sums.entry((traffic.hop_kind(&flow.cell), class, reason, cause, stretch))
                .or_default()
                .add(&traffic, flow);
        }
        for ((hop_kind, class, reason, cause, stretch), sum) in sums {
            sheet.push([
                Cell::Text(hop_kind),
                Cell::Text(class.name()),
                reason.map_or(Cell::Null, |reason| Cell::Text(reason.name())),
                cause.map_or(Cell::Null, |cause| Cell::Text(cause.name())),
                stretch.map_or(Cell::Null, |stretch| Cell::Text(stretch.name())),
                Cell::Integer(sum.messages as i64),
                Cell::Integer(sum.bytes as i64),
                Cell::Float(sum.hop_bytes),
                Cell::Float(sum.volume(view.accounting())),
                Cell::Integer(sum.saved_by_balancing as i64),
                Cell::Integer(sum.saved_by_vlan as i64),
                Cell::Integer(sum.saved_by_both as i64),
            ])?;
        }
        Ok(())
    },
};

//! Traffic between groups: farms, services and clients.

use std::collections::BTreeMap;

use groma_network::PathClass;

use crate::table::{Cell, Table, Type, column};
use crate::tally::Tally;

pub(super) static TABLE: Table = Table {
    schema: "traffic",
    name: "heatmap",
    doc: "Traffic between groups, all and crossing: kind by kind, farm by farm, service by service.",
    columns: &[
        column("caller_kind", Type::Text, "CLIENT, ESB or APP."),
        column("callee_kind", Type::Text, "CLIENT, ESB or APP."),
        column("caller_group", Type::Text, "The callers' farm or service."),
        column("callee_group", Type::Text, "The callees' farm or service."),
        column("messages", Type::Integer, "Requests and replies."),
        column("bytes", Type::Integer, "Their bytes, as far as known."),
        column("hop_bytes", Type::Float, "Bytes times the links with an end beyond access."),
        column("volume", Type::Float, "bytes or hop_bytes, as SET groma.accounting says."),
        column("crossing_bytes", Type::Integer, "Bytes that crossed."),
    ],
    rows: |view, sheet| {
        let traffic = view.traffic();
        let mut sums: BTreeMap<_, (Tally, u64)> = BTreeMap::new();
        for flow in &traffic.lanes {
            let (caller, callee) =
                (traffic.party(flow.cell.caller), traffic.party(flow.cell.callee));
            let (sum, crossing) =
                sums.entry((caller.role, callee.role, &caller.label, &callee.label)).or_default();
            sum.add(&traffic, flow);
            *crossing += if flow.verdict.class == PathClass::Crossing { flow.bytes() } else { 0 };
        }
        for ((caller_role, callee_role, caller_group, callee_group), (sum, crossing)) in sums {
            sheet.push([
                Cell::Text(caller_role.name()),
                Cell::Text(callee_role.name()),
                Cell::Text(caller_group),
                Cell::Text(callee_group),
                Cell::Integer(sum.messages as i64),
                Cell::Integer(sum.bytes as i64),
                Cell::Float(sum.hop_bytes),
                Cell::Float(sum.volume(view.accounting())),
                Cell::Integer(crossing as i64),
            ])?;
        }
        Ok(())
    },
};

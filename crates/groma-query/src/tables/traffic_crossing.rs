//! The matrix on the network: where each cell went, and why it crossed.

use crate::table::{Cell, Table, Type, column};
use crate::traffic::Reach;

pub(super) static TABLE: Table = Table {
    schema: "traffic",
    name: "crossing",
    doc: "Each cell of the matrix with its class, the reason of its crossing, and what each remedy would save.",
    columns: &[
        column("caller", Type::Text, "Who asked."),
        column("callee", Type::Text, "Who was asked."),
        column("caller_group", Type::Text, "The caller's farm or service."),
        column("callee_group", Type::Text, "The callee's farm or service."),
        column("hop_kind", Type::Text, "What the two are: CLIENT->ESB, ESB->APP, ESB->ESB, ..."),
        column("class", Type::Text, "LOCAL, CROSSING, UNPLACED, AMBIGUOUS, EXTERNAL or UNROUTED."),
        column(
            "reason",
            Type::Text,
            "LB, VLAN, LB|VLAN, LB&VLAN, PLACEMENT or PINNED; NULL: it did not cross.",
        ),
        column("cause", Type::Text, "Of VLAN reasons: deployment or configuration."),
        column("stretch", Type::Text, "Of PLACEMENT and PINNED: l2-stretched or l3-routed."),
        column(
            "reach",
            Type::Text,
            "Highest layer on the way: host, access, distribution, core or exit; NULL: no way is known.",
        ),
        column("distribution_hops", Type::Float, "Links with an end beyond access on the way."),
        column("messages", Type::Integer, "Requests and replies."),
        column("bytes", Type::Integer, "Their bytes, as far as known."),
        column("hop_bytes", Type::Float, "Bytes times distribution_hops."),
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
        let mut reach: Vec<Reach<'_>> =
            traffic.epochs.iter().map(|epoch| Reach::new(&epoch.network)).collect();
        for flow in traffic.flows() {
            let (cell, verdict) = (&flow.cell, &flow.verdict);
            let (caller, callee) = (traffic.party(cell.caller), traffic.party(cell.callee));
            let (bytes, hops) = (flow.bytes(), traffic.distribution_hops(&flow));
            let reach = &mut reach[usize::from(flow.world)];
            let saved = |saves: bool| Cell::Integer(if saves { bytes as i64 } else { 0 });
            sheet.push([
                Cell::Text(&caller.name),
                Cell::Text(&callee.name),
                Cell::Text(&caller.label),
                Cell::Text(&callee.label),
                Cell::Text(traffic.hop_kind(cell)),
                Cell::Text(verdict.class.name()),
                verdict.reason.map_or(Cell::Null, |reason| Cell::Text(reason.name())),
                verdict.cause.map_or(Cell::Null, |cause| Cell::Text(cause.name())),
                verdict.stretch.map_or(Cell::Null, |stretch| Cell::Text(stretch.name())),
                flow.path.map_or(Cell::Null, |path| Cell::Text(reach.of(path))),
                Cell::Float(hops),
                Cell::Integer(flow.messages() as i64),
                Cell::Integer(bytes as i64),
                Cell::Float(bytes as f64 * hops),
                saved(verdict.saves_lb),
                saved(verdict.saves_vlan),
                saved(verdict.saves_both),
            ])?;
        }
        Ok(())
    },
};

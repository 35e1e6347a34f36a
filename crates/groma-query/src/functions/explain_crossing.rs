//! Why a message from one end point to another would cross.

use groma_network::classify;

use super::arguments::Function;
use super::path::{endpoint, network};
use crate::QueryError;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "explain_crossing",
    usage: "explain_crossing(from, to [, candidates])",
    doc: "why a message from one end point to another crosses; candidates, a list with commas, are those that could have been chosen in place of the second.",
    arguments_min: 2,
    arguments_max: 3,
    columns: &[
        column("class", Type::Text, "LOCAL, CROSSING, UNPLACED, AMBIGUOUS, EXTERNAL or UNROUTED."),
        column(
            "reason",
            Type::Text,
            "LB, VLAN, LB|VLAN, LB&VLAN, PLACEMENT or PINNED; NULL: it does not cross.",
        ),
        column("cause", Type::Text, "Of VLAN reasons: deployment or configuration."),
        column("stretch", Type::Text, "Of PLACEMENT and PINNED: l2-stretched or l3-routed."),
        column("distribution_hops", Type::Float, "Links with an end beyond access on the way."),
        column("alternatives", Type::Integer, "How many different ways there are."),
        column("failure", Type::Text, "Why it does not arrive; NULL: it does."),
        column("explanation", Type::Text, "The same as a sentence."),
    ],
    rows: |call, sheet| {
        let network = network(call, usize::MAX)?;
        let (from, to) = (endpoint(call, &network, 0)?, endpoint(call, &network, 1)?);
        let mut candidates = vec![to];
        for name in call
            .text(2)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            candidates.push(network.endpoint(name).ok_or_else(|| {
                QueryError::new("42704", format!("no end point is called \"{name}\""))
            })?);
        }
        candidates.sort_unstable();
        candidates.dedup();
        let verdict = classify(&network, from, to, &candidates);
        let path = network.shared_path(network.path_id(from, to));
        let text = |text: Option<&'static str>| text.map_or(Cell::Null, Cell::Text);
        sheet.push([
            Cell::Text(verdict.class.name()),
            text(verdict.reason.map(|reason| reason.name())),
            text(verdict.cause.map(|cause| cause.name())),
            text(verdict.stretch.map(|stretch| stretch.name())),
            Cell::Float(path.distribution_hops),
            Cell::Integer(path.alternatives.into()),
            text(path.failure.map(|failure| failure.name())),
            Cell::Text(crate::traffic::explain(&verdict)),
        ])
    },
};

//! What hangs together.

use groma_graph::Net;

use super::arguments::{Call, Function};
use crate::graph::{Along, Asked};
use crate::table::{Cell, Type, column};
use datafusion::error::Result;

/// The graph that is asked unless the call names one.
const GRAPH: &str = "cabling";

pub(super) static FUNCTION: Function = Function {
    name: "components",
    usage: "components([graph [, edge]])",
    doc: "which vertices of a graph hang together, whichever way its edges point; without arguments, which devices are joined by working cables.",
    arguments_min: 0,
    arguments_max: 2,
    columns: &[
        column("component", Type::Integer, "Number of the part, the largest first, from 1."),
        column("kind", Type::Text, "Kind of the entity."),
        column("id", Type::Text, "The entity."),
    ],
    rows: |call, sheet| {
        let (asked, along) = asked(call)?;
        let net = Net::new(&asked.graph, &along.tables);
        let components = net.components();
        let mut members: Vec<(u32, usize)> = components.into_iter().zip(0..).collect();
        members.sort_unstable();
        members.into_iter().try_for_each(|(component, place)| {
            let (kind, id) = asked.kind_and_key(net.vertices()[place]);
            sheet.push([Cell::Integer(i64::from(component) + 1), Cell::Text(kind), Cell::Text(id)])
        })
    },
};

/// The graph and edges that a call names in its first two arguments.
pub(super) fn asked(call: &Call) -> Result<(Asked, Along)> {
    let asked = Asked::named(call.text(0).unwrap_or(GRAPH), call.database(), call.databases())?;
    let along = asked.along(call.text(1).unwrap_or("-"))?;
    Ok((asked, along))
}

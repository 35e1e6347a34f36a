//! Every cable between two end points, with the share of the packets that takes it.

use std::sync::Arc;

use datafusion::error::Result;
use groma_model::Timestamp;
use groma_network::{DeviceIndex, EndpointIndex, Network, PortIndex};

use super::arguments::{Call, Function};
use crate::QueryError;
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "path",
    usage: "path(from, to [, at])",
    doc: "every cable from one end point to another, with the share of the packets that takes it; an end point is the name of an instance, process, container, VM, host or device, or an address.",
    arguments_min: 2,
    arguments_max: 3,
    columns: &[
        column("step", Type::Integer, "How many cables lie before it on the shortest alternative."),
        column("device", Type::Text, "Who sends; NULL: a machine that is no device of the model."),
        column("port", Type::Text, "The port it leaves by."),
        column("link", Type::Text, "The cable; NULL: how the two are joined is not known."),
        column("peer_device", Type::Text, "Who receives."),
        column("peer_port", Type::Text, "The port it arrives at."),
        column("fraction", Type::Float, "Share of the packets, above 0 and at most 1."),
        column("layer", Type::Text, "L2, L3 or overlay."),
        column("vlan", Type::Integer, "VLAN id of the frame; NULL: none."),
        column("class", Type::Text, "Class of the whole path: LOCAL, CROSSING, ..."),
    ],
    rows: |call, sheet| {
        let network = network(call, 2)?;
        let (from, to) = (endpoint(call, &network, 0)?, endpoint(call, &network, 1)?);
        let path = network.path(from, to);
        if path.hops.is_empty() {
            // A path without cables still has a class.
            let null = || Cell::Null;
            return sheet.push([
                null(),
                null(),
                null(),
                null(),
                null(),
                null(),
                null(),
                null(),
                null(),
                Cell::Text(path.class.name()),
            ]);
        }
        path.hops.iter().try_for_each(|hop| {
            sheet.push([
                Cell::Integer(hop.step.into()),
                device(&network, hop.device),
                port(&network, hop.port),
                hop.link.map_or(Cell::Null, |link| Cell::Text(&network.link(link).name)),
                device(&network, hop.peer_device),
                port(&network, hop.peer_port),
                Cell::Float(hop.fraction),
                Cell::Text(hop.layer.name()),
                hop.vlan.map_or(Cell::Null, |vlan| {
                    Cell::Integer(network.vlans()[vlan.index()].vid.into())
                }),
                Cell::Text(path.class.name()),
            ])
        })
    },
};

/// The network of the session's database, at the time that an argument gives or now.
pub(super) fn network(call: &Call, at: usize) -> Result<Arc<Network>> {
    let view = call.view()?;
    match call.text(at) {
        None => Ok(view.network()),
        Some(text) => {
            let wrong = |error: groma_model::TimestampError| {
                QueryError::new(QueryError::BAD_VALUE, error.to_string())
            };
            Ok(view.network_at(Timestamp::parse(text).map_err(wrong)?))
        }
    }
}

/// The end point that an argument names.
pub(super) fn endpoint(call: &Call, network: &Network, index: usize) -> Result<EndpointIndex> {
    let name = call.text(index).unwrap_or_default();
    network.endpoint(name).ok_or_else(|| {
        QueryError::new("42704", format!("no end point is called \"{name}\""))
            .with_hint("Name an instance, process, container, VM, host or device of the model, or an address.")
            .into()
    })
}

pub(super) fn device(network: &Network, device: Option<DeviceIndex>) -> Cell<'_> {
    device.map_or(Cell::Null, |device| Cell::Text(&network.device(device).name))
}

pub(super) fn port(network: &Network, port: Option<PortIndex>) -> Cell<'_> {
    port.map_or(Cell::Null, |port| Cell::Text(&network.port(port).name))
}

//! Every alternative between two end points, device by device.

use super::arguments::Function;
use super::path::{device, endpoint, network, port};
use crate::table::{Cell, Type, column};

pub(super) static FUNCTION: Function = Function {
    name: "routes",
    usage: "routes(from, to [, at])",
    doc: "every alternative from one end point to another, device by device.",
    arguments_min: 2,
    arguments_max: 3,
    columns: &[
        column("route", Type::Integer, "Number of the alternative, from 1."),
        column("fraction", Type::Float, "Share of the packets that go this way."),
        column("step", Type::Integer, "Place of the device on it, from 0."),
        column("device", Type::Text, "The device."),
        column("in_port", Type::Text, "The port it came in by."),
        column("out_port", Type::Text, "The port it goes out by."),
        column("vrf", Type::Text, "The routing table used."),
        column("protocol", Type::Text, "Who put the route there; l2 when switched."),
        column("layer", Type::Text, "How it goes out: L2, L3 or overlay."),
        column("vlan", Type::Integer, "VLAN id it goes out in."),
        column("next_hop", Type::Text, "Address of the next hop."),
        column("vtep", Type::Text, "Tunnel end point it is sent to."),
    ],
    rows: |call, sheet| {
        let network = network(call, 2)?;
        let (from, to) = (endpoint(call, &network, 0)?, endpoint(call, &network, 1)?);
        for (number, route) in network.routes(from, to).iter().enumerate() {
            for (place, step) in route.steps.iter().enumerate() {
                let text = |text: Option<String>| text.map_or(Cell::Null, Cell::Owned);
                sheet.push([
                    Cell::Integer(number as i64 + 1),
                    Cell::Float(route.fraction),
                    Cell::Integer(place as i64),
                    device(&network, Some(step.device)),
                    port(&network, step.ingress),
                    port(&network, step.egress),
                    Cell::Text(&step.vrf),
                    if step.protocol.is_empty() { Cell::Null } else { Cell::Text(&step.protocol) },
                    Cell::Text(step.layer.name()),
                    step.vlan.map_or(Cell::Null, |vlan| {
                        Cell::Integer(network.vlans()[vlan.index()].vid.into())
                    }),
                    text(step.next_hop.map(|ip| ip.to_string())),
                    text(step.vtep.map(|ip| ip.to_string())),
                ])?;
            }
        }
        Ok(())
    },
};

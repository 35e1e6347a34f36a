//! What each link carried, in each direction.

use std::collections::BTreeMap;

use groma_network::{EndpointIndex, Hop, LinkIndex, PathIndex, PortIndex};

use crate::table::{Cell, Table, Type, column};
use crate::traffic::{Epoch, Traffic};

pub(super) static TABLE: Table = Table {
    schema: "traffic",
    name: "link_load",
    doc: "What each link carried in each direction: messages and bytes, split over LAG members and equal-cost ways.",
    columns: &[
        column("link", Type::Text, "The link."),
        column(
            "from_port",
            Type::Text,
            "The end that sends; NULL: a machine that is no device of the model.",
        ),
        column(
            "to_port",
            Type::Text,
            "The end that receives; NULL: a machine that is no device of the model.",
        ),
        column(
            "beyond_access",
            Type::Boolean,
            "Whether an end lies at the distribution layer or above.",
        ),
        column("messages", Type::Float, "Messages, in shares where several ways are taken."),
        column("bytes", Type::Float, "Bytes, in shares where several ways are taken."),
    ],
    rows: |view, sheet| {
        let traffic = view.traffic();
        let mut loads: BTreeMap<(String, String, String), (bool, Amount)> = BTreeMap::new();
        for (number, epoch) in traffic.epochs.iter().enumerate() {
            let label = |port: Option<PortIndex>| {
                port.map_or(String::new(), |port| epoch.network.port_label(port))
            };
            for ((link, from, to), amount) in link_amounts(&traffic, number, epoch) {
                let key = (epoch.network.link(link).name.to_string(), label(from), label(to));
                let load = loads
                    .entry(key)
                    .or_insert((epoch.network.link_beyond_access(link), Amount::default()));
                load.1.add(amount, 1.0);
            }
        }
        for ((link, from, to), (beyond, amount)) in loads {
            let port =
                |label: String| if label.is_empty() { Cell::Null } else { Cell::Owned(label) };
            sheet.push([
                Cell::Owned(link),
                port(from),
                port(to),
                Cell::Boolean(beyond),
                Cell::Float(amount.messages),
                Cell::Float(amount.bytes),
            ])?;
        }
        Ok(())
    },
};

#[derive(Debug, Clone, Copy, Default)]
struct Amount {
    messages: f64,
    bytes: f64,
}

impl Amount {
    fn add(&mut self, other: Amount, share: f64) {
        self.messages += other.messages * share;
        self.bytes += other.bytes * share;
    }
}

/// Requests one way and replies the other.
type BothWays = [Amount; 2];
type Directed = (LinkIndex, Option<PortIndex>, Option<PortIndex>);

/// Sums by path and by end point first, so that hops are walked once per path and not per flow.
fn link_amounts(traffic: &Traffic, number: usize, epoch: &Epoch) -> BTreeMap<Directed, Amount> {
    let network = &epoch.network;
    let mut by_path: BTreeMap<PathIndex, BothWays> = BTreeMap::new();
    let mut by_ends: BTreeMap<(PathIndex, EndpointIndex, bool), BothWays> = BTreeMap::new();
    for flow in traffic.flows.iter().filter(|flow| usize::from(flow.world) == number) {
        let ends = (
            epoch.endpoints[flow.cell.caller as usize],
            epoch.endpoints[flow.cell.callee as usize],
        );
        let (Some(path), (Some(from), Some(to))) = (flow.path, ends) else { continue };
        let amounts = [
            Amount { messages: flow.cell.requests as f64, bytes: flow.cell.request_bytes as f64 },
            Amount { messages: flow.cell.replies as f64, bytes: flow.cell.reply_bytes as f64 },
        ];
        add_both(by_path.entry(path).or_default(), amounts);
        let shared = network.shared_path(path);
        if !shared.entry.is_empty() {
            add_both(by_ends.entry((path, from, true)).or_default(), amounts);
        }
        if !shared.exit.is_empty() {
            add_both(by_ends.entry((path, to, false)).or_default(), amounts);
        }
    }
    let mut loads = BTreeMap::new();
    for (path, amounts) in by_path {
        add_hops(&network.shared_path(path).hops, amounts, &mut loads);
    }
    for ((path, endpoint, is_source), amounts) in by_ends {
        let hops = if is_source {
            network.entry_hops(path, endpoint)
        } else {
            network.exit_hops(path, endpoint)
        };
        add_hops(&hops, amounts, &mut loads);
    }
    loads
}

fn add_both(sum: &mut BothWays, amounts: BothWays) {
    sum.iter_mut().zip(amounts).for_each(|(sum, amount)| sum.add(amount, 1.0));
}

fn add_hops(hops: &[Hop], [requests, replies]: BothWays, loads: &mut BTreeMap<Directed, Amount>) {
    for hop in hops {
        let Some(link) = hop.link else { continue };
        loads.entry((link, hop.port, hop.peer_port)).or_default().add(requests, hop.fraction);
        loads.entry((link, hop.peer_port, hop.port)).or_default().add(replies, hop.fraction);
    }
}

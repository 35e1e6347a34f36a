//! What each link carried, in each direction.

use std::collections::BTreeMap;

use groma_network::{EndpointIndex, Hop, LinkIndex, PathIndex, PortIndex};
use rustc_hash::FxHashMap;

use crate::table::{Cell, Table, Type, column};
use crate::traffic::{Flow, Traffic};

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
        for (world, amounts) in link_amounts(&traffic) {
            let epoch = &traffic.epochs[usize::from(world)];
            let label = |port: Option<PortIndex>| {
                port.map_or(String::new(), |port| epoch.network.port_label(port))
            };
            for ((link, from, to), amount) in amounts {
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
/// The cables of an end point on a path that starts there, or that ends there.
type OwnCables = (u16, PathIndex, EndpointIndex, bool);

/// What links carried, by world. Sums by path and by end point first, so that hops are walked once per path
/// and not per flow: lanes tell what went along a path, cells whose own cables it took.
fn link_amounts(traffic: &Traffic) -> BTreeMap<u16, BTreeMap<Directed, Amount>> {
    let mut by_path: BTreeMap<(u16, PathIndex), BothWays> = BTreeMap::new();
    for lane in &traffic.lanes {
        let Some(path) = lane.path else { continue };
        add_both(by_path.entry((lane.world, path)).or_default(), both_ways(lane));
    }
    let mut by_ends: FxHashMap<OwnCables, BothWays> = FxHashMap::default();
    for flow in traffic.flows() {
        let epoch = traffic.epoch(&flow);
        let end = |party: u32| epoch.endpoints[party as usize];
        let ends = (flow.path, end(flow.cell.caller), end(flow.cell.callee));
        let (Some(path), Some(from), Some(to)) = ends else { continue };
        let (shared, amounts) = (epoch.network.shared_path(path), both_ways(&flow));
        if !shared.entry.is_empty() {
            add_both(by_ends.entry((flow.world, path, from, true)).or_default(), amounts);
        }
        if !shared.exit.is_empty() {
            add_both(by_ends.entry((flow.world, path, to, false)).or_default(), amounts);
        }
    }
    let mut loads: BTreeMap<u16, BTreeMap<Directed, Amount>> = BTreeMap::new();
    let network = |world: u16| &traffic.epochs[usize::from(world)].network;
    for ((world, path), amounts) in by_path {
        let hops = &network(world).shared_path(path).hops;
        add_hops(hops, amounts, loads.entry(world).or_default());
    }
    // In order, so that sums of shares are the same every time.
    let mut by_ends: Vec<_> = by_ends.into_iter().collect();
    by_ends.sort_unstable_by_key(|(cables, _)| *cables);
    for ((world, path, endpoint, is_source), amounts) in by_ends {
        let hops = if is_source {
            network(world).entry_hops(path, endpoint)
        } else {
            network(world).exit_hops(path, endpoint)
        };
        add_hops(&hops, amounts, loads.entry(world).or_default());
    }
    loads
}

fn both_ways(flow: &Flow) -> BothWays {
    let cell = &flow.cell;
    [(cell.requests, cell.request_bytes), (cell.replies, cell.reply_bytes)]
        .map(|(messages, bytes)| Amount { messages: messages as f64, bytes: bytes as f64 })
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

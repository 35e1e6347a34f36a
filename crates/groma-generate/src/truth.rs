//! What was generated, counted from the records that were written.

use serde::Serialize;

use crate::Plan;
use crate::clock::Disorder;
use crate::layout::{ESB_INSTANCES, INSTANCES_PER_FARM, Layout};
use crate::tree::{HopKind, Message, NONE, Tree};

/// Silence from which on a tree counts as dormant, and duration below which it counts as short.
const DORMANT_NS: i64 = 60_000_000_000;
const SHORT_NS: i64 = 2_000_000_000;

/// Written to `truth.json`. A message counts once, however many records of it there are; a tree,
/// transaction or session counts when a record of it was written. Bytes are those of messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Truth {
    /// What was asked for.
    pub plan: Plan,
    /// How many there are.
    pub counts: Counts,
    /// Bytes of ESB-APP and ESB-ESB messages: the paper's 4 TB.
    pub unique_bytes: u64,
    /// Forms of trees and sessions.
    pub shapes: Shapes,
    /// Messages by the kinds of their two ends.
    pub hops: Hops,
    /// Traffic between the ESB and the applications, both directions.
    pub esb_app: Crossings,
    /// Traffic within the ESB.
    pub esb_esb: Crossings,
    /// Largest load of a farm's member as a multiple of the farm's mean, over all farms.
    pub farm_balance: FarmBalance,
    /// What is wrong with the records on purpose.
    pub injected: Injected,
}

/// How many there are.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Records, with duplicates.
    pub records: u64,
    /// Records that repeat an earlier one.
    pub duplicate_records: u64,
    /// Records without a time.
    pub records_without_time: u64,
    /// Messages.
    pub messages: u64,
    /// Transactions with a record.
    pub transactions: u64,
    /// Transactions without a record that are the parent of one with a record.
    pub missing_parents: u64,
    /// Trees.
    pub trees: u64,
    /// Client sessions.
    pub sessions: u64,
    /// Transactions whose first record is earlier than their parent's first; both have a time.
    pub children_early: u64,
    /// Transactions whose last record is later than their parent's last; both have a time.
    pub children_late: u64,
}

/// Forms of trees and sessions, from the times that were written.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Shapes {
    /// Mean over trees.
    pub transactions_per_tree: f64,
    /// Mean over sessions.
    pub trees_per_session: f64,
    /// Trees whose first and last record are less than 2 s apart.
    pub short_trees: u64,
    /// Their share of all trees.
    pub short_share: f64,
    /// Trees with more than 60 s between two neighbouring records.
    pub dormant_trees: u64,
    /// Their share of all trees.
    pub dormant_share: f64,
    /// Sessions with more than 60 s between two neighbouring records.
    pub dormant_sessions: u64,
    /// Most transactions in a tree.
    pub largest_tree: u64,
}

/// Messages by the kinds of their two ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say all")]
pub struct Hops {
    pub client_to_esb: Volume,
    pub esb_to_client: Volume,
    pub esb_to_app: Volume,
    pub app_to_esb: Volume,
    pub esb_to_esb: Volume,
}

/// How much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of each times the links it takes that end on a distribution or core switch.
    /// Clients are outside: their messages count with 0.
    pub hop_bytes: u64,
}

/// Which messages crossed the distribution layer, and why. Classes exclude each other and add up;
/// a reply has the class of its request.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Crossings {
    /// All.
    pub total: Volume,
    /// Those that did not cross.
    pub local: Volume,
    /// Those that did.
    pub crossing: Volume,
    /// Bytes that crossed as a share of all.
    pub crossing_share: f64,
    /// Another choice of the load balancer would have kept it local.
    pub load_balancer: Volume,
    /// One VLAN would have kept it local.
    pub vlan: Volume,
    /// Both together would have, neither alone.
    pub load_balancer_and_vlan: Volume,
    /// No eligible instance was near.
    pub placement: Volume,
    /// No other instance was eligible, and it was not near.
    pub pinned: Volume,
    /// `load_balancer` bytes as a share of those that crossed: saved by choosing the nearest.
    pub localised_share: f64,
    /// `placement` and `pinned` bytes as a share of those that crossed: left after VLANs are
    /// eliminated and the nearest is chosen.
    pub residual_share: f64,
}

/// Largest load of a member as a multiple of its farm's mean; 0 without load.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FarmBalance {
    /// Requests of clients.
    pub entries: f64,
    /// Requests of other ESB instances.
    pub calls: f64,
}

/// What is wrong with the records on purpose, in the window or cut off by its edges.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Injected {
    /// Children moved before their parent.
    pub early_children: u64,
    /// Children moved behind their parent.
    pub late_children: u64,
    /// Transactions with children that lost all their records.
    pub lost_transactions: u64,
    /// Records held up on their way.
    pub held_up_records: u64,
    /// ESB instances with a wrong clock.
    pub skews: Vec<Skew>,
    /// Instances that came back under another name.
    pub restarts: Vec<Restart>,
    /// Machines that moved to another VLAN.
    pub vlan_moves: Vec<VlanMove>,
}

/// An instance with a wrong clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skew {
    /// Name of the instance.
    pub instance: String,
    /// What its clock shows more than the time, in nanoseconds.
    pub ahead_ns: i64,
}

/// An instance that came back under another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restart {
    /// Its name before.
    pub before: String,
    /// Its name from then on.
    pub after: String,
    /// When, in nanoseconds since 1970.
    pub at_ns: i64,
}

/// A machine that moved to another VLAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VlanMove {
    /// Name of the machine.
    pub machine: String,
    /// VLAN id before.
    pub from: i64,
    /// VLAN id from then on.
    pub to: i64,
    /// When, in nanoseconds since 1970.
    pub at_ns: i64,
}

/// What a session showed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionSeen {
    pub(crate) seen: bool,
    pub(crate) dormant: bool,
    pub(crate) last_ns: i64,
}

impl SessionSeen {
    pub(crate) fn nothing() -> SessionSeen {
        SessionSeen { seen: false, dormant: false, last_ns: i64::MAX }
    }
}

/// What was written of one tree.
#[derive(Default)]
pub(crate) struct Written {
    /// Indices of messages, ascending, each once.
    pub(crate) messages: Vec<u32>,
    /// Every time that was written with the transaction it belongs to.
    pub(crate) times: Vec<(i64, u32)>,
}

/// Adds up what was written.
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) injected: Injected,
    shapes: Shapes,
    hops: Hops,
    esb_app: Crossings,
    esb_esb: Crossings,
    entries: Vec<u64>,
    calls: Vec<u64>,
    /// By transaction of the tree at hand: first and last time, and whether it has a record.
    spans: Vec<(i64, i64)>,
    present: Vec<bool>,
    missing: Vec<u32>,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally {
            counts: Counts::default(),
            injected: Injected::default(),
            shapes: Shapes::default(),
            hops: Hops::default(),
            esb_app: Crossings::default(),
            esb_esb: Crossings::default(),
            entries: vec![0; ESB_INSTANCES],
            calls: vec![0; ESB_INSTANCES],
            spans: Vec::new(),
            present: Vec::new(),
            missing: Vec::new(),
        }
    }

    pub(crate) fn disorder(&mut self, disorder: Disorder) {
        self.injected.early_children += disorder.early_children;
        self.injected.late_children += disorder.late_children;
        self.injected.lost_transactions += disorder.lost_transactions;
    }

    /// Counts a tree of which at least one record was written.
    pub(crate) fn tree(
        &mut self,
        layout: &Layout,
        tree: &Tree,
        written: &mut Written,
        session: &mut SessionSeen,
    ) {
        self.counts.trees += 1;
        self.counts.messages += written.messages.len() as u64;
        for &index in &written.messages {
            self.message(layout, &tree.messages[index as usize]);
        }
        self.transactions(tree, written);
        written.times.sort_unstable();
        let silence = |times: &[(i64, u32)]| {
            times.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or(0)
        };
        let (first, last) = match (written.times.first(), written.times.last()) {
            (Some((first, _)), Some((last, _))) => (*first, *last),
            _ => (session.last_ns, session.last_ns),
        };
        self.shapes.short_trees += u64::from(last - first < SHORT_NS);
        let dormant = silence(&written.times) > DORMANT_NS;
        self.shapes.dormant_trees += u64::from(dormant);

        self.counts.sessions += u64::from(!session.seen);
        let paused = session.seen && first.saturating_sub(session.last_ns) > DORMANT_NS;
        if (dormant || paused) && !session.dormant {
            session.dormant = true;
            self.shapes.dormant_sessions += 1;
        }
        session.last_ns = if session.seen { session.last_ns.max(last) } else { last };
        session.seen = true;
    }

    fn transactions(&mut self, tree: &Tree, written: &Written) {
        let count = tree.transactions.len();
        self.spans.clear();
        self.spans.resize(count, (i64::MAX, i64::MIN));
        self.present.clear();
        self.present.resize(count, false);
        for &(time, transaction) in &written.times {
            let (first, last) = &mut self.spans[transaction as usize];
            *first = (*first).min(time);
            *last = (*last).max(time);
        }
        for &index in &written.messages {
            self.present[tree.messages[index as usize].transaction as usize] = true;
        }
        self.missing.clear();
        let mut seen = 0;
        for (index, transaction) in tree.transactions.iter().enumerate() {
            if !self.present[index] {
                continue;
            }
            seen += 1;
            if transaction.parent == NONE {
                continue;
            }
            let parent = transaction.parent as usize;
            if !self.present[parent] {
                self.missing.push(transaction.parent);
            }
            let ((first, last), (parent_first, parent_last)) =
                (self.spans[index], self.spans[parent]);
            if first <= last && parent_first <= parent_last {
                self.counts.children_early += u64::from(first < parent_first);
                self.counts.children_late += u64::from(last > parent_last);
            }
        }
        self.missing.sort_unstable();
        self.missing.dedup();
        self.counts.missing_parents += self.missing.len() as u64;
        self.counts.transactions += seen;
        self.shapes.largest_tree = self.shapes.largest_tree.max(seen);
    }

    fn message(&mut self, layout: &Layout, message: &Message) {
        let bytes = u64::from(message.bytes);
        let (from, to) = (message.from as usize, message.to as usize);
        match message.kind {
            HopKind::ClientToEsb => {
                self.hops.client_to_esb.add(bytes, 0);
                self.entries[to] += 1;
            }
            HopKind::EsbToClient => self.hops.esb_to_client.add(bytes, 0),
            HopKind::EsbToApp => {
                let hops = layout.hops(from, to);
                self.hops.esb_to_app.add(bytes, hops);
                self.esb_app.add(layout, from, to, message.service, bytes, hops);
            }
            HopKind::AppToEsb => {
                let hops = layout.hops(from, to);
                self.hops.app_to_esb.add(bytes, hops);
                self.esb_app.add(layout, to, from, message.service, bytes, hops);
            }
            HopKind::EsbToEsb => {
                let hops = layout.hops(from, to);
                self.hops.esb_to_esb.add(bytes, hops);
                self.esb_esb.add_esb(layout, from, to, bytes, hops);
                self.calls[to] += u64::from(!message.reply);
            }
        }
    }

    /// All that was counted.
    pub(crate) fn truth(mut self, plan: &Plan) -> Truth {
        let counts = &self.counts;
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        self.shapes.transactions_per_tree = share(counts.transactions, counts.trees);
        self.shapes.trees_per_session = share(counts.trees, counts.sessions);
        self.shapes.short_share = share(self.shapes.short_trees, counts.trees);
        self.shapes.dormant_share = share(self.shapes.dormant_trees, counts.trees);
        for crossings in [&mut self.esb_app, &mut self.esb_esb] {
            let crossing = crossings.crossing.bytes;
            crossings.crossing_share = share(crossing, crossings.total.bytes);
            crossings.localised_share = share(crossings.load_balancer.bytes, crossing);
            crossings.residual_share =
                share(crossings.placement.bytes + crossings.pinned.bytes, crossing);
        }
        Truth {
            plan: plan.clone(),
            unique_bytes: self.esb_app.total.bytes + self.esb_esb.total.bytes,
            farm_balance: FarmBalance {
                entries: balance(&self.entries),
                calls: balance(&self.calls),
            },
            counts: self.counts,
            shapes: self.shapes,
            hops: self.hops,
            esb_app: self.esb_app,
            esb_esb: self.esb_esb,
            injected: self.injected,
        }
    }
}

impl Crossings {
    fn add(
        &mut self,
        layout: &Layout,
        esb: usize,
        replica: usize,
        service: u32,
        bytes: u64,
        hops: u64,
    ) {
        let service = &layout.services[service as usize];
        let same_vlan = layout.slots[esb].vlan == layout.slots[replica].vlan;
        let near = layout.slots[esb].pair == layout.slots[replica].pair;
        let class = match (service.near, same_vlan) {
            (false, _) if service.pinned => &mut self.pinned,
            (false, _) => &mut self.placement,
            (true, true) => &mut self.load_balancer,
            (true, false) if near => &mut self.vlan,
            (true, false) => &mut self.load_balancer_and_vlan,
        };
        if hops > 0 {
            class.add(bytes, hops);
        }
        self.add_total(bytes, hops);
    }

    fn add_esb(&mut self, layout: &Layout, from: usize, to: usize, bytes: u64, hops: u64) {
        let same_group = layout.slots[from].vlan == layout.slots[to].vlan;
        let class = if same_group { &mut self.load_balancer } else { &mut self.placement };
        if hops > 0 {
            class.add(bytes, hops);
        }
        self.add_total(bytes, hops);
    }

    fn add_total(&mut self, bytes: u64, hops: u64) {
        self.total.add(bytes, hops);
        if hops > 0 { &mut self.crossing } else { &mut self.local }.add(bytes, hops);
    }
}

impl Volume {
    fn add(&mut self, bytes: u64, hops: u64) {
        self.messages += 1;
        self.bytes += bytes;
        self.hop_bytes += bytes * hops;
    }
}

fn balance(loads: &[u64]) -> f64 {
    let of_farm = |farm: &[u64]| {
        let (most, sum) = (farm.iter().copied().max().unwrap_or(0), farm.iter().sum::<u64>());
        (most as usize * farm.len()) as f64 / sum.max(1) as f64
    };
    loads.chunks(INSTANCES_PER_FARM).map(of_farm).fold(0.0, f64::max)
}

//! Counts everything again from the files, by the definitions and not by the generator's code.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use groma_events::{Columns, SegmentReader};
use groma_generate::{Counts, Crossings, Hops, Truth, Volume};
use groma_trace::MessageBatch;

use crate::world::World;

pub(crate) struct Record {
    pub(crate) time: Option<i64>,
    pub(crate) process: Arc<str>,
    pub(crate) peer: Arc<str>,
    pub(crate) sent: bool,
    pub(crate) reply: bool,
    pub(crate) message: u64,
    parent_message: u64,
    tree: u64,
    transaction: u64,
    parent_transaction: u64,
    session: u64,
    pub(crate) bytes: u64,
}

/// All records in the order of the files.
pub(crate) fn records(folder: &Path) -> Vec<Record> {
    let mut paths: Vec<_> = std::fs::read_dir(folder.join("messages"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut records = Vec::new();
    for path in paths {
        let reader = SegmentReader::open(&path).unwrap();
        for row_group in 0..reader.row_groups() {
            for batch in reader.read(row_group, Columns::All).unwrap() {
                let batch = batch.unwrap();
                let name = |index: u32| Arc::clone(&batch.names[index as usize]);
                records.extend((0..batch.len()).map(|row| Record {
                    time: (batch.time[row] != MessageBatch::TIME_UNKNOWN).then(|| batch.time[row]),
                    process: name(batch.process[row]),
                    peer: name(batch.peer[row]),
                    sent: batch.flags[row] & MessageBatch::FLAG_SENT != 0,
                    reply: batch.flags[row] & MessageBatch::FLAG_REPLY != 0,
                    message: batch.message[row],
                    parent_message: batch.parent_message[row],
                    tree: batch.tree[row],
                    transaction: batch.transaction[row],
                    parent_transaction: batch.parent_transaction[row],
                    session: batch.session[row],
                    bytes: batch.bytes[row].into(),
                }));
            }
        }
    }
    records
}

/// What the truth says, said again.
#[derive(Default)]
pub(crate) struct Recount {
    pub(crate) counts: Counts,
    pub(crate) hops: Hops,
    pub(crate) esb_app: Crossings,
    pub(crate) esb_esb: Crossings,
    pub(crate) short_trees: u64,
    pub(crate) dormant_trees: u64,
    pub(crate) dormant_sessions: u64,
    pub(crate) calls_balance: f64,
    /// Requests that an ESB instance sent without having got the message that caused them.
    pub(crate) causeless: u64,
}

pub(crate) fn recount(folder: &Path) -> Recount {
    let (records, world) = (records(folder), World::read(folder));
    let mut recount = Recount::default();
    recount.shapes(&records);
    recount.transactions(&records);
    recount.messages(&records, &world);
    recount
}

/// First and last time.
type Span = (i64, i64);

impl Recount {
    fn shapes(&mut self, records: &[Record]) {
        let mut trees: HashMap<u64, Vec<i64>> = HashMap::new();
        let mut sessions: HashMap<u64, Vec<i64>> = HashMap::new();
        for record in records {
            trees.entry(record.tree).or_default().extend(record.time);
            sessions.entry(record.session).or_default().extend(record.time);
        }
        let silent =
            |times: &Vec<i64>| times.windows(2).any(|pair| pair[1] - pair[0] > 60_000_000_000);
        trees.values_mut().chain(sessions.values_mut()).for_each(|times| times.sort_unstable());
        self.counts.trees = trees.len() as u64;
        self.counts.sessions = sessions.len() as u64;
        let short = |times: &&Vec<i64>| times[times.len() - 1] - times[0] < 2_000_000_000;
        self.short_trees = trees.values().filter(short).count() as u64;
        self.dormant_trees = trees.values().filter(|times| silent(times)).count() as u64;
        self.dormant_sessions = sessions.values().filter(|times| silent(times)).count() as u64;
    }

    fn transactions(&mut self, records: &[Record]) {
        let mut parents: HashMap<u64, u64> = HashMap::new();
        let mut spans: HashMap<u64, Span> = HashMap::new();
        for record in records {
            parents.insert(record.transaction, record.parent_transaction);
            let span = spans.entry(record.transaction).or_insert((i64::MAX, i64::MIN));
            if let Some(time) = record.time {
                *span = (span.0.min(time), span.1.max(time));
            }
        }
        let mut missing = HashSet::new();
        for (child, parent) in &parents {
            match spans.get(parent) {
                _ if *parent == 0 => {}
                None => {
                    missing.insert(*parent);
                }
                Some((first, last)) => {
                    self.counts.children_early += u64::from(spans[child].0 < *first);
                    self.counts.children_late += u64::from(spans[child].1 > *last);
                }
            }
        }
        self.counts.transactions = spans.len() as u64;
        self.counts.missing_parents = missing.len() as u64;
    }

    fn messages(&mut self, records: &[Record], world: &World) {
        let mut ends = HashSet::new();
        let mut receivers: HashMap<u64, &Arc<str>> = HashMap::new();
        let mut messages: HashMap<u64, &Record> = HashMap::new();
        for record in records {
            self.counts.records += 1;
            self.counts.records_without_time += u64::from(record.time.is_none());
            self.counts.duplicate_records += u64::from(!ends.insert((record.message, record.sent)));
            let receiver = if record.sent { &record.peer } else { &record.process };
            receivers.insert(record.message, receiver);
            // Of both ends the sender's record: placements are those of its time.
            let kept = messages.entry(record.message).or_insert(record);
            if record.sent {
                *kept = record;
            }
        }
        self.counts.messages = messages.len() as u64;
        let mut loads: HashMap<String, HashMap<String, u64>> = HashMap::new();
        for record in messages.values() {
            let (from, to) = match record.sent {
                true => (&record.process, &record.peer),
                false => (&record.peer, &record.process),
            };
            let caused_by = receivers.get(&record.parent_message);
            if caused_by.is_some_and(|receiver| {
                !world.instances[&***receiver].farm.is_empty() && receiver[..] != from[..]
            }) {
                self.causeless += 1;
            }
            let hop = self.place(world, record, from, to);
            if hop == "esb-esb" && !record.reply {
                let farm = loads.entry(world.instances[&**to].farm.clone()).or_default();
                *farm.entry(to.trim_end_matches("-r1").into()).or_default() += 1;
            }
        }
        let balance = |farm: &HashMap<String, u64>| {
            let (most, sum) = (farm.values().max().unwrap(), farm.values().sum::<u64>());
            *most as f64 * 16.0 / sum as f64
        };
        self.calls_balance = loads.values().map(balance).fold(0.0, f64::max);
    }

    /// Adds a message to its hop kind and its class; tells the hop kind.
    fn place(&mut self, world: &World, record: &Record, from: &str, to: &str) -> &'static str {
        let (bytes, at) = (record.bytes, record.time.unwrap());
        let (Some(source), Some(destination)) =
            (world.instances.get(from), world.instances.get(to))
        else {
            let inward = world.instances.contains_key(to);
            let hop =
                if inward { &mut self.hops.client_to_esb } else { &mut self.hops.esb_to_client };
            add(hop, bytes, 0);
            return "client";
        };
        let (vlan_s, vlan_d) = (source.vlan(at), destination.vlan(at));
        let hops = if source.pair == destination.pair && vlan_s == vlan_d {
            0
        } else if source.above == destination.above {
            2
        } else {
            4
        };
        let (hop, name) = match (source.farm.is_empty(), destination.farm.is_empty()) {
            (false, false) => (&mut self.hops.esb_to_esb, "esb-esb"),
            (false, true) => (&mut self.hops.esb_to_app, "esb-app"),
            (true, _) => (&mut self.hops.app_to_esb, "app-esb"),
        };
        add(hop, bytes, hops);
        let crossings = if name == "esb-esb" { &mut self.esb_esb } else { &mut self.esb_app };
        add(&mut crossings.total, bytes, hops);
        if hops == 0 {
            add(&mut crossings.local, bytes, hops);
            return name;
        }
        add(&mut crossings.crossing, bytes, hops);
        // A reply has the class of its request: the caller is the ESB, or the one it answers.
        let (caller, called) = match name == "app-esb" || (name == "esb-esb" && record.reply) {
            true => (destination, source),
            false => (source, destination),
        };
        let eligible = &world.groups[&called.group];
        let vlan = caller.vlan(at);
        let both = eligible.iter().any(|one| one.pair == caller.pair);
        let balancer = eligible.iter().any(|one| one.pair == caller.pair && one.vlan(at) == vlan);
        let one_vlan = called.pair == caller.pair;
        let class = match (balancer, one_vlan, both) {
            (true, false, _) => &mut crossings.load_balancer,
            (false, true, _) => &mut crossings.vlan,
            (false, false, true) => &mut crossings.load_balancer_and_vlan,
            (false, false, false) if eligible.len() == 1 => &mut crossings.pinned,
            (false, false, false) => &mut crossings.placement,
            (true, true, _) => panic!("either alone would do"),
        };
        add(class, bytes, hops);
        name
    }

    /// Panics where the truth says otherwise.
    pub(crate) fn assert_equals(&self, truth: &Truth) {
        assert_eq!(self.counts, truth.counts);
        assert_eq!(self.hops, truth.hops);
        assert_eq!(self.short_trees, truth.shapes.short_trees);
        assert_eq!(self.dormant_trees, truth.shapes.dormant_trees);
        assert_eq!(self.dormant_sessions, truth.shapes.dormant_sessions);
        assert_eq!(self.calls_balance, truth.farm_balance.calls);
        for (ours, theirs) in [(&self.esb_app, &truth.esb_app), (&self.esb_esb, &truth.esb_esb)] {
            let volumes = |one: &Crossings| {
                [
                    one.total,
                    one.local,
                    one.crossing,
                    one.load_balancer,
                    one.vlan,
                    one.load_balancer_and_vlan,
                    one.placement,
                    one.pinned,
                ]
            };
            assert_eq!(volumes(ours), volumes(theirs));
        }
    }
}

fn add(volume: &mut Volume, bytes: u64, hops: u64) {
    volume.messages += 1;
    volume.bytes += bytes;
    volume.hop_bytes += bytes * hops;
}

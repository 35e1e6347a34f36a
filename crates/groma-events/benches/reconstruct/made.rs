//! Makes a message log of the paper's shape: seeded, streaming, roughly in order of time.
//!
//! It has the paper's counts and sizes and is made to be quick; `groma generate` makes the real
//! thing with a network under it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use groma_events::{EventsError, SegmentOptions, SegmentWriter};
use groma_trace::{MessageBatch, Record};

const TREES: f64 = 47e6;
const WINDOW_NANOS: f64 = 3_420e9;
const START: i64 = 1_764_000_000_000_000_000;
const CHILDREN_MEAN: [f64; 7] = [1.26, 0.82, 0.58, 0.40, 0.25, 0.0, 0.0];
const ESBS: u64 = 384;
const CLIENTS: u64 = 3_000;
const SERVICES: u64 = 400;
const REPLICAS: u64 = 8;

/// The log of an hour at `scale`, cut into segments in `folder`.
pub(crate) fn make(folder: &Path, scale: f64) -> Result<Vec<PathBuf>, EventsError> {
    let mut maker = Maker::new(folder, scale);
    for tree in 1..=(TREES * scale) as u64 {
        maker.tree(tree)?;
    }
    maker.finish()
}

struct Maker {
    folder: PathBuf,
    dice: Dice,
    gap_nanos: f64,
    now: f64,
    message: u64,
    transaction: u64,
    session: u64,
    waiting: BinaryHeap<Reverse<(i64, u64)>>,
    records: Vec<Record>,
    free: Vec<u64>,
    batch: MessageBatch,
    writer: Option<SegmentWriter>,
    in_segment: usize,
    files: Vec<PathBuf>,
}

/// Names stand in the order clients, ESBs, services, replicas.
fn names() -> Vec<Arc<str>> {
    let clients = (0..CLIENTS).map(|i| format!("client-{i:04}"));
    let esbs = (0..ESBS).map(|i| format!("esb-farm{:02}-{:02}", i / 16, i % 16));
    let services = (0..SERVICES).map(|i| format!("service-{i:03}"));
    let replicas =
        (0..SERVICES * REPLICAS).map(|i| format!("app-{:03}-{}", i / REPLICAS, i % REPLICAS));
    clients.chain(esbs).chain(services).chain(replicas).map(Arc::from).collect()
}

impl Maker {
    fn new(folder: &Path, scale: f64) -> Maker {
        Maker {
            folder: folder.into(),
            dice: Dice(0x9E37_79B9_7F4A_7C15),
            gap_nanos: WINDOW_NANOS / (TREES * scale),
            now: 0.0,
            message: 0,
            transaction: 0,
            session: 0,
            waiting: BinaryHeap::new(),
            records: Vec::new(),
            free: Vec::new(),
            batch: MessageBatch { names: names(), ..MessageBatch::default() },
            writer: None,
            in_segment: 0,
            files: Vec::new(),
        }
    }

    fn tree(&mut self, tree: u64) -> Result<(), EventsError> {
        self.now += self.gap_nanos * -self.dice.unit().ln();
        let start = START + self.now as i64;
        let roll = self.dice.unit();
        let seconds = if roll < 0.95 {
            (0.12 * self.dice.normal().exp()).min(1.9)
        } else if roll < 0.9976 {
            (2.0 * self.dice.unit().powf(-1.0 / 1.1)).min(50.0)
        } else {
            (60.0 * self.dice.unit().powf(-1.0 / 1.3)).min(900.0)
        };
        if self.session == 0 || self.dice.unit() < 0.638 {
            self.session += 1;
        }
        let step = self.dice.below(8);
        let session =
            if step < 4 { self.session } else { self.session.saturating_sub(step * 3).max(1) };
        let client = self.dice.below(CLIENTS) as u32;
        let esb = (CLIENTS + self.dice.below(ESBS)) as u32;
        let root = self.transaction + 1;
        let end = start + (seconds * 1e9) as i64;
        let base = Record {
            message: 0,
            parent_message: 0,
            tree,
            transaction: root,
            parent_transaction: 0,
            session,
            time: start,
            process: esb,
            peer: client,
            service: self.service(),
            bytes: 0,
            flags: 0,
        };
        self.pair(base, client, esb, 1_000.0, (start, end));
        self.grow(base, 0, esb, (start + 1000, end - 1000));
        self.flush(start)
    }

    fn grow(&mut self, parent: Record, depth: usize, esb: u32, (from, to): (i64, i64)) {
        self.transaction += 1;
        let service = self.service();
        let mut base = parent;
        base.transaction = self.transaction;
        base.service = service;
        let app = CLIENTS
            + ESBS
            + SERVICES
            + (u64::from(service) - CLIENTS - ESBS) * REPLICAS
            + self.dice.below(REPLICAS);
        let mut esb = esb;
        let third = (to - from) / 6;
        if self.dice.unit() < 0.5 {
            let other = (CLIENTS + self.dice.below(ESBS)) as u32;
            self.pair(base, esb, other, 10_800.0, (from, to));
            esb = other;
        }
        self.pair(base, esb, app as u32, 14_900.0, (from + third, to - third));
        let mean = CHILDREN_MEAN[depth.min(6)];
        while self.dice.unit() < mean / (1.0 + mean) {
            let mut child = base;
            child.parent_transaction = base.transaction;
            let a = from + third + self.dice.below((third * 2).max(1) as u64) as i64;
            self.grow(child, depth + 1, esb, (a, to - third));
        }
    }

    fn service(&mut self) -> u32 {
        // Zipf with exponent 1, nearly.
        let rank = (SERVICES as f64).powf(self.dice.unit()) as u64 - 1;
        (CLIENTS + ESBS + rank.min(SERVICES - 1)) as u32
    }

    /// A request and its reply, logged by each end that is an ESB; now and then twice.
    fn pair(&mut self, base: Record, caller: u32, callee: u32, mean: f64, (from, to): (i64, i64)) {
        let request = self.message + 1;
        self.message += 2;
        let size = mean * (1.5 * self.dice.normal() - 1.125).exp();
        for reply in [false, true] {
            let (sender, receiver) = if reply { (callee, caller) } else { (caller, callee) };
            let share = if reply { 0.67 } else { 0.33 };
            let esb = |name: u32| (CLIENTS..CLIENTS + ESBS).contains(&u64::from(name));
            for sent in [true, false] {
                let (process, peer) = if sent { (sender, receiver) } else { (receiver, sender) };
                if !esb(process) {
                    continue;
                }
                let flags = u8::from(sent) * MessageBatch::FLAG_SENT
                    + u8::from(reply) * MessageBatch::FLAG_REPLY;
                let record = Record {
                    message: request + u64::from(reply),
                    parent_message: if reply { request } else { 0 },
                    time: if reply { to } else { from } + if sent { 0 } else { 200_000 },
                    process,
                    peer,
                    bytes: (size * share) as u32,
                    flags,
                    ..base
                };
                self.keep(record);
                if self.dice.unit() < 0.017 {
                    self.keep(record);
                }
            }
        }
    }

    fn keep(&mut self, record: Record) {
        let delay = -200e6 * self.dice.unit().ln();
        let place = match self.free.pop() {
            Some(place) => {
                self.records[place as usize] = record;
                place
            }
            None => {
                self.records.push(record);
                self.records.len() as u64 - 1
            }
        };
        self.waiting.push(Reverse((record.time + delay as i64, place)));
    }

    fn flush(&mut self, until: i64) -> Result<(), EventsError> {
        while let Some(Reverse((time, place))) = self.waiting.peek().copied() {
            if until <= time {
                break;
            }
            self.waiting.pop();
            self.free.push(place);
            let record = self.records[place as usize];
            let batch = &mut self.batch;
            batch.time.push(record.time);
            batch.process.push(record.process);
            batch.peer.push(record.peer);
            batch.service.push(record.service);
            batch.message.push(record.message);
            batch.parent_message.push(record.parent_message);
            batch.tree.push(record.tree);
            batch.transaction.push(record.transaction);
            batch.parent_transaction.push(record.parent_transaction);
            batch.session.push(record.session);
            batch.bytes.push(record.bytes);
            batch.status.push(200);
            batch.flags.push(record.flags);
            if batch.len() == 1 << 16 {
                self.write()?;
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), EventsError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let path = self.folder.join(format!("messages-{:04}.parquet", self.files.len()));
                self.files.push(path.clone());
                self.writer.insert(SegmentWriter::create(&path, SegmentOptions::default())?)
            }
        };
        writer.write(&self.batch)?;
        self.in_segment += self.batch.len();
        self.batch.clear_records();
        if 8 << 20 <= self.in_segment {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), EventsError> {
        self.in_segment = 0;
        self.writer.take().map_or(Ok(()), |writer| writer.finish().map(|_| ()))
    }

    fn finish(mut self) -> Result<Vec<PathBuf>, EventsError> {
        self.flush(i64::MAX)?;
        self.write()?;
        self.close()?;
        Ok(self.files)
    }
}

/// A small generator of chance (xorshift*), the same on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Above 0, up to 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

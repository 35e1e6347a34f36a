//! Clock skew between processes, from messages that both ends logged.
//!
//! A message needs some time, so `received - sent` is the way plus the offset of the clocks. The
//! fastest message each way is the one that waited least: half the difference of the two is the
//! offset (as in NTP's clock filter). A minimum can be merged in any order.

use rustc_hash::FxHashMap;

/// Offset between the clocks of two processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkewPair {
    /// Name of one process.
    pub a: u32,
    /// Name of the other one.
    pub b: u32,
    /// Messages that both ends logged with a time.
    pub messages: u64,
    /// How far `b`'s clock is ahead of `a`'s, in nanoseconds. If messages went one way only, it is
    /// what must be true at least: the smallest offset with which nothing arrives before it is sent.
    pub offset_nanos: i64,
    /// Whether messages went both ways.
    pub both_ways: bool,
}

/// The fastest message from one process to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    messages: u64,
    /// Smallest `received - sent` in nanoseconds.
    fastest: i64,
}

/// Collects messages that both ends logged.
#[derive(Debug, Clone, Default)]
pub struct Skew {
    ways: FxHashMap<(u32, u32), Way>,
}

impl Skew {
    /// A message between two processes, which took `nanos` by their two clocks.
    pub fn add(&mut self, sender: u32, receiver: u32, nanos: i64) {
        self.merge((sender, receiver), Way { messages: 1, fastest: nanos });
    }

    /// Adds what another part of the log showed.
    pub fn add_all(&mut self, other: Skew) {
        for (parties, way) in other.ways {
            self.merge(parties, way);
        }
    }

    fn merge(&mut self, parties: (u32, u32), way: Way) {
        self.ways
            .entry(parties)
            .and_modify(|known| {
                known.messages += way.messages;
                known.fastest = known.fastest.min(way.fastest);
            })
            .or_insert(way);
    }

    /// One row per pair, with names renumbered by `name`; sorted.
    pub fn into_pairs(self, name: impl Fn(u32) -> u32) -> Vec<SkewPair> {
        let ways: FxHashMap<(u32, u32), Way> = self
            .ways
            .into_iter()
            .map(|((sender, receiver), way)| ((name(sender), name(receiver)), way))
            .collect();
        let mut pairs: Vec<SkewPair> = ways
            .iter()
            .filter(|((a, b), _)| a < b || !ways.contains_key(&(*b, *a)))
            .map(|((a, b), there)| pair(*a, *b, *there, ways.get(&(*b, *a)).copied()))
            .collect();
        pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
        pairs
    }
}

fn pair(a: u32, b: u32, there: Way, back: Option<Way>) -> SkewPair {
    match back {
        Some(back) => SkewPair {
            a,
            b,
            messages: there.messages + back.messages,
            offset_nanos: there.fastest.saturating_sub(back.fastest) / 2,
            both_ways: true,
        },
        None => SkewPair {
            a,
            b,
            messages: there.messages,
            offset_nanos: there.fastest.min(0),
            both_ways: false,
        },
    }
}

//! Records on their way: kept until their time of arrival has come.

use std::collections::VecDeque;

/// Records that arrive within as long are sorted together.
const BUCKET_NS: i64 = 50_000_000;
/// Buckets of the near future, most of whose records are still to come; as many are kept for reuse.
const NEAR_BUCKETS: usize = 32;

/// One record of the message log, names and ids as numbers; the columns of a `MessageBatch`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) arrival_ns: i64,
    pub(crate) time: i64,
    pub(crate) message: u64,
    pub(crate) parent_message: u64,
    pub(crate) tree: u64,
    pub(crate) transaction: u64,
    pub(crate) parent_transaction: u64,
    pub(crate) session: u64,
    pub(crate) process: u32,
    pub(crate) peer: u32,
    pub(crate) service: u32,
    pub(crate) bytes: u32,
    pub(crate) status: i32,
    pub(crate) flags: u8,
}

/// A queue by time of arrival: a bucket for every stretch of time, sorted when its turn comes.
/// Holds the records of open trees and those that are held up, whatever the length of the window.
#[derive(Default)]
pub(crate) struct Arrivals {
    /// Bucket number of the front.
    front: i64,
    buckets: VecDeque<Vec<Record>>,
    spare: Vec<Vec<Record>>,
    waiting: usize,
}

impl Arrivals {
    /// Nothing may arrive before `start_ns`.
    pub(crate) fn new(start_ns: i64) -> Arrivals {
        Arrivals { front: start_ns.div_euclid(BUCKET_NS), ..Arrivals::default() }
    }

    pub(crate) fn push(&mut self, record: Record) {
        // What is late for its bucket joins the front one.
        let place = (record.arrival_ns.div_euclid(BUCKET_NS) - self.front).max(0) as usize;
        while self.buckets.len() <= place {
            self.buckets.push_back(Vec::new());
        }
        let bucket = &mut self.buckets[place];
        // Room made for many records is not lent to the few of a far future.
        if bucket.capacity() == 0 && place < NEAR_BUCKETS {
            *bucket = self.spare.pop().unwrap_or_default();
        }
        bucket.push(record);
        self.waiting += 1;
    }

    /// Records that arrive before the bucket of `now_ns`, in order of arrival; bucket by bucket.
    /// `None`: the rest is still on its way.
    pub(crate) fn pop_before(&mut self, now_ns: i64) -> Option<Vec<Record>> {
        while self.front < now_ns.div_euclid(BUCKET_NS) {
            let Some(mut bucket) = self.buckets.pop_front() else {
                self.front = now_ns.div_euclid(BUCKET_NS);
                return None;
            };
            self.front += 1;
            if !bucket.is_empty() {
                bucket.sort_unstable_by_key(|record| {
                    (record.arrival_ns, record.message, record.flags, record.time)
                });
                self.waiting -= bucket.len();
                return Some(bucket);
            }
        }
        None
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Gives the room of a bucket back.
    pub(crate) fn recycle(&mut self, mut bucket: Vec<Record>) {
        bucket.clear();
        if self.spare.len() < NEAR_BUCKETS {
            self.spare.push(bucket);
        }
    }
}

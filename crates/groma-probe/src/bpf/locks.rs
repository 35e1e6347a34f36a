//! One futex as it is known by now: what it is, and what it did in this window.

use std::collections::BTreeMap;

use groma_capacity::{LockSamples, OwnerSamples};

use super::layout::{BUCKET_FIRST, BUCKETS, LockCounts, SLOTS, SlotTickWords};
use crate::classify::{Behaviour, RWLOCK, Signature, Verdict, classify};
use crate::process;

/// One of glibc begins at a multiple of this. Eight bytes on is the word by which readers and writers wait
/// for each other, four more on that by which writers wait for a writer.
const RWLOCK_ALIGNED: u64 = 8;

/// A futex of a group.
#[derive(Debug, Default)]
pub(super) struct KnownLock {
    now: LockCounts,
    at_window: LockCounts,
    owner_seen: bool,
    word_is_owner: bool,
    place: Option<Place>,
}

/// Its place in the tick.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: usize,
    /// Ticks of its owner and of its group, when the window began or the place was taken.
    owner: u64,
    group: u64,
}

impl KnownLock {
    /// Takes in what the kernel has counted by now.
    pub(super) fn look(&mut self, counts: LockCounts, members: &[u32]) {
        if counts.mutex_waits + counts.waits < self.now.mutex_waits + self.now.waits {
            // The kernel forgot it and met it again.
            self.at_window = LockCounts::default();
        }
        self.now = counts;
        let is_thread = |id: u32| members.iter().any(|pid| process::has_thread(*pid, id));
        let may_have_owner = counts.val == 2 || counts.val >> 31 == 1;
        if !self.owner_seen && counts.owner_last > 0 && may_have_owner {
            self.owner_seen = is_thread(counts.owner_last);
        }
        if !self.word_is_owner && counts.val >> 31 == 1 {
            self.word_is_owner = is_thread(counts.val & 0x3fff_ffff);
        }
    }

    pub(super) fn waits(&self) -> u64 {
        self.now.waits
    }

    pub(super) fn verdict(&self) -> Verdict {
        let signature = Signature {
            op: self.now.op,
            val: self.now.val,
            timed: self.now.timed * 2 > self.waits(),
        };
        classify(
            signature,
            Behaviour {
                waits: self.waits(),
                holds: self.now.holds,
                owner_seen: self.owner_seen,
                word_is_owner: self.word_is_owner,
            },
        )
    }

    /// The kernel takes some of its waits for idle ones.
    pub(super) fn must_be_confirmed(&self) -> bool {
        self.now.mutex_waits < self.now.waits && self.verdict().excludes
    }

    /// True if it has an owner word that is not sampled yet. A word of glibc's kind is sampled before
    /// its owner is seen: that costs nothing, and no tick is lost.
    pub(super) fn wants_place(&self) -> bool {
        let verdict = self.verdict();
        self.place.is_none() && (verdict.owner_offset.is_some() || verdict.kind == "mutex")
    }

    pub(super) fn owner_offset(&self) -> u64 {
        self.verdict().owner_offset.unwrap_or(8)
    }

    pub(super) fn take_place(&mut self, index: usize, ticks: &SlotTickWords) {
        self.place = Some(Place { index, group: ticks[index], owner: ticks[SLOTS + index] });
    }

    pub(super) fn lose_place(&mut self) {
        self.place = None;
    }

    /// What it did before belongs to no window.
    pub(super) fn begin_window(&mut self) {
        self.at_window = self.now;
    }

    /// What it did since the window began; `None` if it is not a lock, or rested and was never sampled.
    pub(super) fn end_window(
        &mut self,
        address: u64,
        ticks: &SlotTickWords,
    ) -> Option<LockSamples> {
        let (now, before) = (self.now, std::mem::replace(&mut self.at_window, self.now));
        let verdict = self.verdict();
        let owner = self.owner_ticks(ticks);
        if !verdict.excludes || (now.waits == before.waits && owner.is_none()) {
            return None;
        }
        let seconds = |now: u64, before: u64| now.saturating_sub(before) as f64 / 1e9;
        let waits = now.waits - before.waits.min(now.waits);
        let is_shared = verdict.kind == RWLOCK && address.is_multiple_of(RWLOCK_ALIGNED);
        let waited: [u64; BUCKETS] =
            std::array::from_fn(|i| now.histogram[i].saturating_sub(before.histogram[i]));
        Some(LockSamples {
            name: format!("{address:#x}"),
            kind: verdict.kind.to_owned(),
            owner: verdict.owner_offset.and(owner),
            waits,
            shared_waits: if is_shared { waits } else { 0 },
            wait_time: seconds(now.wait_ns, before.wait_ns),
            wait_p50: quantile(&waited, 0.50),
            wait_p99: quantile(&waited, 0.99),
            contended_time: seconds(now.contended_ns, before.contended_ns),
            holds: now.holds.saturating_sub(before.holds),
            hold_cpu_time: seconds(now.hold_cpu_ns, before.hold_cpu_ns),
            hold_cpu_squares: Some(
                now.hold_cpu_us2.saturating_sub(before.hold_cpu_us2) as f64 / 1e12,
            ),
            hold_time: seconds(now.hold_wall_ns, before.hold_wall_ns),
            hand_offs: now.hand_offs.saturating_sub(before.hand_offs),
            hand_off_time: seconds(now.hand_off_ns, before.hand_off_ns),
            ..LockSamples::default()
        })
    }

    /// Ticks since the window began, or since its place was taken.
    fn owner_ticks(&mut self, ticks: &SlotTickWords) -> Option<OwnerSamples> {
        let place = self.place.as_mut()?;
        let (group, owner) = (ticks[place.index], ticks[SLOTS + place.index]);
        let samples = OwnerSamples::ticks(
            owner.saturating_sub(place.owner),
            group.saturating_sub(place.group),
        );
        (place.group, place.owner) = (group, owner);
        Some(samples)
    }
}

/// The two words of a rwlock are one lock, under the name of the first.
pub(super) fn join_words(locks: &mut BTreeMap<u64, LockSamples>) {
    let is_second = |address: &u64, lock: &LockSamples| {
        lock.kind == RWLOCK && !address.is_multiple_of(RWLOCK_ALIGNED)
    };
    let seconds: Vec<u64> =
        locks.iter().filter(|(at, lock)| is_second(at, lock)).map(|(at, _)| *at).collect();
    for address in seconds {
        let Some(mut second) = locks.remove(&address) else { continue };
        second.name = format!("{:#x}", address - 4);
        match locks.get_mut(&(address - 4)).filter(|first| first.kind == RWLOCK) {
            Some(first) => first.join(&second),
            None => drop(locks.insert(address, second)),
        }
    }
}

/// A quantile of the waits, in seconds, as if waits were spread evenly over their bucket. `None`: none.
fn quantile(waits: &[u64; BUCKETS], share: f64) -> Option<f64> {
    let total: u64 = waits.iter().sum();
    if total == 0 {
        return None;
    }
    let mut left = share * total as f64;
    for (bucket, &count) in waits.iter().enumerate() {
        if left <= count as f64 && count > 0 {
            let low = BUCKET_FIRST * 2_f64.powi(bucket as i32);
            return Some(low * (1.0 + left / count as f64));
        }
        left -= count as f64;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_histogram() {
        let mut waits = [0; BUCKETS];
        assert_eq!(quantile(&waits, 0.5), None);
        waits[3] = 98;
        waits[10] = 2;
        let median = quantile(&waits, 0.5).unwrap();
        assert!((8e-6..16.4e-6).contains(&median), "{median}");
        let high = quantile(&waits, 0.99).unwrap();
        assert!((1024e-6..2100e-6).contains(&high), "{high}");
    }

    #[test]
    fn ticks_before_a_lock_was_known_do_not_count() {
        let mut ticks = [0; 3 * SLOTS];
        (ticks[0], ticks[SLOTS]) = (1000, 0);
        let mut lock = KnownLock::default();
        lock.take_place(0, &ticks);
        (ticks[0], ticks[SLOTS]) = (1100, 30);
        assert_eq!(lock.owner_ticks(&ticks), Some(OwnerSamples::ticks(30, 100)));
        assert_eq!(lock.owner_ticks(&ticks), Some(OwnerSamples::ticks(0, 0)));
    }
}

//! What a probe would count of a service, and the truth beside it.

use super::chance::Chance;
use super::cpus::Cpus;
use super::station::Lock;
use crate::models::Service;
use crate::samples::{Contended, LockSamples, OwnerSamples, Samples};
use crate::tier::Tier;

pub(super) struct Counters {
    since: f64,
    pub(super) samples: Samples,
    /// On-CPU time of the holders of each lock, seconds.
    owned: Vec<f64>,
    /// Integral of the number inside.
    inside: f64,
    pub(super) requests: u64,
}

impl Counters {
    pub(super) fn new(service: &Service, clients: usize) -> Self {
        let mut samples = Samples::new(Tier::Given, 0.0, service.cpus, 0.0);
        samples.clients = Some(clients as f64);
        samples.requests = Some(0);
        samples.contended = Some(Contended::default());
        samples.locks = (0..service.locks.len())
            .map(|lock| LockSamples {
                name: format!("lock-{lock}"),
                kind: "simulated".to_owned(),
                owner: Some(OwnerSamples::ticks(0, 0)),
                hold_cpu_squares: Some(0.0),
                ..LockSamples::default()
            })
            .collect();
        let owned = vec![0.0; service.locks.len()];
        Self { since: 0.0, samples, owned, inside: 0.0, requests: 0 }
    }

    /// Adds the time since the last change, in which everything was as it is now.
    pub(super) fn advance(&mut self, now: f64, cpus: &Cpus, locks: &[Lock], inside: usize) {
        let span = now - self.since;
        self.since = now;
        if span <= 0.0 {
            return;
        }
        let used = cpus.used() * span;
        self.samples.cpu_time += used;
        self.inside += inside as f64 * span;
        let rate = cpus.rate() * span;
        let mut contended = false;
        for ((lock, counted), owned) in
            locks.iter().zip(&mut self.samples.locks).zip(&mut self.owned)
        {
            if lock.on_cpu {
                *owned += rate;
            }
            if !lock.waiting.is_empty() {
                contended = true;
                counted.contended_time += span;
                counted.wait_time += lock.waiting.len() as f64 * span;
            }
        }
        if let Some(total) = self.samples.contended.as_mut().filter(|_| contended) {
            total.time += span;
            total.cpu_time += used;
        }
    }

    /// One tick on every CPU, and one look at every lock word.
    pub(super) fn tick(&mut self, cpus: &Cpus, locks: &[Lock], chance: &mut Chance) {
        let used = cpus.used();
        let seen = used.floor() as u64 + u64::from(chance.happens(used.fract()));
        // With more ready than CPUs under sharing, the holder is on a CPU by chance.
        let on_cpu = if cpus.is_shared() { cpus.rate() } else { 1.0 };
        self.samples.ticks += seen;
        for (lock, counted) in locks.iter().zip(&mut self.samples.locks) {
            let owner = u64::from(lock.on_cpu && chance.happens(on_cpu)).min(seen);
            if let Some(owned) = &mut counted.owner {
                owned.owned += owner as f64;
                owned.total += seen as f64;
                owned.samples += seen;
            }
            counted.looks += 1;
            counted.looks_held += u64::from(lock.holder.is_some());
        }
    }

    /// A hold that began with a wait is over.
    pub(super) fn held(&mut self, lock: usize, on_cpu: f64, time: f64) {
        let counted = &mut self.samples.locks[lock];
        counted.holds += 1;
        counted.hold_cpu_time += on_cpu;
        counted.hold_time += time;
        if let Some(squares) = &mut counted.hold_cpu_squares {
            *squares += on_cpu * on_cpu;
        }
    }

    pub(super) fn handed_over(&mut self, lock: usize, after: f64) {
        self.samples.locks[lock].hand_offs += 1;
        self.samples.locks[lock].hand_off_time += after;
    }

    pub(super) fn waits(&mut self, lock: usize) {
        self.samples.locks[lock].waits += 1;
    }

    pub(super) fn acquired(&mut self, lock: usize) {
        *self.samples.locks[lock].acquisitions.get_or_insert(0) += 1;
    }

    /// The window that ends now, its true shares, and the mean number inside; counting starts anew.
    pub(super) fn take(
        &mut self,
        window: f64,
        service: &Service,
        clients: usize,
    ) -> (Samples, Vec<f64>, f64) {
        let mut fresh = Self::new(service, clients);
        fresh.since = self.since;
        let mut done = std::mem::replace(self, fresh);
        done.samples.window = window;
        done.samples.requests = Some(done.requests);
        let total = done.samples.cpu_time;
        let share = |owned: &f64| if total > 0.0 { owned / total } else { 0.0 };
        let shares = done.owned.iter().map(share).collect();
        (done.samples, shares, done.inside / window)
    }
}

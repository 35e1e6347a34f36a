//! Tiers 3 and 4: no programs in the kernel, but a thread of ours that looks at `/proc` often.

mod proc;
mod stat;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use groma_capacity::Tier;

use crate::counted::Counted;
use crate::process;
use crate::target::Watched;

/// Looks per second at most, tier 3: above, the looking itself costs too much.
const PROC_HZ_MAX: u64 = 1000;
/// Looks per second, tier 4.
const STAT_HZ: u64 = 100;
/// Groups of processes at most.
const GROUPS_MAX: usize = 16;

/// Something that is looked at often.
trait Look: Send {
    /// Looks; `elapsed` seconds have passed since the last time.
    fn look(&mut self, elapsed: f64);
    /// Ends a window of that length.
    fn end_window(&mut self, window: f64) -> Vec<Counted>;
    /// True if no target lives any more.
    fn ended(&self) -> bool;
    /// The groups by their first process.
    fn leaders(&self) -> Vec<u32>;
}

/// One process, or one with its children, as a tier looks at it.
trait Group: Send + Sized {
    /// Opens what will be read, so that a missing right shows now.
    fn open(leader: Leader, members: &[u32]) -> Result<Self, String>;
    /// The process that it began with: it ends with that.
    fn leader(&self) -> &Leader;
    /// As [`Look::look`].
    fn look(&mut self, elapsed: f64);
    /// As [`Look::end_window`].
    fn end_window(&mut self, window: f64) -> Counted;
}

/// All that are watched.
struct Groups<G>(Vec<G>);

impl<G: Group> Groups<G> {
    fn open(groups: &BTreeMap<u32, Vec<u32>>) -> Result<Self, String> {
        let open = |(leader, members): (&u32, &Vec<u32>)| G::open(Leader::of(*leader), members);
        groups.iter().map(open).collect::<Result<_, _>>().map(Self)
    }
}

impl<G: Group> Look for Groups<G> {
    fn look(&mut self, elapsed: f64) {
        self.0.iter_mut().for_each(|group| group.look(elapsed));
    }

    fn end_window(&mut self, window: f64) -> Vec<Counted> {
        let counted = self.0.iter_mut().map(|group| group.end_window(window)).collect();
        self.0.retain(|group| group.leader().lives());
        counted
    }

    fn ended(&self) -> bool {
        !self.0.iter().any(|group| group.leader().lives())
    }

    fn leaders(&self) -> Vec<u32> {
        self.0.iter().map(|group| group.leader().pid).collect()
    }
}

/// A process, told from a later one of the same id.
struct Leader {
    pid: u32,
    birth: Option<u64>,
}

impl Leader {
    fn of(pid: u32) -> Self {
        Self { pid, birth: process::birth(pid) }
    }

    fn lives(&self) -> bool {
        self.birth.is_some() && process::birth(self.pid) == self.birth
    }
}

/// Looks from a thread of its own, until dropped.
pub(crate) struct Sampler {
    tier: Tier,
    looked_at: Arc<Mutex<Box<dyn Look>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    began: Instant,
}

impl Sampler {
    /// Begins to look, if a first look shows that it may.
    pub(crate) fn start(watched: &Watched, tier: Tier, rate_hz: u64) -> Result<Self, String> {
        let Watched::Groups(groups) = watched else {
            return Err("the whole machine can only be watched from the kernel".to_owned());
        };
        if groups.len() > GROUPS_MAX {
            return Err(format!("{} targets, at most {GROUPS_MAX} without BPF", groups.len()));
        }
        let (look, rate_hz): (Box<dyn Look>, u64) = match tier {
            Tier::Proc => {
                (Box::new(Groups::<proc::Process>::open(groups)?), rate_hz.min(PROC_HZ_MAX))
            }
            _ => (Box::new(Groups::<stat::Process>::open(groups)?), STAT_HZ),
        };
        let looked_at = Arc::new(Mutex::new(look));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name("groma-probe".to_owned())
            .spawn({
                let (looked_at, stop) = (Arc::clone(&looked_at), Arc::clone(&stop));
                let pause = Duration::from_secs_f64(1.0 / rate_hz as f64);
                move || keep_looking(&looked_at, &stop, pause)
            })
            .map_err(|error| format!("no thread to look with: {error}"))?;
        Ok(Self { tier, looked_at, stop, thread: Some(thread), began: Instant::now() })
    }

    pub(crate) fn tier(&self) -> Tier {
        self.tier
    }

    pub(crate) fn window(&mut self) -> Vec<Counted> {
        let window = self.began.elapsed().as_secs_f64();
        self.began = Instant::now();
        lock(&self.looked_at).end_window(window)
    }

    pub(crate) fn ended(&self) -> bool {
        lock(&self.looked_at).ended()
    }

    /// The groups by their first process.
    pub(crate) fn leaders(&self) -> Vec<u32> {
        lock(&self.looked_at).leaders()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ended by a panic: there is nobody to tell.
            let _ = thread.join();
        }
    }
}

fn keep_looking(looked_at: &Mutex<Box<dyn Look>>, stop: &AtomicBool, pause: Duration) {
    let mut last = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(pause);
        let now = Instant::now();
        lock(looked_at).look(now.duration_since(last).as_secs_f64());
        last = now;
    }
}

/// Counts are sums: they are usable even if a look panicked.
fn lock(looked_at: &Mutex<Box<dyn Look>>) -> MutexGuard<'_, Box<dyn Look>> {
    looked_at.lock().unwrap_or_else(PoisonError::into_inner)
}

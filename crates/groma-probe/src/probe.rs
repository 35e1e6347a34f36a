//! Chooses a tier, watches, and reports window by window.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use groma_capacity::{
    Change, Measured, Prediction, Samples, Tier, WaitKind, WaitSamples, estimate, predict,
};

use crate::bpf;
use crate::cost::{Cost, Kept};
use crate::counted::Counted;
use crate::error::ProbeError;
use crate::machine::{self, Machine, PressureOf, Totals};
use crate::options::{Options, RATE_HZ, Requests};
use crate::process;
use crate::report::{ProcessReport, Refused, Report};
use crate::sampling::Sampler;
use crate::suspects::Suspicions;
use crate::sys::{self, capability};
use crate::target::{Target, Watched};
use crate::who;

/// How often new locks are looked for.
const POLL: Duration = Duration::from_millis(100);
/// Looking for locks may take this share of a CPU at most: then it is done less often.
const POLL_SHARE_MAX: u32 = 50;
/// Less steal or stall than this is not worth a warning.
const STOLEN_SHARE_MIN: f64 = 0.02;
const STALL_SHARE_MIN: f64 = 0.01;
/// Processes in a report: those that used most CPU.
pub const PROCESSES_REPORTED_MAX: usize = 64;

/// A probe that watches, until it is dropped.
pub struct Probe {
    source: Source,
    refused: Vec<Refused>,
    began: Instant,
    next_poll: Instant,
    machine: Totals,
    stalls: HashMap<u32, f64>,
    sums: HashMap<u32, Samples>,
    facts: HashMap<u32, Facts>,
    suspicions: Suspicions,
}

/// One kind of watching.
enum Source {
    Bpf(Box<bpf::Watch>),
    Sampled(Sampler),
}

impl Source {
    fn tier(&self) -> Tier {
        match self {
            Self::Bpf(watch) => watch.tier(),
            Self::Sampled(sampler) => sampler.tier(),
        }
    }
}

/// What does not change while a process lives, or only when it executes another program.
#[derive(Clone)]
struct Facts {
    comm: String,
    command: String,
    namespace: Option<String>,
    unit: Option<String>,
    started: Option<f64>,
    suspicions: Vec<String>,
}

impl Probe {
    /// Begins to watch, with the finest tier that works.
    ///
    /// # Errors
    /// If there is no such process, or no tier works; the error says why.
    pub fn start(target: Target, options: Options) -> Result<Self, ProbeError> {
        if !RATE_HZ.contains(&options.rate_hz) {
            return Err(ProbeError::Rate { rate_hz: options.rate_hz });
        }
        if let Requests::Calls(names) = &options.requests
            && let Some(name) = names.iter().find(|name| !bpf::is_known(name))
        {
            return Err(ProbeError::NoCall { name: name.clone() });
        }
        let watched = target.find(options.follow_children)?;
        // What takes the rights of a debugger is read as long as we have them.
        let suspicions = match (&watched, options.drop_privileges) {
            (_, false) => Suspicions::default(),
            (Watched::Groups(groups), true) => Suspicions::of(groups.keys().copied()),
            (Watched::All, true) => Suspicions::of(process::all()),
        };
        let (source, refused) = choose(&watched, &options)?;
        let now = Instant::now();
        let mut probe = Self {
            source,
            refused,
            began: now,
            next_poll: now + POLL,
            machine: Totals::now(),
            stalls: HashMap::new(),
            sums: HashMap::new(),
            facts: HashMap::new(),
            suspicions,
        };
        probe.learn_facts();
        if options.drop_privileges {
            drop_privileges(probe.tier());
        }
        Ok(probe)
    }

    /// How it measures.
    pub fn tier(&self) -> Tier {
        self.source.tier()
    }

    /// The finer tiers, and why they did not work.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Looks for new locks, if it is time to: call it every 100 ms or more often. `window` does it too,
    /// but what a lock cost before it was known is not counted.
    pub fn poll(&mut self) {
        let now = Instant::now();
        if now < self.next_poll {
            return;
        }
        if let Source::Bpf(watch) = &mut self.source {
            watch.poll();
        }
        self.learn_facts();
        self.next_poll = now + POLL.max(now.elapsed() * POLL_SHARE_MAX);
    }

    /// Ends a window and begins the next.
    pub fn window(&mut self) -> Report {
        let window = self.began.elapsed().as_secs_f64();
        self.began = Instant::now();
        let (counted, warnings, ended) = match &mut self.source {
            Source::Bpf(watch) => (watch.window(), watch.warnings(), watch.ended()),
            Source::Sampled(sampler) => (sampler.window(), Vec::new(), sampler.ended()),
        };
        let machine_now = Totals::now();
        let machine = std::mem::replace(&mut self.machine, machine_now).until(&machine_now);
        let warnings = warnings.into_iter().chain(stolen(&machine)).collect();
        let mut processes: Vec<_> =
            counted.into_iter().map(|counted| self.report_process(counted, &machine)).collect();
        processes.sort_by(|a, b| b.samples.cpu_time.total_cmp(&a.samples.cpu_time));
        processes.truncate(PROCESSES_REPORTED_MAX);
        self.forget_ended();
        Report {
            host: who::host(),
            at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            window,
            tier: self.tier(),
            refused: self.refused.clone(),
            machine,
            processes,
            warnings,
            ended,
        }
    }

    /// Watches for a window of that length, or until `stop` is set or every target has ended.
    pub fn measure(&mut self, length: Duration, stop: &AtomicBool) -> Report {
        let until = self.began + length;
        while !stop.load(Ordering::Relaxed) && Instant::now() < until && !self.targets_ended() {
            std::thread::sleep(POLL.min(until.saturating_duration_since(Instant::now())));
            self.poll();
        }
        self.window()
    }

    /// What the probe keeps in the kernel at this moment: bounded, and nothing of targets that ended once
    /// their last window is over. Tiers without BPF keep nothing.
    pub fn kept(&self) -> Kept {
        match &self.source {
            Source::Bpf(watch) => watch.kept(),
            Source::Sampled(_) => Kept::default(),
        }
    }

    /// What the programs of this process have cost in the kernel, by its own accounting. `None` unless
    /// `kernel.bpf_stats_enabled` is 1, or without BPF.
    pub fn cost(&self) -> Option<Cost> {
        Cost::so_far()
    }

    fn targets_ended(&self) -> bool {
        match &self.source {
            Source::Bpf(watch) => watch.all_targets_gone(),
            Source::Sampled(sampler) => sampler.ended(),
        }
    }

    /// Who those are that are watched, while they live to tell.
    fn learn_facts(&mut self) {
        for leader in self.leaders() {
            let suspicions = &self.suspicions;
            self.facts.entry(leader).or_insert_with(|| Facts::of(leader, suspicions));
        }
    }

    fn forget_ended(&mut self) {
        let left: HashSet<u32> = self.leaders().into_iter().collect();
        self.facts.retain(|leader, _| left.contains(leader));
        self.sums.retain(|leader, _| left.contains(leader));
        self.stalls.retain(|leader, _| left.contains(leader));
    }

    fn leaders(&self) -> Vec<u32> {
        match &self.source {
            Source::Bpf(watch) => watch.leaders(),
            Source::Sampled(sampler) => sampler.leaders(),
        }
    }

    fn report_process(&mut self, counted: Counted, machine: &Machine) -> ProcessReport {
        let Counted { leader, members, mut samples, idle, subwindows, restarted, ended } = counted;
        if restarted {
            self.sums.remove(&leader);
            self.facts.remove(&leader);
            self.suspicions.forget(leader);
            samples.warnings.push("it began another program in this window".to_owned());
        }
        let suspicions = &self.suspicions;
        let facts = self.facts.entry(leader).or_insert_with(|| Facts::of(leader, suspicions));
        let facts = facts.clone();
        samples.warnings.extend(facts.suspicions);
        samples.machine_busy = Some((machine.busy + machine.stolen).min(1.0));
        self.add_memory_stall(leader, &mut samples);
        match self.sums.get_mut(&leader) {
            Some(sum) => add(sum, &samples),
            None => {
                self.sums.insert(leader, samples.clone());
            }
        }
        let cumulative = self.sums.get(&leader).and_then(|sum| estimate(sum).ok());
        let outlook = cumulative.as_ref().and_then(outlook);
        ProcessReport {
            pid: leader,
            comm: facts.comm,
            command: facts.command,
            namespace: facts.namespace,
            unit: facts.unit,
            started: facts.started,
            processes: members.len(),
            measured: estimate(&samples).ok(),
            samples,
            cumulative,
            outlook,
            idle,
            subwindows,
            ended,
        }
    }

    /// The stall for memory in this window.
    fn add_memory_stall(&mut self, leader: u32, samples: &mut Samples) {
        let Some((now, of)) = machine::memory_stalls(leader) else { return };
        let before = self.stalls.insert(leader, now);
        let time = before.map_or(0.0, |before| (now - before).max(0.0));
        // Without a cgroup of its own the stall is that of the whole machine: no demand of this process.
        if of == PressureOf::Cgroup {
            samples.waits.push(WaitSamples {
                kind: WaitKind::Memory,
                time,
                count: None,
                busy_time: None,
            });
        } else if time > samples.window * STALL_SHARE_MIN {
            samples.warnings.push(format!(
                "tasks of this machine stalled for memory {:.0} % of the time; whose, is not known",
                100.0 * time / samples.window
            ));
        }
    }
}

/// What was seen to be full limits it now, whatever the model says.
fn outlook(measured: &Measured) -> Option<Prediction> {
    let now = predict(measured, &Change::default()).ok()?;
    let bottleneck = measured.full().unwrap_or(now.bottleneck);
    Some(Prediction { bottleneck, ..now })
}

/// Adds a window. One without a socket served had no requests there, nor any that waited within: known as
/// soon as one is served.
fn add(sum: &mut Samples, later: &Samples) {
    if later.requests.is_some() {
        sum.requests.get_or_insert(0);
    }
    if later.hidden.is_some() {
        sum.hidden.get_or_insert(0.0);
        sum.hidden_waits.get_or_insert(0);
    }
    sum.add(later);
}

/// CPU time that the hypervisor took.
fn stolen(machine: &Machine) -> Option<String> {
    (machine.stolen > STOLEN_SHARE_MIN).then(|| {
        format!(
            "the hypervisor took {:.0} % of the CPU time: this machine is smaller than it looks",
            100.0 * machine.stolen
        )
    })
}

impl Facts {
    fn of(pid: u32, suspicions: &Suspicions) -> Self {
        Self {
            comm: process::comm(pid).unwrap_or_default(),
            command: process::command(pid),
            namespace: process::foreign_namespace(pid),
            unit: who::unit(pid),
            started: who::started(pid),
            suspicions: suspicions.about(pid),
        }
    }
}

/// The tiers from the finest on, until one works.
fn choose(watched: &Watched, options: &Options) -> Result<(Source, Vec<Refused>), ProbeError> {
    let mut refused = Vec::new();
    let tiers = [Tier::BpfOwner, Tier::BpfFutex, Tier::Proc, Tier::Stat];
    for tier in tiers.into_iter().filter(|tier| options.tier.is_none_or(|only| only == *tier)) {
        let attempt = match tier {
            Tier::BpfOwner | Tier::BpfFutex => {
                bpf::Watch::start(watched, options, tier == Tier::BpfOwner)
                    .map(|watch| Source::Bpf(Box::new(watch)))
            }
            _ => Sampler::start(watched, tier, options.rate_hz).map(Source::Sampled),
        };
        match attempt {
            Ok(source) => return Ok((source, refused)),
            Err(reason) => refused.push(Refused { tier: tier.name(), reason }),
        }
    }
    Err(ProbeError::Refused { refused })
}

/// Gives up what the tier does not need, if anything was there to give up.
fn drop_privileges(tier: Tier) {
    let keep = match tier {
        Tier::BpfOwner | Tier::BpfFutex => {
            capability::BPF | capability::PERFMON | capability::DAC_READ_SEARCH
        }
        Tier::Proc => capability::SYS_PTRACE | capability::DAC_READ_SEARCH,
        _ => 0,
    };
    // Whoever has none of them cannot keep them, and has nothing to give up.
    let _ = sys::keep_capabilities(keep);
}

//! The CPUs of a host, shared by the programs that were measured on it.
//!
//! A program has what the others leave, and at least its fair part. What they leave depends on what they
//! would use, which depends on what is left to them: so it is computed in turns until nothing moves. On
//! the CPUs of the measurement that gives what was measured.

use groma_capacity::{CapacityError, Change, Measured, Prediction, predict};
use groma_model::Timestamp;
use groma_store::Snapshot;

use super::stored::{Program, Row, kind};

/// Programs of a host that share its CPUs in turns, those that use most; the others are taken to use
/// what they were measured to use.
const SHARING_MAX: usize = 8;
/// Turns; each takes one prediction for each program.
const TURNS_MAX: usize = 8;
/// Nothing moves any more if no program gains or loses more than this share of the CPUs.
const MOVED_MIN: f64 = 0.002;
/// CPUs in use to that share were too few for all who wanted them.
const SHORT_FROM: f64 = 0.95;
/// Programs count as neighbours if they were measured within this time of each other.
const NEIGHBOURS_WITHIN_NANOS: u64 = 600_000_000_000;

/// What a program has on its host, and what it then gives.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) prediction: Prediction,
    /// CPUs that its neighbours use.
    pub(crate) neighbours: f64,
}

/// What a host has by what a database says; `None`: nobody says.
pub(crate) fn host_cpus(snapshot: &Snapshot, program: &Program) -> Option<f64> {
    let host = snapshot.get(kind(snapshot, "compute.host"), program.host.as_deref()?)?;
    Row::of(snapshot, host).number("cpus").filter(|cpus| *cpus > 0.0)
}

/// The other programs of its host that ran when it was measured.
pub(crate) fn neighbours<'a>(program: &Program, all: &'a [Program]) -> Vec<&'a Program> {
    let near = |a: Option<Timestamp>, b: Option<Timestamp>| match (a, b) {
        (Some(a), Some(b)) => a.0.abs_diff(b.0) <= NEIGHBOURS_WITHIN_NANOS,
        (a, b) => a.is_none() && b.is_none(),
    };
    let is_neighbour = |other: &&Program| {
        other.key != program.key
            && program.host.is_some()
            && other.host == program.host
            && near(other.measured_at, program.measured_at)
    };
    let mut found: Vec<&Program> = all.iter().filter(is_neighbour).collect();
    found.sort_by(|a, b| b.measured.cpus_used.total_cmp(&a.measured.cpus_used));
    found
}

/// What a program gives on a host with so many CPUs after a change of its own; the change says nothing
/// of CPUs. `limit`: the CPUs that the program may use of them.
///
/// # Errors
/// The change has no meaning, or the model does not settle.
pub(crate) fn place(
    program: &Program,
    neighbours: &[&Program],
    host_cpus: f64,
    limit: Option<f64>,
    change: &Change,
) -> Result<Placed, CapacityError> {
    let (sharing, still) = neighbours.split_at(neighbours.len().min(SHARING_MAX));
    let still_used: f64 = still.iter().map(|other| other.measured.cpus_used).sum();
    let mut parts = vec![Part::new(program, limit, change.clone(), neighbours)];
    for other in sharing {
        let others: Vec<&Program> = (neighbours.iter().copied())
            .filter(|known| known.key != other.key)
            .chain([program])
            .collect();
        parts.push(Part::new(other, other.cpus_limit, Change::default(), &others));
    }
    let host_cpus = (host_cpus - still_used).max(parts[0].used.min(host_cpus));
    let fair = fair(&parts, host_cpus);
    let mut prediction = None;
    for _ in 0..TURNS_MAX {
        let mut moved: f64 = 0.0;
        for at in 0..parts.len() {
            let cpus = available(&parts, at, fair[at], host_cpus);
            let used = match at {
                0 => {
                    let predicted = parts[0].predict(cpus)?;
                    let used = predicted.utilisation.value * predicted.cpus;
                    prediction = Some(predicted);
                    used
                }
                _ => parts[at].use_of(cpus, MOVED_MIN * host_cpus),
            };
            moved = moved.max((used - parts[at].used).abs());
            parts[at].used = used;
        }
        if parts.len() == 1 || moved <= MOVED_MIN * host_cpus {
            break;
        }
    }
    let neighbours = still_used + parts[1..].iter().map(|part| part.used).sum::<f64>();
    let prediction = prediction.ok_or(CapacityError::Empty("there is no program"))?;
    Ok(Placed { prediction, neighbours })
}

/// The program as it would be measured on its host as the database describes it: what a request asks
/// is the same, what it can have is not.
///
/// # Errors
/// The model does not settle.
pub(crate) fn on_its_host(
    snapshot: &Snapshot,
    program: &Program,
    all: &[Program],
) -> Result<Measured, CapacityError> {
    let neighbours = neighbours(program, all);
    let measured = &program.measured;
    let cpus = host_cpus(snapshot, program).unwrap_or(measured.cpus);
    let limit = program.cpus_limit;
    let Placed { prediction, .. } = place(program, &neighbours, cpus, limit, &Change::default())?;
    let mut here = measured.clone();
    here.cpus = prediction.cpus;
    here.cpus_used = prediction.utilisation.value * prediction.cpus;
    here.throughput = measured.throughput.map(|_| prediction.throughput.value);
    let busier = if measured.cpus_used > 0.0 { here.cpus_used / measured.cpus_used } else { 1.0 };
    here.locks.iter_mut().for_each(|lock| lock.utilisation *= busier);
    for wait in &mut here.waits {
        wait.threads *= busier;
        wait.utilisation = wait.utilisation.map(|utilisation| (utilisation * busier).min(1.0));
    }
    Ok(here)
}

/// A program that shares.
struct Part {
    /// As it was measured, on the CPUs that its neighbours left it.
    then: Measured,
    limit: Option<f64>,
    change: Change,
    /// CPUs that it uses.
    used: f64,
    /// Its part of CPUs that are too few: as was seen where they were, else by those that may run.
    weight: f64,
}

impl Part {
    fn new(program: &Program, limit: Option<f64>, change: Change, others: &[&Program]) -> Part {
        let measured = &program.measured;
        let used = measured.cpus_used;
        let others: f64 = others.iter().map(|other| other.measured.cpus_used).sum();
        // A quota leaves it what it leaves, whatever others do.
        let cpus = match program.cpus_limit {
            Some(_) => measured.cpus,
            None => (measured.cpus - others).max(used.min(measured.cpus)),
        };
        let cpus = if cpus > 0.0 { cpus } else { measured.cpus };
        let runners = measured.clients.into_iter().chain(measured.threads).reduce(f64::min);
        let were_short = SHORT_FROM * measured.cpus <= used + others;
        let weight = runners.filter(|_| !were_short).unwrap_or(0.0).max(used);
        Part { then: Measured { cpus, ..measured.clone() }, limit, change, used, weight }
    }

    /// CPUs that a neighbour uses of those that it has. Where it has what it had, or nothing can be
    /// predicted of it, it is what it used.
    fn use_of(&self, cpus: f64, same: f64) -> f64 {
        let then = self.then.cpus_used;
        if (cpus - self.then.cpus).abs() <= same {
            return then;
        }
        let predicted = self.predict(cpus);
        predicted.map_or(then, |predicted| predicted.utilisation.value * predicted.cpus)
    }

    fn predict(&self, cpus: f64) -> Result<Prediction, CapacityError> {
        predict(&self.then, &Change { cpus: Some(cpus), ..self.change.clone() })
    }
}

/// What each is due of CPUs that are too few for all: whoever wants less than its part by weight has
/// what it wants, and the others share the rest.
fn fair(parts: &[Part], host_cpus: f64) -> Vec<f64> {
    let want = |part: &Part| {
        let cpus = part.limit.unwrap_or(host_cpus).min(host_cpus);
        if cpus > 0.0 { part.use_of(cpus, 0.0).min(cpus) } else { 0.0 }
    };
    let wants: Vec<f64> = parts.iter().map(want).collect();
    let mut due = vec![0.0; parts.len()];
    let mut open: Vec<usize> = (0..parts.len()).collect();
    let mut left = host_cpus;
    loop {
        let weights: f64 = open.iter().map(|at| parts[*at].weight).sum();
        let part = |at: usize| if weights > 0.0 { left * parts[at].weight / weights } else { 0.0 };
        open.iter().for_each(|at| due[*at] = part(*at));
        let (content, more): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|at| wants[**at] <= due[**at]);
        if content.is_empty() {
            return due;
        }
        for at in content {
            due[at] = wants[at];
            left -= wants[at];
        }
        open = more;
    }
}

/// What the others leave one of them, but at least what it is due.
fn available(parts: &[Part], at: usize, due: f64, host_cpus: f64) -> f64 {
    let others: f64 = parts.iter().map(|part| part.used).sum::<f64>() - parts[at].used;
    let left = (host_cpus - others).max(due);
    let limited = parts[at].limit.map_or(left, |limit| left.min(limit));
    if limited > 0.0 { limited } else { host_cpus }
}

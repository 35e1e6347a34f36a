//! The smallest change that holds a target, per lever.

use super::change::{
    Bottleneck, Change, Lever, Limits, LockSpeed, Needed, Prediction, Target, Way,
};
use super::predict::Predictor;
use crate::error::{CapacityError, positive};
use crate::measured::Measured;

/// Speeds and loads are sought to three digits.
const HALVINGS: usize = 14;
/// Speeds of lock holders that are tried together with CPUs.
const SPEEDS: [f64; 7] = [1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0];

/// The smallest change of each kind that holds a target, by the best guess; the predictions of the ways
/// carry their intervals.
///
/// # Errors
/// Like [`predict`](super::predict), and for a target that is not above 0.
pub fn needed(now: &Measured, target: Target, limits: Limits) -> Result<Needed, CapacityError> {
    let (Target::Throughput(asked) | Target::Response(asked) | Target::Utilisation(asked)) = target;
    positive("the target", asked)?;
    let search = Search { predictor: Predictor::of(now)?, target, limits };
    let as_is = search.predictor.predict(&Change::default())?;
    if search.holds(&as_is) {
        let summary = format!("{} holds as it is", target.say());
        return Ok(Needed { holds: true, now: as_is, ways: Vec::new(), summary });
    }
    let mut ways = vec![search.cpus()?];
    if let Some(lock) = search.predictor.largest_lock()
        && !matches!(target, Target::Utilisation(_))
    {
        ways.push(search.lock_speed(&lock)?);
        if ways.iter().all(|way| way.smallest.is_none()) {
            ways.push(search.both(&lock)?);
        }
    }
    ways.push(search.clients()?);
    let summary = search.summary(&ways);
    Ok(Needed { holds: false, now: as_is, ways, summary })
}

struct Search<'a> {
    predictor: Predictor<'a>,
    target: Target,
    limits: Limits,
}

impl Target {
    fn say(self) -> String {
        match self {
            Self::Throughput(rate) => format!("a throughput of {rate:.6} per second"),
            Self::Response(time) => format!("a response within {time:.6} s"),
            Self::Utilisation(share) => format!("a utilisation of at most {:.1} %", share * 100.0),
        }
    }
}

impl Search<'_> {
    fn holds(&self, prediction: &Prediction) -> bool {
        match self.target {
            Target::Throughput(least) => prediction.throughput.value >= least,
            // An open service whose response is endless has none.
            Target::Response(most) => {
                prediction.response.is_some_and(|response| response.value <= most)
            }
            Target::Utilisation(most) => prediction.utilisation.value <= most,
        }
    }

    /// The first value between `from` and `to` that holds, if `to` does. `apart` is how near two values
    /// may come, `round` makes a value one that can be had.
    fn first(
        &self,
        lever: Lever,
        (from, to): (f64, f64),
        round: impl Fn(f64) -> f64,
        change: impl Fn(f64) -> Change,
    ) -> Result<Way, CapacityError> {
        let farthest = self.predictor.predict(&change(to))?;
        if !self.holds(&farthest) {
            return Ok(Way { lever, smallest: None, closest: Some(farthest) });
        }
        let (mut fails, mut best) = (from, (to, farthest));
        // Steps that double find the region, halving the place.
        let mut step = (to - from).signum() * (from.abs() * 0.5).max(f64::EPSILON);
        loop {
            let tried = round(fails + step);
            if (tried - fails).abs() >= (best.0 - fails).abs() || tried == fails {
                break;
            }
            let prediction = self.predictor.predict(&change(tried))?;
            if self.holds(&prediction) {
                best = (tried, prediction);
                break;
            }
            fails = tried;
            step *= 2.0;
        }
        for _ in 0..HALVINGS {
            let tried = round(f64::midpoint(fails, best.0));
            if tried == fails || tried == best.0 {
                break;
            }
            let prediction = self.predictor.predict(&change(tried))?;
            if self.holds(&prediction) {
                best = (tried, prediction);
            } else {
                fails = tried;
            }
        }
        Ok(Way { lever, smallest: Some((change(best.0), best.1)), closest: None })
    }

    fn cpus(&self) -> Result<Way, CapacityError> {
        let now = self.predictor.now.cpus;
        let most = self.limits.cpus.max(now);
        self.first(Lever::Cpus, (now, most), f64::ceil, Change::to_cpus)
    }

    fn lock_speed(&self, lock: &str) -> Result<Way, CapacityError> {
        let range = (1.0, self.limits.lock_speed.max(1.0));
        self.first(Lever::LockSpeed, range, |speed| speed, |speed| faster(lock, speed))
    }

    /// The slowest of some speeds with which some number of CPUs is enough.
    fn both(&self, lock: &str) -> Result<Way, CapacityError> {
        let lever = Lever::CpusAndLockSpeed;
        let now = self.predictor.now.cpus;
        let range = (now, self.limits.cpus.max(now));
        let mut way = Way { lever, smallest: None, closest: None };
        for speed in SPEEDS.into_iter().filter(|speed| *speed <= self.limits.lock_speed) {
            let change = |cpus| Change { cpus: Some(cpus), ..faster(lock, speed) };
            way = self.first(lever, range, f64::ceil, change)?;
            if way.smallest.is_some() {
                break;
            }
        }
        Ok(way)
    }

    /// More for throughput, fewer for the rest.
    fn clients(&self) -> Result<Way, CapacityError> {
        let more = matches!(self.target, Target::Throughput(_));
        match self.predictor.now.clients {
            Some(now) => {
                let to = if more { self.limits.clients.max(now) } else { now.min(1.0) };
                let round = |clients: f64| if more { clients.ceil() } else { clients.floor() };
                self.first(Lever::Clients, (now, to), round, |clients| {
                    Change::default().with_clients(clients)
                })
            }
            None => {
                let to = if more { self.limits.clients } else { 1e-3 };
                self.first(
                    Lever::Clients,
                    (1.0, to),
                    |load| load,
                    |load| Change { load, ..Change::default() },
                )
            }
        }
    }

    fn summary(&self, ways: &[Way]) -> String {
        let what = self.target.say();
        let found = |lever: Lever| {
            ways.iter().find(|way| way.lever == lever).and_then(|way| way.smallest.as_ref())
        };
        let from = self.predictor.now.cpus;
        if let Some((change, _)) = found(Lever::Cpus) {
            return format!("{} CPUs instead of {from} give {what}", change.cpus.unwrap_or(from));
        }
        let why = ways
            .iter()
            .find(|way| way.lever == Lever::Cpus)
            .and_then(|way| way.closest.as_ref())
            .map_or_else(String::new, |closest| match &closest.bottleneck {
                Bottleneck::Clients => ": there are too few requests".to_owned(),
                limit => {
                    let most = closest.throughput_max.value;
                    format!(": {} is full at {most:.6} per second", limit.name())
                }
            });
        let instead = if let Some((change, _)) = found(Lever::LockSpeed) {
            let speed = change.lock_speed.first().map_or(1.0, |faster| faster.speed);
            format!("; sections of its largest lock {speed:.2} times as fast would do")
        } else if let Some((change, _)) = found(Lever::CpusAndLockSpeed) {
            let speed = change.lock_speed.first().map_or(1.0, |faster| faster.speed);
            let cpus = change.cpus.unwrap_or(from);
            format!("; {cpus} CPUs and its largest lock {speed:.2} times as fast would do")
        } else if let Some((change, prediction)) = found(Lever::Clients) {
            match prediction.clients {
                Some(clients) => format!("; {clients} clients would do"),
                None => format!("; {:.3} times the load would do", change.load),
            }
        } else {
            "; nor does any other change that was tried".to_owned()
        };
        format!("no number of CPUs gives {what}{why}{instead}")
    }
}

fn faster(lock: &str, speed: f64) -> Change {
    let lock_speed = vec![LockSpeed { lock: Some(lock.to_owned()), speed }];
    Change { lock_speed, ..Change::default() }
}

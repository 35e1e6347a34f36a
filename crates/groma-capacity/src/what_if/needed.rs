//! The smallest change that holds targets, per lever.

use super::change::{
    Bottleneck, Change, Lever, Limits, LockSpeed, Needed, Prediction, Target, Way,
};
use super::predict::Predictor;
use crate::error::{CapacityError, positive};
use crate::measured::Measured;

/// Speeds and loads are sought to three digits.
const HALVINGS: usize = 14;
/// Speeds of lock holders, and times as many clients, that are tried together with CPUs.
const FACTORS: [f64; 7] = [1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0];

/// The smallest change of each kind, on top of `base`, that holds all targets, by the best guess; the
/// predictions of the ways carry their intervals.
///
/// # Errors
/// Like [`predict`](super::predict), and for a target that is not above 0, or none.
pub fn needed(
    now: &Measured,
    base: &Change,
    targets: &[Target],
    limits: Limits,
) -> Result<Needed, CapacityError> {
    if targets.is_empty() {
        return Err(CapacityError::Empty("there is no target"));
    }
    for target in targets {
        let (Target::Throughput(asked) | Target::Response(asked) | Target::Utilisation(asked)) =
            *target;
        positive("the target", asked)?;
    }
    let predictor = Predictor::of(now)?;
    let as_is = predictor.predict(base)?;
    let missed = targets.iter().copied().filter(|target| !target.is_held(&as_is)).collect();
    let search = Search { predictor, base, targets, missed, limits };
    if search.missed.is_empty() {
        let summary = format!("it gives {} as it is", search.say());
        return Ok(Needed { holds: true, now: as_is, ways: Vec::new(), summary });
    }
    let lock = search.predictor.largest_lock().filter(|_| search.asks_for_speed());
    let mut ways = vec![search.cpus()?];
    if let Some(lock) = &lock {
        ways.push(search.lock_speed(lock)?);
    }
    ways.push(search.clients()?);
    if ways.iter().all(|way| !way.holds) {
        if let Some(lock) = &lock {
            ways.push(search.with_cpus(Lever::CpusAndLockSpeed, limits.lock_speed, |speed| {
                search.faster(lock, speed)
            })?);
        }
        if search.wants_more() {
            let most = limits.clients / now.clients.unwrap_or(1.0);
            ways.push(search.with_cpus(Lever::CpusAndClients, most, |times| search.more(times))?);
        }
    }
    ways.sort_by_key(|way| way.lever);
    let summary = search.summary(&ways);
    Ok(Needed { holds: false, now: as_is, ways, summary })
}

struct Search<'a> {
    predictor: Predictor<'a>,
    base: &'a Change,
    targets: &'a [Target],
    /// Those that do not hold as it is.
    missed: Vec<Target>,
    limits: Limits,
}

impl Target {
    /// An open service whose response is endless has none.
    fn is_held(self, prediction: &Prediction) -> bool {
        match self {
            Self::Throughput(least) => prediction.throughput.value >= least,
            Self::Response(most) => {
                prediction.response.is_some_and(|response| response.value <= most)
            }
            Self::Utilisation(most) => prediction.utilisation.value <= most,
        }
    }

    fn say(self) -> String {
        match self {
            Self::Throughput(rate) => format!("a throughput of {rate:.6} per second"),
            Self::Response(time) => format!("a response within {time:.6} s"),
            Self::Utilisation(share) => format!("a utilisation of at most {:.1} %", share * 100.0),
        }
    }
}

impl Search<'_> {
    /// Whether it reaches what is missed now; another target may be missed then.
    fn reaches(&self, prediction: &Prediction) -> bool {
        self.missed.iter().all(|target| target.is_held(prediction))
    }

    /// Whether there are too few requests as it is.
    fn wants_more(&self) -> bool {
        self.missed.iter().any(|target| matches!(target, Target::Throughput(_)))
    }

    /// Faster sections of locks do nothing for the use of CPUs.
    fn asks_for_speed(&self) -> bool {
        self.targets.iter().any(|target| !matches!(target, Target::Utilisation(_)))
    }

    fn say(&self) -> String {
        self.targets.iter().map(|target| target.say()).collect::<Vec<_>>().join(" and ")
    }

    /// The first value between `from` and `to` that reaches what is missed, if `to` does. `round` makes a value
    /// one that can be had.
    fn first(
        &self,
        lever: Lever,
        (from, to): (f64, f64),
        round: impl Fn(f64) -> f64,
        change: impl Fn(f64) -> Change,
    ) -> Result<Way, CapacityError> {
        let farthest = self.predictor.predict(&change(to))?;
        if !self.reaches(&farthest) {
            return Ok(Way { lever, holds: false, change: change(to), prediction: farthest });
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
            if self.reaches(&prediction) {
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
            if self.reaches(&prediction) {
                best = (tried, prediction);
            } else {
                fails = tried;
            }
        }
        let holds = self.targets.iter().all(|target| target.is_held(&best.1));
        Ok(Way { lever, holds, change: change(best.0), prediction: best.1 })
    }

    fn cpus(&self) -> Result<Way, CapacityError> {
        self.with_cpus_of(Lever::Cpus, self.base)
    }

    /// More CPUs on top of another change.
    fn with_cpus_of(&self, lever: Lever, change: &Change) -> Result<Way, CapacityError> {
        let now = self.base.cpus.unwrap_or(self.predictor.now.cpus);
        let range = (now, self.limits.cpus.max(now));
        let to = |cpus| Change { cpus: Some(cpus), ..change.clone() };
        self.first(lever, range, f64::ceil, to)
    }

    /// The smallest factor, up to `most`, with which some number of CPUs is enough.
    fn with_cpus(
        &self,
        lever: Lever,
        most: f64,
        change: impl Fn(f64) -> Change,
    ) -> Result<Way, CapacityError> {
        let mut way = self.with_cpus_of(lever, self.base)?;
        for factor in FACTORS.into_iter().filter(|factor| *factor <= most) {
            way = self.with_cpus_of(lever, &change(factor))?;
            if way.holds {
                break;
            }
        }
        Ok(way)
    }

    fn lock_speed(&self, lock: &str) -> Result<Way, CapacityError> {
        let range = (1.0, self.limits.lock_speed.max(1.0));
        self.first(Lever::LockSpeed, range, |speed| speed, |speed| self.faster(lock, speed))
    }

    fn clients(&self) -> Result<Way, CapacityError> {
        let more = self.wants_more();
        match self.base.clients.or(self.predictor.now.clients) {
            Some(now) => {
                let to = if more { self.limits.clients.max(now) } else { now.min(1.0) };
                let round = |clients: f64| if more { clients.ceil() } else { clients.floor() };
                let change = |clients| self.base.clone().with_clients(clients);
                self.first(Lever::Clients, (now, to), round, change)
            }
            None => {
                let now = self.base.load;
                let to = if more { self.limits.clients.max(now) } else { 1e-3 };
                let change = |load| Change { load, ..self.base.clone() };
                self.first(Lever::Clients, (now, to), |load| load, change)
            }
        }
    }

    /// So many times the clients, or the load where clients are not known.
    fn more(&self, times: f64) -> Change {
        match self.base.clients.or(self.predictor.now.clients) {
            Some(clients) => self.base.clone().with_clients((clients * times).ceil()),
            None => Change { load: self.base.load * times, ..self.base.clone() },
        }
    }

    fn faster(&self, lock: &str, speed: f64) -> Change {
        let mut change = self.base.clone();
        change.lock_speed.push(LockSpeed { lock: Some(lock.to_owned()), speed });
        change
    }

    fn summary(&self, ways: &[Way]) -> String {
        let what = self.say();
        let find = |lever: Lever| ways.iter().find(|way| way.lever == lever);
        let from = self.base.cpus.unwrap_or(self.predictor.now.cpus);
        let why = match find(Lever::Cpus) {
            Some(Way { holds: true, change, .. }) => {
                return format!(
                    "{} CPUs instead of {from} give {what}",
                    change.cpus.unwrap_or(from)
                );
            }
            Some(Way { prediction, .. }) if prediction.bottleneck == Bottleneck::Clients => {
                ": there are too few requests".to_owned()
            }
            Some(Way { prediction, .. }) => {
                let most = prediction.throughput_max.value;
                format!(": {} is full at {most:.6} per second", prediction.bottleneck.name())
            }
            None => String::new(),
        };
        let order =
            [Lever::LockSpeed, Lever::CpusAndLockSpeed, Lever::Clients, Lever::CpusAndClients];
        let instead = order.into_iter().filter_map(find).find(|way| way.holds).map_or_else(
            || "; nor does any other change that was tried".to_owned(),
            |way| format!("; {} would do", self.say_change(way)),
        );
        format!("no number of CPUs gives {what}{why}{instead}")
    }

    fn say_change(&self, way: &Way) -> String {
        let Way { lever, change, prediction, .. } = way;
        let speed = change.lock_speed.last().map_or(1.0, |faster| faster.speed);
        let cpus = prediction.cpus;
        let clients = match prediction.clients {
            Some(clients) => format!("{clients} clients"),
            None => format!("{:.3} times the load", change.load),
        };
        match lever {
            Lever::Cpus => format!("{cpus} CPUs"),
            Lever::LockSpeed => format!("sections of its largest lock {speed:.2} times as fast"),
            Lever::CpusAndLockSpeed => {
                format!("{cpus} CPUs and its largest lock {speed:.2} times as fast")
            }
            Lever::Clients => clients,
            Lever::CpusAndClients => format!("{cpus} CPUs and {clients}"),
        }
    }
}

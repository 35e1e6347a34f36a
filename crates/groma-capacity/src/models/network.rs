//! Closed networks of product form: stations, classes of clients, and what each asks where.
//!
//! Small ones exactly by convolution (Buzen 1973, Reiser and Kobayashi 1975), which only adds positive
//! numbers and so stays exact where mean value analysis with several servers does not; large ones by
//! approximate mean value analysis (Linearizer, Chandy and Neuse 1982).

use super::linearizer;
use super::workload::Solver;
use crate::error::{CapacityError, not_negative};

/// Populations (the product of clients + 1 over the classes) up to which it is exact.
pub const POPULATIONS_MAX: usize = 4_096;

/// How a station serves.
#[derive(Debug, Clone, PartialEq)]
pub enum Serving {
    /// Everybody at once.
    Delay,
    /// So many servers, one queue.
    Servers(usize),
    /// Times as fast as with one, with 1, 2, … requests there; the last one holds beyond.
    Speeds(Vec<f64>),
}

/// A class of clients.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkClass {
    /// How many.
    pub clients: usize,
    /// Seconds between an answer and the next request.
    pub think: f64,
    /// Seconds asked of each station, in their order: visits times service.
    pub demands: Vec<f64>,
}

/// Stations and who uses them.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The stations.
    pub stations: Vec<Serving>,
    /// The classes.
    pub classes: Vec<NetworkClass>,
}

/// A network in balance.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkSolution {
    /// Requests per second of each class.
    pub throughputs: Vec<f64>,
    /// Seconds from request to answer of each class.
    pub responses: Vec<f64>,
    /// Mean number of each class at each station: `queues[station][class]`.
    pub queues: Vec<Vec<f64>>,
    /// [`Solver::ProductForm`] or [`Solver::Linearizer`].
    pub solver: Solver,
}

impl Network {
    /// The network in balance.
    ///
    /// # Errors
    /// For what has no meaning, and if the approximation does not settle.
    pub fn solve(&self) -> Result<NetworkSolution, CapacityError> {
        self.check()?;
        if self.populations().is_some_and(|count| count <= POPULATIONS_MAX) {
            return Ok(self.convolve());
        }
        linearizer::solve(self)
    }

    fn populations(&self) -> Option<usize> {
        self.classes.iter().try_fold(1_usize, |count, class| count.checked_mul(class.clients + 1))
    }

    fn check(&self) -> Result<(), CapacityError> {
        if self.classes.iter().all(|class| class.clients == 0) {
            return Err(CapacityError::Empty("no class has a client"));
        }
        for class in &self.classes {
            not_negative("think", class.think)?;
            if class.demands.len() != self.stations.len() {
                return Err(CapacityError::Empty("a class says nothing about a station"));
            }
            for demand in &class.demands {
                not_negative("a demand", *demand)?;
            }
            if class.think + class.demands.iter().sum::<f64>() == 0.0 {
                return Err(CapacityError::Empty("a class asks for nothing"));
            }
        }
        for station in &self.stations {
            let bad = match station {
                Serving::Delay => false,
                Serving::Servers(servers) => *servers == 0,
                Serving::Speeds(speeds) => {
                    speeds.is_empty()
                        || speeds.iter().any(|speed| !(speed.is_finite() && *speed > 0.0))
                }
            };
            if bad {
                return Err(CapacityError::Empty("a station serves nobody"));
            }
        }
        Ok(())
    }

    fn convolve(&self) -> NetworkSolution {
        let grid = Grid::of(&self.classes);
        let thinks: Vec<_> = self.classes.iter().map(|class| class.think).collect();
        let mut alone = vec![grid.weights(&Serving::Delay, &thinks)];
        for (place, station) in self.stations.iter().enumerate() {
            let demands: Vec<_> = self.classes.iter().map(|class| class.demands[place]).collect();
            alone.push(grid.weights(station, &demands));
        }
        // Everything before each station, and everything after it.
        let count = alone.len();
        let mut before = vec![grid.nothing()];
        for weights in &alone {
            before.push(grid.convolve(&before[before.len() - 1], weights));
        }
        let mut after = vec![grid.nothing(); count + 1];
        for place in (1..count).rev() {
            after[place] = grid.convolve(&after[place + 1], &alone[place]);
        }
        let whole = &before[count];
        let last = grid.size - 1;
        let throughputs: Vec<f64> = self
            .classes
            .iter()
            .zip(&grid.strides)
            .map(|(class, stride)| match class.clients {
                0 => 0.0,
                _ => (whole[last - stride] - whole[last]).exp(),
            })
            .collect();
        let queues: Vec<Vec<f64>> = (1..count)
            .map(|place| {
                let others = grid.convolve(&before[place], &after[place + 1]);
                grid.queue(&alone[place], &others, whole[last])
            })
            .collect();
        let responses = self
            .classes
            .iter()
            .zip(&throughputs)
            .map(|(class, rate)| match class.clients {
                0 => class.demands.iter().sum(),
                clients => (clients as f64 / rate - class.think).max(0.0),
            })
            .collect();
        NetworkSolution { throughputs, responses, queues, solver: Solver::ProductForm }
    }
}

impl Serving {
    /// Times as fast as with one, with `inside` requests there.
    pub(super) fn speed(&self, inside: usize) -> f64 {
        match self {
            Self::Delay => inside as f64,
            Self::Servers(servers) => inside.min(*servers) as f64,
            Self::Speeds(speeds) => speeds[inside.min(speeds.len()).saturating_sub(1)],
        }
    }
}

/// All populations from none to all, in a flat array of logarithms.
struct Grid {
    /// Clients of each class.
    most: Vec<usize>,
    /// Steps in the array for one more of each class.
    strides: Vec<usize>,
    size: usize,
    /// ln n!
    factorials: Vec<f64>,
}

impl Grid {
    fn of(classes: &[NetworkClass]) -> Self {
        let most: Vec<_> = classes.iter().map(|class| class.clients).collect();
        let mut strides = Vec::new();
        let mut size = 1;
        for many in &most {
            strides.push(size);
            size *= many + 1;
        }
        let total: usize = most.iter().sum();
        let mut factorials = vec![0.0];
        for count in 1..=total {
            factorials.push(factorials[count - 1] + (count as f64).ln());
        }
        Self { most, strides, size, factorials }
    }

    fn population(&self, index: usize) -> impl Iterator<Item = usize> {
        self.strides.iter().zip(&self.most).map(move |(stride, most)| index / stride % (most + 1))
    }

    fn nothing(&self) -> Vec<f64> {
        let mut logs = vec![f64::NEG_INFINITY; self.size];
        logs[0] = 0.0;
        logs
    }

    /// |n|! / Π n_c! · Π D_c^n_c / Π speed(j), as logarithms.
    fn weights(&self, serving: &Serving, demands: &[f64]) -> Vec<f64> {
        let total: usize = self.most.iter().sum();
        let mut speeds = vec![0.0];
        for inside in 1..=total {
            speeds.push(speeds[inside - 1] + serving.speed(inside).ln());
        }
        (0..self.size)
            .map(|index| {
                let (mut log, mut all) = (0.0, 0);
                for (count, demand) in self.population(index).zip(demands) {
                    if count > 0 {
                        log += count as f64 * demand.ln() - self.factorials[count];
                    }
                    all += count;
                }
                log + self.factorials[all] - speeds[all]
            })
            .collect()
    }

    fn convolve(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        (0..self.size).map(|index| self.sum(a, b, index, |_| 1.0)).collect()
    }

    /// ln Σ weight(i) · exp(a[i] + b[index − i]) over the populations i within `index`.
    fn sum(&self, a: &[f64], b: &[f64], index: usize, weight: impl Fn(usize) -> f64) -> f64 {
        let mut top = f64::NEG_INFINITY;
        self.within(index, |part| top = top.max(a[part] + b[index - part]));
        if top == f64::NEG_INFINITY {
            return top;
        }
        let mut sum = 0.0;
        self.within(index, |part| sum += weight(part) * (a[part] + b[index - part] - top).exp());
        top + sum.ln()
    }

    /// Every population that is at most the one at `index` in every class.
    fn within(&self, index: usize, mut visit: impl FnMut(usize)) {
        if let [_] = self.most[..] {
            return (0..=index).for_each(visit);
        }
        let most: Vec<_> = self.population(index).collect();
        let mut counts = vec![0; most.len()];
        let mut part = 0;
        loop {
            visit(part);
            let mut class = 0;
            loop {
                if class == most.len() {
                    return;
                }
                if counts[class] < most[class] {
                    counts[class] += 1;
                    part += self.strides[class];
                    break;
                }
                part -= counts[class] * self.strides[class];
                counts[class] = 0;
                class += 1;
            }
        }
    }

    /// Mean number of each class at a station, given the weights of the others.
    fn queue(&self, station: &[f64], others: &[f64], whole: f64) -> Vec<f64> {
        let last = self.size - 1;
        (0..self.most.len())
            .map(|class| {
                let (stride, most) = (self.strides[class], self.most[class]);
                let count = |part: usize| (part / stride % (most + 1)) as f64;
                (self.sum(station, others, last, count) - whole).exp()
            })
            .collect()
    }
}

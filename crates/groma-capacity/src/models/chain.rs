//! The exact Markov chain of a [`Ring`] with exponential stages: its balance equations, solved.
//!
//! A state is how many requests are at each stage but the first, which has the rest. Gauss–Seidel sweeps
//! settle the balance within a level (the same number at the first stage), and the levels, a
//! birth–death chain, are solved at once between sweeps (Koury, McAllister and Stewart 1984): tens of
//! sweeps instead of thousands.

use super::ring::Ring;
use crate::error::CapacityError;

/// Largest chain that fits: callers ask for less.
const STATES_MAX: usize = 250_000;
/// Sweeps before giving up.
const SWEEPS_MAX: usize = 5_000;
/// Flow that may be missing in the balance of all states, of the flow through them.
const RESIDUAL_MAX: f64 = 1e-9;
/// By how much the throughputs of two stages of the ring may differ.
const FLOW_ERROR_MAX: f64 = 1e-6;
/// Levels rarer than e to this stay as rare as that, so that none is lost to rounding.
const LOG_MIN: f64 = -600.0;

/// The ring in balance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Balance {
    /// Requests round the ring per second.
    pub(super) throughput: f64,
    /// Mean number at each stage.
    pub(super) counts: Vec<f64>,
}

/// How many states `clients` at `stages` stages have; `None` if more than fit in memory.
pub(super) fn state_count(clients: usize, stages: usize) -> Option<usize> {
    let others = stages.saturating_sub(1) as u128;
    let mut count = 1_u128;
    for index in 1..=others {
        count = count.checked_mul(clients as u128 + index)? / index;
    }
    usize::try_from(count).ok()
}

/// Solves the ring for `clients` requests.
///
/// # Errors
/// [`CapacityError::TooLarge`] above [`STATES_MAX`], [`CapacityError::Unsettled`] if the balance is not
/// reached.
pub(super) fn solve(ring: &Ring, clients: usize) -> Result<Balance, CapacityError> {
    let states = state_count(clients, ring.stages.len()).unwrap_or(usize::MAX);
    if states > STATES_MAX {
        return Err(CapacityError::TooLarge {
            what: "the number of states",
            asked: states,
            limit: STATES_MAX,
        });
    }
    if clients == 0 || ring.stages.is_empty() {
        return Ok(Balance { throughput: 0.0, counts: vec![0.0; ring.stages.len()] });
    }
    let mut chain = Chain::build(ring, clients);
    chain.settle()?;
    chain.balance(ring)
}

struct Chain {
    stages: usize,
    clients: usize,
    /// `stages` per state; the first of them is the level.
    counts: Vec<u32>,
    /// What leaves each stage in each state, `stages` per state.
    rates: Vec<f64>,
    /// Rate into a state by the end of stage k, and the state it comes from; `stages` per state. The
    /// rate is 0 where there is no such state.
    inflows: Vec<(u32, f64)>,
    /// Sum of the rates of a state.
    out: Vec<f64>,
    share: Vec<f64>,
}

impl Chain {
    fn build(ring: &Ring, clients: usize) -> Self {
        let stages = ring.stages.len();
        let order = Order::new(clients, stages);
        let total = order.total();
        let mut counts = Vec::with_capacity(total * stages);
        order.each(|state| counts.extend(state.iter().map(|count| *count as u32)));
        let mut rates = vec![0.0; total * stages];
        let mut state = vec![0_usize; stages];
        for index in 0..total {
            load(&mut state, &counts[index * stages..][..stages]);
            let share = ring.cpu_share(&state);
            for (stage, rate) in rates[index * stages..][..stages].iter_mut().enumerate() {
                *rate = ring.stages[stage].rate(state[stage], share);
            }
        }
        let mut inflows = vec![(0, 0.0); total * stages];
        for index in 0..total {
            load(&mut state, &counts[index * stages..][..stages]);
            for from in 0..stages {
                let to = (from + 1) % stages;
                if stages == 1 || state[to] == 0 {
                    continue;
                }
                state[from] += 1;
                state[to] -= 1;
                let source = order.index(&state);
                inflows[index * stages + from] = (source as u32, rates[source * stages + from]);
                state[from] -= 1;
                state[to] += 1;
            }
        }
        let out = rates.chunks(stages).map(|rates| rates.iter().sum()).collect();
        let share = vec![1.0 / total as f64; total];
        Self { stages, clients, counts, rates, inflows, out, share }
    }

    fn settle(&mut self) -> Result<(), CapacityError> {
        if self.share.len() == 1 {
            return Ok(());
        }
        let mut residual = f64::INFINITY;
        for sweep in 0..SWEEPS_MAX {
            self.level();
            // Forth and back: what flows up the levels and what flows down both travel in one sweep.
            (0..self.share.len()).for_each(|index| self.relax(index));
            (0..self.share.len()).rev().for_each(|index| self.relax(index));
            if sweep % 4 == 3 {
                residual = self.residual();
                if residual <= RESIDUAL_MAX {
                    self.normalize();
                    return Ok(());
                }
            }
        }
        Err(CapacityError::Unsettled { model: "the Markov chain", steps: SWEEPS_MAX, residual })
    }

    fn relax(&mut self, index: usize) {
        self.share[index] = self.inflow(index) / self.out[index];
    }

    fn inflow(&self, index: usize) -> f64 {
        self.inflows[index * self.stages..][..self.stages]
            .iter()
            .map(|(source, rate)| self.share[*source as usize] * rate)
            .sum()
    }

    /// Scales every level so that what goes up between two neighbours equals what comes down.
    fn level(&mut self) {
        let levels = self.clients + 1;
        let (mut up, mut down, mut weight) =
            (vec![0.0; levels], vec![0.0; levels], vec![0.0; levels]);
        for (index, share) in self.share.iter().enumerate() {
            let level = self.counts[index * self.stages] as usize;
            let rates = &self.rates[index * self.stages..][..self.stages];
            weight[level] += share;
            up[level] += share * rates[self.stages - 1];
            down[level] += share * rates[0];
        }
        let mut logs = vec![0.0_f64; levels];
        for level in 1..levels {
            let (gone, came) = (up[level - 1], down[level]);
            let step = if came > 0.0 && gone > 0.0 { (gone / came).ln() } else { 0.0 };
            logs[level] = logs[level - 1] + step;
        }
        let top = logs.iter().fold(f64::NEG_INFINITY, |top, log| top.max(*log));
        let scale: Vec<_> = logs.iter().map(|log| (log - top).max(LOG_MIN).exp()).collect();
        let total: f64 = scale.iter().zip(&weight).map(|(scale, weight)| scale * weight).sum();
        if !(total.is_finite() && total > 0.0) {
            return self.normalize();
        }
        for (index, share) in self.share.iter_mut().enumerate() {
            *share *= scale[self.counts[index * self.stages] as usize] / total;
        }
    }

    fn normalize(&mut self) {
        let total: f64 = self.share.iter().sum();
        self.share.iter_mut().for_each(|share| *share /= total);
    }

    fn residual(&self) -> f64 {
        let (mut missing, mut flow) = (0.0, 0.0);
        for (index, share) in self.share.iter().enumerate() {
            let out = share * self.out[index];
            missing += (out - self.inflow(index)).abs();
            flow += out;
        }
        missing / flow
    }

    /// Means, and the check that every stage sees the same throughput.
    fn balance(&self, ring: &Ring) -> Result<Balance, CapacityError> {
        let mut counts = vec![0.0; self.stages];
        let mut flows = vec![0.0; self.stages];
        for (index, share) in self.share.iter().enumerate() {
            for stage in 0..self.stages {
                counts[stage] += share * f64::from(self.counts[index * self.stages + stage]);
                flows[stage] += share * self.rates[index * self.stages + stage];
            }
        }
        let (least, most) = flows
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(low, high), flow| (low.min(*flow), high.max(*flow)));
        let error = (most - least) / most;
        if error.is_nan() || error > FLOW_ERROR_MAX {
            return Err(CapacityError::Unsettled {
                model: "the flow round the ring",
                steps: ring.stages.len(),
                residual: error,
            });
        }
        Ok(Balance { throughput: flows.iter().sum::<f64>() / self.stages as f64, counts })
    }
}

fn load(state: &mut [usize], counts: &[u32]) {
    state.iter_mut().zip(counts).for_each(|(to, from)| *to = *from as usize);
}

/// All ways to put `clients` at `stages` stages, in lexical order, and the place of each in it.
struct Order {
    clients: usize,
    stages: usize,
    /// `ways[stages][clients]`.
    ways: Vec<Vec<usize>>,
}

impl Order {
    fn new(clients: usize, stages: usize) -> Self {
        let mut ways = vec![vec![0; clients + 1]; stages + 1];
        for row in 1..=stages {
            for many in 0..=clients {
                ways[row][many] = if row == 1 || many == 0 {
                    1
                } else {
                    ways[row - 1][many] + ways[row][many - 1]
                };
            }
        }
        Self { clients, stages, ways }
    }

    fn total(&self) -> usize {
        self.ways[self.stages][self.clients]
    }

    /// States with fewer at the first stage come first; then the second decides, and so on.
    fn index(&self, state: &[usize]) -> usize {
        let (mut left, mut index) = (self.clients, 0);
        for (place, count) in state[..self.stages - 1].iter().enumerate() {
            let others = self.stages - place - 1;
            // Σ over smaller counts c of ways(others, left − c), by the hockey-stick identity.
            index += self.ways[others + 1][left] - self.ways[others + 1][left - count];
            left -= count;
        }
        index
    }

    fn each(&self, mut visit: impl FnMut(&[usize])) {
        let mut state = vec![0; self.stages];
        self.fill(0, self.clients, &mut state, &mut visit);
    }

    fn fill(
        &self,
        place: usize,
        left: usize,
        state: &mut Vec<usize>,
        visit: &mut impl FnMut(&[usize]),
    ) {
        if place + 1 == self.stages {
            state[place] = left;
            return visit(state);
        }
        for count in 0..=left {
            state[place] = count;
            self.fill(place + 1, left - count, state, visit);
        }
    }
}

//! A flow as a list of steps, so that a request is a place in it.

use crate::models::{Flow, Service};
use crate::simulator::Order;

/// Where a request is in the program of its class.
pub(super) type Place = usize;

/// One step of a flow.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Visit {
        service: usize,
        work: f64,
    },
    /// Starts a task at each place and goes on at `after` when all have met their `Join`.
    Fork {
        parts: Vec<Place>,
        after: Place,
    },
    Join,
    End,
}

/// One stage of a visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    Delay(f64),
    Lock { lock: usize, demand: f64 },
    Device { device: usize, demand: f64 },
    Parallel(f64),
}

pub(super) fn program(flow: &Flow) -> Vec<Step> {
    let mut steps = Vec::new();
    write(flow, &mut steps);
    steps.push(Step::End);
    steps
}

fn write(flow: &Flow, steps: &mut Vec<Step>) {
    match flow {
        Flow::Visit { service, work } => {
            steps.push(Step::Visit { service: *service, work: *work });
        }
        Flow::Sequence(parts) => parts.iter().for_each(|part| write(part, steps)),
        Flow::Parallel(parts) if parts.len() < 2 => {
            parts.iter().for_each(|part| write(part, steps));
        }
        Flow::Parallel(parts) => {
            let fork = steps.len();
            steps.push(Step::Join);
            let mut places = Vec::new();
            for part in parts {
                places.push(steps.len());
                write(part, steps);
                steps.push(Step::Join);
            }
            steps[fork] = Step::Fork { parts: places, after: steps.len() };
        }
    }
}

/// What a visit asks, in order, without what asks nothing.
pub(super) fn stages(service: &Service, order: Order) -> Vec<Stage> {
    let locks = service
        .locks
        .iter()
        .enumerate()
        .map(|(lock, asked)| Stage::Lock { lock, demand: asked.demand });
    let devices = service
        .devices
        .iter()
        .enumerate()
        .map(|(device, demand)| Stage::Device { device, demand: *demand });
    let parallel = [Stage::Parallel(service.parallel)];
    let mut stages = vec![Stage::Delay(service.delay)];
    match order {
        Order::LocksFirst => stages.extend(locks.chain(devices).chain(parallel)),
        Order::ParallelFirst => stages.extend(parallel.into_iter().chain(locks).chain(devices)),
    }
    stages.retain(|stage| match stage {
        Stage::Delay(demand) | Stage::Parallel(demand) => *demand > 0.0,
        Stage::Lock { demand, .. } | Stage::Device { demand, .. } => *demand > 0.0,
    });
    stages
}

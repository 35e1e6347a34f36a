//! Several services: which of them a request visits, one after the other or at once, and who asks.

use super::flow::flows;
use super::network::{Network, NetworkClass, Serving};
use super::service::CLIENTS_MAX;
use super::workload::{Load, LockDemand, Solver, Workload};
use crate::error::{CapacityError, not_negative, positive};
use crate::simulator::{Experiment, simulate};

/// Most services, classes, and steps of a flow.
pub const SERVICES_MAX: usize = 1_000;

/// One service, or one tier: its own CPUs and locks.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Names it.
    pub name: String,
    /// CPUs.
    pub cpus: f64,
    /// CPU seconds of a visit outside of locks.
    pub parallel: f64,
    /// Locks, in the order a visit takes them.
    pub locks: Vec<LockDemand>,
    /// Seconds of a visit at each device with a queue.
    pub devices: Vec<f64>,
    /// Seconds of a visit in which it waits for nobody.
    pub delay: f64,
}

/// What a request does.
#[derive(Debug, Clone, PartialEq)]
pub enum Flow {
    /// Visits a service, by its place in [`System::services`].
    Visit {
        /// Which one.
        service: usize,
        /// Times what a visit usually asks, of everything; several visits in a row add up.
        work: f64,
    },
    /// One after the other.
    Sequence(Vec<Flow>),
    /// All at once; it goes on when the last is done.
    Parallel(Vec<Flow>),
}

/// Clients of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Names it.
    pub name: String,
    /// How many.
    pub clients: usize,
    /// Mean seconds between an answer and the next request.
    pub think: f64,
    /// What each request does.
    pub flow: Flow,
}

/// Services and who uses them.
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    /// The services.
    pub services: Vec<Service>,
    /// The classes of clients.
    pub classes: Vec<Class>,
}

/// A system in balance.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemSolution {
    /// Requests per second of each class.
    pub throughputs: Vec<f64>,
    /// Seconds from request to answer of each class.
    pub responses: Vec<f64>,
    /// CPU utilisation of each service.
    pub utilisations: Vec<f64>,
    /// Mean number of requests in each service.
    pub inside: Vec<f64>,
    /// How it was computed.
    pub solver: Solver,
}

impl Flow {
    /// One visit with its usual work.
    pub const fn visit(service: usize) -> Self {
        Self::Visit { service, work: 1.0 }
    }

    /// Adds the work asked of each service; `true` if parts of it run at once.
    fn add_work(&self, works: &mut [f64]) -> bool {
        match self {
            Self::Visit { service, work } => {
                works[*service] += work;
                false
            }
            Self::Sequence(parts) => {
                parts.iter().fold(false, |forks, part| part.add_work(works) | forks)
            }
            Self::Parallel(parts) => {
                parts.iter().fold(parts.len() > 1, |forks, part| part.add_work(works) | forks)
            }
        }
    }

    fn check(&self, services: usize, depth: usize) -> Result<usize, CapacityError> {
        /// Flows are walked by recursion.
        const DEPTH_MAX: usize = 100;
        if depth > DEPTH_MAX {
            let what = "the depth of a flow";
            return Err(CapacityError::TooLarge { what, asked: depth, limit: DEPTH_MAX });
        }
        match self {
            Self::Visit { service, work } => {
                not_negative("work", *work)?;
                if *service >= services {
                    return Err(CapacityError::Empty("a flow visits a service that is not there"));
                }
                Ok(1)
            }
            Self::Sequence(parts) | Self::Parallel(parts) => {
                let mut steps = 1;
                for part in parts {
                    steps += part.check(services, depth + 1)?;
                }
                Ok(steps)
            }
        }
    }
}

impl Service {
    /// CPU seconds of a visit.
    pub fn demand(&self) -> f64 {
        self.parallel + self.locks.iter().map(|lock| lock.demand).sum::<f64>()
    }

    fn workload(&self) -> Workload {
        Workload {
            cpus: self.cpus,
            parallel: self.parallel,
            locks: self.locks.clone(),
            devices: self.devices.clone(),
            delay: 0.0,
            load: Load::Closed { clients: 1.0, think: 0.0 },
        }
    }
}

impl From<&Workload> for Service {
    fn from(workload: &Workload) -> Self {
        Self {
            name: "service".to_owned(),
            cpus: workload.cpus,
            parallel: workload.parallel,
            locks: workload.locks.clone(),
            devices: workload.devices.clone(),
            delay: workload.delay,
        }
    }
}

impl System {
    /// One service with one class of clients.
    pub fn of(workload: &Workload, clients: usize, think: f64) -> Self {
        let flow = Flow::visit(0);
        let class = Class { name: "clients".to_owned(), clients, think, flow };
        Self { services: vec![Service::from(workload)], classes: vec![class] }
    }

    /// The system in balance. Each service becomes a station of equal flow in a network of product form:
    /// within 2 % of the simulator in the tests. A flow with parts that run at once is simulated, with
    /// `experiment`.
    ///
    /// # Errors
    /// For what has no meaning or is too much, and if a model does not settle.
    pub fn solve(&self, experiment: &Experiment) -> Result<SystemSolution, CapacityError> {
        self.check()?;
        let mut works = vec![vec![0.0; self.services.len()]; self.classes.len()];
        let forks = self
            .classes
            .iter()
            .zip(&mut works)
            .fold(false, |forks, (class, works)| class.flow.add_work(works) | forks);
        if forks {
            return self.simulated(experiment);
        }
        self.aggregated(&works)
    }

    fn aggregated(&self, works: &[Vec<f64>]) -> Result<SystemSolution, CapacityError> {
        let clients: usize = self.classes.iter().map(|class| class.clients).sum();
        let mut stations = Vec::new();
        let mut alone = Vec::new();
        for service in &self.services {
            let flows = flows(&service.workload(), clients)?;
            let first = flows.first().copied().filter(|flow| *flow > 0.0).unwrap_or(f64::INFINITY);
            alone.push(1.0 / first);
            stations.push(if first.is_finite() {
                Serving::Speeds(flows.iter().map(|flow| flow / first).collect())
            } else {
                Serving::Delay
            });
        }
        let delays = |works: &[f64]| -> f64 {
            works.iter().zip(&self.services).map(|(work, service)| work * service.delay).sum()
        };
        let classes = self.classes.iter().zip(works).map(|(class, works)| NetworkClass {
            clients: class.clients,
            think: class.think + delays(works),
            demands: works.iter().zip(&alone).map(|(work, alone)| work * alone).collect(),
        });
        let network = Network { stations, classes: classes.collect() };
        let found = network.solve()?;
        let used = |place: usize| -> f64 {
            let rates = found.throughputs.iter().zip(works);
            rates.map(|(rate, works)| rate * works[place]).sum::<f64>()
        };
        let utilisation = |(place, service): (usize, &Service)| {
            (used(place) * service.demand() / service.cpus).min(1.0)
        };
        let inside = (0..self.services.len()).map(|place| {
            found.queues[place].iter().sum::<f64>() + used(place) * self.services[place].delay
        });
        let inside = inside.collect();
        let responses = found.responses.iter().zip(works).map(|(time, works)| time + delays(works));
        Ok(SystemSolution {
            responses: responses.collect(),
            utilisations: self.services.iter().enumerate().map(utilisation).collect(),
            inside,
            solver: match found.solver {
                Solver::Linearizer => Solver::Linearizer,
                _ => Solver::Aggregated,
            },
            throughputs: found.throughputs,
        })
    }

    fn simulated(&self, experiment: &Experiment) -> Result<SystemSolution, CapacityError> {
        let outcome = simulate(self, experiment)?;
        Ok(SystemSolution {
            throughputs: outcome.classes.iter().map(|class| class.throughput.value).collect(),
            responses: outcome.classes.iter().map(|class| class.response.value).collect(),
            utilisations: outcome.services.iter().map(|service| service.utilisation).collect(),
            inside: outcome.services.iter().map(|service| service.inside).collect(),
            solver: Solver::Simulation,
        })
    }

    pub(crate) fn check(&self) -> Result<(), CapacityError> {
        let clients: usize = self.classes.iter().map(|class| class.clients).sum();
        if clients == 0 {
            return Err(CapacityError::Empty("no class has a client"));
        }
        let limits = [
            ("the number of services", self.services.len(), SERVICES_MAX),
            ("the number of classes", self.classes.len(), SERVICES_MAX),
            ("the number of clients", clients, CLIENTS_MAX),
        ];
        for (what, asked, limit) in limits {
            if asked > limit {
                return Err(CapacityError::TooLarge { what, asked, limit });
            }
        }
        for service in &self.services {
            positive(format!("cpus of {}", service.name), service.cpus)?;
            not_negative(format!("parallel of {}", service.name), service.parallel)?;
            not_negative(format!("delay of {}", service.name), service.delay)?;
            for lock in &service.locks {
                not_negative(format!("a lock of {}", service.name), lock.demand)?;
                not_negative(format!("a hand-off of {}", service.name), lock.hand_off)?;
            }
            for device in &service.devices {
                not_negative(format!("a device of {}", service.name), *device)?;
            }
        }
        for class in &self.classes {
            not_negative(format!("think of {}", class.name), class.think)?;
            let steps = class.flow.check(self.services.len(), 0)?;
            if steps > SERVICES_MAX {
                let what = "the number of steps of a flow";
                return Err(CapacityError::TooLarge { what, asked: steps, limit: SERVICES_MAX });
            }
            let mut works = vec![0.0; self.services.len()];
            class.flow.add_work(&mut works);
            let asked = |(work, service): (&f64, &Service)| {
                let devices: f64 = service.devices.iter().sum();
                work * (service.demand() + devices + service.delay)
            };
            if class.think + works.iter().zip(&self.services).map(asked).sum::<f64>() == 0.0 {
                return Err(CapacityError::Empty("a class asks for nothing"));
            }
        }
        Ok(())
    }
}

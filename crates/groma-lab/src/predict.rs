//! What the model says a change would give, beside what it gives.

use std::path::Path;
use std::time::Duration;

use groma_capacity::{Change, Estimate, Measured, predict};

use crate::check::{Pressure, Run};
use crate::clients::Clients;
use crate::lab::Lab;
use crate::spec::{Load, Service};

/// Before the clock runs: the clients are under way.
const WARM_UP: Duration = Duration::from_millis(700);

/// Where it begins: one processor, so few clients that it is not full.
pub const BASE: (usize, usize) = (1, 6);
/// Processors and clients to predict: twice the processors, twice and four times the clients.
pub const CHANGES: [(usize, usize); 5] = [(1, 12), (1, 24), (2, 6), (2, 12), (2, 24)];

/// One change, predicted and made.
#[derive(Debug, Clone)]
pub struct Predicted {
    /// What was injected.
    pub p: f64,
    /// Processors after the change.
    pub processors: usize,
    /// Clients after the change.
    pub clients: usize,
    /// Requests a second that the model says.
    pub throughput: Estimate,
    /// What Amdahl's law makes of the same measurement.
    pub amdahl: f64,
    /// Requests a second that were served.
    pub served: f64,
}

impl Predicted {
    /// How far the model is off, as a share of what was served.
    pub fn error(&self) -> f64 {
        self.throughput.value / self.served - 1.0
    }
}

/// Measures a service at [`BASE`], predicts all [`CHANGES`], makes them, and measures again.
///
/// # Errors
/// Something does not start, the probe is refused, or a model does not settle.
pub fn run(
    program: &Path,
    service: &Service,
    think: Duration,
    time: Duration,
) -> Result<(Measured, Vec<Predicted>), String> {
    let at = |processors, clients| {
        let service = Service { processors: Some(processors), ..service.clone() };
        let load = Load { clients, think, real_time: service.real_time, ..Load::default() };
        (service, load)
    };
    let (base, load) = at(BASE.0, BASE.1);
    let mut run = Run::new(base, Pressure::Medium, time);
    run.load = load;
    let checked = run.check(program)?;
    let mut measured = checked.report.measured.ok_or("the probe saw no CPU time")?;
    // The probe sees connections at best; whoever asks "what if" knows who the clients are.
    measured.clients = Some(BASE.1 as f64);
    let mut predicted = Vec::new();
    for (processors, clients) in CHANGES {
        let change = Change::to_cpus(processors as f64).with_clients(clients as f64);
        let said = predict(&measured, &change).map_err(|error| error.to_string())?;
        let (service, load) = at(processors, clients);
        predicted.push(Predicted {
            p: service.p(),
            processors,
            clients,
            throughput: said.throughput,
            amdahl: said.amdahl,
            served: served(program, &service, &load, time).map_err(|error| error.to_string())?,
        });
    }
    Ok((measured, predicted))
}

/// Requests a second of a service under a load.
fn served(program: &Path, service: &Service, load: &Load, time: Duration) -> std::io::Result<f64> {
    let lab = Lab::start(program, service)?;
    let clients = Clients::start(lab.address(), load)?;
    std::thread::sleep(WARM_UP);
    let from = clients.seen();
    std::thread::sleep(time);
    Ok(from.until(&clients.seen()).throughput)
}

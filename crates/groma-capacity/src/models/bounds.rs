//! What cannot be passed, whatever the queues do: Eq. 18 of the paper, with every lock and device.

use super::workload::{Load, Workload};

/// Requests per second that each resource allows; infinite where nothing is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// N/D.
    pub cpu: f64,
    /// 1/D_l per lock, hand-over not counted.
    pub locks: Vec<f64>,
    /// 1/D_d per device.
    pub devices: Vec<f64>,
    /// N_c/(D + delays + Z), or the rate of arrivals.
    pub clients: f64,
}

/// The resource with the lowest bound, by its place in the [`Workload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// CPUs.
    Cpu,
    /// That lock.
    Lock(usize),
    /// That device.
    Device(usize),
    /// Too few requests.
    Clients,
}

impl Workload {
    /// The bounds of its throughput.
    pub fn bounds(&self) -> Bounds {
        let demand = self.demand();
        let alone = demand / self.cpus.min(1.0) + self.devices.iter().sum::<f64>() + self.delay;
        Bounds {
            cpu: self.cpus / demand,
            locks: self.locks.iter().map(|lock| 1.0 / lock.demand).collect(),
            devices: self.devices.iter().map(|device| 1.0 / device).collect(),
            clients: match self.load {
                Load::Closed { clients, think } => clients / (alone + think),
                Load::Open { rate } => rate,
            },
        }
    }
}

impl Bounds {
    /// The most it gives to any number of clients, and what fills first.
    pub fn first_full(&self) -> (Resource, f64) {
        let locks =
            self.locks.iter().enumerate().map(|(index, bound)| (Resource::Lock(index), *bound));
        let devices =
            self.devices.iter().enumerate().map(|(index, bound)| (Resource::Device(index), *bound));
        locks.chain(devices).fold((Resource::Cpu, self.cpu), |least, other| {
            if other.1 < least.1 { other } else { least }
        })
    }

    /// The most it gives to any number of clients.
    pub fn full(&self) -> f64 {
        self.first_full().1
    }

    /// What limits now, and to what.
    pub fn lowest(&self) -> (Resource, f64) {
        let full = self.first_full();
        if self.clients < full.1 { (Resource::Clients, self.clients) } else { full }
    }
}

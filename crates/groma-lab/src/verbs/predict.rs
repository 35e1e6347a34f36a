//! `groma-lab predict`

use std::time::Duration;

use super::{list, program, say};
use crate::predict::{self, BASE};
use crate::{Flags, Service};

/// Of the clients: they ask for less than one processor's worth in the beginning.
const THINK_OF_DEMAND: f64 = 4.0;

pub(super) fn run(mut flags: Flags) -> Result<(), String> {
    let values: Vec<f64> = list(&mut flags, "values", "0.3,0.8")?;
    let time = flags.duration("for")?.unwrap_or(Duration::from_secs(4));
    let think = flags.duration("think")?;
    let service = Service::from_flags(&mut flags)?;
    flags.all_taken()?;

    let think = think.unwrap_or_else(|| service.demand.mul_f64(THINK_OF_DEMAND));
    let program = program()?;
    let mut all = Vec::new();
    for p in values {
        let service = Service { shares: vec![1.0 - p], ..service.clone() };
        let (measured, changes) = predict::run(&program, &service, think, time)?;
        let (cpus, clients) = BASE;
        let probed = measured.parallel.map_or("unknown".to_owned(), |p| format!("{:.3}", p.value));
        let waits: f64 = measured.locks.iter().map(|lock| lock.waits).sum();
        say(&format!(
            "p {p}: {cpus} CPU, {clients} clients: {:.1} requests/s, probe says p {probed}, {waits:.1} waits/s\n\
             CPUs  clients  served/s  predicted/s          error  Amdahl/s\n",
            measured.throughput.unwrap_or(f64::NAN)
        ))?;
        for change in changes {
            let predict::Predicted { processors, clients, throughput, amdahl, served, .. } = change;
            say(&format!(
                "{processors:>4}  {clients:>7}  {served:>8.1}  {:>7.1} {:>6.1}-{:<6.1} {:>+5.1} %  {amdahl:>8.1}\n",
                throughput.value,
                throughput.low,
                throughput.high,
                change.error() * 100.0,
            ))?;
            all.push(change.error().abs());
        }
    }
    all.sort_by(f64::total_cmp);
    let (Some(median), Some(max)) = (all.get(all.len() / 2), all.last()) else { return Ok(()) };
    say(&format!("|error| median {:.1} %, max {:.1} %\n", median * 100.0, max * 100.0))
}

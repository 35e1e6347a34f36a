//! What a measured program would give with other CPUs, clients or faster locks.

use super::arguments::{Call, Function};
use crate::QueryError;
use crate::capacity::{
    FORECAST_COLUMNS, Forecast, SCENARIOS_MAX, Scenario, find, forecast_cells, numbers, programs,
};

pub(super) static FUNCTION: Function = Function {
    name: "capacity_predict",
    usage: "capacity_predict(service [, cpus [, clients [, lock_speed [, lock [, cpu_speed [, load]]]]]])",
    doc: "what a measured program would give, a row for each scenario: on a host of so many cpus, for so many clients (or so many times the load), with everything done under a lock, or one lock, so many times as fast, on CPUs so many times as fast; numbers may be several, '1,2,4' or '1..16'. What is not named is as the database says. service is a measured program, its process, an instance or service that runs there, its name on any host, or a host.",
    arguments_min: 1,
    arguments_max: 7,
    columns: FORECAST_COLUMNS,
    rows: |call, sheet| {
        let view = call.view()?;
        let snapshot = view.snapshot();
        let found = find(snapshot, call.text(0).unwrap_or_default())?;
        let all = programs(snapshot);
        let scenarios = scenarios(call)?;
        if scenarios.len().saturating_mul(found.len()) > SCENARIOS_MAX {
            let (scenarios, programs) = (scenarios.len(), found.len());
            let message = format!(
                "{scenarios} scenarios of {programs} programs are more than {SCENARIOS_MAX}"
            );
            return Err(QueryError::new("54000", message)
                .with_hint("Ask for fewer numbers, or for one program.")
                .into());
        }
        for program in &found {
            for scenario in &scenarios {
                let forecast = Forecast::make(snapshot, program, &all, scenario)?;
                sheet.push_row(forecast_cells(&forecast))?;
            }
        }
        Ok(())
    },
};

/// Each of the numbers of an argument with each of the others.
fn scenarios(call: &Call) -> Result<Vec<Scenario>, QueryError> {
    type Set = fn(&mut Scenario, f64);
    let levers: [(usize, &str, Set); 5] = [
        (1, "cpus", |scenario, cpus| scenario.cpus = Some(cpus)),
        (2, "clients", |scenario, clients| scenario.clients = Some(clients)),
        (3, "lock_speed", |scenario, speed| scenario.lock_speed = Some(speed)),
        (5, "cpu_speed", |scenario, speed| scenario.cpu_speed = Some(speed)),
        (6, "load", |scenario, load| scenario.load = Some(load)),
    ];
    let lock = call.text(4).map(str::to_owned);
    if lock.is_some() && call.text(3).is_none() {
        return Err(QueryError::new(QueryError::BAD_VALUE, "lock is given without lock_speed")
            .with_hint("Say how many times as fast: lock_speed => 2."));
    }
    let mut scenarios = vec![Scenario { lock, ..Scenario::default() }];
    for (place, name, set) in levers {
        let Some(values) = numbers(call.text(place), name)? else { continue };
        if scenarios.len() * values.len() > SCENARIOS_MAX {
            let message = format!("there are more than {SCENARIOS_MAX} scenarios");
            return Err(QueryError::new("54000", message).with_hint("Ask for fewer numbers."));
        }
        scenarios = (scenarios.iter())
            .flat_map(|scenario| {
                values.iter().map(move |value| {
                    let mut scenario = scenario.clone();
                    set(&mut scenario, *value);
                    scenario
                })
            })
            .collect();
    }
    Ok(scenarios)
}

//! Measured programs of a database, and what they would give in it.
//!
//! ```text
//! capacity.scalability, capacity.contention --stored---> Program: what was measured
//! compute.host.cpus, neighbours ------------sharing--> CPUs that it can have here
//! both, with a Scenario --------------------what_if--> Forecast
//! ```
//!
//! Nothing is kept: a prediction takes milliseconds.

mod sharing;
mod stored;
mod what_if;

pub(crate) use sharing::on_its_host;
pub(crate) use stored::{Program, Row, find, programs, releases};
pub(crate) use what_if::{
    FORECAST_COLUMNS, Forecast, SCENARIOS_MAX, Scenario, bounds, forecast_cells, number, numbers,
    refused, seconds, why,
};

//! What each measured program gives on its host as the database describes it.

use crate::capacity::{FORECAST_COLUMNS, Forecast, Scenario, forecast_cells, programs};
use crate::table::Table;

pub(super) static TABLE: Table = Table {
    schema: "capacity",
    name: "predictions",
    doc: "What each measured program gives on its host as the database describes it, neighbours included: UPDATE compute.host SET cpus = 8 in a fork changes it.",
    columns: FORECAST_COLUMNS,
    rows: |view, sheet| {
        let snapshot = view.snapshot();
        let all = programs(snapshot);
        let as_it_is = Scenario::default();
        all.iter().try_for_each(|program| {
            let forecast = Forecast::try_make(snapshot, program, &all, &as_it_is);
            sheet.push_row(forecast_cells(&forecast))
        })
    },
};

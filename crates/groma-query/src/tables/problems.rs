//! What could not be understood, and what contradicts itself.

use groma_model::Problem;

use crate::table::{Cell, Table, Type, column};

pub(super) static TABLE: Table = Table {
    schema: "model",
    name: "problems",
    doc: "Input that could not be understood, and contradictions in the model, with place and text.",
    columns: &[
        column("source", Type::Text, "Who gave the input; groma: found in the model itself."),
        column("place", Type::Text, "Where: file and line, device and command, or entity."),
        column("text", Type::Text, "What was there, cut."),
        column("reason", Type::Text, "Why it could not be understood."),
        column("heard_at", Type::Time, "When it was heard; NULL: found in the model as it is now."),
        column("version", Type::Integer, "In which commit; NULL: found in the model as it is now."),
    ],
    rows: |view, sheet| {
        for row in view.world_database().problems() {
            sheet.push([
                Cell::Text(&row.source),
                Cell::Text(&row.problem.place),
                Cell::Text(&row.problem.text),
                Cell::Text(&row.problem.reason),
                Cell::Time(row.heard_at),
                Cell::Integer(row.version.0 as i64),
            ])?;
        }
        let (network, events) = (view.network(), view.events());
        let logged = events
            .reconstruction
            .problems
            .iter()
            .map(|problem| Problem::new("trace", "", problem.to_string()));
        let changes = Some(view.epochs_left_out()).filter(|count| *count > 0).map(|count| {
            let reason = format!("the topology changed {count} times more inside the log's window than is taken into account");
            Problem::new("traffic", "", reason)
        });
        let schema = view.schema_errors().into_iter().map(|error| {
            Problem::new(
                format!("schema {error}"),
                "",
                "groma does not understand this part, or has it itself by now; it is left out",
            )
        });
        let logged: Vec<_> =
            logged.chain(schema).chain(events.unreadable.iter().cloned()).chain(changes).collect();
        for problem in view.found_problems().iter().chain(network.problems()).chain(&logged) {
            sheet.push([
                Cell::Text("groma"),
                Cell::Text(&problem.place),
                Cell::Text(&problem.text),
                Cell::Text(&problem.reason),
                Cell::Null,
                Cell::Null,
            ])?;
        }
        Ok(())
    },
};

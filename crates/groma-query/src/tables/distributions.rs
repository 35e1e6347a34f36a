//! Distributions over the trees, as curves: the two of the paper's Figure 1, and sizes.

use groma_trace::Trees;
use groma_trace::distribution::{Distribution, tree_durations, tree_silences, tree_sizes};

use crate::table::{Cell, Table, Type, column};

/// Points of a curve.
const POINTS: usize = 400;

pub(super) static TABLE: Table = Table {
    schema: "trace",
    name: "distributions",
    doc: "Cumulative distributions over the trees: how long they last, how long they lie silent, how large they are.",
    columns: &[
        column(
            "distribution",
            Type::Text,
            "duration_seconds, longest_silence_seconds or transactions.",
        ),
        column("value", Type::Float, "A value, in the unit that the name says."),
        column("share", Type::Float, "Share of the trees at or below it."),
    ],
    rows: |view, sheet| {
        let events = view.events();
        let trees = &events.reconstruction.trees;
        for (name, unit, values) in curves(trees) {
            for point in values.curve(POINTS) {
                sheet.push([
                    Cell::Text(name),
                    Cell::Float(point.value as f64 / unit),
                    Cell::Float(point.share),
                ])?;
            }
        }
        Ok(())
    },
};

fn curves(trees: &Trees) -> [(&'static str, f64, Distribution); 3] {
    [
        ("duration_seconds", 1e9, tree_durations(trees)),
        ("longest_silence_seconds", 1e9, tree_silences(trees)),
        ("transactions", 1.0, tree_sizes(trees)),
    ]
}

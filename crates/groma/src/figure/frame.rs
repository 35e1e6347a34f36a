//! What curves over two axes have in common: the paper, the legend, the axes.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, text_width};
use super::palette::{GRID, INK, MUTED};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 460.0;
/// The edges of what is inside of the axes.
pub(super) const LEFT: f64 = 84.0;
pub(super) const RIGHT: f64 = WIDTH - 40.0;
pub(super) const TOP: f64 = 88.0;
pub(super) const BOTTOM: f64 = HEIGHT - 62.0;
pub(super) const SIZE: (u32, u32) = (WIDTH as u32, HEIGHT as u32);

/// A name in the legend, its colour, and how broad its line is.
pub(super) type Named<'a> = (&'a str, RGBColor, f64);

/// Clean paper with a title and a legend.
pub(super) fn begin<'a, DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    title: &str,
    legend: impl Iterator<Item = Named<'a>>,
) -> anyhow::Result<()>
where
    DB::ErrorType: 'static,
{
    canvas.clear()?;
    canvas.text(title, (LEFT, 26.0), Anchor::Left, 18.0, INK)?;
    let mut x = LEFT;
    for (name, color, width) in legend {
        canvas.line(&[(x, 56.0), (x + 22.0, 56.0)], width, color)?;
        canvas.text(name, (x + 29.0, 56.0), Anchor::Left, 13.0, INK)?;
        x += 29.0 + text_width(name, 13.0) + 24.0;
    }
    Ok(())
}

/// Instead of axes and curves.
pub(super) fn no_data<DB: DrawingBackend>(canvas: &Canvas<'_, DB>) -> anyhow::Result<()>
where
    DB::ErrorType: 'static,
{
    let middle = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
    canvas.text("no data", middle, Anchor::Middle, 14.0, MUTED)
}

/// An axis: what it is, and where on the paper which ticks are.
pub(super) struct Axis<'a> {
    pub(super) label: &'a str,
    pub(super) ticks: Vec<(f64, String)>,
}

/// Both axes, with a grid.
pub(super) fn axes<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    across: &Axis<'_>,
    up: &Axis<'_>,
) -> anyhow::Result<()>
where
    DB::ErrorType: 'static,
{
    for (y, label) in &up.ticks {
        canvas.line(&[(LEFT, *y), (RIGHT, *y)], 1.0, GRID)?;
        canvas.text(label, (LEFT - 9.0, *y), Anchor::Right, 12.0, MUTED)?;
    }
    for (x, label) in &across.ticks {
        canvas.line(&[(*x, TOP), (*x, BOTTOM)], 1.0, GRID)?;
        canvas.text(label, (*x, BOTTOM + 15.0), Anchor::Middle, 12.0, MUTED)?;
    }
    canvas.line(&[(LEFT, BOTTOM), (RIGHT, BOTTOM)], 1.5, INK)?;
    let middle = ((LEFT + RIGHT) / 2.0, BOTTOM + 42.0);
    canvas.text(across.label, middle, Anchor::Middle, 13.0, INK)?;
    canvas.text_upwards(up.label, (18.0, (TOP + BOTTOM) / 2.0), 13.0, INK)
}

//! Curves over an axis, with the bounds of each point, and bars behind them.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Canvas, Unit};
use super::cdf::round_step;
use super::frame::{self, Axis, BOTTOM, LEFT, RIGHT, TOP};
use super::palette::{category, tint};

/// What is drawn over one axis.
#[derive(Debug, Clone)]
pub(crate) struct Curves {
    /// What is shown.
    pub(crate) title: String,
    /// What x is.
    pub(crate) x_label: String,
    /// Unit of x.
    pub(crate) x_unit: Unit,
    /// What y is.
    pub(crate) y_label: String,
    /// Unit of y.
    pub(crate) y_unit: Unit,
    /// Upper end of y; `None`: the largest y that is drawn.
    pub(crate) y_max: Option<f64>,
    /// The curves.
    pub(crate) curves: Vec<Curve>,
    /// Bars behind them, and what they are.
    pub(crate) spans: Option<(String, Vec<Span>)>,
}

/// One curve.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    /// Name in the legend.
    pub(crate) name: String,
    /// Whether it is drawn as a line of dashes, for what is only compared with.
    pub(crate) dashed: bool,
    /// x ascending.
    pub(crate) points: Vec<Point>,
}

/// A point with its bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// Where.
    pub(crate) x: f64,
    /// The value.
    pub(crate) y: f64,
    /// Lower and upper bound; both `y`: there are none.
    pub(crate) bounds: (f64, f64),
}

/// A bar from the bottom up, over a part of x.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// From and to where.
    pub(crate) x: (f64, f64),
    /// How high.
    pub(crate) y: f64,
}

/// Up to so many points each one is marked.
const MARKED_MAX: usize = 60;
/// Length of a dash, and of the gap behind it.
const DASH: f64 = 6.0;

impl Curves {
    pub(super) fn size(&self) -> (u32, u32) {
        frame::SIZE
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        let curves = self.curves.iter().enumerate();
        let named = curves.map(|(index, curve)| (curve.name.as_str(), category(index), 3.0));
        let bars = self.spans.iter().map(|(name, _)| (name.as_str(), BARS, 9.0));
        frame::begin(canvas, &self.title, named.chain(bars))?;
        let Some(scale) = Scale::over(self) else {
            return frame::no_data(canvas);
        };
        for bar in self.spans.iter().flat_map(|(_, bars)| bars) {
            let (from, to) = (scale.at(bar.x.0, bar.y), scale.at(bar.x.1, 0.0));
            canvas.fill(from, to, BARS)?;
        }
        for (index, curve) in self.curves.iter().enumerate() {
            let lower = curve.points.iter().map(|point| scale.at(point.x, point.bounds.0));
            let upper = curve.points.iter().rev().map(|point| scale.at(point.x, point.bounds.1));
            let band: Vec<_> = lower.chain(upper).collect();
            if curve.points.iter().any(|point| point.bounds.0 < point.bounds.1) {
                canvas.area(&band, tint(category(index)))?;
            }
        }
        self.draw_axes(canvas, &scale)?;
        for (index, curve) in self.curves.iter().enumerate() {
            let color = category(index);
            let line: Vec<_> =
                curve.points.iter().map(|point| scale.at(point.x, point.y)).collect();
            match curve.dashed {
                true => dashes(canvas, &line, color)?,
                false => canvas.line(&line, 2.25, color)?,
            }
            for (x, y) in line.iter().filter(|_| curve.points.len() <= MARKED_MAX) {
                canvas.fill((x - 2.5, y - 2.5), (x + 2.5, y + 2.5), color)?;
            }
        }
        Ok(())
    }

    fn draw_axes<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        scale: &Scale,
    ) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        let up = ticks(0.0, scale.y_to).into_iter();
        let up = up.map(|tick| (scale.at(scale.x_from, tick).1, self.y_unit.print_tick(tick)));
        let across = ticks(scale.x_from, scale.x_to).into_iter();
        let across = across.map(|tick| (scale.at(tick, 0.0).0, self.x_unit.print_tick(tick)));
        frame::axes(
            canvas,
            &Axis { label: &self.x_label, ticks: across.collect() },
            &Axis { label: &self.y_label, ticks: up.collect() },
        )
    }
}

/// Colour of bars behind curves.
const BARS: RGBColor = RGBColor(0xe4, 0xdc, 0xd0);

fn dashes<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    line: &[(f64, f64)],
    color: RGBColor,
) -> anyhow::Result<()>
where
    DB::ErrorType: 'static,
{
    // How far into a dash or its gap the line is.
    let mut walked = 0.0;
    for ends in line.windows(2) {
        let [(x0, y0), (x1, y1)] = [ends[0], ends[1]];
        let length = (x1 - x0).hypot(y1 - y0);
        let at = |way: f64| (x0 + (x1 - x0) * way / length, y0 + (y1 - y0) * way / length);
        let mut way = 0.0;
        while way < length {
            let phase = walked % (2.0 * DASH);
            let rest = if phase < DASH { DASH - phase } else { 2.0 * DASH - phase };
            let to = (way + rest.max(0.01)).min(length);
            if phase < DASH {
                canvas.line(&[at(way), at(to)], 2.0, color)?;
            }
            walked += to - way;
            way = to;
        }
    }
    Ok(())
}

/// Where a value lies on the paper.
struct Scale {
    x_from: f64,
    x_to: f64,
    y_to: f64,
}

impl Scale {
    /// Over all points; `None` if there is none.
    fn over(curves: &Curves) -> Option<Scale> {
        let points = || curves.curves.iter().flat_map(|curve| &curve.points);
        let bars = || curves.spans.iter().flat_map(|(_, bars)| bars);
        let xs = points().map(|point| point.x).chain(bars().flat_map(|bar| [bar.x.0, bar.x.1]));
        let (from, to) = (xs.filter(|x| x.is_finite()))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if from > to {
            return None;
        }
        let highest =
            points().map(|point| point.y.max(point.bounds.1)).chain(bars().map(|bar| bar.y));
        let highest = highest.filter(|y| y.is_finite()).fold(0.0, f64::max);
        let y_to = curves.y_max.unwrap_or(highest * 1.05);
        Some(Scale {
            x_from: from,
            x_to: if to > from { to } else { from + 1.0 },
            y_to: if y_to > 0.0 { y_to } else { 1.0 },
        })
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let right = ((x - self.x_from) / (self.x_to - self.x_from)).clamp(0.0, 1.0);
        let up = (y / self.y_to).clamp(0.0, 1.0);
        (LEFT + right * (RIGHT - LEFT), BOTTOM - up * (BOTTOM - TOP))
    }
}

/// About five even steps.
fn ticks(from: f64, to: f64) -> Vec<f64> {
    let step = round_step((to - from) / 5.0);
    let (first, last) = ((from / step).ceil() as i64, (to / step * 1.000_001).floor() as i64);
    (first..=last).map(|index| index as f64 * step).collect()
}

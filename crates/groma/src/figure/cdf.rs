//! Cumulative distributions: which share of the things is at most so large.

use plotters::prelude::DrawingBackend;

use super::canvas::{Anchor, Canvas, Unit, text_width};
use super::frame::{self, Axis, BOTTOM, LEFT, RIGHT, TOP};
use super::palette::{INK, MUTED, category};

/// Curves of `share at most x` over x.
#[derive(Debug, Clone)]
pub(crate) struct Cdf {
    /// What is shown.
    pub(crate) title: String,
    /// What x is, without its unit.
    pub(crate) x_label: String,
    /// Unit of x.
    pub(crate) x_unit: Unit,
    /// Whether x is drawn in decades. Points at or below zero are then left out.
    pub(crate) log_x: bool,
    /// The curves.
    pub(crate) series: Vec<Series>,
    /// Places on the x axis whose share is written into the figure.
    pub(crate) marks: Vec<f64>,
}

/// One curve.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Name in the legend.
    pub(crate) name: String,
    /// (x, share of the things at most x), x ascending, shares from 0 to 1.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Points of a curve that can be told apart; more are thinned out.
const POINTS_MAX: usize = 2_000;
/// Up to so many points the steps of a curve can be seen; above, they would only look rough.
const STEPS_MAX: usize = 200;

impl Cdf {
    pub(super) fn size(&self) -> (u32, u32) {
        frame::SIZE
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        let named = self.series.iter().enumerate();
        let named = named.map(|(index, series)| (series.name.as_str(), category(index), 3.0));
        frame::begin(canvas, &self.title, named)?;
        let Some(scale) = Scale::over(&self.series, self.log_x) else {
            return frame::no_data(canvas);
        };
        self.draw_axes(canvas, &scale)?;
        for (index, series) in self.series.iter().enumerate() {
            canvas.line(&scale.curve(series), 2.25, category(index))?;
        }
        self.draw_marks(canvas, &scale)
    }

    fn draw_axes<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        scale: &Scale,
    ) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        let shares = [0, 20, 40, 60, 80, 100];
        let shares =
            shares.map(|percent| (scale.y(f64::from(percent) / 100.0), format!("{percent} %")));
        let ticks = scale.ticks().into_iter();
        let ticks = ticks.map(|tick| (scale.x(tick), self.x_unit.print_tick(tick))).collect();
        let log = if self.log_x { " (logarithmic)" } else { "" };
        let label = format!("{}{log}", self.x_label);
        let up = Axis { label: "share at most x", ticks: shares.to_vec() };
        frame::axes(canvas, &Axis { label: &label, ticks }, &up)
    }

    /// A dashed line at each mark, with the share that each curve has there.
    fn draw_marks<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        scale: &Scale,
    ) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        for mark in self.marks.iter().copied().filter(|mark| scale.holds(*mark)) {
            let x = scale.x(mark);
            let mut y = TOP;
            while y < BOTTOM {
                canvas.line(&[(x, y), (x, (y + 4.0).min(BOTTOM))], 1.0, MUTED)?;
                y += 8.0;
            }
            let width = |text: &str| text_width(text, 12.0);
            for (index, series) in self.series.iter().enumerate() {
                let share = share_at(&series.points, mark) * 100.0;
                let decimals = if (1.0..=99.0).contains(&share) { 1 } else { 2 };
                let text = format!("{share:.decimals$} % ≤ {}", self.x_unit.print_tick(mark));
                let y = BOTTOM - 18.0 - 19.0 * (self.series.len() - 1 - index) as f64;
                let fits = x + 20.0 + width(&text) < RIGHT;
                let left = if fits { x + 18.0 } else { x - 10.0 - width(&text) };
                canvas.fill((left - 11.0, y - 4.0), (left - 3.0, y + 4.0), category(index))?;
                canvas.text(&text, (left, y), Anchor::Left, 12.0, INK)?;
            }
        }
        Ok(())
    }
}

/// Share of the things at most `x`.
fn share_at(points: &[(f64, f64)], x: f64) -> f64 {
    let below = points.partition_point(|(at, _)| *at <= x);
    below.checked_sub(1).map_or(0.0, |last| points[last].1)
}

/// Where a value lies on the paper.
struct Scale {
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// Over all points; `None` if there is none that can be shown.
    fn over(series: &[Series], log: bool) -> Option<Scale> {
        let shown = |x: &f64| x.is_finite() && (!log || *x > 0.0);
        let all = series.iter().flat_map(|series| series.points.iter().map(|(x, _)| *x));
        let (low, high) = all
            .filter(shown)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if low > high {
            return None;
        }
        Some(if log {
            let (from, to) = (low.log10().floor(), high.log10().ceil());
            Scale { from, to: to.max(from + 1.0), log }
        } else {
            let from = low.min(0.0);
            Scale { from, to: if high > from { high } else { from + 1.0 }, log }
        })
    }

    fn place(&self, x: f64) -> f64 {
        let x = if self.log { x.log10() } else { x };
        (x - self.from) / (self.to - self.from)
    }

    fn x(&self, x: f64) -> f64 {
        LEFT + self.place(x) * (RIGHT - LEFT)
    }

    fn y(&self, share: f64) -> f64 {
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    fn holds(&self, x: f64) -> bool {
        (!self.log || x > 0.0) && (0.0..=1.0).contains(&self.place(x))
    }

    /// Decades, at most about ten of them, or five even steps.
    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let decades = (self.to - self.from) as usize;
            let step = decades.div_ceil(10).max(1);
            (0..=decades).step_by(step).map(|i| 10f64.powf(self.from + i as f64)).collect()
        } else {
            let step = round_step((self.to - self.from) / 5.0);
            let first = (self.from / step).ceil() as i64;
            let last = (self.to / step).floor() as i64;
            (first..=last).map(|i| i as f64 * step).collect()
        }
    }

    /// The curve, from the left edge to the right one.
    fn curve(&self, series: &Series) -> Vec<(f64, f64)> {
        let points = &series.points;
        let every = points.len().div_ceil(POINTS_MAX).max(1);
        let mut share = 0.0;
        let mut curve = vec![(LEFT, self.y(0.0))];
        for (index, (x, reached)) in points.iter().enumerate() {
            if !x.is_finite() || (self.log && *x <= 0.0) {
                share = *reached;
                curve = vec![(LEFT, self.y(share))];
            } else if index % every == 0 || index + 1 == points.len() {
                if points.len() <= STEPS_MAX {
                    curve.push((self.x(*x), self.y(share)));
                }
                curve.push((self.x(*x), self.y(*reached)));
                share = *reached;
            }
        }
        curve.push((RIGHT, self.y(share)));
        curve
    }
}

/// The next larger of 1, 2 and 5 times a power of ten.
pub(super) fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * 0.999);
    factor.unwrap_or(10.0) * power
}

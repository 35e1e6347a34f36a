//! Stacked bars: what a total is made of, one bar per row.

use plotters::prelude::DrawingBackend;

use super::canvas::{Anchor, Canvas, Unit, fitted, text_width};
use super::cdf::round_step;
use super::palette::{GRID, INK, MUTED, category, text_on};

/// Stacked horizontal bars.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    /// What is shown.
    pub(crate) title: String,
    /// What the amounts are, without their unit.
    pub(crate) label: String,
    /// Unit of the amounts.
    pub(crate) unit: Unit,
    /// How long a bar is.
    pub(crate) scale: BarScale,
    /// Names of the parts, in the order in which they are stacked.
    pub(crate) parts: Vec<String>,
    /// The bars, from the top.
    pub(crate) bars: Vec<Bar>,
}

/// How long a bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BarScale {
    /// As long as its total.
    #[cfg_attr(not(test), allow(dead_code, reason = "the verbs draw shares so far"))]
    Amount,
    /// All the same: the parts are shares.
    Share,
}

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    /// Its name.
    pub(crate) name: String,
    /// The amount of each part, in the order of [`Bars::parts`]; missing ones are zero.
    pub(crate) amounts: Vec<f64>,
}

const WIDTH: f64 = 860.0;
const BAR_HEIGHT: f64 = 34.0;
const BAR_PITCH: f64 = 56.0;
const NAME_SIZE: f64 = 13.0;
const NAME_WIDTH_MAX: f64 = 220.0;
const LEGEND_TOP: f64 = 58.0;
const LEGEND_LINE: f64 = 22.0;
/// Room for the total behind a bar.
const TOTAL_WIDTH: f64 = 84.0;

impl Bar {
    fn amount(&self, part: usize) -> f64 {
        self.amounts.get(part).copied().filter(|amount| *amount > 0.0).unwrap_or(0.0)
    }
}

impl Bars {
    pub(super) fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (self.top() + self.bars.len() as f64 * BAR_PITCH + 66.0) as u32)
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        canvas.clear()?;
        canvas.text(&self.title, (24.0, 26.0), Anchor::Left, 18.0, INK)?;
        for (index, ((x, y), name)) in self.legend().into_iter().enumerate() {
            canvas.fill((x, y - 6.0), (x + 12.0, y + 6.0), category(index))?;
            canvas.text(name, (x + 19.0, y), Anchor::Left, NAME_SIZE, INK)?;
        }
        self.draw_axis(canvas)?;
        for (index, bar) in self.bars.iter().enumerate() {
            self.draw_bar(canvas, bar, self.top() + index as f64 * BAR_PITCH)?;
        }
        Ok(())
    }

    fn draw_axis<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        let (left, right) = (self.left(), WIDTH - TOTAL_WIDTH);
        let bottom = self.top() + self.bars.len() as f64 * BAR_PITCH;
        let longest = self.longest();
        let step = round_step(longest / 5.0);
        for index in 0..=(longest / step * 1.000_1) as u32 {
            let amount = f64::from(index) * step;
            let x = left + amount / longest * (right - left);
            canvas.line(&[(x, self.top() - 8.0), (x, bottom)], 1.0, GRID)?;
            let tick = match self.scale {
                BarScale::Amount => self.unit.print_tick(amount),
                BarScale::Share => format!("{:.0} %", amount * 100.0),
            };
            canvas.text(&tick, (x, bottom + 14.0), Anchor::Middle, 12.0, MUTED)?;
        }
        let label = match self.scale {
            BarScale::Amount => self.label.clone(),
            BarScale::Share => format!("share of {}", self.label),
        };
        canvas.text(&label, ((left + right) / 2.0, bottom + 40.0), Anchor::Middle, 13.0, INK)
    }

    fn draw_bar<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        bar: &Bar,
        top: f64,
    ) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        let (left, right) = (self.left(), WIDTH - TOTAL_WIDTH);
        let (middle, total) = (top + BAR_HEIGHT / 2.0, self.total(bar));
        let name = fitted(&bar.name, NAME_SIZE, NAME_WIDTH_MAX);
        canvas.text(&name, (left - 12.0, middle), Anchor::Right, NAME_SIZE, INK)?;
        let mut x = left;
        for part in 0..self.parts.len() {
            let amount = bar.amount(part);
            let length = match self.scale {
                BarScale::Amount => amount / self.longest() * (right - left),
                BarScale::Share if total > 0.0 => amount / total * (right - left),
                BarScale::Share => 0.0,
            };
            if length > 0.0 {
                let color = category(part);
                canvas.fill((x, top), (x + length, top + BAR_HEIGHT), color)?;
                let share = format!("{:.1} %", amount / total * 100.0);
                if text_width(&share, 12.0) + 8.0 < length {
                    let at = (x + length / 2.0, middle);
                    canvas.text(&share, at, Anchor::Middle, 12.0, text_on(color))?;
                }
            }
            x += length;
        }
        canvas.text(&self.unit.print(total), (x + 8.0, middle), Anchor::Left, NAME_SIZE, INK)
    }

    /// Where each part's name goes: in lines from left to right.
    fn legend(&self) -> Vec<((f64, f64), &str)> {
        let (mut x, mut y) = (24.0, LEGEND_TOP);
        let mut places = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let width = 19.0 + text_width(part, NAME_SIZE) + 22.0;
            if x > 24.0 && x + width > WIDTH - 24.0 {
                (x, y) = (24.0, y + LEGEND_LINE);
            }
            places.push(((x, y), part.as_str()));
            x += width;
        }
        places
    }

    fn top(&self) -> f64 {
        self.legend().last().map_or(LEGEND_TOP, |((_, y), _)| *y) + 40.0
    }

    fn left(&self) -> f64 {
        let widest = self.bars.iter().map(|bar| text_width(&bar.name, NAME_SIZE));
        widest.fold(60.0, f64::max).min(NAME_WIDTH_MAX) + 36.0
    }

    fn total(&self, bar: &Bar) -> f64 {
        (0..self.parts.len()).map(|part| bar.amount(part)).sum()
    }

    /// What the width of the chart stands for; never zero.
    fn longest(&self) -> f64 {
        match self.scale {
            BarScale::Share => 1.0,
            BarScale::Amount => {
                let longest = self.bars.iter().map(|bar| self.total(bar)).fold(0.0, f64::max);
                if longest > 0.0 { longest } else { 1.0 }
            }
        }
    }
}

//! Figures: plain data in, the same picture as SVG and PNG out.
//!
//! ```text
//!   Cdf ───────┐
//!   Bars ──────┤
//!   Curves ────┼── draw(canvas) ──> SVG (text, any size)  or  PNG (two pixels per point)
//!   HeatMaps ──┘
//! ```
//!
//! A figure knows nothing of SQL or files of the model: a verb fills its struct and calls
//! [`Figure::write`]. To add a figure: a file with a struct, `size` and `draw`, and an arm here.
//! Fonts are compiled in, so that a machine without fonts draws the same picture.

mod bars;
mod canvas;
mod cdf;
mod curves;
mod frame;
mod heatmap;
mod palette;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use plotters::prelude::{BitMapBackend, IntoDrawingArea as _, SVGBackend};

pub(crate) use bars::{Bar, BarScale, Bars};
pub(crate) use canvas::Unit;
pub(crate) use cdf::{Cdf, Series};
pub(crate) use curves::{Curve, Curves, Point, Span};
pub(crate) use heatmap::{Axis, Cell, HeatMaps, Matrix};

use canvas::Canvas;

/// Pixels of the PNG per point of the figure.
const PNG_SCALE: f64 = 2.0;
/// The bitmap backend writes texts so much of their size too high.
const PNG_TEXT_DROP: f64 = 0.16;
/// Steps of an SVG coordinate per point, so that curves are smooth.
const SVG_SCALE: f64 = 4.0;

/// A figure that can be drawn.
#[derive(Debug, Clone)]
pub(crate) enum Figure {
    /// Cumulative distributions.
    Cdf(Cdf),
    /// Stacked bars.
    Bars(Bars),
    /// Curves with bounds.
    Curves(Curves),
    /// One matrix, or two side by side on one colour scale.
    HeatMaps(HeatMaps),
}

impl Figure {
    /// Writes the figure to a file; `.svg` or `.png` at its end says in which form.
    ///
    /// # Errors
    /// Another ending, or the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => fs::write(path, self.to_svg()?),
            Some("png") => return self.write_png(path),
            _ => bail!("a figure is written to .svg or .png, not to {}", path.display()),
        }
        .with_context(|| format!("writing {}", path.display()))
    }

    /// The figure as an SVG document.
    ///
    /// # Errors
    /// The figure could not be drawn.
    pub(crate) fn to_svg(&self) -> anyhow::Result<String> {
        canvas::register_fonts()?;
        let (width, height) = self.size();
        let (wide, high) = (scaled(width, SVG_SCALE), scaled(height, SVG_SCALE));
        let mut text = String::new();
        {
            let root = SVGBackend::with_string(&mut text, (wide, high)).into_drawing_area();
            self.draw(&Canvas::new(&root, SVG_SCALE, 0.0)).context("drawing a figure")?;
            root.present().context("drawing a figure")?;
        }
        // It was drawn four times as large; show it at its own size.
        let drawn = format!("width=\"{wide}\" height=\"{high}\"");
        let shown = format!("width=\"{width}\" height=\"{height}\"");
        Ok(text
            .replacen(&drawn, &shown, 1)
            .replace(" opacity=\"1\"", "")
            .replace(" stroke=\"none\"", ""))
    }

    fn write_png(&self, path: &Path) -> anyhow::Result<()> {
        canvas::register_fonts()?;
        let (width, height) = self.size();
        let size = (scaled(width, PNG_SCALE), scaled(height, PNG_SCALE));
        let writing = || format!("writing {}", path.display());
        let root = BitMapBackend::new(path, size).into_drawing_area();
        self.draw(&Canvas::new(&root, PNG_SCALE, PNG_TEXT_DROP)).with_context(writing)?;
        root.present().with_context(writing)
    }

    /// Width and height in points.
    fn size(&self) -> (u32, u32) {
        match self {
            Figure::Cdf(cdf) => cdf.size(),
            Figure::Bars(bars) => bars.size(),
            Figure::Curves(curves) => curves.size(),
            Figure::HeatMaps(maps) => maps.size(),
        }
    }

    fn draw<DB>(&self, canvas: &Canvas<'_, DB>) -> anyhow::Result<()>
    where
        DB: plotters::prelude::DrawingBackend,
        DB::ErrorType: 'static,
    {
        match self {
            Figure::Cdf(cdf) => cdf.draw(canvas),
            Figure::Bars(bars) => bars.draw(canvas),
            Figure::Curves(curves) => curves.draw(canvas),
            Figure::HeatMaps(maps) => maps.draw(canvas),
        }
    }
}

fn scaled(points: u32, scale: f64) -> u32 {
    (f64::from(points) * scale).round() as u32
}

#[cfg(test)]
mod tests;

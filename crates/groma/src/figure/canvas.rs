//! Paper with coordinates in points, over any backend of the charting crate.

use anyhow::Context as _;
use groma_model::{format_bytes, format_count};
use plotters::coord::Shift;
use plotters::element::{PathElement, Polygon, Rectangle};
use plotters::prelude::{DrawingArea, DrawingBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color as _, FontStyle, FontTransform, IntoFont as _, RGBColor, TextStyle, register_font,
};

use super::palette::PAPER;

/// Family under which the compiled-in font is known; an SVG viewer takes its own one of this family.
const FAMILY: &str = "sans-serif";
/// Size of a font in pixels per point: the charting crate counts line heights.
const LINE_HEIGHT: f64 = 1.24;

/// What the numbers of an axis or a scale are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes, in decimal units.
    Bytes,
    /// A number of things.
    Count,
    /// Seconds.
    Seconds,
    /// Parts of one.
    Share,
}

impl Unit {
    /// A quantity as people write it.
    pub(super) fn print(self, amount: f64) -> String {
        match self {
            Unit::Bytes => format_bytes(amount),
            Unit::Count => format_count(amount),
            Unit::Seconds if amount < 0.999_5e-3 => short(amount * 1e6, "µs"),
            Unit::Seconds if amount < 0.999_5 => short(amount * 1e3, "ms"),
            Unit::Seconds => short(amount, "s"),
            Unit::Share => short(amount * 100.0, "%"),
        }
    }

    /// A tick of an axis: like [`Unit::print`], without decimals that say nothing.
    pub(super) fn print_tick(self, amount: f64) -> String {
        let printed = self.print(amount);
        let (number, unit) = printed.split_once(' ').unwrap_or((&printed, ""));
        let number = if number.contains('.') {
            number.trim_end_matches('0').trim_end_matches('.')
        } else {
            number
        };
        format!("{number} {unit}").trim_end().to_owned()
    }
}

fn short(amount: f64, unit: &str) -> String {
    let decimals = if amount < 9.995 && amount.fract() != 0.0 { 2 } else { 0 };
    format!("{amount:.decimals$} {unit}")
}

/// Makes the compiled-in font known; doing it again costs little and changes nothing.
pub(super) fn register_fonts() -> anyhow::Result<()> {
    register_font(FAMILY, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| anyhow::anyhow!("the compiled-in font cannot be read"))
}

/// Which point of a text is put at its position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// Left end, middle of the height.
    Left,
    /// Centre.
    Middle,
    /// Right end, middle of the height.
    Right,
}

/// Paper on which lengths are in points.
pub(super) struct Canvas<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, Shift>,
    scale: f64,
    text_drop: f64,
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB>
where
    DB::ErrorType: 'static,
{
    /// Paper over `root`, with `scale` backend pixels per point. Backends do not agree on the middle
    /// of a text: `text_drop` lowers it, as a part of its size.
    pub(super) fn new(root: &'a DrawingArea<DB, Shift>, scale: f64, text_drop: f64) -> Self {
        Canvas { root, scale, text_drop }
    }

    /// Paints everything white.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        self.root.fill(&PAPER).context("painting the background")
    }

    /// A filled rectangle from the upper left to the lower right corner.
    pub(super) fn fill(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        color: RGBColor,
    ) -> anyhow::Result<()> {
        let rectangle = Rectangle::new([self.pixel(from), self.pixel(to)], color.filled());
        self.root.draw(&rectangle).context("drawing a rectangle")
    }

    /// A filled polygon.
    pub(super) fn area(&self, corners: &[(f64, f64)], color: RGBColor) -> anyhow::Result<()> {
        let corners: Vec<_> = corners.iter().map(|corner| self.pixel(*corner)).collect();
        let polygon = Polygon::new(corners, color.filled());
        self.root.draw(&polygon).context("drawing an area")
    }

    /// A line through the points.
    pub(super) fn line(
        &self,
        points: &[(f64, f64)],
        width: f64,
        color: RGBColor,
    ) -> anyhow::Result<()> {
        let points: Vec<_> = points.iter().map(|point| self.pixel(*point)).collect();
        let width = (width * self.scale).round().max(1.0) as u32;
        let path = PathElement::new(points, color.stroke_width(width));
        self.root.draw(&path).context("drawing a line")
    }

    /// A text at a position.
    pub(super) fn text(
        &self,
        text: &str,
        at: (f64, f64),
        anchor: Anchor,
        size: f64,
        color: RGBColor,
    ) -> anyhow::Result<()> {
        let style = self.style(size, &color).pos(position(anchor));
        let at = self.pixel((at.0, at.1 + self.text_drop * size));
        self.root.draw_text(&drawable(text), &style, at).context("writing a text")
    }

    /// A text that reads upwards, its centre at the position.
    pub(super) fn text_upwards(
        &self,
        text: &str,
        at: (f64, f64),
        size: f64,
        color: RGBColor,
    ) -> anyhow::Result<()> {
        let style = self.style(size, &color).pos(position(Anchor::Middle));
        let style = style.transform(FontTransform::Rotate270);
        let at = self.pixel((at.0 + self.text_drop * size, at.1));
        self.root.draw_text(&drawable(text), &style, at).context("writing a text")
    }

    fn style<'s>(&self, size: f64, color: &'s RGBColor) -> TextStyle<'s> {
        TextStyle::from((FAMILY, size * LINE_HEIGHT * self.scale).into_font()).color(color)
    }

    fn pixel(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }
}

fn position(anchor: Anchor) -> Pos {
    let horizontal = match anchor {
        Anchor::Left => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::Right => HPos::Right,
    };
    Pos::new(horizontal, VPos::Center)
}

/// The text with arrows that the font has.
fn drawable(text: &str) -> String {
    text.replace('→', " › ").replace("->", " › ")
}

/// Width of a text in points.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    // Measured large, since the charting crate rounds to whole pixels.
    const MEASURED_AT: f64 = 100.0;
    let font = (FAMILY, MEASURED_AT * LINE_HEIGHT).into_font();
    let width = font.layout_box(&drawable(text)).map_or(0, |((x0, _), (x1, _))| x1 - x0);
    f64::from(width) * size / MEASURED_AT
}

/// The text, or as much of its beginning as fits into `width` points, with an ellipsis.
pub(super) fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while kept.pop().is_some() {
        let shown = format!("{}…", kept.trim_end());
        if text_width(&shown, size) <= width {
            return shown;
        }
    }
    String::new()
}

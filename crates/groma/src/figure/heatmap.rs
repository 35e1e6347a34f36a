//! Heat maps: who sends how much to whom, alone or before and after a change.

use std::collections::HashMap;

use plotters::prelude::DrawingBackend;

use super::canvas::{Anchor, Canvas, Unit, fitted, text_width};
use super::palette::{GRID, INK, MUTED, heat, text_on};

/// One matrix, or several side by side, on one logarithmic colour scale.
#[derive(Debug, Clone)]
pub(crate) struct HeatMaps {
    /// What is shown.
    pub(crate) title: String,
    /// What the amounts are, without their unit.
    pub(crate) label: String,
    /// Unit of the amounts.
    pub(crate) unit: Unit,
    /// The matrices: one, or before and after.
    pub(crate) panels: Vec<Matrix>,
}

/// Amounts from rows to columns.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    /// What this panel is, such as `as it is`.
    pub(crate) title: String,
    /// The senders, from the top.
    pub(crate) rows: Axis,
    /// The receivers, from the left.
    pub(crate) columns: Axis,
    /// The amounts that are not zero.
    pub(crate) cells: Vec<Cell>,
}

/// The things on one side of a matrix, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What they are, such as `from`.
    pub(crate) label: String,
    /// Name of each.
    pub(crate) names: Vec<String>,
    /// Name and length of each run of things that belong together; empty: no groups.
    pub(crate) groups: Vec<(String, usize)>,
}

/// One amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    /// Place in the rows.
    pub(crate) row: usize,
    /// Place in the columns.
    pub(crate) column: usize,
    /// The amount; zero and less are not drawn.
    pub(crate) amount: f64,
}

/// A side is at least this long, in points, and less than twice as long.
const SIDE: usize = 400;
/// More things on a side are drawn several to a point, their amounts added.
const THINGS_MAX: usize = 800;
/// Colours between the least and the most.
const SHADES: u32 = 32;
/// Decades shown; what is smaller than the most by more is drawn as the least.
const DECADES_MAX: f64 = 6.0;
const LABEL_SIZE: f64 = 11.0;
const LABEL_WIDTH_MAX: f64 = 130.0;
const TOP: f64 = 92.0;
const MARGIN: f64 = 24.0;
const GAP: f64 = 36.0;
const SCALE_WIDTH: f64 = 104.0;

/// The rectangles of one shade: (row from, row to, column from, column to), half open.
type Patch = (usize, usize, usize, usize);

impl HeatMaps {
    pub(super) fn size(&self) -> (u32, u32) {
        let width: f64 = self.panels.iter().map(|panel| Layout::of(panel).width() + GAP).sum();
        let high = self.panels.iter().map(|panel| Layout::of(panel).height()).fold(0.0, f64::max);
        let title = text_width(&self.title, 18.0) + 2.0 * MARGIN;
        ((MARGIN + width + SCALE_WIDTH).max(title) as u32, (TOP + high + MARGIN) as u32)
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        canvas.clear()?;
        canvas.text(&self.title, (MARGIN, 26.0), Anchor::Left, 18.0, INK)?;
        let scale = ColorScale::over(&self.panels);
        let mut x = MARGIN;
        for panel in &self.panels {
            let layout = Layout::of(panel);
            self.draw_panel(canvas, panel, &layout, scale.as_ref(), x)?;
            x += layout.width() + GAP;
        }
        match (scale, self.panels.first()) {
            (Some(scale), Some(first)) => {
                self.draw_scale(canvas, &scale, x, Layout::of(first).rows.length())
            }
            _ => Ok(()),
        }
    }

    fn draw_panel<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        panel: &Matrix,
        layout: &Layout,
        scale: Option<&ColorScale>,
        x: f64,
    ) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        let (left, top) = (x + layout.left, TOP);
        let (rows, columns) = (layout.rows, layout.columns);
        let (right, bottom) = (left + columns.length(), top + rows.length());
        let total: f64 = panel.cells.iter().map(|cell| cell.amount.max(0.0)).sum();
        let title = format!("{}: {}", panel.title, self.unit.print(total));
        canvas.text(&title, (left, 64.0), Anchor::Left, 14.0, INK)?;
        canvas.text(&panel.columns.label, (right, 80.0), Anchor::Right, 12.0, MUTED)?;

        let binned = binned(panel, rows, columns);
        if let Some(scale) = scale {
            for (shade, (row_from, row_to, column_from, column_to)) in patches(&binned, scale) {
                let from = (left + columns.at(column_from), top + rows.at(row_from));
                let to = (left + columns.at(column_to), top + rows.at(row_to));
                canvas.fill(from, to, shade_color(shade))?;
            }
            if columns.step >= 44.0 && rows.step >= 22.0 {
                for (&(row, column), &amount) in &binned {
                    let at = (
                        left + columns.at(column) + columns.step / 2.0,
                        top + rows.at(row) + rows.step / 2.0,
                    );
                    let color = text_on(shade_color(scale.shade(amount)));
                    let text = fitted(&self.unit.print(amount), 11.0, columns.step - 4.0);
                    canvas.text(&text, at, Anchor::Middle, 11.0, color)?;
                }
            }
        }
        for boundary in boundaries(&panel.rows) {
            let y = top + rows.of_thing(boundary);
            canvas.line(&[(left, y), (right, y)], 0.5, GRID)?;
        }
        for boundary in boundaries(&panel.columns) {
            let x = left + columns.of_thing(boundary);
            canvas.line(&[(x, top), (x, bottom)], 0.5, GRID)?;
        }
        let frame = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        canvas.line(&frame, 1.0, MUTED)?;

        for (name, from, to) in labels(&panel.rows, rows) {
            let name = fitted(&name, LABEL_SIZE, LABEL_WIDTH_MAX);
            let at = (left - 7.0, top + (from + to) / 2.0);
            canvas.text(&name, at, Anchor::Right, LABEL_SIZE, INK)?;
        }
        for (name, from, to) in labels(&panel.columns, columns) {
            let at = left + (from + to) / 2.0;
            let width = text_width(&name, LABEL_SIZE);
            if layout.columns_upright {
                let name = fitted(&name, LABEL_SIZE, LABEL_WIDTH_MAX);
                let y = bottom + 8.0 + text_width(&name, LABEL_SIZE) / 2.0;
                canvas.text_upwards(&name, (at, y), LABEL_SIZE, INK)?;
            } else if width <= to - from {
                canvas.text(&name, (at, bottom + 14.0), Anchor::Middle, LABEL_SIZE, INK)?;
            }
        }
        canvas.text_upwards(&panel.rows.label, (x + 8.0, (top + bottom) / 2.0), 12.0, MUTED)
    }

    fn draw_scale<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        scale: &ColorScale,
        x: f64,
        height: f64,
    ) -> anyhow::Result<()>
    where
        DB::ErrorType: 'static,
    {
        canvas.text(&self.label, (x, TOP - 16.0), Anchor::Left, 12.0, INK)?;
        let step = height / f64::from(SHADES);
        for shade in 0..SHADES {
            let y = TOP + height - f64::from(shade + 1) * step;
            canvas.fill((x, y), (x + 16.0, y + step + 0.5), shade_color(shade))?;
        }
        for (amount, printed) in scale.ticks(self.unit, height) {
            let y = TOP + height * (1.0 - scale.place(amount));
            canvas.line(&[(x + 16.0, y), (x + 20.0, y)], 1.0, MUTED)?;
            canvas.text(&printed, (x + 25.0, y), Anchor::Left, LABEL_SIZE, MUTED)?;
        }
        let y = TOP + height + 18.0;
        canvas.text("white: none", (x, y), Anchor::Left, LABEL_SIZE, MUTED)
    }
}

/// How the things of one side share its length.
#[derive(Clone, Copy)]
struct Ruler {
    /// Things to a drawn row or column; the last one may hold fewer.
    things_per_bin: usize,
    /// How many are drawn.
    bins: usize,
    /// Height or width of one, in points.
    step: f64,
}

impl Ruler {
    fn of(things: usize) -> Ruler {
        let things_per_bin = things.div_ceil(THINGS_MAX).max(1);
        let bins = things.div_ceil(things_per_bin).max(1);
        Ruler { things_per_bin, bins, step: SIDE.div_ceil(bins).min(SIDE / 4) as f64 }
    }

    fn length(self) -> f64 {
        self.at(self.bins)
    }

    fn at(self, bin: usize) -> f64 {
        bin as f64 * self.step
    }

    /// Where a thing begins, also if it shares its row or column.
    fn of_thing(self, thing: usize) -> f64 {
        (thing as f64 / self.things_per_bin as f64).min(self.bins as f64) * self.step
    }
}

/// What goes where in one panel.
struct Layout {
    rows: Ruler,
    columns: Ruler,
    /// From the left edge of the panel to its cells.
    left: f64,
    /// Whether the names below the columns are written upwards.
    columns_upright: bool,
    bottom: f64,
}

impl Layout {
    fn of(panel: &Matrix) -> Layout {
        let rows = Ruler::of(panel.rows.names.len());
        let columns = Ruler::of(panel.columns.names.len());
        let widest = |labels: &[(String, f64, f64)]| {
            let widths = labels.iter().map(|(name, _, _)| text_width(name, LABEL_SIZE));
            widths.fold(0.0, f64::max).min(LABEL_WIDTH_MAX)
        };
        let below = labels(&panel.columns, columns);
        let columns_upright =
            (below.iter()).any(|(name, from, to)| text_width(name, LABEL_SIZE) + 4.0 > to - from);
        Layout {
            rows,
            columns,
            left: widest(&labels(&panel.rows, rows)) + 30.0,
            columns_upright,
            bottom: if columns_upright { widest(&below) + 16.0 } else { 26.0 },
        }
    }

    fn width(&self) -> f64 {
        self.left + self.columns.length()
    }

    fn height(&self) -> f64 {
        self.rows.length() + self.bottom
    }
}

/// Names that have room: each thing's, or else each group's, with the stretch that they name.
fn labels(axis: &Axis, ruler: Ruler) -> Vec<(String, f64, f64)> {
    let stretch = |name: &String, from: usize, to: usize| {
        (name.clone(), ruler.of_thing(from), ruler.of_thing(to))
    };
    let all = if ruler.step >= LABEL_SIZE + 2.0 {
        axis.names.iter().enumerate().map(|(i, name)| stretch(name, i, i + 1)).collect::<Vec<_>>()
    } else {
        let mut from = 0;
        (axis.groups.iter())
            .map(|(name, length)| {
                let group = stretch(name, from, from + length);
                from += length;
                group
            })
            .collect()
    };
    // A group too thin for its name goes without, and so does one that would touch the one before.
    let mut last_middle = f64::NEG_INFINITY;
    let mut kept = Vec::new();
    for (name, from, to) in all {
        let middle = (from + to) / 2.0;
        if middle - last_middle >= LABEL_SIZE + 1.0 {
            last_middle = middle;
            kept.push((name, from, to));
        }
    }
    kept
}

/// Where one group ends and the next begins.
fn boundaries(axis: &Axis) -> Vec<usize> {
    let mut ends: Vec<usize> = (axis.groups.iter())
        .scan(0, |end, (_, length)| {
            *end += length;
            Some(*end)
        })
        .collect();
    ends.pop();
    ends
}

/// Amount of each drawn cell. Cells outside the matrix are left out.
fn binned(panel: &Matrix, rows: Ruler, columns: Ruler) -> HashMap<(usize, usize), f64> {
    let mut amounts = HashMap::new();
    for cell in &panel.cells {
        let inside = cell.row < panel.rows.names.len() && cell.column < panel.columns.names.len();
        if inside && cell.amount > 0.0 && cell.amount.is_finite() {
            let place = (cell.row / rows.things_per_bin, cell.column / columns.things_per_bin);
            *amounts.entry(place).or_insert(0.0) += cell.amount;
        }
    }
    amounts
}

/// Neighbouring cells of one shade as rectangles, so that a large map stays a small file.
fn patches(cells: &HashMap<(usize, usize), f64>, scale: &ColorScale) -> Vec<(u32, Patch)> {
    let mut places: Vec<_> = cells.keys().copied().collect();
    places.sort_unstable();
    let mut runs: Vec<(u32, Patch)> = Vec::new();
    for (row, column) in places {
        let shade = scale.shade(cells[&(row, column)]);
        match runs.last_mut() {
            Some((last, (from, _, _, end))) if *last == shade && *from == row && *end == column => {
                *end += 1;
            }
            _ => runs.push((shade, (row, row + 1, column, column + 1))),
        }
    }
    // A run that continues the run above it makes that one taller.
    let mut patches: Vec<(u32, Patch)> = Vec::with_capacity(runs.len());
    let mut open: HashMap<(u32, usize, usize, usize), usize> = HashMap::new();
    for (shade, (row, row_end, from, to)) in runs {
        let index = match open.remove(&(shade, row, from, to)) {
            Some(index) => {
                patches[index].1.1 = row_end;
                index
            }
            None => {
                patches.push((shade, (row, row_end, from, to)));
                patches.len() - 1
            }
        };
        open.insert((shade, row_end, from, to), index);
    }
    patches
}

/// Logarithmic scale over all panels.
struct ColorScale {
    least: f64,
    most: f64,
}

impl ColorScale {
    fn over(panels: &[Matrix]) -> Option<ColorScale> {
        let amounts = panels.iter().flat_map(|panel| {
            let layout = (Ruler::of(panel.rows.names.len()), Ruler::of(panel.columns.names.len()));
            binned(panel, layout.0, layout.1).into_values()
        });
        let (least, most) = amounts.fold((f64::INFINITY, 0.0f64), |(low, high), amount| {
            (low.min(amount), high.max(amount))
        });
        let least = least.max(most / 10f64.powf(DECADES_MAX));
        (most > 0.0).then_some(ColorScale { least, most })
    }

    /// The least and the most, and the decades between them that do not touch these.
    fn ticks(&self, unit: Unit, height: f64) -> Vec<(f64, String)> {
        let mut ticks = vec![(self.most, unit.print(self.most))];
        if self.least < self.most {
            ticks.push((self.least, unit.print(self.least)));
        }
        let room = (LABEL_SIZE + 4.0) / height;
        let mut decade = self.least.log10().ceil();
        while decade < self.most.log10() {
            let amount = 10f64.powf(decade);
            if (room..=1.0 - room).contains(&self.place(amount)) {
                ticks.push((amount, unit.print_tick(amount)));
            }
            decade += 1.0;
        }
        ticks
    }

    /// 0 at the least, 1 at the most.
    fn place(&self, amount: f64) -> f64 {
        let span = (self.most / self.least).log10();
        if span > 0.0 { ((amount / self.least).log10() / span).clamp(0.0, 1.0) } else { 1.0 }
    }

    fn shade(&self, amount: f64) -> u32 {
        ((self.place(amount) * f64::from(SHADES)) as u32).min(SHADES - 1)
    }
}

fn shade_color(shade: u32) -> plotters::style::RGBColor {
    heat(f64::from(shade) / f64::from(SHADES - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_farms_become_few_rectangles() {
        let scale = ColorScale { least: 1.0, most: 1000.0 };
        let block = (0..16).flat_map(|row| (0..16).map(move |column| ((row, column), 500.0)));
        let cells: HashMap<_, _> = block.chain([((20, 3), 5.0)]).collect();
        let mut found = patches(&cells, &scale);
        found.sort_by_key(|(_, patch)| *patch);
        let places: Vec<Patch> = found.iter().map(|(_, patch)| *patch).collect();
        assert_eq!(places, [(0, 16, 0, 16), (20, 21, 3, 4)]);
    }

    #[test]
    fn many_things_share_a_row_and_keep_their_sum() {
        let names = |count: usize| (0..count).map(|i| i.to_string()).collect();
        let axis = |count| Axis { label: String::new(), names: names(count), groups: vec![] };
        let cells = vec![
            Cell { row: 1998, column: 0, amount: 1.0 },
            Cell { row: 1999, column: 0, amount: 2.0 },
            Cell { row: 2000, column: 0, amount: 4.0 },
        ];
        let panel = Matrix { title: String::new(), rows: axis(2000), columns: axis(1), cells };
        let (rows, columns) = (Ruler::of(2000), Ruler::of(1));
        assert!(rows.bins <= THINGS_MAX);
        let sum: f64 = binned(&panel, rows, columns).values().sum();
        assert_eq!(sum, 3.0, "what is outside the matrix is left out");
    }
}

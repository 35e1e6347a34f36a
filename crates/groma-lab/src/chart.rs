//! Charts as SVG: points and lines over two axes, drawn by hand because a page needs no more.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 520.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 350.0;
const COLOURS: [&str; 6] = ["#147", "#294", "#c33", "#b70", "#749", "#888"];

/// A chart of several series.
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Beside the horizontal axis, and its ends.
    pub across: Axis,
    /// Beside the vertical axis, and its ends.
    pub up: Axis,
    /// In the order of the legend.
    pub series: Vec<Series>,
    /// Spans of the horizontal axis with a grey ground.
    pub shaded: Vec<(f64, f64)>,
}

/// One axis.
pub struct Axis {
    /// What it says.
    pub label: String,
    /// Where it begins and ends.
    pub range: (f64, f64),
    /// From one mark to the next.
    pub step: f64,
}

/// One set of points.
pub struct Series {
    /// In the legend.
    pub label: String,
    /// `(across, up)`; one that is not finite, or outside, is left out.
    pub points: Vec<(f64, f64)>,
    /// Points, or points on a line.
    pub mark: Mark,
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Points alone.
    Points,
    /// Points on a line.
    Line,
    /// A thin broken line without points: what should be.
    Guide,
}

impl Chart {
    /// The SVG.
    pub fn draw(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{}</text>\n",
            self.title
        );
        for (from, to) in &self.shaded {
            let (from, to) = (self.x(*from), self.x(*to));
            let (width, height) = (to - from, BOTTOM - TOP);
            line(
                &mut svg,
                &format!(
                    "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\" fill=\"#eee\"/>"
                ),
            );
        }
        self.axes(&mut svg);
        for (series_index, series) in self.series.iter().enumerate() {
            self.series(&mut svg, series, COLOURS[series_index % COLOURS.len()], series_index);
        }
        svg + "</svg>\n"
    }

    fn axes(&self, svg: &mut String) {
        for value in self.up.marks() {
            let (at, digits) = (self.y(value), self.up.digits());
            line(
                svg,
                &format!(
                    "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.digits$}</text>",
                    LEFT - 8.0,
                    at + 4.0
                ),
            );
        }
        for value in self.across.marks() {
            let (at, digits) = (self.x(value), self.across.digits());
            line(
                svg,
                &format!(
                    "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value:.digits$}</text>",
                    BOTTOM + 18.0
                ),
            );
        }
        let middle = (LEFT + RIGHT) / 2.0;
        line(
            svg,
            &format!(
                "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666\">{}</text>",
                BOTTOM + 38.0,
                self.across.label
            ),
        );
        let middle = (TOP + BOTTOM) / 2.0;
        line(
            svg,
            &format!(
                "<text x=\"16\" y=\"{middle:.1}\" text-anchor=\"middle\" fill=\"#666\" transform=\"rotate(-90 16 {middle:.1})\">{}</text>",
                self.up.label
            ),
        );
    }

    fn series(&self, svg: &mut String, series: &Series, colour: &str, series_index: usize) {
        let inside = |(across, up): &&(f64, f64)| self.across.holds(*across) && self.up.holds(*up);
        let at: Vec<(f64, f64)> = (series.points.iter().filter(inside))
            .map(|(across, up)| (self.x(*across), self.y(*up)))
            .collect();
        let legend = TOP + 14.0 + series_index as f64 * 20.0;
        if series.mark != Mark::Points {
            let points: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let broken = if series.mark == Mark::Guide { " stroke-dasharray=\"5 4\"" } else { "" };
            line(
                svg,
                &format!(
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{broken}/>",
                    points.join(" ")
                ),
            );
        }
        if series.mark != Mark::Guide {
            for (x, y) in &at {
                line(
                    svg,
                    &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"),
                );
            }
        }
        line(
            svg,
            &format!(
                "<text x=\"{:.1}\" y=\"{legend:.1}\" fill=\"{colour}\">{}</text>",
                RIGHT + 12.0,
                series.label
            ),
        );
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.across.part(value) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - self.up.part(value) * (BOTTOM - TOP)
    }
}

impl Axis {
    /// An axis over `range`, with a mark every `step`.
    pub fn new(label: &str, range: (f64, f64), step: f64) -> Axis {
        Axis { label: label.to_owned(), range, step }
    }

    fn part(&self, value: f64) -> f64 {
        (value - self.range.0) / (self.range.1 - self.range.0)
    }

    fn holds(&self, value: f64) -> bool {
        (-0.001..=1.001).contains(&self.part(value))
    }

    fn marks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.range.1 - self.range.0) / self.step + 1e-9) as usize;
        (0..=count).map(|index| self.range.0 + index as f64 * self.step)
    }

    fn digits(&self) -> usize {
        usize::from(self.step < 1.0)
    }
}

fn line(svg: &mut String, text: &str) {
    // A String takes all.
    let _never = writeln!(svg, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_where_their_values_are() {
        let chart = Chart {
            title: "p".to_owned(),
            across: Axis::new("injected", (0.0, 1.0), 0.5),
            up: Axis::new("estimated", (0.0, 2.0), 1.0),
            series: vec![Series {
                label: "A".to_owned(),
                points: vec![(0.5, 1.0), (0.5, 9.0), (0.5, f64::NAN)],
                mark: Mark::Points,
            }],
            shaded: vec![(0.0, 0.5)],
        };
        let svg = chart.draw();
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains("cx=\"290.0\" cy=\"192.0\""), "{svg}");
        assert!(svg.contains(">0.5</text>") && svg.contains("width=\"230.0\""), "{svg}");
    }
}

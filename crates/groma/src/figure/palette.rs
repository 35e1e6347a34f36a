//! Colours that people with any colour vision can tell apart.

use plotters::style::RGBColor;

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x2b, 0x38);
/// Text of second rank.
pub(super) const MUTED: RGBColor = RGBColor(0x66, 0x70, 0x7e);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe3, 0xe7, 0xec);
/// Behind everything.
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// The colours of Okabe and Ito without black, in an order in which neighbours contrast, then a grey.
const CATEGORIES: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xf0, 0xe4, 0x42),
    RGBColor(0x9a, 0xa3, 0xae),
];

/// Viridis from its light to its dark end: on white paper more is darker.
const HEAT: [RGBColor; 10] = [
    RGBColor(0xfd, 0xe7, 0x25),
    RGBColor(0xb5, 0xde, 0x2b),
    RGBColor(0x6e, 0xce, 0x58),
    RGBColor(0x35, 0xb7, 0x79),
    RGBColor(0x1f, 0x9e, 0x89),
    RGBColor(0x26, 0x82, 0x8e),
    RGBColor(0x31, 0x68, 0x8e),
    RGBColor(0x3e, 0x49, 0x89),
    RGBColor(0x48, 0x28, 0x78),
    RGBColor(0x44, 0x01, 0x54),
];

/// Colour of the series or class with this number; after eight they repeat.
pub(super) fn category(index: usize) -> RGBColor {
    CATEGORIES[index % CATEGORIES.len()]
}

/// The same colour, light enough to lie behind lines.
pub(super) fn tint(color: RGBColor) -> RGBColor {
    let light = |part: u8| 255 - (255 - part) / 4;
    RGBColor(light(color.0), light(color.1), light(color.2))
}

/// Colour of a place on the heat scale, 0 (least) to 1 (most).
pub(super) fn heat(place: f64) -> RGBColor {
    let last = HEAT.len() - 1;
    let at = place.clamp(0.0, 1.0) * last as f64;
    let from = (at.floor() as usize).min(last - 1);
    let part = at - from as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    let (a, b) = (HEAT[from], HEAT[from + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// White or ink, whichever can be read on `background`.
pub(super) fn text_on(background: RGBColor) -> RGBColor {
    let light = 0.299 * f64::from(background.0)
        + 0.587 * f64::from(background.1)
        + 0.114 * f64::from(background.2);
    if light < 140.0 { PAPER } else { INK }
}

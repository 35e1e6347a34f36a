//! Numbers with units, as people write them: `10G`, `25 Gbit/s`, `512 MiB`.

/// What stands behind the prefix of a unit.
const BASES: [&str; 12] =
    ["bit/s", "bits/s", "bps", "b/s", "bytes", "byte", "bits", "bit", "B", "W", "s", "b"];

/// How many of the base unit one of this unit is: `Gbit/s` is 1e9, `MiB` 1048576, `ms` 0.001.
/// `None`: it is no unit that is known.
pub(super) fn scale(unit: &str) -> Option<f64> {
    let unit = unit.trim();
    let prefix = BASES.iter().find_map(|base| unit.strip_suffix(base)).unwrap_or(unit);
    Some(match prefix {
        "" => 1.0,
        "n" => 1e-9,
        "u" | "µ" => 1e-6,
        "m" => 1e-3,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    })
}

/// The number in a text in the base unit. Where the text has a unit of its own that one counts, else `unit`.
pub(super) fn read(text: &str, unit: f64) -> Option<f64> {
    let text = text.trim();
    let end =
        text.find(|c: char| !c.is_ascii_digit() && !".-+_,".contains(c)).unwrap_or(text.len());
    let number: f64 = text[..end].replace(['_', ','], "").parse().ok()?;
    let own = match text[end..].trim() {
        "" => unit,
        own => scale(own)?,
    };
    Some(number * own).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(read("10", 1e9), Some(1e10));
        assert_eq!(read("25 Gbit/s", 1.0), Some(2.5e10));
        assert_eq!(read("100M", 1e9), Some(1e8));
        assert_eq!(read("512MiB", 1.0), Some(536_870_912.0));
        assert_eq!(read("1,500", 1.0), Some(1500.0));
        assert_eq!(read("10 parsec", 1.0), None);
    }
}

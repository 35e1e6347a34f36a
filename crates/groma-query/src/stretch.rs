//! Stretches of time as people write them.

/// `30d` as nanoseconds; the units are s, min, h, d and w. `None`: it is none.
pub(crate) fn nanos(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let seconds = match text[digits..].trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    text[..digits].parse::<i64>().ok()?.checked_mul(seconds)?.checked_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_of_time_has_a_unit() {
        assert_eq!(nanos("2min"), Some(120_000_000_000));
        assert_eq!(nanos("30 d"), Some(30 * 86_400 * 1_000_000_000));
        for wrong in ["", "30", "d", "-1d", "1y", "99999999999999999999d", "99999999999w"] {
            assert_eq!(nanos(wrong), None, "{wrong}");
        }
    }
}

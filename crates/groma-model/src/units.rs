//! How quantities are written for people.

/// `10.31 TB`, `430 GB`, `512 B`: decimal units, three significant digits.
pub fn format_bytes(bytes: f64) -> String {
    format!("{}B", scaled(bytes, true))
}

/// `197 M`, `47.0 k`, `12`: three significant digits.
pub fn format_count(count: f64) -> String {
    scaled(count, false).trim_end().to_owned()
}

fn scaled(amount: f64, fraction_below_thousand: bool) -> String {
    const STEPS: [&str; 6] = ["", "k", "M", "G", "T", "P"];
    let mut amount = amount;
    let mut step = 0;
    while amount.abs() >= 999.5 && step + 1 < STEPS.len() {
        amount /= 1000.0;
        step += 1;
    }
    let decimals = match amount.abs() {
        _ if step == 0 && (!fraction_below_thousand || amount.fract() == 0.0) => 0,
        a if a < 9.995 => 2,
        a if a < 99.95 => 1,
        _ => 0,
    };
    format!("{amount:.decimals$} {}", STEPS[step])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_keep_three_digits() {
        assert_eq!(format_bytes(10.31e12), "10.3 TB");
        assert_eq!(format_bytes(430e9), "430 GB");
        assert_eq!(format_bytes(999.7e9), "1.00 TB");
        assert_eq!(format_bytes(512.0), "512 B");
        assert_eq!(format_count(197e6), "197 M");
        assert_eq!(format_count(12.0), "12");
    }
}

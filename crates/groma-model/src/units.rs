//! Known units, and how quantities are written for people.

/// Units that an attribute may have; a site's schema file adds its own. Name and meaning.
pub const UNITS: [(&str, &str); 40] = [
    ("%", "hundredths"),
    ("ratio", "a part of one"),
    ("count", "a number of things"),
    ("bytes", "octets"),
    ("KiB", "1,024 bytes"),
    ("MiB", "1,048,576 bytes"),
    ("GiB", "1,073,741,824 bytes"),
    ("kB", "1,000 bytes"),
    ("MB", "1,000,000 bytes"),
    ("GB", "1,000,000,000 bytes"),
    ("TB", "1,000,000,000,000 bytes"),
    ("bit/s", "bits per second"),
    ("kbit/s", "1,000 bits per second"),
    ("Mbit/s", "1,000,000 bits per second"),
    ("Gbit/s", "1,000,000,000 bits per second"),
    ("bytes/s", "octets per second"),
    ("packets/s", "packets per second"),
    ("ns", "nanoseconds"),
    ("us", "microseconds"),
    ("ms", "milliseconds"),
    ("s", "seconds"),
    ("min", "minutes"),
    ("h", "hours"),
    ("d", "days"),
    ("Hz", "per second"),
    ("GHz", "1,000,000,000 per second"),
    ("V", "volts"),
    ("A", "amperes"),
    ("W", "watts"),
    ("kW", "1,000 watts"),
    ("kWh", "kilowatt hours"),
    ("VA", "volt-amperes"),
    ("kVA", "1,000 volt-amperes"),
    ("°C", "degrees Celsius"),
    ("mm", "millimetres"),
    ("m", "metres"),
    ("kg", "kilograms"),
    ("l/s", "litres per second"),
    ("U", "rack units"),
    ("dBm", "decibels over a milliwatt"),
];

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

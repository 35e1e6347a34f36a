//! Ids written as text.

/// An id as a number. The same text gives the same number in every format and every run.
///
/// - decimal digits are the number they are, unless there are 16 or 32 of them, the lengths of span and
///   trace ids in hexadecimal;
/// - up to 16 hexadecimal digits are the number they are;
/// - 32 hexadecimal digits are their lower 64 bits (the upper if those are zero), as in tracers that
///   know only 64: a trace whose id was cut on its way stays one trace;
/// - any other text becomes a stable hash (FNV-1a over lower-case ASCII, then spread).
///
/// An empty text and zero are 0, "none"; no other text gives 0.
pub fn id_of_text(text: &str) -> u64 {
    let text = text.trim();
    if let Some(number) = decimal(text).or_else(|| hexadecimal(text)) {
        return number;
    }
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in text.bytes() {
        hash ^= u64::from(byte.to_ascii_lowercase());
        hash = hash.wrapping_mul(0x0000_0100_0000_01B3);
    }
    if text.is_empty() { 0 } else { crate::group::spread(hash).max(1) }
}

fn decimal(text: &str) -> Option<u64> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_decimal && !matches!(text.len(), 16 | 32)).then(|| text.parse().ok())?
}

fn hexadecimal(text: &str) -> Option<u64> {
    let fits = matches!(text.len(), 1..=16 | 32);
    if !fits || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(text, 16).ok()?;
    Some(if number as u64 == 0 { (number >> 64) as u64 } else { number as u64 })
}

/// An id as text that [`id_of_text`] reads back: decimal as long as it is a counter's number (below
/// 10^15), 16 hexadecimal digits otherwise, as tracers print them.
///
/// ```
/// use groma_trace::{id_of_text, print_id};
/// assert_eq!(print_id(26), "26");
/// assert_eq!(print_id(id_of_text("520b067330e3ede5")), "520b067330e3ede5");
/// ```
pub fn print_id(id: u64) -> String {
    const DECIMAL_MAX: u64 = 1_000_000_000_000_000;
    if id < DECIMAL_MAX { id.to_string() } else { format!("{id:016x}") }
}

/// Tree, transaction and parent transaction (0: none) of a hierarchical id such as `26-3-11-5-1`:
/// the tree is what stands before the first hyphen, the parent what stands before the last.
///
/// ```
/// use groma_trace::{hierarchical_id, id_of_text};
/// let (tree, transaction, parent) = hierarchical_id("26-3-11").unwrap();
/// assert_eq!(tree, id_of_text("26"));
/// assert_eq!(transaction, id_of_text("26-3-11"));
/// assert_eq!(parent, id_of_text("26-3"));
/// assert_eq!(hierarchical_id("26"), Some((tree, tree, 0)));
/// assert_eq!(hierarchical_id("26--1"), None);
/// ```
///
/// `None` if a part is empty.
pub fn hierarchical_id(text: &str) -> Option<(u64, u64, u64)> {
    let text = text.trim();
    if text.split('-').any(str::is_empty) {
        return None;
    }
    let tree = id_of_text(text.split('-').next()?);
    let parent = text.rsplit_once('-').map_or(0, |(parent, _)| id_of_text(parent));
    Some((tree, id_of_text(text), parent))
        .filter(|(tree, transaction, _)| *tree != 0 && *transaction != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_what_it_looks_like() {
        assert_eq!(id_of_text("42"), 42);
        assert_eq!(id_of_text("2a"), 42);
        assert_eq!(id_of_text("0000000000000042"), 0x42);
        assert_eq!(id_of_text("18446744073709551615"), u64::MAX);
        assert_eq!(id_of_text("3ba55609c3cde49649cd77d1f9dcd936"), id_of_text("49cd77d1f9dcd936"));
        assert_eq!(id_of_text("49cd77d1f9dcd9360000000000000000"), id_of_text("49cd77d1f9dcd936"));
        assert_eq!(id_of_text("Order-7"), id_of_text(" order-7 "));
        assert_ne!(id_of_text("26-3-11"), id_of_text("26-31-1"));
        for none in ["", " ", "0", "0000000000000000"] {
            assert_eq!(id_of_text(none), 0, "{none:?}");
        }
    }
}

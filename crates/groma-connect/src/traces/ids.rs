//! Ids of messages, transactions and trees as 64-bit numbers, beside [`groma_trace::id_of_text`].

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use groma_trace::{id_of_text, spread};

/// The number that a span format's hex id stands for, of 1 to 32 digits: the lower 64 bits, as in
/// [`id_of_text`]. `None`: it is not such an id, or is zero, which by all span formats means "no id".
pub(super) fn from_span_hex(text: &str) -> Option<u64> {
    if !(1..=32).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().and_then(fold)
}

/// The number that a base64 text of 8 or 16 bytes stands for, with or without padding.
pub(super) fn from_span_base64(text: &str) -> Option<u64> {
    if !matches!(text.len(), 11 | 12 | 22 | 24) {
        return None;
    }
    let bytes = BASE64_STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    if !matches!(bytes.len(), 8 | 16) {
        return None;
    }
    fold(bytes.iter().fold(0, |id, byte| id << 8 | u128::from(*byte)))
}

/// A number made of several, never 0.
pub(super) fn of_parts(parts: &[u64]) -> u64 {
    parts.iter().fold(1, |id, part| spread(id ^ part).max(1))
}

/// A number for a name, never 0.
pub(super) fn of_name(name: &str) -> u64 {
    id_of_text(name).max(1)
}

fn fold(id: u128) -> Option<u64> {
    let (low, high) = (id as u64, (id >> 64) as u64);
    [low, high].into_iter().find(|half| *half != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_base64_and_text_agree() {
        let long = from_span_hex("3ba55609c3cde49649cd77d1f9dcd936");
        assert_eq!(long, from_span_hex("49cd77d1f9dcd936"));
        assert_eq!(long, from_span_base64("O6VWCcPN5JZJzXfR+dzZNg=="));
        assert_eq!(long, Some(id_of_text("3ba55609c3cde49649cd77d1f9dcd936")));
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in ["", "+1", "xyz", "0000000000000000", "3ba55609c3cde49649cd77d1f9dcd9361"] {
            assert_eq!(from_span_hex(text), None, "{text:?}");
        }
        assert_eq!(from_span_base64("AAAAAAAAAAA="), None);
        assert_eq!(from_span_base64("Sc130fnc"), None);
    }

    #[test]
    fn the_order_of_parts_matters() {
        assert_ne!(of_parts(&[1, 2]), of_parts(&[2, 1]));
        assert_ne!(of_parts(&[1, 2]), of_parts(&[1, 2, 0]));
    }
}

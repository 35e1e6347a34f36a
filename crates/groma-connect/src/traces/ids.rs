//! Ids of messages, transactions and trees as 64-bit numbers.
//!
//! The same text gives the same number in every run and in every format, so that a message that two
//! files tell of is counted once.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as STANDARD_NO_PAD;

/// The number that a text stands for; `None` for an empty text and for zero, which say "no id".
///
/// - decimal digits that fit 64 bits: that number;
/// - 16 hex digits, or up to 16 after `0x`: that number;
/// - 32 hex digits: [`fold`]ed;
/// - anything else: a hash of its bytes.
pub(super) fn from_text(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let id = decimal(text).or_else(|| from_hex(text)).unwrap_or_else(|| hash(text.as_bytes()));
    (id != 0).then_some(id)
}

/// The number that a span format's hex id stands for, of 1 to 32 digits.
/// `None`: it is not such an id, or is zero, which by all span formats means "no id".
pub(super) fn from_span_hex(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 32 {
        return None;
    }
    u128::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+')).and_then(fold)
}

/// The number that a base64 text of 8 or 16 bytes stands for, with or without padding.
pub(super) fn from_span_base64(text: &str) -> Option<u64> {
    if !matches!(text.len(), 11 | 12 | 22 | 24) {
        return None;
    }
    let bytes = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    from_bytes(&bytes)
}

/// An id of 8 or 16 bytes.
fn from_bytes(bytes: &[u8]) -> Option<u64> {
    let id = match bytes.len() {
        8 | 16 => bytes.iter().fold(0_u128, |id, byte| id << 8 | u128::from(*byte)),
        _ => return None,
    };
    fold(id)
}

/// The lower 64 bits of an id of 128, as tracers do that know only 64 (Zipkin calls it lenient): a
/// trace whose id was cut on its way stays one trace. The upper bits if the lower are zero.
fn fold(id: u128) -> Option<u64> {
    let (low, high) = (id as u64, (id >> 64) as u64);
    [low, high].into_iter().find(|half| *half != 0)
}

/// A number made of several, never 0: FNV-1a over their bytes, then mixed (MurmurHash3's ending).
pub(super) fn of_parts(parts: &[u64]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.to_le_bytes());
    mix(bytes.fold(FNV_OFFSET, fnv_step))
}

/// A number for a text, never 0.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    mix(bytes.iter().copied().fold(FNV_OFFSET, fnv_step))
}

fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn from_hex(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let digits = match digits {
        Some(digits) if digits.len() <= 16 => digits,
        None if matches!(text.len(), 16 | 32) => text,
        _ => return None,
    };
    let all_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    // An id of zeros is read here, and said to be none by the caller.
    all_hex.then(|| u128::from_str_radix(digits, 16).ok().and_then(fold).unwrap_or(0))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

fn fnv_step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
}

fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_what_it_looks_like() {
        assert_eq!(from_text("42"), Some(42));
        assert_eq!(from_text("0x2a"), Some(42));
        assert_eq!(from_text("000000000000002a"), Some(42));
        assert_eq!(from_text("aaaaaaaaaaaaaaaa000000000000002a"), Some(42));
        assert_eq!(from_text("26-3-11"), from_text(" 26-3-11 "));
        assert_ne!(from_text("26-3-11"), from_text("26-3-1-1"));
        assert_eq!(from_text("99999999999999999999"), Some(hash(b"99999999999999999999")));
        for none in ["", "0", "0x0", "0000000000000000", "  "] {
            assert_eq!(from_text(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_long_trace_id_equals_its_cut_form() {
        let long = from_span_hex("3ba55609c3cde49649cd77d1f9dcd936");
        assert_eq!(long, from_span_hex("49cd77d1f9dcd936"));
        assert_eq!(from_span_hex("+1"), None);
        assert_eq!(from_span_hex("xyz"), None);
        assert_eq!(from_bytes(&[0, 0, 0, 0, 0, 0, 0, 7]), Some(7));
        assert_eq!(from_bytes(&[0; 16]), None);
    }
}

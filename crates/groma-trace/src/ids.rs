//! Ids written as text.

/// An id as a number: up to 16 hexadecimal digits are kept as the number they are, any other text
/// becomes a stable 64-bit hash (FNV-1a over lower-case ASCII, then spread). An empty text and
/// zero are 0, "none"; no other text gives 0.
pub fn id_of_text(text: &str) -> u64 {
    let text = text.trim();
    if text.is_empty() {
        return 0;
    }
    if text.len() <= 16
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && let Ok(number) = u64::from_str_radix(text, 16)
    {
        return number;
    }
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in text.bytes() {
        hash ^= u64::from(byte.to_ascii_lowercase());
        hash = hash.wrapping_mul(0x0000_0100_0000_01B3);
    }
    crate::group::spread(hash).max(1)
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
    Some((tree, id_of_text(text), parent)).filter(|(tree, transaction, _)| *tree != 0 && *transaction != 0)
}

//! What is missing from std for looking at bytes.

/// Whether `needle` occurs in `bytes`. Cost: their product; for the first bytes of a file only.
pub(super) fn contains(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// The first byte that is not white space, after a byte order mark.
pub(super) fn first_visible(bytes: &[u8]) -> Option<u8> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// The first line, as far as it is text.
pub(super) fn first_line(bytes: &[u8]) -> &str {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line).unwrap_or_default()
}

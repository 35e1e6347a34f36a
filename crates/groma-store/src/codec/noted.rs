//! What a compaction notes of a commit, before the commit as it stands: so nothing need be read of it.
//!
//! ```text
//! note = changes, observed: count, then each: source, time; news: 0, or count + 1, then each: source
//! ```

use std::sync::Arc;

use groma_model::{Source, Timestamp};

use super::FORMAT_NOTED;
use super::bytes::{Malformed, Reader, checksum, put_fixed, put_number, unsealed};
use crate::LeftOut;

/// Whether something is noted of an entry, from its first byte.
pub(crate) fn is_noted(bytes: &[u8]) -> bool {
    bytes.first() == Some(&FORMAT_NOTED)
}

/// A commit, of which nothing is noted yet, with a note.
pub(crate) fn with_note(entry: &[u8], note: &LeftOut) -> Vec<u8> {
    let mut out = vec![FORMAT_NOTED];
    let text = |out: &mut Vec<u8>, text: &str| {
        put_number(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    };
    put_number(&mut out, note.changes);
    put_number(&mut out, note.observed.len() as u64);
    for (source, observed_at) in &note.observed {
        text(&mut out, source);
        put_fixed(&mut out, observed_at.0 as u64);
    }
    put_number(&mut out, note.news.as_ref().map_or(0, |news| news.len() as u64 + 1));
    note.news.iter().flatten().for_each(|source| text(&mut out, source));
    out.extend_from_slice(entry);
    let sum = checksum(&out);
    put_fixed(&mut out, sum);
    out
}

/// The entry, and what is noted of it.
pub(super) fn noted(bytes: &[u8]) -> Result<(&[u8], LeftOut), Malformed> {
    let mut bytes = unsealed(bytes)?;
    bytes.byte()?;
    let changes = bytes.number()?;
    let observed = bytes.count(9)?;
    let observed = (0..observed)
        .map(|_| Ok((source(&mut bytes)?, Timestamp(bytes.fixed()? as i64))))
        .collect::<Result<_, Malformed>>()?;
    let news = match bytes.count(1)?.checked_sub(1) {
        None => None,
        Some(count) => Some((0..count).map(|_| source(&mut bytes)).collect::<Result<_, _>>()?),
    };
    Ok((bytes.rest(), LeftOut { changes, observed, news }))
}

fn source(bytes: &mut Reader<'_>) -> Result<Source, Malformed> {
    Ok(Arc::from(bytes.text()?))
}

//! One file for each verb.

pub(crate) mod check;
pub(crate) mod drive;
pub(crate) mod figures;
pub(crate) mod predict;
pub(crate) mod programs;
pub(crate) mod serve;

use std::fmt::Display;
use std::str::FromStr;

use groma_lab::Flags;

/// A list of values with commas between them, or the usual ones.
fn list<T: FromStr<Err: Display>>(
    flags: &mut Flags,
    name: &str,
    usual: &str,
) -> Result<Vec<T>, String> {
    let text: Option<String> = flags.take(name)?;
    let text = text.as_deref().unwrap_or(usual);
    let read = |word: &str| word.parse().map_err(|error| format!("--{name} \"{word}\": {error}"));
    text.split(',').map(read).collect()
}

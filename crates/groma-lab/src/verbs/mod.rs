//! One file for each verb.

mod check;
mod drive;
mod figures;
mod predict;
mod programs;
mod serve;

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::{env, io};

use crate::flags::Flags;

/// Does what the words of a command line say; the first is the verb.
///
/// # Errors
/// One line for people: what was asked, why it cannot be, what to try.
pub fn run(words: impl Iterator<Item = String>) -> Result<(), String> {
    let mut words: VecDeque<String> = words.collect();
    let asks_for_help = |word: &String| ["help", "--help", "-h"].contains(&&**word);
    if words.is_empty() || words.iter().any(asks_for_help) {
        return say(include_str!("../help.txt"));
    }
    let verb = words.pop_front().unwrap_or_default();
    let flags = Flags::read(words.into_iter())?;
    match verb.as_str() {
        "serve" => serve::run(flags),
        "drive" => drive::run(flags),
        "check" => check::run(flags),
        "predict" => predict::run(flags),
        "programs" => programs::run(flags),
        "figures" => figures::run(flags),
        _ => Err(format!("there is no verb \"{verb}\"; groma-lab --help lists them")),
    }
}

/// Prints, and flushes: who reads may wait for it.
fn say(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// This program, to start servers with.
fn program() -> Result<PathBuf, String> {
    env::current_exe().map_err(|error| format!("cannot find itself: {error}"))
}

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

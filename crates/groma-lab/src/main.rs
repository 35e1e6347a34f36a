//! The command `groma-lab`.

mod verbs;

use std::io::{self, Write};
use std::process::ExitCode;

use groma_lab::Flags;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let verb = words.next().unwrap_or_default();
    match Flags::read(words).and_then(|flags| run(&verb, flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("groma-lab: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(verb: &str, flags: Flags) -> Result<(), String> {
    match verb {
        "serve" => verbs::serve::run(flags),
        "drive" => verbs::drive::run(flags),
        "check" => verbs::check::run(flags),
        "predict" => verbs::predict::run(flags),
        "programs" => verbs::programs::run(flags),
        "figures" => verbs::figures::run(flags),
        "help" | "--help" | "-h" | "" => say(include_str!("help.txt")),
        _ => Err(format!("there is no verb \"{verb}\"; groma-lab --help lists them")),
    }
}

/// Prints, and flushes: who reads may wait for it.
fn say(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// This program, to start servers with.
fn program() -> Result<std::path::PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("cannot find itself: {error}"))
}

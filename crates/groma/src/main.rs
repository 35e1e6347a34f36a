//! The `groma` command: one file per verb under `cli/`; each verb is one SQL statement.

mod ask;
mod cli;
mod figure;
mod output;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}

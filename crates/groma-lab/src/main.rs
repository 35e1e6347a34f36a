//! The command `groma-lab`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match groma_lab::run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("groma-lab: {error}");
            ExitCode::from(2)
        }
    }
}

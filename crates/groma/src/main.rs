//! The `groma` command.
fn main() {}

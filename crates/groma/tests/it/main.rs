//! The command as people call it.

mod called;
mod errors;
mod help;
mod killed;
mod verbs;

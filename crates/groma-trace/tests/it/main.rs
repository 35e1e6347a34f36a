//! Reconstruction against a naive oracle, and its rules one by one.

mod oracle;
mod replaying;
mod rules;

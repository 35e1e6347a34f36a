//! How we hear: one file per outside system.

//! Measures how a running program scales, without touching it.

//! How a running program scales.

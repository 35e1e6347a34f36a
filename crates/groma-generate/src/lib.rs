//! A data center and its traffic, made from a seed.

//! One binary, a module per concern.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod bad_input;
mod heard;
mod machine;
mod mapping;
mod netbox;
mod netbox_double;
mod paths;
mod small;
mod snmp;
mod suzieq;
mod tables;
mod traces;
mod traps;

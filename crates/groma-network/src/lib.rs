//! How packets go: layers 1 to 3, paths, reasons. Pure: a snapshot and a time in, answers out.
//!
//! ```text
//! Snapshot --Network::build--> devices, ports, cables, VLANs, addresses, tables, end points
//!                                   |
//!                    path(a, b)  <- walk (what devices do) <- flow (what share goes where)
//!                                   |
//!                    classify(source, destination, candidates) -> reason of a crossing
//! ```
//!
//! Nothing here knows of traffic. A path depends only on the groups of its two ends: where they
//! hang, their VLANs and what routing tables tell apart; so a million messages are table look-ups.
//!
//! To extend it: what one device does with a packet is in `walk`; who hangs where is in `attach`;
//! what a VLAN is carried on is in `vlan` and `switching`. A new trap met in the field becomes a
//! test in `tests/it` first.

mod access;
mod address;
mod attach;
mod builder;
mod compare;
mod dirty;
mod domain;
mod endpoint;
mod finding;
mod flow;
mod gateway;
mod group;
mod index;
mod inventory;
mod lines;
mod memo;
mod names;
mod network;
mod parts;
mod path;
mod problem;
mod read;
mod reason;
mod registry;
mod role;
mod routing;
mod shared;
mod shortest;
mod sighting;
mod switching;
mod update;
mod vlan;
mod walk;

pub use address::Mac;
pub use endpoint::{Attachment, Endpoint, Placement};
pub use index::{
    AccessIndex, CandidatesIndex, DeviceIndex, EndpointIndex, GroupIndex, LinkIndex, PathIndex,
    PortIndex, VlanIndex,
};
pub use inventory::{Device, Link, Port, PortMode, PortType, Role};
pub use network::Network;
pub use path::{
    Failure, HOPS_MAX, Hop, Layer, Path, PathClass, ROUTES_MAX, Route, RouteStep, Share,
};
pub use problem::PROBLEMS_MAX;
pub use read::LASTING_KINDS;
pub use reason::{AtHome, Cause, Classifier, Reason, Stretch, Verdict, classify};
pub use shared::SharedVec;
pub use update::Work;
pub use vlan::Vlan;

//! What a path is: classes, hops, alternatives.

use std::net::IpAddr;
use std::sync::Arc;

use crate::index::{DeviceIndex, LinkIndex, PathIndex, PortIndex, VlanIndex};

/// How a message fared. The classes exclude each other; of several that apply, the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathClass {
    /// An end point could not be attached to the network.
    Unplaced,
    /// An end point was seen in several places at once.
    Ambiguous,
    /// An end point lies outside the model; the hops go up to the exit.
    External,
    /// No route leads there, or the routes run in a circle.
    Unrouted,
    /// It touches a device beyond the access layer.
    Crossing,
    /// It stays on one machine or below the distribution layer.
    Local,
}

impl PathClass {
    /// All classes.
    pub const ALL: [PathClass; 6] = [
        PathClass::Local,
        PathClass::Crossing,
        PathClass::Unplaced,
        PathClass::Ambiguous,
        PathClass::External,
        PathClass::Unrouted,
    ];

    /// As tables show it: `LOCAL`, `CROSSING`, ...
    pub const fn name(self) -> &'static str {
        match self {
            PathClass::Local => "LOCAL",
            PathClass::Crossing => "CROSSING",
            PathClass::Unplaced => "UNPLACED",
            PathClass::Ambiguous => "AMBIGUOUS",
            PathClass::External => "EXTERNAL",
            PathClass::Unrouted => "UNROUTED",
        }
    }
}

/// How a packet is carried over a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Switched in a VLAN.
    L2,
    /// Routed.
    L3,
    /// Inside a VXLAN tunnel.
    Overlay,
}

impl Layer {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Layer::L2 => "L2",
            Layer::L3 => "L3",
            Layer::Overlay => "overlay",
        }
    }
}

/// One cable on a path, with the share of the packets that take it.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// How many cables lie before it on the shortest alternative; 0 is the first.
    pub step: u16,
    /// The device that sends; `None`: a machine that is no device of the model.
    pub device: Option<DeviceIndex>,
    /// The port it leaves by.
    pub port: Option<PortIndex>,
    /// The cable; `None`: how the two are joined is not known.
    pub link: Option<LinkIndex>,
    /// The device that receives; `None`: a machine that is no device of the model.
    pub peer_device: Option<DeviceIndex>,
    /// The port it arrives at.
    pub peer_port: Option<PortIndex>,
    /// Share of the packets, above 0 and at most 1.
    pub fraction: f64,
    /// The VLAN of the frame.
    pub vlan: Option<VlanIndex>,
    /// How it is carried.
    pub layer: Layer,
}

/// The share of packets over one attachment of an end point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Place in [`Endpoint::attachments`](crate::Endpoint::attachments).
    pub attachment: u16,
    /// Share of the packets, above 0 and at most 1.
    pub fraction: f64,
}

/// How the packets between two (groups of) end points go.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Its number in the network; the same for all pairs that go the same way.
    pub id: PathIndex,
    /// How it fares.
    pub class: PathClass,
    /// The cables, nearest to the source first. Of [`Network::shared_path`](crate::Network::shared_path):
    /// without the cables of the end points themselves.
    pub hops: Vec<Hop>,
    /// The source's cables.
    pub entry: Arc<[Share]>,
    /// The destination's cables.
    pub exit: Arc<[Share]>,
    /// Cables with an end beyond access, weighted by their shares; the end points' own included.
    pub distribution_hops: f64,
    /// All cables weighted by their shares; the end points' own included.
    pub link_hops: f64,
    /// How many different ways there are, at least 1 where anything is delivered.
    /// Counted up to [`ROUTES_MAX`].
    pub alternatives: u32,
    /// Share that some equal-cost branch would have discarded; the fractions are of the rest.
    pub lost: f64,
    /// Why it is unrouted.
    pub failure: Option<Failure>,
}

impl Path {
    /// Whether it touches a device beyond access.
    pub fn crosses(&self) -> bool {
        self.class == PathClass::Crossing
    }
}

/// Why a packet does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The source's VLAN has no gateway, or its address none of its own.
    NoGateway,
    /// A device has no route to the destination.
    NoRoute,
    /// A device discards it by a route.
    Dropped,
    /// A next hop cannot be found.
    NoNextHop,
    /// No switch path carries the VLAN.
    NoSwitchPath,
    /// It runs in a circle, or is longer than [`HOPS_MAX`].
    Loop,
    /// The network has more different paths than are kept.
    TooMany,
}

impl Failure {
    /// A sentence's end: "10.0.0.1 cannot reach 10.0.0.2: ...".
    pub const fn name(self) -> &'static str {
        match self {
            Failure::NoGateway => "no gateway serves the source",
            Failure::NoRoute => "a device on the way has no route",
            Failure::Dropped => "a route on the way discards it",
            Failure::NoNextHop => "a next hop cannot be found",
            Failure::NoSwitchPath => "no switch path carries the VLAN",
            Failure::Loop => "the routes run in a circle",
            Failure::TooMany => "the network has more paths than are kept",
        }
    }
}

/// Most devices on a path: the time to live of a packet.
pub const HOPS_MAX: usize = 64;

/// Most alternatives that are listed or counted.
pub const ROUTES_MAX: usize = 4096;

/// One alternative of a path, device by device.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its devices from the source to the destination.
    pub steps: Vec<RouteStep>,
    /// Share of the packets that go this way.
    pub fraction: f64,
}

/// A device on a route.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteStep {
    /// The device.
    pub device: DeviceIndex,
    /// The port it came in by; at its origin the port of the source's address.
    pub ingress: Option<PortIndex>,
    /// The port it goes out by; at its end the port of the destination's address.
    pub egress: Option<PortIndex>,
    /// The routing table used.
    pub vrf: Arc<str>,
    /// Who put the route there: `ospf`, `connected`, ...; `l2` when switched; empty at the end.
    pub protocol: Arc<str>,
    /// How it goes out.
    pub layer: Layer,
    /// Whether it came in or goes out inside a tunnel.
    pub overlay: bool,
    /// The VLAN it goes out in.
    pub vlan: Option<VlanIndex>,
    /// The next hop's address.
    pub next_hop: Option<IpAddr>,
    /// The tunnel end point it is sent to.
    pub vtep: Option<IpAddr>,
}

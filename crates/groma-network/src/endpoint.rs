//! What sends and receives: instances, processes, containers, machines, addresses.

use std::net::IpAddr;
use std::sync::Arc;

use groma_model::EntityRef;

use crate::address::Mac;
use crate::index::{AccessIndex, DeviceIndex, GroupIndex, LinkIndex, PortIndex, VlanIndex};

/// How surely an end point was attached to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Placement {
    /// It hangs on known switch ports, or is an address of a router.
    Placed,
    /// It was seen behind several switches that are no MLAG pair.
    Ambiguous,
    /// Neither a MAC table nor a cable says where it is.
    Unplaced,
    /// Its address is in no subnet of the model.
    External,
}

impl Placement {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Placement::Placed => "PLACED",
            Placement::Ambiguous => "AMBIGUOUS",
            Placement::Unplaced => "UNPLACED",
            Placement::External => "EXTERNAL",
        }
    }
}

/// A switch port that an end point hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The switch.
    pub device: DeviceIndex,
    /// Its port: the bundle, if there is one.
    pub port: PortIndex,
    /// The end point's own port, if it is a device of the model: the bundle, if there is one.
    pub near_port: Option<PortIndex>,
    /// The working cables between them; at least one.
    pub cables: Vec<LinkIndex>,
}

/// Where an end point is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind switch ports.
    Attached(Arc<[Attachment]>),
    /// It is an address of these devices themselves; several hold an anycast address.
    On(Vec<(DeviceIndex, PortIndex)>),
    /// Somewhere in this subnet.
    Within(u32),
    /// Outside, or nothing is known.
    Nowhere,
}

/// What can send or receive a message.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The entity it was made of; `None`: a bare address.
    pub entity: Option<EntityRef>,
    /// Key of the entity, or the address.
    pub name: Arc<str>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// MAC address that answers for it.
    pub mac: Option<Mac>,
    /// The VLAN it sends in.
    pub vlan: Option<VlanIndex>,
    /// The machine it runs on: two end points with the same number share one.
    pub host: u32,
    /// The machine as a device of the model.
    pub device: Option<DeviceIndex>,
    /// The machine's port that holds the address or leads to the switch.
    pub port: Option<PortIndex>,
    /// How surely it was placed.
    pub placement: Placement,
    /// The end points whose packets go the same way.
    pub group: GroupIndex,
    /// The access switch or pair it hangs on; `None`: not placed.
    pub access: Option<AccessIndex>,
    pub(crate) place: Place,
    /// End points of one VLAN that hang on the same switches and have no routing table of their own:
    /// all that a way without a router depends on.
    pub(crate) station: Option<u32>,
    pub(crate) subnet: Option<u32>,
    /// The longest prefix of any routing table that its address lies in.
    pub(crate) prefix: Option<u32>,
    /// The VLAN id that it was given.
    pub(crate) vid: Option<u16>,
}

impl Endpoint {
    /// The switch ports it hangs on; none when it is not placed, or an address of a router.
    pub fn attachments(&self) -> &[Attachment] {
        if let Place::Attached(attachments) = &self.place { attachments } else { &[] }
    }

    /// Whether both are known to run on one machine.
    pub fn shares_machine(&self, other: &Endpoint) -> bool {
        self.host == other.host && !self.stands_for_many()
    }

    /// Whether it stands for all addresses of a network, or of the outside, of which nothing else is known.
    fn stands_for_many(&self) -> bool {
        let nowhere = matches!(self.place, Place::Within(_) | Place::Nowhere);
        nowhere && self.entity.is_none() && self.mac.is_none()
    }
}

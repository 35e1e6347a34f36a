//! Groups: end points whose packets go the same way, told apart by all that a way depends on.

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::address::Mac;
use crate::endpoint::{Endpoint, Place, Placement};
use crate::index::{DeviceIndex, VlanIndex};
use crate::routing::Routing;
use crate::sighting::Sightings;
use crate::vlan::Vlans;

/// Numbers by what they stand for. A copy shares those that were given before it was made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    shared: Arc<FxHashMap<Box<[u32]>, u32>>,
    own: FxHashMap<Box<[u32]>, u32>,
}

impl Keys {
    pub(crate) fn get(&self, key: &[u32]) -> Option<u32> {
        self.shared.get(key).or_else(|| self.own.get(key)).copied()
    }

    /// The number of a key, and whether it is new.
    pub(crate) fn number(&mut self, key: Box<[u32]>) -> (u32, bool) {
        if let Some(known) = self.get(&key) {
            return (known, false);
        }
        let number = (self.shared.len() + self.own.len()) as u32;
        match Arc::get_mut(&mut self.shared) {
            Some(alone) if self.own.is_empty() => alone.insert(key, number),
            _ => self.own.insert(key, number),
        };
        (number, true)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u32], u32)> {
        self.shared.iter().chain(&self.own).map(|(key, number)| (&**key, *number))
    }
}
/// What the keys of groups and stations are made from.
#[derive(Clone, Copy)]
pub(crate) struct Keyer<'a> {
    pub(crate) vlans: &'a Vlans,
    pub(crate) routing: &'a Routing,
    pub(crate) sightings: &'a Sightings,
}
impl Keyer<'_> {
    /// Of what hangs nowhere that is known.
    pub(crate) fn unattached(
        self,
        ip: Option<IpAddr>,
        device: Option<DeviceIndex>,
        vid: Option<u16>,
        subnet: Option<u32>,
    ) -> (Place, Placement, Option<VlanIndex>) {
        let vlan = (vid.and_then(|vid| self.vlans.anywhere(vid)))
            .or_else(|| subnet.and_then(|s| self.routing.subnets[s as usize].vlan));
        match subnet {
            Some(subnet) => (Place::Within(subnet), Placement::Unplaced, vlan),
            None if ip.is_some() && device.is_none() => (Place::Nowhere, Placement::External, vlan),
            None => (Place::Nowhere, Placement::Unplaced, vlan),
        }
    }

    pub(crate) fn station_key(&self, endpoint: &Endpoint) -> Option<Box<[u32]>> {
        let own_table =
            endpoint.device.is_some_and(|device| self.routing.routed_devices.contains(&device));
        if own_table || endpoint.placement != Placement::Placed {
            return None;
        }
        let mut key = vec![self.vlans.root(endpoint.vlan?).0];
        key.extend(self.vtep_key(endpoint.mac));
        for attachment in endpoint.attachments() {
            key.extend([attachment.device.0, attachment.cables.len() as u32]);
        }
        (!endpoint.attachments().is_empty()).then(|| key.into())
    }

    /// The tunnel end point behind which a MAC was learnt, as a part of a key.
    fn vtep_key(&self, mac: Option<Mac>) -> [u32; 2] {
        match mac.and_then(|mac| self.sightings.vtep_of(mac)) {
            Some(IpAddr::V4(ip)) => [1, u32::from(ip)],
            Some(IpAddr::V6(ip)) => {
                let folded = ip.segments().iter().fold(7, |hash: u32, part| {
                    hash.wrapping_mul(65_599).wrapping_add(u32::from(*part))
                });
                [2, folded]
            }
            None => [0, 0],
        }
    }

    /// All that the way of a packet depends on.
    pub(crate) fn group_key(&self, endpoint: &Endpoint) -> Box<[u32]> {
        const NONE: u32 = u32::MAX;
        let own_table = endpoint
            .device
            .filter(|device| self.routing.routed_devices.contains(device))
            .map_or([NONE; 2], |device| [device.0, endpoint.port.map_or(NONE, |port| port.0)]);
        let mut key = vec![
            endpoint.placement as u32,
            endpoint.vlan.map_or(NONE, |vlan| vlan.0),
            endpoint.subnet.unwrap_or(NONE),
            endpoint.prefix.unwrap_or(NONE),
        ];
        key.extend(own_table);
        key.extend(self.vtep_key(endpoint.mac));
        match &endpoint.place {
            Place::Attached(attachments) => {
                key.push(0);
                for attachment in attachments.iter() {
                    key.extend([attachment.device.0, attachment.cables.len() as u32]);
                    if endpoint.vlan.is_none() {
                        key.push(attachment.port.0);
                    }
                }
            }
            Place::On(own) => {
                key.push(1);
                key.extend(own.iter().flat_map(|(device, port)| [device.0, port.0]));
            }
            Place::Within(_) => key.push(2),
            Place::Nowhere => key.push(3),
        }
        key.into()
    }
}

//! Finds end points by what people and programs call them.

use std::net::IpAddr;

use groma_model::EntityRef;

use crate::Network;
use crate::address::{parse_ip, parse_ip_and_port};
use crate::index::EndpointIndex;

/// Kinds that end points are made of, those nearest to the program first.
const KINDS: [&str; 6] = [
    "service.instance",
    "compute.process",
    "compute.container",
    "compute.vm",
    "compute.host",
    "physical.device",
];

impl Network {
    /// Finds an end point by the name of an instance, process, container, VM, host or device; by
    /// `noun/key`; by `ip:port` of an instance; by `ip` or `ip:port`; by a name that was merged into
    /// another. Any address is found: one that nobody holds stands for its network, and one outside
    /// all networks for the outside. `None`: neither a name that is known nor an address.
    pub fn endpoint(&self, name: &str) -> Option<EndpointIndex> {
        let name = name.trim();
        (self.registry.named(name))
            .or_else(|| self.endpoint_for(&self.entity_named(name)?))
            .or_else(|| self.registry.named(name.strip_prefix("device/")?))
            .or_else(|| self.endpoint_at_ip(parse_ip(name).or_else(|| parse_ip_and_port(name))?))
            .or_else(|| self.endpoint_merged(name))
    }

    /// The end point of an address.
    pub fn endpoint_at_ip(&self, ip: IpAddr) -> Option<EndpointIndex> {
        self.registry.at_ip(ip.to_canonical(), &self.routing)
    }

    /// The end point made of an entity: an instance, process, container, VM, host or device; also by
    /// a key that is merged into another.
    pub fn endpoint_for(&self, entity: &EntityRef) -> Option<EndpointIndex> {
        self.endpoint_of(entity)
            .or_else(|| self.endpoint_of(&self.snapshot.canonical(entity, self.at)))
    }

    fn endpoint_of(&self, entity: &EntityRef) -> Option<EndpointIndex> {
        self.registry.of_entity(entity).or_else(|| {
            let is_device = *self.snapshot.schema().kind(entity.kind).name == *"physical.device";
            self.registry.named(&entity.key).filter(|_| is_device)
        })
    }

    /// The end point that a name was merged into; of several kinds, the one nearest to the program.
    fn endpoint_merged(&self, name: &str) -> Option<EndpointIndex> {
        let kinds = KINDS.iter().filter_map(|kind| self.snapshot.schema().find(kind));
        kinds.into_iter().find_map(|kind| {
            let old = EntityRef { kind: kind.id, key: name.into() };
            let own = self.snapshot.canonical(&old, self.at);
            self.endpoint_of(&own).filter(|_| own != old)
        })
    }

    fn entity_named(&self, name: &str) -> Option<EntityRef> {
        let (noun, key) = name.split_once('/')?;
        let kind = self.snapshot.schema().kinds().iter().find(|kind| kind.noun() == noun)?;
        Some(EntityRef { kind: kind.id, key: key.into() })
    }
}

//! What a network consists of, but for what is remembered of paths, and the order in which it is read.

use std::sync::Arc;

use groma_model::Timestamp;
use groma_store::Snapshot;

use crate::access::AccessGroups;
use crate::builder::Builder;
use crate::inventory::Inventory;
use crate::lines::Lines;
use crate::problem::Problems;
use crate::read::Reader;
use crate::registry::Registry;
use crate::role::{derive_hosts, derive_tiers, infer_router_cables};
use crate::routing::Routing;
use crate::sighting::Sightings;
use crate::switching::Switching;
use crate::vlan::Vlans;

/// The parts of a network. Those behind an `Arc` are shared by networks that follow from each other.
pub(crate) struct Parts {
    pub(crate) inventory: Inventory,
    pub(crate) vlans: Arc<Vlans>,
    pub(crate) switching: Arc<Switching>,
    pub(crate) routing: Routing,
    pub(crate) sightings: Arc<Sightings>,
    pub(crate) access: Arc<AccessGroups>,
    pub(crate) registry: Registry,
    pub(crate) problems: Arc<Problems>,
}

impl Parts {
    pub(crate) fn read(snapshot: &Snapshot, at: Timestamp) -> Parts {
        let reader = Reader { snapshot, at };
        let mut problems = Problems::default();
        let mut inventory = Inventory::read(reader, &mut problems);
        let vlans = Vlans::read(reader, &mut inventory, &mut problems);
        let mut lines = Lines::read(reader, &mut inventory, &vlans);
        let sightings = Sightings::read(reader, &mut inventory);
        derive_hosts(reader, &mut inventory, &lines, &sightings);
        infer_router_cables(&mut inventory, &lines);
        derive_tiers(&mut inventory, &sightings);
        let domains = lines.settle(reader, &mut inventory, &vlans, &mut problems);
        let routing = Routing::new(lines, domains, &inventory);
        let switching = Switching::new(reader, &mut inventory, &vlans, &routing.routed_ports);
        let mut registry =
            Builder::build(reader, &mut inventory, &vlans, &routing, &sightings, &mut problems);
        let access = AccessGroups::new(&inventory);
        registry.settle_access(&access);
        Parts {
            inventory,
            vlans: Arc::new(vlans),
            switching: Arc::new(switching),
            routing,
            sightings: Arc::new(sightings),
            access: Arc::new(access),
            registry,
            problems: Arc::new(problems),
        }
    }
}

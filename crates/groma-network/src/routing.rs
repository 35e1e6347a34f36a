//! Layer 3 as it works: who answers for a gateway, which next hops are left, what a protocol finds.
//!
//! [`Lines`] is what was configured and captured, whatever works; [`Routing`] is what follows from it
//! while some ports work and others do not.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use crate::domain::Domain;
use crate::gateway::Subnet;
use crate::index::{DeviceIndex, PortIndex};
use crate::inventory::Inventory;
use crate::lines::Lines;
use crate::shared::SharedVec;

/// A line of a routing table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableRoute {
    pub(crate) protocol: Arc<str>,
    pub(crate) drop: bool,
    pub(crate) hops: Vec<NextHop>,
    /// Only the first next hop that is left is used: a network that several ports are connected to.
    pub(crate) first_only: bool,
    pub(crate) metric: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NextHop {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: Option<PortIndex>,
    pub(crate) vtep: Option<IpAddr>,
}

/// What a device does with an address: a line of its table with the next hops that are left.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) protocol: &'a Arc<str>,
    pub(crate) drop: bool,
    pub(crate) hops: Cow<'a, [NextHop]>,
}

/// All that routing needs. A copy shares what does not change.
#[derive(Debug, Clone)]
pub(crate) struct Routing {
    lines: Arc<Lines>,
    pub(crate) subnets: SharedVec<Subnet>,
    pub(crate) domains: Vec<Domain>,
}
impl Deref for Routing {
    type Target = Lines;

    fn deref(&self) -> &Lines {
        &self.lines
    }
}

impl Routing {
    /// What follows from the lines while some ports work and others do not.
    pub(crate) fn new(mut lines: Lines, domains: Vec<Domain>, inventory: &Inventory) -> Routing {
        let mut subnets: SharedVec<Subnet> =
            std::mem::take(&mut lines.subnets).into_iter().collect();
        for index in 0..subnets.len() {
            subnets[index].gateway = subnets[index].gateway_now(inventory, &lines.gateway_macs);
        }
        Routing { lines: Arc::new(lines), subnets, domains }
    }

    /// Finds out anew who answers for the gateways that depend on a device. Gives the subnets whose
    /// gateway is another one now.
    pub(crate) fn refresh_gateways(
        &mut self,
        inventory: &Inventory,
        device: DeviceIndex,
    ) -> Vec<u32> {
        let mut changed = Vec::new();
        for index in self.lines.subnets_of.get(&device).into_iter().flatten() {
            let subnet = &self.subnets[*index as usize];
            let gateway = subnet.gateway_now(inventory, &self.lines.gateway_macs);
            if subnet.gateway != gateway {
                self.subnets[*index as usize].gateway = gateway;
                changed.push(*index);
            }
        }
        changed
    }

    /// The best route of a device to an address. A line whose next hops all leave by ports that lead
    /// nowhere any more is withdrawn, as a router does it, so that a shorter prefix may win.
    pub(crate) fn route(
        &self,
        inventory: &Inventory,
        device: DeviceIndex,
        vrf: u16,
        ip: IpAddr,
    ) -> Option<Found<'_>> {
        let mut lines = self
            .tables
            .get(&(device, vrf))
            .into_iter()
            .flat_map(|table| table.matches(ip))
            .peekable();
        let domain = self.domains.iter().find_map(|domain| domain.seen_from(device, vrf));
        let mut announced = domain.into_iter().flat_map(|seen| seen.announced(ip)).peekable();
        loop {
            let line_first = match (lines.peek(), announced.peek()) {
                (None, None) => return None,
                (Some((line, _)), Some((net, _))) => line.prefix_len() >= net.prefix_len(),
                (line, _) => line.is_some(),
            };
            let found = match line_first {
                true => lines.next().and_then(|(_, line)| line.left(inventory)),
                false => announced.next().and_then(|(_, owners)| domain?.found(inventory, owners)),
            };
            if found.is_some() {
                return found;
            }
        }
    }
}
impl TableRoute {
    /// With the next hops that are left. `None`: there were some, and none is left.
    fn left(&self, inventory: &Inventory) -> Option<Found<'_>> {
        let leads_on = |hop: &NextHop| {
            hop.port.is_none_or(|port| hop.vtep.is_some() || inventory.leads_on(port))
        };
        let hops = match self.hops.iter().all(leads_on) {
            true => Cow::Borrowed(&self.hops[..]),
            false => Cow::Owned(self.hops.iter().copied().filter(leads_on).collect()),
        };
        if !self.drop && hops.is_empty() && !self.hops.is_empty() {
            return None;
        }
        let hops = match hops {
            Cow::Borrowed(hops) if self.first_only => Cow::Borrowed(&hops[..hops.len().min(1)]),
            Cow::Owned(hops) if self.first_only => Cow::Owned(hops[..1].to_vec()),
            hops => hops,
        };
        Some(Found { protocol: &self.protocol, drop: self.drop, hops })
    }
}

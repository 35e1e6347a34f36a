//! When the topology changed inside the log's window, and whom each change concerns.
//!
//! A message is costed with the network of its own time. Most changes move one machine, so that only
//! the traffic of its neighbours in a group has to look at another network than the last one; a change
//! that is not about a machine concerns everybody.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use groma_model::{EntityRef, Interval, Origin, Timestamp, Value};
use groma_network::{
    AccessIndex, EndpointIndex, LASTING_KINDS, Network, Placement, PortIndex, Role,
};
use groma_store::{Entity, Snapshot};

use crate::handover::HandedOver;
use crate::parties::Parties;
use crate::traffic::Epoch;

/// Most times in the log's window at which the topology may change, since each has a network of its
/// own; of more, the first are taken and a problem says so.
pub(crate) const EPOCHS_MAX: usize = 32;

/// Most such times if machines only change their VLAN or address, so that the network of now can stand
/// for most of them.
pub(crate) const EPOCHS_OF_MOVES_MAX: usize = 1_024;

/// When the topology changed inside the log's window.
#[derive(Debug, Default)]
pub(crate) struct EpochTimes {
    /// Nanoseconds since 1970, rising.
    pub(crate) taken: Vec<i64>,
    /// How many more there are.
    pub(crate) left_out: usize,
    /// What changed.
    changed: Vec<EntityRef>,
    /// When the window begins, if something changed after its end; `None`: its end is now.
    ended: Option<Timestamp>,
    /// Addresses that went from one machine to another.
    pub(crate) handed_over: HandedOver,
}

impl EpochTimes {
    /// Of the facts that begin or cease to hold inside the window.
    pub(crate) fn find(snapshot: &Snapshot, window: Interval) -> EpochTimes {
        let lasting = LASTING_KINDS.map(|kind| snapshot.schema().id(kind));
        let handed_over = HandedOver::find(snapshot);
        let mut epochs = EpochTimes::default();
        let inside = |time: &Timestamp| window.from < *time && *time < window.to;
        epochs.taken.extend(handed_over.times().filter(inside).map(|time| time.0));
        let after = |time: Timestamp| window.to <= time && time != Timestamp::MAX;
        let mut ended = handed_over.times().any(after);
        for entity in snapshot.all_entities() {
            let kind = snapshot.schema().kind(entity.id().kind);
            // What a site adds is no part of the topology.
            if kind.origin != Origin::BuiltIn
                || lasting.contains(&entity.id().kind) && !changes_value(entity)
            {
                continue;
            }
            let before = epochs.taken.len();
            let facts = entity
                .all_facts()
                .filter(|(attribute, _)| kind.attributes[*attribute].origin == Origin::BuiltIn);
            for time in facts.flat_map(|(_, fact)| [fact.valid.from, fact.valid.to]) {
                ended |= after(time);
                if window.from < time && time < window.to {
                    epochs.taken.push(time.0);
                }
            }
            if epochs.taken.len() > before {
                epochs.changed.push(entity.id().clone());
            }
        }
        epochs.taken.sort_unstable();
        epochs.taken.dedup();
        let only_moves = epochs.changed.iter().all(|entity| is_move(snapshot, entity));
        let taken_max = if only_moves { EPOCHS_OF_MOVES_MAX } else { EPOCHS_MAX };
        epochs.left_out = epochs.taken.len().saturating_sub(taken_max);
        epochs.taken.truncate(taken_max);
        epochs.ended = ended.then_some(window.from);
        epochs.handed_over = handed_over;
        epochs
    }

    /// A time inside each epoch, now for the last one if nothing changed since.
    pub(crate) fn inside(&self) -> Vec<Timestamp> {
        let before = self.taken.first().map(|first| Timestamp(first - 1));
        let mut times: Vec<Timestamp> =
            before.into_iter().chain(self.taken.iter().map(|time| Timestamp(*time))).collect();
        match times.last_mut() {
            Some(last) if self.ended.is_none() && self.left_out == 0 => *last = Timestamp::MAX,
            Some(_) => {}
            None => times.push(self.ended.unwrap_or(Timestamp::MAX)),
        }
        times
    }

    /// A network with its end points at a time. An address that is handed over is nowhere while nobody has
    /// it; the network, in which names outlive what they name, would find who had it before.
    pub(crate) fn epoch(&self, network: Arc<Network>, parties: &Parties, at: Timestamp) -> Epoch {
        let is_free = |party: u32| {
            let address = self.handed_over.address(&parties.parties[party as usize].name);
            address.is_some_and(|ip| self.handed_over.holder(ip, at).is_none())
        };
        Epoch::new(network, parties).without(is_free)
    }

    /// Parties that are addresses of which nobody knows in the last epoch who has them, since they went
    /// on to others after the last change that is taken into account.
    pub(crate) fn lost(&self, parties: &Parties) -> Vec<usize> {
        let Some(last) = self.taken.last().filter(|_| self.left_out > 0) else { return Vec::new() };
        let is_lost = |name: &str| {
            let address = self.handed_over.address(name);
            address.is_some_and(|ip| self.handed_over.changes_from(ip, Timestamp(last + 1)))
        };
        let parties = parties.parties.iter().enumerate();
        parties.filter(|(_, party)| is_lost(&party.name)).map(|(number, _)| number).collect()
    }

    /// The parties whose traffic must be looked at epoch by epoch.
    pub(crate) fn concern(
        &self,
        snapshot: &Snapshot,
        network: &Network,
        parties: &Parties,
    ) -> Concern {
        let finder = MachineFinder::new(snapshot, network);
        let mut machines = HashSet::new();
        let mut names: HashSet<&str> = HashSet::new();
        for entity in &self.changed {
            if &*snapshot.schema().kind(entity.kind).name == "service.instance" {
                names.insert(&entity.key);
                continue;
            }
            match finder.machine(entity) {
                Some(machine) => machines.insert(machine),
                None => return Concern::Everybody,
            };
        }
        let moved = |name: &str| {
            let endpoint = network.endpoint(name).map(|endpoint| network.endpoint_at(endpoint));
            let device = endpoint.and_then(|endpoint| endpoint.device);
            names.contains(name)
                || device.is_some_and(|device| machines.contains(&network.device(device).name))
        };
        let goes_over = |name: &str| self.handed_over.address(name).is_some();
        let mut concerned: Vec<bool> = (parties.parties.iter())
            .map(|party| goes_over(&party.name) || moved(&party.name))
            .collect();
        // Who could have been called instead counts as well.
        for group in &parties.groups {
            if group.members.iter().any(|member| concerned[*member]) {
                group.members.iter().for_each(|member| concerned[*member] = true);
            }
        }
        Concern::Parties(concerned)
    }
}

/// The end points of an earlier time on the network of now, if all that changed since is the VLAN that
/// machines are in: a path depends only on where its ends hang and on their VLANs, so that another end
/// point of the same access switches and VLAN stands for the machine as it was. `None`: more changed, or
/// nothing hangs there today; then that time needs a network of its own.
pub(crate) struct StandIns<'a> {
    snapshot: &'a Snapshot,
    network: &'a Network,
    handed_over: &'a HandedOver,
    by_place: HashMap<(AccessIndex, u16), EndpointIndex>,
}

impl<'a> StandIns<'a> {
    pub(crate) fn new(
        epochs: &'a EpochTimes,
        snapshot: &'a Snapshot,
        network: &'a Network,
    ) -> Option<StandIns<'a>> {
        let only_moves = epochs.changed.iter().all(|entity| is_move(snapshot, entity));
        only_moves.then(|| {
            let places = network.endpoints().iter().enumerate().filter_map(|(index, endpoint)| {
                let vlan = network.vlans()[endpoint.vlan?.index()].vid;
                let placed =
                    endpoint.placement == Placement::Placed && !endpoint.attachments().is_empty();
                placed.then_some(((endpoint.access?, vlan), EndpointIndex::from(index)))
            });
            let handed_over = &epochs.handed_over;
            StandIns { snapshot, network, handed_over, by_place: places.collect() }
        })
    }

    /// The end points of an earlier time, given those of now.
    pub(crate) fn endpoints_at(
        &self,
        at: Timestamp,
        now: &[Option<EndpointIndex>],
        parties: &Parties,
        concern: &Concern,
    ) -> Option<Vec<Option<EndpointIndex>>> {
        let of = |(party, endpoint): (usize, &Option<EndpointIndex>)| match endpoint {
            _ if let Some(ip) = self.handed_over.address(&parties.parties[party].name) => {
                match self.handed_over.holder(ip, at) {
                    Some(holder) => {
                        self.endpoint_at(at, self.network.endpoint_for(holder)?).map(Some)
                    }
                    None => Some(None),
                }
            }
            Some(endpoint) if concern.touches(party as u32, party as u32) => {
                self.endpoint_at(at, *endpoint).map(Some)
            }
            unmoved => Some(*unmoved),
        };
        now.iter().enumerate().map(of).collect()
    }

    fn endpoint_at(&self, at: Timestamp, now: EndpointIndex) -> Option<EndpointIndex> {
        let endpoint = self.network.endpoint_at(now);
        let Some(attachment) = endpoint.attachments().first() else { return Some(now) };
        let own = endpoint.entity.as_ref().and_then(|entity| self.vlan_of_machine(entity, at));
        let vlan = own.or_else(|| {
            let port = self.snapshot.get(
                self.snapshot.schema().id("physical.port"),
                &self.network.port_label(attachment.port),
            )?;
            self.value(port, "access_vlan", at)?.as_integer()
        });
        let vlan_now = endpoint.vlan.map(|vlan| self.network.vlans()[vlan.index()].vid);
        match vlan.and_then(|vlan| u16::try_from(vlan).ok()) {
            Some(vlan) if Some(vlan) != vlan_now => {
                self.by_place.get(&(endpoint.access?, vlan)).copied()
            }
            _ => Some(now),
        }
    }

    /// The VLAN of the virtual machine that an entity runs on, if it is one with a VLAN of its own.
    fn vlan_of_machine(&self, entity: &EntityRef, at: Timestamp) -> Option<i64> {
        let mut id = entity.clone();
        for _ in 0..RUNS_ON_MAX {
            let entity = self.snapshot.entity(&id)?;
            if let Some(vlan) = self.value(entity, "vlan", at) {
                return vlan.as_integer();
            }
            id = self.value(entity, "runs_on", at)?.as_reference()?.clone();
        }
        None
    }

    fn value(&self, entity: &'a Entity, attribute: &str, at: Timestamp) -> Option<&'a Value> {
        let kind = self.snapshot.schema().kind(entity.id().kind);
        entity.lasting_value_at(kind.attribute(attribute)?, at)
    }
}

/// Longest chain of `runs_on` that is followed: instance, process, container, machine, and some room.
const RUNS_ON_MAX: usize = 8;

/// Whether all that changed about an entity is the VLAN that it is in, or an address.
fn is_move(snapshot: &Snapshot, entity: &EntityRef) -> bool {
    let kind = snapshot.schema().kind(entity.kind);
    let may_change: &[&str] = match &*kind.name {
        "network.address" => return true,
        "physical.port" => &["access_vlan"],
        "compute.host" => &["address"],
        "compute.vm" => &["address", "vlan"],
        _ => return false,
    };
    snapshot.entity(entity).is_some_and(|entity| {
        entity.all_facts().all(|(attribute, fact)| {
            fact.valid == Interval::ALWAYS
                || may_change.contains(&&*kind.attributes[attribute].name)
        })
    })
}

/// Whom changes of the topology concern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Concern {
    /// All traffic.
    Everybody,
    /// Traffic from or to these parties, by number.
    Parties(Vec<bool>),
}

impl Concern {
    /// Whether traffic between two parties depends on the epoch.
    #[inline]
    pub(crate) fn touches(&self, caller: u32, callee: u32) -> bool {
        match self {
            Concern::Everybody => true,
            Concern::Parties(concerned) => concerned[caller as usize] || concerned[callee as usize],
        }
    }
}

/// Whether an attribute holds one value at one time and another one at another. An instance that only
/// comes or goes is found under its name all the same.
fn changes_value(entity: &Entity) -> bool {
    let mut seen: HashMap<usize, &Option<Value>> = HashMap::new();
    entity
        .all_facts()
        .any(|(attribute, fact)| *seen.entry(attribute).or_insert(&fact.value) != &fact.value)
}

/// Finds the machine that a change is about.
struct MachineFinder<'a> {
    snapshot: &'a Snapshot,
    network: &'a Network,
    ports: HashMap<String, PortIndex>,
    /// The machine at the other end of a switch port's cable.
    behind: HashMap<PortIndex, Arc<str>>,
}

impl<'a> MachineFinder<'a> {
    fn new(snapshot: &'a Snapshot, network: &'a Network) -> MachineFinder<'a> {
        let ports = (0..network.ports().len()).map(PortIndex::from);
        let ports = ports.map(|port| (network.port_label(port), port)).collect();
        let is_host =
            |port: PortIndex| network.device(network.port(port).device).role == Role::Host;
        let ends = network.links().iter().filter_map(|link| Some((link.a, link.b?)));
        let behind = ends
            .flat_map(|(a, b)| [(a, b), (b, a)])
            .filter(|(near, far)| !is_host(*near) && is_host(*far))
            .map(|(near, far)| (near, Arc::clone(&network.device(network.port(far).device).name)))
            .collect();
        MachineFinder { snapshot, network, ports, behind }
    }

    /// `None`: the change is not about one machine.
    fn machine(&self, entity: &EntityRef) -> Option<Arc<str>> {
        let kind = self.snapshot.schema().kind(entity.kind);
        let value = |attribute: &str| {
            let entity = self.snapshot.entity(entity)?;
            entity.lasting_value_at(kind.attribute(attribute)?, Timestamp::MAX)?.as_reference()
        };
        let port = match &*kind.name {
            "compute.host" => {
                return Some(value("device").map_or(&entity.key, |device| &device.key).clone());
            }
            "compute.vm" => return self.machine(value("host")?),
            "physical.port" => *self.ports.get(&*entity.key)?,
            "network.address" => *self.ports.get(&*value("port")?.key)?,
            _ => return None,
        };
        let device = self.network.device(self.network.port(port).device);
        match device.role {
            Role::Host => Some(Arc::clone(&device.name)),
            _ => self.behind.get(&port).cloned(),
        }
    }
}

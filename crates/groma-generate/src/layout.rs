//! The data center: who stands where, and how far it is from one to another.
//!
//! ```text
//!                 edge-a  edge-b                         the outside
//!                     core-a/b                           1 pair
//!     dist0a/b    dist1a/b    dist2a/b    dist3a/b       4 pairs, gateway of every VLAN
//!      /   \                                             access pair a hangs on pair a mod 4
//!  acc00a/b  acc04a/b ...                                48 end-of-row pairs
//!  148 machines each, on both switches of their pair
//! ```
//!
//! Access pairs 0 to 23 carry the ESB in three groups of eight; a farm has two instances on every
//! pair of its group. Services are homed on a group and have a replica on each of its pairs, but
//! the least popular live elsewhere.

use std::sync::Arc;

use crate::Plan;
use crate::dice::Dice;

pub(crate) const ACCESS_PAIRS: usize = 48;
pub(crate) const DISTRIBUTION_PAIRS: usize = 4;
pub(crate) const MACHINES: usize = 7_118;
pub(crate) const GROUPS: usize = 3;
pub(crate) const PAIRS_PER_GROUP: usize = 8;
pub(crate) const FARMS_PER_GROUP: usize = 8;
pub(crate) const FARMS: usize = GROUPS * FARMS_PER_GROUP;
pub(crate) const INSTANCES_PER_FARM: usize = 16;
pub(crate) const ESB_INSTANCES: usize = FARMS * INSTANCES_PER_FARM;
pub(crate) const SERVICES: usize = 400;
pub(crate) const APPLICATIONS: usize = 60;
pub(crate) const APP_VLANS: usize = 12;
/// Machines of an access pair in each application VLAN, and in the ESB VLAN beside the ESB's own.
const APP_MACHINES: usize = 5;
const ESB_VLAN_APP_MACHINES: usize = 3;
const ESB_MACHINES: usize = FARMS_PER_GROUP * INSTANCES_PER_FARM / PAIRS_PER_GROUP;
/// Services from this rank on may live in an ESB VLAN; the few largest would overshoot the share.
const ESB_VLAN_RANK_MIN: usize = 20;
const FAR_REPLICAS: usize = 2;
/// Of every tenth service without replicas near the ESB, the two replicas differ in version.
const PINNED_EVERY: usize = 10;
pub(crate) const CLIENTS: usize = 2_000;

/// A VLAN by its place in [`VLANS`].
pub(crate) type VlanIndex = usize;
const APP_VLAN_FIRST: VlanIndex = GROUPS;
pub(crate) const OTHER_VLAN: VlanIndex = GROUPS + APP_VLANS;
pub(crate) const EDGE_VLAN: VlanIndex = OTHER_VLAN + 1;
pub(crate) const VLANS: usize = EDGE_VLAN + 1;

/// What sends and receives messages: an instance of the ESB or a replica of a service.
/// The first [`ESB_INSTANCES`] slots are the ESB's, sixteen of each farm in a row.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) pair: usize,
    pub(crate) vlan: VlanIndex,
    pub(crate) machine: usize,
    /// Name in the message log, and the one it gets by a restart with the time of that.
    pub(crate) name: u32,
    pub(crate) restart: Option<(i64, u32)>,
}

/// A service and where its replicas are among the slots.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: u32,
    pub(crate) group: usize,
    /// Whether it has a replica on every access pair of its group.
    pub(crate) near: bool,
    /// Whether its replicas are of different versions and cannot stand in for each other.
    pub(crate) pinned: bool,
    pub(crate) first_replica: usize,
    pub(crate) replica_count: usize,
}

/// A machine moves to another application VLAN.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    pub(crate) machine: usize,
    pub(crate) to: VlanIndex,
    pub(crate) at_ns: i64,
}

/// All that does not depend on the scale.
pub(crate) struct Layout {
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) services: Vec<Service>,
    /// Services of each group with the cumulative share of the group's volume.
    pub(crate) group_services: [Vec<(f64, usize)>; GROUPS],
    /// Cumulative volume of the groups.
    pub(crate) group_volume: [f64; GROUPS],
    pub(crate) clients_first: u32,
    pub(crate) moves: Vec<Move>,
    /// Clock error of an ESB instance in nanoseconds; only those that have one.
    pub(crate) skews: Vec<(usize, i64)>,
}

impl Layout {
    pub(crate) fn new(plan: &Plan) -> Layout {
        let mut dice = Dice::new(plan.seed, 1);
        let mut layout = Layout {
            names: Vec::new(),
            slots: Vec::new(),
            services: Vec::new(),
            group_services: Default::default(),
            group_volume: [0.0; GROUPS],
            clients_first: 0,
            moves: Vec::new(),
            skews: Vec::new(),
        };
        layout.place_esb();
        layout.place_services(plan, &mut dice);
        layout.clients_first = layout.names.len() as u32;
        for client in 0..CLIENTS {
            let (network, host) = (["198.51.100", "203.0.113"][client % 2], 1 + client / 2 % 250);
            layout.name(format!("{network}.{host}:{}", 5_001 + client / 500));
        }
        layout.break_things(plan, &mut dice);
        layout
    }

    fn name(&mut self, name: String) -> u32 {
        self.names.push(name.into());
        self.names.len() as u32 - 1
    }

    fn place_esb(&mut self) {
        for farm in 0..FARMS {
            let group = group_of_farm(farm);
            for member in 0..INSTANCES_PER_FARM {
                // Neighbours in the round robin stand on different access pairs.
                let (row, copy) = (member % PAIRS_PER_GROUP, member / PAIRS_PER_GROUP);
                let pair = group * PAIRS_PER_GROUP + row;
                let machine = first_machine(pair) + farm / GROUPS * 2 + copy;
                let name = self.name(format!("esb-f{farm:02}-p{pair:02}-{copy}"));
                self.slots.push(Slot { pair, vlan: group, machine, name, restart: None });
            }
        }
    }

    fn place_services(&mut self, plan: &Plan, dice: &mut Dice) {
        let volumes = zipf(plan.traffic.service_exponent);
        let near = near_services(&volumes, plan.traffic.far_volume_share);
        let in_esb_vlan = esb_vlan_services(&volumes, &near, plan.traffic.esb_vlan_volume_share);
        let mut totals = [0.0; GROUPS];
        let mut machines_used = vec![0usize; ACCESS_PAIRS * VLANS];
        for service in 0..SERVICES {
            let group = least(&totals);
            totals[group] += volumes[service];
            let vlan =
                if in_esb_vlan[service] { group } else { APP_VLAN_FIRST + service % APP_VLANS };
            let pairs = if near[service] {
                (group * PAIRS_PER_GROUP..(group + 1) * PAIRS_PER_GROUP).collect()
            } else {
                far_pairs(dice)
            };
            let first_replica = self.slots.len();
            for &pair in &pairs {
                let used = &mut machines_used[pair * VLANS + vlan];
                let machine = app_machine(pair, vlan, *used);
                *used += 1;
                let name = self.name(format!("svc-{service:03}-p{pair:02}"));
                self.slots.push(Slot { pair, vlan, machine, name, restart: None });
            }
            let name = self.name(format!("service-{service:03}"));
            self.services.push(Service {
                name,
                group,
                near: near[service],
                pinned: !near[service] && service.is_multiple_of(PINNED_EVERY),
                first_replica,
                replica_count: pairs.len(),
            });
            self.group_services[group].push((totals[group], service));
        }
        let mut sum = 0.0;
        for (group, total) in totals.into_iter().enumerate() {
            for (cumulative, _) in &mut self.group_services[group] {
                *cumulative /= total;
            }
            sum += total;
            self.group_volume[group] = sum;
        }
    }

    fn break_things(&mut self, plan: &Plan, dice: &mut Dice) {
        let faults = &plan.faults;
        let at = |dice: &mut Dice| {
            plan.start_ns + (dice.between(0.1, 0.9) * plan.window_seconds * 1e9) as i64
        };
        for restart in 0..faults.restarts {
            let slot = match restart % 2 {
                0 => dice.below(ESB_INSTANCES),
                _ => ESB_INSTANCES + dice.below(self.slots.len() - ESB_INSTANCES),
            };
            if self.slots[slot].restart.is_none() {
                let after = format!("{}-r1", self.names[self.slots[slot].name as usize]);
                let time = at(dice);
                self.slots[slot].restart = Some((time, self.name(after)));
            }
        }
        for _ in 0..faults.vlan_moves {
            let service = &self.services[dice.below(SERVICES)];
            let slot = &self.slots[service.first_replica + dice.below(service.replica_count)];
            let machine = slot.machine;
            // From one application VLAN to another: distances stay, addresses and attachments change.
            let movable = slot.vlan >= APP_VLAN_FIRST
                && !self.moves.iter().any(|earlier| earlier.machine == machine);
            let step = 1 + dice.below(APP_VLANS - 1);
            let to =
                APP_VLAN_FIRST + (slot.vlan - slot.vlan.min(APP_VLAN_FIRST) + step) % APP_VLANS;
            let at_ns = at(dice);
            if movable {
                self.moves.push(Move { machine, to, at_ns });
            }
        }
        while self.skews.len() < faults.skewed_instances {
            let slot = dice.below(ESB_INSTANCES);
            let error = dice.between(faults.skew_min_seconds, faults.skew_max_seconds) * 1e9;
            let error = if dice.chance(0.5) { -error } else { error };
            if self.skews.iter().all(|(skewed, _)| *skewed != slot) {
                self.skews.push((slot, error as i64));
            }
        }
    }

    /// A service by the volume of all.
    pub(crate) fn any_service(&self, dice: &mut Dice) -> usize {
        let unit = dice.unit();
        let group = self.group_volume.partition_point(|sum| *sum <= unit);
        self.service_of_group(group.min(GROUPS - 1), dice)
    }

    /// A service by the volume of those homed on the group.
    pub(crate) fn service_of_group(&self, group: usize, dice: &mut Dice) -> usize {
        let services = &self.group_services[group];
        let unit = dice.unit();
        let index = services.partition_point(|(cumulative, _)| *cumulative <= unit);
        services[index.min(services.len() - 1)].1
    }

    /// Links of a message that end on a distribution or core switch: 0 local, 2 over one
    /// distribution pair, 4 over the core.
    pub(crate) fn hops(&self, from: usize, to: usize) -> u64 {
        let (from, to) = (&self.slots[from], &self.slots[to]);
        if from.pair == to.pair && from.vlan == to.vlan {
            0
        } else if from.pair % DISTRIBUTION_PAIRS == to.pair % DISTRIBUTION_PAIRS {
            2
        } else {
            4
        }
    }
}

/// Farms of the groups alternate.
pub(crate) fn group_of_farm(farm: usize) -> usize {
    farm % GROUPS
}

/// Index of the first machine of an access pair.
pub(crate) fn first_machine(pair: usize) -> usize {
    pair * (MACHINES / ACCESS_PAIRS) + pair.min(MACHINES % ACCESS_PAIRS)
}

/// The VLAN of a machine at the start of the window. ESB machines come first on a pair that has
/// them, then those of the applications, then all others.
pub(crate) fn vlan_of_machine(pair: usize, machine: usize) -> VlanIndex {
    let mut index = machine - first_machine(pair);
    if let Some(group) = group_of_pair(pair) {
        if index < ESB_MACHINES + ESB_VLAN_APP_MACHINES {
            return group;
        }
        index -= ESB_MACHINES + ESB_VLAN_APP_MACHINES;
    }
    if index < APP_VLANS * APP_MACHINES {
        APP_VLAN_FIRST + index / APP_MACHINES
    } else {
        OTHER_VLAN
    }
}

/// The ESB group of an access pair, if it carries one.
pub(crate) fn group_of_pair(pair: usize) -> Option<usize> {
    (pair < GROUPS * PAIRS_PER_GROUP).then_some(pair / PAIRS_PER_GROUP)
}

/// The machine for the next replica in a VLAN of an access pair.
fn app_machine(pair: usize, vlan: VlanIndex, used: usize) -> usize {
    let first = first_machine(pair);
    if vlan < APP_VLAN_FIRST {
        return first + ESB_MACHINES + used % ESB_VLAN_APP_MACHINES;
    }
    let esb = match group_of_pair(pair) {
        Some(_) => ESB_MACHINES + ESB_VLAN_APP_MACHINES,
        None => 0,
    };
    first + esb + (vlan - APP_VLAN_FIRST) * APP_MACHINES + used % APP_MACHINES
}

fn zipf(exponent: f64) -> Vec<f64> {
    let weights: Vec<f64> = (0..SERVICES).map(|rank| ((rank + 1) as f64).powf(-exponent)).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// All but the least popular services, which make up `far_share` of the volume.
fn near_services(volumes: &[f64], far_share: f64) -> Vec<bool> {
    let mut far = 0.0;
    let mut near = vec![true; volumes.len()];
    for (service, volume) in volumes.iter().enumerate().rev() {
        far += volume;
        if far > far_share {
            break;
        }
        near[service] = false;
    }
    near
}

fn esb_vlan_services(volumes: &[f64], near: &[bool], share: f64) -> Vec<bool> {
    let mut sum = 0.0;
    let mut chosen = vec![false; volumes.len()];
    for service in ESB_VLAN_RANK_MIN..volumes.len() {
        if near[service] && sum + volumes[service] <= share {
            sum += volumes[service];
            chosen[service] = true;
        }
    }
    chosen
}

/// Different access pairs without ESB.
fn far_pairs(dice: &mut Dice) -> Vec<usize> {
    let first = GROUPS * PAIRS_PER_GROUP;
    let mut pairs = Vec::with_capacity(FAR_REPLICAS);
    while pairs.len() < FAR_REPLICAS {
        let pair = first + dice.below(ACCESS_PAIRS - first);
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs
}

fn least(totals: &[f64; GROUPS]) -> usize {
    (0..GROUPS).min_by(|a, b| totals[*a].total_cmp(&totals[*b])).unwrap_or(0)
}

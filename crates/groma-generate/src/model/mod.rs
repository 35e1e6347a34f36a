//! The layout as observations: what an importer would hear about the data center.

mod machines;
mod network;
mod software;

use std::borrow::Cow;

use groma_model::{Interval, Observation, Raw, Timestamp};

use crate::Plan;
use crate::layout::{
    ACCESS_PAIRS, APP_VLANS, EDGE_VLAN, GROUPS, Layout, OTHER_VLAN, VlanIndex, first_machine,
    vlan_of_machine,
};

/// All observations; their number does not depend on the scale.
pub(crate) fn observe(layout: &Layout, plan: &Plan) -> Vec<Observation> {
    let mut world = World { layout, at: Timestamp(plan.start_ns), observations: Vec::new() };
    world.network();
    world.machines();
    world.software();
    world.observations
}

/// Collects observations; one time for all.
struct World<'a> {
    layout: &'a Layout,
    at: Timestamp,
    observations: Vec<Observation>,
}

impl World<'_> {
    fn add<const N: usize>(
        &mut self,
        kind: &'static str,
        key: impl Into<String>,
        attributes: [(&'static str, Raw); N],
    ) {
        self.add_during(kind, key, Interval::ALWAYS, attributes);
    }

    fn add_during<const N: usize>(
        &mut self,
        kind: &'static str,
        key: impl Into<String>,
        valid: Interval,
        attributes: [(&'static str, Raw); N],
    ) {
        let mut observation = Observation::new(kind, key, self.at);
        observation.valid = valid;
        observation.attributes =
            attributes.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        self.observations.push(observation);
    }

    /// What holds for ever and what holds for a time: in one observation where it is the same.
    fn add_with<const N: usize, const M: usize>(
        &mut self,
        kind: &'static str,
        key: &str,
        always: [(&'static str, Raw); N],
        during: &[(Interval, [(&'static str, Raw); M])],
    ) {
        self.add(kind, key, always);
        for (valid, attributes) in during {
            if *valid == Interval::ALWAYS
                && let Some(observation) = self.observations.last_mut()
            {
                let more = attributes.iter().cloned();
                observation
                    .attributes
                    .extend(more.map(|(name, value)| (Cow::Borrowed(name), value)));
            } else {
                self.add_during(kind, key, *valid, attributes.clone());
            }
        }
    }

    /// The VLANs of a machine with the time for which each holds; one, or two if it moves.
    fn vlans(&self, machine: Machine) -> Vec<(VlanIndex, Interval)> {
        let vlan = vlan_of_machine(machine.pair, machine.index);
        match self.layout.moves.iter().find(|moved| moved.machine == machine.index) {
            None => vec![(vlan, Interval::ALWAYS)],
            Some(moved) => {
                let at = Timestamp(moved.at_ns);
                vec![
                    (vlan, Interval { from: Timestamp::MIN, to: at }),
                    (moved.to, Interval { from: at, to: Timestamp::MAX }),
                ]
            }
        }
    }
}

/// A machine by its number in the data center.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) pair: usize,
    pub(crate) index: usize,
}

impl Machine {
    pub(crate) fn of(index: usize) -> Machine {
        let pair = (0..ACCESS_PAIRS).rev().find(|pair| first_machine(*pair) <= index).unwrap_or(0);
        Machine { pair, index }
    }

    fn number(self) -> usize {
        self.index - first_machine(self.pair)
    }

    pub(crate) fn name(self) -> String {
        format!("m{:02}-{:03}", self.pair, self.number())
    }

    fn mac(self) -> String {
        format!("02:00:00:00:{:02x}:{:02x}", self.index >> 8, self.index & 255)
    }

    /// Its address in a VLAN: the third and fourth numbers are those of the machine.
    fn address(self, vlan: VlanIndex) -> String {
        format!("{}.{}.{}", network(vlan), self.pair, self.number() + 2)
    }
}

/// VLAN id.
pub(crate) fn vid(vlan: VlanIndex) -> i64 {
    match vlan {
        _ if vlan < GROUPS => 11 + vlan as i64,
        _ if vlan < GROUPS + APP_VLANS => 101 + (vlan - GROUPS) as i64,
        OTHER_VLAN => 200,
        EDGE_VLAN => 900,
        _ => 0,
    }
}

/// First two numbers of the VLAN's /16.
fn network(vlan: VlanIndex) -> String {
    match vlan {
        EDGE_VLAN => "10.250".into(),
        _ => format!("10.{}", vid(vlan)),
    }
}

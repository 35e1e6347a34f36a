//! What if balancers chose otherwise: the recorded calls replayed with the groups of a fork.
//!
//! A group is replayed if its database says `nearest` and `live`, where the calls were recorded,
//! does not. Nearness is that of the network as it is now in the fork.

use std::collections::HashMap;
use std::sync::Arc;

use groma_network::{EndpointIndex, GroupIndex, Network, Placement, VlanIndex};
use groma_trace::replay::{
    Choice, Following, Moved, NOT_ANY, ReplayGroup, ReplayPlan, ReplayTotals,
};
use groma_trace::{Calls, MatrixCell, Reconstruction};

use crate::alike::Alike;
use crate::parties::{Balancing, Parties};

/// Which groups choose otherwise than when the calls were recorded; empty if none does.
pub(crate) fn choices(now: &Parties, recorded: &Parties) -> Vec<Choice> {
    let before: HashMap<_, _> =
        recorded.groups.iter().map(|group| (&group.owner, group.balancing)).collect();
    let choice = |group: &crate::parties::Group| match (group.balancing, before.get(&group.owner)) {
        (Balancing::Nearest { .. }, Some(Balancing::Nearest { .. })) => Choice::Recorded,
        (Balancing::Nearest { load_cap }, _) => {
            Choice::Nearest { headroom: load_cap.map(|cap| cap - 1.0) }
        }
        (Balancing::RoundRobin, _) => Choice::Recorded,
    };
    let choices: Vec<Choice> = now.groups.iter().map(choice).collect();
    if choices.iter().all(|choice| *choice == Choice::Recorded) { Vec::new() } else { choices }
}

/// Chooses members of groups anew.
pub(crate) struct Balancer {
    groups: Vec<ReplayGroup>,
    group_of_party: Vec<u32>,
    places: Places,
    network: Arc<Network>,
}

/// What balancing anew came to.
#[derive(Clone)]
pub(crate) struct Rebalanced {
    /// Calls taken by each party as recorded, by its number.
    pub(crate) calls_before: Vec<u64>,
    /// Calls taken by each party now, by its number.
    pub(crate) calls_after: Vec<u64>,
    balancer: Arc<Balancer>,
}

impl Balancer {
    pub(crate) fn new(parties: &Parties, choices: &[Choice], network: &Arc<Network>) -> Balancer {
        let groups = (parties.groups.iter().zip(choices))
            .map(|(group, choice)| ReplayGroup {
                members: group.members.iter().map(|member| *member as u32).collect(),
                choice: *choice,
            })
            .collect();
        let group_of_party = (parties.parties.iter())
            .map(|party| party.group.map_or(NOT_ANY, |group| group as u32))
            .collect();
        let places = Places::of(parties, network);
        Balancer { groups, group_of_party, places, network: Arc::clone(network) }
    }

    /// Replays the calls: what moves from one place to another, by where `key` says that a call of a
    /// caller, a callee and an epoch counts.
    fn replay(
        &self,
        calls: &[Calls],
        key: impl Fn(u32, u32, u32) -> (u32, u32, u32) + Sync,
    ) -> (Moved, ReplayTotals) {
        let stands_for = |place: u32| self.places.stands_for[place as usize];
        let plan = ReplayPlan {
            party_of_name: &[],
            place_of_party: &self.places.of_party,
            access_of_place: &self.places.access,
            group_of_party: &self.group_of_party,
            groups: &self.groups,
            proximity: &|from, to| self.network.proximity(stands_for(from), stands_for(to)),
            following: Following::Chosen,
        };
        groma_events::replay(calls, &plan, 0, key)
    }
}

impl Rebalanced {
    /// The sums of lanes when calls are balanced anew, given those of the recorded calls.
    pub(crate) fn lanes(
        balancer: Arc<Balancer>,
        calls: &[Calls],
        alike: &Alike,
        recorded: &[MatrixCell],
    ) -> (Vec<MatrixCell>, Rebalanced) {
        let lane = |caller, callee, epoch| alike.lane(caller, callee, epoch);
        let (moved, totals) = balancer.replay(calls, lane);
        let (calls_before, calls_after) = (totals.load_before, totals.load_after);
        (moved.applied_to(recorded), Rebalanced { calls_before, calls_after, balancer })
    }

    /// The cells of the matrix between parties.
    pub(crate) fn cells(&self, log: &Reconstruction) -> Vec<MatrixCell> {
        let own = |caller, callee, epoch| (caller, callee, epoch);
        self.balancer.replay(&log.calls, own).0.applied_to(&log.matrix)
    }
}

/// Where parties are: those that a choice cannot tell apart share a place.
struct Places {
    of_party: Vec<u32>,
    access: Vec<u32>,
    /// One end point of each place.
    stands_for: Vec<EndpointIndex>,
}

impl Places {
    fn of(parties: &Parties, network: &Network) -> Places {
        let mut places =
            Places { of_party: Vec::new(), access: Vec::new(), stands_for: Vec::new() };
        let mut known: HashMap<(u32, Option<VlanIndex>, GroupIndex), u32> = HashMap::new();
        for party in &parties.parties {
            let found = network
                .endpoint(&party.name)
                .filter(|endpoint| network.endpoint_at(*endpoint).placement == Placement::Placed);
            let place = found.map_or(NOT_ANY, |endpoint| {
                let of = network.endpoint_at(endpoint);
                *known.entry((of.host, network.vlan_of(endpoint), of.group)).or_insert_with(|| {
                    places.access.push(of.access.map_or(NOT_ANY, |access| access.0));
                    places.stands_for.push(endpoint);
                    (places.stands_for.len() - 1) as u32
                })
            });
            places.of_party.push(place);
        }
        places
    }
}

//! What if balancers chose otherwise: the recorded calls replayed with the groups of a fork.
//!
//! A group is replayed if its database says `nearest` and `live`, where the calls were recorded,
//! does not. Nearness is that of the network as it is now in the fork.

use std::collections::HashMap;

use groma_network::{EndpointIndex, GroupIndex, Network, Placement, VlanIndex};
use groma_trace::replay::{Choice, Following, NOT_ANY, ReplayGroup, ReplayPlan};
use groma_trace::{Calls, MatrixCell};

use crate::parties::{Balancing, Parties};
use crate::traffic::Rebalanced;

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

/// Replays the calls; gives the new matrix between parties.
pub(crate) fn rebalance(
    calls: &[Calls],
    parties: &Parties,
    choices: &[Choice],
    network: &Network,
) -> (Vec<MatrixCell>, Rebalanced) {
    let places = Places::of(parties, network);
    let groups: Vec<ReplayGroup> = (parties.groups.iter().zip(choices))
        .map(|(group, choice)| ReplayGroup {
            members: group.members.iter().map(|member| *member as u32).collect(),
            choice: *choice,
        })
        .collect();
    let group_of_party: Vec<u32> = parties
        .parties
        .iter()
        .map(|party| party.group.map_or(NOT_ANY, |group| group as u32))
        .collect();
    let plan = ReplayPlan {
        party_of_name: &[],
        place_of_party: &places.of_party,
        access_of_place: &places.access,
        group_of_party: &group_of_party,
        groups: &groups,
        proximity: &|from, to| {
            network.proximity(places.stands_for[from as usize], places.stands_for[to as usize])
        },
        following: Following::Chosen,
    };
    let (matrix, totals) = groma_events::replay(calls, &plan, 0);
    let rebalanced =
        Rebalanced { calls_before: totals.load_before, calls_after: totals.load_after };
    (matrix, rebalanced)
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

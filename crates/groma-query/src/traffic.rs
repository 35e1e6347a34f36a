//! Traffic on the network: each cell of the matrix with its path, its class and its reason.
//!
//! What is placed and judged are lanes: cells that go alike. Tables that sum up read lanes; those that name
//! parties read cells, each of which goes as its lane does.
//!
//! **Invariant:** every cell of the matrix is in exactly one lane, so that the sums over classes,
//! reasons and hop kinds are the sums of the matrix. What cannot be placed is a class, not a gap.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use groma_network::{
    AtHome, CandidatesIndex, Classifier, EndpointIndex, Network, PathClass, PathIndex,
    Role as DeviceRole, Verdict, classify,
};
use groma_trace::{MatrixCell, Reconstruction};
use rustc_hash::FxHashMap;

use crate::alike::{Alike, Lane, epoch_and_home, side_by_side, threads};
use crate::parties::{Parties, Role};
use crate::rebalance::Rebalanced;

/// The name that span decoders give to a caller outside of what was traced.
const CLIENT_OUTSIDE: &str = "client";

/// A cell of the matrix, or the sum of those that go alike, on the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// Who asked whom, how often and how much; names are numbers of parties. Of a lane, a party stands for
    /// all that are like it.
    pub(crate) cell: MatrixCell,
    /// The way of the requests; `None`: an end has no place and no address.
    pub(crate) path: Option<PathIndex>,
    pub(crate) verdict: Verdict,
    /// On which network: a number of [`Traffic::epochs`]. The last one unless the epoch matters.
    pub(crate) world: u16,
}

impl Flow {
    pub(crate) fn messages(&self) -> u64 {
        self.cell.requests + self.cell.replies
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.cell.request_bytes + self.cell.reply_bytes
    }
}

/// One stretch of time in which the topology did not change.
pub(crate) struct Epoch {
    pub(crate) network: Arc<Network>,
    /// End point of each party; `None`: a name that the model does not know.
    pub(crate) endpoints: Vec<Option<EndpointIndex>>,
}

/// All traffic of a database.
pub(crate) struct Traffic {
    pub(crate) parties: Arc<Parties>,
    pub(crate) epochs: Vec<Epoch>,
    /// What was balanced anew; `None`: the traffic is as recorded.
    pub(crate) rebalanced: Option<Rebalanced>,
    /// Cells that go alike, summed up; sorted, so that sums are the same every time.
    pub(crate) lanes: Vec<Flow>,
    log: Arc<Reconstruction>,
    alike: Arc<Alike>,
    /// Of what was balanced anew, the cells.
    cells: OnceLock<Vec<MatrixCell>>,
    /// Place of each lane.
    by_lane: OnceLock<FxHashMap<Lane, u32>>,
}

/// `ESB->APP`: what the two ends of a call are.
pub(crate) fn hop_kind(caller: Role, callee: Role) -> &'static str {
    const NAMES: [[&str; 3]; 3] = [
        ["CLIENT->CLIENT", "CLIENT->ESB", "CLIENT->APP"],
        ["ESB->CLIENT", "ESB->ESB", "ESB->APP"],
        ["APP->CLIENT", "APP->ESB", "APP->APP"],
    ];
    NAMES[caller as usize][callee as usize]
}

impl Epoch {
    pub(crate) fn new(network: Arc<Network>, parties: &Parties) -> Epoch {
        let endpoints = parties.parties.iter().map(|party| network.endpoint(&party.name)).collect();
        Epoch { network, endpoints }
    }

    /// The same, without the end points of some parties.
    pub(crate) fn without(&self, unknown: impl Fn(u32) -> bool) -> Epoch {
        let parties = self.endpoints.iter().enumerate();
        let kept = parties.map(|(party, endpoint)| endpoint.filter(|_| !unknown(party as u32)));
        Epoch { network: Arc::clone(&self.network), endpoints: kept.collect() }
    }
}

impl Traffic {
    /// Puts lanes on the network, given the sums of each. Cost: a few look-ups per lane, once the paths
    /// between the groups of its ends are known.
    pub(crate) fn place(
        parties: Arc<Parties>,
        epochs: Vec<Epoch>,
        log: Arc<Reconstruction>,
        alike: Arc<Alike>,
        sums: &[MatrixCell],
        rebalanced: Option<Rebalanced>,
    ) -> Traffic {
        let judges: Vec<Judge<'_>> =
            epochs.iter().map(|epoch| Judge::new(epoch, &parties)).collect();
        let judge_all = |sums: &[MatrixCell]| -> Vec<Flow> {
            let judge = |sum: &MatrixCell| {
                let (world, at_home) = epoch_and_home(sum.epoch);
                judges[usize::from(world)].judge(sum, world, at_home)
            };
            sums.iter().map(judge).collect()
        };
        let share = sums.len().div_ceil(threads()).max(1);
        let mut lanes = side_by_side(sums.chunks(share), judge_all).concat();
        lanes.sort_unstable_by_key(|lane| lane.cell);
        drop(judges);
        let (cells, by_lane) = (OnceLock::new(), OnceLock::new());
        Traffic { parties, epochs, rebalanced, lanes, log, alike, cells, by_lane }
    }

    /// The cells of the matrix. Cost: of what was balanced anew, that of balancing it, once.
    pub(crate) fn cells(&self) -> &[MatrixCell] {
        match &self.rebalanced {
            None => &self.log.matrix,
            Some(rebalanced) => self.cells.get_or_init(|| rebalanced.cells(&self.log)),
        }
    }

    /// Each cell on the network. Cost: a look-up for each.
    pub(crate) fn flows(&self) -> impl Iterator<Item = Flow> {
        let by_lane = self.by_lane.get_or_init(|| {
            let place = |(place, lane): (usize, &Flow)| {
                ((lane.cell.caller, lane.cell.callee, lane.cell.epoch), place as u32)
            };
            self.lanes.iter().enumerate().map(place).collect()
        });
        self.cells().iter().map(|cell| {
            let lane = &self.lanes[by_lane[&self.alike.lane_of(cell)] as usize];
            let flow = Flow { cell: *cell, ..*lane };
            debug_assert!(self.goes_by_itself(&flow), "{flow:?} does not go as its lane does");
            flow
        })
    }

    /// Whether a flow is what would be said of its cell alone.
    fn goes_by_itself(&self, flow: &Flow) -> bool {
        let epoch = self.epoch(flow);
        let end = |party: u32| epoch.endpoints[party as usize];
        let Some((from, to)) = end(flow.cell.caller).zip(end(flow.cell.callee)) else {
            return flow.path.is_none();
        };
        let candidates: Vec<EndpointIndex> = match self.party(flow.cell.callee).group {
            Some(group) => {
                let members = self.parties.groups[group].members.iter();
                members.filter_map(|member| epoch.endpoints[*member]).collect()
            }
            None => vec![to],
        };
        flow.path == Some(epoch.network.path_id(from, to))
            && flow.verdict == classify(&epoch.network, from, to, &candidates)
    }

    pub(crate) fn epoch(&self, flow: &Flow) -> &Epoch {
        &self.epochs[usize::from(flow.world)]
    }

    /// Links with an end beyond access that a message of this flow uses.
    pub(crate) fn distribution_hops(&self, flow: &Flow) -> f64 {
        flow.path.map_or(0.0, |path| self.epoch(flow).network.shared_path(path).distribution_hops)
    }

    pub(crate) fn hop_kind(&self, cell: &MatrixCell) -> &'static str {
        let role = |party: u32| self.parties.parties[party as usize].role;
        hop_kind(role(cell.caller), role(cell.callee))
    }

    pub(crate) fn party(&self, number: u32) -> &crate::parties::Party {
        &self.parties.parties[number as usize]
    }
}

/// Judges the cells of one epoch.
struct Judge<'a> {
    epoch: &'a Epoch,
    parties: &'a Parties,
    classifier: Classifier<'a>,
    /// Who could have been called in place of each party.
    candidates: Vec<Option<CandidatesIndex>>,
}

impl<'a> Judge<'a> {
    fn new(epoch: &'a Epoch, parties: &'a Parties) -> Judge<'a> {
        let mut classifier = Classifier::new(&epoch.network);
        let of_group: Vec<CandidatesIndex> = (parties.groups.iter())
            .map(|group| {
                let members: Vec<_> =
                    group.members.iter().filter_map(|member| epoch.endpoints[*member]).collect();
                classifier.candidates(&members)
            })
            .collect();
        let candidates = (parties.parties.iter().zip(&epoch.endpoints))
            .map(|(party, endpoint)| match (party.group, endpoint) {
                (Some(group), Some(_)) => Some(of_group[group]),
                (None, Some(alone)) => Some(classifier.candidates(&[*alone])),
                (_, None) => None,
            })
            .collect();
        Judge { epoch, parties, classifier, candidates }
    }

    fn judge(&self, sum: &MatrixCell, world: u16, at_home: AtHome) -> Flow {
        let cell = *sum;
        let (caller, callee) = (cell.caller as usize, cell.callee as usize);
        let ends = (self.epoch.endpoints[caller], self.epoch.endpoints[callee]);
        let (Some(from), Some(to), Some(candidates)) = (ends.0, ends.1, self.candidates[callee])
        else {
            let outside = |party: usize| is_outside(&self.parties.parties[party].name);
            let class = if outside(caller) || outside(callee) {
                PathClass::External
            } else {
                PathClass::Unplaced
            };
            return Flow { cell, path: None, verdict: unresolved(class), world };
        };
        let at_home = match self.parties.parties[callee].group {
            Some(_) => at_home,
            None => self.alone(from, to, at_home),
        };
        let (path, verdict) = self.classifier.classify_alike(from, to, candidates, at_home);
        Flow { cell, path: Some(path), verdict, world }
    }

    /// Nobody could stand in for the destination: it is its only candidate.
    fn alone(&self, from: EndpointIndex, to: EndpointIndex, at_home: AtHome) -> AtHome {
        let candidate = at_home.destination;
        let one_vlan = self.epoch.network.vlan_of(from) == self.epoch.network.vlan_of(to);
        AtHome { candidate, candidate_in_vlan: candidate && one_vlan, ..at_home }
    }
}

/// Whether it names a caller outside of what was traced.
pub(crate) fn is_outside(name: &str) -> bool {
    name == CLIENT_OUTSIDE
}

fn unresolved(class: PathClass) -> Verdict {
    Verdict {
        class,
        reason: None,
        cause: None,
        stretch: None,
        saves_lb: false,
        saves_vlan: false,
        saves_both: false,
    }
}

/// The highest layer that a path touches, as tables show it.
pub(crate) struct Reach<'n> {
    network: &'n Network,
    known: HashMap<PathIndex, &'static str>,
}

impl<'n> Reach<'n> {
    pub(crate) fn new(network: &'n Network) -> Reach<'n> {
        Reach { network, known: HashMap::new() }
    }

    /// `host`, `access`, `distribution`, `core` or `exit`; exits, firewalls and routers count as one.
    pub(crate) fn of(&mut self, path: PathIndex) -> &'static str {
        let network = self.network;
        self.known.entry(path).or_insert_with(|| {
            let path = network.shared_path(path);
            let devices = path.hops.iter().flat_map(|hop| [hop.device, hop.peer_device]).flatten();
            let rank = devices.map(|device| rank(network.device(device).role)).max().unwrap_or(0);
            let rank =
                if path.entry.is_empty() && path.exit.is_empty() { rank } else { rank.max(1) };
            ["host", "access", "distribution", "core", "exit"][rank]
        })
    }
}

fn rank(role: DeviceRole) -> usize {
    match role {
        DeviceRole::Host => 0,
        DeviceRole::Access => 1,
        DeviceRole::Distribution => 2,
        DeviceRole::Core => 3,
        DeviceRole::Exit | DeviceRole::Firewall | DeviceRole::Router => 4,
        DeviceRole::Other => 1,
    }
}

/// A verdict as a sentence.
pub(crate) fn explain(verdict: &Verdict) -> &'static str {
    use groma_network::Reason;
    match (verdict.class, verdict.reason) {
        (PathClass::Local, _) => "It stays below the distribution layer.",
        (PathClass::Unplaced, _) => {
            "An end could not be attached to the network, so that nobody knows."
        }
        (PathClass::Ambiguous, _) => {
            "An end was seen in several places at once, so that nobody knows."
        }
        (PathClass::External, _) => {
            "An end lies outside the model; the way is counted up to the exit."
        }
        (PathClass::Unrouted, _) => "No route leads there.",
        (PathClass::Crossing, Some(Reason::Lb)) => {
            "A nearer instance in the same VLAN could have been chosen."
        }
        (PathClass::Crossing, Some(Reason::Vlan)) => {
            "The chosen instance is near, but in another VLAN, so that it goes up to the gateway and back."
        }
        (PathClass::Crossing, Some(Reason::LbOrVlan)) => {
            "Another choice would have kept it local, and so would one VLAN."
        }
        (PathClass::Crossing, Some(Reason::LbAndVlan)) => {
            "A near instance exists, but in another VLAN: only both remedies together help."
        }
        (PathClass::Crossing, Some(Reason::Placement)) => {
            "No instance that could have been chosen is near."
        }
        (PathClass::Crossing, Some(Reason::Pinned) | None) => {
            "There was no choice, and the only instance is not near."
        }
    }
}

//! Traffic on the network: each cell of the matrix with its path, its class and its reason.
//!
//! **Invariant:** every cell of the matrix is exactly one flow, so that the sums over classes,
//! reasons and hop kinds are the sums of the matrix. What cannot be placed is a class, not a gap.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use groma_network::{
    CandidatesIndex, Classifier, EndpointIndex, Network, PathClass, PathIndex, Role as DeviceRole,
    Verdict,
};
use groma_trace::MatrixCell;

use crate::epochs::Concern;
use crate::parties::{Parties, Role};

/// The name that span decoders give to a caller outside of what was traced.
const CLIENT_OUTSIDE: &str = "client";

/// One cell of the matrix on the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// Who asked whom, how often and how much; names are numbers of parties.
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
    pub(crate) flows: Vec<Flow>,
    /// What was balanced anew; `None`: the traffic is as recorded.
    pub(crate) rebalanced: Option<Rebalanced>,
}

/// What balancing anew came to.
#[derive(Debug, Clone)]
pub(crate) struct Rebalanced {
    /// Calls taken by each party as recorded, by its number.
    pub(crate) calls_before: Vec<u64>,
    /// Calls taken by each party now, by its number.
    pub(crate) calls_after: Vec<u64>,
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
    /// Puts the cells of a matrix on the network. Cost: two or three look-ups per cell, once the
    /// paths between the groups of its ends are known.
    pub(crate) fn place(
        parties: Arc<Parties>,
        epochs: Vec<Epoch>,
        concern: &Concern,
        cells: &[MatrixCell],
        rebalanced: Option<Rebalanced>,
    ) -> Traffic {
        let judges: Vec<Judge<'_>> =
            epochs.iter().map(|epoch| Judge::new(epoch, &parties)).collect();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = cells.len().div_ceil(threads).max(1);
        let judge_all = |cells: &[MatrixCell]| -> Vec<Flow> {
            let last = judges.len() - 1;
            let judge = |cell: &MatrixCell| {
                let matters = concern.touches(cell.caller, cell.callee);
                let world = if matters { (cell.epoch as usize).min(last) } else { last };
                judges[world].judge(cell, world as u16)
            };
            cells.iter().map(judge).collect()
        };
        let flows = thread::scope(|scope| {
            let parts: Vec<_> =
                cells.chunks(share).map(|part| scope.spawn(|| judge_all(part))).collect();
            parts
                .into_iter()
                .flat_map(|part| {
                    part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        drop(judges);
        Traffic { parties, epochs, flows, rebalanced }
    }

    pub(crate) fn epoch(&self, flow: &Flow) -> &Epoch {
        &self.epochs[usize::from(flow.world)]
    }

    /// Links with an end beyond access that a message of this flow uses.
    pub(crate) fn distribution_hops(&self, flow: &Flow) -> f64 {
        flow.path.map_or(0.0, |path| self.epoch(flow).network.shared_path(path).distribution_hops)
    }

    pub(crate) fn hop_kind(&self, flow: &Flow) -> &'static str {
        let role = |party: u32| self.parties.parties[party as usize].role;
        hop_kind(role(flow.cell.caller), role(flow.cell.callee))
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

    fn judge(&self, cell: &MatrixCell, world: u16) -> Flow {
        let (caller, callee) = (cell.caller as usize, cell.callee as usize);
        let ends = (self.epoch.endpoints[caller], self.epoch.endpoints[callee]);
        let (Some(from), Some(to)) = ends else {
            let outside = |party: usize| &*self.parties.parties[party].name == CLIENT_OUTSIDE;
            let class = if outside(caller) || outside(callee) {
                PathClass::External
            } else {
                PathClass::Unplaced
            };
            return Flow { cell: *cell, path: None, verdict: unresolved(class), world };
        };
        let path = Some(self.epoch.network.path_id(from, to));
        let verdict = match self.candidates[callee] {
            Some(candidates) => self.classifier.classify(from, to, candidates),
            None => unresolved(PathClass::Unplaced),
        };
        Flow { cell: *cell, path, verdict, world }
    }
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

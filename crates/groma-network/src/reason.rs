//! Why a message crossed, and what would have kept it from crossing.
//!
//! Two interventions are weighed: **L**, the balancer may choose any candidate; **V**, the VLAN
//! difference is removed (both ends in one VLAN carried on every cable). The reason says which of
//! them suffices. The reasons exclude each other, so that their bytes add up.

use std::sync::{PoisonError, RwLock};

use rustc_hash::FxHashMap;

use crate::index::{CandidatesIndex, EndpointIndex, GroupIndex, PathIndex, VlanIndex};
use crate::memo::Memo;
use crate::network::Network;
use crate::path::PathClass;

/// Why a message crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Only another choice of the load balancer would have kept it local.
    Lb,
    /// Only the VLAN made it cross: the chosen one is near.
    Vlan,
    /// Either alone would have sufficed.
    LbOrVlan,
    /// Only both together.
    LbAndVlan,
    /// No candidate is near.
    Placement,
    /// There was no choice, and the only candidate is not near.
    Pinned,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 6] = [
        Reason::Lb,
        Reason::Vlan,
        Reason::LbOrVlan,
        Reason::LbAndVlan,
        Reason::Placement,
        Reason::Pinned,
    ];

    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Lb => "LB",
            Reason::Vlan => "VLAN",
            Reason::LbOrVlan => "LB|VLAN",
            Reason::LbAndVlan => "LB&VLAN",
            Reason::Placement => "PLACEMENT",
            Reason::Pinned => "PINNED",
        }
    }
}

/// What lies behind a VLAN reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// No candidate at all is in the source's VLAN: kinds of components live in different VLANs.
    Deployment,
    /// Some candidate is.
    Configuration,
}

impl Cause {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Deployment => "deployment",
            Cause::Configuration => "configuration",
        }
    }
}

/// How a message that placement made cross goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stretch {
    /// Both ends are in one VLAN that spans the distribution layer.
    L2Stretched,
    /// It is routed.
    L3Routed,
}

impl Stretch {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Stretch::L2Stretched => "l2-stretched",
            Stretch::L3Routed => "l3-routed",
        }
    }
}

/// What is known of one hop from a source to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Class of the path.
    pub class: PathClass,
    /// Why it crossed; `None`: it did not.
    pub reason: Option<Reason>,
    /// Of the reasons that name the VLAN.
    pub cause: Option<Cause>,
    /// Of `PLACEMENT` and `PINNED`.
    pub stretch: Option<Stretch>,
    /// It crossed, and another choice of the balancer alone would have kept it local.
    pub saves_lb: bool,
    /// It crossed, and one VLAN alone would have kept it local.
    pub saves_vlan: bool,
    /// It crossed, and both together would have kept it local; true if either alone would.
    pub saves_both: bool,
}

/// Who shares the machine of a source. Beside the groups of the two ends and the candidates, class, path
/// and reason of a message depend on nothing else, so that messages alike in this can be judged at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AtHome {
    /// The destination does.
    pub destination: bool,
    /// Some candidate does.
    pub candidate: bool,
    /// Some candidate does, and is in the VLAN of the source as well.
    pub candidate_in_vlan: bool,
}

impl AtHome {
    /// Of one message.
    pub fn of(
        network: &Network,
        source: EndpointIndex,
        destination: EndpointIndex,
        candidates: &[EndpointIndex],
    ) -> AtHome {
        let endpoint = |index| network.endpoint_at(index);
        let shares = |other: EndpointIndex| endpoint(source).shares_machine(endpoint(other));
        let vlan = network.vlan_of(source);
        let mut at_home = AtHome { destination: shares(destination), ..AtHome::default() };
        for candidate in candidates.iter().filter(|candidate| shares(**candidate)) {
            at_home.candidate = true;
            at_home.candidate_in_vlan |= network.vlan_of(*candidate) == vlan;
        }
        at_home
    }
}

/// Judges one hop. `candidates`: who was eligible for the destination's part at that time, the
/// destination included; only the destination when it is stateful or pinned.
pub fn classify(
    network: &Network,
    source: EndpointIndex,
    destination: EndpointIndex,
    candidates: &[EndpointIndex],
) -> Verdict {
    let class = network.shared_path(network.path_id(source, destination)).class;
    let near = network.crosses_in_one_vlan(source, destination) == Some(false);
    judge(network, (source, destination), class, near, candidates.len(), || {
        Summary::new(network, source, candidates)
    })
}

/// Judges many hops, remembering what a set of candidates means to each group of sources.
/// Shared by any number of threads.
#[derive(Debug)]
pub struct Classifier<'n> {
    network: &'n Network,
    sets: Vec<Box<[EndpointIndex]>>,
    set_by_members: FxHashMap<Box<[EndpointIndex]>, CandidatesIndex>,
    summaries: RwLock<FxHashMap<(GroupIndex, AtHome, CandidatesIndex), Summary>>,
}

impl<'n> Classifier<'n> {
    /// Knows no candidates yet.
    pub fn new(network: &'n Network) -> Classifier<'n> {
        Classifier {
            network,
            sets: Vec::new(),
            set_by_members: FxHashMap::default(),
            summaries: RwLock::default(),
        }
    }

    /// Makes a set of candidates known; the same members give the same number.
    pub fn candidates(&mut self, members: &[EndpointIndex]) -> CandidatesIndex {
        let mut members: Box<[EndpointIndex]> = members.into();
        members.sort_unstable();
        if let Some(known) = self.set_by_members.get(&members) {
            return *known;
        }
        let index = CandidatesIndex::from(self.sets.len());
        self.sets.push(members.clone());
        self.set_by_members.insert(members, index);
        index
    }

    /// The end points of a set of candidates, sorted.
    pub fn members(&self, candidates: CandidatesIndex) -> &[EndpointIndex] {
        self.sets.get(candidates.index()).map_or(&[], |members| members)
    }

    /// As [`classify`]. Cost: that of finding who is at home, and of [`Classifier::classify_alike`].
    pub fn classify(
        &self,
        source: EndpointIndex,
        destination: EndpointIndex,
        candidates: CandidatesIndex,
    ) -> Verdict {
        let members = self.members(candidates);
        let at_home = AtHome::of(self.network, source, destination, members);
        self.classify_alike(source, destination, candidates, at_home).1
    }

    /// Path and verdict of messages between the groups of two end points, given who is at home where they
    /// start. Cost: two or three look-ups once the source's group and the set have met.
    pub fn classify_alike(
        &self,
        source: EndpointIndex,
        destination: EndpointIndex,
        candidates: CandidatesIndex,
        at_home: AtHome,
    ) -> (PathIndex, Verdict) {
        let network = self.network;
        let path = self.path_alike(source, destination, at_home);
        let class = network.shared_path(path).class;
        let near = at_home.destination || near_in_one_vlan(network, source, destination);
        let members = self.members(candidates);
        let verdict = judge(network, (source, destination), class, near, members.len(), || {
            self.summary(source, candidates, at_home)
        });
        (path, verdict)
    }

    /// As [`Network::path_id`], for all messages alike.
    fn path_alike(
        &self,
        source: EndpointIndex,
        destination: EndpointIndex,
        at_home: AtHome,
    ) -> PathIndex {
        let network = self.network;
        if at_home.destination && network.vlan_of(source) == network.vlan_of(destination) {
            return Memo::SAME_HOST;
        }
        let group = |index| network.endpoint_at(index).group;
        network.group_path_id(group(source), group(destination))
    }

    fn summary(
        &self,
        source: EndpointIndex,
        candidates: CandidatesIndex,
        at_home: AtHome,
    ) -> Summary {
        let at_home = AtHome { destination: false, ..at_home };
        let key = (self.network.endpoint_at(source).group, at_home, candidates);
        let known =
            self.summaries.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        known.unwrap_or_else(|| {
            let members = self.members(candidates);
            let summary = Summary::alike(self.network, source, members, at_home);
            self.summaries.write().unwrap_or_else(PoisonError::into_inner).insert(key, summary);
            summary
        })
    }
}

fn near_in_one_vlan(network: &Network, source: EndpointIndex, other: EndpointIndex) -> bool {
    let access = |index| network.endpoint_at(index).access;
    access(source).zip(access(other)).is_some_and(|(near, far)| !network.access_crosses(near, far))
}

/// What a set of candidates offers to a source.
#[derive(Debug, Clone, Copy)]
struct Summary {
    /// Some candidate is reached without crossing.
    local: bool,
    /// Some candidate would be, in one VLAN.
    local_in_one_vlan: bool,
    /// Some candidate is in the source's VLAN.
    in_vlan: bool,
}

impl Summary {
    fn new(network: &Network, source: EndpointIndex, candidates: &[EndpointIndex]) -> Summary {
        let vlan = network.vlan_of(source);
        let mut summary = Summary { local: false, local_in_one_vlan: false, in_vlan: false };
        for candidate in candidates {
            summary.in_vlan |= vlan.is_some() && network.vlan_of(*candidate) == vlan;
            summary.local_in_one_vlan |=
                network.crosses_in_one_vlan(source, *candidate) == Some(false);
            summary.local = summary.local
                || network.shared_path(network.path_id(source, *candidate)).class
                    == PathClass::Local;
        }
        summary.local_in_one_vlan |= summary.local;
        summary
    }

    /// The same for all sources of a group that have as much at home: candidates elsewhere are looked at by
    /// their groups. Those at home are looked at as if they were elsewhere, which changes nothing, as they
    /// offer as much already.
    fn alike(
        network: &Network,
        source: EndpointIndex,
        candidates: &[EndpointIndex],
        at_home: AtHome,
    ) -> Summary {
        let (vlan, group) = (network.vlan_of(source), network.endpoint_at(source).group);
        let mut summary = Summary {
            local: at_home.candidate_in_vlan,
            local_in_one_vlan: at_home.candidate,
            in_vlan: false,
        };
        for candidate in candidates {
            summary.in_vlan |= vlan.is_some() && network.vlan_of(*candidate) == vlan;
            summary.local_in_one_vlan |= near_in_one_vlan(network, source, *candidate);
            let path = || network.group_path_id(group, network.endpoint_at(*candidate).group);
            summary.local = summary.local || network.shared_path(path()).class == PathClass::Local;
        }
        summary.local_in_one_vlan |= summary.local;
        summary
    }
}

/// `near`: the two ends would not cross in one VLAN.
fn judge(
    network: &Network,
    (source, destination): (EndpointIndex, EndpointIndex),
    class: PathClass,
    near: bool,
    candidate_count: usize,
    summary: impl FnOnce() -> Summary,
) -> Verdict {
    if class != PathClass::Crossing {
        return Verdict {
            class,
            reason: None,
            cause: None,
            stretch: None,
            saves_lb: false,
            saves_vlan: false,
            saves_both: false,
        };
    }
    let summary = summary();
    let lb = summary.local;
    let vlan = near;
    let both = lb || vlan || summary.local_in_one_vlan;
    let reason = match (lb, vlan, both) {
        (true, true, _) => Reason::LbOrVlan,
        (true, false, _) => Reason::Lb,
        (false, true, _) => Reason::Vlan,
        (false, false, true) => Reason::LbAndVlan,
        (false, false, false) if candidate_count <= 1 => Reason::Pinned,
        (false, false, false) => Reason::Placement,
    };
    let vlans: [Option<VlanIndex>; 2] = [network.vlan_of(source), network.vlan_of(destination)];
    let one_vlan = vlans[0].is_some() && vlans[0] == vlans[1];
    let cause = match reason {
        Reason::Vlan | Reason::LbOrVlan | Reason::LbAndVlan => {
            Some(if summary.in_vlan { Cause::Configuration } else { Cause::Deployment })
        }
        _ => None,
    };
    let stretch = match reason {
        Reason::Placement | Reason::Pinned => {
            Some(if one_vlan { Stretch::L2Stretched } else { Stretch::L3Routed })
        }
        _ => None,
    };
    Verdict {
        class,
        reason: Some(reason),
        cause,
        stretch,
        saves_lb: lb,
        saves_vlan: vlan,
        saves_both: both,
    }
}

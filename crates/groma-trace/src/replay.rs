//! What the same calls would have done had the balancers chosen otherwise.
//!
//! Calls are replayed tree by tree in causal order. A call whose callee belongs to a group that
//! chooses the nearest member is sent to the nearest one; whoever takes it makes the calls that
//! the recorded callee made. Bytes, services and everything else stay as they were.
//!
//! A replay is cut into a fixed number of shards, each with its own turns and loads, so that the
//! answer does not depend on how many threads share the work.

use rustc_hash::FxHashMap;

use crate::{Call, Calls, MatrixCell, MatrixTable};

/// Shards of a replay.
pub const REPLAY_SHARDS: usize = 16;
/// There is no such place or group.
pub const NOT_ANY: u32 = u32::MAX;

/// What a replay needs to know, in plain arrays. A *party* is the number of an instance: names
/// that mean the same instance share one, and members that no log names have one, too.
pub struct ReplayPlan<'p> {
    /// Party of each name of the reconstruction; a name beyond it is its own party.
    pub party_of_name: &'p [u32],
    /// Place of each party, or [`NOT_ANY`]. A host is a good place.
    pub place_of_party: &'p [u32],
    /// Access group of each place: what hangs on the same access switches.
    pub access_of_place: &'p [u32],
    /// Group (farm or replica set) that each party is a member of, or [`NOT_ANY`].
    pub group_of_party: &'p [u32],
    /// The groups.
    pub groups: &'p [ReplayGroup],
    /// How far a place is from another: 0 same host, 1 same access switch and VLAN, 2 same
    /// distribution pair, 3 beyond; smaller is nearer. Must always say the same.
    pub proximity: &'p (dyn Fn(u32, u32) -> u8 + Sync),
    /// Who makes the calls that follow a call that was sent elsewhere.
    pub following: Following,
}

/// Instances that can stand for each other.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayGroup {
    /// Parties.
    pub members: Vec<u32>,
    /// How a member is chosen.
    pub choice: Choice,
}

/// How a member of a group is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Choice {
    /// As it was.
    Recorded,
    /// The nearest to the caller; in turn if several are equally near.
    Nearest {
        /// No member gets more than `1 + headroom` times its even share of the calls, rounded up;
        /// what is too much goes to the next nearest. `None`: no bound.
        headroom: Option<f64>,
    },
}

/// Who makes the calls that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// Whoever took the call.
    Chosen,
    /// Whoever made them when they were recorded: each call on its own.
    Recorded,
}

/// What a replay did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayTotals {
    /// Calls replayed.
    pub calls: u64,
    /// Calls that now have another caller or callee.
    pub moved: u64,
    /// Calls to a group that chooses the nearest, from a caller of unknown place: left as they were.
    pub unplaced: u64,
    /// Calls to each party as recorded.
    pub load_before: Vec<u64>,
    /// Calls to each party now.
    pub load_after: Vec<u64>,
}

impl ReplayTotals {
    /// Adds those of another shard.
    pub fn add(&mut self, other: &ReplayTotals) {
        self.calls += other.calls;
        self.moved += other.moved;
        self.unplaced += other.unplaced;
        add_loads(&mut self.load_before, &other.load_before);
        add_loads(&mut self.load_after, &other.load_after);
    }
}

fn add_loads(to: &mut Vec<u64>, loads: &[u64]) {
    to.resize(to.len().max(loads.len()), 0);
    for (to, load) in to.iter_mut().zip(loads) {
        *to += load;
    }
}

/// Which of `parts` parts of a log belong to shard `shard`.
pub fn replay_shard(shard: usize, parts: usize) -> std::ops::Range<usize> {
    shard * parts / REPLAY_SHARDS..(shard + 1) * parts / REPLAY_SHARDS
}

/// Replays a log in one thread. Cells of the matrix are between parties.
pub fn replay(calls: &[Calls], plan: &ReplayPlan<'_>) -> (Vec<MatrixCell>, ReplayTotals) {
    let mut table = MatrixTable::default();
    let mut totals = ReplayTotals::default();
    let mut replayed = Calls::default();
    for shard in 0..REPLAY_SHARDS {
        let mut replayer = Replayer::new(plan);
        for part in &calls[replay_shard(shard, calls.len())] {
            replayer.replay(part, &mut replayed);
            table.add_all(&replayed);
        }
        totals.add(&replayer.into_totals());
    }
    (table.into_cells(), totals)
}

/// Replays the parts of one shard, in order.
pub struct Replayer<'p> {
    plan: &'p ReplayPlan<'p>,
    /// Members by (place of the caller, group), nearest first.
    tiers: FxHashMap<(u32, u32), Tiers>,
    /// Whose turn it is, by (access group of the caller, group).
    turns: FxHashMap<(u32, u32), u32>,
    /// Calls to each group that chooses the nearest.
    group_loads: Vec<u64>,
    totals: ReplayTotals,
}

/// The members of a group as one place sees them.
#[derive(Debug)]
struct Tiers {
    /// Parties, nearest first; as in the group where equally near.
    members: Vec<u32>,
    /// Where each tier ends in `members`.
    ends: Vec<u32>,
}

impl<'p> Replayer<'p> {
    /// Nothing replayed yet.
    pub fn new(plan: &'p ReplayPlan<'p>) -> Replayer<'p> {
        let parties = plan.group_of_party.len().max(plan.place_of_party.len());
        let loads = || vec![0; parties];
        Replayer {
            plan,
            tiers: FxHashMap::default(),
            turns: FxHashMap::default(),
            group_loads: vec![0; plan.groups.len()],
            totals: ReplayTotals {
                load_before: loads(),
                load_after: loads(),
                ..ReplayTotals::default()
            },
        }
    }

    /// Replays whole trees; replaces what is in `replayed`, where names are parties.
    pub fn replay(&mut self, calls: &Calls, replayed: &mut Calls) {
        replayed.calls.clear();
        replayed.epochs.clone_from(&calls.epochs);
        replayed.calls.reserve(calls.calls.len());
        for (index, call) in calls.calls.iter().enumerate() {
            let carrier = match self.plan.following {
                Following::Chosen => call.carrier_distance(),
                Following::Recorded => None,
            };
            let recorded = (self.party(call.caller), self.party(call.callee));
            let carrier = carrier.and_then(|distance| index.checked_sub(distance));
            let caller = carrier.map_or(recorded.0, |carrier| replayed.calls[carrier].callee);
            let callee = self.choose(caller, recorded.1);
            self.totals.moved += u64::from((caller, callee) != recorded);
            count(&mut self.totals.load_before, recorded.1);
            count(&mut self.totals.load_after, callee);
            replayed.calls.push(Call { caller, callee, ..*call });
        }
        self.totals.calls += calls.calls.len() as u64;
    }

    /// What was done.
    pub fn into_totals(self) -> ReplayTotals {
        self.totals
    }

    fn party(&self, name: u32) -> u32 {
        self.plan.party_of_name.get(name as usize).copied().unwrap_or(name)
    }

    /// The member that takes a call to `callee`.
    fn choose(&mut self, caller: u32, callee: u32) -> u32 {
        let plan = self.plan;
        let group = *plan.group_of_party.get(callee as usize).unwrap_or(&NOT_ANY);
        let Some(ReplayGroup { members, choice: Choice::Nearest { headroom } }) =
            plan.groups.get(group as usize)
        else {
            return callee;
        };
        let place = *plan.place_of_party.get(caller as usize).unwrap_or(&NOT_ANY);
        let Some(access) = plan.access_of_place.get(place as usize) else {
            self.totals.unplaced += 1;
            return callee;
        };
        let tiers = self.tiers.entry((place, group)).or_insert_with(|| tiers(plan, place, members));
        let turn = self.turns.entry((*access, group)).or_insert(0);
        self.group_loads[group as usize] += 1;
        let load_max = match headroom {
            None => u64::MAX,
            Some(headroom) => {
                let even = self.group_loads[group as usize] as f64 / members.len().max(1) as f64;
                (even * (1.0 + headroom.max(0.0))).ceil() as u64
            }
        };
        let loads = &self.totals.load_after;
        let chosen = tiers
            .choose(*turn, |party| loads.get(party as usize).is_none_or(|load| *load < load_max));
        *turn = turn.wrapping_add(1);
        chosen.unwrap_or(callee)
    }
}

fn count(loads: &mut [u64], party: u32) {
    if let Some(load) = loads.get_mut(party as usize) {
        *load += 1;
    }
}

/// Members of unknown place are furthest.
fn tiers(plan: &ReplayPlan<'_>, place: u32, members: &[u32]) -> Tiers {
    let distance = |party: &u32| match plan.place_of_party.get(*party as usize) {
        Some(other) if (*other as usize) < plan.access_of_place.len() => {
            (plan.proximity)(place, *other)
        }
        _ => u8::MAX,
    };
    let mut by_distance: Vec<(u8, u32)> =
        members.iter().map(|party| (distance(party), *party)).collect();
    by_distance.sort_by_key(|(distance, _)| *distance);
    let mut ends = Vec::new();
    for tier in by_distance.chunk_by(|a, b| a.0 == b.0) {
        ends.push(ends.last().copied().unwrap_or(0) + tier.len() as u32);
    }
    Tiers { members: by_distance.into_iter().map(|(_, party)| party).collect(), ends }
}

impl Tiers {
    /// The member of the nearest tier whose turn it is and that is `free`, or else the next one.
    fn choose(&self, turn: u32, free: impl Fn(u32) -> bool) -> Option<u32> {
        let mut start = 0;
        for end in &self.ends {
            let tier = &self.members[start as usize..*end as usize];
            let first = turn as usize % tier.len();
            let in_turn = tier[first..].iter().chain(&tier[..first]);
            if let Some(party) = in_turn.copied().find(|party| free(*party)) {
                return Some(party);
            }
            start = *end;
        }
        None
    }
}

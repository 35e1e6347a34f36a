//! What the same calls would have done had the balancers chosen otherwise.
//!
//! Calls are replayed tree by tree in causal order. A call whose callee belongs to a group that
//! chooses the nearest member is sent to the nearest one; whoever takes it makes the calls that
//! the recorded callee made. Bytes, services and everything else stay as they were.
//!
//! What a replay comes to is the recorded sums and what [`Moved`] from one to another, so that calls that
//! stay as they were cost a glance.
//!
//! A replay is cut into a fixed number of shards, each with its own turns and loads, so that the
//! answer does not depend on how many threads share the work.

use rustc_hash::FxHashMap;

pub use crate::moved::Moved;
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
    let mut replayer = Replayer::new(plan);
    for shard in 0..REPLAY_SHARDS {
        for part in &calls[replay_shard(shard, calls.len())] {
            replayer.replay(part, &mut replayed);
            table.add_all(&replayed);
        }
        totals.add(&replayer.end_shard());
    }
    (table.into_cells(), totals)
}

/// Replays shard after shard; what it learns of the plan it keeps.
pub struct Replayer<'p> {
    plan: &'p ReplayPlan<'p>,
    /// Views by place of the caller (empty if it never called), then by group: an index into
    /// `views` plus one; 0: not looked at yet.
    view_of: Vec<Vec<u32>>,
    views: Vec<View>,
    /// Index into `views` by turn and members with their distances: most places behind one access
    /// switch see a group alike, and what they share stays in the processor's cache.
    known_views: FxHashMap<(u32, Vec<(u8, u32)>), u32>,
    /// Parties as the views see them, nearest first; as in the group where equally near.
    members: Vec<u32>,
    /// Where the tiers of the views end, counted from the view's first member.
    ends: Vec<u32>,
    /// Index into `turns` by (access group of the caller, group).
    turn_of: FxHashMap<(u32, u32), u32>,
    /// Whose turn it is.
    turns: Vec<u32>,
    /// Calls to each group that chooses the nearest.
    group_loads: Vec<u64>,
    totals: ReplayTotals,
    /// Who took each of the calls that are being replayed.
    takers: Vec<u32>,
}

/// The members of a group as one place sees them.
#[derive(Debug, Clone, Copy)]
struct View {
    /// Its first member in [`Replayer::members`].
    start: u32,
    /// How many members are nearest; 0: the group has none.
    nearest: u32,
    /// Its tiers: a range of [`Replayer::ends`].
    tiers: (u32, u32),
    /// Index into [`Replayer::turns`].
    turn: u32,
}

impl<'p> Replayer<'p> {
    /// Nothing replayed yet.
    pub fn new(plan: &'p ReplayPlan<'p>) -> Replayer<'p> {
        Replayer {
            plan,
            view_of: vec![Vec::new(); plan.access_of_place.len()],
            views: Vec::new(),
            known_views: FxHashMap::default(),
            members: Vec::new(),
            ends: Vec::new(),
            turn_of: FxHashMap::default(),
            turns: Vec::new(),
            group_loads: vec![0; plan.groups.len()],
            totals: no_totals(plan),
            takers: Vec::new(),
        }
    }

    /// Replays whole trees; replaces what is in `replayed`, where names are parties.
    pub fn replay(&mut self, calls: &Calls, replayed: &mut Calls) {
        replayed.calls.clear();
        replayed.epochs.clone_from(&calls.epochs);
        replayed.calls.reserve(calls.calls.len());
        self.follow(calls, |_, call, _, (caller, callee)| {
            replayed.calls.push(Call { caller, callee, ..*call });
        });
    }

    /// Replays whole trees, and tells of each call that now counts elsewhere, by its number, where it
    /// counted and where it counts. `key` says where a call of a caller, a callee and an epoch counts.
    pub fn moved<K: PartialEq>(
        &mut self,
        calls: &Calls,
        key: impl Fn(u32, u32, u32) -> K,
        mut tell: impl FnMut(usize, K, K),
    ) {
        self.follow(calls, |index, _, recorded, now| {
            if recorded == now {
                return;
            }
            let epoch = u32::from(calls.epoch(index));
            let was = key(recorded.0, recorded.1, epoch);
            let is = key(now.0, now.1, epoch);
            if was != is {
                tell(index, was, is);
            }
        });
    }

    /// Replays whole trees, and tells of each call, by its number, where it counts now.
    pub fn placed<K>(
        &mut self,
        calls: &Calls,
        key: impl Fn(u32, u32, u32) -> K,
        mut tell: impl FnMut(usize, K),
    ) {
        self.follow(calls, |index, _, _, (caller, callee)| {
            tell(index, key(caller, callee, u32::from(calls.epoch(index))));
        });
    }

    /// Tells of each call who made and who took it, as recorded and now.
    fn follow(
        &mut self,
        calls: &Calls,
        mut tell: impl FnMut(usize, &Call, (u32, u32), (u32, u32)),
    ) {
        let mut takers = std::mem::take(&mut self.takers);
        takers.clear();
        for (index, call) in calls.calls.iter().enumerate() {
            let carrier = match self.plan.following {
                Following::Chosen => call.carrier_distance(),
                Following::Recorded => None,
            };
            let recorded = (self.party(call.caller), self.party(call.callee));
            let carrier = carrier.and_then(|distance| index.checked_sub(distance));
            let caller = carrier.map_or(recorded.0, |carrier| takers[carrier]);
            let callee = self.choose(caller, recorded.1);
            self.totals.moved += u64::from((caller, callee) != recorded);
            count(&mut self.totals.load_before, recorded.1);
            count(&mut self.totals.load_after, callee);
            takers.push(callee);
            tell(index, call, recorded, (caller, callee));
        }
        self.totals.calls += calls.calls.len() as u64;
        self.takers = takers;
    }

    /// Ends a shard: gives what was done in it, and begins the next one with no turns and loads.
    pub fn end_shard(&mut self) -> ReplayTotals {
        self.turns.fill(0);
        self.group_loads.fill(0);
        std::mem::replace(&mut self.totals, no_totals(self.plan))
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
        let known = self.view_of[place as usize].get(group as usize).copied().unwrap_or(0);
        let view = match known {
            0 => self.look(place, *access, group, members),
            known => self.views[known as usize - 1],
        };
        if view.nearest == 0 {
            return callee;
        }
        let turn = &mut self.turns[view.turn as usize];
        let first = *turn;
        *turn = turn.wrapping_add(1);
        let load = &mut self.group_loads[group as usize];
        *load += 1;
        let Some(headroom) = headroom else {
            return self.members[(view.start + first % view.nearest) as usize];
        };
        let even = *load as f64 / members.len().max(1) as f64;
        let load_max = (even * (1.0 + headroom.max(0.0))).ceil() as u64;
        let loads = &self.totals.load_after;
        let free = |party: u32| loads.get(party as usize).is_none_or(|load| *load < load_max);
        self.in_turn(view, first, free).unwrap_or(callee)
    }

    /// The member of the nearest tier whose turn it is and that is `free`, or else the next one.
    fn in_turn(&self, view: View, turn: u32, free: impl Fn(u32) -> bool) -> Option<u32> {
        let members = &self.members[view.start as usize..];
        let mut start = 0;
        for end in &self.ends[view.tiers.0 as usize..view.tiers.1 as usize] {
            let tier = &members[start as usize..*end as usize];
            let first = turn as usize % tier.len();
            let in_turn = tier[first..].iter().chain(&tier[..first]);
            if let Some(party) = in_turn.copied().find(|party| free(*party)) {
                return Some(party);
            }
            start = *end;
        }
        None
    }

    /// How `place` sees the members of a group. Members of unknown place are furthest.
    fn look(&mut self, place: u32, access: u32, group: u32, members: &[u32]) -> View {
        let plan = self.plan;
        let distance = |party: &u32| match plan.place_of_party.get(*party as usize) {
            Some(other) if (*other as usize) < plan.access_of_place.len() => {
                (plan.proximity)(place, *other)
            }
            _ => u8::MAX,
        };
        let mut by_distance: Vec<(u8, u32)> =
            members.iter().map(|party| (distance(party), *party)).collect();
        by_distance.sort_by_key(|(distance, _)| *distance);
        let turn = *self.turn_of.entry((access, group)).or_insert_with(|| {
            self.turns.push(0);
            self.turns.len() as u32 - 1
        });
        let key = (turn, by_distance);
        let known = self.known_views.get(&key).copied();
        let index = known.unwrap_or_else(|| {
            let index = self.views.len() as u32;
            let view = self.view(turn, &key.1);
            self.views.push(view);
            self.known_views.insert(key, index);
            index
        });
        let views = &mut self.view_of[place as usize];
        views.resize(plan.groups.len(), 0);
        views[group as usize] = index + 1;
        self.views[index as usize]
    }

    fn view(&mut self, turn: u32, by_distance: &[(u8, u32)]) -> View {
        let (start, tiers_start) = (self.members.len() as u32, self.ends.len());
        let mut end = 0;
        for tier in by_distance.chunk_by(|a, b| a.0 == b.0) {
            end += tier.len() as u32;
            self.ends.push(end);
        }
        self.members.extend(by_distance.iter().map(|(_, party)| party));
        let nearest = self.ends.get(tiers_start).copied().unwrap_or(0);
        View { start, nearest, tiers: (tiers_start as u32, self.ends.len() as u32), turn }
    }
}

fn no_totals(plan: &ReplayPlan<'_>) -> ReplayTotals {
    let parties = plan.group_of_party.len().max(plan.place_of_party.len());
    let loads = || vec![0; parties];
    ReplayTotals { load_before: loads(), load_after: loads(), ..ReplayTotals::default() }
}

fn count(loads: &mut [u64], party: u32) {
    if let Some(load) = loads.get_mut(party as usize) {
        *load += 1;
    }
}

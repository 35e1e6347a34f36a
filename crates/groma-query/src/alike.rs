//! Which messages go alike: a *lane* is the traffic between parties of which way and reason are the same.
//!
//! Machines of one VLAN behind one access switch reach any other machine the same way. So parties of a
//! service there are alike, and what they say to parties that are alike is one lane, except that it matters
//! who shares a machine. A log of millions of cells has some ten thousand lanes, and a change of the network
//! is a question about lanes; which cells make one up changes where machines move.
//!
//! **Invariant:** all that [`Traffic::place`](crate::traffic::Traffic::place) says of a cell follows from its
//! lane.

use std::hash::Hash;
use std::thread;

use groma_network::{AtHome, GroupIndex, VlanIndex};
use groma_trace::replay::Moved;
use groma_trace::{MatrixCell, MatrixTable};
use rustc_hash::FxHashMap;

use crate::epochs::Concern;
use crate::parties::{Parties, Party};
use crate::traffic::{Epoch, is_outside};

/// There is no such party.
const NOBODY: u32 = u32::MAX;
/// A lane's epoch has who is at home in its lowest bits.
const AT_HOME_BITS: u32 = 3;

/// Which parties are alike in each epoch, in numbers that mean the same to all versions with the same parties.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alike {
    concern: Concern,
    epochs: Vec<AlikeAt>,
}

/// Which parties are alike in one epoch.
#[derive(Debug, PartialEq, Eq)]
struct AlikeAt {
    /// By party, the first one that is like it.
    stand_in: Vec<u32>,
    /// By party, the first one on its machine; [`NOBODY`]: nobody knows where it is.
    machine: Vec<u32>,
    /// By party as a caller: the same, if it is known to share the machine.
    home: Vec<u32>,
    /// By party, the groups with a member on its machine, and whether one is in its VLAN.
    at_home: Vec<Box<[(u32, bool)]>>,
    /// By party, the group that another one would be chosen from, or [`NOBODY`].
    group: Vec<u32>,
}

/// The place where cells of a lane are summed up: caller, callee and epoch of a cell.
pub(crate) type Lane = (u32, u32, u32);

impl Alike {
    /// Cost: O(parties) for each epoch.
    pub(crate) fn of(parties: &Parties, epochs: &[Epoch], concern: Concern) -> Alike {
        let said = said_of(parties);
        let share = epochs.len().div_ceil(threads()).max(1);
        let all = |epochs: &[Epoch]| -> Vec<AlikeAt> {
            epochs.iter().map(|epoch| AlikeAt::of(parties, &said, epoch)).collect()
        };
        let parts = side_by_side(epochs.chunks(share), all);
        Alike { concern, epochs: parts.into_iter().flatten().collect() }
    }

    /// The lane of messages of an epoch between two parties.
    #[inline]
    pub(crate) fn lane(&self, caller: u32, callee: u32, epoch: u32) -> Lane {
        let last = self.epochs.len() as u32 - 1;
        // Of those whom no change concerns, the last epoch tells as much as any.
        let world = if self.concern.touches(caller, callee) { epoch.min(last) } else { last };
        let alike = &self.epochs[world as usize];
        let ends = [caller, callee].map(|party| alike.stand_in[party as usize]);
        (ends[0], ends[1], world << AT_HOME_BITS | alike.at_home(caller, callee))
    }

    /// The lane of a cell.
    pub(crate) fn lane_of(&self, cell: &MatrixCell) -> Lane {
        self.lane(cell.caller, cell.callee, cell.epoch)
    }

    /// Sums of lanes. Cost: a look-up for each cell.
    pub(crate) fn sums(&self, cells: &[MatrixCell]) -> Vec<MatrixCell> {
        let share = cells.len().div_ceil(threads()).max(1);
        let sum = |cells: &[MatrixCell]| {
            let mut table = MatrixTable::default();
            cells.iter().for_each(|cell| table.add_cell(&self.in_lane(cell)));
            table
        };
        let mut tables = side_by_side(cells.chunks(share), sum).into_iter();
        let mut all = tables.next().unwrap_or_default();
        tables.flat_map(MatrixTable::into_cells).for_each(|cell| all.add_cell(&cell));
        let mut sums = all.into_cells();
        sums.sort_unstable();
        sums
    }

    /// Sums of lanes, given those of the same cells where only `moved` parties are in other lanes. Cost: a
    /// glance at each cell, and a look-up for those of the moved.
    pub(crate) fn sums_after(
        &self,
        (before, sums): (&Alike, &[MatrixCell]),
        moved: &[bool],
        cells: &[MatrixCell],
    ) -> Vec<MatrixCell> {
        let share = cells.len().div_ceil(threads()).max(1);
        let of_moved = |cells: &[MatrixCell]| {
            let mut tables = <[MatrixTable; 2]>::default();
            for cell in cells {
                if moved[cell.caller as usize] || moved[cell.callee as usize] {
                    tables[0].add_cell(&before.in_lane(cell));
                    tables[1].add_cell(&self.in_lane(cell));
                }
            }
            tables
        };
        let mut all = <[MatrixTable; 2]>::default();
        for tables in side_by_side(cells.chunks(share), of_moved) {
            for (all, table) in all.iter_mut().zip(tables) {
                table.into_cells().iter().for_each(|cell| all.add_cell(cell));
            }
        }
        let [gone, come] = all.map(MatrixTable::into_cells);
        Moved { gone: Some(gone), come }.applied_to(sums)
    }

    /// By party, whether its messages may be in other lanes than before; `None`: too much differs to say.
    pub(crate) fn moved_since(&self, before: &Alike) -> Option<Vec<bool>> {
        let (now, then) = (&self.epochs, &before.epochs);
        if self.concern != before.concern || now.len() != then.len() {
            return None;
        }
        let count = now.first()?.stand_in.len();
        if then.iter().any(|at| at.stand_in.len() != count) {
            return None;
        }
        let differs = |party: usize| {
            now.iter().zip(then).any(|(now, then)| {
                (now.stand_in[party], now.machine[party], now.home[party], now.group[party])
                    != (
                        then.stand_in[party],
                        then.machine[party],
                        then.home[party],
                        then.group[party],
                    )
                    || now.at_home[party] != then.at_home[party]
            })
        };
        Some((0..count).map(differs).collect())
    }

    fn in_lane(&self, cell: &MatrixCell) -> MatrixCell {
        let (caller, callee, epoch) = self.lane_of(cell);
        MatrixCell { caller, callee, epoch, ..*cell }
    }
}

/// The epoch of a lane, and who is at home in it.
pub(crate) fn epoch_and_home(lane_epoch: u32) -> (u16, AtHome) {
    let bit = |bit: u32| lane_epoch >> bit & 1 == 1;
    let at_home = AtHome { destination: bit(0), candidate: bit(1), candidate_in_vlan: bit(2) };
    ((lane_epoch >> AT_HOME_BITS) as u16, at_home)
}

impl AlikeAt {
    /// `said`: by party, a number of what tables say of it.
    fn of(parties: &Parties, said: &[u32], epoch: &Epoch) -> AlikeAt {
        let network = &epoch.network;
        let endpoint = |party: usize| epoch.endpoints[party].map(|end| network.endpoint_at(end));
        let count = parties.parties.len();
        let way = |party: usize| -> Option<GroupIndex> { endpoint(party).map(|end| end.group) };
        let stand_in = firsts((0..count).map(|party| Some((said[party], way(party)))));
        let machine = firsts((0..count).map(|party| endpoint(party).map(|end| end.host)));
        let shares = |party: &usize| endpoint(*party).is_some_and(|end| end.shares_machine(end));
        let home: Vec<u32> =
            (0..count).map(|party| if shares(&party) { machine[party] } else { NOBODY }).collect();
        let group: Vec<u32> = (parties.parties.iter())
            .map(|party| party.group.map_or(NOBODY, |group| group as u32))
            .collect();
        let vlan = |party: usize| epoch.endpoints[party].and_then(|end| network.vlan_of(end));
        let mut members: FxHashMap<u32, Vec<(u32, Option<VlanIndex>)>> = FxHashMap::default();
        for party in (0..count).filter(|party| group[*party] != NOBODY) {
            members.entry(machine[party]).or_default().push((group[party], vlan(party)));
        }
        let at_home = |party: usize| -> Box<[(u32, bool)]> {
            let Some(members) = members.get(&home[party]) else { return Box::default() };
            let own = vlan(party);
            let mut groups: Vec<(u32, bool)> =
                members.iter().map(|(group, vlan)| (*group, *vlan == own)).collect();
            // Those in its VLAN first, so that they are the ones that stay.
            groups.sort_unstable_by_key(|(group, in_vlan)| (*group, !in_vlan));
            groups.dedup_by_key(|(group, _)| *group);
            groups.into()
        };
        let at_home = (0..count).map(at_home).collect();
        AlikeAt { stand_in, machine, home, at_home, group }
    }

    /// Who is at home when one party calls another, in bits.
    #[inline]
    fn at_home(&self, caller: u32, callee: u32) -> u32 {
        let home = self.home[caller as usize];
        if home == NOBODY {
            return 0;
        }
        let group = self.group[callee as usize];
        let destination = u32::from(home == self.machine[callee as usize]);
        let known = self.at_home[caller as usize].iter().find(|(of, _)| *of == group);
        known.map_or(destination, |(_, in_vlan)| destination | 2 | u32::from(*in_vlan) << 2)
    }
}

/// By party, a number of what is said of it: its role, its label, who could stand in for it, and whether it
/// is outside.
fn said_of(parties: &Parties) -> Vec<u32> {
    let said = |party| {
        let Party { name, role, group, label }: &Party = party;
        Some((*role, label, *group, is_outside(name)))
    };
    firsts(parties.parties.iter().map(said))
}

/// By place, the first place of the same thing; [`NOBODY`] of nothing.
fn firsts<T: Hash + Eq>(things: impl Iterator<Item = Option<T>>) -> Vec<u32> {
    let mut known: FxHashMap<T, u32> = FxHashMap::default();
    let first = |(place, thing): (usize, Option<T>)| {
        thing.map_or(NOBODY, |thing| *known.entry(thing).or_insert(place as u32))
    };
    things.enumerate().map(first).collect()
}

/// How many threads the machine runs at once.
pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Works on parts side by side, a thread for each.
pub(crate) fn side_by_side<P: Send, T: Send>(
    parts: impl Iterator<Item = P>,
    work: impl Fn(P) -> T + Sync,
) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let join = |part: thread::ScopedJoinHandle<'_, T>| {
            part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        parts.into_iter().map(join).collect()
    })
}

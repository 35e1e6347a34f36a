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
use std::sync::Arc;
use std::thread;

use groma_network::{AtHome, VlanIndex};
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
    /// By party, the group that another one would be chosen from, or [`NOBODY`].
    group: Vec<u32>,
    /// What there is on machines, each once.
    neighbours: Vec<Neighbours>,
    epochs: Vec<AlikeAt>,
}

/// The groups with a member on a machine, and whether one is in some VLAN; sorted.
type Neighbours = Box<[(u32, bool)]>;

/// Which parties are alike in one epoch. What is as in the epoch before is shared with it.
#[derive(Debug, PartialEq, Eq)]
struct AlikeAt {
    /// By party, the first one that is like it.
    stand_in: Arc<[u32]>,
    /// By party, the first one on its machine; [`NOBODY`]: nobody knows where it is.
    machine: Arc<[u32]>,
    /// By party as a caller: the same, if it is known to share the machine.
    home: Arc<[u32]>,
    /// By party, a number of [`Alike::neighbours`]: those on its machine and in its VLAN.
    at_home: Arc<[u32]>,
}

/// The place where cells of a lane are summed up: caller, callee and epoch of a cell.
pub(crate) type Lane = (u32, u32, u32);

impl Alike {
    /// Cost: O(parties) for each epoch.
    pub(crate) fn of(parties: &Parties, epochs: &[Epoch], concern: Concern) -> Alike {
        let said = said_of(parties);
        let group: Vec<u32> = (parties.parties.iter())
            .map(|party| party.group.map_or(NOBODY, |group| group as u32))
            .collect();
        let share = epochs.len().div_ceil(threads()).max(1);
        let find = |epochs: &[Epoch]| -> Vec<Found> {
            epochs.iter().map(|epoch| Found::of(&said, &group, epoch)).collect()
        };
        let found = side_by_side(epochs.chunks(share), find);
        let (neighbours, epochs) = (Vec::new(), Vec::new());
        let mut alike = Alike { concern, group, neighbours, epochs };
        let mut known = FxHashMap::default();
        found.into_iter().flatten().for_each(|found| alike.push(found, &mut known));
        alike
    }

    /// Adds an epoch.
    fn push(&mut self, found: Found, known: &mut FxHashMap<Neighbours, u32>) {
        let mut number = |list: Neighbours| {
            *known.entry(list).or_insert_with_key(|list| {
                self.neighbours.push(list.clone());
                (self.neighbours.len() - 1) as u32
            })
        };
        let numbers: Vec<u32> = found.neighbours.into_iter().map(&mut number).collect();
        let at_home: Vec<u32> = found.at_home.iter().map(|own| numbers[*own as usize]).collect();
        let before = self.epochs.last();
        let shared = |list: Vec<u32>, of: fn(&AlikeAt) -> &Arc<[u32]>| match before.map(of) {
            Some(before) if **before == *list => Arc::clone(before),
            _ => list.into(),
        };
        let at = AlikeAt {
            stand_in: shared(found.stand_in, |at| &at.stand_in),
            machine: shared(found.machine, |at| &at.machine),
            home: shared(found.home, |at| &at.home),
            at_home: shared(at_home, |at| &at.at_home),
        };
        self.epochs.push(at);
    }

    /// The lane of messages of an epoch between two parties.
    #[inline]
    pub(crate) fn lane(&self, caller: u32, callee: u32, epoch: u32) -> Lane {
        let last = self.epochs.len() as u32 - 1;
        // Of those whom no change concerns, the last epoch tells as much as any.
        let world = if self.concern.touches(caller, callee) { epoch.min(last) } else { last };
        let alike = &self.epochs[world as usize];
        let ends = [caller, callee].map(|party| alike.stand_in[party as usize]);
        (ends[0], ends[1], world << AT_HOME_BITS | self.at_home(alike, caller, callee))
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
        if self.group.len() != before.group.len() {
            return None;
        }
        let differs = |party: usize| {
            self.group[party] != before.group[party]
                || now.iter().zip(then).any(|(now, then)| {
                    let lists = [&now.stand_in, &now.machine, &now.home];
                    let others = [&then.stand_in, &then.machine, &then.home];
                    lists.iter().zip(others).any(|(now, then)| now[party] != then[party])
                        || self.neighbours[now.at_home[party] as usize]
                            != before.neighbours[then.at_home[party] as usize]
                })
        };
        Some((0..self.group.len()).map(differs).collect())
    }

    /// Who is at home when one party calls another, in bits.
    #[inline]
    fn at_home(&self, at: &AlikeAt, caller: u32, callee: u32) -> u32 {
        let home = at.home[caller as usize];
        if home == NOBODY {
            return 0;
        }
        let group = self.group[callee as usize];
        let destination = u32::from(home == at.machine[callee as usize]);
        let neighbours = &self.neighbours[at.at_home[caller as usize] as usize];
        let known = neighbours.iter().find(|(of, _)| *of == group);
        known.map_or(destination, |(_, in_vlan)| destination | 2 | u32::from(*in_vlan) << 2)
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

/// What is found of one epoch.
struct Found {
    stand_in: Vec<u32>,
    machine: Vec<u32>,
    home: Vec<u32>,
    /// By party, a number of `neighbours`.
    at_home: Vec<u32>,
    neighbours: Vec<Neighbours>,
}

impl Found {
    /// `said`: by party, a number of what tables say of it.
    fn of(said: &[u32], group: &[u32], epoch: &Epoch) -> Found {
        let network = &epoch.network;
        let endpoint = |party: usize| epoch.endpoints[party].map(|end| network.endpoint_at(end));
        let vlan = |party: usize| epoch.endpoints[party].and_then(|end| network.vlan_of(end));
        let all = 0..said.len();
        let way = |party: usize| (said[party], endpoint(party).map(|end| end.group));
        let stand_in = firsts(all.clone().map(|party| Some(way(party))));
        let machine = firsts(all.clone().map(|party| endpoint(party).map(|end| end.host)));
        let shares = |party: usize| endpoint(party).is_some_and(|end| end.shares_machine(end));
        let own = |party: usize| if shares(party) { machine[party] } else { NOBODY };
        let home: Vec<u32> = all.clone().map(own).collect();
        let mut members: FxHashMap<u32, Vec<(u32, Option<VlanIndex>)>> = FxHashMap::default();
        for party in all.clone().filter(|party| group[*party] != NOBODY) {
            members.entry(machine[party]).or_default().push((group[party], vlan(party)));
        }
        let mut known: FxHashMap<(u32, Option<VlanIndex>), u32> = FxHashMap::default();
        // The first list is that of machines with nobody.
        let mut neighbours = vec![Neighbours::default()];
        let mut at_home = |party: usize| {
            let (machine, own) = (home[party], vlan(party));
            let Some(members) = members.get(&machine).filter(|_| machine != NOBODY) else {
                return 0;
            };
            *known.entry((machine, own)).or_insert_with(|| {
                neighbours.push(groups_of(members, own));
                (neighbours.len() - 1) as u32
            })
        };
        let at_home = all.map(&mut at_home).collect();
        Found { stand_in, machine, home, at_home, neighbours }
    }
}

fn groups_of(members: &[(u32, Option<VlanIndex>)], own: Option<VlanIndex>) -> Neighbours {
    let of = |(group, vlan): &(u32, Option<VlanIndex>)| (*group, *vlan == own);
    let mut groups: Vec<(u32, bool)> = members.iter().map(of).collect();
    // Those in the VLAN first, so that they are the ones that stay.
    groups.sort_unstable_by_key(|(group, in_vlan)| (*group, !in_vlan));
    groups.dedup_by_key(|(group, _)| *group);
    groups.into()
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

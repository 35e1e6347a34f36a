//! Reads the maps: finds locks while it watches, and makes samples of what was counted in a window.

use std::collections::{BTreeMap, HashMap};

use groma_capacity::Tier;

use super::count::{Look, Open};
use super::layout::{Class, Group, LockCounts, PortWords, SLOTS, SlotTickWords, SlotWords, Thread};
use super::load::{self, Loaded, Refusal, Ways};
use super::locks::KnownLock;
use crate::cost::Kept;
use crate::counted::{Counted, SUBWINDOWS_MAX, SubWindow};
use crate::options::{Options, Requests};
use crate::process::{self, CpuClocks};
use crate::target::Watched;

/// Locks and futexes remembered per group; those that waited least are forgotten.
const LOCKS_KNOWN_MAX: usize = 1024;
/// Kinds of entries that may find their map full: `enum full` in C.
const FULLS: usize = 2;

/// Programs in the kernel, and what is known of each group.
pub(crate) struct Watch {
    loaded: Loaded,
    all: bool,
    follow: bool,
    requests: Requests,
    groups: BTreeMap<u64, Known>,
    began_ns: u64,
    full_at_window: [u64; FULLS],
}

/// One group between two looks.
#[derive(Default)]
pub(super) struct Known {
    pub(super) members: Vec<u32>,
    /// When the first process began, in ticks since boot.
    birth: Option<u64>,
    pub(super) clocks: CpuClocks,
    pub(super) run_delay: Option<f64>,
    pub(super) at_window: Group,
    at_poll: Group,
    pub(super) locks: HashMap<u64, KnownLock>,
    slots: [Option<u64>; SLOTS],
    pub(super) ports: HashMap<u64, PortWords>,
    pub(super) open: Open,
    pub(super) subwindows: Vec<SubWindow>,
    /// It began another program in this window.
    pub(super) restarted: bool,
}

impl Watch {
    /// Attaches; with `ticks` it is tier 1, else tier 2.
    pub(crate) fn start(
        watched: &Watched,
        options: &Options,
        ticks: bool,
    ) -> Result<Self, Refusal> {
        Self::start_by(watched, options, ticks, Ways::of_this_kernel())
    }

    fn start_by(
        watched: &Watched,
        options: &Options,
        ticks: bool,
        ways: Ways,
    ) -> Result<Self, Refusal> {
        let loaded = load::load(watched, options, ticks, ways)?;
        let mut watch = Self {
            loaded,
            all: matches!(watched, Watched::All),
            follow: options.follow_children,
            requests: options.requests.clone(),
            groups: BTreeMap::new(),
            began_ns: 0,
            full_at_window: [0; FULLS],
        };
        if let Watched::Groups(groups) = watched {
            for (leader, members) in groups {
                watch.groups.insert(u64::from(*leader), Known::new(*leader, members.clone()));
            }
        }
        watch.begin();
        Ok(watch)
    }

    /// Begins the first window: what was counted while one program after another was attached, which takes
    /// a while, belongs to none.
    fn begin(&mut self) {
        if self.all {
            self.find_groups();
        }
        let now = crate::sys::monotonic_ns();
        self.read_locks(now);
        let mut open = self.open_waits(now);
        let mut ports = self.port_counts();
        for (id, known) in &mut self.groups {
            let Ok(words) = self.loaded.groups.get(id, 0) else { continue };
            known.begin(&Group::read(&words, now));
            known.open = open.remove(id).unwrap_or_default();
            known.ports = ports.remove(id).unwrap_or_default();
        }
        for id in self.groups.keys().copied().collect::<Vec<_>>() {
            self.place_slots(id);
        }
        self.began_ns = now;
    }

    /// What the tier is called.
    pub(crate) fn tier(&self) -> Tier {
        if self.loaded.rate_hz > 0 { Tier::BpfOwner } else { Tier::BpfFutex }
    }

    /// The groups known by now, by their first process.
    pub(crate) fn leaders(&self) -> Vec<u32> {
        self.groups.keys().filter_map(|id| u32::try_from(*id).ok()).collect()
    }

    /// True if every target has ended. The whole machine never does.
    pub(crate) fn ended(&self) -> bool {
        !self.all && self.groups.is_empty()
    }

    /// True if no target lives any more, though the last window was not ended yet.
    pub(crate) fn all_targets_gone(&self) -> bool {
        !self.all && self.groups.iter().all(|(id, known)| known.has_ended(*id as u32))
    }

    /// Learns of new locks, so that their owners are sampled from now on: call it every 100 ms.
    pub(crate) fn poll(&mut self) {
        let now = crate::sys::monotonic_ns();
        if self.all {
            self.find_groups();
        } else if self.follow {
            self.find_members();
        }
        let mut restarted = Vec::new();
        for (&id, known) in &mut self.groups {
            let Ok(words) = self.loaded.groups.get(&id, 0) else { continue };
            let group = Group::read(&words, now);
            if group.execs > known.at_poll.execs {
                known.forget_locks();
                restarted.push(id);
            }
            known.end_subwindow(now, self.began_ns, &group);
        }
        for id in restarted {
            self.forget(id);
        }
        self.read_locks(now);
        for id in self.groups.keys().copied().collect::<Vec<_>>() {
            self.place_slots(id);
        }
    }

    /// Ends a window: what each group did in it. Groups that ended are in it for the last time.
    pub(crate) fn window(&mut self) -> Vec<Counted> {
        self.poll();
        let now = crate::sys::monotonic_ns();
        let mut open = self.open_waits(now);
        let mut ports = self.port_counts();
        let mut counted = Vec::new();
        for id in self.groups.keys().copied().collect::<Vec<_>>() {
            let Ok(words) = self.loaded.groups.get(&id, 0) else { continue };
            let ticks = self.slot_ticks(id);
            let Some(known) = self.groups.get_mut(&id) else { continue };
            let look = Look {
                id,
                window: now.saturating_sub(self.began_ns) as f64 / 1e9,
                rate_hz: self.loaded.rate_hz,
                group: Group::read(&words, now),
                slot_ticks: ticks,
                open: open.remove(&id).unwrap_or_default(),
                ports: ports.remove(&id).unwrap_or_default(),
                requests: self.requests.clone(),
            };
            if !self.all || look.group.runs > known.at_window.runs {
                counted.push(known.count(look));
            } else if !known.has_ended(id as u32) {
                continue;
            }
            if known.has_ended(id as u32) {
                self.groups.remove(&id);
                self.forget(id);
                // Without an entry there is nothing to remove.
                let _ = self.loaded.groups.remove(&id);
            }
        }
        self.began_ns = now;
        counted
    }

    /// What the reader should know of the window that just ended.
    pub(crate) fn warnings(&mut self) -> Vec<String> {
        let mut warnings = Vec::new();
        let most = [("process", load::GROUPS_MAX), ("thread", self.loaded.threads_max)];
        for (which, (what, most)) in most.into_iter().enumerate() {
            let full = self.loaded.totals.get(&(which as u32), 0).unwrap_or_default();
            let missed = full - std::mem::replace(&mut self.full_at_window[which], full);
            if missed > 0 {
                warnings.push(format!(
                    "{missed} times a {what} was not counted, because there are more than {most}"
                ));
            }
        }
        if !self.loaded.ways.tracefs {
            warnings.push(
                "tracefs is not mounted, so every system call of the machine passes the probe: \
                 mount -t tracefs nodev /sys/kernel/tracing"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Entries in the maps.
    pub(crate) fn kept(&self) -> Kept {
        Kept {
            targets: self.loaded.targets.keys().filter_map(Result::ok).count(),
            groups: self.loaded.groups.keys().filter_map(Result::ok).count(),
            threads: self.loaded.threads.keys().filter_map(Result::ok).count(),
            locks: self.loaded.locks.keys().filter_map(Result::ok).count(),
        }
    }

    /// The whole machine: whoever was on a CPU has an entry.
    fn find_groups(&mut self) {
        let present: Vec<u64> = self.loaded.groups.keys().filter_map(Result::ok).collect();
        for id in present {
            let Ok(pid) = u32::try_from(id) else { continue };
            self.groups.entry(id).or_insert_with(|| Known::new(pid, vec![pid]));
        }
    }

    /// Children join and end in the kernel; this is only the list of who is there.
    fn find_members(&mut self) {
        let mut members: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for (member, leader) in self.loaded.targets.iter().filter_map(Result::ok) {
            members.entry(u64::from(leader)).or_default().push(member);
        }
        for (id, known) in &mut self.groups {
            known.members = members.remove(id).unwrap_or_default();
        }
    }

    fn read_locks(&mut self, now: u64) {
        let entries: Vec<_> = self.loaded.locks.iter().filter_map(Result::ok).collect();
        for ([id, address], words) in entries {
            let Some(known) = self.groups.get_mut(&id) else {
                continue;
            };
            let lock = known.locks.entry(address).or_default();
            lock.look(LockCounts::read(&words, now), &known.members);
            if lock.must_be_confirmed() {
                // If this fails it is tried again at the next look.
                let _ = self.loaded.confirmed.insert([id, address], 1, 0);
            }
        }
        for known in self.groups.values_mut() {
            known.forget_quiet_locks();
        }
    }

    /// Gives the owner of every lock that has one a place in the tick.
    fn place_slots(&mut self, id: u64) {
        if self.loaded.rate_hz == 0 {
            return;
        }
        let ticks = self.slot_ticks(id);
        let Some(known) = self.groups.get_mut(&id) else { return };
        if !known.place(&ticks) {
            return;
        }
        let words = known.slot_words();
        if self.loaded.slot_ticks.get(&id, 0).is_err() {
            let _ = self.loaded.slot_ticks.insert(id, [0; _], 0);
        }
        if self.loaded.slots.insert(id, words, 0).is_err() {
            known.slots = [None; SLOTS];
        }
    }

    fn slot_ticks(&self, id: u64) -> SlotTickWords {
        self.loaded.slot_ticks.get(&id, 0).unwrap_or([0; _])
    }

    fn open_waits(&self, now: u64) -> HashMap<u64, Open> {
        let mut all: HashMap<u64, Open> = HashMap::new();
        for (_, words) in self.loaded.threads.iter().filter_map(Result::ok) {
            let thread = Thread::read(&words);
            let Some((since, class)) = thread.off else { continue };
            let open = all.entry(thread.group).or_default();
            let lasted = now.saturating_sub(since);
            if let Some(sum) = open.off_ns.get_mut(class) {
                *sum += lasted;
            }
            if class == Class::Network as usize {
                *open.port_ns.entry(thread.off_port).or_default() += lasted;
            }
        }
        all
    }

    fn port_counts(&self) -> HashMap<u64, HashMap<u64, PortWords>> {
        let mut all: HashMap<u64, HashMap<u64, PortWords>> = HashMap::new();
        for ([id, port], words) in self.loaded.ports.iter().filter_map(Result::ok) {
            all.entry(id).or_default().insert(port, words);
        }
        all
    }

    /// Removes what the kernel keeps of a group whose addresses mean nothing any more.
    fn forget(&mut self, id: u64) {
        let loaded = &mut self.loaded;
        // What is not there need not be removed: no error matters here.
        let _ = loaded.slots.remove(&id);
        let _ = loaded.slot_ticks.remove(&id);
        let of_group = |key: &[u64; 2]| key[0] == id;
        for key in loaded.locks.keys().filter_map(Result::ok).filter(of_group).collect::<Vec<_>>() {
            let _ = loaded.locks.remove(&key);
            let _ = loaded.confirmed.remove(&key);
        }
        for key in loaded.ports.keys().filter_map(Result::ok).filter(of_group).collect::<Vec<_>>() {
            let _ = loaded.ports.remove(&key);
        }
    }
}

impl Known {
    fn new(leader: u32, members: Vec<u32>) -> Self {
        let mut known = Self {
            birth: process::birth(leader),
            run_delay: members.iter().map(|pid| process::run_delay(*pid)).sum(),
            members,
            ..Self::default()
        };
        known.clocks.advance(&known.members);
        known
    }

    /// Nothing that was counted before is of the window that begins now.
    fn begin(&mut self, group: &Group) {
        (self.at_window, self.at_poll) = (*group, *group);
        self.locks.values_mut().for_each(KnownLock::begin_window);
        self.clocks.advance(&self.members);
        self.run_delay = self.members.iter().map(|pid| process::run_delay(*pid)).sum();
    }

    /// True if the process that it began with is no more, and no child of it either.
    pub(super) fn has_ended(&self, leader: u32) -> bool {
        let leader_lives = self.birth.is_some() && process::birth(leader) == self.birth;
        !leader_lives
            && !self.members.iter().any(|pid| *pid != leader && process::birth(*pid).is_some())
    }

    /// After an exec its addresses mean nothing any more.
    fn forget_locks(&mut self) {
        self.locks.clear();
        self.slots = [None; SLOTS];
        self.ports.clear();
        self.restarted = true;
    }

    fn forget_quiet_locks(&mut self) {
        if self.locks.len() <= LOCKS_KNOWN_MAX {
            return;
        }
        let mut by_waits: Vec<_> =
            self.locks.iter().map(|(address, lock)| (lock.waits(), *address)).collect();
        by_waits.sort_unstable();
        for (_, address) in by_waits.iter().take(self.locks.len() - LOCKS_KNOWN_MAX) {
            self.locks.remove(address);
            for slot in &mut self.slots {
                if *slot == Some(*address) {
                    *slot = None;
                }
            }
        }
    }

    /// Gives a place in the tick to every lock that has an owner and no place yet; true if something
    /// changed. With no place left, a lock that waits much takes that of one that waits little.
    fn place(&mut self, ticks: &SlotTickWords) -> bool {
        let wanting: Vec<(u64, u64)> = self
            .locks
            .iter()
            .filter(|(_, lock)| lock.wants_place())
            .map(|(address, lock)| (*address, lock.waits()))
            .collect();
        let mut changed = false;
        for (address, waits) in wanting {
            let free = self.slots.iter().position(Option::is_none);
            let Some(place) = free.or_else(|| self.quietest(waits / 4)) else { continue };
            if let Some(lock) = self.slots[place].and_then(|old| self.locks.get_mut(&old)) {
                lock.lose_place();
            }
            self.slots[place] = Some(address);
            if let Some(lock) = self.locks.get_mut(&address) {
                lock.take_place(place, ticks);
            }
            changed = true;
        }
        changed
    }

    /// The place of the lock that waited least, if that is less than `waits`.
    fn quietest(&self, waits: u64) -> Option<usize> {
        let waits_at = |place: &usize| {
            self.slots[*place]
                .and_then(|address| self.locks.get(&address))
                .map_or(0, KnownLock::waits)
        };
        (0..SLOTS).min_by_key(waits_at).filter(|place| waits_at(place) < waits)
    }

    fn slot_words(&self) -> SlotWords {
        let mut words = [0; 1 + 2 * SLOTS];
        for (place, address) in self.slots.iter().enumerate() {
            let Some(lock) = address.and_then(|address| self.locks.get(&address)) else { continue };
            words[0] = place as u64 + 1;
            words[1 + place] = address.unwrap_or_default();
            words[1 + SLOTS + place] = lock.owner_offset();
        }
        words
    }

    fn end_subwindow(&mut self, now: u64, began_ns: u64, group: &Group) {
        let before = std::mem::replace(&mut self.at_poll, *group);
        let ticks = group.ticks - before.ticks;
        if self.subwindows.len() < SUBWINDOWS_MAX {
            self.subwindows.push(SubWindow {
                until: now.saturating_sub(began_ns) as f64 / 1e9,
                ticks,
                ticks_owner: group.ticks_owner - before.ticks_owner,
                ticks_contended: group.ticks_contended - before.ticks_contended,
                contended: group.contended_ns.saturating_sub(before.contended_ns) as f64 / 1e9,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::options::Requests;

    const REQUESTS: u64 = 200;

    /// This process serves itself so many requests over loopback.
    fn serve_requests() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let mut byte = [0];
        for _ in 0..REQUESTS {
            (&client).write_all(b"?").unwrap();
            (&server).read_exact(&mut byte).unwrap();
            (&server).write_all(b"!").unwrap();
            (&client).read_exact(&mut byte).unwrap();
        }
    }

    #[test]
    fn every_way_shows_the_same_replies() {
        let own = std::process::id();
        let watched = Watched::Groups(BTreeMap::from([(own, vec![own])]));
        let options = Options { requests: Requests::Replies, ..Options::default() };
        for (tracefs, sockets) in [(true, true), (true, false), (false, true), (false, false)] {
            let ways = Ways { tracefs, sockets };
            let mut watch = match Watch::start_by(&watched, &options, true, ways) {
                Ok(watch) => watch,
                Err(refusal) => return println!("skipped: {refusal}"),
            };
            serve_requests();
            // Both ends are ours, and every send but the client's first follows a receive.
            let replies: u64 =
                watch.port_counts().values().flat_map(HashMap::values).map(|port| port[2]).sum();
            assert!((2 * REQUESTS - 1..=2 * REQUESTS).contains(&replies), "{ways:?}: {replies}");
            assert_eq!(watch.window()[0].leader, own);
        }
    }
}

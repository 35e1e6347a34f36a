//! Loads the object, attaches its programs, and holds its maps.

use aya::maps::{Array, HashMap, MapData};
use aya::programs::perf_event::{PerfEventConfig, PerfEventScope, SamplePolicy, SoftwareEvent};
use aya::programs::{BtfTracePoint, PerfEvent, TracePoint};
use aya::util::online_cpus;
use aya::{Btf, Ebpf, EbpfLoader};

use super::calls::{self, Calls};
use super::layout::{
    DOORS, GroupWords, LockWords, PairWords, PortWords, Role, SlotTickWords, SlotWords,
    ThreadWords, behind_door,
};
use crate::options::{Options, Requests};
use crate::target::Watched;

/// Compiled from `bpf/probe.bpf.c` by `make bpf`; a test compares.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../bpf/probe.bpf.o");

/// Groups at most: processes with `--all`, else targets.
pub(crate) const GROUPS_MAX: u32 = 1024;
/// Threads followed at most, and when everything is watched.
const THREADS_MAX: u32 = 16_384;
const THREADS_ALL_MAX: u32 = 65_536;

/// Ways that this kernel has to see a few calls without being asked at every one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways {
    /// A tracepoint for each system call.
    pub(crate) tracefs: bool,
    /// Tracepoints of sockets, where data has moved: kernels from 6.3 on.
    pub(crate) sockets: bool,
}

impl Ways {
    /// All that may be there; whether sockets have theirs shows when attaching.
    pub(crate) fn of_this_kernel() -> Self {
        Self { tracefs: calls::tracefs_is_mounted(), sockets: true }
    }
}

/// The programs, attached until this is dropped, and their maps.
pub(crate) struct Loaded {
    /// Dropping it detaches.
    _programs: Ebpf,
    pub(crate) targets: HashMap<MapData, u32, u32>,
    doors: Array<MapData, u64>,
    pub(crate) groups: HashMap<MapData, u64, GroupWords>,
    pub(crate) locks: HashMap<MapData, PairWords, LockWords>,
    pub(crate) confirmed: HashMap<MapData, PairWords, u32>,
    pub(crate) threads: HashMap<MapData, u32, ThreadWords>,
    pub(crate) slots: HashMap<MapData, u64, SlotWords>,
    pub(crate) slot_ticks: HashMap<MapData, u64, SlotTickWords>,
    pub(crate) ports: HashMap<MapData, PairWords, PortWords>,
    pub(crate) totals: Array<MapData, u64>,
    pub(crate) ways: Ways,
    /// Threads followed at most.
    pub(crate) threads_max: u32,
    /// Ticks per second and CPU; 0: no ticks, tier 2.
    pub(crate) rate_hz: u64,
}

/// Why it did not work, in one line for the report.
pub(crate) type Refusal = String;

/// With ticks it is tier 1, without tier 2.
pub(crate) fn load(
    watched: &Watched,
    options: &Options,
    ticks: bool,
    ways: Ways,
) -> Result<Loaded, Refusal> {
    if cfg!(not(target_arch = "x86_64")) {
        let machine = std::env::consts::ARCH;
        return Err(format!("the programs for the kernel know x86-64 only, this is {machine}"));
    }
    let btf = Btf::from_sys_fs()
        .map_err(|error| format!("the kernel does not describe itself (BTF): {}", chain(&error)))?;
    let mut loader = EbpfLoader::new();
    let all = u32::from(matches!(watched, Watched::All));
    let children = u32::from(options.follow_children);
    let own = std::process::id();
    loader
        .btf(Some(&btf))
        .override_global("watch_all", &all, true)
        .override_global("follow_children", &children, true)
        .override_global("own_tgid", &own, true);
    let threads_max = if all == 1 { THREADS_ALL_MAX } else { THREADS_MAX };
    loader.map_max_entries("threads", threads_max);
    let mut programs =
        loader.load(OBJECT).map_err(|error| format!("bpf() refused: {}", chain(&error)))?;
    let mut loaded = Loaded {
        targets: map(&mut programs, "targets")?,
        doors: array(&mut programs, "doors")?,
        groups: map(&mut programs, "groups")?,
        locks: map(&mut programs, "locks")?,
        confirmed: map(&mut programs, "confirmed")?,
        threads: map(&mut programs, "threads")?,
        slots: map(&mut programs, "slots")?,
        slot_ticks: map(&mut programs, "slot_ticks")?,
        ports: map(&mut programs, "ports")?,
        totals: array(&mut programs, "totals")?,
        ways,
        threads_max,
        rate_hz: if ticks { options.rate_hz } else { 0 },
        _programs: programs,
    };
    if let Watched::Groups(groups) = watched {
        for (&leader, members) in groups {
            loaded.watch(leader, members)?;
        }
    }
    loaded.attach(&btf, options)?;
    Ok(loaded)
}

impl Loaded {
    /// Begins to count a group: before anything is attached, or while it runs.
    pub(crate) fn watch(&mut self, leader: u32, members: &[u32]) -> Result<(), Refusal> {
        let failed = |error: aya::maps::MapError| format!("a map is full: {}", chain(&error));
        self.groups.insert(u64::from(leader), [0; _], 0).map_err(failed)?;
        for &member in members {
            self.targets.insert(member, leader, 0).map_err(failed)?;
            let door = member % DOORS;
            let behind = self.doors.get(&door, 0).map_err(failed)?;
            self.doors.set(door, behind_door(behind, member, leader), 0).map_err(failed)?;
        }
        Ok(())
    }

    fn attach(&mut self, btf: &Btf, options: &Options) -> Result<(), Refusal> {
        let programs = &mut self._programs;
        // First what forgets: no thread that ends while the others are attached stays known.
        let life = [("on_exit", "sched_process_exit"), ("on_exec", "sched_process_exec")];
        for (program, tracepoint) in life.into_iter().chain([("on_fork", "sched_process_fork")]) {
            attach_btf(programs, btf, program, tracepoint)?;
        }
        let wants_sockets = self.ways.sockets && options.requests == Requests::Replies;
        let sockets = wants_sockets && attach_sockets(programs, btf).is_ok();
        let calls = Calls::of_this_machine(sockets);
        let mut classes = array::<u32>(programs, "syscall_class")?;
        for (number, class) in &calls.classes {
            classes
                .set(*number, *class as u32, 0)
                .map_err(|error| format!("syscall_class: {}", chain(&error)))?;
        }
        let mut roles = vec![("futex", Role::Futex)];
        match &options.requests {
            Requests::Replies if sockets => {}
            Requests::Replies => {
                roles.extend(calls::RECEIVES.iter().map(|name| (*name, Role::Receive)));
                roles.extend(calls::SENDS.iter().map(|name| (*name, Role::Send)));
            }
            Requests::Calls(names) => {
                roles.extend(names.iter().map(|name| (name.as_str(), Role::Chosen)));
            }
            Requests::Uncounted => {}
        }
        if self.ways.tracefs {
            attach_calls(programs, &roles)?;
        } else {
            attach_all_calls(programs, btf, &calls, &roles)?;
        }
        attach_btf(programs, btf, "on_switch", "sched_switch")?;
        if self.rate_hz > 0 {
            attach_ticks(programs, self.rate_hz)?;
        }
        Ok(())
    }
}

/// Sends and receives of data, and no other calls.
fn attach_sockets(programs: &mut Ebpf, btf: &Btf) -> Result<(), Refusal> {
    attach_btf(programs, btf, "on_receive", "sock_recv_length")?;
    attach_btf(programs, btf, "on_send", "sock_send_length")
}

/// One tracepoint per call: other calls cost nothing but a look at a flag.
fn attach_calls(programs: &mut Ebpf, roles: &[(&str, Role)]) -> Result<(), Refusal> {
    let mut loaded = Vec::new();
    for (name, role) in roles {
        let program_name = match role {
            Role::Futex => "enter_futex",
            Role::Receive => "enter_receive",
            Role::Send => "enter_send",
            Role::Chosen => "enter_chosen",
        };
        let program: &mut TracePoint = program(programs, program_name)?;
        if !loaded.contains(&program_name) {
            program.load().map_err(|error| format!("{program_name}: {}", chain(&error)))?;
            loaded.push(program_name);
        }
        program
            .attach("syscalls", &format!("sys_enter_{name}"))
            .map_err(|error| format!("tracepoint sys_enter_{name}: {}", chain(&error)))?;
    }
    let exit: &mut TracePoint = program(programs, "exit_futex")?;
    exit.load()
        .and_then(|()| exit.attach("syscalls", "sys_exit_futex").map(drop))
        .map_err(|error| format!("tracepoint sys_exit_futex: {}", chain(&error)))
}

fn attach_all_calls(
    programs: &mut Ebpf,
    btf: &Btf,
    calls: &Calls,
    roles: &[(&str, Role)],
) -> Result<(), Refusal> {
    let mut of_call = array::<u32>(programs, "syscall_role")?;
    for (name, role) in roles {
        let number = calls.number(name).ok_or_else(|| calls::unknown(name))?;
        of_call
            .set(number, *role as u32, 0)
            .map_err(|error| format!("syscall_role: {}", chain(&error)))?;
    }
    attach_btf(programs, btf, "enter_any", "sys_enter")?;
    attach_btf(programs, btf, "exit_any", "sys_exit")
}

fn attach_btf(programs: &mut Ebpf, btf: &Btf, name: &str, to: &str) -> Result<(), Refusal> {
    let program: &mut BtfTracePoint = program(programs, name)?;
    program
        .load(to, btf)
        .and_then(|()| program.attach().map(drop))
        .map_err(|error| format!("{to}: {}", chain(&error)))
}

fn attach_ticks(programs: &mut Ebpf, rate_hz: u64) -> Result<(), Refusal> {
    let program: &mut PerfEvent = program(programs, "on_tick")?;
    program.load().map_err(|error| format!("ticks: {}", chain(&error)))?;
    let cpus = online_cpus().map_err(|(what, error)| format!("{what}: {error}"))?;
    for cpu in cpus {
        program
            .attach(
                PerfEventConfig::Software(SoftwareEvent::CpuClock),
                PerfEventScope::AllProcessesOneCpu { cpu },
                SamplePolicy::Frequency(rate_hz),
                false,
            )
            .map_err(|error| format!("ticks on cpu {cpu}: {}", chain(&error)))?;
    }
    Ok(())
}

fn program<'a, P>(programs: &'a mut Ebpf, name: &str) -> Result<&'a mut P, Refusal>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program>,
{
    programs
        .program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or_else(|| format!("the object holds no program {name}"))
}

fn map<K: aya::Pod, V: aya::Pod>(
    programs: &mut Ebpf,
    name: &str,
) -> Result<HashMap<MapData, K, V>, Refusal> {
    let map = programs.take_map(name).ok_or_else(|| format!("the object holds no map {name}"))?;
    HashMap::try_from(map).map_err(|error| format!("map {name}: {}", chain(&error)))
}

fn array<V: aya::Pod>(programs: &mut Ebpf, name: &str) -> Result<Array<MapData, V>, Refusal> {
    let map = programs.take_map(name).ok_or_else(|| format!("the object holds no map {name}"))?;
    Array::try_from(map).map_err(|error| format!("map {name}: {}", chain(&error)))
}

/// An error and its causes in one line; the log of the verifier, if there is one, is cut short.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    match std::env::var_os("GROMA_PROBE_VERBOSE") {
        Some(_) => text,
        None => text.lines().next().unwrap_or_default().to_owned(),
    }
}

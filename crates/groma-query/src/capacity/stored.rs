//! Programs as the last window told of them, read back from the model.

use std::collections::HashMap;
use std::sync::Arc;

use groma_capacity::report::method_of;
use groma_capacity::{Estimate, Lock, Measured, Method, Tier, Wait, WaitKind};
use groma_model::{EntityRef, KindId, Timestamp, Value};
use groma_store::{Entity, Snapshot};

use crate::QueryError;

/// A program that was measured.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Id of its entity, `host/service`.
    pub(crate) key: Arc<str>,
    pub(crate) host: Option<Arc<str>>,
    pub(crate) process: Option<EntityRef>,
    /// Its name on the host.
    pub(crate) name: Option<Arc<str>>,
    /// End of its last window.
    pub(crate) measured_at: Option<Timestamp>,
    /// What its affinity or quota leaves it.
    pub(crate) cpus_limit: Option<f64>,
    pub(crate) measured: Measured,
}

/// Attributes of one entity by name.
pub(crate) struct Row<'a> {
    snapshot: &'a Snapshot,
    entity: &'a Entity,
}

impl<'a> Row<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot, entity: &'a Entity) -> Row<'a> {
        Row { snapshot, entity }
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        let kind = self.snapshot.schema().kind(self.entity.id().kind);
        self.entity.value(kind.attribute(name)?)
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let value = self.value(name)?;
        value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.value(name)?.as_text()
    }

    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        match self.value(name)? {
            Value::Timestamp(at) => Some(*at),
            _ => None,
        }
    }

    pub(crate) fn reference(&self, name: &str) -> Option<&'a EntityRef> {
        self.value(name)?.as_reference()
    }

    /// A number with its bounds.
    fn estimate(&self, names: [&str; 3]) -> Option<Estimate> {
        let value = self.number(names[0])?;
        let bound = |name| self.number(name).unwrap_or(value);
        Some(Estimate::new(value, bound(names[1]), bound(names[2])).clamp(0.0, 1.0))
    }
}

/// The kind of that name, which ships.
pub(crate) fn kind(snapshot: &Snapshot, name: &str) -> KindId {
    snapshot.schema().id(name)
}

/// All programs of a database of which enough is known to predict.
pub(crate) fn programs(snapshot: &Snapshot) -> Vec<Program> {
    let locks = snapshot.entities(kind(snapshot, "capacity.contention"));
    let mut by_program: HashMap<&EntityRef, Vec<Row<'_>>> = HashMap::new();
    for row in locks.map(|lock| Row::of(snapshot, lock)) {
        if let Some(program) = row.reference("scalability") {
            by_program.entry(program).or_default().push(row);
        }
    }
    let entities = snapshot.entities(kind(snapshot, "capacity.scalability"));
    let program = |entity: &Arc<Entity>| {
        let locks = by_program.get(entity.id()).map_or(&[][..], Vec::as_slice);
        program(&Row::of(snapshot, entity), locks)
    };
    entities.filter_map(program).collect()
}

/// The programs that a name means: a measured program, its process, an instance or a service that runs
/// there, its name on any host, or a host.
///
/// # Errors
/// Nothing of that name was measured.
pub(crate) fn find(snapshot: &Snapshot, name: &str) -> Result<Vec<Program>, QueryError> {
    let all = programs(snapshot);
    let is = |program: &Program| &*program.key == name;
    if let Some(exact) = all.iter().find(|program| is(program)) {
        return Ok(vec![exact.clone()]);
    }
    let processes = processes_of(snapshot, name);
    let matches = |program: &&Program| {
        program.process.as_ref().is_some_and(|process| processes.contains(process))
            || program.name.as_deref() == Some(name)
            || program.host.as_deref() == Some(name)
    };
    let found: Vec<Program> = all.iter().filter(matches).cloned().collect();
    if found.is_empty() {
        return Err(not_measured(snapshot, name, &all));
    }
    Ok(found)
}

/// The processes on which instances of that name, or of a service of that name, run.
fn processes_of(snapshot: &Snapshot, name: &str) -> Vec<EntityRef> {
    let process = EntityRef { kind: kind(snapshot, "compute.process"), key: name.into() };
    let mut found = vec![process];
    for entity in snapshot.entities(kind(snapshot, "service.instance")) {
        let row = Row::of(snapshot, entity);
        let is_of =
            |attribute: &str| row.reference(attribute).is_some_and(|target| &*target.key == name);
        if (entity.key() == name || is_of("service") || is_of("farm") || is_of("replica_set"))
            && let Some(runs_on) = row.reference("runs_on")
        {
            found.push(runs_on.clone());
        }
    }
    found
}

/// By process, the version of the replica set whose instance runs on it.
pub(crate) fn releases(snapshot: &Snapshot) -> HashMap<EntityRef, String> {
    let instances = snapshot.entities(kind(snapshot, "service.instance"));
    let release = |instance: &Arc<Entity>| {
        let row = Row::of(snapshot, instance);
        let replicas = snapshot.entity(row.reference("replica_set")?)?;
        let version = Row::of(snapshot, replicas).text("version")?.to_owned();
        Some((row.reference("runs_on")?.clone(), version))
    };
    instances.filter_map(release).collect()
}

fn not_measured(snapshot: &Snapshot, name: &str, all: &[Program]) -> QueryError {
    let id = EntityRef { kind: kind(snapshot, "capacity.scalability"), key: name.into() };
    let error = QueryError::new(QueryError::NO_OBJECT, format!("\"{name}\" was not measured"));
    if snapshot.entity(&id).is_some() {
        let message = format!("too little is known of \"{name}\" to predict");
        return QueryError::new(QueryError::NO_OBJECT, message).with_hint(
            "It needs cpus_available and cpus_used at least: see capacity.scalability.",
        );
    }
    if all.is_empty() {
        return error.with_hint(
            "Nothing was measured yet: run `groma probe --pid PID --json | groma capacity record -` on its machine, or give a report to capacity_record('...').",
        );
    }
    let keys = all.iter().map(|program| &*program.key);
    let nearest = groma_model::nearest(name, keys);
    let meant = nearest.map(|nearest| format!("Was \"{nearest}\" meant? ")).unwrap_or_default();
    error.with_hint(format!(
        "{meant}SELECT id FROM capacity.scalability lists what was measured; `groma probe --json | groma capacity record -` measures more."
    ))
}

fn program(row: &Row<'_>, locks: &[Row<'_>]) -> Option<Program> {
    let (cpus, cpus_used) = (row.number("cpus_available")?, row.number("cpus_used")?);
    if !(cpus > 0.0 && cpus_used >= 0.0) {
        return None;
    }
    let measured_at = row.time("measured_at");
    let parallel = row.estimate(["p", "p_low", "p_high"]);
    let mut locks = locks_of_window(locks, measured_at, cpus_used);
    // Whoever describes a program by hand may give p alone: then what is serial is one lock.
    if let Some(p) = parallel.filter(|p| locks.is_empty() && p.value < 1.0)
        && row.text("tier").is_none()
    {
        let share = p.map(|p| 1.0 - p);
        locks.push(Lock::given("serial", share, share.value * cpus_used));
    }
    let waits = [
        (WaitKind::Disk, "disk_waiters", "disk_utilisation"),
        (WaitKind::Network, "network_waiters", "network_utilisation"),
        (WaitKind::Memory, "memory_waiters", "memory_utilisation"),
    ];
    let waits = waits.into_iter().filter_map(|(kind, threads, utilisation)| {
        let (threads, utilisation) = (row.number(threads)?, row.number(utilisation));
        Some(Wait { kind, threads, utilisation })
    });
    let measured = Measured {
        tier: row.text("tier").and_then(Tier::of_name).unwrap_or(Tier::Given),
        window: row.number("window_seconds").unwrap_or(0.0),
        throughput: row.number("throughput"),
        clients: row.number("clients"),
        threads: row.number("threads"),
        parallel,
        method: row.text("method").and_then(method_of),
        locks,
        waits: waits.collect(),
        unseen: row.number("unseen"),
        equation25: row.number("p_eq25"),
        starved: row.number("starved"),
        warnings: texts(row.value("warnings")),
        ..Measured::given(cpus, cpus_used, None, None, &[])
    };
    Some(Program {
        key: Arc::clone(&row.entity.id().key),
        host: row.reference("host").map(|host| Arc::clone(&host.key)),
        process: row.reference("process").cloned(),
        name: row.text("name").map(Arc::from),
        measured_at,
        cpus_limit: row.number("cpus_limit").filter(|limit| *limit > 0.0),
        measured,
    })
}

/// The locks of the last window; those of earlier ones may still be there.
fn locks_of_window(rows: &[Row<'_>], measured_at: Option<Timestamp>, cpus_used: f64) -> Vec<Lock> {
    let mut locks = Vec::new();
    for row in rows.iter().filter(|row| row.time("measured_at") == measured_at) {
        let Some(share) = row.estimate(["share", "share_low", "share_high"]) else { continue };
        let name = row.text("name").unwrap_or(row.entity.key());
        locks.push(Lock {
            kind: row.text("lock").unwrap_or("given").to_owned(),
            method: row.text("method").and_then(method_of).unwrap_or(Method::Given),
            reason: String::new(),
            hold: row.number("hold_seconds"),
            hand_off: row.number("hand_off_seconds"),
            waits: row.number("waits_per_second").unwrap_or(0.0),
            wait: row.number("wait_seconds"),
            wait_p50: row.number("wait_p50_seconds"),
            wait_p99: row.number("wait_p99_seconds"),
            queue: row.number("queue").unwrap_or(0.0),
            contended: row.number("contended_fraction").unwrap_or(0.0),
            ..Lock::given(name, share, share.value * cpus_used)
        });
    }
    locks.sort_by(|a, b| b.share.value.total_cmp(&a.share.value));
    locks
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value.map(Value::texts).unwrap_or_default().iter().map(|text| text.to_string()).collect()
}

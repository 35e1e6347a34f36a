//! Every window in which a program was measured.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Kind, Schema, Source, Timestamp, Value, Version};
use groma_store::Change;

use super::arguments::Function;
use crate::capacity::{Program, find, releases};
use crate::kind_table::value_cell;
use crate::table::{Cell, Column, Type, column};
use crate::{QueryError, View, changes};

/// Most windows of an answer.
const WINDOWS_MAX: usize = 200_000;

pub(super) static FUNCTION: Function = Function {
    name: "capacity_history",
    usage: "capacity_history(service [, since])",
    doc: "every window in which a program was measured, the earliest first: a measured program, its process, an instance or service that runs there, its name on any host, or a host; from a version (v120) or a time of hearing on.",
    arguments_min: 1,
    arguments_max: 2,
    columns: COLUMNS,
    rows: |call, sheet| {
        let view = call.view()?;
        let programs = find(view.snapshot(), call.text(0).unwrap_or_default())?;
        let since = call.text(1).map_or(Ok(Version(0)), |text| changes::since(&view, text))?;
        let (schema, windows) = windows(&view, &programs, since)?;
        let kind = schema.kind(schema.id("capacity.scalability"));
        let releases = releases(view.snapshot());
        windows.iter().try_for_each(|window| {
            sheet.push_row(
                COLUMNS.iter().map(|column| window.cell(column.name, kind, &schema, &releases)),
            )
        })
    },
};

/// The windows in which these programs were measured, the earliest first, with the schema that names
/// their attributes. Cost: reads the journal from that version on.
///
/// # Errors
/// There are too many, or the version is no longer kept.
pub(super) fn windows(
    view: &View,
    programs: &[Program],
    since: Version,
) -> Result<(Arc<Schema>, Vec<Window>), QueryError> {
    let history = view.engine().world().history(view.world_database().clone(), since)?;
    let schema = Arc::clone(history.schema());
    let wanted: HashSet<&str> = programs.iter().map(|program| &*program.key).collect();
    let mut reader = Reader::new(&schema, wanted);
    history.read(&mut |version, _, commit| {
        reader.take(version, &commit.source, &commit.changes);
        match reader.windows.len() <= WINDOWS_MAX {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    let mut windows = reader.windows;
    if windows.len() > WINDOWS_MAX {
        let message = format!("there are more than {WINDOWS_MAX} windows");
        let hint = "Name a time since when, or one program: SELECT id FROM capacity.scalability.";
        return Err(QueryError::new("54000", message).with_hint(hint));
    }
    windows.sort_by(|a, b| (a.at, &a.program, a.version).cmp(&(b.at, &b.program, b.version)));
    Ok((schema, windows))
}

/// What is not named otherwise in [`Window::cell`] is an attribute of capacity.scalability.
const COLUMNS: &[Column] = &[
    column("at", Type::Time, "End of the window, by the clock of the machine."),
    column("program", Type::Text, "The program: its id in capacity.scalability."),
    column("host", Type::Text, "The machine."),
    column("process", Type::Text, "The process; another one after the program was started anew."),
    column("release", Type::Text, "Its version, as the probe was told or its replica set says."),
    column("p", Type::Float, "Parallel fraction."),
    column("p_low", Type::Float, "Lower bound of p, at 95 %."),
    column("p_high", Type::Float, "Upper bound of p, at 95 %."),
    column("p_eq25", Type::Float, "p by the formula that takes locks to be saturated."),
    column("method", Type::Text, "How p was found."),
    column(
        "contended",
        Type::Float,
        "Share of the window in which somebody waited for the most contended lock.",
    ),
    column("lock", Type::Text, "That lock; NULL: nobody waited for any."),
    column("cpus", Type::Float, "CPUs that it could use."),
    column("cpus_used", Type::Float, "CPUs that it used."),
    column("utilisation", Type::Float, "One by the other."),
    column("throughput", Type::Float, "Requests per second."),
    column("throughput_max", Type::Float, "Most that it could complete on these CPUs."),
    column("full_at", Type::Float, "Utilisation at which it is full."),
    column("bottleneck", Type::Text, "What limited it."),
    column("full_first", Type::Text, "What would be full first."),
    column("demand_seconds", Type::Float, "CPU time of one request."),
    column("clients", Type::Float, "Clients."),
    column("threads", Type::Float, "Threads."),
    column(
        "starved",
        Type::Float,
        "Share of the time its threads wanted to run in which they got no CPU.",
    ),
    column("window_seconds", Type::Float, "Length of the window."),
    column("tier", Type::Text, "How it was measured."),
    column("samples", Type::Integer, "Samples behind p."),
    column("warnings", Type::Texts, "What makes the numbers doubtful."),
    column("source", Type::Text, "Who said it."),
    column("version", Type::Integer, "The commit."),
];

/// One window of one program, as one commit told it.
pub(super) struct Window {
    at: Timestamp,
    pub(super) program: Arc<str>,
    version: Version,
    source: Source,
    /// By attribute.
    values: HashMap<AttributeIndex, Value>,
    /// The lock that somebody waited for most of the time, and its share of the window.
    contended: Option<(f64, String)>,
}

impl Window {
    /// An attribute of capacity.scalability that is a number. `None`: it was not told.
    pub(super) fn number(&self, schema: &Schema, name: &str) -> Option<f64> {
        let kind = schema.kind(schema.id("capacity.scalability"));
        self.values.get(&kind.attribute(name)?)?.as_float()
    }

    fn cell<'a>(
        &'a self,
        column: &str,
        kind: &'a Kind,
        schema: &'a Schema,
        releases: &'a HashMap<EntityRef, String>,
    ) -> Cell<'a> {
        let attribute = |name: &str| {
            kind.attribute(name).map_or(Cell::Null, |attribute| {
                value_cell(self.values.get(&attribute), attribute, kind, schema)
            })
        };
        match column {
            "at" => Cell::Time(self.at),
            "program" => Cell::Text(&self.program),
            "version" => Cell::Integer(self.version.0 as i64),
            "source" => Cell::Text(&self.source),
            "contended" => {
                self.contended.as_ref().map_or(Cell::Null, |(share, _)| Cell::Float(*share))
            }
            "lock" => self.contended.as_ref().map_or(Cell::Null, |(_, lock)| Cell::Text(lock)),
            "release" => match attribute("release") {
                Cell::Null => {
                    let process = kind.attribute("process").and_then(|at| self.values.get(&at));
                    let process = process.and_then(Value::as_reference);
                    let release = process.and_then(|process| releases.get(process));
                    release.map_or(Cell::Null, |release| Cell::Text(release))
                }
                told => told,
            },
            "cpus" => attribute("cpus_available"),
            name => attribute(name),
        }
    }
}

/// Reads windows out of commits.
struct Reader<'a> {
    schema: &'a Schema,
    wanted: HashSet<&'a str>,
    windows: Vec<Window>,
}

impl<'a> Reader<'a> {
    fn new(schema: &'a Schema, wanted: HashSet<&'a str>) -> Reader<'a> {
        Reader { schema, wanted, windows: Vec::new() }
    }

    /// A window says when it ended, and all of its attributes; what else is said of a program, such as
    /// by an UPDATE, is none.
    fn take(&mut self, version: Version, source: &Source, changes: &[Change]) {
        let program_kind = self.schema.id("capacity.scalability");
        let lock_kind = self.schema.id("capacity.contention");
        // An import brings many windows at once.
        let mut said: BTreeMap<(Timestamp, &EntityRef), HashMap<AttributeIndex, Value>> =
            BTreeMap::new();
        for change in changes {
            if let Change::Assert { entity, attribute, fact } = change
                && (entity.kind == program_kind && self.wanted.contains(&*entity.key)
                    || entity.kind == lock_kind)
                && let Some(value) = &fact.value
            {
                let values = said.entry((fact.observed_at, entity)).or_default();
                values.insert(*attribute, value.clone());
            }
        }
        let index = |kind, name| self.schema.kind(kind).attribute(name);
        let mut contended: HashMap<(Timestamp, &str), (f64, String)> = HashMap::new();
        for ((at, lock), values) in said.iter().filter(|((_, of), _)| of.kind == lock_kind) {
            let value = |name| values.get(&index(lock_kind, name)?);
            let Some(program) = value("scalability").and_then(Value::as_reference) else {
                continue;
            };
            let share = value("contended_fraction").and_then(Value::as_float).unwrap_or(0.0);
            let name = value("name").and_then(Value::as_text).unwrap_or(&lock.key);
            let most = contended.entry((*at, &program.key)).or_insert((0.0, String::new()));
            if most.0 < share {
                *most = (share, name.to_owned());
            }
        }
        let ended = index(program_kind, "measured_at");
        let programs = said.iter().filter(|((_, of), _)| of.kind == program_kind);
        let windows = programs.filter_map(|((at, program), values)| match values.get(&ended?)? {
            Value::Timestamp(ended) => Some(Window {
                at: *ended,
                program: Arc::clone(&program.key),
                version,
                source: Arc::clone(source),
                values: values.clone(),
                contended: contended
                    .get(&(*at, &*program.key))
                    .filter(|most| 0.0 < most.0)
                    .cloned(),
            }),
            _ => None,
        });
        self.windows.extend(windows);
    }
}

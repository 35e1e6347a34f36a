//! What a transaction that visits several measured programs gives.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use groma_capacity::{
    CapacityError, Change, Class, Estimate, Experiment, Flow, LockDemand, Measured, Service,
    System, SystemSolution, WaitKind, predict,
};
use groma_model::EntityRef;

use super::arguments::Function;
use crate::capacity::{
    Program, Row, bounds, number, numbers, on_its_host, programs, refused, seconds,
};
use crate::table::{Cell, Type, column};
use crate::{QueryError, View};

pub(super) static FUNCTION: Function = Function {
    name: "capacity_chain",
    usage: "capacity_chain(clients [, think])",
    doc: "what so many clients, each thinking for a time ('1 s') between its transactions, get of the measured programs that the transactions of the message log visit, as often as they do there; a row for each program, on its host as the database describes it.",
    arguments_min: 1,
    arguments_max: 2,
    columns: &[
        column("program", Type::Text, "The program: its id in capacity.scalability."),
        column("instances", Type::Texts, "Instances of the log that run there."),
        column("visits", Type::Float, "Requests that it takes per transaction."),
        column("demand_seconds", Type::Float, "CPU time of one of them."),
        column("cpus", Type::Float, "CPUs that it can have here."),
        column("utilisation", Type::Float, "Of these."),
        column(
            "transactions_max",
            Type::Float,
            "Transactions per second for which it is full, by itself; the program with the least is what limits.",
        ),
        column("throughput", Type::Float, "Transactions per second, of the whole."),
        column("throughput_low", Type::Float, "Lower bound, from that of the locks' shares."),
        column("throughput_high", Type::Float, "Upper bound."),
        column("response_seconds", Type::Float, "How long a transaction takes."),
        column("response_low", Type::Float, "Lower bound."),
        column("response_high", Type::Float, "Upper bound."),
        column(
            "not_measured",
            Type::Texts,
            "Instances that are called and were not measured: they are taken to need no time.",
        ),
        column("tier", Type::Text, "How the program was measured."),
        column("solver", Type::Text, "How it was computed."),
    ],
    rows: |call, sheet| {
        let clients = numbers(call.text(0), "clients")?.unwrap_or_default();
        let clients = match clients.as_slice() {
            [clients] if clients.fract() == 0.0 => *clients as usize,
            _ => {
                let message = "capacity_chain: clients must be one whole number";
                return Err(QueryError::new(QueryError::BAD_VALUE, message).into());
            }
        };
        let think = seconds(call.text(1), "think")?.unwrap_or(0.0);
        let view = call.view()?;
        let all = programs(view.snapshot());
        let visits = Visits::count(&view, &all)?;
        let refuse = |error: CapacityError| refused("the transactions", &error);
        let here = (visits.of.iter())
            .map(|visit| on_its_host(view.snapshot(), &all[visit.program], &all))
            .collect::<Result<Vec<_>, _>>()
            .map_err(refuse)?;
        let solve = |end: fn(&Estimate) -> f64| solve(&visits, &here, end, clients, think);
        let value = solve(|share| share.value).map_err(refuse)?;
        let ends = [solve(|share| share.low), solve(|share| share.high)];
        let [low, high] = ends.map(|end| end.map_err(refuse));
        let (low, high) = (low?, high?);
        let over = |of: fn(&SystemSolution) -> f64| {
            let (a, b) = (of(&low), of(&high));
            Estimate::new(of(&value), a.min(b), a.max(b))
        };
        let throughput = over(|found| found.throughputs[0]);
        let response = over(|found| found.responses[0]);
        for (place, (visit, here)) in visits.of.iter().zip(&here).enumerate() {
            let program = &all[visit.program];
            let alone =
                predict(here, &Change::default()).map_err(|error| refused(&program.key, &error))?;
            let mut cells = vec![
                Cell::Text(&program.key),
                Cell::Texts(visit.instances.iter().cloned().collect()),
                Cell::Float(visit.visits),
                number(here.demand()),
                Cell::Float(here.cpus),
                Cell::Float(value.utilisations[place]),
                number(Some(alone.throughput_max.value / visit.visits)),
            ];
            cells.extend(bounds(Some(throughput)));
            cells.extend(bounds(Some(response)));
            cells.push(Cell::Texts(visits.not_measured.iter().cloned().collect()));
            cells.push(Cell::Text(here.tier.name()));
            cells.push(Cell::Text(value.solver.name()));
            sheet.push_row(cells)?;
        }
        Ok(())
    },
};

/// How often a transaction visits each program.
struct Visits {
    of: Vec<Visit>,
    not_measured: BTreeSet<String>,
}

/// One program of the log.
struct Visit {
    /// Its place among the programs.
    program: usize,
    instances: BTreeSet<String>,
    /// Requests per transaction, above 0.
    visits: f64,
}

impl Visits {
    /// From the traffic matrix: requests to the instances that run on the program's process, over the
    /// number of transaction trees.
    fn count(view: &View, all: &[Program]) -> Result<Visits, QueryError> {
        let events = view.events();
        let log = &events.reconstruction;
        let transactions = log.trees.len();
        if transactions == 0 {
            let message = "there are no transactions in the message log";
            return Err(QueryError::new(QueryError::NO_OBJECT, message)
                .with_hint("Import a message log or traces first: docs/importing.md."));
        }
        let by_process: HashMap<&EntityRef, usize> = (all.iter().enumerate())
            .filter(|(_, program)| program.measured.throughput.is_some_and(|rate| rate > 0.0))
            .filter_map(|(place, program)| Some((program.process.as_ref()?, place)))
            .collect();
        let snapshot = view.snapshot();
        let instances = snapshot.schema().id("service.instance");
        let program_of = |name: &str| {
            let instance = snapshot.get(instances, name)?;
            by_process.get(Row::of(snapshot, instance).reference("runs_on")?).copied()
        };
        let mut requests: BTreeMap<u32, u64> = BTreeMap::new();
        for cell in &log.matrix {
            *requests.entry(cell.callee).or_default() += cell.requests;
        }
        let mut of: BTreeMap<usize, (BTreeSet<String>, u64)> = BTreeMap::new();
        let mut not_measured = BTreeSet::new();
        for (callee, requests) in requests.into_iter().filter(|(_, requests)| 0 < *requests) {
            let Some(name) = log.names.get(callee as usize) else { continue };
            match program_of(name) {
                Some(program) => {
                    let (instances, count) = of.entry(program).or_default();
                    instances.insert(name.to_string());
                    *count += requests;
                }
                None => drop(not_measured.insert(name.to_string())),
            }
        }
        if of.is_empty() {
            let message =
                "none of the programs that the message log calls was measured with a throughput";
            return Err(QueryError::new(QueryError::NO_OBJECT, message).with_hint(
                "Programs are found by service.instance.runs_on: name the process, and measure it with `groma probe --json | groma capacity record -`.",
            ));
        }
        let visit = |(program, (instances, requests)): (usize, (_, u64))| Visit {
            program,
            instances,
            visits: requests as f64 / transactions as f64,
        };
        Ok(Visits { of: of.into_iter().map(visit).collect(), not_measured })
    }
}

/// The closed network of all programs, with the shares of locks at one end of their intervals.
fn solve(
    visits: &Visits,
    here: &[Measured],
    end: fn(&Estimate) -> f64,
    clients: usize,
    think: f64,
) -> Result<SystemSolution, CapacityError> {
    let services = here.iter().map(|measured| service(measured, end)).collect();
    let steps = visits.of.iter().enumerate();
    let steps = steps.map(|(service, visit)| Flow::Visit { service, work: visit.visits }).collect();
    let flow = Flow::Sequence(steps);
    let class = Class { name: "transactions".to_owned(), clients, think, flow };
    System { services, classes: vec![class] }.solve(&Experiment::default())
}

/// What one visit asks. It waits for the network while others answer, and those are in the chain
/// themselves.
fn service(measured: &Measured, end: fn(&Estimate) -> f64) -> Service {
    let demand = measured.demand().unwrap_or(0.0);
    let rate = measured.throughput.filter(|rate| *rate > 0.0).unwrap_or(f64::INFINITY);
    let shares: Vec<f64> = measured.locks.iter().map(|lock| end(&lock.share)).collect();
    let serial = shares.iter().sum::<f64>().min(1.0);
    let (mut devices, mut delay) = (Vec::new(), 0.0);
    for wait in measured.waits.iter().filter(|wait| wait.kind != WaitKind::Network) {
        match wait.utilisation.filter(|busy| wait.kind == WaitKind::Disk && 0.0 < *busy) {
            Some(busy) => devices.push(busy / rate),
            None => delay += wait.threads / rate,
        }
    }
    Service {
        name: String::new(),
        cpus: measured.cpus,
        parallel: demand * (1.0 - serial),
        locks: shares.iter().map(|share| LockDemand::new(demand * share)).collect(),
        devices,
        delay,
    }
}

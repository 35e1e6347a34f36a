//! The calendar of events and what each of them changes.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::chance::Chance;
use super::cpus::{Next, TaskId};
use super::program::{Place, Stage, Step, program};
use super::station::{Batches, Station};
use super::{EVENTS_MAX, Experiment, Outcome};
use crate::error::CapacityError;
use crate::models::System;

pub(super) struct Engine<'a> {
    system: &'a System,
    experiment: &'a Experiment,
    chance: Chance,
    now: f64,
    calendar: BinaryHeap<Event>,
    sequence: u64,
    events: u64,
    programs: Vec<Vec<Step>>,
    tasks: Vec<Task>,
    free: Vec<TaskId>,
    stations: Vec<Station<'a>>,
    classes: Vec<Batches>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Event {
    time: f64,
    /// Of two at one time the one planned first comes first.
    sequence: u64,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    /// A client has thought, or waited out a delay.
    Goes(TaskId),
    /// A task leaves its CPU.
    Leaves(TaskId),
    /// A service has a task that is done sharing.
    Shared {
        service: u32,
        version: u32,
    },
    /// A lock that was handed over is taken up.
    TakesUp(TaskId),
    /// A device is done.
    Served(TaskId),
    Tick,
    Window,
}

impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    /// The earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.time.total_cmp(&self.time).then(other.sequence.cmp(&self.sequence))
    }
}

/// A client with its request, or a part of a request that runs beside others.
struct Task {
    class: usize,
    place: Place,
    /// Stage of the visit.
    stage: usize,
    service: usize,
    work: f64,
    /// When the request began.
    began: f64,
    /// What it runs for while it holds a lock, seconds, and since when.
    burst: f64,
    took: f64,
    waited: bool,
    parent: Option<TaskId>,
    /// Parts that are not back yet.
    parts: usize,
}

impl<'a> Engine<'a> {
    pub(super) fn new(system: &'a System, experiment: &'a Experiment) -> Self {
        let clients = system.classes.iter().map(|class| class.clients).sum();
        Self {
            system,
            experiment,
            chance: Chance::of(experiment.seed),
            now: 0.0,
            calendar: BinaryHeap::new(),
            sequence: 0,
            events: 0,
            programs: system.classes.iter().map(|class| program(&class.flow)).collect(),
            tasks: Vec::new(),
            free: Vec::new(),
            stations: system
                .services
                .iter()
                .map(|service| Station::new(service, clients, experiment))
                .collect(),
            classes: system.classes.iter().map(|_| Batches::default()).collect(),
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, CapacityError> {
        for (index, class) in self.system.classes.iter().enumerate() {
            for _ in 0..class.clients {
                let task = self.task(index, None);
                self.think(task);
            }
        }
        self.plan(self.experiment.warm_up, What::Window);
        if self.experiment.tick > 0.0 {
            self.plan(self.experiment.tick, What::Tick);
        }
        // The first window ends the warm-up and is not kept.
        let mut windows = 0;
        while windows <= self.experiment.windows
            && let Some(event) = self.calendar.pop()
        {
            self.now = event.time;
            self.events += 1;
            if self.events > EVENTS_MAX {
                let (what, limit) = ("the number of events", EVENTS_MAX as usize);
                return Err(CapacityError::TooLarge { what, asked: limit + 1, limit });
            }
            match event.what {
                What::Goes(task) => self.go(task),
                What::Leaves(task) => self.leaves(task),
                What::Shared { service, version } => self.shared(service as usize, version),
                What::TakesUp(task) => self.burst(task),
                What::Served(task) => self.served(task),
                What::Tick => self.tick(),
                What::Window => {
                    self.window(windows > 0);
                    windows += 1;
                }
            }
        }
        Ok(self.outcome())
    }

    fn plan(&mut self, after: f64, what: What) {
        self.sequence += 1;
        self.calendar.push(Event { time: self.now + after, sequence: self.sequence, what });
    }

    fn plan_next(&mut self, service: usize, next: Option<Next>) {
        match next {
            Some(Next::Leaves { task, after }) => self.plan(after, What::Leaves(task)),
            Some(Next::Shared { version, after }) => {
                self.plan(after, What::Shared { service: service as u32, version });
            }
            None => {}
        }
    }

    fn task(&mut self, class: usize, parent: Option<TaskId>) -> TaskId {
        let task = Task {
            class,
            place: 0,
            stage: 0,
            service: 0,
            work: 1.0,
            began: self.now,
            burst: 0.0,
            took: 0.0,
            waited: false,
            parent,
            parts: 0,
        };
        match self.free.pop() {
            Some(id) => {
                self.tasks[id as usize] = task;
                id
            }
            None => {
                self.tasks.push(task);
                (self.tasks.len() - 1) as TaskId
            }
        }
    }

    fn think(&mut self, task: TaskId) {
        let think = self.system.classes[self.tasks[task as usize].class].think;
        let after = self.chance.exponential(think);
        self.plan(after, What::Goes(task));
    }

    /// A task that waited for nothing but time goes on: a client asks, or a delay is over.
    fn go(&mut self, task: TaskId) {
        let now = self.now;
        let it = &mut self.tasks[task as usize];
        if it.parent.is_none() && it.place == 0 && it.stage == 0 {
            it.began = now;
            self.step(task);
        } else {
            self.stage(task);
        }
    }

    /// The step of the flow the task is at.
    fn step(&mut self, task: TaskId) {
        let mut task = task;
        loop {
            let (class, place) = (self.tasks[task as usize].class, self.tasks[task as usize].place);
            match self.programs[class][place].clone() {
                Step::Visit { service, work } => {
                    let it = &mut self.tasks[task as usize];
                    (it.service, it.work, it.stage) = (service, work, 0);
                    self.advance(service);
                    self.stations[service].inside += 1;
                    return self.stage(task);
                }
                Step::Fork { parts, after } => {
                    let it = &mut self.tasks[task as usize];
                    (it.parts, it.place) = (parts.len(), after);
                    for place in parts {
                        let part = self.task(class, Some(task));
                        self.tasks[part as usize].place = place;
                        self.step(part);
                    }
                    return;
                }
                Step::Join => {
                    let parent = self.tasks[task as usize].parent;
                    self.free.push(task);
                    let Some(parent) = parent else { return };
                    self.tasks[parent as usize].parts -= 1;
                    if self.tasks[parent as usize].parts > 0 {
                        return;
                    }
                    task = parent;
                }
                Step::End => return self.answered(task),
            }
        }
    }

    fn answered(&mut self, task: TaskId) {
        let now = self.now;
        let it = &mut self.tasks[task as usize];
        (it.place, it.stage) = (0, 0);
        let batches = &mut self.classes[it.class];
        batches.count += 1;
        batches.time += now - it.began;
        self.think(task);
    }

    /// The stage of the visit the task is at; past the last one the visit is over.
    fn stage(&mut self, task: TaskId) {
        let it = &self.tasks[task as usize];
        let (service, work) = (it.service, it.work);
        let station = &mut self.stations[service];
        let Some(stage) = station.stages.get(it.stage).copied().filter(|_| work > 0.0) else {
            self.advance(service);
            self.stations[service].inside -= 1;
            self.stations[service].counters.requests += 1;
            self.tasks[task as usize].place += 1;
            return self.step(task);
        };
        let distribution = self.experiment.distribution;
        match stage {
            Stage::Delay(mean) => {
                let after = self.chance.time(mean * work, distribution);
                self.tasks[task as usize].stage += 1;
                self.plan(after, What::Goes(task));
            }
            Stage::Lock { lock, demand } => {
                let burst = self.chance.time(demand * work, distribution);
                self.tasks[task as usize].burst = burst;
                self.acquire(task, lock);
            }
            Stage::Device { device, demand } => {
                self.tasks[task as usize].burst = self.chance.time(demand * work, distribution);
                let queue = &mut self.stations[service].devices[device];
                queue.push_back(task);
                if queue.len() == 1 {
                    self.plan(self.tasks[task as usize].burst, What::Served(task));
                }
            }
            Stage::Parallel(mean) => {
                self.tasks[task as usize].burst = self.chance.time(mean * work, distribution);
                self.burst(task);
            }
        }
    }

    fn acquire(&mut self, task: TaskId, lock: usize) {
        let service = self.tasks[task as usize].service;
        self.advance(service);
        let station = &mut self.stations[service];
        station.counters.acquired(lock);
        let held = station.locks[lock].holder.is_some();
        self.tasks[task as usize].waited = held;
        if held {
            station.locks[lock].waiting.push_back(task);
            station.counters.waits(lock);
            return;
        }
        station.locks[lock].holder = Some(task);
        self.tasks[task as usize].took = self.now;
        self.burst(task);
    }

    /// The task wants its burst of CPU.
    fn burst(&mut self, task: TaskId) {
        let (service, work) = (self.tasks[task as usize].service, self.tasks[task as usize].burst);
        self.advance(service);
        let (runs, next) = self.stations[service].cpus.add(task, work, self.now);
        self.set_on_cpu(task, runs);
        self.plan_next(service, next);
    }

    /// Which lock the task holds, if any.
    fn holds(&self, task: TaskId) -> Option<usize> {
        let it = &self.tasks[task as usize];
        match self.stations[it.service].stages[it.stage] {
            Stage::Lock { lock, .. } => Some(lock),
            _ => None,
        }
    }

    fn set_on_cpu(&mut self, task: TaskId, on_cpu: bool) {
        if let Some(lock) = self.holds(task) {
            let service = self.tasks[task as usize].service;
            self.stations[service].locks[lock].on_cpu = on_cpu;
        }
    }

    fn leaves(&mut self, task: TaskId) {
        let service = self.tasks[task as usize].service;
        self.advance(service);
        let (done, started) = self.stations[service].cpus.leave(task);
        self.set_on_cpu(task, false);
        if let Some((started, next)) = started {
            self.set_on_cpu(started, true);
            self.plan_next(service, Some(next));
        }
        if done {
            self.burst_done(task);
        }
    }

    fn shared(&mut self, service: usize, version: u32) {
        self.advance(service);
        let Some(task) = self.stations[service].cpus.shared_done(version, self.now) else {
            return;
        };
        self.set_on_cpu(task, false);
        let next = self.stations[service].cpus.shared_next();
        self.plan_next(service, next);
        self.burst_done(task);
    }

    fn burst_done(&mut self, task: TaskId) {
        let lock = self.holds(task);
        self.tasks[task as usize].stage += 1;
        if let Some(lock) = lock {
            self.release(task, lock);
        }
        self.stage(task);
    }

    fn release(&mut self, task: TaskId, lock: usize) {
        let it = &self.tasks[task as usize];
        let (service, now) = (it.service, self.now);
        let station = &mut self.stations[service];
        if it.waited {
            station.counters.held(lock, it.burst, now - it.took);
        }
        let next = station.locks[lock].waiting.pop_front();
        station.locks[lock].holder = next;
        let Some(next) = next else { return };
        let mean = station.service.locks[lock].hand_off;
        let after = if mean > 0.0 { self.chance.exponential(mean) } else { 0.0 };
        self.tasks[next as usize].took = now + after;
        self.stations[service].counters.handed_over(lock, after);
        if after > 0.0 {
            self.plan(after, What::TakesUp(next));
        } else {
            self.burst(next);
        }
    }

    fn served(&mut self, task: TaskId) {
        let it = &self.tasks[task as usize];
        let service = it.service;
        if let Stage::Device { device, .. } = self.stations[service].stages[it.stage] {
            let queue = &mut self.stations[service].devices[device];
            queue.pop_front();
            if let Some(next) = queue.front().copied() {
                self.plan(self.tasks[next as usize].burst, What::Served(next));
            }
        }
        self.tasks[task as usize].stage += 1;
        self.stage(task);
    }

    fn advance(&mut self, service: usize) {
        let station = &mut self.stations[service];
        station.counters.advance(self.now, &station.cpus, &station.locks, station.inside);
    }

    fn tick(&mut self) {
        for station in &mut self.stations {
            station.counters.tick(&station.cpus, &station.locks, &mut self.chance);
        }
        self.plan(self.experiment.tick, What::Tick);
    }

    fn window(&mut self, kept: bool) {
        let clients = self.system.classes.iter().map(|class| class.clients).sum();
        for service in 0..self.stations.len() {
            self.advance(service);
            self.stations[service].end_window(self.experiment.window, clients, kept);
        }
        for batches in &mut self.classes {
            batches.end_window(kept);
        }
        self.plan(self.experiment.window, What::Window);
    }

    fn outcome(self) -> Outcome {
        let window = self.experiment.window;
        Outcome {
            classes: self.classes.iter().map(|batches| batches.outcome(window)).collect(),
            services: self.stations.into_iter().map(Station::outcome).collect(),
            events: self.events,
        }
    }
}

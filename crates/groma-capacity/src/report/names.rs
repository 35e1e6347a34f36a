//! What a measured program is called, so that it keeps its name when it is started anew.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::Timestamp;

use super::{ProcessReport, ReportError, WindowReport};

/// Who has which name: `host/service`, and for further processes of it on that host `host/service#2`.
///
/// A process keeps the name that it has. Others take, in the order of their pids, the first name that is
/// free: nobody has it, or whoever has it was not there at the same time.
#[derive(Debug, Clone, Default)]
pub struct Names {
    held: BTreeMap<String, Holder>,
}

/// Who had a name when it was last measured.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// When it was started; `None`: not known.
    pub started: Option<Timestamp>,
    /// Begin of the last window in which it was measured.
    pub measured_from: Timestamp,
    /// Its end.
    pub measured_to: Timestamp,
}

impl Names {
    /// A program was measured under this name; what is known of later stays.
    pub fn note(&mut self, name: impl Into<String>, holder: Holder) {
        let known = self.held.entry(name.into()).or_insert(holder);
        if known.measured_to <= holder.measured_to {
            *known = holder;
        }
    }

    /// The names of the processes of a window, in their order.
    ///
    /// # Errors
    /// A value has no meaning.
    pub fn of(&mut self, window: &WindowReport) -> Result<Vec<String>, ReportError> {
        let mut names = vec![String::new(); window.processes.len()];
        let mut by_service: BTreeMap<&str, Vec<(usize, Holder)>> = BTreeMap::new();
        for (place, process) in window.processes.iter().enumerate() {
            let holder = process.holder(window.ended_at()?)?;
            by_service.entry(process.service()).or_default().push((place, holder));
        }
        for (service, mut processes) in by_service {
            let base = format!("{}/{service}", window.host);
            processes.sort_by_key(|(_, process)| process.pid);
            let (known, new): (Vec<_>, Vec<_>) =
                processes.iter().partition(|(_, process)| self.name_of(&base, process).is_some());
            // All of one window were there at once.
            let mut taken = BTreeSet::new();
            for (place, process) in known.into_iter().chain(new) {
                let kept = self.name_of(&base, &process).filter(|name| !taken.contains(name));
                let name = kept.unwrap_or_else(|| self.free_name(&base, &process, &taken));
                taken.insert(name.clone());
                self.note(name.clone(), process);
                names[place] = name;
            }
        }
        Ok(names)
    }

    fn name_of(&self, base: &str, process: &Holder) -> Option<String> {
        let from_base = self.held.range(base.to_owned()..);
        let mut names = from_base
            .take_while(|(name, _)| name.starts_with(base))
            .filter(|(name, _)| matches!(name.as_bytes().get(base.len()), None | Some(b'#')));
        names.find(|(_, holder)| holder.is(process)).map(|(name, _)| name.clone())
    }

    fn free_name(&self, base: &str, process: &Holder, taken: &BTreeSet<String>) -> String {
        let is_free = |name: &String| {
            !taken.contains(name)
                && (self.held.get(name)).is_none_or(|holder| holder.is_apart_from(process))
        };
        let numbered = (2..).map(|number| format!("{base}#{number}"));
        std::iter::once(base.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
    }
}

impl Holder {
    /// Whether both are one process.
    fn is(&self, other: &Holder) -> bool {
        let same = |(a, b): (Timestamp, Timestamp)| a.0.abs_diff(b.0) < STARTED_APART_MIN_NANOS;
        self.pid == other.pid && self.started.zip(other.started).is_none_or(same)
    }

    /// Whether they were never there at the same time, as far as was measured.
    fn is_apart_from(&self, other: &Holder) -> bool {
        let is_gone = |first: &Holder, second: &Holder| {
            first.measured_from < second.started.unwrap_or(second.measured_from)
        };
        match self.measured_to <= other.measured_to {
            true => is_gone(self, other),
            // A window that comes late.
            false => is_gone(other, self),
        }
    }
}

/// Times of start that are closer are one: they are read from a clock of ticks.
const STARTED_APART_MIN_NANOS: u64 = 1_000_000_000;

impl ProcessReport {
    /// Its name on the host: the unit of systemd without `.service`, else the program. The unit of a
    /// user's session holds all that the user runs, and names nothing.
    pub fn service(&self) -> &str {
        let unit = self.unit.as_deref().filter(|unit| !unit.starts_with("user@"));
        let unit = unit.map(|unit| unit.strip_suffix(".service").unwrap_or(unit));
        unit.filter(|unit| !unit.is_empty()).unwrap_or(&self.comm)
    }

    fn holder(&self, at: Timestamp) -> Result<Holder, ReportError> {
        let window = self.window.as_ref().map_or(0.0, |window| window.window_seconds);
        let measured_from = Timestamp(at.0.saturating_sub((window.max(0.0) * 1e9) as i64));
        let (pid, started) = (self.pid, self.started_at()?);
        Ok(Holder { pid, started, measured_from, measured_to: at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process of nginx for each pid and time of its start; the window is `[at - 5, at]`, in seconds.
    fn window(at: i64, processes: &[(u32, Option<i64>)]) -> WindowReport {
        let process = |(pid, started): &(u32, Option<i64>)| {
            let started = started.map_or("null".into(), |started| started.to_string());
            let window = r#"{"tier":"proc","window_seconds":5,"cpus":4,"cpus_used":1}"#;
            format!(r#"{{"pid":{pid},"comm":"nginx","started":{started},"window":{window}}}"#)
        };
        let processes = processes.iter().map(process).collect::<Vec<_>>().join(",");
        let text = format!(r#"{{"host":"web1","at":{at},"processes":[{processes}]}}"#);
        crate::report::read(&text).unwrap()
    }

    #[test]
    fn a_program_keeps_its_name_when_it_is_started_anew() {
        let mut names = Names::default();
        let mut of = |at, processes: &[_]| names.of(&window(at, processes)).unwrap().join(" ");
        assert_eq!(of(100, &[(7, Some(10)), (9, Some(11))]), "web1/nginx web1/nginx#2");
        assert_eq!(of(105, &[(9, Some(11)), (7, Some(10))]), "web1/nginx#2 web1/nginx");
        // Both started anew, the second while its window still ran.
        assert_eq!(of(110, &[(20, Some(106)), (19, Some(103))]), "web1/nginx#2 web1/nginx");
        // Another probe measures a third one, which was there all the time.
        assert_eq!(of(111, &[(8, Some(10))]), "web1/nginx#3");
        // Without a time of start nothing tells a second process from the first one started anew.
        assert_eq!(of(130, &[(40, None)]), "web1/nginx");
        // A window that comes late, of who had the name then.
        assert_eq!(of(101, &[(7, Some(10))]), "web1/nginx");
        assert_eq!(of(135, &[(40, None)]), "web1/nginx");
    }
}

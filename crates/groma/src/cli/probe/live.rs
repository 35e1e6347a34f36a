//! What `groma probe` shows of a window to people.

use std::io::Write as _;

use anyhow::Result;
use groma_capacity::{Bottleneck, Estimate, Lock, Measured, Method, Prediction, Unit};
use groma_probe::{ProcessReport, Report};

/// Processes and locks shown; `--json` has all.
const PROCESSES_SHOWN: usize = 8;
const LOCKS_SHOWN: usize = 5;

/// A terminal that does not tell its size has this one.
const SIZE_USUAL: (usize, usize) = (80, 24);

/// A part of the terminal that is drawn again in place.
#[derive(Debug, Default)]
pub(super) struct Screen {
    lines_drawn: usize,
}

impl Screen {
    /// Replaces what was drawn before.
    pub(super) fn draw(&mut self, lines: &[String]) -> Result<()> {
        let size = terminal_size::terminal_size();
        let (width, height) =
            size.map_or(SIZE_USUAL, |(width, height)| (width.0.into(), height.0.into()));
        let lines = fit(lines, width, height);
        let mut frame = String::new();
        if self.lines_drawn > 0 {
            // Up, to the first column, and clear to the end of the screen.
            frame = format!("\x1b[{}F\x1b[J", self.lines_drawn);
        }
        for line in &lines {
            frame += line;
            frame.push('\n');
        }
        // In one piece: what the terminal writes itself, such as `^C`, stands below it, not within.
        let mut out = std::io::stdout().lock();
        out.write_all(frame.as_bytes())?;
        out.flush()?;
        self.lines_drawn = lines.len();
        Ok(())
    }

    /// Clears what the terminal itself wrote below, such as `^C`.
    pub(super) fn leave(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        write!(out, "\r\x1b[J")?;
        out.flush()?;
        Ok(())
    }
}

/// As much as can be drawn again: what has left the screen at the top cannot be reached any more.
fn fit(lines: &[String], width: usize, height: usize) -> Vec<String> {
    let cut = |line: &String| match line.char_indices().nth(width) {
        // The last place stays free: some terminals begin a new line after it.
        Some(_) => line.chars().take(width.saturating_sub(2)).chain(['…']).collect(),
        None => line.clone(),
    };
    let room = height.saturating_sub(1).max(1);
    if lines.len() <= room {
        return lines.iter().map(cut).collect();
    }
    let more = format!("… {} more lines", lines.len() - (room - 1));
    lines[..room - 1].iter().map(cut).chain([more]).collect()
}

/// One window.
pub(super) fn lines(report: &Report) -> Vec<String> {
    let error = match report.tier.expected_error() {
        Some(error) => format!("error up to {error}"),
        None => "a lower bound of p".to_owned(),
    };
    let mut lines = vec![format!(
        "{:.1} s by {} ({error}); machine {:.0} % busy of {} CPUs",
        report.window,
        report.tier.name(),
        100.0 * report.machine.busy,
        report.machine.cpus,
    )];
    for process in report.processes.iter().take(PROCESSES_SHOWN) {
        lines.extend(process_lines(process, process.measured.as_ref()));
        let now = process.measured.as_ref().zip(process.outlook.as_ref());
        lines.extend(now.map(|(measured, outlook)| limited(measured, outlook)));
    }
    if report.processes.len() > PROCESSES_SHOWN {
        lines.push(format!("… and {} more", report.processes.len() - PROCESSES_SHOWN));
    }
    lines.extend(report.warnings.iter().map(|warning| format!("! {warning}")));
    lines
}

/// The whole time, with what limits and what more would give.
pub(super) fn summary(report: &Report) -> Vec<String> {
    let mut lines = vec!["In all:".to_owned()];
    for process in report.processes.iter().take(PROCESSES_SHOWN) {
        lines.extend(process_lines(process, process.cumulative.as_ref()));
        if let Some((measured, outlook)) = process.cumulative.as_ref().zip(process.outlook.as_ref())
        {
            lines.extend([limited(measured, outlook), full_first(measured, outlook)]);
        }
        let warnings = process.cumulative.iter().flat_map(|measured| &measured.warnings);
        // Why there is no p stands above.
        let reason = process.cumulative.as_ref().and_then(Measured::unknown);
        let is_new = |warning: &&String| !reason.is_some_and(|reason| warning.ends_with(reason));
        lines.extend(warnings.filter(is_new).map(|warning| format!("  ! {warning}")));
    }
    lines
}

fn process_lines(process: &ProcessReport, measured: Option<&Measured>) -> Vec<String> {
    let family = match process.processes {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let namespace =
        process.namespace.as_ref().map_or(String::new(), |namespace| format!(" in {namespace}"));
    // A process may call itself anything, also what makes a terminal do things.
    let comm = process.comm.replace(char::is_control, "?");
    let name = format!("{comm} ({}{family}){namespace}", process.pid);
    let Some(measured) = measured else {
        return vec![format!("{name}: used no CPU")];
    };
    let mut lines = vec![format!("{name}: {}", headline(measured))];
    lines.extend(measured.unknown().map(|reason| format!("  ! p cannot be known: {reason}")));
    lines.extend(measured.locks.iter().take(LOCKS_SHOWN).flat_map(lock));
    if measured.locks.len() > LOCKS_SHOWN {
        lines.push(format!("  … and {} more locks", measured.locks.len() - LOCKS_SHOWN));
    }
    let waits: Vec<_> = measured
        .waits
        .iter()
        .filter(|wait| wait.threads >= 0.005)
        .map(|wait| format!("{} {:.2}", wait.kind.name(), wait.threads))
        .collect();
    if !waits.is_empty() {
        lines.push(format!("  threads waiting for {}", waits.join(", ")));
    }
    lines
}

/// p, CPU, throughput: what is asked first.
fn headline(measured: &Measured) -> String {
    let mut parts = Vec::new();
    match (measured.parallel, measured.method) {
        (Some(p), Some(Method::Bound)) => parts.push(format!("p at least {:.3}", p.low)),
        (Some(p), Some(Method::Equation25)) => parts.push(format!(
            "p at least {:.2} (Eq. 25, which cannot pass {:.2} here)",
            p.value, measured.equation25_ceiling
        )),
        (Some(p), _) => parts.push(format!("p {}", interval(p, 3))),
        (None, _) => {
            parts.push("p unknown".to_owned());
        }
    }
    parts.push(format!("{:.2} of {} CPUs", measured.cpus_used, measured.cpus));
    if let Some(rate) = measured.throughput {
        parts.push(format!("{rate:.1} requests/s"));
    }
    if let Some(clients) = measured.clients {
        parts.push(format!("{clients:.0} clients"));
    }
    if let Some(threads) = measured.threads {
        parts.push(format!("{threads:.0} threads"));
    }
    parts.join(", ")
}

/// How full it is and how much hangs on it; how that is known, and its waits.
fn lock(lock: &Lock) -> [String; 2] {
    let hold = lock.hold.map_or(String::new(), |hold| format!(", held {}", time(hold)));
    let wait = lock.wait_p50.zip(lock.wait_p99).map_or(String::new(), |(half, most)| {
        format!(", waits {} (p99 {})", time(half), time(most))
    });
    let (full, share) = match lock.method {
        Method::Bound => (String::new(), format!("at most {:.3}", lock.share.high)),
        _ => (format!("{:.0} % full, ", 100.0 * lock.utilisation), interval(lock.share, 3)),
    };
    [
        format!(
            "  {} {}: {full}queue {:.2}, {share} of its CPU time",
            lock.kind, lock.name, lock.queue
        ),
        format!("    by {}, {:.1} waits/s{wait}{hold}", lock.method.name(), lock.waits),
    ]
}

/// What limits it now.
fn limited(measured: &Measured, outlook: &Prediction) -> String {
    let why = match (measured.full(), &outlook.bottleneck) {
        (Some(Bottleneck::Cpu), _) if measured.utilisation() < CPUS_FULL => format!(
            "the machine's CPUs, which are full: starved {:.0} %",
            100.0 * measured.starved.unwrap_or_default()
        ),
        (Some(full), _) => format!("{}, which is full", full.name()),
        (None, Bottleneck::Clients) => "clients: no CPU or lock is full".to_owned(),
        (None, modelled) => modelled.name(),
    };
    format!("  limited by {why}")
}

/// Of the CPUs it may use itself; below, it is others who fill those of the machine.
const CPUS_FULL: f64 = 0.95;

/// What more would run into. Of what nobody knows only the ends are told.
fn full_first(measured: &Measured, outlook: &Prediction) -> String {
    let unit = match outlook.unit {
        Unit::Requests => "requests/s",
        Unit::CpuSeconds => "CPU seconds/s",
    };
    let most = outlook.throughput_max;
    let at = || {
        let cpu = 100.0 * outlook.utilisation_full.value;
        format!("{} at {cpu:.0} % CPU, {} {unit}", outlook.full_first.name(), interval(most, 1))
    };
    match (measured.parallel, measured.method) {
        (None, _) => {
            let (low, high) = (most.low, most.high);
            format!("  full first: unknown, as p is; {low:.1} to {high:.1} {unit} are possible")
        }
        (_, Some(Method::Bound | Method::Equation25)) => {
            format!("  full first, if no unseen lock is: {}", at())
        }
        _ => format!("  full first: {}", at()),
    }
}

/// An interval that reaches further to one side than to the other is told by its ends.
fn interval(estimate: Estimate, digits: usize) -> String {
    let Estimate { value, low, high } = estimate;
    let (below, above) = (value - low, high - value);
    // What rounding would hide is no difference.
    let seen = 0.5 * 10_f64.powi(-(digits as i32));
    if (below - above).abs() > seen.max(SKEWED_MIN * below.max(above)) {
        format!("{value:.digits$} ({low:.digits$}–{high:.digits$})")
    } else {
        format!("{value:.digits$} ± {:.digits$}", estimate.half_width())
    }
}

/// Of the longer side of an interval, by how much the other may be shorter.
const SKEWED_MIN: f64 = 0.25;

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skewed_interval_is_told_by_its_ends() {
        let say = |value, low, high| interval(Estimate::new(value, low, high), 3);
        assert_eq!(say(0.4, 0.39, 0.412), "0.400 ± 0.011");
        assert_eq!(say(0.98, 0.735, 0.983), "0.980 (0.735–0.983)");
        assert_eq!(say(0.9997, 0.9993, 0.9998), "1.000 ± 0.000");
        assert_eq!(say(1.0, 0.9, 1.0), "1.000 (0.900–1.000)");
    }

    /// Full CPUs of the machine, a lock of readers, and an unknown p: nothing is told as a fact, all fits
    /// 80 columns.
    #[test]
    fn a_process_is_told_in_lines_that_fit() {
        let share = Estimate::new(0.0, 0.0, 0.5);
        let lock = Lock { queue: 1.75, waits: 224.9, ..Lock::given("0x56538a3fb220", share, 0.0) };
        let lock = Lock { method: Method::Bound, kind: "pthread-rwlock".into(), ..lock };
        let mut measured = Measured::given(2.0, 0.93, Some(310.0), Some(10.0), &[]);
        (measured.parallel, measured.method) = (None, None);
        (measured.machine_busy, measured.starved) = (Some(1.0), Some(0.67));
        let outlook = groma_capacity::predict(&measured, &Default::default()).unwrap();
        let mut lines = self::lock(&lock).to_vec();
        lines.extend([limited(&measured, &outlook), full_first(&measured, &outlook)]);
        assert_eq!(
            lines[..3],
            [
                "  pthread-rwlock 0x56538a3fb220: queue 1.75, at most 0.500 of its CPU time",
                "    by bound, 224.9 waits/s",
                "  limited by the machine's CPUs, which are full: starved 67 %",
            ]
        );
        assert!(lines[3].starts_with("  full first: unknown, as p is; "), "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() < 80), "{lines:#?}");
    }

    #[test]
    fn what_is_drawn_fits_the_terminal() {
        let lines: Vec<String> = ["short", "much longer than that", "µ ± …", "last"]
            .iter()
            .map(|line| (*line).to_owned())
            .collect();
        assert_eq!(fit(&lines, 80, 24), lines);
        assert_eq!(fit(&lines, 10, 5), ["short", "much lon…", "µ ± …", "last"]);
        assert_eq!(fit(&lines, 10, 4), ["short", "much lon…", "… 2 more lines"]);
        assert_eq!(fit(&lines, 10, 1), ["… 4 more lines"]);
    }
}

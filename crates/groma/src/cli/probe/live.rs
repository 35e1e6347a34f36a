//! What `groma probe` shows of a window to people.

use std::io::Write as _;

use anyhow::Result;
use groma_capacity::{Estimate, Lock, Measured, Method, Prediction, Unit};
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
        lines.extend(process.outlook.as_ref().map(outlook));
        let warnings = process.cumulative.iter().flat_map(|measured| &measured.warnings);
        lines.extend(warnings.map(|warning| format!("  ! {warning}")));
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
    lines.extend(measured.locks.iter().take(LOCKS_SHOWN).map(lock));
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
            parts.push(format!("p unknown: {}", measured.unknown().unwrap_or("nothing is known")));
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

fn lock(lock: &Lock) -> String {
    let hold = lock.hold.map_or(String::new(), |hold| format!(", held {}", time(hold)));
    let wait = lock.wait_p50.zip(lock.wait_p99).map_or(String::new(), |(half, most)| {
        format!(", waits {} (p99 {})", time(half), time(most))
    });
    format!(
        "  {} {}: {} of its CPU time by {}, {:.0} % full, {:.1} waits/s{wait}{hold}, queue {:.2}",
        lock.kind,
        lock.name,
        interval(lock.share, 3),
        lock.method.name(),
        100.0 * lock.utilisation,
        lock.waits,
        lock.queue,
    )
}

fn outlook(outlook: &Prediction) -> String {
    let unit = match outlook.unit {
        Unit::Requests => "requests/s",
        Unit::CpuSeconds => "CPU seconds/s",
    };
    format!(
        "  limited by {}; {} would be full first, at {:.0} % CPU and {} {unit}",
        outlook.bottleneck.name(),
        outlook.full_first.name(),
        100.0 * outlook.utilisation_full.value,
        interval(outlook.throughput_max, 1),
    )
}

fn interval(estimate: Estimate, digits: usize) -> String {
    format!("{:.digits$} ± {:.digits$}", estimate.value, estimate.half_width())
}

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

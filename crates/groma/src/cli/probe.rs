//! `groma probe`: how a running program scales. It asks the kernel, not a database.

mod live;
mod record;

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use groma_capacity::Tier;
use groma_probe::{Options, Probe, Report, Requests, Target};
use tokio::signal::unix::{SignalKind, signal};

use self::record::Recorder;
use super::{Answered, Groma, remark, say};
use crate::ask::Refusal;
use crate::output::Form;

/// The exit code of shells for what ended by Ctrl-C.
const INTERRUPTED: i32 = 130;
/// What is left of the whole time is no window of its own if it is shorter.
const REST_MIN: Duration = Duration::from_millis(100);

/// Watch running programs, and say how they scale: which locks, CPUs and waits limit them
///
/// Nothing is started, stopped or changed. It works on what already runs, as root or with CAP_BPF,
/// CAP_PERFMON and CAP_DAC_READ_SEARCH; with less it measures more coarsely, and says so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Ctrl-C ends it with a report of the whole time. See docs/probe.md.")]
pub(super) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Length of a window
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    window: Duration,
    /// End after that time. Default: when the targets end, or at Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    total: Option<Duration>,
    /// Ticks per second and CPU
    #[arg(long, value_name = "HZ", default_value_t = Options::default().rate_hz)]
    rate: u64,
    /// Measure in this way only: 1 owners of locks, 2 futex calls, 3 /proc, 4 CPU clocks
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=4))]
    tier: Option<u8>,
    /// Count these system calls as requests instead of replies on sockets: sendto,fdatasync; or none
    #[arg(long, value_name = "CALLS", value_delimiter = ',')]
    requests: Vec<String>,
    /// Count each target and its children as one
    #[arg(long)]
    children: bool,
    /// Record every window in this database of the model, such as live
    #[arg(long, value_name = "DATABASE")]
    to: Option<String>,
    /// Version of the watched programs, to be recorded with them
    #[arg(long, requires = "to")]
    release: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct TargetArgs {
    /// Watch these processes
    #[arg(long, value_name = "PID", num_args = 1.., value_delimiter = ',')]
    pid: Vec<u32>,
    /// Watch the processes of this name
    #[arg(long, value_name = "NAME")]
    comm: Option<String>,
    /// Watch every process of the machine
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Args, groma: &Groma) -> Result<Answered> {
    if groma.explain_sql {
        say("-- groma probe asks the kernel of this machine, not a database.")?;
        if args.to.is_some() {
            say("-- Each window goes to: SELECT * FROM capacity_record('report');")?;
        }
        return Ok(Answered::Well);
    }
    let release = args.release.as_deref();
    let mut recorder = args.to.as_deref().map(|to| Recorder::to(to, release, groma)).transpose()?;
    let stop = stop_at_interrupt()?;
    let mut probe = Probe::start(args.target(), args.options()).map_err(refusal)?;
    let mut show = Show::of(groma.form);
    show.begin(&probe);
    let began = Instant::now();
    let mut last;
    loop {
        let left = args.total.map(|total| total.saturating_sub(began.elapsed()));
        last = probe.measure(left.unwrap_or(args.window).min(args.window), &stop);
        let note = recorder.as_mut().map(|recorder| recorder.record(&last)).transpose()?;
        show.window(&last, note)?;
        let over = args.total.is_some_and(|total| began.elapsed() + REST_MIN >= total);
        if last.ended || over || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    show.end(&last)?;
    let lost = recorder.map_or(0, |recorder| recorder.lost());
    if lost > 0 {
        remark(&format!("{lost} windows were not recorded"));
    }
    Ok(Answered::wrong_if(lost > 0))
}

impl Args {
    fn target(&self) -> Target {
        match (&self.target.comm, self.target.all) {
            (Some(name), _) => Target::Comm(name.clone()),
            (None, true) => Target::All,
            (None, false) => Target::Pids(self.target.pid.clone()),
        }
    }

    fn options(&self) -> Options {
        let requests = match self.requests.as_slice() {
            [] => Requests::Replies,
            [none] if none == "none" => Requests::Uncounted,
            calls => Requests::Calls(calls.to_vec()),
        };
        Options {
            rate_hz: self.rate,
            tier: self.tier.map(tier),
            requests,
            follow_children: self.children,
            drop_privileges: true,
        }
    }
}

/// Tiers as people number them; 0 is what was given, not measured.
fn tier(number: u8) -> Tier {
    Tier::ALL[usize::from(number).min(Tier::ALL.len() - 1)]
}

/// How reports are shown.
enum Show {
    /// A JSON object per window.
    Json,
    /// Redrawn in place, on a terminal.
    Live(live::Screen),
    /// A few lines per window.
    Lines,
}

impl Show {
    fn of(form: Form) -> Self {
        match form {
            Form::Json => Self::Json,
            Form::Table if std::io::stdout().is_terminal() => Self::Live(live::Screen::default()),
            Form::Table => Self::Lines,
        }
    }

    fn begin(&self, probe: &Probe) {
        for refused in probe.refused() {
            remark(&format!("tier {} is not possible: {}", refused.tier, refused.reason));
        }
    }

    /// `note`: what became of it besides.
    fn window(&mut self, report: &Report, note: Option<String>) -> Result<()> {
        let lines = || live::lines(report).into_iter().chain(note.clone());
        match self {
            Self::Json => {
                // Only what went wrong is worth a line beside the windows.
                note.iter().filter(|note| note.starts_with('!')).for_each(|note| remark(note));
                say(&report.to_json().to_string())
            }
            Self::Live(screen) => screen.draw(&lines().collect::<Vec<_>>()),
            Self::Lines => {
                let mut out = std::io::stdout().lock();
                for line in lines() {
                    writeln!(out, "{line}")?;
                }
                writeln!(out)?;
                out.flush()?;
                Ok(())
            }
        }
    }

    /// The whole time, and why it is over.
    fn end(&self, last: &Report) -> Result<()> {
        if let Self::Live(screen) = self {
            screen.leave()?;
        }
        if last.ended {
            remark("every target has ended");
        }
        if !matches!(self, Self::Json) {
            for line in live::summary(last) {
                say(&line)?;
            }
        }
        if last.processes.is_empty() {
            bail!("nothing ran in the last window");
        }
        Ok(())
    }
}

/// `5s`, `500ms`, `2m`, or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("\"{unit}\" is no unit of time: write ms, s, m or h")),
    };
    let seconds = number.parse::<f64>().map_err(|_| format!("\"{number}\" is no number"))? * scale;
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err("a time between 100ms and 24h is needed".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Set at Ctrl-C, and when asked to end, so that the report of the whole time is still printed. Whoever
/// asks twice does not wait for it.
fn stop_at_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("waiting for Ctrl-C")?;
    let (mut interrupt, mut terminate) = runtime.block_on(async {
        let heard = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok::<_, std::io::Error>(heard)
    })?;
    let told = Arc::clone(&stop);
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if told.swap(true, Ordering::Relaxed) {
                    std::process::exit(INTERRUPTED);
                }
            }
        });
    });
    Ok(stop)
}

fn refusal(error: groma_probe::ProbeError) -> anyhow::Error {
    Refusal::new(error.to_string(), error.hint()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("5 parsecs").is_err());
        assert!(duration("-1s").is_err());
    }
}

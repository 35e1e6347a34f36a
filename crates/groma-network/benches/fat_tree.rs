//! How fast routes follow a failure in a fat tree. Prints a table; asserts that a sample is right.
//!
//! `cargo bench -p groma-network --bench fat_tree -- ../../docs/fat-tree.svg` also draws it.
//!
//! Of each tree a link between two switches fails, and comes back, many times. The clock runs from the
//! snapshot after the change to a network that answers for it; then the next hops of every switch to
//! every other one are right. What is compared with DeltaPath is the median of the failures.
#![expect(clippy::disallowed_methods, reason = "a bench measures durations and writes its figure")]

#[path = "../../groma-generate/src/fat_tree.rs"]
#[allow(
    unreachable_pub,
    reason = "it is public where it lives, and a bench here needs no generator"
)]
mod fat_tree;

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use groma_model::{Observation, Schema, Timestamp, Version};
use groma_network::{EndpointIndex, Network};
use groma_store::{Snapshot, identify};

const PORTS: [usize; 4] = [8, 16, 24, 32];
const FAILURES: usize = 200;
const LOOK_UPS: usize = 4_000_000;
/// DeltaPath, 1,280 switches, one link failure.
const GOAL: Duration = Duration::from_micros(2_600);

/// What one tree came to.
struct Measured {
    ports: usize,
    failed: Vec<Duration>,
    restored: Vec<Duration>,
    build: Duration,
}

fn main() {
    println!(
        "| k | switches | hosts | entities | next hops that change, median | failure, median | p99 | restored, median | p99 | from nothing | paths found | look-ups | peak memory |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let measured: Vec<Measured> = PORTS.iter().filter_map(|ports| measure(*ports)).collect();
    let figure = std::env::args().find(|argument| argument.ends_with(".svg"));
    if let Some(path) = figure {
        match std::fs::write(&path, draw(&measured)) {
            Ok(()) => println!("drawn: {path}"),
            Err(error) => eprintln!("cannot write {path}: {error}"),
        }
    }
}

fn measure(ports: usize) -> Option<Measured> {
    let world = tree(ports)?;
    let start = Instant::now();
    let network = Network::build(&world, Timestamp::MAX);
    let build = start.elapsed();
    let half = ports / 2;
    let (mut failed, mut restored, mut rerouted) = (Vec::new(), Vec::new(), Vec::new());
    let mut dice = Dice(7);
    let (mut broken, mut last) = (network, world);
    for number in 0..FAILURES {
        let [pod, a, b] = [dice.below(ports), dice.below(half), dice.below(half)];
        let link = match number % 2 {
            0 => format!("e{pod}-{a}:up{b}--a{pod}-{b}:down{a}"),
            _ => format!("a{pod}-{a}:up{b}--c{a}-{b}:pod{pod}"),
        };
        for (up, times) in [("false", &mut failed), ("true", &mut restored)] {
            let world = said(&last, &link, up);
            let start = Instant::now();
            let network = broken.update(black_box(&world), Timestamp::MAX);
            times.push(start.elapsed());
            assert!(network.work().patched && network.work().cables == 1, "{link}");
            if up == "false" {
                rerouted.push(network.work().next_hops);
                if number < 2 {
                    check(&network, &Network::build(&world, Timestamp::MAX), ports);
                }
            }
            (broken, last) = (network, world);
        }
    }
    for times in [&mut failed, &mut restored] {
        times.sort_unstable();
    }
    rerouted.sort_unstable();
    let (cold, looked_up) = look_ups(&broken, ports);
    let entities: usize = last.schema().kinds().iter().map(|kind| last.count(kind.id)).sum();
    println!(
        "| {ports} | {} | {} | {entities} | {} | {:.2?} | {:.2?} | {:.2?} | {:.2?} | {build:.2?} | {cold:.0}/s | {looked_up:.0} M/s | {} MB |",
        5 * half * half,
        ports * half * half,
        rerouted[rerouted.len() / 2],
        percentile(&failed, 50),
        percentile(&failed, 99),
        percentile(&restored, 50),
        percentile(&restored, 99),
        peak_memory_megabytes(),
    );
    Some(Measured { ports, failed, restored, build })
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// A sample of paths is the same in both.
fn check(updated: &Network, built: &Network, ports: usize) {
    let mut dice = Dice(99);
    for _ in 0..100 {
        let [from, to] = [0; 2].map(|_| host(ports, &mut dice));
        let answer = |network: &Network| {
            let ends = [&from, &to].map(|name| network.endpoint(name).expect("the host exists"));
            let path = network.path(ends[0], ends[1]);
            (path.class, path.alternatives, path.hops.clone())
        };
        assert_eq!(answer(updated), answer(built), "{from} {to}");
    }
}

/// Paths computed and looked up per second (millions), among hosts of some edge switches.
fn look_ups(network: &Network, ports: usize) -> (f64, f64) {
    let mut dice = Dice(3);
    let hosts: Vec<EndpointIndex> =
        (0..48).filter_map(|_| network.endpoint(&host(ports, &mut dice))).collect();
    let pairs: Vec<(EndpointIndex, EndpointIndex)> = (0..LOOK_UPS)
        .map(|_| (hosts[dice.below(hosts.len())], hosts[dice.below(hosts.len())]))
        .collect();
    let (before, start) = (network.walk_count(), Instant::now());
    for a in &hosts {
        for b in &hosts {
            black_box(network.path_id(*a, *b));
        }
    }
    let cold = f64::from(network.walk_count() - before) / start.elapsed().as_secs_f64();
    let start = Instant::now();
    let mut hops = 0.0;
    for (a, b) in &pairs {
        hops += network.shared_path(network.path_id(*a, *b)).link_hops;
    }
    black_box(hops);
    (cold, pairs.len() as f64 / start.elapsed().as_secs_f64() / 1e6)
}

fn host(ports: usize, dice: &mut Dice) -> String {
    let half = ports / 2;
    format!("h{}-{}-{}", dice.below(ports), dice.below(half), dice.below(half))
}

/// The same numbers every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn tree(ports: usize) -> Option<Snapshot> {
    let empty = Snapshot::empty(Schema::builtin());
    let made = fat_tree::fat_tree(ports)?;
    let (changes, problems) = identify(empty.schema(), &"bench".into(), &made, Timestamp(1));
    assert!(problems.is_empty(), "{:?}", problems.first());
    Some(empty.apply(&changes, Version(1)))
}

fn said(world: &Snapshot, link: &str, up: &str) -> Snapshot {
    let version = world.version().0 + 1;
    let seen = Observation::new("physical.link", link, Timestamp(1)).with("up", up);
    let heard_at = Timestamp(version as i64);
    let (changes, _) = identify(world.schema(), &"bench".into(), &[seen], heard_at);
    world.apply(&changes, Version(version))
}

fn peak_memory_megabytes() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map_or_else(|| "?".into(), |kilobytes| (kilobytes / 1024).to_string())
}

/// Times by switches, both on a logarithmic scale.
fn draw(measured: &[Measured]) -> String {
    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 400.0;
    let x = |switches: f64| 70.0 + (switches / 60.0).log10() / (1_600.0_f64 / 60.0).log10() * 470.0;
    let y = |time: Duration| {
        HEIGHT - 50.0 - (time.as_secs_f64() / 1e-5).log10() / 6.0 * (HEIGHT - 80.0)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"70\" y=\"18\" font-size=\"14\">One link of a fat tree fails: time until all routes are right</text>\n"
    );
    for (decade, label) in
        ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"].iter().enumerate()
    {
        let at = y(Duration::from_secs_f64(1e-5 * 10_f64.powi(decade as i32)));
        let _ = writeln!(
            svg,
            "<line x1=\"70\" x2=\"540\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"62\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            at + 4.0
        );
    }
    for tree in measured {
        let (switches, at) =
            (tree.ports * tree.ports * 5 / 4, x((tree.ports * tree.ports) as f64 * 1.25));
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{switches}</text><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666\">k = {}</text>",
            HEIGHT - 32.0,
            HEIGHT - 16.0,
            tree.ports
        );
    }
    let goal = y(GOAL);
    let _ = writeln!(
        svg,
        "<line x1=\"70\" x2=\"540\" y1=\"{goal:.1}\" y2=\"{goal:.1}\" stroke=\"#c33\" stroke-dasharray=\"5 4\"/><text x=\"548\" y=\"{:.1}\" fill=\"#c33\">DeltaPath at k = 32: 2.6 ms</text>",
        goal + 4.0
    );
    type Of = fn(&Measured) -> Duration;
    let lines: [(&str, &str, Of); 4] = [
        ("built from nothing", "#888", |tree| tree.build),
        ("a failure, p99", "#7ab", |tree| percentile(&tree.failed, 99)),
        ("a failure, median", "#147", |tree| percentile(&tree.failed, 50)),
        ("restored, median", "#294", |tree| percentile(&tree.restored, 50)),
    ];
    for (label, colour, of) in lines {
        let points: Vec<(f64, f64)> = (measured.iter())
            .map(|tree| (x((tree.ports * tree.ports) as f64 * 1.25), y(of(tree))))
            .collect();
        let text: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            text.join(" ")
        );
        for (x, y) in &points {
            let _ =
                writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        if let Some((_, y)) = points.last() {
            let _ = writeln!(
                svg,
                "<text x=\"548\" y=\"{:.1}\" fill=\"{colour}\">{label}</text>",
                y + 4.0
            );
        }
    }
    svg + "</svg>\n"
}

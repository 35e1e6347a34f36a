//! Paths and reasons on real captures, against an independent oracle and the domain's truth tests.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use groma_model::{Schema, Timestamp, Version};
use groma_network::{Network, PathClass, Reason, classify};
use groma_store::{Snapshot, identify};

/// The network of a folder of captures; `None`, said aloud, where the data is not there.
fn network(folder: &str) -> Option<Network> {
    let path = data(folder);
    if !path.is_dir() {
        println!("skipped: no data at {}", path.display());
        return None;
    }
    let mut snapshot = Snapshot::empty(Schema::builtin());
    let discovered = groma_connect::discover(&path).unwrap();
    for input in discovered.inputs {
        let source = Arc::from(input.source.as_str());
        input.decode(Timestamp(1), &mut |heard| {
            let (changes, problems) =
                identify(snapshot.schema(), &source, &heard.observations, Timestamp(2));
            assert_eq!(problems, []);
            snapshot = snapshot.apply(&changes, Version(snapshot.version().0 + 1));
        });
    }
    Some(Network::build(&snapshot, Timestamp::MAX))
}

fn data(folder: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/topology/suzieq"))
        .join(folder)
}

/// A device with the ports in and out, as a path of the oracle lists it.
type Step = (String, String, String);

/// A question to the oracle with its answer: every path, as a set.
struct Question {
    source: String,
    destination: String,
    paths: BTreeSet<Vec<Step>>,
    /// Whether the oracle gave a row for the source or destination itself.
    knows_destination: bool,
}

/// Reads the `path show` entries that have an answer.
fn questions(text: &str) -> Vec<Question> {
    let mut questions = Vec::new();
    for entry in text.split("\n- command: ").skip(1) {
        let (command, rest) = entry.split_once('\n').unwrap();
        let Some((_, output)) = rest.split_once("  output: '") else { continue };
        let option = |name: &str| {
            command.split_whitespace().find_map(|word| word.strip_prefix(name)).map(str::to_owned)
        };
        let (Some(source), Some(destination)) = (option("--src="), option("--dest=")) else {
            continue;
        };
        if !command.starts_with("path show") || command.contains("--columns='") {
            continue;
        }
        let output = output.trim_end().trim_end_matches('\'');
        let json: String =
            output.lines().map(str::trim).collect::<Vec<_>>().join(" ").replace("''", "'");
        let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        let mut paths: Vec<Vec<Step>> = Vec::new();
        let mut knows_destination = true;
        for row in &rows {
            let place = row["pathid"].as_u64().unwrap() as usize - 1;
            if paths.len() <= place {
                paths.resize_with(place + 1, Vec::new);
            }
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            paths[place].push((text("hostname"), text("iif"), text("oif")));
            let is_last = row["ipLookup"] == "" && row["oif"] != "";
            knows_destination = is_last;
        }
        let paths = paths.into_iter().collect();
        questions.push(Question { source, destination, paths, knows_destination });
    }
    questions
}

fn answer(network: &Network, source: &str, destination: &str) -> BTreeSet<Vec<Step>> {
    let (a, b) = (network.endpoint(source).unwrap(), network.endpoint(destination).unwrap());
    let routes = network.routes(a, b);
    let total: f64 = routes.iter().map(|route| route.fraction).sum();
    assert!((total - 1.0).abs() < 1e-9, "{source} -> {destination}: shares add up to {total}");
    let port = |port: Option<groma_network::PortIndex>| {
        port.map_or_else(|| "?".to_owned(), |port| network.port(port).name.to_string())
    };
    (routes.iter())
        .map(|route| {
            (route.steps.iter())
                .map(|step| {
                    let device = network.device(step.device).name.to_string();
                    (device, port(step.ingress), port(step.egress))
                })
                .collect()
        })
        .collect()
}

#[test]
fn every_path_of_the_oracle_is_found_and_no_other() {
    let Some(network) = network("eos") else { return };
    let text = std::fs::read_to_string(data("eos/path.samples.yml")).unwrap();
    let questions = questions(&text);
    assert!(questions.len() >= 7, "the oracle answers {} pairs", questions.len());
    for question in questions {
        let mut wanted = question.paths;
        let mut found = answer(&network, &question.source, &question.destination);
        if !question.knows_destination {
            // Nobody ever saw this address. The oracle then repeats the port before as the last
            // port out; we say the interface of the network that it would be in.
            for paths in [&mut wanted, &mut found] {
                *paths = std::mem::take(paths)
                    .into_iter()
                    .map(|mut path| {
                        if let Some(last) = path.last_mut() {
                            last.2.clear();
                        }
                        path
                    })
                    .collect();
            }
        }
        assert_eq!(found, wanted, "{} -> {}", question.source, question.destination);
    }
}

#[test]
fn a_gateway_beyond_access_makes_neighbours_cross() {
    let Some(network) = network("dual-attach_evpn_centralized-input") else { return };
    let end = |name: &str| network.endpoint(name).unwrap_or_else(|| panic!("no {name}"));
    let judge = |destination: &str, candidates: &[&str]| {
        let candidates: Vec<_> = candidates.iter().map(|name| end(name)).collect();
        classify(&network, end("server101"), end(destination), &candidates)
    };
    let verdict = judge("server102", &["server102"]);
    assert_eq!(verdict.reason, Some(Reason::Vlan), "{verdict:?}");
    let path = network.path(end("server101"), end("server102"));
    let touched: BTreeSet<_> = (path.hops.iter())
        .filter_map(|hop| Some(network.device(hop.peer_device?).name.to_string()))
        .collect();
    assert!(touched.contains("exit01") && touched.contains("exit02"), "{touched:?}");

    assert_eq!(judge("server103", &["server103"]).reason, Some(Reason::Pinned));
    assert_eq!(judge("server104", &["server102", "server104"]).reason, Some(Reason::LbAndVlan));
    assert_eq!(judge("server104", &["server103", "server104"]).reason, Some(Reason::Placement));
}

#[test]
fn a_gateway_at_access_keeps_neighbours_local() {
    let Some(network) = network("dual-attach_evpn_distributed-input") else { return };
    let end = |name: &str| network.endpoint(name).unwrap_or_else(|| panic!("no {name}"));
    let path = network.path(end("server101"), end("server102"));
    assert_eq!(path.class, PathClass::Local, "{path:?}");
    assert_eq!(path.distribution_hops, 0.0);
    // Two cables of the bond up, two down; each carries half.
    assert_eq!(path.hops.iter().map(|hop| hop.fraction).sum::<f64>(), 2.0);
    let far = network.path(end("server101"), end("server104"));
    assert_eq!(far.class, PathClass::Crossing);
}

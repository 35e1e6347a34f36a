//! The same networks to Ciw, a simulator in Python. GROMA_TEST_PYTHON names a Python that has it; without,
//! the test says that it skips.
#![allow(clippy::disallowed_methods, reason = "another program is asked")]

use std::process::Command;

use groma_capacity::{
    Class, Experiment, Flow, Network, NetworkClass, Service, Serving, System, simulate,
};

use crate::worlds::near;

/// Ciw is slow: its runs are short, so several are averaged and the network is small.
const MOST: f64 = 0.02;

#[test]
fn ciw_gives_the_same_throughputs() {
    let Some(python) = std::env::var_os("GROMA_TEST_PYTHON") else {
        println!("skipped: GROMA_TEST_PYTHON names no Python");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/ciw_judge.py");
    let asked = Command::new(&python).arg(script).output().unwrap();
    let said = String::from_utf8(asked.stdout).unwrap();
    if said.starts_with("no ciw") {
        println!("skipped: {} has no Ciw", python.to_string_lossy());
        return;
    }
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let theirs: Vec<f64> = said.lines().map(|line| line.parse().unwrap()).collect();
    let (cpus, servers) = ([2.0, 1.0], [Serving::Servers(2), Serving::Servers(1)]);
    let demands = [0.8, 0.3];
    for ((clients, think), theirs) in [(4, 2.0), (10, 2.0)].into_iter().zip(theirs) {
        let network = Network {
            stations: servers.to_vec(),
            classes: vec![NetworkClass { clients, think, demands: demands.to_vec() }],
        };
        near("product form", network.solve().unwrap().throughputs[0], theirs, MOST);
        let service = |index: usize| Service {
            name: index.to_string(),
            cpus: cpus[index],
            parallel: demands[index],
            locks: vec![],
            devices: vec![],
            delay: 0.0,
        };
        let flow = Flow::Sequence(vec![Flow::visit(0), Flow::visit(1)]);
        let system = System {
            services: vec![service(0), service(1)],
            classes: vec![Class { name: "clients".to_owned(), clients, think, flow }],
        };
        let experiment = Experiment { windows: 40, window: 500.0, ..Experiment::default() };
        let simulated = simulate(&system, &experiment).unwrap();
        near("simulator", simulated.classes[0].throughput.value, theirs, MOST);
        near("aggregated", system.solve(&experiment).unwrap().throughputs[0], theirs, MOST);
    }
}

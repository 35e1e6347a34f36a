//! The data center as the CSV files tell it: where an instance hangs, in which VLAN, at what time.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use groma_model::{Schema, Timestamp};

type Row = HashMap<String, String>;

/// What the network and the load balancers know of an instance.
pub(crate) struct Instance {
    /// Its access pair, as `acc07`.
    pub(crate) pair: String,
    /// The distribution pair above, as `dist3`.
    pub(crate) above: String,
    /// VLAN ids with the time from which each holds.
    vlans: Vec<(i64, i64)>,
    /// Its farm or replica set: who could stand in for it.
    pub(crate) group: String,
    pub(crate) farm: String,
}

pub(crate) struct World {
    pub(crate) instances: HashMap<String, Rc<Instance>>,
    /// Instances by farm or replica set.
    pub(crate) groups: HashMap<String, Vec<Rc<Instance>>>,
    pub(crate) rows: HashMap<&'static str, usize>,
}

impl World {
    pub(crate) fn read(folder: &Path) -> World {
        let mut rows = HashMap::new();
        let mut table = |kind: &'static str| {
            let table = table(folder, kind);
            rows.insert(kind, table.len());
            table
        };
        let links = table("physical.link");
        let pair_of =
            |port: &str| port.split(':').next().unwrap().trim_end_matches(['a', 'b']).to_owned();
        let mut attached: HashMap<String, Vec<String>> = HashMap::new();
        for link in &links {
            let (a, b) = (link["a"].as_str(), link["b"].as_str());
            for (from, to) in [(a, b), (b, a)] {
                let device = from.split(':').next().unwrap();
                attached.entry(device.into()).or_default().push(pair_of(to));
            }
        }
        let mut vlans: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
        for port in table("physical.port") {
            let Some(host) = port["id"].strip_suffix(":bond0") else { continue };
            if let Ok(vlan) = port["access_vlan"].parse() {
                let from = Timestamp::parse(port.get("valid_from").map_or("", String::as_str));
                let from = from.map_or(i64::MIN, |from| from.0);
                vlans.entry(host.into()).or_default().push((from, vlan));
            }
        }
        let runs_on = |table: Vec<Row>, column: &str, noun: &str| -> HashMap<String, String> {
            let place = |row: &Row| match row[column].contains('/') || noun.is_empty() {
                true => row[column].clone(),
                false => format!("{noun}/{}", row[column]),
            };
            table
                .iter()
                .filter(|row| !row[column].is_empty())
                .map(|row| (row["id"].clone(), place(row)))
                .collect()
        };
        let vms = runs_on(table("compute.vm"), "host", "host");
        let processes = runs_on(table("compute.process"), "runs_on", "");
        let mut instances = HashMap::new();
        let mut groups: HashMap<String, Vec<Rc<Instance>>> = HashMap::new();
        for row in table("service.instance") {
            let mut place = row["runs_on"].clone();
            let host = loop {
                place = match place.split_once('/').unwrap() {
                    ("process", name) => processes[name].clone(),
                    ("vm", name) => vms[name].clone(),
                    ("host", name) => break name.to_owned(),
                    other => panic!("{other:?}"),
                };
            };
            let pairs = &attached[&host];
            assert!(pairs.len() == 2 && pairs[0] == pairs[1], "{host} hangs on {pairs:?}");
            let above = &attached[&format!("{}a", pairs[0])];
            let above = above.iter().find(|pair| pair.starts_with("dist")).unwrap();
            let group = format!("{}{}", row["farm"], row["replica_set"]);
            let instance = Rc::new(Instance {
                pair: pairs[0].clone(),
                above: above.clone(),
                vlans: vlans[&host].clone(),
                group: group.clone(),
                farm: row["farm"].clone(),
            });
            groups.entry(group).or_default().push(Rc::clone(&instance));
            instances.insert(row["id"].clone(), instance);
        }
        World { instances, groups, rows }
    }
}

impl Instance {
    /// Its VLAN at a time.
    pub(crate) fn vlan(&self, at: i64) -> i64 {
        self.vlans.iter().filter(|(from, _)| *from <= at).max().unwrap().1
    }
}

fn table(folder: &Path, kind: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(folder.join(format!("model/{kind}.csv"))).unwrap();
    let schema = Schema::builtin();
    let known = schema.find(kind).unwrap();
    for column in reader.headers().unwrap() {
        let ours = ["id", "valid_from", "valid_to"].contains(&column);
        assert!(ours || known.attribute(column).is_some(), "{kind}.{column}");
    }
    reader.deserialize().map(Result::unwrap).collect()
}

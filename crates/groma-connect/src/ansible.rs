//! Ansible inventories: INI, YAML, and what `ansible-inventory --list` prints.
//!
//! Hears machines (with `ansible_network_os`: devices) with the address under which Ansible reaches them, and groups
//! with their members. A name loses its domain, unless the inventory has it in several domains. Needs the file. Variables other than `ansible_host` and `ansible_network_os` are not read: many
//! hold passwords. It cannot know whether a machine exists; patterns such as `web[01:50]` are written out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use groma_model::{Observation, Problem, Timestamp};
use serde_json::Value;

use crate::{Heard, Importer, Input, Takes, host_name};

/// Reads inventories.
pub(crate) static IMPORTER: Importer = Importer {
    name: "ansible",
    doc: "Ansible inventory: INI, YAML, or the JSON of ansible-inventory --list.",
    takes: Takes::File,
    recognises: |path: &Path, first| form(path, &String::from_utf8_lossy(first)).is_some(),
    decode,
};

/// Most machines that one pattern stands for.
const PATTERN_HOSTS_MAX: usize = 65_536;
/// Deepest nesting of groups.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Copy)]
enum Form {
    Ini,
    Yaml,
    Json,
}

fn form(path: &Path, text: &str) -> Option<Form> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let mut lines = text.lines().map(str::trim_end);
    match extension {
        "json" if text.contains("\"_meta\"") && text.contains("\"hostvars\"") => Some(Form::Json),
        "yml" | "yaml" => {
            let has = |key: &str| text.lines().any(|line| line.trim() == key);
            let is_inventory =
                has("hosts:") && (lines.any(|line| line == "all:") || text.contains("ansible_"));
            // A playbook is a list.
            (is_inventory && !text.trim_start_matches("---").trim_start().starts_with('-'))
                .then_some(Form::Yaml)
        }
        "" | "ini" | "cfg" | "inventory" => {
            let is_ansible = |line: &str| {
                line.contains(" ansible_")
                    || line.ends_with(":children]")
                    || line.ends_with(":vars]")
            };
            let is_group = |line: &str| line.starts_with('[') && line.ends_with(']');
            let named =
                path.file_stem().is_some_and(|name| name.to_string_lossy().contains("inventory"));
            (text.lines().any(is_ansible) || (named && lines.any(is_group))).then_some(Form::Ini)
        }
        _ => None,
    }
}

#[derive(Default)]
struct Inventory {
    hosts: BTreeMap<String, Machine>,
    /// Members and groups below.
    groups: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>,
}

#[derive(Default)]
struct Machine {
    address: Option<String>,
    network_os: Option<String>,
}

fn decode(input: &Input, observed_at: Timestamp, sink: &mut dyn FnMut(Heard)) {
    let mut inventory = Inventory::default();
    let mut heard = Heard::default();
    let path = input.paths.first().cloned().unwrap_or_default();
    let unreadable = input.each_whole(|place, _, bytes| {
        let text = String::from_utf8_lossy(bytes);
        let document = match form(&path, &text) {
            Some(Form::Json) => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
            Some(Form::Yaml) => serde_saphyr::from_slice(bytes).map_err(|error| error.to_string()),
            Some(Form::Ini) | None => return inventory.ini(place, &text, &mut heard.problems),
        };
        match document {
            Ok(document) => inventory.document(place, &document, &mut heard.problems),
            Err(reason) => {
                let shown = crate::lines::lossy_start(bytes);
                heard.problems.push(Problem::new(place, &shown, reason));
            }
        }
    });
    heard.problems.extend(unreadable);
    inventory.observations(observed_at, &mut heard);
    sink(heard);
}

impl Inventory {
    fn ini(&mut self, place: &str, text: &str, problems: &mut Vec<Problem>) {
        let (mut group, mut part) = ("ungrouped".to_owned(), "");
        for (index, line) in text.lines().enumerate() {
            let line = line.split(" #").next().unwrap_or(line).trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                let (name, kind) = header.split_once(':').unwrap_or((header, ""));
                (group, part) = (
                    name.trim().to_owned(),
                    if kind == "children" {
                        "children"
                    } else if kind == "vars" {
                        "vars"
                    } else {
                        ""
                    },
                );
                self.groups.entry(group.clone()).or_default();
                continue;
            }
            match part {
                "vars" => {}
                "children" => {
                    self.groups.entry(group.clone()).or_default().1.extend([line.to_owned()])
                }
                _ => {
                    let mut words = line.split_whitespace();
                    let pattern = words.next().unwrap_or_default();
                    let variable = |name: &str| {
                        let found = words
                            .clone()
                            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                        found.map(|value| value.trim_matches(['"', '\'']).to_owned())
                    };
                    let (address, os) = (variable("ansible_host"), variable("ansible_network_os"));
                    if let Err(reason) = self.add(&group, pattern, address, os) {
                        problems.push(Problem::new(format!("{place}:{}", index + 1), line, reason));
                    }
                }
            }
        }
    }

    /// YAML, whose groups are nested, or JSON, whose groups stand side by side.
    fn document(&mut self, place: &str, document: &Value, problems: &mut Vec<Problem>) {
        let variables = document.pointer("/_meta/hostvars").and_then(Value::as_object);
        for (name, variables) in variables.into_iter().flatten() {
            if let Err(reason) = self.add(
                "ungrouped",
                name,
                text(variables, "ansible_host"),
                text(variables, "ansible_network_os"),
            ) {
                problems.push(Problem::new(place, name, reason));
            }
        }
        match document.as_object() {
            Some(groups) => {
                for (name, group) in groups.iter().filter(|(name, _)| *name != "_meta") {
                    self.group(place, name, group, 0, problems);
                }
            }
            None => problems.push(Problem::new(place, "", "an inventory is an object of groups")),
        }
    }

    fn group(
        &mut self,
        place: &str,
        name: &str,
        group: &Value,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) {
        self.groups.entry(name.to_owned()).or_default();
        let mut add = |inventory: &mut Inventory, host: &str, variables: &Value| {
            let (address, os) =
                (text(variables, "ansible_host"), text(variables, "ansible_network_os"));
            if let Err(reason) = inventory.add(name, host, address, os) {
                problems.push(Problem::new(place, host, reason));
            }
        };
        match group.get("hosts") {
            Some(Value::Object(hosts)) => {
                hosts.iter().for_each(|(host, variables)| add(self, host, variables))
            }
            Some(Value::Array(hosts)) => {
                hosts
                    .iter()
                    .filter_map(Value::as_str)
                    .for_each(|host| add(self, host, &Value::Null));
            }
            _ => {}
        }
        let below = |inventory: &mut Inventory, child: &str| {
            inventory.groups.entry(name.to_owned()).or_default().1.insert(child.to_owned());
        };
        match group.get("children") {
            Some(Value::Array(children)) => {
                children.iter().filter_map(Value::as_str).for_each(|child| below(self, child));
            }
            Some(Value::Object(children)) if depth < DEPTH_MAX => {
                for (child, group) in children {
                    below(self, child);
                    self.group(place, child, group, depth + 1, problems);
                }
            }
            Some(Value::Object(_)) => {
                problems.push(Problem::new(
                    place,
                    name,
                    format!("groups are nested more than {DEPTH_MAX} deep"),
                ));
            }
            _ => {}
        }
    }

    /// Adds the machines that a pattern stands for.
    fn add(
        &mut self,
        group: &str,
        pattern: &str,
        address: Option<String>,
        network_os: Option<String>,
    ) -> Result<(), String> {
        for name in expand(pattern)? {
            let host = self.hosts.entry(name.clone()).or_default();
            host.address = host.address.take().or_else(|| address.clone());
            host.network_os = host.network_os.take().or_else(|| network_os.clone());
            self.groups.entry(group.to_owned()).or_default().0.insert(name);
        }
        Ok(())
    }

    fn observations(self, at: Timestamp, heard: &mut Heard) {
        let mut ids: BTreeMap<&str, String> = BTreeMap::new();
        let keys = host_name::keys(self.hosts.keys().map(String::as_str));
        for ((name, host), key) in self.hosts.iter().zip(keys.values()) {
            let addresses = [host.address.as_ref(), Some(name)];
            let is_address = |text: &&String| text.parse::<IpAddr>().is_ok();
            let address = addresses.into_iter().flatten().find(is_address).cloned();
            let kind = if host.network_os.is_some() { "physical.device" } else { "compute.host" };
            let observation = Observation::new(kind, *key, at)
                .with_some("address", address)
                .with_some("fqdn", host_name::full(name))
                .with_some("os", host.network_os.clone());
            let noun = kind.split_once('.').map_or(kind, |(_, noun)| noun);
            ids.insert(name, format!("{noun}/{key}"));
            heard.observations.push(observation);
        }
        for (name, (members, children)) in self.groups {
            if matches!(name.as_str(), "all" | "ungrouped") {
                continue; // They say nothing.
            }
            let members: Vec<String> =
                members.iter().filter_map(|name| ids.get(name.as_str()).cloned()).collect();
            heard.observations.push(
                Observation::new("compute.group", name, at)
                    .with("members", members)
                    .with("groups", children.into_iter().collect::<Vec<_>>()),
            );
        }
    }
}

fn text(variables: &Value, name: &str) -> Option<String> {
    variables.get(name)?.as_str().map(str::to_owned)
}

/// `web[01:03]` is web01, web02, web03; `db-[a:c]` is db-a, db-b, db-c.
fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('[') {
        let (range, behind) = after.split_once(']').ok_or("a bracket has no partner")?;
        let parts: Vec<&str> = range.split(':').collect();
        let items = items(&parts).ok_or_else(|| format!("\"[{range}]\" is no range"))?;
        if names.len().saturating_mul(items.len()) > PATTERN_HOSTS_MAX {
            return Err(format!("it stands for more than {PATTERN_HOSTS_MAX} machines"));
        }
        names = (names.iter())
            .flat_map(|name| items.iter().map(move |item| format!("{name}{before}{item}")))
            .collect();
        rest = behind;
    }
    // `host:2222` has the port behind.
    let rest = rest
        .split_once(':')
        .filter(|_| pattern.matches(':').count() == 1)
        .map_or(rest, |(name, _)| name);
    names.iter_mut().for_each(|name| name.push_str(rest));
    Ok(names)
}

/// The items of a range with an optional step; leading zeros are kept.
fn items(parts: &[&str]) -> Option<Vec<String>> {
    let (first, last) = (*parts.first()?, *parts.get(1)?);
    let step: usize =
        parts.get(2).map_or(Some(1), |step| step.parse().ok()).filter(|step| *step > 0)?;
    if let (Ok(from), Ok(to)) = (first.parse::<u32>(), last.parse::<u32>()) {
        let width = if first.starts_with('0') { first.len() } else { 0 };
        let all = (from..=to).step_by(step).take(PATTERN_HOSTS_MAX + 1);
        return Some(all.map(|number| format!("{number:0width$}")).collect());
    }
    let letter =
        |text: &str| text.chars().next().filter(|c| c.is_ascii_alphabetic() && text.len() == 1);
    let all = (letter(first)?..=letter(last)?).step_by(step);
    Some(all.map(String::from).collect())
}

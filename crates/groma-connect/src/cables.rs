//! Devices, ports and cables while a list of cables is read, whatever its form.

use std::collections::BTreeMap;

use groma_model::{Decoded, Observation, Problem, Timestamp};

/// A port: its device and its name.
pub(crate) type End = (String, String);

/// What a list said so far.
#[derive(Default)]
pub(crate) struct CableList {
    roles: BTreeMap<String, Option<&'static str>>,
    ports: BTreeMap<End, Option<bool>>,
    /// Whether each cable, by its ends, the smaller first, is in use; one that is listed from both ends is if both say so.
    cables: BTreeMap<(End, End), Option<bool>>,
}

impl CableList {
    /// Notes a device, and its role if the word for it is known.
    pub(crate) fn device(&mut self, name: &str, role_word: Option<&str>) {
        let role = role_word.and_then(role);
        let known = self.roles.entry(name.to_owned()).or_default();
        *known = known.or(role);
    }

    /// Notes a port and its device.
    pub(crate) fn port(&mut self, end: &End, enabled: Option<bool>) {
        self.device(&end.0, None);
        let known = self.ports.entry(end.clone()).or_default();
        *known = enabled.or(*known);
    }

    /// Notes a cable and its ends.
    pub(crate) fn cable(&mut self, a: End, b: End, enabled: Option<bool>) {
        self.port(&a, None);
        self.port(&b, None);
        let cable = if a < b { (a, b) } else { (b, a) };
        let known = self.cables.entry(cable).or_default();
        *known = match (*known, enabled) {
            (Some(a), Some(b)) => Some(a && b),
            (a, b) => a.or(b),
        };
    }

    /// All of it; several cables in one port are a problem.
    pub(crate) fn observations(self, at: Timestamp) -> Decoded {
        let id = |(device, port): &End| format!("{device}:{port}");
        let mut decoded = Decoded::default();
        for (name, role) in self.roles {
            decoded
                .observations
                .push(Observation::new("physical.device", name, at).with_some("role", role));
        }
        for (end, enabled) in &self.ports {
            decoded.observations.push(
                Observation::new("physical.port", id(end), at)
                    .with("device", end.0.clone())
                    .with("name", end.1.clone())
                    .with_some("admin_up", *enabled),
            );
        }
        let mut cables_at: BTreeMap<&End, usize> = BTreeMap::new();
        for ((a, b), enabled) in &self.cables {
            *cables_at.entry(a).or_default() += 1;
            *cables_at.entry(b).or_default() += 1;
            decoded.observations.push(
                Observation::new("physical.link", format!("{}--{}", id(a), id(b)), at)
                    .with("a", id(a))
                    .with("b", id(b))
                    .with("evidence", "cabling")
                    .with_some("up", enabled.filter(|enabled| !enabled)),
            );
        }
        for (end, _) in cables_at.into_iter().filter(|(_, count)| *count > 1) {
            let reason = "the list plugs several cables into this port";
            decoded.problems.push(Problem::new(id(end), "", reason));
        }
        decoded
    }
}

/// The role that a type of node plays; unknown types have none.
fn role(node_type: &str) -> Option<&'static str> {
    let name = node_type.to_ascii_lowercase();
    Some(match name.as_str() {
        "server" | "host" | "endpoint" => "host",
        "spine" | "l3spine" | "l2spine" => "distribution",
        "super-spine" | "superspine" | "super_spine" => "core",
        "leaf" | "l2leaf" | "l3leaf" => "access",
        "firewall" => "firewall",
        "router" => "router",
        _ => return None,
    })
}

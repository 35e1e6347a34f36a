//! Writes what a machine told as observations, in the words of the schema.

mod link;
mod network;
mod work;

use std::collections::BTreeMap;

use groma_model::{Decoded, Observation, Problem, Timestamp};

use super::namespaces::{self, Namespace};
use super::processes::{self, Process};
use crate::live::Recording;

/// Names that say nothing about which machine it is.
const NAMELESS: [&str; 4] = ["", "localhost", "localhost.localdomain", "(none)"];

/// What the parts of a recording say, as far as several of them need it.
struct Told<'a> {
    recording: &'a Recording,
    at: Timestamp,
    /// Key of the device and the host.
    host: String,
    processes: Vec<Process>,
    /// Network namespaces other than the machine's, by inode.
    namespaces: BTreeMap<u64, Namespace>,
}

/// Decodes a recording. Memory: that of the recording, a few times.
pub(super) fn decode(recording: &Recording) -> Decoded {
    let mut decoded = Decoded::default();
    let problems = &mut decoded.problems;
    let text = |part: &str| Some(String::from_utf8_lossy(recording.part(part)?).into_owned());
    let name = text("hostname").unwrap_or_default().trim().to_owned();
    let machine_id = text("machine-id").map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
    let host = match (NAMELESS.contains(&name.as_str()), &machine_id) {
        (true, Some(id)) => format!("machine-{}", id.chars().take(12).collect::<String>()),
        (true, None) => {
            let reason = "the machine has neither a name of its own nor a machine-id";
            problems.push(Problem::new(&*recording.source, &name, reason));
            return decoded;
        }
        (false, _) => name,
    };
    let place = format!("{}/processes", recording.source);
    let processes = processes::read(&text("processes").unwrap_or_default(), &place, problems);
    let namespaces = namespaces::read(recording, &processes, problems);
    let told = Told { recording, at: recording.at, host, processes, namespaces };
    let own = network::write(&told, &mut decoded);
    told.machine(machine_id, &own, &mut decoded.observations);
    work::write(&told, &own, &mut decoded);
    decoded
}

impl Told<'_> {
    fn text(&self, part: &str) -> Option<String> {
        let text = String::from_utf8_lossy(self.recording.part(part)?);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn observe(&self, kind: &'static str, key: impl Into<String>) -> Observation {
        Observation::new(kind, key, self.at)
    }

    fn port(&self, name: &str) -> String {
        format!("{}:{name}", self.host)
    }

    fn machine(&self, machine_id: Option<String>, own: &network::Own, out: &mut Vec<Observation>) {
        let address = own.main_address.map(|ip| ip.to_string());
        let serial = self.text("serial").filter(|serial| !serial.contains(' '));
        out.push(
            self.observe("physical.device", &*self.host)
                .with("role", "host")
                .with_some("vendor", self.text("vendor"))
                .with_some("model", self.text("model"))
                .with_some("serial", serial)
                .with_some("os", self.text("os-release").and_then(|text| os(&text)))
                .with_some("address", address.clone()),
        );
        let cpus = self
            .text("cpuinfo")
            .map(|text| text.lines().filter(|line| line.starts_with("processor")).count() as i64);
        out.push(
            self.observe("compute.host", &*self.host)
                .with("device", &*self.host)
                .with_some("machine_id", machine_id)
                .with_some("address", address)
                .with_some("cpus", cpus.filter(|cpus| *cpus > 0))
                .with_some("memory_bytes", self.text("meminfo").and_then(|text| memory(&text))),
        );
    }
}

/// `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"`
fn os(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches(['"', '\'']).to_owned()).filter(|name| !name.is_empty())
}

/// `MemTotal:       16303428 kB`, in bytes.
fn memory(text: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

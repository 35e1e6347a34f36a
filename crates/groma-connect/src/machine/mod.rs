//! The machine Groma runs on: a real data center of one.
//!
//! Asked as `machine:`. **Hears** from netlink, `/proc`, `/sys` and the LLDP frames that systemd-networkd keeps: the
//! machine, its processors and memory, interfaces with bridges, bonds, VLANs and veth pairs, addresses, routes,
//! neighbours, the bridges' MAC tables, network namespaces, containers, processes, what they listen on, and who they
//! talk to. Several machines make one model: the devices are named by their host names, and the neighbours'
//! addresses, the MAC tables and LLDP join them.
//!
//! **Needs** no permission. Sockets of other users' processes, and interfaces inside of containers, are only told to
//! root (or with `CAP_SYS_PTRACE` and `CAP_DAC_READ_SEARCH`); what was not told is a problem.
//! **Load**: seven netlink dumps and a walk over `/proc`, about 20 µs for each process and open file.
//! **Cannot know**: what a switch does, the far end of a cable where nobody speaks LLDP, connections that were not
//! open at that moment, traffic. Arguments of processes are not read, since people put passwords there.
//!
//! A network namespace is a routing table of its own: its ports are `host:namespace/eth0` with `vrf = namespace`.

mod facts;
#[cfg(target_os = "linux")]
mod fetch;
mod lldp;
mod namespaces;
mod netlink;
mod processes;
mod sockets;

pub(crate) use lldp::port_id;

use groma_model::Timestamp;

use crate::live::{FetchError, Live, OpenError, Recording, Scheme, Secrets};
use crate::{Importer, Takes};

/// `machine:`.
pub(crate) static SCHEME: Scheme = Scheme {
    prefixes: &["machine:"],
    usage: "machine:",
    doc: "The machine Groma runs on, from netlink, /proc and /sys.",
    open,
};

/// Reads what the machine told. Only recordings: nobody else writes this form.
pub(crate) static IMPORTER: Importer = Importer {
    name: "machine",
    doc: "A recording of what a machine says of itself; see `groma import machine:`.",
    takes: Takes::Folder,
    recognises: |_, _| false,
    decode: |input, _, sink| {
        if let Some(recording) = &input.recording {
            sink(facts::decode(recording).into());
        }
    },
};

struct Machine;

fn source_of(host_name: &str) -> String {
    format!("machine:{}", if host_name.is_empty() { "unknown" } else { host_name })
}

fn open(name: &str, _: &Secrets) -> Result<Box<dyn Live>, OpenError> {
    if name == SCHEME.usage {
        return Ok(Box::new(Machine));
    }
    Err(OpenError {
        name: name.into(),
        reason: "only the machine on which the store is open can be asked".into(),
        hint: "Ask machine: there, record it with --record, and import the recording here.".into(),
    })
}

impl Live for Machine {
    fn name(&self) -> &str {
        SCHEME.usage
    }

    fn source(&self) -> String {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        source_of(name.trim())
    }

    #[cfg(target_os = "linux")]
    fn fetch(&self, now: Timestamp) -> Result<Recording, FetchError> {
        fetch::fetch(now)
    }

    #[cfg(not(target_os = "linux"))]
    fn fetch(&self, _: Timestamp) -> Result<Recording, FetchError> {
        Err(FetchError::Refused {
            what: SCHEME.usage.into(),
            reason: "only Linux is understood".into(),
            hint: "Run Groma on Linux, or import files.".into(),
        })
    }
}

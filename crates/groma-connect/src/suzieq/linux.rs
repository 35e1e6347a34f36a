//! The texts of iproute2: `ip -d address`, which Linux servers, Cumulus and SONiC share.

use super::capture::{Capture, mac, own_mac};
use super::record::Record;
use crate::interface_name;

/// Reads `ip -d address show`, wherever it begins in the answer.
pub(super) fn read_addresses(record: &Record, capture: &mut Capture) -> Result<(), String> {
    let text = record.text()?;
    let blocks = split_blocks(text);
    if blocks.is_empty() {
        return if text.trim().is_empty() {
            Ok(())
        } else {
            Err("no interface in the answer of ip address".into())
        };
    }
    let vrfs: Vec<&str> =
        blocks.iter().filter(|block| block.is_kind("vrf")).map(|block| block.name).collect();
    let bonds: Vec<&str> = blocks.iter().filter(|b| b.is_kind("bond")).map(|b| b.name).collect();
    let bridges: Vec<&str> =
        blocks.iter().filter(|b| b.is_kind("bridge")).map(|b| b.name).collect();
    // All names first, so that a parent that comes later keeps its spelling.
    for block in &blocks {
        capture.port(&record.hostname, block.name, record.at());
    }
    for block in &blocks {
        block.read(record, capture, &vrfs, &bonds, &bridges)?;
    }
    Ok(())
}

/// One interface: its head line and the lines below it.
struct Block<'a> {
    name: &'a str,
    parent: Option<&'a str>,
    flags: Vec<&'a str>,
    head: Vec<&'a str>,
    lines: Vec<Vec<&'a str>>,
}

fn split_blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in text.lines() {
        match head(line) {
            Some(block) => blocks.push(block),
            None => {
                if let (Some(block), true) = (blocks.last_mut(), line.starts_with(' ')) {
                    block.lines.push(line.split_whitespace().collect());
                }
            }
        }
    }
    blocks
}

/// `14: vlan13@bridge: <BROADCAST,UP> mtu 9000 qdisc noqueue master evpn-vrf state UP ...`
fn head(line: &str) -> Option<Block<'_>> {
    let (number, rest) = line.split_once(": ")?;
    number.parse::<u32>().ok()?;
    let (name, rest) = rest.split_once(": <")?;
    let (flags, rest) = rest.split_once('>')?;
    let (name, parent) = match name.split_once('@') {
        // An interface whose other end is in another network namespace has only its number.
        Some((name, parent)) => (name, Some(parent).filter(|p| *p != "NONE" && !is_index(p))),
        None => (name, None),
    };
    let (flags, head) = (flags.split(',').collect(), rest.split_whitespace().collect());
    Some(Block { name, parent, flags, head, lines: Vec::new() })
}

fn is_index(name: &str) -> bool {
    name.strip_prefix("if").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

impl<'a> Block<'a> {
    fn is_kind(&self, kind: &str) -> bool {
        self.kind_line(kind).is_some()
    }

    fn kind_line(&self, kind: &str) -> Option<&[&'a str]> {
        self.lines.iter().find(|line| line.first() == Some(&kind)).map(Vec::as_slice)
    }

    fn read(
        &self,
        record: &Record,
        capture: &mut Capture,
        vrfs: &[&str],
        bonds: &[&str],
        bridges: &[&str],
    ) -> Result<(), String> {
        let device = record.hostname.as_str();
        let master = after(&self.head, "master");
        let vrf = match master {
            Some(master) if vrfs.contains(&master) => Some(master),
            _ if self.is_kind("vrf") => Some(self.name),
            _ => None,
        };
        let bridge = master.filter(|master| bridges.contains(master));
        let vlan = self
            .kind_line("vlan")
            .and_then(|line| after(line, "id"))
            .and_then(|id| id.parse::<i64>().ok());
        let kind = self.kind(device, capture, bridges);
        let parent_vlan =
            self.parent.and_then(|parent| capture.port(device, parent, record.at()).vlan);
        let port = capture.port(device, self.name, record.at());
        port.kind = Some(kind);
        port.mtu = after(&self.head, "mtu").and_then(|mtu| mtu.parse().ok());
        port.admin_up = Some(self.flags.contains(&"UP"));
        port.up = match after(&self.head, "state") {
            Some("UP") => Some(true),
            Some("UNKNOWN") => Some(self.flags.contains(&"LOWER_UP")),
            Some(_) => Some(false),
            None => None,
        };
        port.mac = self.link_address().and_then(own_mac);
        port.vrf = vrf.map(str::to_owned);
        port.vlan = vlan.or(parent_vlan.filter(|_| kind == "svi"));
        port.parent = self.parent.or(bridge).map(str::to_owned);
        if bridge.is_none() && !bonds.iter().any(|bond| master == Some(bond)) && kind != "bridge" {
            port.mode = Some("routed");
        }
        if self.is_kind("bond") {
            capture.lag(device, self.name, record.at());
        }
        if let Some(bond) = master.filter(|master| bonds.contains(master)) {
            capture.lag(device, bond, record.at()).members.insert(self.name.to_owned());
        }
        if let Some(line) = self.kind_line("vxlan") {
            self.read_vxlan(line, record, capture);
        }
        // A gateway that a pair shares is a macvlan on the VLAN's interface (Cumulus VRR).
        let is_virtual = self.kind_line("macvlan").is_some() && kind == "svi";
        for line in &self.lines {
            let [family @ ("inet" | "inet6"), prefix, ..] = line[..] else { continue };
            if line.contains(&"temporary") || (family == "inet" && line.contains(&"host")) {
                continue;
            }
            let address_mac = self.link_address().and_then(mac);
            if let Some(address) = capture.add_address(device, self.name, prefix, record.at())? {
                address.is_virtual = is_virtual;
                address.mac = address_mac.filter(|_| is_virtual);
            }
        }
        Ok(())
    }

    fn link_address(&self) -> Option<&'a str> {
        let line = self.lines.iter().find(|line| line[0].starts_with("link/"))?;
        line.get(1).copied()
    }

    /// A word of the port's `type`.
    fn kind(&self, device: &str, capture: &mut Capture, bridges: &[&str]) -> &'static str {
        if self.flags.contains(&"LOOPBACK") {
            return "loopback";
        }
        for (line, kind) in
            [("bond", "lag"), ("vrf", "vrf"), ("vxlan", "vxlan"), ("bridge", "bridge")]
        {
            if self.is_kind(line) {
                return kind;
            }
        }
        if self.is_kind("vlan") {
            let over_bridge = self.parent.is_some_and(|parent| bridges.contains(&parent));
            return if over_bridge { "svi" } else { "subinterface" };
        }
        if self.is_kind("macvlan") {
            let over_svi = self.parent.is_some_and(|parent| {
                capture.port(device, parent, groma_model::Timestamp::MIN).kind == Some("svi")
            });
            return if over_svi { "svi" } else { "subinterface" };
        }
        match interface_name::class(self.name) {
            interface_name::NameClass::Management => "management",
            _ if self.lines.iter().any(|line| line[0] == "link/ether") => "ethernet",
            _ => "other",
        }
    }

    /// `vxlan id 13 local 10.0.0.112 srcport 0 0 dstport 4789 nolearning ...`
    fn read_vxlan(&self, line: &[&str], record: &Record, capture: &mut Capture) {
        if let Some(local) = after(line, "local") {
            capture.vteps.insert((record.hostname.clone(), local.to_owned()), record.at());
        }
        if let Some(vni) = after(line, "id").and_then(|id| id.parse::<i64>().ok()) {
            capture.vxlan_vnis.insert((record.hostname.clone(), self.name.to_owned()), vni);
        }
    }
}

/// The word behind `word`.
pub(super) fn after<'a>(words: &[&'a str], word: &str) -> Option<&'a str> {
    let at = words.iter().position(|candidate| *candidate == word)?;
    words.get(at + 1).copied()
}

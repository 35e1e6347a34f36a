//! A fat tree: the fabric that route updates are measured on everywhere.
//!
//! Of `k` ports a switch: `k` pods of `k/2` edge and `k/2` aggregation switches, `(k/2)²` core switches,
//! `k/2` hosts below each edge switch. Links between switches are routed and have no addresses; each
//! edge switch is the gateway of its hosts, and all switches are one routing domain.

use groma_model::{Observation, Timestamp};

/// Most ports of a switch: 5,120 switches and 65,536 hosts.
pub const FAT_TREE_PORTS_MAX: usize = 64;

/// The model of a fat tree. `None`: `ports` is odd, below 2 or above [`FAT_TREE_PORTS_MAX`].
pub fn fat_tree(ports: usize) -> Option<Vec<Observation>> {
    if !(2..=FAT_TREE_PORTS_MAX).contains(&ports) || !ports.is_multiple_of(2) {
        return None;
    }
    let (half, mut tree) = (ports / 2, Tree::default());
    for group in 0..half {
        for core in 0..half {
            tree.switch(&format!("c{group}-{core}"), "core", &format!("172.18.{group}.{core}"));
        }
    }
    for pod in 0..ports {
        for aggregation in 0..half {
            let name = format!("a{pod}-{aggregation}");
            tree.switch(&name, "distribution", &format!("172.17.{pod}.{aggregation}"));
            for core in 0..half {
                let far = format!("c{aggregation}-{core}:pod{pod}");
                tree.routed_link(&format!("{name}:up{core}"), &far);
            }
        }
        for edge in 0..half {
            tree.edge(pod, edge, half);
        }
    }
    tree.see("network.routing_domain", "fabric", &[("protocol", "ebgp")]);
    Some(tree.made)
}

#[derive(Default)]
struct Tree {
    made: Vec<Observation>,
}

impl Tree {
    fn see(&mut self, kind: &'static str, key: &str, attributes: &[(&'static str, &str)]) {
        let seen = Observation::new(kind, key, Timestamp(1));
        let with =
            |seen: Observation, (name, value): &(&'static str, &str)| seen.with(*name, *value);
        self.made.push(attributes.iter().fold(seen, with));
    }

    fn switch(&mut self, name: &str, role: &str, loopback: &str) {
        self.see("physical.device", name, &[("role", role)]);
        let port = format!("{name}:lo0");
        self.see("physical.port", &port, &[("device", name), ("type", "loopback")]);
        self.address(&port, loopback, "32");
    }

    fn address(&mut self, port: &str, ip: &str, length: &str) {
        let attributes = [("ip", ip), ("prefix_length", length), ("port", port)];
        self.see("network.address", &format!("{port}|{ip}"), &attributes);
    }

    fn routed_link(&mut self, a: &str, b: &str) {
        for port in [a, b] {
            let device = port.split(':').next().unwrap_or_default();
            self.see("physical.port", port, &[("device", device), ("mode", "routed")]);
        }
        self.see("physical.link", &format!("{a}--{b}"), &[("a", a), ("b", b)]);
    }

    /// An edge switch with its hosts.
    fn edge(&mut self, pod: usize, edge: usize, half: usize) {
        let name = format!("e{pod}-{edge}");
        self.switch(&name, "access", &format!("172.16.{pod}.{edge}"));
        for aggregation in 0..half {
            let far = format!("a{pod}-{aggregation}:down{edge}");
            self.routed_link(&format!("{name}:up{aggregation}"), &far);
        }
        let gateway = format!("{name}:vlan10");
        let svi = [("device", name.as_str()), ("type", "svi"), ("vlan", "10")];
        self.see("physical.port", &gateway, &svi);
        self.address(&gateway, &format!("10.{pod}.{edge}.1"), "24");
        for place in 0..half {
            let host = format!("h{pod}-{edge}-{place}");
            let (near, far) = (format!("{host}:eth0"), format!("{name}:host{place}"));
            self.see("physical.device", &host, &[("role", "host")]);
            self.see("physical.port", &near, &[("device", &host)]);
            let access = [("device", name.as_str()), ("mode", "access"), ("access_vlan", "10")];
            self.see("physical.port", &far, &access);
            self.see("physical.link", &format!("{far}--{near}"), &[("a", &far), ("b", &near)]);
            self.address(&near, &format!("10.{pod}.{edge}.{}", place + 2), "24");
        }
    }
}

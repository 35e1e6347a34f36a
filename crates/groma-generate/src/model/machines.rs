//! Machines and how they are plugged in.

use super::network::{RACKS_PER_ROW, access, both, rack_name};
use super::{Machine, World, vid};
use crate::layout::{ACCESS_PAIRS, first_machine};

const SPEED: i64 = 10_000_000_000;
const CPUS: i64 = 32;
const MEMORY_BYTES: i64 = 256 << 30;

impl World<'_> {
    pub(super) fn machines(&mut self) {
        for pair in 0..ACCESS_PAIRS {
            for index in first_machine(pair)..first_machine(pair + 1) {
                self.machine(Machine { pair, index });
            }
        }
    }

    /// A machine with a bond of two ports, one cable to each switch of its pair.
    fn machine(&mut self, machine: Machine) {
        let (name, bond) = (machine.name(), format!("{}:bond0", machine.name()));
        let rack = rack_name(machine.pair, machine.number() % RACKS_PER_ROW);
        let vlans = self.vlans(machine);
        let in_vlan: Vec<_> = (vlans.iter())
            .map(|(vlan, valid)| (*valid, [("access_vlan", vid(*vlan).into())]))
            .collect();
        self.device(&name, "host", 0, rack.clone());
        let port = [
            ("device", name.as_str().into()),
            ("name", "bond0".into()),
            ("type", "lag".into()),
            ("mac", machine.mac().into()),
            ("mode", "access".into()),
            ("speed_bits_per_second", (2 * SPEED).into()),
        ];
        self.add_with("physical.port", &bond, port, &in_vlan);
        let members = vec![format!("{name}:eth0"), format!("{name}:eth1")];
        let lag = [("port", bond.clone().into()), ("members", members.into())];
        self.add("network.lag", bond.clone(), lag);
        for (side, switch) in both(&access(machine.pair)).iter().enumerate() {
            let (eth, socket) = (format!("eth{side}"), format!("h{:03}", machine.number()));
            self.port((&name, &eth), SPEED);
            let port = [
                ("device", switch.as_str().into()),
                ("name", socket.as_str().into()),
                ("type", "ethernet".into()),
                ("mode", "access".into()),
                ("speed_bits_per_second", SPEED.into()),
            ];
            self.add_with("physical.port", &format!("{switch}:{socket}"), port, &in_vlan);
            self.cable((&name, &eth), (switch, &socket));
        }
        for (vlan, valid) in &vlans {
            let ip = machine.address(*vlan);
            let address = [
                ("ip", ip.clone().into()),
                ("prefix_length", 16.into()),
                ("port", bond.clone().into()),
            ];
            self.add_during("network.address", format!("{bond}|{ip}"), *valid, address);
        }
        let host = [
            ("device", name.as_str().into()),
            ("rack", rack.into()),
            ("cpus", CPUS.into()),
            ("memory_bytes", MEMORY_BYTES.into()),
        ];
        let known_by: Vec<_> = (vlans.iter())
            .map(|(vlan, valid)| (*valid, [("address", machine.address(*vlan).into())]))
            .collect();
        self.add_with("compute.host", &name, host, &known_by);
    }
}

//! Applications, services, farms, and what their instances run on.

use groma_model::{Interval, Timestamp};

use super::{Machine, World, vid};
use crate::layout::{APPLICATIONS, FARMS, INSTANCES_PER_FARM, SERVICES, Slot, group_of_farm};

const ESB_APPLICATION: &str = "esb";
/// Replicas of these services run in a process of a virtual machine.
const IN_PROCESSES: std::ops::Range<usize> = 0..40;
/// Every fourth service runs on the machine itself, the others in a virtual machine of their own.
const ON_MACHINES_EVERY: usize = 4;

impl World<'_> {
    pub(super) fn software(&mut self) {
        self.add("service.application", ESB_APPLICATION, [("owner", "middleware".into())]);
        for application in 0..APPLICATIONS {
            let owner = format!("team-{:02}", application % 15).into();
            self.add("service.application", application_name(application), [("owner", owner)]);
        }
        for farm in 0..FARMS {
            self.farm(farm);
        }
        for service in 0..SERVICES {
            self.service(service);
        }
    }

    fn farm(&mut self, farm: usize) {
        let name = format!("farm-{farm:02}");
        self.add(
            "service.farm",
            name.clone(),
            [("application", ESB_APPLICATION.into()), ("balancing", "round_robin".into())],
        );
        for member in 0..INSTANCES_PER_FARM {
            let slot = self.layout.slots[farm * INSTANCES_PER_FARM + member].clone();
            debug_assert_eq!(slot.vlan, group_of_farm(farm));
            for (instance, valid) in self.instance_names(&slot) {
                let process = format!("{instance}.process");
                let machine = Machine::of(slot.machine).name();
                self.add_during(
                    "compute.process",
                    process.clone(),
                    valid,
                    [("runs_on", format!("host/{machine}").into())],
                );
                self.add_during(
                    "service.instance",
                    instance,
                    valid,
                    [
                        ("role", "esb".into()),
                        ("farm", name.as_str().into()),
                        ("runs_on", format!("process/{process}").into()),
                    ],
                );
            }
        }
    }

    fn service(&mut self, index: usize) {
        let service = self.layout.services[index].clone();
        let name = self.layout.names[service.name as usize].to_string();
        self.add(
            "service.service",
            name.clone(),
            [
                ("application", application_name(index % APPLICATIONS).into()),
                ("balancing", "round_robin".into()),
                ("stateful", false.into()),
            ],
        );
        for replica in 0..service.replica_count {
            let version = if service.pinned && replica > 0 { "1.1" } else { "1.0" };
            let set = format!("{name}@{version}");
            if replica == 0 || (service.pinned && replica == 1) {
                self.add(
                    "service.replica_set",
                    set.clone(),
                    [("service", name.as_str().into()), ("version", version.into())],
                );
            }
            let slot = self.layout.slots[service.first_replica + replica].clone();
            let runs_on = self.place(index, &slot);
            for (instance, valid) in self.instance_names(&slot) {
                self.add_during(
                    "service.instance",
                    instance,
                    valid,
                    [
                        ("role", "app".into()),
                        ("service", name.as_str().into()),
                        ("replica_set", set.as_str().into()),
                        ("runs_on", runs_on.as_str().into()),
                    ],
                );
            }
        }
    }

    /// What a replica runs on: the machine, a virtual machine, or a process of one.
    fn place(&mut self, service: usize, slot: &Slot) -> String {
        let machine = Machine::of(slot.machine);
        if service % ON_MACHINES_EVERY == ON_MACHINES_EVERY - 1 {
            return format!("host/{}", machine.name());
        }
        let vm = format!("vm-{service:03}-p{:02}", slot.pair);
        let mac = format!("02:01:00:{:02x}:{:02x}:{:02x}", service >> 8, service & 255, slot.pair);
        // Above the addresses of machines: the third number is 64 and more.
        let (third, fourth) = (64 + slot.pair + 48 * (service / 250), 2 + service % 250);
        let in_vlan: Vec<_> = (self.vlans(machine).into_iter())
            .map(|(vlan, valid)| {
                let ip = format!("{}.{third}.{fourth}", super::network(vlan));
                (valid, [("address", ip.into()), ("vlan", vid(vlan).into())])
            })
            .collect();
        let attributes = [("host", machine.name().into()), ("mac", mac.into())];
        self.add_with("compute.vm", &vm, attributes, &in_vlan);
        if !IN_PROCESSES.contains(&service) {
            return format!("vm/{vm}");
        }
        let process = format!("{vm}.process");
        self.add("compute.process", process.clone(), [("runs_on", format!("vm/{vm}").into())]);
        format!("process/{process}")
    }

    /// The names of an instance with the time for which each holds.
    fn instance_names(&self, slot: &Slot) -> Vec<(String, Interval)> {
        let name = |index: u32| self.layout.names[index as usize].to_string();
        match slot.restart {
            None => vec![(name(slot.name), Interval::ALWAYS)],
            Some((at_ns, after)) => {
                let at = Timestamp(at_ns);
                vec![
                    (name(slot.name), Interval { from: Timestamp::MIN, to: at }),
                    (name(after), Interval { from: at, to: Timestamp::MAX }),
                ]
            }
        }
    }
}

fn application_name(application: usize) -> String {
    format!("application-{application:02}")
}

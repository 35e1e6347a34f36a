//! Who talks: the names of the message log and the instances of the model, with the role that each
//! plays in a hop and the group in which another one could stand in for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use groma_model::{EntityRef, KindId, Timestamp, Value};
use groma_store::{Entity, Snapshot};

/// What a party is in a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    Client,
    Esb,
    App,
}

impl Role {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Role::Client => "CLIENT",
            Role::Esb => "ESB",
            Role::App => "APP",
        }
    }
}

/// How callers pick a member of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Balancing {
    RoundRobin,
    /// The nearest member; `load_cap`: no member takes more than this multiple of the mean.
    Nearest {
        load_cap: Option<f64>,
    },
}

/// A name of the log or an instance of the model.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    /// The farm or replica set it belongs to; `None`: nobody could stand in for it.
    pub(crate) group: Option<usize>,
    /// What people group it by: its farm, its service, or its role.
    pub(crate) label: Arc<str>,
}

/// A farm, or the replicas of one service in one version.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// What the farm or service is; decides where its balancing is written.
    pub(crate) owner: EntityRef,
    pub(crate) balancing: Balancing,
    /// Parties, by number, sorted by name.
    pub(crate) members: Vec<usize>,
}

/// All parties: the names of the log first, in its order, then the instances that it does not name.
#[derive(Debug, Default)]
pub(crate) struct Parties {
    pub(crate) parties: Vec<Party>,
    pub(crate) groups: Vec<Group>,
}

/// Reads kinds of the schema that this file relies on.
struct Reader<'a> {
    snapshot: &'a Snapshot,
    at: Timestamp,
    farm: KindId,
    instance: KindId,
}

impl Parties {
    /// As the model has it at `at`. Cost: O(names + instances).
    pub(crate) fn read(snapshot: &Snapshot, names: &[Arc<str>], at: Timestamp) -> Parties {
        let schema = snapshot.schema();
        let reader = Reader {
            snapshot,
            at,
            farm: schema.id("service.farm"),
            instance: schema.id("service.instance"),
        };
        let mut parties = Parties::default();
        let mut groups: HashMap<EntityRef, usize> = HashMap::new();
        let mut known: HashSet<Arc<str>> = HashSet::with_capacity(names.len());
        for name in names {
            let party = match snapshot.get(reader.instance, name) {
                Some(instance) => parties.instance(instance, &reader, &mut groups),
                None => Party {
                    name: Arc::clone(name),
                    role: Role::Client,
                    group: None,
                    label: Arc::from("client"),
                },
            };
            // A log may call one instance by two names; it is one party of two numbers.
            known.insert(Arc::clone(&party.name));
            parties.parties.push(party);
        }
        for instance in snapshot.entities(reader.instance) {
            if !known.contains(instance.key()) {
                let party = parties.instance(instance, &reader, &mut groups);
                parties.parties.push(party);
            }
        }
        parties.enrol();
        parties
    }

    fn instance(
        &mut self,
        instance: &Entity,
        reader: &Reader<'_>,
        groups: &mut HashMap<EntityRef, usize>,
    ) -> Party {
        let farm = reader.reference(instance, "farm");
        let service = reader.reference(instance, "service");
        let role = match reader.text(instance, "role") {
            Some("client") => Role::Client,
            Some("esb") => Role::Esb,
            Some("app") => Role::App,
            _ if farm.is_some() => Role::Esb,
            _ => Role::App,
        };
        let label = farm
            .as_ref()
            .or(service.as_ref())
            .map_or_else(|| role.name().to_lowercase().into(), |of| Arc::clone(&of.key));
        let stateful = service.as_ref().is_some_and(|service| reader.flag(service, "stateful"));
        // A replica can stand in for another one of the same version only, if versions are known.
        let by = farm
            .clone()
            .or_else(|| reader.reference(instance, "replica_set"))
            .or_else(|| service.clone());
        let group = by.filter(|_| farm.is_some() || !stateful).map(|by| {
            *groups.entry(by).or_insert_with_key(|by| {
                let owner = if by.kind == reader.farm {
                    by.clone()
                } else {
                    service.clone().unwrap_or_else(|| by.clone())
                };
                self.groups.push(Group {
                    balancing: reader.balancing(&owner),
                    owner,
                    members: Vec::new(),
                });
                self.groups.len() - 1
            })
        });
        Party { name: instance.id().key.clone(), role, group, label }
    }

    fn enrol(&mut self) {
        for (index, party) in self.parties.iter().enumerate() {
            if let Some(group) = party.group {
                self.groups[group].members.push(index);
            }
        }
        for group in &mut self.groups {
            group.members.sort_by(|a, b| self.parties[*a].name.cmp(&self.parties[*b].name));
        }
    }
}

impl Reader<'_> {
    fn value<'e>(&self, entity: &'e Entity, attribute: &str) -> Option<&'e Value> {
        let attribute = self.snapshot.schema().kind(entity.id().kind).attribute(attribute)?;
        entity.lasting_value_at(attribute, self.at)
    }

    fn reference(&self, entity: &Entity, attribute: &str) -> Option<EntityRef> {
        self.value(entity, attribute).and_then(Value::as_reference).cloned()
    }

    fn text<'e>(&self, entity: &'e Entity, attribute: &str) -> Option<&'e str> {
        self.value(entity, attribute).and_then(Value::as_text)
    }

    fn flag(&self, id: &EntityRef, attribute: &str) -> bool {
        let value = self.snapshot.entity(id).and_then(|entity| self.value(entity, attribute));
        value.and_then(Value::as_boolean).unwrap_or(false)
    }

    fn balancing(&self, owner: &EntityRef) -> Balancing {
        let Some(entity) = self.snapshot.entity(owner) else { return Balancing::RoundRobin };
        match self.text(entity, "balancing") {
            Some("nearest") => Balancing::Nearest {
                load_cap: self.value(entity, "load_cap").and_then(Value::as_float),
            },
            _ => Balancing::RoundRobin,
        }
    }
}

//! Reconciliation against a naive one: from all that was ever said, moment by moment, with no index.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use groma_model::{
    AliasKind, AttributeIndex, EntityRef, Fact, Interval, KindId, Says, Schema, Timestamp, Value,
    Version,
};
use groma_store::{Alias, Change, Ruling, Snapshot, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;

const SCHEMA: &str = r#"
[[kind]]
name = "physical.device"
doc = "d"
key = "k"
attributes = [
  { name = "up", type = "integer", doc = "d" },
  { name = "serial", type = "text", identifies = "serial", doc = "d" },
  { name = "mac", type = "text", identifies = "mac", doc = "d" },
  { name = "address", type = "text", identifies = "address", doc = "d" },
  { name = "peer", type = "reference", to = ["physical.device"], doc = "d" },
]
[[kind]]
name = "physical.port"
doc = "d"
key = "device:name"
attributes = [
  { name = "up", type = "integer", doc = "d" },
  { name = "device", type = "reference", to = ["physical.device"], doc = "d" },
]
[[source]]
name = "plan"
says = "desired"
rank = 1
[[source]]
name = "good"
rank = 2
ranks = { "physical.device.up" = 200 }
"#;

fn schema() -> Arc<Schema> {
    static SCHEMA_READ: LazyLock<Arc<Schema>> =
        LazyLock::new(|| Arc::new(Schema::parse(&[("test.toml", SCHEMA)]).unwrap()));
    Arc::clone(&SCHEMA_READ)
}

const DEVICE: KindId = KindId(0);
const PORT: KindId = KindId(1);
const NEVER_ENDS: i64 = i64::MAX;
/// All is heard before anything begins or ends.
const HEARD: i64 = -100;
/// One moment inside each stretch in which nothing can begin or end.
const MOMENTS: [i64; 6] = [-5, 3, 5, 7, 9, NEVER_ENDS];

fn key(kind: KindId, key: &str) -> EntityRef {
    EntityRef { kind, key: key.into() }
}

/// One thing that is said or declared, without its times.
#[derive(Debug, Clone)]
enum Act {
    Say(EntityRef, AttributeIndex, Value, &'static str, Interval),
    Remove(EntityRef),
    Alias(EntityRef, AliasKind, &'static str, &'static str, Interval),
    Same(EntityRef, &'static str, Interval),
    Apart(EntityRef, &'static str),
}

fn device() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("10.0.0.1")]
}

fn source() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("plan"), Just("good"), Just("any"), Just("other")]
}

fn interval() -> impl Strategy<Value = Interval> {
    let bounds = [i64::MIN, 2, 4, 6, 8, i64::MAX];
    (0..5_usize, 1..6_usize).prop_map(move |(from, length)| Interval {
        from: Timestamp(bounds[from]),
        to: Timestamp(bounds[(from + length).min(5)]),
    })
}

fn act() -> impl Strategy<Value = Act> {
    let valid = || prop_oneof![2 => Just(Interval::ALWAYS), 2 => interval()];
    let text = |text: &str| Value::Text(text.into());
    let value = prop_oneof![
        (0..3_i64).prop_map(|up| (0, Value::Integer(up))),
        prop_oneof![Just("S1"), Just("S2"), Just("n/a")].prop_map(move |serial| (1, text(serial))),
        prop_oneof![Just("02:00:00:00:00:01"), Just("0200.0000.0002")]
            .prop_map(move |mac| (2, text(mac))),
        prop_oneof![Just("10.0.0.1"), Just("10.0.0.2")].prop_map(move |ip| (3, text(ip))),
        device().prop_map(|peer| (4, Value::Reference(key(DEVICE, peer)))),
    ];
    let port_value = prop_oneof![
        (0..3_i64).prop_map(|up| (0, Value::Integer(up))),
        device().prop_map(|device| (1, Value::Reference(key(DEVICE, device)))),
    ];
    prop_oneof![
        8 => (device(), value, source(), valid()).prop_map(|(name, (attribute, value), source, valid)| {
            Act::Say(key(DEVICE, name), attribute, value, source, valid)
        }),
        4 => (device(), port_value, source(), valid()).prop_map(|(name, (attribute, value), source, valid)| {
            Act::Say(key(PORT, &format!("{name}:p")), attribute, value, source, valid)
        }),
        1 => device().prop_map(|name| Act::Remove(key(DEVICE, name))),
        1 => (device(), source(), valid()).prop_map(|(name, source, valid)| {
            Act::Alias(key(DEVICE, name), AliasKind::Address, "10.0.0.2", source, valid)
        }),
        1 => (device(), device(), valid()).prop_map(|(one, other, valid)| Act::Same(key(DEVICE, one), other, valid)),
        1 => (device(), device()).prop_map(|(one, other)| Act::Apart(key(DEVICE, one), other)),
    ]
}

/// `observed` tells all facts apart, in an order that is not that of hearing.
fn change(act: &Act, heard: i64, observed: i64) -> Change {
    let heard_at = Timestamp(heard);
    match act.clone() {
        Act::Say(entity, attribute, value, source, valid) => {
            let (value, source) = (Some(value), source.into());
            let fact = Fact { value, source, observed_at: Timestamp(observed), heard_at, valid };
            Change::Assert { entity, attribute, fact }
        }
        Act::Remove(entity) => Change::Remove { entity },
        Act::Alias(entity, kind, text, source, valid) => {
            let (text, source) = (text.into(), source.into());
            Change::Alias { entity, alias: Alias { kind, text, source, heard_at, valid } }
        }
        Act::Same(entity, other, valid) => {
            let (other, source) = (other.into(), "sql:ann".into());
            let verdict = Verdict::Same(valid);
            Change::Rule { entity, ruling: Ruling { other, verdict, source, heard_at } }
        }
        Act::Apart(entity, other) => {
            let (other, source) = (other.into(), "sql:ann".into());
            let verdict = Verdict::Apart;
            Change::Rule { entity, ruling: Ruling { other, verdict, source, heard_at } }
        }
    }
}

/// All that was ever said and not taken back.
#[derive(Default)]
struct Naive {
    facts: BTreeMap<EntityRef, Vec<(AttributeIndex, Fact)>>,
    first_heard: BTreeMap<EntityRef, Timestamp>,
    aliases: Vec<(EntityRef, Alias)>,
    rulings: Vec<(EntityRef, Ruling)>,
}

/// That a key has a name at a moment, as one source says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Has {
    alias: AliasKind,
    text: String,
    source: String,
    is_meant: bool,
}

impl Naive {
    fn take(&mut self, change: &Change) {
        match change.clone() {
            Change::Assert { entity, attribute, fact } => {
                let first = self.first_heard.entry(entity.clone()).or_insert(fact.heard_at);
                *first = (*first).min(fact.heard_at);
                let facts = self.facts.entry(entity).or_default();
                let same = |(held_attribute, held): &(usize, Fact)| {
                    *held_attribute == attribute
                        && held.source == fact.source
                        && held.valid.from == fact.valid.from
                };
                match facts.iter().position(same) {
                    Some(place) if facts[place].1.observed_at > fact.observed_at => {}
                    Some(place) => facts[place] = (attribute, fact),
                    None => facts.push((attribute, fact)),
                }
            }
            Change::Remove { entity } => {
                self.facts.remove(&entity);
                self.first_heard.remove(&entity);
            }
            Change::Alias { entity, alias } => {
                self.aliases.retain(|(id, held)| {
                    (id, &held.text, &held.source, held.valid.from)
                        != (&entity, &alias.text, &alias.source, alias.valid.from)
                });
                self.aliases.push((entity, alias));
            }
            Change::Rule { entity, ruling } if *entity.key != *ruling.other => {
                self.rulings.retain(|(id, held)| {
                    let pair = [&*id.key, &*held.other];
                    pair != [&*entity.key, &*ruling.other] && pair != [&*ruling.other, &*entity.key]
                });
                self.rulings.push((entity, ruling));
            }
            _ => {}
        }
    }

    fn holds(&self, id: &EntityRef, at: Timestamp) -> Vec<(AttributeIndex, &Fact)> {
        let facts = self.facts.get(id).map_or(&[][..], Vec::as_slice);
        let holds = |(attribute, fact): &&(AttributeIndex, Fact)| {
            let gives_way = facts.iter().any(|(other, later)| {
                other == attribute
                    && later.source == fact.source
                    && fact.valid.from < later.valid.from
                    && later.valid.from <= at
                    && fact.observed_at <= later.observed_at
            });
            fact.valid.contains(at) && !(fact.valid.to == Timestamp::MAX && gives_way)
        };
        facts.iter().filter(holds).map(|(attribute, fact)| (*attribute, fact)).collect()
    }

    /// The names of a device at a moment; `None`: at any.
    fn names(&self, id: &EntityRef, at: Option<Timestamp>) -> BTreeSet<Has> {
        let aliases = [(1, AliasKind::Serial), (2, AliasKind::Mac), (3, AliasKind::Address)];
        let said: Vec<(AttributeIndex, &Fact)> = match at {
            Some(at) => self.holds(id, at),
            None => self.facts.get(id).into_iter().flatten().map(|(a, fact)| (*a, fact)).collect(),
        };
        let mut names = BTreeSet::new();
        let mut add = |alias: AliasKind, text: &str, source: &str, is_meant| {
            if let Some(text) = alias.normalize(text) {
                names.insert(Has { alias, text, source: source.into(), is_meant });
            }
        };
        for (attribute, fact) in said {
            if let Some((_, alias)) = aliases.iter().find(|(index, _)| *index == attribute) {
                let text = fact.value.as_ref().and_then(Value::as_text).unwrap();
                add(*alias, text, &fact.source, false);
            }
        }
        let all = self.facts.get(id).map_or(&[][..], Vec::as_slice);
        for (_, fact) in all {
            let of_source = || all.iter().filter(|(_, other)| other.source == fact.source);
            let from = of_source().map(|(_, fact)| fact.valid.from).min().unwrap();
            let to = of_source().map(|(_, fact)| fact.valid.to).max().unwrap();
            if at.is_none_or(|at| Interval { from, to }.contains(at)) {
                add(AliasKind::Address, &id.key, &fact.source, true);
            }
        }
        for (_, alias) in self.aliases.iter().filter(|(entity, _)| entity == id) {
            if at.is_none_or(|at| alias.valid.contains(at)) {
                add(alias.kind, &alias.text, &alias.source, true);
            }
        }
        names
    }

    fn devices(&self) -> Vec<EntityRef> {
        let said = self.facts.keys().filter(|id| id.kind == DEVICE).cloned();
        let named = self.aliases.iter().map(|(id, _)| id.clone());
        let ruled = self.rulings.iter().flat_map(|(id, r)| [id.clone(), key(DEVICE, &r.other)]);
        said.chain(named).chain(ruled).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn ruling(&self, a: &EntityRef, b: &EntityRef) -> Option<&(EntityRef, Ruling)> {
        self.rulings.iter().find(|(id, ruling)| {
            (*id == *a && *ruling.other == *b.key) || (*id == *b && *ruling.other == *a.key)
        })
    }

    /// Whether a source gives a name to two devices at once.
    fn means_nothing(&self, devices: &[EntityRef], alias: AliasKind, text: &str) -> bool {
        let gives = |id: &EntityRef, at: i64| -> BTreeSet<String> {
            let names = self.names(id, Some(Timestamp(at))).into_iter();
            names
                .filter(|has| has.alias == alias && has.text == text)
                .map(|has| has.source)
                .collect()
        };
        devices.iter().enumerate().any(|(place, a)| {
            devices[place + 1..].iter().any(|b| {
                let declared = self.ruling(a, b);
                let one = declared.is_some_and(|(_, r)| matches!(r.verdict, Verdict::Same(_)));
                !one && MOMENTS.iter().any(|at| !gives(a, *at).is_disjoint(&gives(b, *at)))
            })
        })
    }

    /// The key under which each device is found at a moment.
    fn canonical(&self, at: Timestamp) -> BTreeMap<EntityRef, EntityRef> {
        let devices = self.devices();
        let mut edges: Vec<(u8, usize, usize)> = Vec::new();
        for (a, one) in devices.iter().enumerate() {
            for (b, other) in devices.iter().enumerate().skip(a + 1) {
                if let Some((_, ruling)) = self.ruling(one, other)
                    && let Verdict::Same(valid) = ruling.verdict
                    && valid.contains(at)
                {
                    edges.push((0, a, b));
                }
                for alias in AliasKind::ALL {
                    let when = (!alias.is_lasting()).then_some(at);
                    for has in self.names(one, when).iter().filter(|has| has.alias == alias) {
                        let shared = self.names(other, when).iter().any(|also| {
                            also.alias == alias
                                && also.text == has.text
                                && (alias != AliasKind::Address || has.is_meant || also.is_meant)
                        });
                        if shared && !self.means_nothing(&devices, alias, &has.text) {
                            edges.push((1 + alias as u8, a, b));
                        }
                    }
                }
            }
        }
        edges.sort_unstable();
        let mut groups: Vec<usize> = (0..devices.len()).collect();
        for (_, a, b) in edges {
            let (one, other) = (groups[a], groups[b]);
            let apart = (0..devices.len()).any(|x| {
                (0..devices.len()).any(|y| {
                    groups[x] == one
                        && groups[y] == other
                        && self
                            .ruling(&devices[x], &devices[y])
                            .is_some_and(|(_, ruling)| ruling.verdict == Verdict::Apart)
                })
            });
            if !apart {
                groups.iter_mut().filter(|group| **group == other).for_each(|group| *group = one);
            }
        }
        let preference = |id: &EntityRef| {
            let chosen = self.rulings.iter().any(|(_, ruling)| {
                *ruling.other == *id.key && matches!(ruling.verdict, Verdict::Same(_))
            });
            let facts = self.facts.get(id).into_iter().flatten();
            let ranks =
                facts.map(|(_, fact)| schema().trust().rank(&fact.source, "physical.device", ""));
            let first = self.first_heard.get(id).copied().unwrap_or(Timestamp::MAX);
            let is_address = id.key.starts_with("10.");
            (!chosen, is_address, ranks.min().unwrap_or(u32::MAX), first, id.clone())
        };
        (devices.iter().enumerate())
            .map(|(place, id)| {
                let group =
                    devices.iter().enumerate().filter(|(other, _)| groups[*other] == groups[place]);
                let best = group.map(|(_, id)| preference(id)).min().unwrap().4;
                (id.clone(), best)
            })
            .collect()
    }

    /// What is believed at a moment: of each entity and attribute, when it was observed and the value.
    fn believed(&self, at: Timestamp) -> BTreeMap<(EntityRef, AttributeIndex), (i64, String)> {
        let devices = self.canonical(at);
        let lead = |id: &EntityRef| devices.get(id).unwrap_or(id).clone();
        let home = |id: &EntityRef| {
            if id.kind == DEVICE {
                return lead(id);
            }
            let (device, port) = id.key.rsplit_once(':').unwrap();
            let device = key(DEVICE, device);
            let says =
                |(_, fact): &(usize, Fact)| fact.value == Some(Value::Reference(device.clone()));
            match self.facts[id].iter().any(says) {
                true => key(PORT, &format!("{}:{port}", lead(&device).key)),
                false => id.clone(),
            }
        };
        let trust = schema().trust().clone();
        let mut best: BTreeMap<(EntityRef, AttributeIndex), (_, String)> = BTreeMap::new();
        for id in self.facts.keys() {
            for (attribute, fact) in self.holds(id, at) {
                let kind = schema().kind(id.kind).clone();
                let name = kind.attributes[attribute].name.to_string();
                let order = (
                    trust.says(&fact.source) == Says::Observed,
                    Reverse(trust.rank(&fact.source, &kind.name, &name)),
                    fact.observed_at.0,
                );
                let value = match &fact.value {
                    Some(Value::Reference(target)) => format!("{:?}", lead(target)),
                    value => format!("{:?}", value.as_ref().unwrap()),
                };
                let place = best.entry((home(id), attribute)).or_insert((order, value.clone()));
                if place.0 < order {
                    *place = (order, value);
                }
            }
        }
        best.into_iter().map(|(place, (order, value))| (place, (order.2, value))).collect()
    }
}

fn believed(
    snapshot: &Snapshot,
    at: Timestamp,
) -> BTreeMap<(EntityRef, AttributeIndex), (i64, String)> {
    let mut found = BTreeMap::new();
    for entity in snapshot.all_entities() {
        for attribute in 0..schema().kind(entity.id().kind).attributes.len() {
            let Some(fact) = entity.fact_at(attribute, at) else { continue };
            let value = match fact.value.as_ref().unwrap() {
                Value::Reference(target) => format!("{target:?}"),
                value => format!("{value:?}"),
            };
            found.insert((entity.id().clone(), attribute), (fact.observed_at.0, value));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_is_what_follows_from_all_that_was_said(
        acts in vec((act(), any::<u16>(), 1..4_usize), 1..24),
    ) {
        let mut naive = Naive::default();
        let mut snapshot = Snapshot::empty(schema());
        let mut all = Vec::new();
        let mut batch = Vec::new();
        for (place, (act, observed, until_commit)) in acts.iter().enumerate() {
            let change = change(act, HEARD + place as i64, i64::from(*observed) * 32 + place as i64);
            naive.take(&change);
            all.push(change.clone());
            batch.push(change);
            if batch.len() < *until_commit && place + 1 < acts.len() {
                continue;
            }
            snapshot = snapshot.apply(&batch, Version(place as u64 + 1));
            batch.clear();
            for at in MOMENTS.map(Timestamp) {
                let wanted = naive.believed(at);
                prop_assert_eq!(believed(&snapshot, at), wanted.clone(), "at {} after {:?}", at.0, all);
                // Whoever looks at that time needs no time, and goes on from there.
                let looking = snapshot.as_of(at);
                prop_assert_eq!(believed(&looking, Timestamp::MAX), wanted, "as of {} after {:?}", at.0, all);
                for (id, meant) in naive.canonical(at) {
                    prop_assert_eq!(looking.canonical(&id, Timestamp::MAX), meant);
                }
            }
        }
        let half = all.len() / 2;
        for at in MOMENTS.map(Timestamp) {
            let looking = Snapshot::empty(schema()).apply(&all[..half], Version(1)).as_of(at);
            let later = looking.apply(&all[half..], Version(2)).as_of(at);
            prop_assert_eq!(believed(&later, Timestamp::MAX), naive.believed(at), "{:?}", all);
        }
        let at_once = Snapshot::empty(schema()).apply(&all, Version(1));
        for at in MOMENTS.map(Timestamp) {
            prop_assert_eq!(believed(&snapshot, at), believed(&at_once, at));
        }
        let merged = |snapshot: &Snapshot| -> Vec<_> {
            snapshot.merged().map(|(id, merged)| (id.clone(), merged.clone())).collect()
        };
        prop_assert_eq!(merged(&snapshot), merged(&at_once));
    }
}

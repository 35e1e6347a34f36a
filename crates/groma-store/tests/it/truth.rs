//! A made world whose truth is known: two sources that disagree on one fact in a hundred, one of which
//! stops, and addresses that go from machine to machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groma_model::{Observation, Schema, Timestamp};
use groma_store::{
    Commit, Freshness, LIVE, MemoryJournal, Poll, PollOutcome, Reason, World, Writer as _, check,
    identify,
};

const HOUR: i64 = 3_600_000_000_000;
const DEVICES: u64 = 2_000;
const ATTRIBUTES: [&str; 5] = ["vendor", "model", "os", "fabric", "asset_tag"];

const SITE: &str = r#"
[[kind]]
name = "physical.device"
doc = "d"
key = "k"
attributes = [
  { name = "serial", type = "text", identifies = "serial", doc = "d" },
  { name = "vendor", type = "text", doc = "d" },
  { name = "model", type = "text", doc = "d" },
  { name = "os", type = "text", doc = "d" },
  { name = "fabric", type = "text", doc = "d" },
  { name = "asset_tag", type = "text", doc = "d" },
]
[[source]]
name = "cmdb"
rank = 1
fresh_for = "2h"
[[source]]
name = "poller"
rank = 2
ranks = { "physical.device.os" = 0 }
fresh_for = "2h"
"#;

/// A number that looks drawn, the same for the same place.
fn drawn(place: u64) -> u64 {
    let mut x = place.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// What the poller says of an attribute; the other one says it without the mark. One in a hundred
/// differs.
fn disagrees(device: u64, attribute: usize) -> bool {
    drawn(device * 8 + attribute as u64).is_multiple_of(100)
}

/// What a source says of all devices: they know them by names of their own and the same serial number.
fn listing(source: &str, at: Timestamp) -> Vec<Observation> {
    let observation = |device: u64| {
        let key = format!("{source}-{device}");
        let mut observation =
            Observation::new("physical.device", key, at).with("serial", format!("SN{device:06}"));
        for (place, attribute) in ATTRIBUTES.iter().enumerate() {
            let mark = if source == "poller" && disagrees(device, place) { "!" } else { "" };
            observation = observation.with(*attribute, format!("{attribute}{device}{mark}"));
        }
        observation
    };
    (0..DEVICES).map(observation).collect()
}

fn poll(world: &mut World, source: &str, hour: i64) {
    let at = Timestamp(hour * HOUR);
    let (changes, problems) = identify(world.schema(), &source.into(), &listing(source, at), at);
    assert_eq!(problems, []);
    let poll = Some(Poll { at, outcome: PollOutcome::Complete { since: at } });
    world.commit(LIVE, Commit { poll, ..Commit::new(source.into(), at, changes) }).unwrap();
}

/// What the tables show of contradictions: device, attribute, who is believed and why.
fn conflicts(world: &World) -> BTreeSet<(String, String, String, Reason, String)> {
    let snapshot = world.snapshot(LIVE).unwrap();
    let found = snapshot.conflicts().map(|conflict| {
        let kind = snapshot.schema().kind(conflict.entity.id().kind);
        let [(other, reason)] = conflict.contradiction.others[..] else {
            panic!("two sources, one contradiction")
        };
        (
            conflict.entity.key().to_owned(),
            kind.attributes[conflict.attribute].name.to_string(),
            conflict.contradiction.chosen.source.to_string(),
            reason,
            other.source.to_string(),
        )
    });
    found.collect()
}

/// What the truth says they are: `chosen` is who is believed of an attribute, and why.
fn truth(
    chosen: impl Fn(&str) -> (&'static str, Reason),
) -> BTreeSet<(String, String, String, Reason, String)> {
    let places = (0..DEVICES).flat_map(|device| (0..ATTRIBUTES.len()).map(move |a| (device, a)));
    let row = |(device, place): (u64, usize)| {
        let attribute = ATTRIBUTES[place].to_owned();
        let (source, reason) = chosen(&attribute);
        let other = if source == "cmdb" { "poller" } else { "cmdb" };
        (format!("cmdb-{device}"), attribute, source.into(), reason, other.into())
    };
    places.filter(|(device, place)| disagrees(*device, *place)).map(row).collect()
}

#[test]
fn sources_that_disagree_and_one_that_stops_are_as_the_truth_says() {
    let schema = Arc::new(Schema::parse(&[("site.toml", SITE)]).unwrap());
    let mut world = World::open(Arc::clone(&schema), Box::new(MemoryJournal::default())).unwrap();
    poll(&mut world, "cmdb", 1);
    poll(&mut world, "poller", 1);
    let snapshot = world.snapshot(LIVE).unwrap();
    assert_eq!(snapshot.count(schema.id("physical.device")) as u64, DEVICES, "pairs are one");
    assert!(snapshot.ambiguous_names().is_empty());
    let ranked = |attribute: &str| match attribute {
        "os" => ("poller", Reason::Rank),
        _ => ("cmdb", Reason::Rank),
    };
    let expected = truth(ranked);
    let share = expected.len() as f64 / (DEVICES as f64 * ATTRIBUTES.len() as f64);
    assert!((0.007..0.013).contains(&share), "{share}");
    assert_eq!(conflicts(&world), expected);

    // The CMDB stops; two hours later it is stale, and nothing of it is gone.
    poll(&mut world, "poller", 2);
    poll(&mut world, "poller", 3);
    assert_eq!(conflicts(&world), expected, "still fresh, to the second");
    poll(&mut world, "poller", 4);
    let stale = |_: &str| ("poller", Reason::Fresher);
    assert_eq!(conflicts(&world), truth(stale));
    let now = Timestamp(4 * HOUR);
    let states = |world: &World, now| -> BTreeMap<String, (Freshness, i64, i64, i64)> {
        let rows = world.sources(LIVE).unwrap().into_iter();
        let hour = |at: Option<Timestamp>| at.unwrap().0 / HOUR;
        rows.map(|row| {
            let clocks = (hour(row.heard_at), hour(row.content_at), hour(row.observed_at));
            (row.source.to_string(), (row.freshness(now), clocks.0, clocks.1, clocks.2))
        })
        .collect()
    };
    let of = |source: &str, state| (source.to_owned(), state);
    assert_eq!(
        states(&world, now),
        BTreeMap::from([
            of("cmdb", (Freshness::Stale, 1, 1, 1)),
            of("poller", (Freshness::Fresh, 4, 1, 4)),
        ]),
        "three clocks: what the poller says has not changed since the first hour"
    );
    assert_eq!(states(&world, Timestamp(9 * HOUR))["poller"].0, Freshness::Stale);

    // It fails, then it is back.
    let (at, outcome) = (now, PollOutcome::Failed { reason: "refused".into() });
    let failed =
        Commit { poll: Some(Poll { at, outcome }), ..Commit::new("cmdb".into(), at, vec![]) };
    world.commit(LIVE, failed).unwrap();
    assert_eq!(states(&world, now)["cmdb"].0, Freshness::Failing);
    assert_eq!(conflicts(&world), truth(stale));
    poll(&mut world, "cmdb", 5);
    assert_eq!(conflicts(&world), expected);
}

/// A message to an address belongs to whoever had the address when it was sent.
#[test]
fn addresses_that_others_take_over_mean_who_had_them_then() {
    const MACHINES: u64 = 200;
    const ADDRESSES: u64 = 100;
    const STAYS: u64 = 20;
    const MESSAGES: u64 = 100_000;
    let schema = Schema::builtin();
    let mut world = World::open(Arc::clone(&schema), Box::new(MemoryJournal::default())).unwrap();
    // Each address stays with a machine for a hundred seconds, then another machine has it.
    let owner = |address: u64, stay: u64| drawn(address * 1_000 + stay) % (MACHINES / ADDRESSES);
    let machine = |address: u64, stay: u64| {
        let chosen = owner(address, stay);
        // Never the same one twice in a row, so that every border is a change of hands.
        let turned =
            if stay.is_multiple_of(2) { chosen } else { (owner(address, stay - 1) + 1) % 2 };
        format!("m{}", address * 2 + turned)
    };
    let (mut said, mut seen_by_address) = (Vec::new(), Vec::new());
    for address in 0..ADDRESSES {
        let ip = format!("10.0.{}.{}", address / 200, address % 200 + 1);
        let heard = Observation::new("compute.host", ip.as_str(), Timestamp(1)).with("cpus", 4);
        seen_by_address.push(heard);
        for stay in 0..STAYS {
            let mut seen = Observation::new("compute.host", machine(address, stay), Timestamp(1))
                .with("address", ip.as_str());
            seen.valid.from = Timestamp((stay * 100) as i64);
            seen.valid.to = Timestamp(((stay + 1) * 100) as i64);
            said.push(seen);
        }
    }
    for (source, said) in [("dhcp", said), ("packets", seen_by_address)] {
        let (changes, problems) = identify(&schema, &source.into(), &said, Timestamp(1));
        assert_eq!(problems, []);
        world.commit(LIVE, Commit::new(source.into(), Timestamp(1), changes)).unwrap();
    }
    let snapshot = world.snapshot(LIVE).unwrap();
    assert_eq!(snapshot.ambiguous_names(), []);
    let kind = schema.id("compute.host");
    let mut wrong = 0;
    for message in 0..MESSAGES {
        let (address, at) = (drawn(message) % ADDRESSES, drawn(message + MESSAGES) % (STAYS * 100));
        let ip = format!("10.0.{}.{}", address / 200, address % 200 + 1);
        let key = groma_model::EntityRef { kind, key: ip.as_str().into() };
        let meant = snapshot.canonical(&key, Timestamp(at as i64));
        wrong += u64::from(*meant.key != *machine(address, at / 100));
    }
    assert_eq!(wrong, 0, "of {MESSAGES}");
}

/// Each source calls a machine by its short name: nothing but the full names tells that they are two.
#[test]
fn two_machines_under_one_short_name_are_told() {
    let schema = Schema::builtin();
    let mut world = World::open(Arc::clone(&schema), Box::new(MemoryJournal::default())).unwrap();
    let mut say = |source: &str, name: &str, address: &str| {
        let seen = Observation::new("compute.host", "web", Timestamp(1));
        let seen = [seen.with("fqdn", name).with("address", address)];
        let (changes, problems) = identify(&schema, &source.into(), &seen, Timestamp(1));
        assert_eq!(problems, []);
        world.commit(LIVE, Commit::new(source.into(), Timestamp(1), changes)).unwrap();
        let snapshot = world.snapshot(LIVE).unwrap();
        let shown = check(&snapshot)
            .into_iter()
            .map(|problem| format!("{} [{}]", problem.place, problem.text));
        shown.collect::<Vec<String>>()
    };
    assert_eq!(say("dns", "web.a.example", "10.0.0.1"), [""; 0]);
    let same_machine = say("oob", "web.oob.example", "10.0.0.1");
    assert_eq!(same_machine, [""; 0], "an address that both know makes it one");
    assert_eq!(
        say("hosts", "web.b.example", "10.0.0.2"),
        ["host/web [web.oob.example (oob) and web.b.example (hosts)]"]
    );
}

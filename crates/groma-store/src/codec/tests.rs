use groma_model::{AliasKind, EntityRef, Fact, Interval, Problem, Schema, Timestamp, Value};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::set_aside::Aside;
use crate::{
    Alias, Change, ForkMode, LeftOut, MergedFrom, Poll, PollOutcome, Ruling, Segment, Verdict,
};

/// Every attribute of every sort that a value can be.
fn schema() -> Arc<Schema> {
    let attribute =
        |name: &str, of: &str| format!(r#"{{ name = "{name}", type = {of}, doc = "d" }}"#);
    let attributes = [
        attribute("text", r#""text""#),
        attribute("integer", r#""integer""#),
        attribute("float", r#""float""#),
        attribute("boolean", r#""boolean""#),
        attribute("timestamp", r#""timestamp""#),
        attribute("texts", r#""texts""#),
        attribute("integers", r#""integers""#),
        attribute("reference", r#""reference", to = ["a.thing"]"#),
        attribute("references", r#""references", to = ["a.thing"]"#),
        attribute("word", r#""enum", values = ["one", "two"]"#),
    ];
    parse("a.thing", &attributes)
}

fn parse(kind: &str, attributes: &[String]) -> Arc<Schema> {
    let text = format!(
        "[[kind]]\nname = \"{kind}\"\ndoc = \"d\"\nkey = \"k\"\nattributes = [{}]",
        attributes.join(", ")
    );
    Arc::new(Schema::parse(&[("test.toml", &text)]).unwrap())
}

fn text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof!["[a-c]{0,3}", "\\PC{0,12}"].prop_map(Arc::from)
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), any::<i64>()].prop_map(Timestamp)
}

fn entity() -> impl Strategy<Value = EntityRef> {
    text().prop_map(|key| EntityRef { kind: groma_model::KindId(0), key })
}

fn value() -> impl Strategy<Value = (usize, Value)> {
    prop_oneof![
        text().prop_map(|text| (0, Value::Text(text))),
        any::<i64>().prop_map(|number| (1, Value::Integer(number))),
        any::<f64>().prop_map(|number| (2, Value::Float(number))),
        any::<bool>().prop_map(|truth| (3, Value::Boolean(truth))),
        time().prop_map(|time| (4, Value::Timestamp(time))),
        vec(text(), 0..4).prop_map(|texts| (5, Value::Texts(texts.into()))),
        vec(any::<i64>(), 0..4).prop_map(|numbers| (6, Value::Integers(numbers.into()))),
        entity().prop_map(|target| (7, Value::Reference(target))),
        vec(entity(), 0..4).prop_map(|targets| (8, Value::References(targets.into()))),
        Just((9, Value::Text("two".into()))),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let fact = (entity(), value(), any::<bool>(), text(), time(), time(), time(), time());
    prop_oneof![
        1 => entity().prop_map(|entity| Change::Exists { entity }),
        1 => entity().prop_map(|entity| Change::Remove { entity }),
        1 => (entity(), 0..10_usize, text(), time()).prop_map(
            |(entity, attribute, source, valid_from)| Change::Retract {
                entity, attribute, source, valid_from,
            },
        ),
        4 => fact.prop_map(|(entity, (attribute, value), known, source, seen, heard, from, to)| {
            let fact = Fact {
                value: Some(value).filter(|_| known),
                source,
                observed_at: seen,
                heard_at: heard,
                valid: Interval { from, to },
            };
            Change::Assert { entity, attribute, fact }
        }),
        1 => (entity(), text(), text(), time(), time(), time()).prop_map(
            |(entity, text, source, heard_at, from, to)| {
                let (kind, valid) = (AliasKind::Fqdn, Interval { from, to });
                Change::Alias { entity, alias: Alias { kind, text, source, heard_at, valid } }
            },
        ),
        1 => (entity(), text(), text(), time(), time(), any::<bool>()).prop_map(
            |(entity, other, source, heard_at, to, apart)| {
                let valid = Interval { from: Timestamp(3), to };
                let verdict = if apart { Verdict::Apart } else { Verdict::Same(valid) };
                Change::Rule { entity, ruling: Ruling { other, verdict, source, heard_at } }
            },
        ),
    ]
}

fn poll() -> impl Strategy<Value = Option<Poll>> {
    prop_oneof![
        Just(None),
        (time(), time()).prop_map(|(at, since)| {
            Some(Poll { at, outcome: PollOutcome::Complete { since } })
        }),
        time().prop_map(|at| Some(Poll { at, outcome: PollOutcome::Partial })),
        (time(), "[a-z]{0,5}").prop_map(|(at, reason)| {
            Some(Poll { at, outcome: PollOutcome::Failed { reason } })
        }),
    ]
}

fn segment() -> impl Strategy<Value = Segment> {
    (text(), text(), any::<u64>(), time(), time(), any::<u64>()).prop_map(
        |(file, source, records, from, to, bytes)| Segment {
            file,
            source,
            records,
            from,
            to,
            bytes,
        },
    )
}

fn problem() -> impl Strategy<Value = Problem> {
    (text(), text(), text())
        .prop_map(|(place, text, reason)| Problem::new(&*place, &text, &*reason))
}

fn entry() -> impl Strategy<Value = Entry> {
    let commit = (
        (text(), any::<u64>(), any::<u64>(), text(), time()),
        (
            option::of((text(), any::<u64>())),
            any::<u64>(),
            vec((text(), time()), 0..2),
            option::of(proptest::collection::btree_set(text(), 0..3)),
        ),
        (vec(change(), 0..12), vec(problem(), 0..3), vec(segment(), 0..3), poll()),
    );
    prop_oneof![
        6 => commit.prop_map(|(head, (merged, left_out, observed, news), rest)| {
            let (changes, problems, segments, poll) = rest;
            let left_out = LeftOut { changes: left_out, observed, news };
            let merged_from =
                merged.map(|(name, version)| MergedFrom { name, version: Version(version) });
            let (database, version, problems_not_kept, source, heard_at) = head;
            let commit =
                Commit { source, heard_at, changes, problems, segments, poll, merged_from, left_out };
            Entry::Commit { database, version: Version(version), commit, problems_not_kept }
        }),
        1 => (any::<u64>(), time(), time()).prop_map(|(oldest, heard_at, began_at)| {
            Entry::Compacted { oldest: Version(oldest), heard_at, began_at }
        }),
        1 => ((text(), text(), time(), text()), any::<bool>(), option::of(0..u64::MAX), vec(change(), 0..4)).prop_map(
            |((name, template, created_at, created_by), tracking, at, back)| {
                let mode = if tracking { ForkMode::Tracking } else { ForkMode::Frozen };
                let at = at.map(Version);
                let fork = Fork { name, template, created_at, created_by, mode, at };
                Entry::Fork { fork, back }
            },
        ),
        1 => text().prop_map(|name| Entry::Drop { name }),
    ]
}

/// As if the bytes had been written so: the checksum fits.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = super::bytes::checksum(&bytes);
    super::bytes::put_fixed(&mut bytes, sum);
    bytes
}

fn unseal(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() - 8].to_vec()
}

proptest! {
    #[test]
    fn what_is_written_is_read(entry in entry()) {
        let schema = schema();
        let bytes = encode(&entry, &schema).unwrap();
        prop_assert_eq!(decode(&bytes, &schema, &[]).unwrap(), (entry, Aside::default()));
    }

    #[test]
    fn a_changed_byte_or_a_missing_end_is_noticed(
        entry in entry(), place in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let schema = schema();
        let bytes = encode(&entry, &schema).unwrap();
        let mut changed = bytes.clone();
        changed[place.index(bytes.len())] ^= flip;
        prop_assert!(decode(&changed, &schema, &[]).is_err());
        prop_assert!(decode(&bytes[..place.index(bytes.len())], &schema, &[]).is_err());
    }

    /// The checksum is no defence against a bug in a writer: a reader must bear anything.
    #[test]
    fn sealed_nonsense_never_panics(
        entry in entry(),
        spots in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        noise in vec(any::<u8>(), 0..200),
    ) {
        let schema = schema();
        let mut bytes = unseal(&encode(&entry, &schema).unwrap());
        let _ = decode(&seal(bytes[..cut.index(bytes.len())].to_vec()), &schema, &[]);
        for (spot, byte) in &spots {
            let place = spot.index(bytes.len());
            bytes[place] = *byte;
        }
        let _ = decode(&seal(bytes), &schema, &[]);
        let _ = decode(&noise, &schema, &[]);
        let noise = seal([&[FORMAT], noise.as_slice()].concat());
        let _ = decode(&noise, &schema, &[]);
    }
}

#[test]
fn a_large_count_asks_for_no_memory() {
    let huge = [0xff; 9].into_iter().chain([1]);
    for before in 0..3 {
        let bytes: Vec<u8> = [FORMAT]
            .into_iter()
            .chain([0; 3].into_iter().take(before))
            .chain(huge.clone())
            .collect();
        let error = decode(&seal(bytes), &schema(), &[]).unwrap_err();
        assert_eq!(error.to_string(), "a count is larger than what follows");
    }
}

#[test]
fn facts_are_compact() {
    let entity = |number: usize| EntityRef {
        kind: groma_model::KindId(0),
        key: format!("entity-{number:06}").into(),
    };
    let fact = |value| Fact {
        value: Some(value),
        source: "importer".into(),
        observed_at: Timestamp(1),
        heard_at: Timestamp(2),
        valid: Interval::ALWAYS,
    };
    let changes = (0..10_000)
        .map(|number| Change::Assert {
            entity: entity(number / 10),
            attribute: 7,
            fact: fact(Value::Reference(entity(number / 7))),
        })
        .collect();
    let commit = Commit::new("importer".into(), Timestamp(2), changes);
    let entry = Entry::Commit {
        database: "live".into(),
        version: Version(1),
        commit,
        problems_not_kept: 0,
    };
    let bytes = encode(&entry, &schema()).unwrap().len();
    assert!(bytes < 10_000 * 10, "{bytes} bytes");
}

#[test]
fn a_schema_may_change_its_order_and_what_it_lost_is_set_aside() {
    let entity = EntityRef { kind: groma_model::KindId(0), key: "k".into() };
    let change = |attribute, value| {
        let fact = Fact {
            value: Some(value),
            source: "s".into(),
            observed_at: Timestamp(1),
            heard_at: Timestamp(1),
            valid: Interval::ALWAYS,
        };
        Change::Assert { entity: entity.clone(), attribute, fact }
    };
    let changes = vec![
        change(0, Value::Text("kept".into())),
        change(1, Value::Integer(1)),
        change(9, Value::Text("two".into())),
        change(9, Value::Text("one".into())),
    ];
    let commit = Commit::new("s".into(), Timestamp(1), changes);
    let entry = Entry::Commit {
        database: "live".into(),
        version: Version(1),
        commit,
        problems_not_kept: 0,
    };
    let bytes = encode(&entry, &schema()).unwrap();

    let later = [
        r#"{ name = "new", type = "text", doc = "d" }"#.to_owned(),
        r#"{ name = "word", type = "enum", values = ["one"], doc = "d" }"#.to_owned(),
        r#"{ name = "text", type = "text", doc = "d" }"#.to_owned(),
    ];
    let (read, aside) = decode(&bytes, &parse("a.thing", &later), &[]).unwrap();
    let Entry::Commit { commit, .. } = read else { panic!("it is a commit") };
    assert_eq!(
        commit.changes,
        [change(2, Value::Text("kept".into())), change(1, Value::Text("one".into()))]
    );
    assert_eq!(Vec::from_iter(aside.gone), [("a.thing.integer".to_owned(), 1)]);
    let [(_, unfit)] = aside.unfit.as_slice() else { panic!("one value does not fit") };
    assert_eq!(unfit.reason, "word: \"two\" is not one of one");

    let (_, aside) = decode(&bytes, &parse("b.thing", &later), &[]).unwrap();
    assert_eq!(Vec::from_iter(aside.gone), [("a.thing".to_owned(), 4)]);
}

#[test]
fn a_schema_is_known_by_its_first_byte() {
    let files = vec![groma_model::SchemaText::new("power.toml", "# nothing")];
    let row = SchemaRow { version: Version(7), heard_at: Timestamp(1), source: "s".into(), files };
    let entry = Entry::Schema(row);
    let bytes = encode(&entry, &schema()).unwrap();
    assert!(is_schema(&bytes));
    assert_eq!(decode(&bytes, &schema(), &[]).unwrap(), (entry, Aside::default()));
    let entry = Entry::Drop { name: "x".into() };
    assert!(!is_schema(&encode(&entry, &schema()).unwrap()));
}

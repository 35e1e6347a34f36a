//! A site's schema: applied, changed with data in place, taken back, found again after a restart.

use std::sync::{Arc, Mutex};

use groma_model::{Observation, Schema, SchemaText, Timestamp, Version, split_texts};
use groma_store::{
    Commit, Journal, JournalError, JournalReader, LIVE, MemoryJournal, StoreError, World,
    Writer as _, check, identify,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::made::{schema, shown_database};

/// A journal that outlives its world.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<MemoryJournal>>);

impl Journal for Shared {
    fn reader(&self) -> Result<Box<dyn JournalReader>, JournalError> {
        self.0.lock().unwrap().reader()
    }

    fn append(&self, entry: &[u8]) -> Result<u64, JournalError> {
        self.0.lock().unwrap().append(entry)
    }

    fn rewrite(&mut self, entries: &[(u64, Vec<u8>)]) -> Result<(), JournalError> {
        self.0.lock().unwrap().rewrite(entries)
    }
}

struct Site {
    journal: Shared,
    world: World,
}

impl Site {
    fn new() -> Site {
        let journal = Shared::default();
        let world = World::open(schema(), Box::new(journal.clone())).unwrap();
        Site { journal, world }
    }

    fn apply(&mut self, text: &str) -> Result<Version, StoreError> {
        self.world.apply_schema(split_texts(text), "ann".into(), Timestamp(9))
    }

    fn say(&mut self, kind: &str, key: &str, attributes: &[(&str, &str)]) {
        let observation = attributes.iter().fold(
            Observation::new(kind.to_owned(), key, Timestamp(1)),
            |observation, (name, value)| observation.with((*name).to_owned(), *value),
        );
        let schema = Arc::clone(self.world.schema());
        let (changes, problems) = identify(&schema, &"s".into(), &[observation], Timestamp(1));
        assert_eq!(problems, []);
        let commit = Commit::new("s".into(), Timestamp(1), changes);
        self.world.commit_under(&schema, LIVE, commit).unwrap();
    }

    /// Everything, with values as people see them.
    fn shown(&self) -> String {
        let mut shown = String::new();
        for database in self.world.databases() {
            let snapshot = database.snapshot();
            assert!(Arc::ptr_eq(snapshot.schema(), self.world.schema()));
            for entity in snapshot.all_entities() {
                let kind = snapshot.schema().kind(entity.id().kind);
                shown += &format!("{kind}/{}", entity.key());
                for (index, attribute) in kind.attributes.iter().enumerate() {
                    if let Some(value) = entity.value(index) {
                        let value = value.print(&attribute.of, snapshot.schema());
                        shown += &format!(" {}={value}", attribute.name);
                    }
                }
                shown += "\n";
            }
            for row in database.problems() {
                shown += &format!(
                    "! {} {} {}\n",
                    row.problem.place, row.problem.text, row.problem.reason
                );
            }
        }
        shown
    }

    fn reopened(&self) -> Site {
        let world = World::open(schema(), Box::new(self.journal.clone())).unwrap();
        Site { journal: self.journal.clone(), world }
    }
}

fn feed(name: &str, attributes: &str) -> String {
    format!("[[kind]]\nname = {name}\ndoc = \"d\"\nkey = \"k\"\nattributes = [{attributes}]\n")
}

const VOLTS: &str = r#"{ name = "volts", type = "text", doc = "d" }"#;

#[test]
fn what_is_added_holds_facts_at_once_and_after_a_restart() {
    let mut site = Site::new();
    site.say("facility.rack", "r1", &[]);
    let kind = feed("\"power.feed\"", VOLTS);
    assert_eq!(site.apply(&kind).unwrap(), Version(2));
    assert_eq!(site.apply(&kind).unwrap(), Version(2), "the same again is nothing");
    site.say("power.feed", "f1", &[("volts", "230")]);
    let rack = "[[extend]]\nkind = \"facility.rack\"\nattributes = [{ name = \"feeds\", type = \"references\", to = [\"power.feed\"], doc = \"d\" }]";
    site.apply(&format!("{kind}{rack}")).unwrap();
    site.say("facility.rack", "r1", &[("feeds", "f1")]);
    assert_eq!(site.shown(), "facility.rack/r1 feeds=f1\npower.feed/f1 volts=230\n");
    assert_eq!(site.reopened().shown(), site.shown());
    assert_eq!(site.reopened().world.version(), site.world.version());
}

#[test]
fn a_wrong_schema_changes_nothing() {
    let mut site = Site::new();
    let error = site.apply(&feed("\"power.feed\"", &VOLTS.replace("text", "txt"))).unwrap_err();
    assert_eq!(error.to_string(), "site.toml:5, power.feed, volts: there is no type \"txt\"");
    assert_eq!(error.hint().as_deref(), Some("Did you mean text?"));
    assert_eq!(site.world.version(), Version(0));
    assert!(site.world.schemas().is_empty());
}

#[test]
fn what_is_taken_away_is_set_aside_and_comes_back() {
    let mut site = Site::new();
    site.say("facility.rack", "r1", &[("height_units", "42")]);
    let before = site.shown();
    let kind = feed("\"power.feed\"", VOLTS);
    site.apply(&kind).unwrap();
    site.say("power.feed", "f1", &[("volts", "230")]);
    site.world.fork("what_if", LIVE, Timestamp(3)).unwrap();
    let with = site.shown();
    site.apply("").unwrap();
    let aside = "! power.feed  2 changes are set aside: the schema no longer has this\n";
    assert_eq!(site.shown(), format!("{before}{aside}{before}{aside}"));
    assert_eq!(site.world.database(LIVE).unwrap().set_aside("power.feed"), 2);
    assert_eq!(site.reopened().shown(), site.shown());
    site.apply(&kind).unwrap();
    assert_eq!(site.shown(), with);
    assert_eq!(site.world.schemas().len(), 3);
}

#[test]
fn values_of_another_type_are_read_again_and_what_does_not_fit_is_a_problem() {
    let mut site = Site::new();
    let text = feed("\"power.feed\"", VOLTS);
    let number = text.replace("\"text\"", "\"integer\"");
    site.apply(&text).unwrap();
    site.say("power.feed", "f1", &[("volts", "230")]);
    site.say("power.feed", "f2", &[("volts", "many")]);
    let before = site.shown();
    site.apply(&number).unwrap();
    let misfit =
        "! feed/f2 \"many\" volts: \"many\" is not a whole number; the value is set aside\n";
    assert_eq!(site.shown(), format!("power.feed/f1 volts=230\npower.feed/f2\n{misfit}"));
    assert_eq!(site.reopened().shown(), site.shown());
    site.apply(&text).unwrap();
    assert_eq!(site.shown(), before);
    // A source that has mended its value is no problem any more.
    site.apply(&number).unwrap();
    site.say("power.feed", "f2", &[("volts", "400")]);
    assert_eq!(site.shown(), "power.feed/f1 volts=230\npower.feed/f2 volts=400\n");
}

#[test]
fn a_rename_keeps_the_facts_and_frees_the_name() {
    let mut site = Site::new();
    site.apply(&feed("\"power.feed\"", VOLTS)).unwrap();
    site.say("power.feed", "f1", &[("volts", "230")]);
    let voltage = r#"{ name = "voltage", type = "text", doc = "d", renamed_from = "volts" }"#;
    let supply = feed("\"power.supply\"\nrenamed_from = \"power.feed\"", voltage);
    site.apply(&supply).unwrap();
    assert_eq!(site.shown(), "power.supply/f1 voltage=230\n");
    // Later the old name means something else.
    let other = feed("\"power.feed\"", VOLTS);
    let both = format!("{}{other}", supply.replace("\nrenamed_from = \"power.feed\"", ""));
    site.apply(&both).unwrap();
    site.say("power.feed", "new", &[("volts", "48")]);
    let wanted = "power.supply/f1 voltage=230\npower.feed/new volts=48\n";
    assert_eq!(site.shown(), wanted);
    assert_eq!(site.reopened().shown(), wanted);
}

#[test]
fn a_rename_that_is_taken_back_gives_the_facts_back() {
    let mut site = Site::new();
    let old = feed("\"power.feed\"", VOLTS);
    site.apply(&old).unwrap();
    site.say("power.feed", "f1", &[("volts", "230")]);
    let before = site.shown();
    site.apply(&feed("\"power.supply\"\nrenamed_from = \"power.feed\"", VOLTS)).unwrap();
    site.say("power.supply", "f2", &[("volts", "400")]);
    site.apply(&old).unwrap();
    assert_eq!(site.shown(), format!("{before}power.feed/f2 volts=400\n"));
}

#[test]
fn a_name_comes_back_after_a_rename_and_after_it_was_not_there() {
    let mut site = Site::new();
    let old = feed("\"power.feed\"", VOLTS);
    site.apply(&old).unwrap();
    site.say("power.feed", "f1", &[("volts", "230")]);
    let before = site.shown();
    let voltage = r#"{ name = "voltage", type = "text", doc = "d", renamed_from = "volts" }"#;
    let renamed = feed("\"power.feed\"", voltage);
    let emptied = feed("\"power.feed\"", "");
    let supply = feed("\"power.supply\"\nrenamed_from = \"power.feed\"", voltage);
    for way in
        [&[&renamed, ""][..], &[&emptied], &[&supply, &emptied, &renamed, ""], &["", &supply]]
    {
        for schema in way {
            site.apply(schema).unwrap();
        }
        site.apply(&old).unwrap();
        assert_eq!(site.shown(), before, "{way:?}");
        assert_eq!(site.reopened().shown(), before, "{way:?}");
    }
}

#[test]
fn changes_made_for_another_schema_are_refused() {
    let mut site = Site::new();
    let old = Arc::clone(site.world.schema());
    site.apply(&feed("\"power.feed\"", VOLTS)).unwrap();
    let commit = Commit::new("s".into(), Timestamp(1), Vec::new());
    let refused = site.world.commit_under(&old, LIVE, commit).unwrap_err();
    assert!(matches!(refused, StoreError::SchemaChanged));
}

#[test]
fn a_schema_that_a_newer_groma_has_itself_does_not_keep_the_store_closed() {
    let mut site = Site::new();
    site.apply(&feed("\"power.feed\"", VOLTS)).unwrap();
    site.say("power.feed", "f1", &[("volts", "230")]);
    let newer = SchemaText::new("power.toml", &feed("\"power.feed\"", VOLTS));
    let (newer, errors) = schema().extended(&[newer]);
    assert_eq!(errors, []);
    let world = World::open(Arc::new(newer), Box::new(site.journal.clone())).unwrap();
    assert_eq!(world.schema_errors()[0].reason, "it is defined twice, first in power.toml");
    assert_eq!(world.snapshot(LIVE).unwrap().fact_count(), 1);
}

#[test]
fn the_past_is_seen_under_the_schema_of_today() {
    let mut site = Site::new();
    site.apply(&feed("\"power.feed\"", VOLTS)).unwrap();
    site.say("power.feed", "f1", &[("volts", "230")]);
    site.say("power.feed", "f1", &[("volts", "400")]);
    site.apply(&feed("\"power.supply\"\nrenamed_from = \"power.feed\"", VOLTS)).unwrap();
    let past = site.world.database_at(LIVE, Version(2)).unwrap();
    let supply = past.snapshot().schema().id("power.supply");
    let entity = past.snapshot().get(supply, "f1").unwrap();
    assert_eq!(entity.value(0).unwrap().as_text(), Some("230"));
}

/// Kind, key and attributes of an entity.
type Told<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

fn rules(text: &str, world: &[Told<'_>]) -> Vec<String> {
    let (schema, errors) = Schema::builtin().extended(&split_texts(text));
    assert_eq!(errors, []);
    let observations: Vec<_> = (world.iter())
        .map(|(kind, key, attributes)| {
            attributes.iter().fold(
                Observation::new((*kind).to_owned(), *key, Timestamp(1)),
                |observation, (name, value)| observation.with((*name).to_owned(), *value),
            )
        })
        .collect();
    let (changes, problems) = identify(&schema, &"s".into(), &observations, Timestamp(1));
    assert_eq!(problems, []);
    let empty = groma_store::Snapshot::empty(Arc::new(schema));
    let problems = check(&empty.apply(&changes, Version(1)));
    problems.iter().map(|p| format!("{} [{}] {}", p.place, p.text, p.reason)).collect()
}

#[test]
fn what_breaks_a_rule_is_a_problem_with_entity_text_and_reason() {
    let text = r#"
        [[kind]]
        name = "power.feed"
        doc = "d"
        key = "k"
        attributes = [
          { name = "label", type = "text", doc = "d", required = true, unique = true },
          { name = "rack", type = "reference", to = ["facility.rack"], doc = "d", referrers_at_most = 2 },
          { name = "spare", type = "boolean", doc = "d" },
          { name = "inside", type = "reference", to = ["facility.rack"], containment = true, doc = "d" },
        ]
        [[extend]]
        kind = "facility.rack"
        attributes = [
          { name = "feeds", type = "references", to = ["power.feed"], doc = "d", at_least = 1, at_most = 2 },
          { name = "stands_on", type = "reference", to = ["power.feed"], containment = true, doc = "d" },
        ]
        [[rule]]
        kind = "power.feed"
        attributes = ["rack", "label"]
        unique = true
        unless = { spare = true }
        reason = "twice on one rack"
    "#;
    let world: [Told<'_>; 6] = [
        ("power.feed", "f1", &[("label", "A"), ("rack", "r1"), ("inside", "r1")]),
        ("power.feed", "f2", &[("label", "A"), ("rack", "r1")]),
        ("power.feed", "f3", &[("rack", "r1")]),
        ("power.feed", "f4", &[("label", "B"), ("spare", "true")]),
        ("facility.rack", "r1", &[("feeds", "f1,f2,f3"), ("stands_on", "f1")]),
        ("facility.rack", "r2", &[]),
    ];
    assert_eq!(
        rules(text, &world),
        [
            "rack/r1 [rack/r1 in feed/f1 in rack/r1] it contains itself, by way of others or at once",
            "feed/f3 [label] label is required and nobody says it",
            "feed/f2 [A] label must be unique, and feed/f1 has the same",
            "rack/r1 [f1 and f2 and f3] 3 power.feed refer to it by rack, and at most 2 is wanted",
            "rack/r1 [f1,f2,f3] feeds has 3, and 1 to 2 is wanted",
            "rack/r2 [] feeds has 0, and 1 to 2 is wanted",
            "feed/f2 [r1, A] twice on one rack",
        ]
    );
}

#[test]
fn too_few_referrers_are_found_where_nobody_refers() {
    let text = r#"
        [[kind]]
        name = "power.feed"
        doc = "d"
        key = "k"
        attributes = [{ name = "rack", type = "reference", to = ["facility.rack"], doc = "d", referrers_at_least = 1 }]
    "#;
    let world: [Told<'_>; 3] = [
        ("power.feed", "f1", &[("rack", "r1")]),
        ("facility.rack", "r1", &[]),
        ("facility.rack", "r2", &[]),
    ];
    let wanted = "rack/r2 [] 0 power.feed refer to it by rack, and at least 1 is wanted";
    assert_eq!(rules(text, &world), [wanted]);
}

const SCHEMAS: [&str; 5] = [
    "",
    "[[kind]]\nname = \"power.feed\"\ndoc = \"d\"\nkey = \"k\"\nattributes = [{ name = \"volts\", type = \"text\", doc = \"d\" }]",
    "[[kind]]\nname = \"power.feed\"\ndoc = \"d\"\nkey = \"k\"\nattributes = [{ name = \"amps\", type = \"float\", doc = \"d\" }, { name = \"volts\", type = \"integer\", doc = \"d\" }]",
    "[[kind]]\nname = \"power.panel\"\ndoc = \"d\"\nkey = \"k\"\n[[kind]]\nname = \"power.feed\"\ndoc = \"d\"\nkey = \"k\"\nattributes = [{ name = \"volts\", type = \"texts\", doc = \"d\" }]",
    "[[extend]]\nkind = \"facility.rack\"\nattributes = [{ name = \"volts\", type = \"integer\", doc = \"d\" }]",
];

#[derive(Debug, Clone)]
enum Step {
    Apply(usize),
    Say(&'static str, u8, &'static str),
    Fork,
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![Just("230"), Just("many"), Just("1,2")];
    prop_oneof![
        (0..SCHEMAS.len()).prop_map(Step::Apply),
        (prop_oneof![Just("power.feed"), Just("facility.rack")], 0..3_u8, value)
            .prop_map(|(kind, key, value)| Step::Say(kind, key, value)),
        Just(Step::Fork),
    ]
}

proptest! {
    /// However it came to its schema, a world is what its journal says under it.
    #[test]
    fn a_store_opened_anew_has_the_same_model(steps in vec(step(), 1..14)) {
        let mut site = Site::new();
        for step in steps {
            match step {
                Step::Apply(schema) => drop(site.apply(SCHEMAS[schema]).unwrap()),
                Step::Fork => drop(site.world.fork("fork", LIVE, Timestamp(2))),
                Step::Say(kind, key, value) => {
                    let known = site.world.schema().find(kind);
                    let known = known.and_then(|kind| kind.attribute("volts").map(|_| ()));
                    if known.is_some() {
                        let observation = Observation::new(kind, key.to_string(), Timestamp(1));
                        let observation = observation.with("volts", value);
                        let schema = Arc::clone(site.world.schema());
                        let (changes, _) =
                            identify(&schema, &"s".into(), &[observation], Timestamp(1));
                        let commit = Commit::new("s".into(), Timestamp(1), changes);
                        site.world.commit(LIVE, commit).unwrap();
                    }
                }
            }
            let anew = site.reopened();
            prop_assert_eq!(site.shown(), anew.shown());
            let both = site.world.databases().zip(anew.world.databases());
            for (here, there) in both {
                prop_assert_eq!(shown_database(here), shown_database(there));
            }
        }
        // A schema that is taken away leaves what was there without it.
        let before: Vec<_> = site.world.databases().map(|d| d.snapshot().fact_count()).collect();
        let last = site.world.schemas().last().map_or_else(Vec::new, |row| row.files.clone());
        site.apply("").unwrap();
        site.world.apply_schema(last, "ann".into(), Timestamp(9)).unwrap();
        let after: Vec<_> = site.world.databases().map(|d| d.snapshot().fact_count()).collect();
        prop_assert_eq!(before, after);
    }
}

/// One attribute of one kind, by the names that they have; `None`: it is not there.
const NAMES: [Option<(&str, &str)>; 5] = [
    None,
    Some(("power.feed", "volts")),
    Some(("power.feed", "voltage")),
    Some(("power.supply", "voltage")),
    Some(("power.feed", "")),
];

/// A schema with these names, which says of each what it was called before.
fn naming(names: Option<(&str, &str)>) -> String {
    let Some((kind, attribute)) = names else { return String::new() };
    let was = |name: &str| match name {
        "power.supply" => "\nrenamed_from = \"power.feed\"",
        "voltage" => ", renamed_from = \"volts\"",
        _ => "",
    };
    let attributes = match attribute {
        "" => String::new(),
        name => format!("{{ name = \"{name}\", type = \"text\", doc = \"d\"{} }}", was(name)),
    };
    feed(&format!("\"{kind}\"{}", was(kind)), &attributes)
}

proptest! {
    /// Whatever schemas came between: what was said last is there wherever there is a name for it.
    #[test]
    fn what_was_said_is_found_under_each_name(walk in vec((0..NAMES.len(), any::<bool>()), 1..12)) {
        let mut site = Site::new();
        let mut said = None;
        for (step, (names, speaks)) in walk.into_iter().enumerate() {
            let names = NAMES[names];
            site.apply(&naming(names)).unwrap();
            let Some((kind, attribute)) = names.filter(|(_, attribute)| !attribute.is_empty()) else {
                continue;
            };
            if speaks {
                site.say(kind, "f1", &[(attribute, &step.to_string())]);
                said = Some(step);
            }
            let wanted = said.map(|said| format!("{kind}/f1 {attribute}={said}\n")).unwrap_or_default();
            prop_assert_eq!(site.shown(), wanted);
        }
    }
}

/// What is shown after each step, with a compaction after each, or never.
fn shown_step_by_step(compacts: bool) -> Vec<String> {
    let text = feed("\"power.feed\"", VOLTS);
    let number = text.replace("\"text\"", "\"integer\"");
    let renamed = text.replace("\"volts\"", "\"voltage\", renamed_from = \"volts\"");
    let mut site = Site::new();
    let schemas = [&text, &number, "", &number, &renamed, &text];
    let mut steps = Vec::new();
    for schema in schemas {
        site.apply(schema).unwrap();
        let name = if schema == renamed { "voltage" } else { "volts" };
        for volts in ["230", "400", "230"] {
            site.say("facility.rack", "r1", &[("height_units", volts)]);
            if !schema.is_empty() {
                site.say("power.feed", "f1", &[(name, volts)]);
                site.say("power.feed", &format!("f{volts}"), &[(name, volts)]);
            }
        }
        if schema == text {
            site.say("power.feed", "f1", &[(name, "many")]);
            site.say("power.feed", "f2", &[(name, "none")]);
        }
        if compacts {
            let newest = site.world.version();
            crate::compaction::compact(&mut site.world, newest).unwrap().unwrap();
            assert_eq!(site.reopened().shown(), site.shown());
        }
        // How many changes have no place any more depends on how many are left.
        let shown = site.shown();
        steps.push(shown.lines().filter(|line| !line.starts_with("! power.feed")).collect());
    }
    steps
}

#[test]
fn a_compaction_keeps_what_is_set_aside_and_what_had_other_names() {
    assert_eq!(shown_step_by_step(true), shown_step_by_step(false));
}

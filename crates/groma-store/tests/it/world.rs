//! Databases: what people do with them, and what they are told.

use std::sync::Arc;

use groma_model::{Problem, Source, Timestamp, Value, Version};
use groma_store::{
    COMMITS_KEPT_MAX, Commit, LIVE, MemoryJournal, PROBLEMS_KEPT_MAX, Poll, PollOutcome, Segment,
    StoreError, World, Writer as _,
};

use crate::made::{commit, observations, schema};

fn world() -> World {
    World::open(schema(), Box::new(MemoryJournal::default())).unwrap()
}

fn balancing(world: &World, database: &str) -> Option<String> {
    let snapshot = world.snapshot(database).unwrap();
    let kind = snapshot.schema().find("service.farm").unwrap();
    let farm = snapshot.get(kind.id, "f")?;
    farm.value(kind.attribute("balancing").unwrap()).and_then(Value::as_text).map(str::to_owned)
}

fn segment(file: &str) -> Segment {
    let (from, to) = (Timestamp(10), Timestamp(20));
    Segment { file: file.into(), source: "esb".into(), records: 5, from, to, bytes: 99 }
}

#[test]
fn a_fork_goes_its_own_way_and_outlives_its_template() {
    let mut world = world();
    world.commit(LIVE, commit("cmdb", "farm f balancing=round_robin", 1)).unwrap();
    world.fork("near", LIVE, Timestamp(5)).unwrap();
    world.commit("near", commit("sql", "farm f balancing=nearest", 6)).unwrap();
    world.fork("nearer", "near", Timestamp(7)).unwrap();
    world.drop_database("near").unwrap();
    world.commit(LIVE, commit("cmdb", "farm g balancing=nearest", 8)).unwrap();

    assert_eq!(balancing(&world, LIVE).as_deref(), Some("round_robin"));
    assert_eq!(balancing(&world, "nearer").as_deref(), Some("nearest"));
    let template = world.database("nearer").unwrap().template().unwrap().clone();
    assert_eq!((&*template.name, template.version), ("near", Version(2)));
    let versions: Vec<_> = world.commits("nearer").unwrap().map(|row| row.version.0).collect();
    assert_eq!(versions, [1, 2], "the commit to live came later");
    assert_eq!(world.version(), Version(3));
}

#[test]
fn an_empty_commit_is_no_version() {
    let mut world = world();
    world.commit(LIVE, commit("cmdb", "farm f balancing=nearest", 1)).unwrap();
    let empty = Commit::new("cmdb".into(), Timestamp(2), Vec::new());
    assert_eq!(world.commit(LIVE, empty).unwrap(), Version(1));
    assert_eq!(world.commits(LIVE).unwrap().count(), 1);
}

#[test]
fn a_request_that_cannot_be_served_says_what_to_try() {
    let mut world = world();
    world.fork("a", LIVE, Timestamp(1)).unwrap();
    let mut told = Vec::new();
    let mut tell = |error: StoreError| told.push(format!("{error}. {}", error.hint().unwrap()));
    tell(world.snapshot("b").unwrap_err());
    tell(world.fork("a", LIVE, Timestamp(1)).unwrap_err());
    tell(world.fork("live@v1", LIVE, Timestamp(1)).unwrap_err());
    tell(world.fork("c", "b", Timestamp(1)).unwrap_err());
    tell(world.drop_database(LIVE).unwrap_err());
    assert_eq!(
        told,
        [
            "no database named \"b\". There are: a, live.",
            "there is already a database named \"a\". Choose another name, or drop it first: DROP DATABASE a.",
            "\"live@v1\" cannot be the name of a database: it holds a character that is no letter, digit, -, _ or .. Take letters, digits, - and _, at most 63 bytes.",
            "no database named \"b\". There are: a, live.",
            "the database \"live\" cannot be dropped. Delete rows from it, or drop a fork.",
        ]
    );
}

#[test]
fn a_fork_sees_the_segments_of_its_template() {
    let mut world = world();
    world.add_segments(LIVE, "esb".into(), vec![segment("1"), segment("2")], Timestamp(1)).unwrap();
    world.fork("f", LIVE, Timestamp(2)).unwrap();
    world.add_segments(LIVE, "esb".into(), vec![segment("3")], Timestamp(3)).unwrap();
    let files = |name| -> Vec<Arc<str>> {
        world.segments(name).unwrap().map(|row| Arc::clone(&row.segment.file)).collect()
    };
    assert_eq!(files("f"), ["1".into(), "2".into()]);
    assert_eq!(files(LIVE).len(), 3);
}

#[test]
fn sources_tell_what_they_gave() {
    let mut world = world();
    let mut first = commit("cmdb", "farm f balancing=nearest load_cap=1.5", 3);
    first.problems.push(Problem::new("line 4", "??", "it is no row"));
    world.commit(LIVE, first).unwrap();
    world.commit(LIVE, commit("sql", "farm f balancing=round_robin", 9)).unwrap();
    let rows = world.sources(LIVE).unwrap();
    let shown: Vec<_> = (rows.iter())
        .map(|row| (&*row.source, row.observed_at.unwrap().0, row.facts, row.problems, row.commits))
        .collect();
    assert_eq!(shown, [("cmdb", 3, 2, 1, 1), ("sql", 9, 1, 0, 1)]);

    let snapshot = world.snapshot(LIVE).unwrap();
    let conflicts: Vec<_> = snapshot.conflicts().collect();
    assert_eq!(conflicts.len(), 1, "both facts are kept, and they contradict each other");
    let contradiction = &conflicts[0].contradiction;
    assert_eq!(&*contradiction.chosen.source, "sql");
    assert_eq!(&*contradiction.others[0].0.source, "cmdb");
    assert_eq!(contradiction.others[0].1, groma_store::Reason::ObservedLater);
    let chosen: Vec<&Source> =
        snapshot.facts().filter(|row| row.chosen).map(|row| &row.fact.source).collect();
    assert_eq!(chosen, ["sql", "cmdb"].map(Source::from).iter().collect::<Vec<_>>());
}

#[test]
fn an_open_end_closes_where_the_next_fact_of_its_source_starts() {
    let mut world = world();
    let kind = world.schema().find("compute.vm").unwrap().clone();
    for (host, from, to) in [("h1", 0, i64::MAX), ("h2", 10, 20), ("h3", 30, i64::MAX)] {
        let mut moved = observations(&format!("vm v host={host}"), 1);
        moved[0].valid.from = Timestamp(from);
        moved[0].valid.to = Timestamp(to);
        let (changes, _) =
            groma_store::identify(world.schema(), &"cmdb".into(), &moved, Timestamp(1));
        world.commit(LIVE, Commit::new("cmdb".into(), Timestamp(1), changes)).unwrap();
    }
    let snapshot = world.snapshot(LIVE).unwrap();
    let vm = snapshot.get(kind.id, "v").unwrap();
    let host = kind.attribute("host").unwrap();
    let at = |at| {
        vm.value_at(host, Timestamp(at)).map(|value| value.as_reference().unwrap().key.to_string())
    };
    let places = [-1, 5, 15, 25, 35].map(at);
    assert_eq!(places.map(|place| place.unwrap_or_default()), ["", "h1", "h2", "", "h3"]);
    assert!(vm.contradictions(host).is_empty(), "one source that changes its mind is no conflict");
}

#[test]
fn problems_beyond_the_limit_are_counted() {
    let mut world = world();
    let many = |count| Commit {
        problems: vec![Problem::new("line", "?", "bad"); count],
        ..Commit::new("log".into(), Timestamp(1), Vec::new())
    };
    world.commit(LIVE, many(PROBLEMS_KEPT_MAX + 7)).unwrap();
    world.commit(LIVE, many(10)).unwrap();
    let rows: Vec<_> = world.problems(LIVE).unwrap().collect();
    assert!(rows.len() <= PROBLEMS_KEPT_MAX + 1);
    let last = rows.last().unwrap();
    let not_kept = PROBLEMS_KEPT_MAX + 17 - (rows.len() - 1);
    assert_eq!(
        last.problem.reason,
        format!("{not_kept} more problems of this source were not kept")
    );
    assert!(rows.iter().any(|row| row.version == Version(2)), "the newest are kept");
    assert_eq!(world.sources(LIVE).unwrap()[0].problems, PROBLEMS_KEPT_MAX as u64 + 17);
    assert!(world.commits(LIVE).unwrap().count() <= COMMITS_KEPT_MAX);
}

#[test]
fn what_was_thought_through_is_committed_only_if_what_it_is_about_is_still_the_same() {
    let mut world = World::open(schema(), Box::new(MemoryJournal::default())).unwrap();
    world.commit(LIVE, commit("cmdb", "port d:1 mtu=1\nport d:2 mtu=1", 1)).unwrap();
    let seen = world.snapshot(LIVE).unwrap();
    let moved = |result| matches!(result, Err(StoreError::Moved { .. }));

    world.commit(LIVE, commit("cmdb", "port d:2 mtu=2", 2)).unwrap();
    assert!(moved(world.commit_if(&seen, LIVE, commit("sql", "port d:2 mtu=3", 3))));
    assert!(moved(world.commit_if(
        &seen,
        LIVE,
        commit("sql", "port d:1 mtu=3\nport d:2 mtu=3", 3)
    )));
    let other = world.commit_if(&seen, LIVE, commit("sql", "port d:1 mtu=3", 3)).unwrap();
    assert_eq!(other, Version(3), "somebody else's entity is no hindrance");
    // What was not there is there by now.
    world.commit(LIVE, commit("cmdb", "port d:3 mtu=1", 4)).unwrap();
    assert!(moved(world.commit_if(&seen, LIVE, commit("sql", "port d:3 mtu=2", 5))));

    assert_eq!(world.not_before_last(Timestamp(2)), Timestamp(4), "the clock was set back");
    assert_eq!(world.not_before_last(Timestamp(9)), Timestamp(9));
}

#[test]
fn what_a_complete_poll_does_not_repeat_is_no_problem_any_more() {
    let mut world = World::open(schema(), Box::new(MemoryJournal::default())).unwrap();
    let told = |source: &str, at: i64, texts: &[&str], since: Option<i64>| {
        let at = Timestamp(at);
        let outcome = since.map(|since| PollOutcome::Complete { since: Timestamp(since) });
        Commit {
            problems: texts.iter().map(|text| Problem::new("line", text, "bad")).collect(),
            poll: outcome.map(|outcome| Poll { at, outcome }),
            ..Commit::new(source.into(), at, Vec::new())
        }
    };
    let shown = |world: &World, version: u64| -> Vec<String> {
        let database = world.database_at(LIVE, Version(version)).unwrap();
        database.problems().map(|row| row.problem.text).collect()
    };
    world.commit(LIVE, told("a", 1, &["old", "older"], None)).unwrap();
    world.commit(LIVE, told("b", 2, &["of another"], None)).unwrap();
    world.commit(LIVE, told("a", 5, &["new"], None)).unwrap();
    world.commit(LIVE, told("a", 6, &[], Some(4))).unwrap();
    assert_eq!(shown(&world, 4), ["new", "of another"]);
    assert_eq!(shown(&world, 3), ["old", "older", "new", "of another"], "the past stays");
    world.commit(LIVE, told("a", 7, &["old"], None)).unwrap();
    assert_eq!(shown(&world, 5), ["new", "old", "of another"], "it may come back");
    assert_eq!(world.sources(LIVE).unwrap()[0].problems, 4, "all that ever were");
}

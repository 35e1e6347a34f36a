//! What is wrong in a model whatever its sources say.

use groma_store::{CHECK_LISTED_MAX, check};

use crate::made::snapshot;

fn found(world: &str) -> Vec<String> {
    let problems = check(&snapshot(world));
    problems.iter().map(|p| format!("{} [{}] {}", p.place, p.text, p.reason)).collect()
}

const WELL: &str = "
    device a
    device b
    port a:1 device=a
    port b:1 device=b
    link a:1--b:1 a=a:1 b=b:1
    address a:1|10.0.0.1 ip=10.0.0.1 port=a:1
    address b:1|10.0.0.1 ip=10.0.0.1 port=b:1 vrf=blue";

#[test]
fn a_sound_model_has_no_problems() {
    assert_eq!(found(WELL), Vec::<String>::new());
}

#[test]
fn what_is_wrong_is_listed_with_its_place() {
    let world = format!(
        "{WELL}
         port c:1 device=c
         link a:1--b:1-again a=a:1 b=b:1 evidence=segment
         link a:1--c:1 a=a:1 b=c:1
         lag a:bond1 members=a:1
         lag a:bond2 members=a:1
         address c|10.0.0.1 ip=10.0.0.1 port=b:1
         address s|10.0.0.1 ip=10.0.0.1 port=b:1 shared=true"
    );
    assert_eq!(
        found(&world),
        [
            "port/c:1 [device/c] device refers to something that is not there",
            "port/a:1 [a:1--b:1 and a:1--c:1] it has more than one link",
            "port/a:1 [a:bond1 and a:bond2] it is a member of more than one LAG",
            "10.0.0.1 in default [a:1|10.0.0.1 and c|10.0.0.1] it is held by several devices and is not marked as shared",
        ]
    );
}

#[test]
fn containment_that_closes_is_found_once() {
    // A schema without such a rule would let a walk up the containers run for ever.
    let schema = r#"
        [[kind]]
        name = "a.box"
        doc = "d"
        key = "k"
        attributes = [{ name = "in", type = "reference", to = ["a.box"], containment = true, doc = "d" }]"#;
    let schema = std::sync::Arc::new(groma_model::Schema::parse(&[("t.toml", schema)]).unwrap());
    let at = groma_model::Timestamp(1);
    let boxed = |key: &str, outer: &str| {
        groma_model::Observation::new("a.box", key.to_owned(), at).with("in", outer)
    };
    let boxes =
        [boxed("a", "b"), boxed("b", "c"), boxed("c", "b"), boxed("d", "d"), boxed("e", "a")];
    let (changes, _) = groma_store::identify(&schema, &"t".into(), &boxes, at);
    let snapshot = groma_store::Snapshot::empty(schema).apply(&changes, groma_model::Version(1));
    let texts: Vec<_> = check(&snapshot).into_iter().map(|problem| problem.text).collect();
    assert_eq!(texts, ["box/b in box/c in box/b", "box/d in box/d"]);
}

#[test]
fn many_of_one_sort_are_one_row_more() {
    let world: String =
        (0..CHECK_LISTED_MAX + 50).map(|n| format!("port x:{n} device=x\n")).collect();
    let found = found(&world);
    assert_eq!(found.len(), CHECK_LISTED_MAX + 1);
    assert_eq!(
        found.last().unwrap(),
        "physical.port.device [] 50 more: device refers to something that is not there"
    );
}

//! A site's own kinds, from the command line.

use crate::called::Groma;

const POWER: &str = "[[kind]]\nname = \"power.feed\"\ndoc = \"A feed.\"\nkey = \"its label\"\nattributes = [{ name = \"capacity_watts\", type = \"integer\", unit = \"W\", doc = \"What it can give.\", required = true }]\n[[extend]]\nkind = \"facility.rack\"\nattributes = [{ name = \"feeds\", type = \"references\", to = [\"power.feed\"], doc = \"What feeds it.\", at_most = 2 }]\n";

#[test]
fn a_wrong_file_is_told_without_a_store() {
    let groma = Groma::new();
    let wrong = groma.file("power.toml", &POWER.replace("\"integer\"", "\"intger\""));
    let called = groma.call(&["schema", "check", &wrong]);
    assert_eq!(called.code, Some(1));
    assert_eq!(
        called.out,
        "power.toml:5, power.feed, capacity_watts: there is no type \"intger\"\n  Did you mean integer?\n"
    );
    let json = groma.call(&["--json", "schema", "check", &wrong]).out;
    assert!(json.contains(r#""line":5,"kind":"power.feed""#), "{json}");
    assert_eq!(groma.call(&["schema", "apply", &wrong]).code, Some(2));
    let right = groma.file("power.toml", POWER);
    assert_eq!(groma.call(&["schema", "check", &right]).code, Some(0));
    assert!(groma.call(&["schema", "check", "nowhere.toml"]).code == Some(2));
}

#[test]
fn a_kind_of_ones_own_is_imported_shown_and_outlives_the_process() {
    let groma = Groma::new();
    let power = groma.file("power.toml", POWER);
    assert_eq!(groma.call(&["schema", "diff", &power]).code, Some(1));
    assert!(groma.ask(&["schema", "apply", &power]).contains("power.feed"));
    assert_eq!(groma.call(&["schema", "diff", &power]).code, Some(0));
    let feeds = groma.file("csv/power.feed.csv", "id,capacity_watts\nA,3680\nB,\n");
    let racks = groma.file("csv/facility.rack.csv", "id,feeds,colour\nr1,\"A,B\",red\nr2,A,blue\n");
    groma.ask(&["import", &feeds]);
    // The column that no kind has is one problem, not one for each row.
    assert_eq!(groma.call(&["import", &racks]).code, Some(1));
    let shown = groma.ask(&["show", "power.feed", "--json"]);
    assert_eq!(
        shown,
        "{\"id\":\"A\",\"capacity_watts\":3680}\n{\"id\":\"B\",\"capacity_watts\":null}\n"
    );
    assert!(groma.ask(&["show", "facility.rack", "r1", "--json"]).contains(r#""value":"A,B""#));
    let attributes = groma.ask(&["schema", "show", "power.feed", "--json"]);
    assert!(attributes.contains(r#""origin":"power.toml""#), "{attributes}");
    assert!(groma.ask(&["schema", "show"]).contains("power.feed"));
    assert_eq!(groma.call(&["schema", "show", "power.fed"]).code, Some(2));
    let problems = groma.call(&["problems", "--json"]).out;
    assert!(problems.contains("capacity_watts is required and nobody says it"), "{problems}");
    assert_eq!(problems.matches("facility.rack has no attribute of this name").count(), 1);
    // Taken away and given back.
    let nothing = groma.file("nothing.toml", "\n");
    assert!(groma.ask(&["schema", "apply", &nothing]).contains("removed"));
    assert_eq!(groma.call(&["show", "power.feed"]).code, Some(2));
    assert!(groma.call(&["problems"]).out.contains("changes are set aside"));
    groma.ask(&["schema", "apply", &power]);
    assert_eq!(groma.ask(&["show", "power.feed", "--json"]), shown);
}

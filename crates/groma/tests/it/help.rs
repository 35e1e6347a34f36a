//! The help is part of the interface: a change of it is read in review.

use crate::called::Groma;

#[test]
fn the_first_help_lists_all_verbs() {
    insta::assert_snapshot!(Groma::new().ask(&["--help"]));
}

#[test]
fn every_verb_says_what_it_does_and_its_sql() {
    let groma = Groma::new();
    let verbs = [
        "import",
        "show",
        "sql",
        "path",
        "why",
        "fork",
        "diff",
        "merge",
        "drop",
        "databases",
        "problems",
        "netbox",
        "capacity",
        "schema",
        "figures",
        "probe",
        "generate",
        "demo",
        "serve",
    ];
    let pages: Vec<String> = verbs.iter().map(|verb| groma.ask(&[verb, "--help"])).collect();
    insta::assert_snapshot!(pages.join("\n----\n\n"));
}

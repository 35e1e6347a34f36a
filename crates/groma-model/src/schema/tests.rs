use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::*;
use crate::{AliasKind, Gone, Origin, Renames};

fn site(text: &str) -> (Schema, Vec<SchemaError>) {
    Schema::builtin().extended(&split_texts(text))
}

fn good(text: &str) -> Schema {
    let (schema, errors) = site(text);
    assert_eq!(errors, []);
    schema
}

/// `*.good.toml` are right; `*.bad.toml` say on top what is wrong with them, `# wrong:` and `# try:`.
#[test]
#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn files_are_right_or_say_what_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/schema");
    let mut seen = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let (_, errors) = Schema::builtin().extended(&[SchemaText::new(name, &text)]);
        let mut told = String::new();
        for error in &errors {
            writeln!(told, "# wrong: {error}").unwrap();
            if let Some(hint) = &error.hint {
                writeln!(told, "# try: {hint}").unwrap();
            }
        }
        let is_told = |line: &&str| line.starts_with("# wrong:") || line.starts_with("# try:");
        let wanted: String = text.lines().filter(is_told).map(|line| format!("{line}\n")).collect();
        assert_eq!(told, wanted, "{name}");
        assert_eq!(name.ends_with(".good.toml"), errors.is_empty(), "{name}");
        seen += 1;
    }
    assert!(seen >= 7);
}

#[test]
fn the_schema_that_ships_is_right() {
    let schema = Schema::parse(&BUILTIN).unwrap();
    let port = schema.find("physical.port").unwrap();
    assert_eq!((port.layer(), port.noun()), ("physical", "port"));
    for kind in schema.kinds() {
        assert!(kind.attributes.iter().all(|attribute| attribute.doc.ends_with('.')), "{kind}");
        assert_eq!(kind.short_name(), kind.noun());
    }
    let device = schema.find("physical.device").unwrap();
    let serial = &device.attributes[device.attribute("serial").unwrap()];
    assert_eq!(serial.identifies, Some(AliasKind::Serial));
}

const FEED: &str = r#"
    [[kind]]
    name = "power.feed"
    doc = "d"
    key = "k"
    attributes = [{ name = "volts", type = "integer", doc = "d" }]
"#;

#[test]
fn what_a_site_adds_comes_behind_what_ships() {
    let extended = good(&format!(
        "{FEED}\n[[extend]]\nkind = \"facility.rack\"\nattributes = [{{ name = \"feeds\", type = \"references\", to = [\"power.feed\"], doc = \"d\" }}]"
    ));
    let builtin = Schema::builtin();
    assert!(extended.continues(&builtin));
    assert!(!builtin.continues(&extended));
    let feed = extended.find("power.feed").unwrap();
    assert_eq!(usize::from(feed.id.0), builtin.kinds().len());
    assert_eq!(feed.origin, Origin::Site("site.toml".into()));
}

#[test]
fn a_noun_that_is_taken_is_written_in_full() {
    let schema = good(&FEED.replace("power.feed", "power.port"));
    let print = |kind: &str| {
        let kind = schema.id(kind);
        schema.print(&EntityRef { kind, key: "x".into() })
    };
    assert_eq!(print("physical.port"), "port/x");
    assert_eq!(print("power.port"), "power.port/x");
}

#[test]
fn several_files_are_one_text_and_keep_their_lines() {
    let files = [SchemaText::new("a.toml", FEED), SchemaText::new("b.toml", "\n[[kind]]\nnam = 1")];
    let text = join_texts(&files);
    let split = split_texts(&text);
    assert_eq!(split[0], files[0]);
    assert_eq!(site(&text).1[0].to_string().split(": ").next(), Some("b.toml:3"));
    assert_eq!(split_texts(" \n"), []);
}

#[test]
fn a_wrong_part_is_left_out_and_the_rest_stays() {
    let (schema, errors) = site(&FEED.replace(
        "attributes = [",
        "attributes = [{ name = \"x\", type = \"int\", doc = \"d\" }, ",
    ));
    assert_eq!(errors.len(), 1);
    let feed = schema.find("power.feed").unwrap();
    assert_eq!((feed.attribute("x"), feed.attribute("volts")), (None, Some(0)));
}

#[test]
fn limits_hold() {
    let many: String =
        (0..=KINDS_MAX).map(|n| FEED.replace("power.feed", &format!("power.f{n}"))).collect();
    let (schema, errors) = site(&many);
    assert_eq!(schema.kinds().len(), KINDS_MAX);
    assert_eq!(errors[0].reason, "there are more than 1024 kinds");
    let attribute = |n| format!("{{ name = \"a{n}\", type = \"text\", doc = \"d\" }},");
    let many: String = (0..ATTRIBUTES_MAX).map(attribute).collect();
    let (schema, errors) = site(&FEED.replace("attributes = [", &format!("attributes = [{many}")));
    assert_eq!(schema.find("power.feed").unwrap().attributes.len(), ATTRIBUTES_MAX);
    assert_eq!(errors[0].reason, "power.feed has more than 1024 attributes");
    let (_, errors) = site(&format!("#{}", " ".repeat(SCHEMA_BYTES_MAX)));
    assert!(errors[0].reason.contains("at most 1048576 may be"), "{}", errors[0]);
}

#[test]
fn a_rename_is_followed_and_taken_back() {
    let feed = good(FEED);
    let supply = good(
        &FEED
            .replace("\"power.feed\"", "\"power.supply\"\nrenamed_from = \"power.feed\"")
            .replace("\"volts\"", "\"voltage\", renamed_from = \"volts\""),
    );
    let names = |renames: &Renames, kind: &str, attribute: &str| {
        let (kind, attribute) = (kind.into(), attribute.into());
        (renames.kind(&kind).to_string(), renames.attribute(&kind, &attribute).to_string())
    };
    let there = Gone::default().step(&feed, &supply);
    assert_eq!(names(&there, "power.feed", "volts"), ("power.supply".into(), "voltage".into()));
    let back = Gone::default().step(&supply, &feed);
    assert_eq!(names(&back, "power.supply", "voltage"), ("power.feed".into(), "volts".into()));
    // Once renamed, the old name is free for something else.
    let both = good(&format!("{FEED}{}", FEED.replace("power.feed", "power.supply")));
    assert!(Gone::default().step(&both, &both).is_empty());
    let shown: Vec<_> = differences(&feed, &supply)
        .into_iter()
        .map(|d| (d.what.name(), d.kind, d.attribute, d.before.is_some(), d.after.is_some()))
        .collect();
    let feed = || "power.feed".to_owned();
    assert_eq!(
        shown,
        [
            ("kind", feed(), None, true, true),
            ("attribute", feed(), Some("volts".into()), true, true)
        ]
    );
}

//! What differs between two schemas.

use crate::{Attribute, Kind, Schema, ValueType};

/// What sort of thing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// A kind.
    Kind,
    /// An attribute.
    Attribute,
    /// A rule.
    Rule,
    /// A unit of the site.
    Unit,
}

impl DifferenceKind {
    /// As tables spell it.
    pub fn name(self) -> &'static str {
        match self {
            DifferenceKind::Kind => "kind",
            DifferenceKind::Attribute => "attribute",
            DifferenceKind::Rule => "rule",
            DifferenceKind::Unit => "unit",
        }
    }
}

/// One thing that is not the same in two schemas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaDifference {
    /// What it is.
    pub what: DifferenceKind,
    /// The kind that it is or belongs to, as the first schema names it; if it is not there, as the
    /// second does. Of a unit: its name.
    pub kind: String,
    /// The attribute, likewise; of a rule its attributes.
    pub attribute: Option<String>,
    /// As it is in the first; `None`: not there.
    pub before: Option<String>,
    /// As it is in the second; `None`: not there.
    pub after: Option<String>,
}

/// What differs from `before` to `after`, in the order of the first, then what is new. Texts of the
/// manual count as well. Cost: linear in both.
pub fn differences(before: &Schema, after: &Schema) -> Vec<SchemaDifference> {
    let mut found = Vec::new();
    for kind in before.kinds() {
        let became = successor_of_kind(kind, before, after);
        compare_kinds(Some((kind, before)), became.map(|kind| (kind, after)), &mut found);
    }
    for kind in after.kinds() {
        let was = before.kinds().iter().any(|known| {
            successor_of_kind(known, before, after).is_some_and(|became| became.id == kind.id)
        });
        if !was {
            compare_kinds(None, Some((kind, after)), &mut found);
        }
    }
    compare_rules(before, after, &mut found);
    compare_units(before, after, &mut found);
    found
}

/// The kind of `after` that has the entities of a kind of `before`. A name that `before` had already
/// is no new name of another kind. The other way round, a rename is taken back.
pub(crate) fn successor_of_kind<'a>(
    kind: &Kind,
    before: &Schema,
    after: &'a Schema,
) -> Option<&'a Kind> {
    let renamed = (after.kinds().iter()).find(|other| {
        other.renamed_from.contains(&kind.name) && before.find(&other.name).is_none()
    });
    let taken_back = || {
        let old = (kind.renamed_from.iter()).filter(|old| before.find(old).is_none());
        old.filter_map(|old| after.find(old)).next()
    };
    renamed.or_else(|| after.find(&kind.name)).or_else(taken_back)
}

/// As [`successor_of_kind`], for an attribute of a kind that became another.
pub(crate) fn successor_of_attribute<'a>(
    attribute: &Attribute,
    before: &Kind,
    after: &'a Kind,
) -> Option<&'a Attribute> {
    let renamed = (after.attributes.iter()).find(|other| {
        other.renamed_from.contains(&attribute.name) && before.attribute(&other.name).is_none()
    });
    let named = |name: &str| after.attribute(name).map(|place| &after.attributes[place]);
    let taken_back = || {
        let old = attribute.renamed_from.iter().filter(|old| before.attribute(old).is_none());
        old.filter_map(|old| named(old)).next()
    };
    renamed.or_else(|| named(&attribute.name)).or_else(taken_back)
}

type Side<'a> = Option<(&'a Kind, &'a Schema)>;

fn compare_kinds(before: Side<'_>, after: Side<'_>, found: &mut Vec<SchemaDifference>) {
    let Some((named, _)) = before.or(after) else { return };
    let shown = |side: Side<'_>| side.map(|(kind, _)| show_kind(kind));
    let mut add = |what, attribute: Option<&str>, before: Option<String>, after: Option<String>| {
        if before != after {
            let (kind, attribute) = (named.name.to_string(), attribute.map(str::to_owned));
            found.push(SchemaDifference { what, kind, attribute, before, after });
        }
    };
    add(DifferenceKind::Kind, None, shown(before), shown(after));
    let empty: &[Attribute] = &[];
    let attributes = before.map_or(empty, |(kind, _)| &kind.attributes);
    let mut came = Vec::new();
    for attribute in attributes {
        let became = before
            .zip(after)
            .and_then(|((before, _), (after, _))| successor_of_attribute(attribute, before, after));
        came.extend(became.map(|became| &became.name));
        let shown = before.map(|(_, schema)| show_attribute(attribute, schema));
        let became = became.zip(after).map(|(became, (_, schema))| show_attribute(became, schema));
        add(DifferenceKind::Attribute, Some(&attribute.name), shown, became);
    }
    let new = after.map_or(empty, |(kind, _)| &kind.attributes);
    for attribute in new.iter().filter(|attribute| !came.contains(&&attribute.name)) {
        let shown = after.map(|(_, schema)| show_attribute(attribute, schema));
        add(DifferenceKind::Attribute, Some(&attribute.name), None, shown);
    }
}

fn show_kind(kind: &Kind) -> String {
    format!("{}, id: {}; {}", kind.name, kind.key_doc, kind.doc)
}

fn show_attribute(attribute: &Attribute, schema: &Schema) -> String {
    let mut text = format!("{}: {}", attribute.name, attribute.of.describe(schema));
    if let Some(unit) = &attribute.unit {
        text.push_str(&format!(", in {unit}"));
    }
    if attribute.containment {
        text.push_str(", containment");
    }
    if let Some(identity) = attribute.identifies {
        text.push_str(&format!(", identifies by {}", identity.name()));
    }
    format!("{text}; {}", attribute.doc)
}

/// Rules have no names: one that is not the same is another one.
fn compare_rules(before: &Schema, after: &Schema, found: &mut Vec<SchemaDifference>) {
    let shown = |schema: &Schema| -> Vec<(String, String, String)> {
        let rules = schema.rules().iter().map(|rule| {
            let kind = schema.kind(rule.kind).name.to_string();
            let attributes = rule.attribute_names(schema).collect::<Vec<_>>().join(", ");
            let reason = rule.reason.as_ref().map(|reason| format!("; {reason}"));
            (kind, attributes, rule.describe(schema) + &reason.unwrap_or_default())
        });
        rules.collect()
    };
    let (before, after) = (shown(before), shown(after));
    let gone = before.iter().filter(|rule| !after.contains(rule)).map(|rule| (rule, true));
    let new = after.iter().filter(|rule| !before.contains(rule)).map(|rule| (rule, false));
    for ((kind, attributes, text), was) in gone.chain(new) {
        found.push(SchemaDifference {
            what: DifferenceKind::Rule,
            kind: kind.clone(),
            attribute: Some(attributes.clone()),
            before: was.then(|| text.clone()),
            after: (!was).then(|| text.clone()),
        });
    }
}

fn compare_units(before: &Schema, after: &Schema, found: &mut Vec<SchemaDifference>) {
    let doc = |schema: &Schema, unit: &str| {
        schema.units().find(|(name, _)| *name == unit).map(|(_, doc)| doc.to_owned())
    };
    let mut names: Vec<&str> = before.units().chain(after.units()).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (before, after) = (doc(before, name), doc(after, name));
        if before != after {
            let what = DifferenceKind::Unit;
            found.push(SchemaDifference {
                what,
                kind: name.into(),
                attribute: None,
                before,
                after,
            });
        }
    }
}

impl ValueType {
    /// In words, for the manual: `list of ids of power.feed`.
    pub fn describe(&self, schema: &Schema) -> String {
        let names = |kinds: &[crate::KindId]| {
            let names: Vec<_> = kinds.iter().map(|kind| &*schema.kind(*kind).name).collect();
            names.join(" or ")
        };
        match self {
            ValueType::Text => "text".into(),
            ValueType::Integer => "integer".into(),
            ValueType::Float => "float".into(),
            ValueType::Boolean => "boolean".into(),
            ValueType::Timestamp => "time".into(),
            ValueType::Enum(words) => words.join(" | "),
            ValueType::Texts => "list of texts".into(),
            ValueType::Integers => "list of integers".into(),
            ValueType::Reference(kinds) => format!("id of {}", names(kinds)),
            ValueType::References(kinds) => format!("list of ids of {}", names(kinds)),
        }
    }
}

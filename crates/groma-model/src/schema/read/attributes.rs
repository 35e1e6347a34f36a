//! Attributes: their types, units, words and targets.

use std::sync::Arc;

use super::{
    ATTRIBUTES_MAX, File, RESERVED_ATTRIBUTES, Reader, TYPES, Wrong, former_names, is_enum_word,
    is_word, unknown,
};
use crate::schema::file::AttributeText;
use crate::units::UNITS;
use crate::{AliasKind, Attribute, KindId, ValueType};

impl Reader {
    /// Adds an attribute, and the rules that it states itself.
    pub(super) fn attribute(&mut self, file: &File<'_>, id: KindId, text: &AttributeText) {
        let name = text.name.get_ref();
        match self.read_attribute(file, id, text) {
            Ok(attribute) => {
                let kind = &mut self.schema.kinds[usize::from(id.0)];
                kind.by_name.insert(Arc::clone(&attribute.name), kind.attributes.len());
                kind.attributes.push(attribute);
                self.attribute_rules(file, id, text);
            }
            Err(wrong) => {
                let kind = self.schema.kind(id).name.to_string();
                self.wrong(file, &text.name, &kind, Some(name), wrong);
            }
        }
    }

    fn read_attribute(
        &self,
        file: &File<'_>,
        id: KindId,
        text: &AttributeText,
    ) -> Result<Attribute, Wrong> {
        let (kind, name) = (self.schema.kind(id), text.name.get_ref());
        if !is_word(name) || RESERVED_ATTRIBUTES.contains(&name.as_str()) {
            let hint =
                "Take letters, digits and _; id, observed_at, valid_from and valid_to are taken.";
            let reason = format!("\"{name}\" is no name for an attribute");
            return Err(Wrong { reason, hint: Some(hint.into()) });
        }
        if let Some(known) = kind.attribute(name) {
            let origin = &kind.attributes[known].origin;
            return Err(format!("it is defined twice, first in {origin}").into());
        }
        if ATTRIBUTES_MAX <= kind.attributes.len() {
            return Err(format!("{kind} has more than {ATTRIBUTES_MAX} attributes").into());
        }
        let of = self.value_type(text)?;
        if let Some(unit) = text.unit.as_deref().filter(|unit| !self.knows_unit(unit)) {
            let known = UNITS.iter().map(|(unit, _)| *unit).chain(self.schema.units().map(|u| u.0));
            let mut wrong = unknown("unit", unit, known, false);
            wrong.hint = wrong.hint.or(Some("Name it: [[unit]] name, doc.".into()));
            return Err(wrong);
        }
        if text.containment && of.targets().is_empty() {
            return Err("only a reference can be containment".to_owned().into());
        }
        let identifies =
            (text.identifies.as_deref()).map(|name| alias_kind(name, &of)).transpose()?;
        Ok(Attribute {
            name: name.as_str().into(),
            of,
            unit: text.unit.clone(),
            containment: text.containment,
            identifies,
            doc: text.doc.clone(),
            renamed_from: former_names(text.renamed_from.as_slice(), |old| {
                is_word(old) && kind.attribute(old).is_none() && old != name
            })?,
            origin: file.origin.clone(),
        })
    }

    fn value_type(&self, text: &AttributeText) -> Result<ValueType, Wrong> {
        let of = text.of.as_str();
        if !text.to.is_empty() && !matches!(of, "reference" | "references") {
            return Err(format!("to = [...] belongs to a reference, not to type \"{of}\"").into());
        }
        if (!text.values.is_empty() || text.values_of.is_some()) && of != "enum" {
            return Err(format!("values belong to an enum, not to type \"{of}\"").into());
        }
        Ok(match of {
            "text" => ValueType::Text,
            "integer" => ValueType::Integer,
            "float" => ValueType::Float,
            "boolean" => ValueType::Boolean,
            "timestamp" => ValueType::Timestamp,
            "texts" => ValueType::Texts,
            "integers" => ValueType::Integers,
            "enum" => ValueType::Enum(self.words(text)?),
            "reference" => ValueType::Reference(self.targets(text)?),
            "references" => ValueType::References(self.targets(text)?),
            other => return Err(unknown("type", other, TYPES, true)),
        })
    }

    fn words(&self, text: &AttributeText) -> Result<Vec<Arc<str>>, Wrong> {
        let named = match &text.values_of {
            None => &[],
            Some(name) => match self.enums.get(name) {
                Some(words) => words.as_slice(),
                None => {
                    return Err(unknown(
                        "enum",
                        name,
                        self.enums.keys().map(String::as_str),
                        false,
                    ));
                }
            },
        };
        let mut words: Vec<Arc<str>> = Vec::new();
        for word in named.iter().chain(&text.values) {
            if !is_enum_word(word) {
                return Err(format!("\"{word}\" is no word for an enum").into());
            }
            if words.iter().any(|known| **known == **word) {
                return Err(format!("the word \"{word}\" stands twice").into());
            }
            words.push(word.as_str().into());
        }
        if words.is_empty() {
            let hint = Some("Write values = [\"one\", \"two\"], or enum = its name.".into());
            return Err(Wrong { reason: "an enum needs values".into(), hint });
        }
        Ok(words)
    }

    fn targets(&self, text: &AttributeText) -> Result<Vec<KindId>, Wrong> {
        if text.to.is_empty() {
            let hint = Some("Write to = [\"facility.rack\"].".into());
            return Err(Wrong { reason: "a reference needs to = [kinds]".into(), hint });
        }
        let find = |name: &String| match self.schema.find(name) {
            Some(kind) => Ok(kind.id),
            None => Err(unknown("kind", name, self.kind_names(), false)),
        };
        text.to.iter().map(find).collect()
    }
}

fn alias_kind(name: &str, of: &ValueType) -> Result<AliasKind, Wrong> {
    let Some(kind) = AliasKind::named(name) else {
        return Err(unknown("identity", name, AliasKind::ALL.map(AliasKind::name), true));
    };
    match of {
        ValueType::Text | ValueType::Texts => Ok(kind),
        _ => Err("only a text, or a list of texts, identifies".to_owned().into()),
    }
}

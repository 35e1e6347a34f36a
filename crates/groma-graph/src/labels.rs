//! Numbers for the reference attributes of a schema: the labels of the index's edges.

use groma_model::{AttributeIndex, KindId, Schema, ValueType};

/// Number of a reference attribute among all of a schema, in the order of kinds and attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(pub u16);

/// The reference attributes of a schema.
#[derive(Debug, Clone)]
pub struct Labels {
    attributes: Vec<(KindId, AttributeIndex)>,
    /// By kind number, its first label.
    first: Vec<u16>,
}

impl Labels {
    /// Of a schema.
    pub fn new(schema: &Schema) -> Labels {
        let (mut attributes, mut first) = (Vec::new(), Vec::new());
        for kind in schema.kinds() {
            first.push(attributes.len() as u16);
            for (index, attribute) in kind.attributes.iter().enumerate() {
                if matches!(attribute.of, ValueType::Reference(_) | ValueType::References(_)) {
                    attributes.push((kind.id, index));
                }
            }
        }
        first.push(attributes.len() as u16);
        Labels { attributes, first }
    }

    /// The kind that holds the reference, and its attribute.
    pub fn attribute(&self, label: Label) -> (KindId, AttributeIndex) {
        self.attributes[usize::from(label.0)]
    }

    /// The labels of a kind's references, with their attributes.
    pub fn of(&self, kind: KindId) -> impl Iterator<Item = (Label, AttributeIndex)> {
        let place = usize::from(kind.0);
        (self.first[place]..self.first[place + 1])
            .map(|number| (Label(number), self.attributes[usize::from(number)].1))
    }

    /// The label of an attribute; `None`: it is no reference.
    pub fn find(&self, kind: KindId, attribute: AttributeIndex) -> Option<Label> {
        self.of(kind).find(|(_, index)| *index == attribute).map(|(label, _)| label)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Label> {
        (0..self.attributes.len() as u16).map(Label)
    }
}

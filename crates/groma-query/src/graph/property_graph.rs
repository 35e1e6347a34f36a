//! A property graph with its tables found and its types known.

use groma_graph::{Chain, ChainStep, Label, Labels, Way};
use groma_model::{KindId, Schema};

use crate::kind_table::{ID, kind_columns};
use crate::table::Type;

/// Name of the graph of all entities and references.
pub(crate) const MODEL: &str = "model";
/// Name of the graph of devices and the cables between them that work.
pub(crate) const CABLING: &str = "cabling";
/// Label of a cable between two ports.
const CABLE: &str = "cable";
/// Label of all references.
const REFERENCE: &str = "reference";
/// Label of references to what contains the entity.
const CONTAINMENT: &str = "containment";

/// Vertices and edges, each in tables.
#[derive(Debug, Clone)]
pub(crate) struct PropertyGraph {
    pub(crate) name: String,
    /// The database whose tables it is of.
    pub(crate) database: String,
    pub(crate) vertices: Vec<Element>,
    pub(crate) edges: Vec<EdgeElement>,
}

/// A table of vertices or edges.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    /// What it is called in the graph.
    pub(crate) name: String,
    /// Schema and table.
    pub(crate) relation: (String, String),
    pub(crate) labels: Vec<String>,
    /// Of all its labels.
    pub(crate) properties: Vec<Property>,
    pub(crate) held: Held,
}

/// Where its rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// They are the entities of a kind, and the index knows them.
    Kind(KindId),
    /// They are read when the graph is asked; the columns of the key.
    Rows(Vec<String>),
}

/// A property of an element.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) of: Type,
    /// An expression over the columns of the table.
    pub(crate) text: String,
    /// Of a kind's plain column: 0 is the id, the others are attributes plus one.
    pub(crate) column: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct EdgeElement {
    pub(crate) element: Element,
    /// Places of the vertex tables at its ends; `None`: any.
    pub(crate) ends: (Option<usize>, Option<usize>),
    pub(crate) joined: Joined,
}

/// How the ends of an edge are found.
#[derive(Debug, Clone)]
pub(crate) enum Joined {
    /// The index knows.
    Chain(Chain),
    /// Its rows say: columns that hold the keys of its source and of its target.
    Rows { source: Vec<String>, target: Vec<String> },
}

impl Element {
    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    fn of_kind(schema: &Schema, kind: KindId, name: &str, labels: Vec<String>) -> Element {
        let kind = schema.kind(kind);
        Element {
            name: name.to_owned(),
            relation: (kind.layer().to_owned(), kind.noun().to_owned()),
            labels,
            properties: (kind_columns(kind).enumerate())
                .map(|(column, (name, of))| Property::of_column(name, of, Some(column)))
                .collect(),
            held: Held::Kind(kind.id),
        }
    }
}

impl Property {
    pub(crate) fn of_column(name: &str, of: Type, column: Option<usize>) -> Property {
        Property { name: name.to_owned(), of, text: quoted(name), column }
    }
}

/// As an identifier of SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl PropertyGraph {
    /// Every graph that is there without being created.
    pub(crate) fn built_in(schema: &Schema) -> [PropertyGraph; 2] {
        let labels = Labels::new(schema);
        [PropertyGraph::model(schema, &labels), PropertyGraph::cabling(schema, &labels)]
    }

    /// A built-in graph by name.
    pub(crate) fn find_built_in(name: &str, schema: &Schema) -> Option<PropertyGraph> {
        let labels = Labels::new(schema);
        match name {
            MODEL => Some(PropertyGraph::model(schema, &labels)),
            CABLING => Some(PropertyGraph::cabling(schema, &labels)),
            _ => None,
        }
    }

    /// Every kind is a vertex table, every reference an edge table, and so are cables.
    fn model(schema: &Schema, references: &Labels) -> PropertyGraph {
        let vertices = (schema.kinds().iter())
            .map(|kind| {
                let labels = vec![kind.noun().to_owned(), kind.name.to_string()];
                Element::of_kind(schema, kind.id, &kind.name, labels)
            })
            .collect();
        let mut edges: Vec<EdgeElement> = references
            .all()
            .map(|label| {
                let (kind_id, attribute) = references.attribute(label);
                let kind = schema.kind(kind_id);
                let attribute = &kind.attributes[attribute];
                let mut labels =
                    vec![attribute.name.to_string(), format!("{kind}.{}", attribute.name)];
                labels.push(REFERENCE.to_owned());
                labels.extend(attribute.containment.then(|| CONTAINMENT.to_owned()));
                let chain = Chain {
                    steps: vec![ChainStep { label, way: Way::Along }],
                    owner_after: 0,
                    working: false,
                    source: Some(kind_id),
                    target: None,
                };
                EdgeElement {
                    element: Element::of_kind(schema, kind_id, &attribute.name, labels),
                    ends: (Some(usize::from(kind_id.0)), None),
                    joined: Joined::Chain(chain),
                }
            })
            .collect();
        if let Some(cables) = Cables::of(schema, references) {
            let port = Some(usize::from(cables.port.0));
            let device = Some(usize::from(cables.device.0));
            edges.push(cables.edge(schema, CABLE, cables.between_ports(), (port, port)));
            edges.push(cables.edge(schema, CABLING, cables.between_devices(), (device, device)));
        }
        PropertyGraph { name: MODEL.into(), database: String::new(), vertices, edges }
    }

    /// Devices, and the working cables between them.
    fn cabling(schema: &Schema, references: &Labels) -> PropertyGraph {
        let (mut vertices, mut edges) = (Vec::new(), Vec::new());
        if let Some(cables) = Cables::of(schema, references) {
            let labels = vec!["device".to_owned(), "physical.device".to_owned()];
            vertices.push(Element::of_kind(schema, cables.device, "device", labels));
            edges.push(cables.edge(schema, CABLE, cables.between_devices(), (Some(0), Some(0))));
        }
        PropertyGraph { name: CABLING.into(), database: String::new(), vertices, edges }
    }
}

/// The references that make cables.
struct Cables {
    device: KindId,
    port: KindId,
    link: KindId,
    port_device: Label,
    a: Label,
    b: Label,
}

impl Cables {
    /// `None`: the schema knows no cables.
    fn of(schema: &Schema, references: &Labels) -> Option<Cables> {
        let label = |kind: &str, attribute: &str| {
            let kind = schema.find(kind)?;
            references.find(kind.id, kind.attribute(attribute)?)
        };
        Some(Cables {
            device: schema.find("physical.device")?.id,
            port: schema.find("physical.port")?.id,
            link: schema.find("physical.link")?.id,
            port_device: label("physical.port", "device")?,
            a: label("physical.link", "a")?,
            b: label("physical.link", "b")?,
        })
    }

    fn between_ports(&self) -> Chain {
        let steps = vec![
            ChainStep { label: self.a, way: Way::Against },
            ChainStep { label: self.b, way: Way::Along },
        ];
        let (source, target) = (Some(self.port), Some(self.port));
        Chain { steps, owner_after: 1, working: false, source, target }
    }

    /// Only over cables, ports and devices that work: what does not joins nothing.
    fn between_devices(&self) -> Chain {
        let mut steps = self.between_ports().steps;
        steps.insert(0, ChainStep { label: self.port_device, way: Way::Against });
        steps.push(ChainStep { label: self.port_device, way: Way::Along });
        let (source, target) = (Some(self.device), Some(self.device));
        Chain { steps, owner_after: 2, working: true, source, target }
    }

    fn edge(
        &self,
        schema: &Schema,
        name: &str,
        chain: Chain,
        ends: (Option<usize>, Option<usize>),
    ) -> EdgeElement {
        let element = Element::of_kind(schema, self.link, name, vec![name.to_owned()]);
        EdgeElement { element, ends, joined: Joined::Chain(chain) }
    }
}

/// Whether a kind's own columns name it.
pub(crate) fn is_id(columns: &[String]) -> bool {
    columns == [ID]
}

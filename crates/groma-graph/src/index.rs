//! Who refers to whom, forward and backward, at one version; made from the version before it.
//!
//! ```text
//! Snapshot --build--> Index --updated(diff)--> Index of the next version
//! ```
//!
//! Every entity has a number and the lists of its references and of those to it. Numbers stay from
//! version to version; lists that did not change are shared. An edge whose target is not in the model
//! is kept, so that it is there at once when the target comes; readers skip it.
//!
//! **Invariant:** lists are in the order of labels and keys, so that answers do not depend on numbers.
//! **Invariant:** an index that was updated holds what one built from nothing holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groma_model::{EntityRef, KindId, Schema, Timestamp, Value};
use groma_store::{Entity, Snapshot};
use imbl::OrdMap;

use crate::chunks::Chunks;
use crate::flat::Flats;
use crate::labels::{Label, Labels};

/// Number of an entity in an [`Index`] and those made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u32);

/// One reference, seen from one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Which attribute of which kind.
    pub label: Label,
    /// The entity at the other end.
    pub other: NodeIndex,
}

/// Which way along a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the entity that holds the reference to its target.
    Along,
    /// From the target to the entity that holds it.
    Against,
}

impl Way {
    /// The other way.
    pub fn back(self) -> Way {
        match self {
            Way::Along => Way::Against,
            Way::Against => Way::Along,
        }
    }
}

#[derive(Debug, Clone)]
struct Node {
    id: EntityRef,
    /// `false`: it is only referred to, or gone.
    exists: bool,
    /// Not said to be down or out of band.
    works: bool,
    /// By label, then by the target's kind and key.
    out: Arc<[Edge]>,
    /// By label, then by the holder's key.
    into: Arc<[Edge]>,
    /// Entities that name this one and whose references lead to another, since it is an alias. May
    /// hold some that do so no more.
    named_by: Arc<[NodeIndex]>,
}

/// All references of a snapshot. `clone` costs O(nodes / 256).
#[derive(Debug, Clone)]
pub struct Index {
    schema: Arc<Schema>,
    labels: Arc<Labels>,
    at: Timestamp,
    nodes: Chunks<Node>,
    /// By kind number, then by key.
    numbers: Vec<OrdMap<Arc<str>, NodeIndex>>,
    /// By kind number, how many exist.
    counts: Vec<u32>,
    /// Where chains lead in this version, those that are asked often.
    pub(crate) flats: Arc<Flats>,
}

/// Numbers of entities that are gone are taken back when they are more than those that exist.
const GONE_MIN: usize = 1024;

impl Index {
    /// From nothing, of what holds at `at`. Cost: O(references · log entities).
    pub fn build(snapshot: &Snapshot, at: Timestamp) -> Index {
        let schema = Arc::clone(snapshot.schema());
        let kinds = schema.kinds().len();
        let mut index = Index {
            labels: Arc::new(Labels::new(&schema)),
            schema,
            at,
            nodes: Chunks::default(),
            numbers: vec![OrdMap::new(); kinds],
            counts: vec![0; kinds],
            flats: Arc::default(),
        };
        for entity in snapshot.all_entities() {
            let number = index.number(entity.id());
            index.settle(number, Some(entity));
        }
        let mut into: Vec<Vec<Edge>> = vec![Vec::new(); index.nodes.len()];
        for entity in snapshot.all_entities() {
            let number = index.number(entity.id());
            let out = index.references(entity, number, snapshot);
            into.resize(index.nodes.len(), Vec::new());
            for edge in &out {
                // Entities come in the order of kinds and keys, so the lists grow in their order.
                into[edge.other.0 as usize].push(Edge { label: edge.label, other: number });
            }
            index.nodes.get_mut(number.0 as usize).out = out.into();
        }
        for (number, mut edges) in into.into_iter().enumerate().filter(|(_, into)| !into.is_empty())
        {
            edges.sort_by_key(|edge| edge.label);
            index.nodes.get_mut(number).into = edges.into();
        }
        index
    }

    /// The index of `after`, given that this is the index of `before`.
    /// Cost: O(differences · (log entities + references of and to what differs)).
    #[must_use]
    pub fn updated(&self, before: &Snapshot, after: &Snapshot) -> Index {
        let many_gone = self.nodes.len() > 2 * self.node_count() + GONE_MIN;
        if many_gone || !Arc::ptr_eq(&self.schema, after.schema()) {
            return Index::build(after, self.at);
        }
        let mut next = Index { flats: Arc::default(), ..self.clone() };
        let mut touched = BTreeSet::new();
        for difference in before.diff(after) {
            let (before, after) = (difference.before.as_deref(), difference.after.as_deref());
            let Some(entity) = after.or(before) else { continue };
            let number = next.number(entity.id());
            touched.insert(number);
            if next.settle(number, after) {
                // Whether it is there decides where references that name it lead.
                let node = &next.nodes[number.0 as usize];
                touched.extend(node.into.iter().map(|edge| edge.other));
                touched.extend(node.named_by.iter());
            }
        }
        next.refer_anew(&touched, after);
        next
    }

    fn refer_anew(&mut self, touched: &BTreeSet<NodeIndex>, snapshot: &Snapshot) {
        let mut changed: BTreeMap<NodeIndex, Vec<(Edge, bool)>> = BTreeMap::new();
        for number in touched {
            let id = self.nodes[number.0 as usize].id.clone();
            let entity = snapshot.entity(&id).filter(|entity| *entity.id() == id);
            let out =
                entity.map_or_else(Vec::new, |entity| self.references(entity, *number, snapshot));
            let node = self.nodes.get_mut(number.0 as usize);
            let before = std::mem::replace(&mut node.out, out.into());
            let after = Arc::clone(&node.out);
            let set = |edges: &[Edge]| -> BTreeSet<Edge> { edges.iter().copied().collect() };
            let (before, after) = (set(&before), set(&after));
            let mut note = |edge: &Edge, added| {
                let back = Edge { label: edge.label, other: *number };
                changed.entry(edge.other).or_default().push((back, added));
            };
            before.difference(&after).for_each(|edge| note(edge, false));
            after.difference(&before).for_each(|edge| note(edge, true));
        }
        for (number, changes) in changed {
            let gone: BTreeSet<Edge> =
                changes.iter().filter(|(_, added)| !added).map(|(edge, _)| *edge).collect();
            let node = &self.nodes[number.0 as usize];
            let mut into: Vec<Edge> =
                node.into.iter().copied().filter(|edge| !gone.contains(edge)).collect();
            into.extend(changes.iter().filter(|(_, added)| *added).map(|(edge, _)| *edge));
            into.sort_by(|a, b| self.order(a, b));
            self.nodes.get_mut(number.0 as usize).into = into.into();
        }
    }

    /// The number of an entity, a new one if it has none.
    fn number(&mut self, id: &EntityRef) -> NodeIndex {
        let numbers = &mut self.numbers[usize::from(id.kind.0)];
        if let Some(number) = numbers.get(&id.key) {
            return *number;
        }
        let number = NodeIndex(self.nodes.len() as u32);
        numbers.insert(Arc::clone(&id.key), number);
        let (out, into, named_by) = (Arc::default(), Arc::default(), Arc::default());
        self.nodes.push(Node { id: id.clone(), exists: false, works: true, out, into, named_by });
        number
    }

    /// Notes whether the entity exists and works. Gives whether it came or went.
    fn settle(&mut self, number: NodeIndex, entity: Option<&Entity>) -> bool {
        let (schema, at) = (Arc::clone(&self.schema), self.at);
        let node = self.nodes.get_mut(number.0 as usize);
        let existed = node.exists;
        node.exists = entity.is_some();
        node.works = entity.is_none_or(|entity| works(entity, &schema, at));
        let count = &mut self.counts[usize::from(node.id.kind.0)];
        *count = *count + u32::from(node.exists) - u32::from(existed);
        node.exists != existed
    }

    /// The references of an entity, in order, each once.
    fn references(&mut self, entity: &Entity, holder: NodeIndex, snapshot: &Snapshot) -> Vec<Edge> {
        let labels = Arc::clone(&self.labels);
        let mut edges = Vec::new();
        for (label, attribute) in labels.of(entity.id().kind) {
            let targets = match entity.value_at(attribute, self.at) {
                Some(Value::Reference(target)) => std::slice::from_ref(target),
                Some(Value::References(targets)) => targets,
                _ => continue,
            };
            for target in targets {
                edges.push(Edge { label, other: self.target(target, holder, snapshot) });
            }
        }
        edges.sort_by(|a, b| self.order(a, b));
        edges.dedup();
        edges
    }

    /// Where a reference leads: to what it names, or to what that is an alias of.
    fn target(&mut self, named: &EntityRef, holder: NodeIndex, snapshot: &Snapshot) -> NodeIndex {
        let number = self.number(named);
        if self.nodes[number.0 as usize].exists {
            return number;
        }
        let Some(entity) = snapshot.entity(named).filter(|entity| *entity.id() != *named) else {
            return number;
        };
        let node = self.nodes.get_mut(number.0 as usize);
        if !node.named_by.contains(&holder) {
            node.named_by = node.named_by.iter().copied().chain([holder]).collect();
        }
        self.number(&entity.id().clone())
    }

    fn order(&self, a: &Edge, b: &Edge) -> std::cmp::Ordering {
        let id = |edge: &Edge| &self.nodes[edge.other.0 as usize].id;
        a.label.cmp(&b.label).then_with(|| id(a).cmp(id(b)))
    }

    /// The schema whose references it holds.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The labels of its edges.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The time at which its references hold.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// All numbers given are below this one.
    pub fn nodes_end(&self) -> usize {
        self.nodes.len()
    }

    /// How many entities exist.
    pub fn node_count(&self) -> usize {
        self.counts.iter().map(|count| *count as usize).sum()
    }

    /// How many references lead to entities that exist. Cost: O(references).
    pub fn edge_count(&self) -> usize {
        let leads = |edge: &&Edge| self.exists(edge.other);
        self.nodes.iter().map(|node| node.out.iter().filter(leads).count()).sum()
    }

    /// How many entities of a kind exist.
    pub fn count(&self, kind: KindId) -> usize {
        self.counts[usize::from(kind.0)] as usize
    }

    /// The entities of a kind that exist, in the order of their keys.
    pub fn nodes(&self, kind: KindId) -> impl Iterator<Item = NodeIndex> {
        self.numbers[usize::from(kind.0)].values().copied().filter(|number| self.exists(*number))
    }

    /// The number of an entity that exists.
    pub fn find(&self, kind: KindId, key: &str) -> Option<NodeIndex> {
        let number = self.numbers[usize::from(kind.0)].get(key).copied();
        number.filter(|number| self.exists(*number))
    }

    /// The numbers of those that exist, of many keys. Cost: O(1) each if they come in their order.
    pub fn find_all<'a>(
        &'a self,
        kind: KindId,
        keys: impl Iterator<Item = &'a str> + 'a,
    ) -> impl Iterator<Item = NodeIndex> + 'a {
        let mut next = self.nodes(kind).peekable();
        keys.filter_map(move |key| {
            while next.next_if(|node| *self.id(*node).key < *key).is_some() {}
            let found = next.next_if(|node| *self.id(*node).key == *key);
            found.or_else(|| self.find(kind, key))
        })
    }

    /// The entity of a number.
    pub fn id(&self, number: NodeIndex) -> &EntityRef {
        &self.nodes[number.0 as usize].id
    }

    /// Whether the entity is in the model; one may be only referred to.
    pub fn exists(&self, number: NodeIndex) -> bool {
        self.nodes[number.0 as usize].exists
    }

    /// Whether nobody says that it is down (`up = false`) or of the management network
    /// (`out_of_band = true`).
    pub fn works(&self, number: NodeIndex) -> bool {
        self.nodes[number.0 as usize].works
    }

    /// All references of an entity, or all to it; those to entities that do not exist included.
    pub fn edges(&self, number: NodeIndex, way: Way) -> &[Edge] {
        let node = &self.nodes[number.0 as usize];
        match way {
            Way::Along => &node.out,
            Way::Against => &node.into,
        }
    }

    /// Those of one label.
    pub fn labelled(&self, number: NodeIndex, way: Way, label: Label) -> &[Edge] {
        let edges = self.edges(number, way);
        let start = edges.partition_point(|edge| edge.label < label);
        let length = edges[start..].partition_point(|edge| edge.label == label);
        &edges[start..start + length]
    }
}

fn works(entity: &Entity, schema: &Schema, at: Timestamp) -> bool {
    let kind = schema.kind(entity.id().kind);
    let says = |name: &str, truth: bool| {
        let value = kind.attribute(name).and_then(|attribute| entity.value_at(attribute, at));
        value == Some(&Value::Boolean(truth))
    };
    !says("up", false) && !says("out_of_band", true)
}

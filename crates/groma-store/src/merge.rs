//! Three-way merges: what one database has said since both were the same goes into the other.
//!
//! ```text
//!             base (the last state that both have taken in)
//!            /    \
//!       ours        theirs     what theirs changed --cells--> taken, combined, or a conflict
//! ```
//!
//! A merge keeps facts as they are, with their own source and times. It decides by attribute: where
//! only one side changed what is believed, that is believed afterwards; where both did, differently,
//! it is a conflict. Hearing the same again is no change.

mod cell;

use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Schema, Source, Timestamp, Value};
use rustc_hash::FxHashMap;

use crate::change::{add, replace};
use crate::{
    Change, Commit, Database, Difference, Entity, MergedFrom, Snapshot, State, StoreError,
};
use cell::{Cell, merge_cell, says_same};

/// One side of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The database that is merged into.
    Ours,
    /// The database that is merged.
    Theirs,
}

/// What becomes of conflicts, and of single changes.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    /// For conflicts that are not decided one by one; `None`: they stay conflicts.
    pub otherwise: Option<Side>,
    /// For an attribute, or with `None` for all of an entity; also for what is no conflict.
    pub chosen: FxHashMap<(EntityRef, Option<AttributeIndex>), Side>,
}

/// What a merge does with one attribute or entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Only theirs changed: it is taken.
    Taken,
    /// Both changed: the facts of both are kept, and what one of them changed is believed.
    Combined,
    /// Both changed what is believed, differently, and nobody has decided.
    Conflict,
    /// It was decided to keep ours.
    Ours,
    /// It was decided to take theirs.
    Theirs,
}

impl Resolution {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Resolution::Taken => "taken",
            Resolution::Combined => "combined",
            Resolution::Conflict => "conflict",
            Resolution::Ours => "ours",
            Resolution::Theirs => "theirs",
        }
    }
}

/// What differs and what becomes of it.
#[derive(Debug, Clone)]
pub struct MergeRow {
    /// What it is about.
    pub entity: EntityRef,
    /// Which attribute; `None`: whether the entity is there at all.
    pub attribute: Option<AttributeIndex>,
    /// The entity when both were the same; `None`: it was not there.
    pub base: Option<Arc<Entity>>,
    /// The entity where it is merged into; `None`: it is not there.
    pub ours: Option<Arc<Entity>>,
    /// The entity in the database that is merged; `None`: it is not there.
    pub theirs: Option<Arc<Entity>>,
    /// What becomes of it.
    pub resolution: Resolution,
}

/// A merge that was thought through and not yet committed.
#[derive(Debug, Clone)]
pub struct Merge {
    pub(crate) from: Planned,
    pub(crate) into: Planned,
    pub(crate) rows: Vec<MergeRow>,
    changes: Vec<Change>,
    conflicts: usize,
}

/// A database as it was when the merge was planned.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) name: Arc<str>,
    pub(crate) state: State,
}

impl Planned {
    fn of(database: &Database) -> Planned {
        Planned { name: Arc::clone(database.name()), state: database.state() }
    }
}

impl Merge {
    /// Thinks through a merge of `from` into `into`; nothing is changed.
    /// Cost: O(what `from` changed · log entities), whatever there is else.
    pub fn plan(from: &Database, into: &Database, decisions: &Decisions) -> Merge {
        let (theirs, ours) = (from.snapshot(), into.snapshot());
        let mut planner = Planner { decisions, rows: Vec::new(), changes: Vec::new() };
        if from.id() == into.id() {
            // Nothing to merge.
        } else if let Some(overlay) =
            from.overlay().filter(|_| from.template_id() == Some(into.id()))
        {
            for (base, theirs) in overlay.changes(theirs) {
                planner.entity(ours, base, theirs);
            }
        } else if let Some(base) = common_state(from, into) {
            for Difference { before, after } in base.diff_said(theirs) {
                planner.entity(ours, before, after);
            }
        }
        let Planner { rows, mut changes, .. } = planner;
        if from.id() != into.id() {
            changes.extend(theirs.declared_beyond(ours));
        }
        let conflicts = rows.iter().filter(|row| row.resolution == Resolution::Conflict).count();
        Merge { from: Planned::of(from), into: Planned::of(into), rows, changes, conflicts }
    }

    /// What differs and what becomes of it, by kind, key and attribute.
    pub fn rows(&self) -> &[MergeRow] {
        &self.rows
    }

    /// How many of them nobody has decided.
    pub fn conflicts(&self) -> usize {
        self.conflicts
    }

    /// The changes to the database that is merged into.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Its changes go into the commit; its rows stay.
    pub(crate) fn take_commit(&mut self, source: Source, heard_at: Timestamp) -> Commit {
        let Planned { name, state } = &self.from;
        let merged_from = MergedFrom { name: Arc::clone(name), version: state.version() };
        let changes = std::mem::take(&mut self.changes);
        Commit { merged_from: Some(merged_from), ..Commit::new(source, heard_at, changes) }
    }

    pub(crate) fn refusal(&self, schema: &Schema) -> StoreError {
        const NAMED_MAX: usize = 3;
        let conflicts = self.rows.iter().filter(|row| row.resolution == Resolution::Conflict);
        let first = conflicts.take(NAMED_MAX).map(|row| row.describe(schema)).collect();
        StoreError::Conflicts {
            from: self.from.name.to_string(),
            into: self.into.name.to_string(),
            count: self.conflicts,
            first,
        }
    }
}

impl MergeRow {
    /// What is believed of the attribute when both were the same.
    pub fn base_value(&self) -> Option<&Value> {
        value(self.base.as_ref(), self.attribute)
    }

    /// What is believed of the attribute where it is merged into.
    pub fn our_value(&self) -> Option<&Value> {
        value(self.ours.as_ref(), self.attribute)
    }

    /// What is believed of the attribute in the database that is merged.
    pub fn their_value(&self) -> Option<&Value> {
        value(self.theirs.as_ref(), self.attribute)
    }

    fn describe(&self, schema: &Schema) -> String {
        let kind = schema.kind(self.entity.kind);
        let entity = format!("{kind} {}", self.entity.key);
        let Some(index) = self.attribute else {
            let gone = if self.theirs.is_none() { "removed by theirs" } else { "removed by ours" };
            return format!("{entity}: {gone}, changed by the other");
        };
        let attribute = &kind.attributes[index];
        let print = |value: Option<&Value>| {
            value.map_or_else(|| "nothing".to_owned(), |value| value.print(&attribute.of, schema))
        };
        let (ours, theirs) = (print(self.our_value()), print(self.their_value()));
        format!("{entity} {}: {ours} or {theirs}", attribute.name)
    }
}

fn value(entity: Option<&Arc<Entity>>, attribute: Option<AttributeIndex>) -> Option<&Value> {
    entity?.value(attribute?)
}

/// The last state that both databases have taken in. Every two share one of `live` at least.
pub(crate) fn common_state<'a>(one: &'a Database, other: &'a Database) -> Option<&'a Snapshot> {
    let own = [(one.id(), one.snapshot())];
    let states = one.known().iter().filter(|(id, _)| *id != one.id()).chain(own);
    let shared = states.filter_map(|(id, state)| {
        let others = if id == other.id() { Some(other.snapshot()) } else { other.known().of(id) }?;
        Some(if others.version() < state.version() { others } else { state })
    });
    // A later state has taken in what an earlier one had, where one comes from the other.
    shared.max_by_key(|state| state.version())
}

/// How many attributes and entities a database has changed since its template last took something
/// from it. Without its template: since it was made. Cost: O(changes).
pub fn own_changes(database: &Database, template: Option<&Database>) -> u64 {
    if let Some(overlay) = database.overlay() {
        return overlay.own_count();
    }
    let Some(template_id) = database.template_id() else { return 0 };
    let template = template.filter(|template| template.id() == template_id);
    let base = template.and_then(|template| common_state(database, template));
    let Some(base) = base.or_else(|| database.known().of(template_id)) else { return 0 };
    base.diff_said(database.snapshot()).iter().map(cells_that_differ).sum()
}

fn cells_that_differ(difference: &Difference) -> u64 {
    let (Some(before), Some(after)) = (&difference.before, &difference.after) else { return 1 };
    let attributes = 0..before.attributes_end().max(after.attributes_end());
    attributes.filter(|index| before.facts(*index) != after.facts(*index)).count() as u64
}

struct Planner<'a> {
    decisions: &'a Decisions,
    rows: Vec<MergeRow>,
    changes: Vec<Change>,
}

impl Planner<'_> {
    fn entity(&mut self, ours: &Snapshot, base: Option<Arc<Entity>>, theirs: Option<Arc<Entity>>) {
        let Some(id) = base.as_ref().or(theirs.as_ref()).map(|entity| entity.id().clone()) else {
            return;
        };
        let ours = ours.said_of(id.kind, &id.key).cloned();
        let attribute = None;
        let mut row =
            MergeRow { entity: id, attribute, base, ours, theirs, resolution: Resolution::Taken };
        match (&row.base, &row.ours, &row.theirs) {
            (_, None, None) | (None, Some(_), None) => {}
            (Some(base), Some(ours), None) => {
                row.resolution = self.resolve(&row, !same(base, ours));
                if row.is_taken() {
                    self.changes.push(Change::Remove { entity: row.entity.clone() });
                }
                self.rows.push(row);
            }
            (Some(base), None, Some(theirs)) => {
                if same(base, theirs) {
                    return;
                }
                row.resolution = self.resolve(&row, true);
                if row.is_taken() {
                    add(theirs, &mut self.changes);
                }
                self.rows.push(row);
            }
            (None, None, Some(_)) => self.added(row),
            (_, Some(_), Some(_)) => self.cells(row),
        }
    }

    /// An entity that only theirs has.
    fn added(&mut self, mut row: MergeRow) {
        let Some(theirs) = row.theirs.clone() else { return };
        let attributes: Vec<_> =
            (0..theirs.attributes_end()).filter(|index| !theirs.facts(*index).is_empty()).collect();
        row.resolution = self.resolve(&row, false);
        if row.is_taken() {
            self.changes.push(Change::Exists { entity: row.entity.clone() });
        }
        if attributes.is_empty() || !row.is_taken() {
            self.rows.push(row);
            return;
        }
        for index in attributes {
            let mut row = MergeRow { attribute: Some(index), ..row.clone() };
            row.resolution = self.resolve(&row, false);
            if row.is_taken() {
                replace(&row.entity, index, &[], theirs.facts(index), &mut self.changes);
            }
            self.rows.push(row);
        }
    }

    /// An entity that both have.
    fn cells(&mut self, row: MergeRow) {
        let (Some(ours), Some(theirs)) = (row.ours.clone(), row.theirs.clone()) else { return };
        let base = row.base.clone().unwrap_or_else(|| Arc::new(theirs.emptied()));
        for index in 0..base.attributes_end().max(theirs.attributes_end()) {
            let merged = match merge_cell(&base, &ours, &theirs, index) {
                Cell::Kept => continue,
                merged => merged,
            };
            let mut row = MergeRow { attribute: Some(index), ..row.clone() };
            row.resolution = self.resolve(&row, matches!(merged, Cell::Conflict));
            let combined = match merged {
                Cell::Combined(facts) if row.resolution == Resolution::Taken => {
                    row.resolution = Resolution::Combined;
                    Some(facts)
                }
                _ => None,
            };
            if row.is_taken() {
                let wanted = combined.as_deref().unwrap_or_else(|| theirs.facts(index));
                replace(&row.entity, index, ours.facts(index), wanted, &mut self.changes);
            }
            self.rows.push(row);
        }
    }

    fn resolve(&self, row: &MergeRow, is_conflict: bool) -> Resolution {
        let chosen = |attribute| self.decisions.chosen.get(&(row.entity.clone(), attribute));
        let chosen = if self.decisions.chosen.is_empty() {
            None
        } else {
            chosen(row.attribute).or_else(|| chosen(None)).copied()
        };
        match chosen.or(self.decisions.otherwise.filter(|_| is_conflict)) {
            Some(Side::Ours) => Resolution::Ours,
            Some(Side::Theirs) => Resolution::Theirs,
            None if is_conflict => Resolution::Conflict,
            None => Resolution::Taken,
        }
    }
}

impl MergeRow {
    fn is_taken(&self) -> bool {
        matches!(self.resolution, Resolution::Taken | Resolution::Combined | Resolution::Theirs)
    }
}

/// Whether two states of an entity say the same, whenever it was heard.
fn same(a: &Entity, b: &Entity) -> bool {
    a.attributes_end() == b.attributes_end()
        && (0..a.attributes_end()).all(|index| says_same(a.facts(index), b.facts(index)))
}

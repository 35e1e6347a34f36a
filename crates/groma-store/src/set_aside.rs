//! Facts that the schema of today has no place for. They stay in the journal and come back when the
//! schema does; until then they are problems.

use std::collections::BTreeMap;
use std::sync::Arc;

use groma_model::{AttributeIndex, EntityRef, Problem, Schema, Source, Timestamp};
use imbl::OrdMap;

use crate::Change;

/// How many values that do not fit a database lists one by one; those beyond are counted.
pub const UNFIT_KEPT_MAX: usize = 10_000;

/// What of one entry of the journal does not fit the schema of today.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Aside {
    /// Changes by the kind, or kind and attribute, that the schema no longer has.
    pub(crate) gone: BTreeMap<String, u64>,
    /// Values that their attribute cannot hold, at most [`UNFIT_KEPT_MAX`].
    pub(crate) unfit: Vec<(Place, Unfit)>,
    /// How many more there are.
    pub(crate) unfit_more: u64,
}

/// Where a value would be; another fact in this place takes its place.
pub(crate) type Place = (EntityRef, AttributeIndex, Source, Timestamp);

/// A value that its attribute cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) given: String,
    pub(crate) reason: String,
}

impl Aside {
    pub(crate) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.unfit.is_empty()
    }
}

/// All that one database has set aside.
#[derive(Debug, Clone, Default)]
pub(crate) struct SetAside {
    gone: OrdMap<Arc<str>, u64>,
    unfit: OrdMap<Place, Unfit>,
    unfit_more: u64,
    /// Of the last entry with something to set aside, our clock.
    pub(crate) heard_at: Timestamp,
}

impl SetAside {
    pub(crate) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.unfit.is_empty() && self.unfit_more == 0
    }

    pub(crate) fn take(&mut self, aside: Aside, heard_at: Timestamp) {
        self.heard_at = heard_at;
        for (what, count) in aside.gone {
            *self.gone.entry(what.into()).or_default() += count;
        }
        self.unfit_more += aside.unfit_more;
        for (place, unfit) in aside.unfit {
            if self.unfit.len() < UNFIT_KEPT_MAX {
                self.unfit.insert(place, unfit);
            } else {
                self.unfit_more += 1;
            }
        }
    }

    /// Forgets values in whose place others have come, or whose entity is gone.
    pub(crate) fn forget(&mut self, changes: &[Change]) {
        if self.unfit.is_empty() {
            return;
        }
        for change in changes {
            match change {
                Change::Assert { entity, attribute, fact } => {
                    let source = Arc::clone(&fact.source);
                    self.unfit.remove(&(entity.clone(), *attribute, source, fact.valid.from));
                }
                Change::Retract { entity, attribute, source, valid_from } => {
                    let source = Arc::clone(source);
                    self.unfit.remove(&(entity.clone(), *attribute, source, *valid_from));
                }
                Change::Remove { entity } => {
                    let first = (entity.clone(), AttributeIndex::MIN, "".into(), Timestamp::MIN);
                    let of_it = self.unfit.range(first..).take_while(|((of, ..), _)| of == entity);
                    let gone: Vec<_> = of_it.map(|(place, _)| place.clone()).collect();
                    gone.iter().for_each(|place| drop(self.unfit.remove(place)));
                }
                _ => {}
            }
        }
    }

    /// How many changes about a kind, or a kind and attribute, are set aside.
    pub(crate) fn gone(&self, what: &str) -> u64 {
        self.gone.get(what).copied().unwrap_or(0)
    }

    pub(crate) fn problems(&self, schema: &Schema) -> Vec<Problem> {
        let gone = self.gone.iter().map(|(what, count)| {
            let reason = format!("{count} changes are set aside: the schema no longer has this");
            Problem::new(&**what, "", reason)
        });
        let unfit = self.unfit.iter().map(|((entity, ..), unfit)| {
            let reason = format!("{}; the value is set aside", unfit.reason);
            Problem::new(schema.print(entity), &unfit.given, reason)
        });
        let more = (0 < self.unfit_more).then(|| {
            let reason = format!("{} more values are set aside", self.unfit_more);
            Problem::new("", "", reason)
        });
        gone.chain(unfit).chain(more).collect()
    }
}

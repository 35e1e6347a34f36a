//! The model as it is now, where something was said to begin or end later than it was heard.
//!
//! ```text
//! shown --Bounds--> what begins or ends after now --as_of--> entities whose last facts are those of now
//! ```
//!
//! A snapshot has no clock: its last facts are those of the end of time. Few sources speak of what is
//! to come, so that the bounds of those that do are kept aside, and most questions find none.

use std::collections::BTreeSet;
use std::sync::Arc;

use groma_model::{EntityRef, Fact, Interval, Timestamp};
use imbl::OrdSet;

use crate::{Entity, Merged, Snapshot};

/// When something begins or ends that was known of before: facts as they are shown, and merges.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds(OrdSet<(Timestamp, Of, EntityRef)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Facts,
    Merge,
}

impl Snapshot {
    /// The last time until `now` at which something began or ended that was known of before, if
    /// something else is still to come: until that comes, [`Snapshot::as_of`] stays the same.
    /// [`Timestamp::MIN`]: nothing has yet. `None`: nothing is to come.
    pub fn bound_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.reconciled().bounds().around(now)
    }

    /// The same, as it is at a time after all that was heard: what begins later is not there, what
    /// ends later has no end yet, and a merge holds if its range contains that time. What was said,
    /// and what had ended before, stays. Cost: O(entities about which something is to come).
    #[must_use]
    pub fn as_of(&self, now: Timestamp) -> Snapshot {
        let later = self.reconciled().bounds().after(now);
        self.looked_at_from(now, later)
    }
}

impl Bounds {
    pub(crate) fn exchange_facts(
        &mut self,
        id: &EntityRef,
        before: Option<&Entity>,
        after: Option<&Entity>,
    ) {
        self.exchange(Of::Facts, id, before.map(of_facts), after.map(of_facts));
    }

    pub(crate) fn exchange_merges(&mut self, id: &EntityRef, before: &[Merged], after: &[Merged]) {
        let of_merges =
            |merged: &[Merged]| merged.iter().flat_map(|one| finite(one.valid)).collect();
        self.exchange(Of::Merge, id, Some(of_merges(before)), Some(of_merges(after)));
    }

    fn exchange(
        &mut self,
        of: Of,
        id: &EntityRef,
        before: Option<Vec<Timestamp>>,
        after: Option<Vec<Timestamp>>,
    ) {
        for bound in before.into_iter().flatten() {
            self.0.remove(&(bound, of, id.clone()));
        }
        self.0.extend(after.into_iter().flatten().map(|bound| (bound, of, id.clone())));
    }

    fn after(&self, now: Timestamp) -> BTreeSet<EntityRef> {
        let later = self.0.iter().rev().take_while(|(bound, ..)| now < *bound);
        later.map(|(_, _, id)| id.clone()).collect()
    }

    fn around(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.get_max().filter(|(last, ..)| now < *last)?;
        let until = (
            Timestamp(now.0 + 1),
            Of::Facts,
            EntityRef { kind: groma_model::KindId(0), key: "".into() },
        );
        let before = self.0.range(..until).next_back();
        Some(before.map_or(Timestamp::MIN, |(bound, ..)| *bound))
    }
}

/// What was known of before; all else was there when it was heard, or was over.
fn of_facts(entity: &Entity) -> Vec<Timestamp> {
    let bounds = entity.all_facts().flat_map(|(_, fact)| {
        finite(fact.valid).into_iter().filter(|bound| fact.heard_at < *bound)
    });
    bounds.collect()
}

fn finite(valid: Interval) -> impl IntoIterator<Item = Timestamp> {
    let is_finite = |bound: &Timestamp| ![Timestamp::MIN, Timestamp::MAX].contains(bound);
    [valid.from, valid.to].into_iter().filter(is_finite)
}

/// Whether a fact begins or ends after `now`.
pub(crate) fn is_to_come(fact: &Fact, now: Timestamp) -> bool {
    now < fact.valid.from || (now < fact.valid.to && fact.valid.to != Timestamp::MAX)
}

/// An entity whose last facts are those of `now`. `None`: nothing of it has begun.
pub(crate) fn as_of(entity: Arc<Entity>, now: Timestamp) -> Option<Arc<Entity>> {
    if !entity.all_facts().any(|(_, fact)| is_to_come(fact, now)) {
        return Some(entity);
    }
    let mut present = entity.emptied();
    for (attribute, fact) in entity.all_facts().filter(|(_, fact)| fact.valid.from <= now) {
        let mut fact = fact.clone();
        if now < fact.valid.to {
            fact.valid.to = Timestamp::MAX;
        }
        present.assert(attribute, &fact);
    }
    present.shrink();
    (present.fact_count() > 0).then(|| Arc::new(present))
}

//! Which of two facts is believed, and why.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use groma_model::{AttributeIndex, Fact, KindId, Says, Schema, Source};

/// Why a fact is believed rather than another one, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It tells what is, the other one what should be.
    Observed,
    /// The source of the other one is stale or fails.
    Fresher,
    /// Its source ranks before the other one for this attribute.
    Rank,
    /// It was observed later.
    ObservedLater,
    /// It was heard later.
    HeardLater,
    /// Nothing tells them apart but the names of their sources, of which the last counts.
    SourceName,
    /// Both are of one source; it holds since later.
    StartsLater,
}

impl Reason {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Observed => "observed",
            Reason::Fresher => "fresher",
            Reason::Rank => "rank",
            Reason::ObservedLater => "observed-later",
            Reason::HeardLater => "heard-later",
            Reason::SourceName => "source-name",
            Reason::StartsLater => "starts-later",
        }
    }
}

/// How far each source is believed at one version: what the schema says, and who is stale.
#[derive(Debug)]
pub(crate) struct Beliefs {
    schema: Arc<Schema>,
    stale: BTreeSet<Source>,
}

impl Beliefs {
    pub(crate) fn new(schema: Arc<Schema>, stale: BTreeSet<Source>) -> Beliefs {
        Beliefs { schema, stale }
    }

    /// Sources that are not believed as long as another one says something.
    pub(crate) fn stale(&self) -> &BTreeSet<Source> {
        &self.stale
    }

    pub(crate) fn says(&self, fact: &Fact) -> Says {
        let trust = self.schema.trust();
        if trust.rules().is_empty() { Says::Observed } else { trust.says(&fact.source) }
    }

    /// The greater one is believed.
    pub(crate) fn compare(
        &self,
        kind: KindId,
        attribute: AttributeIndex,
        a: &Fact,
        b: &Fact,
    ) -> (Ordering, Reason) {
        if a.source != b.source {
            let ranked = self.compare_sources(kind, attribute, a, b);
            if ranked.0.is_ne() {
                return ranked;
            }
        }
        let steps = [
            (a.observed_at.cmp(&b.observed_at), Reason::ObservedLater),
            (a.heard_at.cmp(&b.heard_at), Reason::HeardLater),
            (a.source.cmp(&b.source), Reason::SourceName),
        ];
        (steps.into_iter().find(|(order, _)| order.is_ne()))
            .unwrap_or((a.valid.from.cmp(&b.valid.from), Reason::StartsLater))
    }

    fn compare_sources(
        &self,
        kind: KindId,
        attribute: AttributeIndex,
        a: &Fact,
        b: &Fact,
    ) -> (Ordering, Reason) {
        let trust = self.schema.trust();
        let fresh = |fact: &Fact| !self.stale.contains(&fact.source);
        if trust.rules().is_empty() {
            return (fresh(a).cmp(&fresh(b)), Reason::Fresher);
        }
        let says = trust.says(&a.source).cmp(&trust.says(&b.source));
        if says.is_ne() {
            return (says, Reason::Observed);
        }
        let fresher = fresh(a).cmp(&fresh(b));
        if fresher.is_ne() {
            return (fresher, Reason::Fresher);
        }
        let kind = self.schema.kind(kind);
        let name = &kind.attributes[attribute].name;
        let rank = |fact: &Fact| trust.rank(&fact.source, &kind.name, name);
        (rank(b).cmp(&rank(a)), Reason::Rank)
    }
}

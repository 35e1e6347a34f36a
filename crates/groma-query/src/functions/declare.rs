//! What the functions that declare something of names have in common.

use std::sync::Arc;

use datafusion::error::Result;
use groma_model::{EntityRef, Interval, Kind, Source, Timestamp, Version};
use groma_store::{Change, Commit, Ruling, Verdict, Writer as _};

use super::arguments::Call;
use crate::{QueryError, View};

/// A declaration about a kind, in the session's own database.
pub(super) struct Declaration<'a> {
    call: &'a Call,
    pub(super) view: Arc<View>,
    pub(super) kind: Kind,
    pub(super) source: Source,
    pub(super) now: Timestamp,
}

impl<'a> Declaration<'a> {
    /// The first argument names the kind.
    pub(super) fn new(call: &'a Call) -> Result<Declaration<'a>> {
        let (view, name) = (call.view()?, call.text(0).unwrap_or_default());
        let kind = view.snapshot().schema().find(name).cloned().ok_or_else(|| {
            wrong(format!("there is no kind \"{name}\""))
                .with_hint("SELECT name FROM model.kinds lists them.")
        })?;
        let source = format!("sql:{}", call.user()).into();
        Ok(Declaration { call, view, kind, source, now: crate::clock::now() })
    }

    /// The id of an argument, under which someone must have spoken.
    pub(super) fn known(&self, argument: usize, name: &str) -> Result<EntityRef> {
        let key = self.call.text(argument).unwrap_or_default();
        let id = EntityRef { kind: self.kind.id, key: key.into() };
        if !self.view.snapshot().keys_of(&id).is_empty() {
            return Ok(id);
        }
        let reason = format!("there is no {} \"{key}\" for {name}", self.kind);
        Err(wrong(reason).with_hint(format!("An id is {}.", self.kind.key_doc)).into())
    }

    /// A time of an argument, if it is given.
    fn time(&self, argument: usize, unbounded: Timestamp) -> Result<Timestamp> {
        let Some(text) = self.call.text(argument) else { return Ok(unbounded) };
        Ok(Timestamp::parse(text).map_err(|error| wrong(error.to_string()))?)
    }

    /// The stretch from one argument to the next.
    pub(super) fn valid(&self, argument: usize) -> Result<Interval> {
        let from = self.time(argument, Timestamp::MIN)?;
        let to = self.time(argument + 1, Timestamp::MAX)?;
        if to <= from {
            return Err(wrong("it ends before it begins").into());
        }
        Ok(Interval { from, to })
    }

    pub(super) fn ruling(&self, other: &Arc<str>, verdict: Verdict) -> Ruling {
        let (other, source) = (Arc::clone(other), Arc::clone(&self.source));
        Ruling { other, verdict, source, heard_at: self.now }
    }

    /// Makes it durable, then visible.
    pub(super) fn commit(&self, changes: Vec<Change>) -> Result<Version> {
        self.call.change(crate::Role::Operator, |engine| {
            let mut turn = engine.turn();
            let now = turn.not_before_last(self.now);
            let commit = Commit::new(Arc::clone(&self.source), now, changes);
            let schema = self.view.snapshot().schema();
            let committed = turn.commit_under(schema, self.call.database(), commit);
            Ok(committed.map_err(QueryError::from)?)
        })
    }
}

pub(super) fn wrong(reason: impl Into<String>) -> QueryError {
    QueryError::new(QueryError::BAD_VALUE, reason)
}

//! The schemas that a store has had, and how names of each lead to those of today.
//!
//! Entries of the journal name kinds and attributes as the schema of their time did. A rename is a step
//! from one schema to the next, so that an old name can be used anew for something else.

use std::ops::ControlFlow;
use std::sync::Arc;

use groma_model::{Gone, Renames, Schema, SchemaError, SchemaText, Source, Timestamp, Version};

use crate::codec::{self, Entry};
use crate::{Journal, StoreError};

/// A schema that a site has given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRow {
    /// In which commit.
    pub version: Version,
    /// When, our clock.
    pub heard_at: Timestamp,
    /// Who gave it.
    pub source: Source,
    /// What it says; none: it takes all back.
    pub files: Vec<SchemaText>,
}

/// The schemas of a store in the order of the journal, the one that ships before them.
#[derive(Debug, Clone)]
pub(crate) struct Schemas {
    /// The one that ships.
    pub(crate) base: Arc<Schema>,
    /// That of today.
    pub(crate) schema: Arc<Schema>,
    /// What is wrong with that of today: groma has changed since it was applied.
    pub(crate) errors: Vec<SchemaError>,
    pub(crate) rows: Vec<SchemaRow>,
    /// From each schema to the next; one for each row.
    steps: Vec<Renames>,
    /// What that of today does not have.
    gone: Gone,
}

impl Schemas {
    /// No site has given a schema.
    pub(crate) fn new(base: Arc<Schema>) -> Schemas {
        let (schema, gone) = (Arc::clone(&base), Gone::default());
        Schemas { base, schema, errors: Vec::new(), rows: Vec::new(), steps: Vec::new(), gone }
    }

    /// The schemas of a journal. An entry that cannot be read is left to whoever reads them all.
    /// Cost: once over the journal, looking at one byte of most entries.
    pub(crate) fn read(
        base: Arc<Schema>,
        journal: &mut dyn Journal,
    ) -> Result<Schemas, StoreError> {
        let mut schemas = Schemas::new(base);
        journal.replay(&mut |_, bytes| {
            if codec::is_schema(bytes)
                && let Ok((Entry::Schema(row), _)) = codec::decode(bytes, &schemas.base, &[])
            {
                schemas.add(row);
            }
            ControlFlow::Continue(())
        })?;
        Ok(schemas)
    }

    /// Adds the next schema, which is that of today from now on.
    pub(crate) fn add(&mut self, row: SchemaRow) {
        let (schema, errors) = self.base.extended(&row.files);
        self.steps.push(self.gone.step(&self.schema, &schema));
        self.rows.push(row);
        (self.schema, self.errors) = (Arc::new(schema), errors);
    }

    /// The last version whose schema renamed something; what is before it is in other names.
    pub(crate) fn last_renaming(&self) -> Version {
        let renaming = self.rows.iter().zip(&self.steps).rfind(|(_, step)| !step.is_empty());
        renaming.map_or(Version(0), |(row, _)| row.version)
    }

    /// The steps that lead from the names of an entry to those of today, given how many schemas came
    /// before it.
    pub(crate) fn steps_after(&self, count: usize) -> &[Renames] {
        self.steps.get(count..).unwrap_or_default()
    }
}

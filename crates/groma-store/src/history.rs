//! Who said what: the commits of a database, read again from the journal.

use std::ops::ControlFlow;
use std::sync::Arc;

use groma_model::{Schema, Version};

use crate::codec::{self, Entry};
use crate::journal::JournalReader;
use crate::schemas::Schemas;
use crate::{Commit, Database, StoreError};

/// The commits of one database, those that its templates had before it was made included. Reading them
/// needs no world, so that others use that meanwhile.
///
/// What a tracking fork sees of its template's later commits is not among them: it is the template's.
pub struct History {
    pub(crate) database: Database,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) reader: Box<dyn JournalReader>,
    /// Versions from this one on.
    pub(crate) since: Version,
    /// The sequence of the journal at which reading starts, and the first version there.
    pub(crate) start: u64,
    pub(crate) start_version: Version,
}

/// Takes a commit with its version and the database that it was made in.
pub type EachCommit<'a> = dyn FnMut(Version, &Arc<str>, &Commit) -> ControlFlow<()> + 'a;

impl History {
    /// The schema whose kinds and attributes the changes name.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schemas.schema
    }

    /// Gives each commit with its version and the database that it was made in, the oldest first, until
    /// `each` breaks off. Cost: O(changes since the first version asked for), one commit in memory at a time.
    ///
    /// # Errors
    /// The journal fails, or an entry of it cannot be read.
    pub fn read(self, each: &mut EachCommit<'_>) -> Result<(), StoreError> {
        let mut schemas_before =
            self.schemas.rows.iter().filter(|row| row.version < self.start_version).count();
        let mut damage = None;
        self.reader.read(self.start, &mut |sequence, bytes| {
            let steps = self.schemas.steps_after(schemas_before);
            match codec::decode(bytes, &self.schemas.schema, steps) {
                Ok((Entry::Commit { database, version, commit, .. }, _)) => {
                    let owner = self.database.owner_at(version);
                    let is_owned = (owner.name, owner.version) == (&database, version);
                    if is_owned && self.since <= version && version <= self.database.version() {
                        return each(version, &database, &commit);
                    }
                }
                Ok((Entry::Schema(_), _)) => schemas_before += 1,
                Ok(_) => {}
                Err(malformed) => {
                    damage = Some(StoreError::Damaged { sequence, reason: malformed.to_string() });
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        damage.map_or(Ok(()), Err)
    }
}

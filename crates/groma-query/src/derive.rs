//! What is derived from a version: each part is made when first asked for, and once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use groma_model::{Problem, Version};
use groma_store::Database;

/// What is derived from one version of one database.
pub(crate) struct Derived {
    database: Database,
    segments_folder: Option<PathBuf>,
    problems: OnceLock<Vec<Problem>>,
}

/// Versions whose derived parts are kept: the newest of each database, and at most this many.
const DERIVED_KEPT_MAX: usize = 16;

/// The derived parts of the versions in use. A fork that does not differ shares its template's.
#[derive(Default)]
pub(crate) struct DerivedCache {
    kept: Mutex<HashMap<Version, Arc<Derived>>>,
}

impl DerivedCache {
    pub(crate) fn of(&self, database: &Database, segments_folder: Option<&Path>) -> Arc<Derived> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= DERIVED_KEPT_MAX
            && !kept.contains_key(&database.version())
            && let Some(oldest) = kept.keys().min().copied()
        {
            kept.remove(&oldest);
        }
        Arc::clone(kept.entry(database.version()).or_insert_with(|| {
            Arc::new(Derived {
                database: database.clone(),
                segments_folder: segments_folder.map(Path::to_owned),
                problems: OnceLock::new(),
            })
        }))
    }
}

impl Derived {
    /// The files of messages that this version can see.
    pub(crate) fn segment_files(&self) -> Vec<PathBuf> {
        let Some(folder) = &self.segments_folder else { return Vec::new() };
        self.database.segments().map(|row| folder.join(&*row.segment.file)).collect()
    }

    /// Contradictions in the model as it is. Blocks while they are looked for.
    pub(crate) fn found_problems(&self) -> &[Problem] {
        self.problems.get_or_init(Vec::new)
    }
}

//! What a fork is, and where it comes from.

use std::sync::Arc;

use groma_model::{Source, Timestamp, Version};

/// Whether a fork goes on seeing what is committed to its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkMode {
    /// It stays as its template was.
    Frozen,
    /// It sees later commits of its template, except where it has said something itself.
    Tracking,
}

impl ForkMode {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            ForkMode::Frozen => "frozen",
            ForkMode::Tracking => "tracking",
        }
    }
}

/// A fork that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// Its name.
    pub name: Arc<str>,
    /// The database that it starts as.
    pub template: Arc<str>,
    /// Our clock.
    pub created_at: Timestamp,
    /// Who makes it; empty: not known.
    pub created_by: Source,
    /// Whether it follows its template.
    pub mode: ForkMode,
    /// The version of the template that it starts as; `None`: the last one.
    pub at: Option<Version>,
}

impl Fork {
    /// A frozen one of the template as it is now.
    pub fn new(
        name: impl Into<Arc<str>>,
        template: impl Into<Arc<str>>,
        created_at: Timestamp,
    ) -> Fork {
        let (name, template, created_by) = (name.into(), template.into(), "".into());
        Fork { name, template, created_at, created_by, mode: ForkMode::Frozen, at: None }
    }
}

/// Where a fork comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Name of the database it was forked from; that one may be gone.
    pub name: Arc<str>,
    /// The template's version at that time.
    pub version: Version,
    /// When it was made, our clock.
    pub created_at: Timestamp,
    /// Who made it; empty: not known.
    pub created_by: Source,
    /// Whether it follows its template; one whose template was dropped no longer does.
    pub mode: ForkMode,
}

/// Tells databases apart, those that are gone and those of the same name included: `live` is 0, a
/// fork the number of forks made so far.
pub(crate) type DatabaseId = u64;

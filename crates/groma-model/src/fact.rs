//! What one source asserted about one attribute.

use std::fmt;
use std::sync::Arc;

use crate::{Interval, Timestamp, Value};

/// Order of commits in a database; 0 is the empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// Name of a source: an importer with what it read (`suzieq:eos`), or `sql` for a person or program.
pub type Source = Arc<str>;

/// What one source asserted about one attribute of one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The value; `None`: the source says that there is none.
    pub value: Option<Value>,
    /// Who said it.
    pub source: Source,
    /// Their clock.
    pub observed_at: Timestamp,
    /// Our clock.
    pub heard_at: Timestamp,
    /// When it holds in the world.
    pub valid: Interval,
}

//! The one place where this crate looks at the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use groma_model::Timestamp;

/// Now, by the clock of this machine.
pub(crate) fn now() -> Timestamp {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
}

//! The one place where this crate reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use groma_model::Timestamp;

/// Now, by the clock of this machine.
pub(crate) fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

/// A time of the system; before 1970 it is 1970.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX))
}

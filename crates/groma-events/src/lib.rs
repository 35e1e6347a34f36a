//! What happened: message records as Parquet segments, and the shards that reconstruct them.

mod error;
mod segment;
mod write;

pub use error::EventsError;
pub use segment::schema as segment_schema;
pub use write::{SegmentOptions, SegmentSummary, SegmentWriter};

//! What happened: message records as Parquet segments, and the shards that reconstruct them.

mod columns;
mod error;
mod names;
mod read;
mod reconstruct;
mod replay;
mod segment;
mod shared;
mod threads;
mod write;

pub use error::EventsError;
pub use read::{BATCH_RECORDS_MAX, Batches, Columns, SegmentReader};
pub use reconstruct::{KeepCalls, Progress, ReconstructOptions, Reconstructed, reconstruct};
pub use replay::replay;
pub use segment::schema as segment_schema;
pub use write::{SegmentOptions, SegmentSummary, SegmentWriter};

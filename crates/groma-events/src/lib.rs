//! What happened: message records as Parquet segments, and the shards that reconstruct them.

//! The segment: Groma's message log as a Parquet file that DuckDB, Polars and Spark read, too.
//!
//! One row per record of [`groma_trace::MessageRecord`]. Names are dictionary-coded text, ids are
//! numbers, and what is not known is NULL.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The columns, in the order in which they are written.
pub(crate) mod column {
    pub(crate) const TIME: &str = "time";
    pub(crate) const PROCESS: &str = "process";
    pub(crate) const DIRECTION: &str = "direction";
    pub(crate) const PEER: &str = "peer";
    pub(crate) const REPLY: &str = "reply";
    pub(crate) const MESSAGE: &str = "message";
    pub(crate) const PARENT_MESSAGE: &str = "parent_message";
    pub(crate) const TREE: &str = "tree";
    pub(crate) const TRANSACTION: &str = "transaction";
    pub(crate) const PARENT_TRANSACTION: &str = "parent_transaction";
    pub(crate) const SESSION: &str = "session";
    pub(crate) const SERVICE: &str = "service";
    pub(crate) const BYTES: &str = "bytes";
    pub(crate) const STATUS: &str = "status";
}

/// What `direction` says when `process` sent the message.
pub(crate) const DIRECTION_SEND: &str = "send";
/// What `direction` says when `process` received the message.
pub(crate) const DIRECTION_RECEIVE: &str = "receive";

/// The schema of a segment.
pub fn schema() -> SchemaRef {
    use column::*;
    let name = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new(TIME, time, true),
        Field::new(PROCESS, name(), false),
        Field::new(DIRECTION, name(), false),
        Field::new(PEER, name(), false),
        Field::new(REPLY, DataType::Boolean, false),
        Field::new(MESSAGE, DataType::UInt64, false),
        Field::new(PARENT_MESSAGE, DataType::UInt64, true),
        Field::new(TREE, DataType::UInt64, false),
        Field::new(TRANSACTION, DataType::UInt64, false),
        Field::new(PARENT_TRANSACTION, DataType::UInt64, true),
        Field::new(SESSION, DataType::UInt64, true),
        Field::new(SERVICE, name(), true),
        Field::new(BYTES, DataType::UInt32, true),
        Field::new(STATUS, DataType::Int32, true),
    ]))
}

//! What hangs together: sessions, trees and the traffic matrix, out of message records. Pure.

mod message;

pub use message::{Direction, MessageBatch, MessageRecord, NameIndex};

//! What hangs together: sessions, trees and the traffic matrix, out of message records. Pure.
//!
//! ```text
//! MessageBatch -> Grouping (by tree) -> TreeBuilder -> Part { trees, calls, counts, skew }
//!                                         calls -> MatrixTable -> matrix
//!                                         trees -> sessions, distributions
//! ```
//!
//! [`reconstruct`] does all of it in one thread; `groma-events` does the same on several threads,
//! from files, in bounded memory.

mod calls;
mod census;
pub mod distribution;
mod group;
mod ids;
mod matrix;
mod message;
mod moved;
mod outcome;
mod record;
pub mod replay;
mod services;
mod sessions;
mod skew;
mod tree;
mod whole;

pub use calls::{Call, Calls, Seen};
pub use census::{Census, Spanning, TREE_RECORDS_MAX};
pub use group::{Grouping, spread};
pub use ids::{hierarchical_id, id_of_text, print_id};
pub use matrix::{MatrixCell, MatrixTable, cell_hash};
pub use message::{Direction, MessageBatch, MessageRecord, NameIndex};
pub use outcome::{
    Counts, ProblemKind, Problems, Reconstruction, Sessions, TraceProblem, Tree, Trees,
};
pub use record::Record;
pub use services::{ServiceCell, ServiceTable};
pub use sessions::{SessionTable, sessions_of};
pub use skew::{Skew, SkewPair};
pub use tree::{Part, TreeBuilder};
pub use whole::{
    BatchBuffers, Fate, build_batch, build_records, reconstruct, renumber, renumber_calls,
    sorted_names,
};

//! What changed: facts reconciled into immutable snapshots, one per version. Pure.
//!
//! ```text
//! Observation --identify--> Change --Snapshot::apply--> next Snapshot
//! ```
//!
//! A [`Snapshot`] shares all that did not change with the one before, so that a fork costs nothing
//! to make and [`Snapshot::diff`] looks only at what differs.

mod change;
mod entity;
mod identify;
mod snapshot;

pub use change::Change;
pub use entity::Entity;
pub use identify::identify;
pub use snapshot::{Difference, Snapshot};

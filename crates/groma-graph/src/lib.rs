//! What hangs on what: the references of a model as a graph, and questions about it. Pure.
//!
//! ```text
//! Snapshot --build, updated--> Index --+
//! rows of tables ----------------------+--> Graph --find--> matches of a Pattern
//!                                           `--Net-------> components, cuts
//! ```
//!
//! An [`Index`] holds every reference forward and backward and follows the model from version to
//! version at the cost of what changed. A [`Graph`] says which entities are vertices and which chains
//! of references are edges; making one costs nothing. Everything looked for is bounded:
//! [`PATH_HOPS_MAX`], [`SEARCH_STATES_MAX`], and a question now and then whether anybody still waits.

mod chunks;
mod connected;
mod flat;
mod follow;
mod graph;
mod index;
mod labels;
mod matching;
mod pattern;
mod plan;
mod search;

pub use connected::{Cut, Cuts, Net};
pub use graph::{Chain, ChainStep, EdgeId, EdgeTable, Graph, RowEdges, Vertex, VertexTable};
pub use index::{Edge, Index, NodeIndex, Way};
pub use labels::{Label, Labels};
pub use matching::find;
pub use pattern::{
    Direction, EdgeChoice, EdgeVariable, Match, Mode, PATH_HOPS_MAX, Path, Pattern, Reach,
    SEARCH_STATES_MAX, SearchError, Told, VertexSet, VertexVariable,
};

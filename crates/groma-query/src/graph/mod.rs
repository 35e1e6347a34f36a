//! Graphs in SQL: `CREATE PROPERTY GRAPH`, `GRAPH_TABLE (... MATCH ... COLUMNS ...)`.
//!
//! ```text
//! statement --fold--> graph_table('text') --expand--> SELECT ... FROM graph_match('0', inputs)
//!     --node--> a plan whose inputs the engine plans --exec--> rows
//! ```
//!
//! A definition is text, kept as an entity of the kind `graph.property_graph`: a fork inherits it, a
//! diff shows it, and the past has it as it was. What is asked of kinds is answered by the index that
//! `derive` keeps; rows of other tables are read when the graph is asked.

mod ask;
mod calls;
mod conditions;
mod definition;
mod exec;
mod fold;
mod ids;
mod inputs;
mod node;
mod plan;
mod property_graph;
mod query;
mod resolve;
mod syntax;
mod text;
mod values;
mod written;

pub(crate) use ask::{Along, Asked};
pub(crate) use calls::expand_calls;
pub(crate) use fold::{character, fold};
pub(crate) use node::{GraphPlanner, Matches};
pub(crate) use property_graph::PropertyGraph;
pub(crate) use text::Source;
pub(crate) use written::{KIND, create, defined, drop_graph, read_definition};

//! A match in the plans of the engine: a node whose inputs are the SELECTs of what passes conditions.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::Field;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DFSchemaRef, TableReference};
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::sql::sqlparser::ast::{
    Expr as AstExpr, FunctionArg, FunctionArgExpr, TableFactor, Value as AstValue,
};

use super::exec::MatchExec;
use super::ids::Ids;
use super::plan::GraphQuery;
use super::query::MATCH_FUNCTION;
use crate::QueryError;

/// The matches of a statement, by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matches {
    queries: Arc<Mutex<BTreeMap<usize, Arc<GraphQuery>>>>,
}

impl Matches {
    /// The number that the next one gets.
    pub(crate) fn next_number(&self) -> usize {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(crate) fn insert(&self, number: usize, query: GraphQuery) {
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        queries.insert(number, Arc::new(query));
    }

    fn find(&self, number: usize) -> Option<Arc<GraphQuery>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }
}

/// Makes the node of `graph_match('number', (SELECT ...), ...)`.
impl RelationPlanner for Matches {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (alias, arguments) = match relation {
            TableFactor::Table { name, args: Some(args), alias, .. }
                if name.to_string() == MATCH_FUNCTION =>
            {
                (alias, args.args)
            }
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        let wrong = || QueryError::new(QueryError::NO_FUNCTION, "write GRAPH_TABLE (...) instead");
        let mut query = None;
        let mut inputs = Vec::new();
        for argument in arguments {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else {
                return Err(wrong().into());
            };
            match argument {
                AstExpr::Value(value) => {
                    let AstValue::SingleQuotedString(number) = value.value else {
                        return Err(wrong().into());
                    };
                    query = number.parse().ok().and_then(|number| self.find(number));
                }
                AstExpr::Subquery(subquery) => inputs.push(context.plan(TableFactor::Derived {
                    lateral: false,
                    subquery,
                    alias: None,
                    sample: None,
                })?),
                _ => return Err(wrong().into()),
            }
        }
        let query = query.ok_or_else(wrong)?;
        let node = MatchNode::new(query, inputs)?;
        let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// A match as a node of a logical plan. Its columns are named `variable.property`.
#[derive(Debug, Clone)]
pub(crate) struct MatchNode {
    query: Arc<GraphQuery>,
    inputs: Vec<LogicalPlan>,
    schema: DFSchemaRef,
}

impl MatchNode {
    fn new(query: Arc<GraphQuery>, inputs: Vec<LogicalPlan>) -> Result<MatchNode> {
        let fields = (query.columns.iter())
            .map(|column| {
                let field = Field::new(&column.name, column.of.arrow(), true);
                (Some(TableReference::bare(column.of_variable.as_str())), Arc::new(field))
            })
            .collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, Default::default())?);
        Ok(MatchNode { query, inputs, schema })
    }
}

impl PartialEq for MatchNode {
    fn eq(&self, other: &MatchNode) -> bool {
        Arc::ptr_eq(&self.query, &other.query) && self.inputs == other.inputs
    }
}

impl Eq for MatchNode {}

impl PartialOrd for MatchNode {
    fn partial_cmp(&self, other: &MatchNode) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl Hash for MatchNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.query).hash(state);
        self.inputs.hash(state);
    }
}

impl UserDefinedLogicalNodeCore for MatchNode {
    fn name(&self) -> &str {
        "GraphMatch"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.query)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<MatchNode> {
        Ok(MatchNode { inputs, ..self.clone() })
    }
}

impl fmt::Display for GraphQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (vertices, edges) = (self.vertices.len(), self.edges.len());
        write!(f, "GraphMatch: graph={}, vertices={vertices}, edges={edges}", self.graph.name)?;
        for (place, input) in self.inputs.iter().enumerate() {
            write!(f, "{} {input:?}", if place == 0 { ", inputs:" } else { ";" })?;
        }
        for vertex in &self.vertices {
            let Ids { among, except } = &vertex.ids;
            if let Some(among) = among {
                write!(f, ", {}.id in {among:?}", vertex.name)?;
            }
            if !except.is_empty() {
                write!(f, ", {}.id not in {except:?}", vertex.name)?;
            }
        }
        Ok(())
    }
}

/// The engine's own planner, which knows matches as well.
#[derive(Debug)]
pub(crate) struct GraphPlanner;

#[async_trait]
impl QueryPlanner for GraphPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(MatchPlanner)]);
        planner.create_physical_plan(plan, session).await
    }
}

struct MatchPlanner;

#[async_trait]
impl ExtensionPlanner for MatchPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<MatchNode>() else { return Ok(None) };
        let schema = Arc::clone(node.schema.inner());
        let query = Arc::clone(&node.query);
        Ok(Some(Arc::new(MatchExec::new(query, physical_inputs.to_vec(), schema))))
    }
}

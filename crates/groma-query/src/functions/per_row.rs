//! Graph functions for each row: the engine takes table functions with constants alone, so `reach`,
//! `neighbors` and `shortest_path` come a second time, as functions that give a list of `noun/id`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarUDF, Signature, SimpleScalarUDF, TypeSignature,
    Volatility,
};
use groma_graph::Reach;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::{neighbors, reach};
use crate::catalog::Databases;
use crate::graph::{Along, Asked};
use crate::table::Type;

/// Answers one row: NULL if an id names nothing.
type Answer = fn(&Asked, &Row<'_>) -> Result<Option<Vec<String>>>;

/// What a row gives.
struct Row<'a> {
    ids: [Option<&'a str>; 2],
    max_hops: Option<u32>,
    along: &'a Along,
    /// Whether anybody still wants to know.
    go_on: &'a dyn Fn() -> bool,
}

const NAMES: [&str; 3] = ["neighbors", "reach", "shortest_path"];

/// Whether a plan calls one of the functions.
pub(crate) fn are_in(plan: &LogicalPlan) -> Result<bool> {
    let is_one = |expression: &Expr| {
        Ok(matches!(expression, Expr::ScalarFunction(call) if NAMES.contains(&call.name())))
    };
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            found |= expression.exists(is_one)?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}

/// Makes the functions known to one statement: they see what it sees.
pub(crate) fn register(
    state: &mut SessionState,
    databases: &Arc<Databases>,
    database: &str,
) -> Result<()> {
    let (text, number) = (DataType::Utf8, DataType::Int64);
    let one = || vec![text.clone()];
    let with = |more: &[&DataType]| -> TypeSignature {
        TypeSignature::Exact(one().into_iter().chain(more.iter().map(|of| (*of).clone())).collect())
    };
    let functions: [(&str, Vec<TypeSignature>, &'static str, Answer); 3] = [
        ("neighbors", vec![with(&[]), with(&[&text])], neighbors::ALONG, |asked, row| {
            let Some(start) = vertex(asked, row.ids[0])? else { return Ok(None) };
            let mut ids = Vec::new();
            asked.ways(start, None, row.along, Reach::One, row.go_on, &mut |end, _| {
                ids.push(asked.print(end));
                true
            })?;
            ids.dedup();
            Ok(Some(ids))
        }),
        (
            "reach",
            vec![with(&[]), with(&[&number]), with(&[&number, &text])],
            reach::ALONG,
            |asked, row| {
                let Some(start) = vertex(asked, row.ids[0])? else { return Ok(None) };
                let (mut ids, reach) = (Vec::new(), Reach::Shortest { min: 0, max: row.max_hops });
                asked.ways(start, None, row.along, reach, row.go_on, &mut |end, path| {
                    if !path.edges.is_empty() {
                        ids.push(asked.print(end));
                    }
                    true
                })?;
                Ok(Some(ids))
            },
        ),
        (
            "shortest_path",
            vec![with(&[&text]), with(&[&text, &text])],
            neighbors::ALONG,
            |asked, row| {
                let ends = (vertex(asked, row.ids[0])?, vertex(asked, row.ids[1])?);
                let (Some(from), Some(to)) = ends else { return Ok(None) };
                let (mut ids, reach) = (None, Reach::Shortest { min: 0, max: None });
                asked.ways(from, Some(to), row.along, reach, row.go_on, &mut |_, path| {
                    let way = path.vertices.iter().map(|vertex| asked.print(*vertex));
                    ids = Some(way.collect());
                    false
                })?;
                Ok(ids)
            },
        ),
    ];
    for (name, signatures, along, answer) in functions {
        let signature = Signature::one_of(signatures, Volatility::Stable);
        let (databases, database) = (Arc::clone(databases), database.to_owned());
        let answers = move |arguments: &[ColumnarValue]| {
            let asked = Asked::model(databases.view(&database)?)?;
            let go_on = || !databases.is_reader_gone();
            let two_ids = name == "shortest_path";
            beside_others(|| column(&asked, arguments, two_ids, along, answer, &go_on))
        };
        let of = Type::Texts.arrow();
        let udf = SimpleScalarUDF::new_with_signature(name, signature, of, Arc::new(answers));
        state.register_udf(Arc::new(ScalarUDF::from(udf)))?;
    }
    Ok(())
}

/// Searches take a while: others get another thread of the engine meanwhile.
fn beside_others<T>(search: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(search),
        _ => search(),
    }
}

fn vertex(asked: &Asked, id: Option<&str>) -> Result<Option<groma_graph::Vertex>> {
    match id {
        Some(id) => Ok(asked.entity(id)?),
        None => Ok(None),
    }
}

fn column(
    asked: &Asked,
    arguments: &[ColumnarValue],
    two_ids: bool,
    default_along: &str,
    answer: Answer,
    go_on: &dyn Fn() -> bool,
) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let constant = arguments.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
    let texts: Vec<&ArrayRef> =
        arrays.iter().filter(|array| array.data_type() == &DataType::Utf8).collect();
    let id_count = if two_ids { 2 } else { 1 };
    let hops = arrays.iter().find_map(|array| array.as_primitive_opt::<Int64Type>());
    let text = |place: usize, row: usize| {
        let texts = texts.get(place)?.as_string_opt::<i32>()?;
        texts.is_valid(row).then(|| texts.value(row))
    };
    // The same edge for all rows, as a rule.
    let mut known: Option<(String, Along)> = None;
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..arrays.first().map_or(0, |array| array.len()) {
        if !go_on() {
            return exec_err!("the reader went away");
        }
        let wanted = text(id_count, row).unwrap_or(default_along);
        let along = match known.take().filter(|(text, _)| text == wanted) {
            Some((_, along)) => along,
            None => asked.along(wanted)?,
        };
        let max_hops = hops
            .filter(|hops| hops.is_valid(row))
            .map(|hops| u32::try_from(hops.value(row)).unwrap_or(0));
        let ids = [text(0, row), if two_ids { text(1, row) } else { None }];
        match answer(asked, &Row { ids, max_hops, along: &along, go_on })? {
            Some(ids) => lists.append_value(ids.into_iter().map(Some)),
            None => lists.append_null(),
        }
        known = Some((wanted.to_owned(), along));
    }
    let lists: ArrayRef = Arc::new(lists.finish());
    Ok(match constant && lists.len() == 1 {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&lists, 0)?),
        false => ColumnarValue::Array(lists),
    })
}

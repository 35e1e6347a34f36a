//! Where the engine takes values of a type otherwise than PostgreSQL: put right in the plan, before the
//! engine makes the types of each operation fit.
//!
//! - An interval of 25 hours is longer than one of a day: the engine compares months, then days, then the
//!   rest. Compared and sorted is the whole length, a month of 30 days and a day of 24 hours.
//! - A time in a text may lack its seconds, and may have a zone.
//! - A number with a fraction is rounded when it becomes a whole one, not cut off.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::functions::math::expr_fn::round;
use datafusion::logical_expr::expr::{Cast, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, ColumnarValue, Expr, ExprSchemable as _, LogicalPlan, Operator, ScalarUDF,
    SimpleScalarUDF, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::Analyzer;
use groma_model::Timestamp;

use crate::QueryError;

/// The engine's own rules, after this one.
pub(super) fn rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules = Analyzer::new().rules;
    rules.insert(0, Arc::new(Types { length: Arc::new(length()) }));
    rules
}

#[derive(Debug)]
struct Types {
    length: Arc<ScalarUDF>,
}

impl AnalyzerRule for Types {
    fn name(&self) -> &str {
        "types_of_postgresql"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let analyzed = plan.transform_up_with_subqueries(|plan| {
            let mut schema = merge_schema(&plan.inputs());
            if let LogicalPlan::TableScan(scan) = &plan {
                schema.merge(&DFSchema::try_from_qualified_schema(
                    scan.table_name.clone(),
                    &scan.source.schema(),
                )?);
            }
            let (names, sorts) = (NamePreserver::new(&plan), matches!(plan, LogicalPlan::Sort(_)));
            let put = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let put = expr.transform_up(|expr| self.put(expr, &schema))?;
                let put =
                    put.transform_data(|expr| match sorts && is_interval(&expr, &schema) {
                        true => Ok(Transformed::yes(self.length_of(expr))),
                        false => Ok(Transformed::no(expr)),
                    })?;
                Ok(put.update_data(|expr| if sorts { expr } else { name.restore(expr) }))
            })?;
            match put.transformed {
                true => put.map_data(LogicalPlan::recompute_schema),
                false => Ok(put),
            }
        })?;
        Ok(analyzed.data)
    }
}

impl Types {
    /// One expression, whose parts are put already.
    fn put(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
                let [left, right] = self.alike([*left, *right], schema)?;
                let pair = BinaryExpr { left: Box::new(left), op, right: Box::new(right) };
                Transformed::yes(Expr::BinaryExpr(pair))
            }
            Expr::Between(Between { expr, negated, low, high }) => {
                let [expr, low, high] = self.alike([*expr, *low, *high], schema)?;
                Transformed::yes(Expr::Between(Between {
                    expr: Box::new(expr),
                    negated,
                    low: Box::new(low),
                    high: Box::new(high),
                }))
            }
            Expr::InList(InList { expr, list, negated }) if list.iter().any(is_text) => {
                let all: Vec<_> = std::iter::once(*expr).chain(list).collect();
                let mut all = self.all_alike(all, schema)?;
                let list = all.split_off(1);
                match all.pop() {
                    Some(expr) => Transformed::yes(Expr::InList(InList {
                        expr: Box::new(expr),
                        list,
                        negated,
                    })),
                    None => Transformed::no(Expr::Literal(ScalarValue::Null, None)),
                }
            }
            Expr::Cast(Cast { expr, field }) => {
                let of = field.data_type();
                if matches!(of, DataType::Timestamp(..)) && is_text(&expr) {
                    let time = timed(*expr)?;
                    return Ok(Transformed::yes(Expr::Cast(Cast { expr: Box::new(time), field })));
                }
                let is_cut_off =
                    of.is_integer() && expr.get_type(schema).is_ok_and(|of| of.is_floating());
                match is_cut_off {
                    true => Transformed::yes(Expr::Cast(Cast {
                        expr: Box::new(round(vec![*expr])),
                        field,
                    })),
                    false => Transformed::no(Expr::Cast(Cast { expr, field })),
                }
            }
            Expr::AggregateFunction(call)
                if matches!(call.func.name(), "max" | "min")
                    && call.params.args.iter().any(|argument| is_interval(argument, schema)) =>
            {
                let reason = format!("{} of intervals is not offered", call.func.name());
                return Err(QueryError::new(QueryError::NOT_SUPPORTED, reason)
                    .with_hint("Take the seconds: max(extract(epoch from interval)).")
                    .into());
            }
            Expr::ScalarFunction(mut call) if call.name() == "date_part" => {
                // Of a span the engine gives whole seconds.
                let Some(of) = call.args.pop() else {
                    return Ok(Transformed::no(Expr::ScalarFunction(call)));
                };
                let is_span =
                    of.get_type(schema).is_ok_and(|of| matches!(of, DataType::Duration(_)));
                let interval = DataType::Interval(IntervalUnit::MonthDayNano);
                call.args.push(if is_span {
                    Expr::Cast(Cast::new(Box::new(of), interval))
                } else {
                    of
                });
                Transformed::yes(Expr::ScalarFunction(call))
            }
            other => Transformed::no(other),
        })
    }

    fn alike<const N: usize>(&self, all: [Expr; N], schema: &DFSchema) -> Result<[Expr; N]> {
        let all = self.all_alike(all.into(), schema)?;
        all.try_into()
            .map_err(|_| QueryError::new(QueryError::INTERNAL, "operands were lost").into())
    }

    /// What is compared with each other.
    fn all_alike(&self, all: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
        let of: Vec<_> = all.iter().map(|expr| expr.get_type(schema).ok()).collect();
        let any = |is: fn(&DataType) -> bool| of.iter().flatten().any(is);
        if any(|of| matches!(of, DataType::Timestamp(..))) {
            return all
                .into_iter()
                .map(|expr| if is_text(&expr) { timed(expr) } else { Ok(expr) })
                .collect();
        }
        // Two spans of the clock are compared as they are.
        let spans = any(|of| matches!(of, DataType::Duration(_))) && all.iter().any(is_text);
        if !spans && !any(|of| matches!(of, DataType::Interval(_))) {
            return Ok(all);
        }
        Ok(all.into_iter().map(|expr| self.length_of(expr)).collect())
    }

    fn length_of(&self, expr: Expr) -> Expr {
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        self.length.call(vec![Expr::Cast(Cast::new(Box::new(expr), interval))])
    }
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn is_interval(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|of| matches!(of, DataType::Interval(_)))
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)) | ScalarValue::Utf8View(Some(_)), _))
}

/// The instant that a text names. A text that is none stays what it is, and the engine says so.
fn timed(text: Expr) -> Result<Expr> {
    let Expr::Literal(ScalarValue::Utf8(Some(written)) | ScalarValue::Utf8View(Some(written)), _) =
        &text
    else {
        return Ok(text);
    };
    Ok(match Timestamp::parse(written.trim()) {
        Ok(time) => {
            Expr::Literal(ScalarValue::TimestampNanosecond(Some(time.0), Some("UTC".into())), None)
        }
        Err(_) => text,
    })
}

/// Nanoseconds of an interval.
fn length() -> ScalarUDF {
    const DAY: i128 = 86_400 * 1_000_000_000;
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let of = DataType::Decimal128(38, 0);
    let length = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let [intervals] = arrays.as_slice() else {
            return Err(QueryError::new(QueryError::INTERNAL, "one interval is measured").into());
        };
        let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
        let lengths: Decimal128Array = (intervals.iter())
            .map(|interval| {
                let interval = interval?;
                let days = i128::from(interval.months) * 30 + i128::from(interval.days);
                Some(days * DAY + i128::from(interval.nanoseconds))
            })
            .collect();
        let lengths: ArrayRef = Arc::new(lengths.with_precision_and_scale(38, 0)?);
        match arguments {
            [ColumnarValue::Scalar(_)] => {
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&lengths, 0)?))
            }
            _ => Ok(ColumnarValue::Array(lengths)),
        }
    };
    let (name, arguments) = ("length_of_interval", vec![interval]);
    SimpleScalarUDF::new(name, arguments, of, Volatility::Immutable, Arc::new(length)).into()
}

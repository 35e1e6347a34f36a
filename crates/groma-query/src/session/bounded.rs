//! Functions that make much of little: a bound on what one call gives.
//!
//! The memory of a query is what its operators reserve; what a function makes of one batch of rows is
//! not part of it. `repeat('x', 2000000000)` would fill the memory before anybody counts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use datafusion::execution::memory_pool::human_readable_size;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// Most bytes that one call of such a function may give for one batch of rows.
const FUNCTION_BYTES_MAX: u64 = 256 << 20;
/// What an item of a list takes, at least.
const ITEM_BYTES: u64 = 8;

/// How much a call gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Yield {
    /// The first argument, as often as the second says.
    Repeated,
    /// As many characters or items as the second argument says.
    Sized,
    /// From the first argument to the second, in steps of the third.
    Counted,
}

const FUNCTIONS: [(&str, Yield); 7] = [
    ("repeat", Yield::Repeated),
    ("lpad", Yield::Sized),
    ("rpad", Yield::Sized),
    ("array_repeat", Yield::Sized),
    ("array_resize", Yield::Sized),
    ("range", Yield::Counted),
    ("generate_series", Yield::Counted),
];

/// Puts the bound around those functions that the session has.
pub(super) fn install(context: &SessionContext) {
    for (name, of) in FUNCTIONS {
        let known = context.state().scalar_functions().get(name).cloned();
        if let Some(inner) = known {
            context.register_udf(ScalarUDF::new_from_impl(Bounded { inner, of }));
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    of: Yield,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all_constant =
            call.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if all_constant { 1 } else { call.number_rows as u64 };
        let bytes = self.of.bytes(&call.args)?.saturating_mul(rows);
        if bytes > FUNCTION_BYTES_MAX {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{} would give {} at once, and {} is the most",
                self.name(),
                human_readable_size(usize::try_from(bytes).unwrap_or(usize::MAX)),
                human_readable_size(FUNCTION_BYTES_MAX as usize),
            )));
        }
        self.inner.invoke_with_args(call)
    }
}

impl Yield {
    /// Most bytes that one row gives.
    fn bytes(self, arguments: &[ColumnarValue]) -> Result<u64> {
        let number = |index: usize| arguments.get(index).map_or(Ok(None), range_of);
        Ok(match self {
            Yield::Repeated => {
                let times = number(1)?.map_or(0, |(_, most)| most.max(0).unsigned_abs());
                times.saturating_mul(arguments.first().map_or(Ok(0), longest)?)
            }
            Yield::Sized => {
                let size = number(1)?.map_or(0, |(_, most)| most.max(0).unsigned_abs());
                // Of `array_repeat` the second argument says how often, too.
                size.saturating_mul(ITEM_BYTES)
            }
            Yield::Counted => {
                let (first, second, step) = (number(0)?, number(1)?, number(2)?);
                let (from, to) = match (first, second) {
                    (Some(only), None) => ((0, 0), only),
                    (Some(from), Some(to)) => (from, to),
                    _ => return Ok(0),
                };
                let spans = [to.1.abs_diff(from.0), from.1.abs_diff(to.0)];
                let step =
                    step.map_or(1, |(least, most)| least.unsigned_abs().min(most.unsigned_abs()));
                (spans[0].max(spans[1]) / step.max(1)).saturating_mul(ITEM_BYTES)
            }
        })
    }
}

fn array(argument: &ColumnarValue) -> Result<ArrayRef> {
    match argument {
        ColumnarValue::Array(array) => Ok(Arc::clone(array)),
        ColumnarValue::Scalar(scalar) => scalar.to_array(),
    }
}

/// The least and the most of whole numbers; `None`: there are none, or it holds something else.
fn range_of(argument: &ColumnarValue) -> Result<Option<(i64, i64)>> {
    if !argument.data_type().is_integer() {
        return Ok(None);
    }
    let numbers = cast(&array(argument)?, &DataType::Int64)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    let (least, most) = (arrow::compute::min(numbers), arrow::compute::max(numbers));
    Ok(least.zip(most))
}

/// Bytes of the longest text.
fn longest(argument: &ColumnarValue) -> Result<u64> {
    let texts = cast(&array(argument)?, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    Ok((0..texts.len()).map(|row| texts.value_length(row) as u64).max().unwrap_or(0))
}

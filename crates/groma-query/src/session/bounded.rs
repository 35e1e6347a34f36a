//! Functions that make much of little: a bound on what one call gives.
//!
//! The memory of a query is what its operators reserve; what a function makes of one batch of rows is
//! not part of it. `repeat('x', 2000000000)` would fill the memory before anybody counts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
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
/// What an item that is a text takes in a list, at least: where it ends.
const TEXT_ITEM_BYTES: u64 = 4;

/// How much a call gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Yield {
    /// The first argument, as often as the second says.
    Repeated,
    /// As many characters as the second argument says.
    Sized,
    /// As many items as the second argument says, each as large as the argument of this place.
    Items { item: usize },
    /// The first argument with the third in the place of each second.
    Replaced,
    /// The same; the second is a pattern, so that nobody knows how often, unless it is once.
    Matched,
    /// All items of the first argument, with the second between them or the third for NULL.
    Joined,
    /// From the first argument to the second, in steps of the third.
    Counted,
}

const FUNCTIONS: [(&str, Yield); 10] = [
    ("repeat", Yield::Repeated),
    ("lpad", Yield::Sized),
    ("rpad", Yield::Sized),
    ("array_repeat", Yield::Items { item: 0 }),
    ("array_resize", Yield::Items { item: 2 }),
    ("replace", Yield::Replaced),
    ("regexp_replace", Yield::Matched),
    ("array_to_string", Yield::Joined),
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
        let bytes = self.of.bytes(&call.args, rows)?;
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
    /// Most bytes that a call gives for so many rows.
    fn bytes(self, arguments: &[ColumnarValue], rows: u64) -> Result<u64> {
        let number = |index: usize| arguments.get(index).map_or(Ok(None), range_of);
        let times =
            || -> Result<u64> { Ok(number(1)?.map_or(0, |(_, most)| most.max(0).unsigned_abs())) };
        let largest = |index: usize| arguments.get(index).map_or(Ok(0), largest);
        let row = match self {
            Yield::Repeated => largest(0)?.saturating_mul(times()?),
            Yield::Sized => times()?.saturating_mul(ITEM_BYTES),
            Yield::Items { item } => largest(item)?.max(ITEM_BYTES).saturating_mul(times()?),
            Yield::Replaced => return replaced(arguments, rows),
            Yield::Matched => {
                let (text, put) = (largest(0)?, largest(2)?);
                // Once, or before, between and behind all characters. What was matched may be put in as
                // well, with each `\1`: each character of the text at most once for each of these.
                let places = if arguments.len() > 3 { text.saturating_add(1) } else { 1 };
                places.saturating_mul(put).saturating_add(text.saturating_mul(put / 2 + 1))
            }
            Yield::Joined => {
                let between = largest(1)?.max(largest(2)?).saturating_add(1);
                (largest(0)? / TEXT_ITEM_BYTES).saturating_mul(between).saturating_add(largest(0)?)
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
        };
        Ok(row.saturating_mul(rows))
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

/// Bytes of the largest value.
fn largest(argument: &ColumnarValue) -> Result<u64> {
    let values = array(argument)?;
    if values.data_type().is_string() {
        let texts = cast(&values, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        return Ok((0..texts.len()).map(|row| texts.value_length(row) as u64).max().unwrap_or(0));
    }
    let bytes = |row| Ok(values.slice(row, 1).to_data().get_slice_memory_size()? as u64);
    (0..values.len()).map(bytes).try_fold(0, |most, row: Result<u64>| Ok(most.max(row?)))
}

/// Bytes of all texts of the first argument with the third in the place of each second.
fn replaced(arguments: &[ColumnarValue], rows: u64) -> Result<u64> {
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let texts = |index: usize| match arguments.get(index) {
        Some(argument) => Ok(cast(&argument.to_array(rows)?, &DataType::Utf8)?),
        None => Ok::<_, DataFusionError>(new_null_array(&DataType::Utf8, rows)),
    };
    let (text, out, put) = (texts(0)?, texts(1)?, texts(2)?);
    let columns = (text.as_string::<i32>(), out.as_string::<i32>(), put.as_string::<i32>());
    let bytes = |row: usize| {
        let (text, put) = (columns.0.value(row), columns.2.value(row).len() as u64);
        // The empty text is before, between and behind all characters.
        text.len() as u64 + text.matches(columns.1.value(row)).count() as u64 * put
    };
    let is_known = |row: &usize| text.is_valid(*row) && out.is_valid(*row) && put.is_valid(*row);
    Ok((0..rows).filter(is_known).map(bytes).fold(0, u64::saturating_add))
}

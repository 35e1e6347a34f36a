//! Arrow columns to the columns of a [`MessageBatch`].

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, PrimitiveArray, RecordBatch,
    StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Int32Type, Int64Type, SchemaRef, TimeUnit,
    TimestampNanosecondType, UInt32Type, UInt64Type,
};
use groma_trace::{MessageBatch, id_of_text};

use crate::segment::{DIRECTION_RECEIVE, DIRECTION_SEND, column};

/// Gives numbers to names.
pub(crate) trait NameSink {
    /// The number of `name`.
    fn number(&mut self, name: &str) -> u32;
}

/// Numbers names as they come, without looking whether one was there before.
impl NameSink for Vec<Arc<str>> {
    fn number(&mut self, name: &str) -> u32 {
        self.push(name.into());
        self.len() as u32 - 1
    }
}

const REQUIRED: [&str; 6] = [
    column::PROCESS,
    column::DIRECTION,
    column::PEER,
    column::MESSAGE,
    column::TREE,
    column::TRANSACTION,
];
const OPTIONAL: [&str; 8] = [
    column::TIME,
    column::REPLY,
    column::PARENT_MESSAGE,
    column::PARENT_TRANSACTION,
    column::SESSION,
    column::SERVICE,
    column::BYTES,
    column::STATUS,
];

/// Whether a column is one of a message log, and wanted.
pub(crate) fn known(name: &str, wanted: impl Fn(&str) -> bool) -> bool {
    (REQUIRED.contains(&name) || OPTIONAL.contains(&name)) && wanted(name)
}

/// Whether a column holds names of few distinct values.
pub(crate) fn is_name(name: &str) -> bool {
    [column::PROCESS, column::DIRECTION, column::PEER, column::SERVICE].contains(&name)
}

/// Says what keeps a file with this schema from being a message log.
pub(crate) fn check(schema: &SchemaRef) -> Result<(), String> {
    for name in REQUIRED {
        if schema.field_with_name(name).is_err() {
            return Err(format!("it has no column \"{name}\""));
        }
    }
    for field in schema.fields() {
        let (name, of) = (field.name().as_str(), field.data_type());
        if known(name, |_| true) && !fits(name, of) {
            return Err(format!("column \"{name}\" is of type {of}, not {}", expected(name)));
        }
    }
    Ok(())
}

fn fits(name: &str, of: &DataType) -> bool {
    let text = matches!(of, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let number = of.is_integer();
    match name {
        column::TIME => number || matches!(of, DataType::Timestamp(_, _)),
        column::REPLY => *of == DataType::Boolean,
        column::BYTES | column::STATUS => number,
        name if is_name(name) => text,
        _ => number || text,
    }
}

fn expected(name: &str) -> &'static str {
    match name {
        column::TIME => "a timestamp or whole nanoseconds since 1970",
        column::REPLY => "boolean",
        column::BYTES | column::STATUS => "a whole number",
        name if is_name(name) => "text",
        _ => "a whole number or text",
    }
}

/// Replaces the records of `batch` by `rows`. Columns that were not read are unknown.
pub(crate) fn fill(
    rows: &RecordBatch,
    names: &mut dyn NameSink,
    batch: &mut MessageBatch,
) -> Result<(), String> {
    let len = rows.num_rows();
    let id = |name: &str| ids(rows.column_by_name(name), len);
    batch.time = match rows.column_by_name(column::TIME) {
        Some(array) => times(array)?,
        None => vec![MessageBatch::TIME_UNKNOWN; len],
    };
    batch.message = id(column::MESSAGE)?;
    batch.parent_message = id(column::PARENT_MESSAGE)?;
    batch.tree = id(column::TREE)?;
    batch.transaction = id(column::TRANSACTION)?;
    batch.parent_transaction = id(column::PARENT_TRANSACTION)?;
    batch.session = id(column::SESSION)?;
    let mut name = |name: &str| numbers_of_names(rows.column_by_name(name), len, names);
    batch.process = name(column::PROCESS)?;
    batch.peer = name(column::PEER)?;
    batch.service = name(column::SERVICE)?;
    batch.bytes = match rows.column_by_name(column::BYTES) {
        Some(array) => sizes(array)?,
        None => vec![MessageBatch::BYTES_UNKNOWN; len],
    };
    batch.status = match rows.column_by_name(column::STATUS) {
        Some(array) => values::<Int32Type>(array, MessageBatch::STATUS_UNKNOWN)?,
        None => vec![MessageBatch::STATUS_UNKNOWN; len],
    };
    batch.flags = vec![0; len];
    if let Some(array) = rows.column_by_name(column::REPLY).and_then(|array| array.as_boolean_opt())
    {
        add_replies(array, &mut batch.flags);
    }
    if let Some(array) = rows.column_by_name(column::DIRECTION) {
        add_directions(array, batch)?;
    }
    Ok(())
}

/// The values of a column as `T`; NULL, and what does not fit, is `unknown`.
fn values<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    unknown: T::Native,
) -> Result<Vec<T::Native>, String> {
    let array = if *array.data_type() == T::DATA_TYPE {
        array.clone()
    } else {
        cast(array, &T::DATA_TYPE).map_err(|error| error.to_string())?
    };
    Ok(values_of(array.as_primitive::<T>(), unknown))
}

fn values_of<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    unknown: T::Native,
) -> Vec<T::Native> {
    let mut values = array.values().to_vec();
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        let mut from = 0;
        for (start, end) in nulls.valid_slices() {
            values[from..start].fill(unknown);
            from = end;
        }
        values[from..].fill(unknown);
    }
    values
}

fn times(array: &ArrayRef) -> Result<Vec<i64>, String> {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Ok(values_of(array.as_primitive::<TimestampNanosecondType>(), MessageBatch::TIME_UNKNOWN))
        }
        DataType::Timestamp(_, zone) => {
            let nanos = DataType::Timestamp(TimeUnit::Nanosecond, zone.clone());
            let array = cast(array, &nanos).map_err(|error| error.to_string())?;
            Ok(values_of(array.as_primitive::<TimestampNanosecondType>(), MessageBatch::TIME_UNKNOWN))
        }
        _ => values::<Int64Type>(array, MessageBatch::TIME_UNKNOWN),
    }
}

fn sizes(array: &ArrayRef) -> Result<Vec<u32>, String> {
    if *array.data_type() == DataType::UInt32 {
        return values::<UInt32Type>(array, MessageBatch::BYTES_UNKNOWN);
    }
    // A size below zero is not known.
    let sizes = values::<UInt64Type>(array, u64::MAX)?;
    let kept = |size: u64| match size {
        u64::MAX => MessageBatch::BYTES_UNKNOWN,
        size => MessageBatch::bytes_kept(size),
    };
    Ok(sizes.into_iter().map(kept).collect())
}

fn ids(array: Option<&ArrayRef>, len: usize) -> Result<Vec<u64>, String> {
    let Some(array) = array else { return Ok(vec![0; len]) };
    match array.data_type() {
        DataType::UInt64 => Ok(values_of(array.as_primitive::<UInt64Type>(), 0)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let text = cast(array, &DataType::Utf8).map_err(|error| error.to_string())?;
            Ok(text.as_string::<i32>().iter().map(|text| text.map_or(0, id_of_text)).collect())
        }
        _ => {
            let numbers = values::<Int64Type>(array, 0)?;
            Ok(numbers.into_iter().map(|number| number as u64).collect())
        }
    }
}

fn as_dictionary(array: &ArrayRef) -> Result<DictionaryArray<Int32Type>, String> {
    let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let array = cast(array, &kind).map_err(|error| error.to_string())?;
    array.as_dictionary_opt::<Int32Type>().cloned().ok_or_else(|| "it has no names".to_owned())
}

/// Numbers of the names of a column.
fn numbers_of_names(
    array: Option<&ArrayRef>,
    len: usize,
    names: &mut dyn NameSink,
) -> Result<Vec<u32>, String> {
    let Some(array) = array else { return Ok(vec![MessageBatch::NAME_NONE; len]) };
    let array = as_dictionary(array)?;
    let texts: &StringArray = array.values().as_string();
    // One more for NULL, and for what is not in the dictionary.
    let numbers: Vec<u32> = texts
        .iter()
        .map(|text| text.map_or(MessageBatch::NAME_NONE, |text| names.number(text)))
        .collect();
    let number = |key: &i32| {
        numbers.get(*key as usize).copied().unwrap_or(MessageBatch::NAME_NONE)
    };
    let mut column: Vec<u32> = array.keys().values().iter().map(number).collect();
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        for (row, value) in column.iter_mut().enumerate() {
            if nulls.is_null(row) {
                *value = MessageBatch::NAME_NONE;
            }
        }
    }
    Ok(column)
}

fn add_replies(array: &BooleanArray, flags: &mut [u8]) {
    for (start, end) in array.values().set_slices() {
        for flags in &mut flags[start..end] {
            *flags |= MessageBatch::FLAG_REPLY;
        }
    }
    if array.null_count() > 0 {
        for (row, flags) in flags.iter_mut().enumerate() {
            if array.is_null(row) {
                *flags &= !MessageBatch::FLAG_REPLY;
            }
        }
    }
}

/// Who wrote a record is known from its direction; one without it is made incomplete.
fn add_directions(array: &ArrayRef, batch: &mut MessageBatch) -> Result<(), String> {
    let array = as_dictionary(array)?;
    let texts: &StringArray = array.values().as_string();
    let direction = |text: Option<&str>| match text {
        Some(DIRECTION_SEND) => Some(MessageBatch::FLAG_SENT),
        Some(DIRECTION_RECEIVE) => Some(0),
        _ => None,
    };
    let directions: Vec<Option<u8>> = texts.iter().map(direction).collect();
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    for (row, key) in array.keys().values().iter().enumerate() {
        let null = nulls.is_some_and(|nulls| nulls.is_null(row));
        match directions.get(*key as usize).copied().flatten().filter(|_| !null) {
            Some(flag) => batch.flags[row] |= flag,
            None => batch.message[row] = 0,
        }
    }
    Ok(())
}

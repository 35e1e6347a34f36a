//! Arrow columns to the columns of a [`MessageBatch`].

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Int32Type, Int64Type, SchemaRef, TimestampNanosecondType,
    UInt32Type, UInt64Type,
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

/// The numbers of the names in the dictionaries that columns last came with. All rows of a row
/// group share a dictionary: its names are numbered once.
#[derive(Default)]
pub(crate) struct Dictionaries {
    process: Dictionary,
    peer: Dictionary,
    service: Dictionary,
}

#[derive(Default)]
struct Dictionary {
    /// Kept, so that another dictionary cannot take its place in memory.
    texts: Option<StringArray>,
    numbers: Vec<u32>,
}

impl Dictionary {
    fn numbers(&mut self, texts: &StringArray, names: &mut dyn NameSink) -> &[u32] {
        let same = |known: &StringArray| {
            known.values().ptr_eq(texts.values())
                && known.offsets().inner().inner().ptr_eq(texts.offsets().inner().inner())
                && known.nulls().is_none()
                && texts.nulls().is_none()
        };
        if !self.texts.as_ref().is_some_and(same) {
            let number = |text: Option<&str>| match text {
                Some(text) => names.number(text),
                None => MessageBatch::NAME_NONE,
            };
            self.numbers.clear();
            self.numbers.extend(texts.iter().map(number));
            self.texts = Some(texts.clone());
        }
        &self.numbers
    }
}

/// Adds `rows` to `batch`. Columns that were not read are unknown. `known` must always come with
/// the same `names`.
pub(crate) fn append(
    rows: &RecordBatch,
    names: &mut dyn NameSink,
    known: &mut Dictionaries,
    batch: &mut MessageBatch,
) -> Result<(), String> {
    let rows = Rows { rows, end: batch.len() + rows.num_rows() };
    rows.flags(&mut batch.flags)?;
    rows.ids(column::MESSAGE, &mut batch.message)?;
    rows.directions(batch)?;
    rows.ids(column::PARENT_MESSAGE, &mut batch.parent_message)?;
    rows.ids(column::TREE, &mut batch.tree)?;
    rows.ids(column::TRANSACTION, &mut batch.transaction)?;
    rows.ids(column::PARENT_TRANSACTION, &mut batch.parent_transaction)?;
    rows.ids(column::SESSION, &mut batch.session)?;
    rows.names(column::PROCESS, (names, &mut known.process), &mut batch.process)?;
    rows.names(column::PEER, (names, &mut known.peer), &mut batch.peer)?;
    rows.names(column::SERVICE, (names, &mut known.service), &mut batch.service)?;
    rows.sizes(&mut batch.bytes)?;
    rows.statuses(&mut batch.status)?;
    // The last one: its length is the length of the batch.
    rows.times(&mut batch.time)
}

/// Rows that are being added.
struct Rows<'r> {
    rows: &'r RecordBatch,
    /// Length of each column of the batch when they are added.
    end: usize,
}

impl Rows<'_> {
    fn column(&self, name: &str) -> Option<&ArrayRef> {
        self.rows.column_by_name(name)
    }

    fn times(&self, to: &mut Vec<i64>) -> Result<(), String> {
        let unknown = MessageBatch::TIME_UNKNOWN;
        match self.column(column::TIME) {
            None => to.resize(self.end, unknown),
            Some(array) if matches!(array.data_type(), DataType::Timestamp(_, _)) => {
                add_cast::<TimestampNanosecondType>(array, unknown, to)?;
            }
            Some(array) => add_cast::<Int64Type>(array, unknown, to)?,
        }
        Ok(())
    }

    fn ids(&self, name: &str, to: &mut Vec<u64>) -> Result<(), String> {
        match self.column(name) {
            None => to.resize(self.end, 0),
            Some(array) => match array.data_type() {
                DataType::UInt64 => add(array.as_primitive::<UInt64Type>(), 0, to),
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                    let text = cast_to(array, &DataType::Utf8)?;
                    let text = text.as_string::<i32>().iter();
                    to.extend(text.map(|text| text.map_or(0, id_of_text)));
                }
                _ => {
                    let mut numbers = Vec::with_capacity(array.len());
                    add_cast::<Int64Type>(array, 0, &mut numbers)?;
                    to.extend(numbers.into_iter().map(|number| number as u64));
                }
            },
        }
        Ok(())
    }

    fn sizes(&self, to: &mut Vec<u32>) -> Result<(), String> {
        let unknown = MessageBatch::BYTES_UNKNOWN;
        match self.column(column::BYTES) {
            None => to.resize(self.end, unknown),
            Some(array) if *array.data_type() == DataType::UInt32 => {
                add(array.as_primitive::<UInt32Type>(), unknown, to);
            }
            Some(array) => {
                // A size below zero is not known.
                let mut sizes = Vec::with_capacity(array.len());
                add_cast::<UInt64Type>(array, u64::MAX, &mut sizes)?;
                to.extend(sizes.into_iter().map(|size| match size {
                    u64::MAX => unknown,
                    size => MessageBatch::bytes_kept(size),
                }));
            }
        }
        Ok(())
    }

    fn statuses(&self, to: &mut Vec<i32>) -> Result<(), String> {
        let unknown = MessageBatch::STATUS_UNKNOWN;
        match self.column(column::STATUS) {
            None => to.resize(self.end, unknown),
            Some(array) => add_cast::<Int32Type>(array, unknown, to)?,
        }
        Ok(())
    }

    fn names(
        &self,
        name: &str,
        (names, known): (&mut dyn NameSink, &mut Dictionary),
        to: &mut Vec<u32>,
    ) -> Result<(), String> {
        let Some(array) = self.column(name) else {
            to.resize(self.end, MessageBatch::NAME_NONE);
            return Ok(());
        };
        let array = as_dictionary(array)?;
        let texts: &StringArray = array.values().as_string();
        let numbers = known.numbers(texts, names);
        let start = to.len();
        let number =
            |key: &i32| numbers.get(*key as usize).copied().unwrap_or(MessageBatch::NAME_NONE);
        to.extend(array.keys().values().iter().map(number));
        fill_nulls(array.nulls(), MessageBatch::NAME_NONE, &mut to[start..]);
        Ok(())
    }

    fn flags(&self, to: &mut Vec<u8>) -> Result<(), String> {
        let Some(array) = self.column(column::REPLY).and_then(|array| array.as_boolean_opt())
        else {
            to.resize(self.end, 0);
            return Ok(());
        };
        let start = to.len();
        let flag = |reply: bool| if reply { MessageBatch::FLAG_REPLY } else { 0 };
        to.extend(array.values().iter().map(flag));
        fill_nulls(array.nulls(), 0, &mut to[start..]);
        Ok(())
    }

    /// Who wrote a record is known from its direction; one without it is made incomplete.
    fn directions(&self, batch: &mut MessageBatch) -> Result<(), String> {
        let Some(array) = self.column(column::DIRECTION) else { return Ok(()) };
        let array = as_dictionary(array)?;
        let texts: &StringArray = array.values().as_string();
        let direction = |text: Option<&str>| match text {
            Some(DIRECTION_SEND) => Some(MessageBatch::FLAG_SENT),
            Some(DIRECTION_RECEIVE) => Some(0),
            _ => None,
        };
        let directions: Vec<Option<u8>> = texts.iter().map(direction).collect();
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let start = self.end - array.len();
        let records = batch.flags[start..].iter_mut().zip(&mut batch.message[start..]);
        for (row, ((flags, message), key)) in records.zip(array.keys().values()).enumerate() {
            let null = nulls.is_some_and(|nulls| nulls.is_null(row));
            match directions.get(*key as usize).copied().flatten() {
                Some(flag) if !null => *flags |= flag,
                _ => *message = 0,
            }
        }
        Ok(())
    }
}

fn cast_to(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    cast(array, to).map_err(|error| error.to_string())
}

fn as_dictionary(array: &ArrayRef) -> Result<DictionaryArray<Int32Type>, String> {
    let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let array = cast_to(array, &kind)?;
    array.as_dictionary_opt::<Int32Type>().cloned().ok_or_else(|| "it has no names".to_owned())
}

/// Adds the values of a column as `T`; NULL, and what does not fit, is `unknown`.
fn add_cast<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    unknown: T::Native,
    to: &mut Vec<T::Native>,
) -> Result<(), String> {
    let target = match (array.data_type(), &T::DATA_TYPE) {
        (DataType::Timestamp(_, zone), DataType::Timestamp(unit, _)) => {
            DataType::Timestamp(*unit, zone.clone())
        }
        (_, target) => target.clone(),
    };
    add(cast_to(array, &target)?.as_primitive::<T>(), unknown, to);
    Ok(())
}

fn add<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    unknown: T::Native,
    to: &mut Vec<T::Native>,
) {
    let start = to.len();
    to.extend_from_slice(array.values());
    fill_nulls(array.nulls(), unknown, &mut to[start..]);
}

fn fill_nulls<T: Copy>(nulls: Option<&NullBuffer>, unknown: T, values: &mut [T]) {
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else { return };
    for (value, known) in values.iter_mut().zip(nulls.iter()) {
        if !known {
            *value = unknown;
        }
    }
}

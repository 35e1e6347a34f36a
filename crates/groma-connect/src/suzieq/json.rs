//! Small readers for the JSON that network systems print.

use serde_json::Value;

/// The text of a field; a number counts as its text.
pub(super) fn text(object: &Value, field: &str) -> Option<String> {
    match object.get(field)? {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The whole number of a field, which may be written as text.
pub(super) fn integer(object: &Value, field: &str) -> Option<i64> {
    match object.get(field)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|n| n as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The entries of an object, or none.
pub(super) fn entries<'a>(
    object: &'a Value,
    field: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.get(field).and_then(Value::as_object).into_iter().flatten()
}

/// The items of an array; a single object counts as an array of one, as NX-OS writes it.
pub(super) fn items<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    match object.get(field) {
        Some(Value::Array(items)) => items,
        Some(object @ Value::Object(_)) => std::slice::from_ref(object),
        _ => &[],
    }
}

/// Rows of a table as NX-OS nests them: `{"TABLE_x": {"ROW_x": [..]}}`, each level an object or an array.
pub(super) fn rows<'a>(object: &'a Value, table: &str, row: &str) -> Vec<&'a Value> {
    items(object, table).iter().flat_map(|table| items(table, row)).collect()
}

/// The text of a field as Junos nests it: `{"name": [{"data": "xe-0/0/0"}]}`.
pub(super) fn junos_text(object: &Value, field: &str) -> Option<String> {
    text(items(object, field).first()?, "data")
}

/// The objects below a path of fields as Junos nests them, each level an array.
pub(super) fn junos_items<'a>(object: &'a Value, path: &[&str]) -> Vec<&'a Value> {
    let mut level = vec![object];
    for field in path {
        level = level.into_iter().flat_map(|object| items(object, field)).collect();
    }
    level
}

//! Objects of NetBox out of any JSON that holds them.

use std::collections::{BTreeMap, BTreeSet};

use groma_model::Problem;
use serde_json::Value;

/// Deepest nesting in which objects are looked for: a page, a list, a list of pages.
const DEPTH_MAX: usize = 6;

/// Objects by the endpoint they are from, such as `dcim/devices`.
#[derive(Default)]
pub(super) struct Objects {
    by_endpoint: BTreeMap<String, Vec<Value>>,
    seen: BTreeSet<(String, i64)>,
}

impl Objects {
    /// Adds the objects of a document; the first of the same number counts.
    pub(super) fn take(&mut self, place: &str, bytes: &[u8], problems: &mut Vec<Problem>) {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(document) => {
                if !self.look(document, 0) {
                    problems.push(Problem::new(place, "", "it holds no object of NetBox"));
                }
            }
            Err(error) => {
                let shown = crate::lines::lossy_start(bytes);
                problems.push(Problem::new(place, &shown, format!("not JSON: {error}")));
            }
        }
    }

    /// Whether anything was understood; an empty list is.
    fn look(&mut self, value: Value, depth: usize) -> bool {
        match value {
            Value::Object(object) => {
                if let Some(endpoint) = object.get("url").and_then(Value::as_str).and_then(endpoint)
                {
                    let id = object.get("id").and_then(Value::as_i64).unwrap_or_default();
                    if self.seen.insert((endpoint.clone(), id)) {
                        self.by_endpoint.entry(endpoint).or_default().push(Value::Object(object));
                    }
                    return true;
                }
                depth < DEPTH_MAX
                    && object
                        .into_iter()
                        .fold(false, |any, (_, value)| self.look(value, depth + 1) | any)
            }
            Value::Array(items) if items.is_empty() => true,
            Value::Array(items) => {
                depth < DEPTH_MAX
                    && items.into_iter().fold(false, |any, value| self.look(value, depth + 1) | any)
            }
            _ => false,
        }
    }

    /// The objects of an endpoint.
    pub(super) fn of(&self, endpoint: &str) -> &[Value] {
        self.by_endpoint.get(endpoint).map_or(&[], Vec::as_slice)
    }
}

/// `dcim/devices` of `https://netbox/api/dcim/devices/7/`.
fn endpoint(url: &str) -> Option<String> {
    let mut parts = url.split_once("/api/")?.1.split('/');
    let (app, list, id) = (parts.next()?, parts.next()?, parts.next()?);
    id.parse::<u64>().ok()?;
    Some(format!("{app}/{list}"))
}

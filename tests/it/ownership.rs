//! Who owns what of an object, read from it by the tests' own eyes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The units of an object or a default, by their names, with their values.
pub fn units(object: &Value) -> BTreeMap<String, Value> {
    let fields = |pointer: &str| object.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
    let spec = fields("/spec").into_iter().map(|(field, value)| (format!("spec.{field}"), value));
    let labels =
        fields("/metadata/labels").into_iter().map(|(key, value)| (format!("metadata.labels['{key}']"), value));
    let annotations = fields("/metadata/annotations")
        .into_iter()
        .map(|(key, value)| (format!("metadata.annotations['{key}']"), value));
    spec.chain(labels).chain(annotations).collect()
}

/// The managers that own a unit or a leaf of it, read from `managedFields` by this test's own eyes.
pub fn owners(object: &Value, unit: &str) -> BTreeSet<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let owns = |entry: &Value| {
        let set = &entry["fieldsV1"];
        let fields = match unit.split_once("['") {
            Some((map, key)) => {
                let map = map.trim_start_matches("metadata.");
                set["f:metadata"][format!("f:{map}")][format!("f:{}", key.trim_end_matches("']"))].clone()
            }
            None => set["f:spec"][format!("f:{}", unit.trim_start_matches("spec."))].clone(),
        };
        // An entry that has only the container owns none of its leaves.
        fields.as_object().is_some_and(|fields| fields.is_empty() || fields.keys().any(|key| key != "."))
    };
    let owning = entries.iter().filter(|entry| entry["subresource"].is_null() && owns(entry));
    owning.filter_map(|entry| entry["manager"].as_str().map(str::to_owned)).collect()
}

//! Field sets: which fields of an object one manager owns, decoded from `managedFields` (`FieldsV1`).
//!
//! `FieldsV1` is a tree: `f:NAME` is a field, `k:{…}` a list item by its keys, `v:…` one by its value, `i:N` one by
//! its index, `.` the parent itself, and an empty object ends a path. Its source is structured-merge-diff's
//! `fieldpath` package. What comes out here is keyed by [`Unit`]; fields that are no unit's are left aside, apart
//! from the finalizers.

mod covers;

use serde_json::{Map, Value};

use super::unit::Unit;
use super::value::UnitValue;

/// The fields one manager owns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSet {
    units: Box<[(Unit, Fields)]>,
    finalizers: Box<[Box<str>]>,
    /// `labels` and `annotations`, if the map itself is owned: whoever made it owns it, whatever becomes of its keys.
    maps: Box<[&'static str]>,
}

/// What a manager owns of one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fields {
    /// The value as a whole: a scalar, or an atomic list or map.
    Whole,
    /// Parts of a struct, a map or a list. `itself` is the entry `.`: the container, without its content.
    Parts {
        /// Whether the container itself is owned.
        itself: bool,
        /// The parts, in the order of the encoding.
        parts: Box<[(PathElement, Fields)]>,
    },
}

/// One step from a container to its content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathElement {
    /// A field of a struct or a key of a map.
    Field(Box<str>),
    /// The list item whose fields have these values.
    Key(Value),
    /// The item of a set that equals this value.
    Item(Value),
    /// The list item at this index.
    Index(usize),
}

/// `managedFields` that don't follow the encoding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeFieldsError {
    /// A path element with an unknown prefix or a malformed value.
    #[error("{element:?} is no path element of FieldsV1")]
    PathElement {
        /// The element as it stands.
        element: String,
    },
    /// Something other than an object where a set belongs.
    #[error("the set below {path:?} is not an object")]
    NotAnObject {
        /// The path element above.
        path: String,
    },
}

impl FieldSet {
    /// Decodes the `fieldsV1` of one entry.
    pub fn decode(fields: &Value) -> Result<Self, DecodeFieldsError> {
        let root = object(fields, "")?;
        let mut units = Vec::new();
        let mut finalizers = Vec::new();
        let mut maps = Vec::new();
        if let Some(spec) = root.get("f:spec") {
            for (element, below) in object(spec, "f:spec")? {
                let Some(unit) = element.strip_prefix("f:").map(Unit::spec) else { continue };
                let fields = match Fields::decode(below, element)? {
                    // A struct whose parts have owners of their own. With nothing below, its entry is the container.
                    Fields::Whole if unit == Unit::ParametersRef => Fields::Parts { itself: true, parts: [].into() },
                    fields => fields,
                };
                units.push((unit, fields));
            }
        }
        if let Some(metadata) = root.get("f:metadata") {
            let metadata = object(metadata, "f:metadata")?;
            for (map, unit) in [("labels", Unit::label as fn(&str) -> Unit), ("annotations", Unit::annotation)] {
                let Some(keys) = metadata.get(&format!("f:{map}")) else { continue };
                let keys = object(keys, map)?;
                if keys.is_empty() || keys.contains_key(".") {
                    maps.push(map);
                }
                for (element, below) in keys {
                    if let Some(key) = element.strip_prefix("f:") {
                        units.push((unit(key), Fields::decode(below, element)?));
                    }
                }
            }
            if let Some(list) = metadata.get("f:finalizers") {
                for element in object(list, "f:finalizers")?.keys().filter(|element| *element != ".") {
                    match PathElement::decode(element)? {
                        PathElement::Item(Value::String(name)) => finalizers.push(name.into_boxed_str()),
                        PathElement::Item(_) | PathElement::Field(_) | PathElement::Key(_) | PathElement::Index(_) => {
                            return Err(DecodeFieldsError::PathElement { element: element.clone() });
                        }
                    }
                }
            }
        }
        units.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { units: units.into(), finalizers: finalizers.into(), maps: maps.into() })
    }

    /// What is owned of a unit's value; `None` if nothing, or only the container around it.
    #[must_use]
    pub fn of(&self, unit: &Unit) -> Option<&Fields> {
        let index = self.units.binary_search_by(|(candidate, _)| candidate.cmp(unit)).ok()?;
        Some(&self.units[index].1).filter(|fields| fields.has_content())
    }

    /// Whether anything at a unit's place is owned, be it only the container around its content.
    #[must_use]
    pub fn touches(&self, unit: &Unit) -> bool {
        self.units.binary_search_by(|(candidate, _)| candidate.cmp(unit)).is_ok()
    }

    /// The units of which anything is owned, in order.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter().filter(|(_, fields)| fields.has_content()).map(|(unit, _)| unit)
    }

    /// The finalizers that are owned.
    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.finalizers.iter().map(|name| &**name)
    }

    /// Whether `metadata.labels` or `metadata.annotations` itself is owned, with or without keys.
    #[must_use]
    pub fn has_map(&self, map: &str) -> bool {
        self.maps.contains(&map)
    }

    /// Whether neither a unit nor a finalizer is owned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.finalizers.is_empty() && self.units().next().is_none()
    }
}

impl Fields {
    fn decode(fields: &Value, path: &str) -> Result<Self, DecodeFieldsError> {
        let fields = object(fields, path)?;
        if fields.is_empty() {
            return Ok(Self::Whole);
        }
        let parts = fields
            .iter()
            .filter(|(element, _)| *element != ".")
            .map(|(element, below)| Ok((PathElement::decode(element)?, Self::decode(below, element)?)))
            .collect::<Result<_, DecodeFieldsError>>()?;
        Ok(Self::Parts { itself: fields.contains_key("."), parts })
    }

    /// Whether any content is owned, not only containers.
    fn has_content(&self) -> bool {
        match self {
            Self::Whole => true,
            Self::Parts { parts, .. } => parts.iter().any(|(_, fields)| fields.has_content()),
        }
    }

    /// Whether a value's every leaf is owned.
    #[must_use]
    pub fn covers(&self, value: &UnitValue) -> bool {
        match self {
            Self::Whole => true,
            Self::Parts { .. } => match value {
                UnitValue::Text(_) => false,
                UnitValue::Json(json) => covers::covers(self, json),
            },
        }
    }

    /// The same for a part of a value.
    pub(super) fn covers_json(&self, value: &Value) -> bool {
        match self {
            Self::Whole => true,
            Self::Parts { parts, .. } => match value {
                Value::Object(fields) => fields.iter().all(|(name, value)| {
                    let is_field =
                        |element: &PathElement| matches!(element, PathElement::Field(field) if **field == **name);
                    parts.iter().any(|(element, below)| is_field(element) && below.covers_json(value))
                }),
                Value::Array(items) => items.iter().enumerate().all(|(index, item)| {
                    parts.iter().any(|(element, below)| element.selects(index, item) && below.covers_json(item))
                }),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
            },
        }
    }

    /// The part of a value that is owned: what an apply repeats to hold it. `None` if nothing of it is there.
    #[must_use]
    pub fn extract(&self, value: &UnitValue) -> Option<Value> {
        self.extract_json(&value.to_json())
    }

    fn extract_json(&self, value: &Value) -> Option<Value> {
        let parts = match self {
            Self::Whole => return Some(value.clone()),
            Self::Parts { parts, .. } => parts,
        };
        match value {
            Value::Object(fields) => {
                let owned: Map<_, _> = parts
                    .iter()
                    .filter_map(|(element, below)| {
                        let PathElement::Field(name) = element else { return None };
                        Some((name.to_string(), below.extract_json(fields.get(&**name)?)?))
                    })
                    .collect();
                (!owned.is_empty()).then_some(Value::Object(owned))
            }
            Value::Array(items) => {
                let owned: Vec<_> = items
                    .iter()
                    .enumerate()
                    .filter_map(|(index, item)| {
                        let (element, below) = parts.iter().find(|(element, _)| element.selects(index, item))?;
                        // The keys of an item belong to its identity: without them the server can't tell which.
                        match (below.extract_json(item)?, element) {
                            (Value::Object(mut fields), PathElement::Key(Value::Object(keys))) => {
                                fields.extend(keys.clone());
                                Some(Value::Object(fields))
                            }
                            (owned, _) => Some(owned),
                        }
                    })
                    .collect();
                (!owned.is_empty()).then_some(Value::Array(owned))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
}

impl PathElement {
    fn decode(element: &str) -> Result<Self, DecodeFieldsError> {
        let error = || DecodeFieldsError::PathElement { element: element.to_owned() };
        let (prefix, rest) = element.split_once(':').ok_or_else(error)?;
        match prefix {
            "f" => Ok(Self::Field(rest.into())),
            "k" => serde_json::from_str(rest).map(Self::Key).map_err(|_| error()),
            "v" => serde_json::from_str(rest).map(Self::Item).map_err(|_| error()),
            "i" => rest.parse().map(Self::Index).map_err(|_| error()),
            _ => Err(error()),
        }
    }

    fn selects(&self, index: usize, item: &Value) -> bool {
        match self {
            Self::Field(_) => false,
            Self::Key(keys) => {
                keys.as_object().is_some_and(|keys| keys.iter().all(|(name, value)| item.get(name) == Some(value)))
            }
            Self::Item(value) => value == item,
            Self::Index(wanted) => *wanted == index,
        }
    }
}

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, DecodeFieldsError> {
    value.as_object().ok_or_else(|| DecodeFieldsError::NotAnObject { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decode(fields: &Value) -> FieldSet {
        FieldSet::decode(fields).unwrap()
    }

    #[test]
    fn an_apply_entry_is_decoded_into_units() {
        let set = decode(&json!({
            "f:metadata": {"f:labels": {"f:team": {}}, "f:annotations": {".": {}, "f:a:b": {}},
                           "f:finalizers": {".": {}, "v:\"classkeeper.dev/in-use\"": {}}},
            "f:spec": {"f:controllerName": {}, "f:parametersRef": {"f:group": {}, "f:name": {}}},
            "f:status": {"f:conditions": {"k:{\"type\":\"Accepted\"}": {"f:status": {}}}},
        }));
        let units: Vec<_> = set.units().map(ToString::to_string).collect();
        assert_eq!(
            units,
            ["spec.controllerName", "spec.parametersRef", "metadata.labels['team']", "metadata.annotations['a:b']"]
        );
        assert_eq!(set.finalizers().collect::<Vec<_>>(), ["classkeeper.dev/in-use"]);
        assert_eq!(set.of(&Unit::ControllerName), Some(&Fields::Whole));
        assert!(set.of(&Unit::Description).is_none());
    }

    #[test]
    fn a_container_without_content_is_not_an_owned_unit() {
        // The first is what a server writes: an updater made the reference, and others took over each part of it.
        for reference in [json!({}), json!({".": {}})] {
            let set = decode(&json!({"f:spec": {"f:parametersRef": reference}}));
            assert!(set.of(&Unit::ParametersRef).is_none());
            assert!(set.is_empty());
        }
    }

    #[test]
    fn a_map_is_owned_with_and_without_keys() {
        let set = decode(&json!({"f:metadata": {"f:labels": {}, "f:annotations": {".": {}, "f:a": {}}}}));
        assert!(set.has_map("labels") && set.has_map("annotations"));
        let set = decode(&json!({"f:metadata": {"f:labels": {"f:team": {}}}}));
        assert!(!set.has_map("labels") && !set.has_map("annotations"));
    }

    #[test]
    fn the_owned_part_of_a_reference_is_extracted() {
        let set = decode(&json!({"f:spec": {"f:parametersRef": {".": {}, "f:group": {}, "f:kind": {}}}}));
        let fields = set.of(&Unit::ParametersRef).unwrap();
        let live = json!({"group": "g", "kind": "K", "name": "theirs"});
        assert_eq!(fields.extract(&live.clone().into()), Some(json!({"group": "g", "kind": "K"})));
        assert!(!fields.covers(&live.clone().into()));
        assert!(fields.covers(&json!({"group": "g"}).into()));
        assert_eq!(fields.extract(&json!({"name": "theirs"}).into()), None);
    }

    #[test]
    fn list_items_are_extracted_by_key_value_and_index() {
        let set = decode(&json!({"f:spec": {
            "f:byKey": {"k:{\"name\":\"a\"}": {"f:port": {}}},
            "f:bySet": {"v:\"x\"": {}},
            "f:byIndex": {"i:1": {}},
        }}));
        let extract = |field: &str, live: &Value| set.of(&Unit::spec(field)).unwrap().extract(&live.clone().into());
        let live = json!([{"name": "a", "port": 1, "other": 2}, {"name": "b", "port": 3}]);
        assert_eq!(extract("byKey", &live), Some(json!([{"name": "a", "port": 1}])));
        assert_eq!(extract("bySet", &json!(["w", "x"])), Some(json!(["x"])));
        assert_eq!(extract("byIndex", &json!([1, 2])), Some(json!([2])));
    }

    #[test]
    fn malformed_sets_are_errors() {
        for fields in [
            json!([]),
            json!({"f:spec": 1}),
            json!({"f:spec": {"f:a": {"x:1": {}}}}),
            json!({"f:spec": {"f:a": {"i:x": {}}}}),
            json!({"f:spec": {"f:a": {"k:{": {}}}}),
            json!({"f:metadata": {"f:finalizers": {"f:a": {}}}}),
        ] {
            assert!(FieldSet::decode(&fields).is_err(), "{fields} was decoded");
        }
    }
}

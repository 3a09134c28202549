//! Units: the smallest things of a GatewayClass that have one owner, their spelling, and sets of them with values.
//!
//! `spec.parametersRef` is one unit although server-side apply tracks each of its leaves: half of one owner's
//! reference and half of another's is a reference nobody asked for.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::value::UnitValue;

/// The smallest thing of a GatewayClass that has one owner.
///
/// Its text form is what `enforce`, `createOnly`, the annotation `classkeeper.dev/ignore` and all reports use:
/// `spec.description`, `metadata.labels['team']`. The order is that of reports: spec, labels, annotations.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// `spec.controllerName`, immutable on the server.
    ControllerName,
    /// `spec.description`.
    Description,
    /// `spec.parametersRef`, as a whole.
    ParametersRef,
    /// Any other top-level field of `spec`, by its name.
    Spec(Arc<str>),
    /// One label, by its key.
    Label(Arc<str>),
    /// One annotation, by its key.
    Annotation(Arc<str>),
}

impl Unit {
    /// The unit of a top-level field of `spec`.
    #[must_use]
    pub fn spec(field: &str) -> Self {
        match field {
            "controllerName" => Self::ControllerName,
            "description" => Self::Description,
            "parametersRef" => Self::ParametersRef,
            other => Self::Spec(other.into()),
        }
    }

    /// The unit of a label.
    #[must_use]
    pub fn label(key: &str) -> Self {
        Self::Label(key.into())
    }

    /// The unit of an annotation.
    #[must_use]
    pub fn annotation(key: &str) -> Self {
        Self::Annotation(key.into())
    }

    /// The name that the unit holds; `None` for the fields of `spec` that are known.
    pub(super) fn key(&self) -> Option<&Arc<str>> {
        match self {
            Self::ControllerName | Self::Description | Self::ParametersRef => None,
            Self::Spec(key) | Self::Label(key) | Self::Annotation(key) => Some(key),
        }
    }

    /// The same, to put an equal one in its place.
    pub(super) fn key_mut(&mut self) -> Option<&mut Arc<str>> {
        match self {
            Self::ControllerName | Self::Description | Self::ParametersRef => None,
            Self::Spec(key) | Self::Label(key) | Self::Annotation(key) => Some(key),
        }
    }

    /// Where the unit stands in an object: the two or three keys from the root down.
    #[must_use]
    pub fn path(&self) -> UnitPath<'_> {
        match self {
            Self::ControllerName => UnitPath::Spec("controllerName"),
            Self::Description => UnitPath::Spec("description"),
            Self::ParametersRef => UnitPath::Spec("parametersRef"),
            Self::Spec(field) => UnitPath::Spec(field),
            Self::Label(key) => UnitPath::Metadata("labels", key),
            Self::Annotation(key) => UnitPath::Metadata("annotations", key),
        }
    }
}

/// The keys that lead from an object's root to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitPath<'a> {
    /// `spec`, then this field.
    Spec(&'a str),
    /// `metadata`, then `labels` or `annotations`, then this key.
    Metadata(&'static str, &'a str),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            UnitPath::Spec(field) => write!(f, "spec.{field}"),
            UnitPath::Metadata(map, key) => write!(f, "metadata.{map}['{key}']"),
        }
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no unit's spelling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a unit; write spec.FIELD, metadata.labels['KEY'] or metadata.annotations['KEY']")]
pub struct ParseUnitError {
    /// The text as it was given.
    pub text: String,
}

impl FromStr for Unit {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let error = || ParseUnitError { text: text.to_owned() };
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric())
        };
        let quoted = |rest: &str| {
            let key = rest.strip_prefix("['").and_then(|rest| rest.strip_suffix("']"))?;
            (!key.is_empty() && !key.contains('\'')).then(|| Arc::<str>::from(key))
        };
        if let Some(field) = text.strip_prefix("spec.") {
            return if is_name(field) { Ok(Self::spec(field)) } else { Err(error()) };
        }
        if let Some(rest) = text.strip_prefix("metadata.labels") {
            return quoted(rest).map(Self::Label).ok_or_else(error);
        }
        if let Some(rest) = text.strip_prefix("metadata.annotations") {
            return quoted(rest).map(Self::Annotation).ok_or_else(error);
        }
        Err(error())
    }
}

/// Units with a value each, ordered by unit, each unit once.
///
/// A sorted slice rather than a map, since a B-tree's smallest node has room for eleven entries; and shared: a class that
/// is as wanted has the units of its default, and classes that differ in nothing but their names are common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Units(Arc<[(Unit, UnitValue)]>);

impl Units {
    /// The value of a unit.
    #[must_use]
    pub fn get(&self, unit: &Unit) -> Option<&UnitValue> {
        let index = self.0.binary_search_by(|(candidate, _)| candidate.cmp(unit)).ok()?;
        Some(&self.0[index].1)
    }

    /// The value of an annotation, by its key.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&UnitValue> {
        // As `get` of such a unit, which would be made for this alone. Annotations are the last kind of units.
        let order = |candidate: &Unit| match candidate {
            Unit::Annotation(candidate) => (**candidate).cmp(key),
            Unit::ControllerName | Unit::Description | Unit::ParametersRef | Unit::Spec(_) | Unit::Label(_) => {
                Ordering::Less
            }
        };
        let index = self.0.binary_search_by(|(candidate, _)| order(candidate)).ok()?;
        Some(&self.0[index].1)
    }

    /// All units with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Unit, &UnitValue)> {
        self.0.iter().map(|(unit, value)| (unit, value))
    }

    /// Lets go of what another set has as well, and holds that one's instead: both then take the memory of one.
    pub fn share(&mut self, other: &Self) {
        if self == other {
            self.clone_from(other);
            return;
        }
        let shared = |(unit, value): &(Unit, UnitValue)| {
            let index = other.0.binary_search_by(|(candidate, _)| candidate.cmp(unit)).ok()?;
            Some(&other.0[index]).filter(|(_, others)| others == value).cloned()
        };
        self.0 = self.0.iter().map(|own| shared(own).unwrap_or_else(|| own.clone())).collect();
    }

    /// Units and values, to put equal ones in their places; nothing if somebody else holds these units, too.
    pub(super) fn parts_mut(&mut self) -> impl Iterator<Item = &mut (Unit, UnitValue)> {
        Arc::get_mut(&mut self.0).into_iter().flatten()
    }

    /// How many hold these very units.
    pub(super) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// How many units there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no unit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Null, and empty lists and maps, are left out: an apply that sends them is never at rest on the API server
/// (kubernetes#131175, kubernetes#128924).
impl FromIterator<(Unit, Value)> for Units {
    fn from_iter<I: IntoIterator<Item = (Unit, Value)>>(units: I) -> Self {
        let units = units.into_iter().filter(|(_, value)| !is_empty_value(value));
        units.map(|(unit, value)| (unit, UnitValue::from(value))).collect()
    }
}

/// Of a unit that comes twice, the first counts.
impl FromIterator<(Unit, UnitValue)> for Units {
    fn from_iter<I: IntoIterator<Item = (Unit, UnitValue)>>(units: I) -> Self {
        let mut units: Vec<_> = units.into_iter().collect();
        units.sort_by(|a, b| a.0.cmp(&b.0));
        units.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(units.into())
    }
}

fn is_empty_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_parsing_are_inverse() {
        for text in [
            "spec.controllerName",
            "spec.description",
            "spec.parametersRef",
            "spec.somethingNew",
            "metadata.labels['app.kubernetes.io/part-of']",
            "metadata.annotations['a']",
        ] {
            assert_eq!(text.parse::<Unit>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "spec",
            "spec.",
            "spec.a.b",
            "spec.parametersRef.name",
            "description",
            "metadata.labels",
            "metadata.labels.a",
            "metadata.labels['']",
            "metadata.labels['a",
            "metadata.labels[\"a\"]",
            "metadata.name",
            "metadata.labels['a''b']",
            " spec.description",
        ] {
            assert!(text.parse::<Unit>().is_err(), "{text:?} was taken for a unit");
        }
    }

    #[test]
    fn sharing_changes_no_value_and_keeps_what_is_equal_once() {
        let of = |units: &[(&str, &str)]| -> Units {
            units.iter().map(|(unit, value)| (Unit::label(unit), UnitValue::from(*value))).collect()
        };
        let default = of(&[("a", "1"), ("b", "2")]);
        let mut same = of(&[("a", "1"), ("b", "2")]);
        same.share(&default);
        assert!(Arc::ptr_eq(&same.0, &default.0));
        let edited = [("a", "1"), ("b", "mine"), ("c", "3")];
        let mut other = of(&edited);
        other.share(&default);
        assert_eq!(other, of(&edited));
        let text = |units: &Units| units.get(&Unit::label("a")).and_then(UnitValue::as_str).map(str::as_ptr);
        assert_eq!(text(&other), text(&default));
    }

    #[test]
    fn empty_values_are_no_units() {
        let units: Units = [
            (Unit::spec("a"), Value::Null),
            (Unit::spec("b"), serde_json::json!([])),
            (Unit::spec("c"), serde_json::json!({})),
            (Unit::spec("d"), serde_json::json!("")),
        ]
        .into_iter()
        .collect();
        assert_eq!(units.iter().map(|(unit, _)| unit.to_string()).collect::<Vec<_>>(), ["spec.d"]);
    }
}

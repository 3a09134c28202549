//! The value of a unit, kept small.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The value of a unit.
///
/// A controller holds some of these for each class, and most are equal to one that it holds already: a clone is the
/// same memory. What isn't a string is kept as text, because a [`serde_json::Map`] with the four fields of a
/// `parametersRef` takes 900 bytes, and its text a hundred.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnitValue {
    /// A string.
    Text(Arc<str>),
    /// Anything else, as JSON without white space and with sorted keys: equal values have the same text.
    Json(Arc<str>),
}

impl UnitValue {
    /// The text, if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(_) => None,
        }
    }

    /// The text that it is kept as.
    pub(super) fn text(&self) -> &Arc<str> {
        let (Self::Text(text) | Self::Json(text)) = self;
        text
    }

    /// The same, to put an equal one in its place.
    pub(super) fn text_mut(&mut self) -> &mut Arc<str> {
        let (Self::Text(text) | Self::Json(text)) = self;
        text
    }

    /// Whether it is a map.
    #[must_use]
    pub fn is_map(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Json(json) => json.starts_with('{'),
        }
    }

    /// The value as JSON, to look into or to send.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.to_string()),
            // It was written from a value.
            Self::Json(json) => serde_json::from_str(json).unwrap_or_default(),
        }
    }
}

impl From<Value> for UnitValue {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.into()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Self::Json(value.to_string().into())
            }
        }
    }
}

impl From<&str> for UnitValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Serialize for UnitValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

/// As JSON.
impl fmt::Display for UnitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", Value::String(text.to_string())),
            Self::Json(json) => f.write_str(json),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_what_it_was() {
        for value in [
            json!("a \"quoted\" text\n"),
            json!(true),
            json!(-1),
            json!(0.1),
            json!(1.797_693_134_862_315_7e308),
            json!(u64::MAX),
            json!(["a", {"b": [null]}]),
            json!({"name": "edge", "group": "example.com", "kind": "{"}),
        ] {
            let kept = UnitValue::from(value.clone());
            assert_eq!(kept.to_json(), value);
            assert_eq!(kept.to_string(), value.to_string());
            assert_eq!(kept.is_map(), value.is_object());
            assert_eq!(kept.as_str(), value.as_str());
        }
    }

    #[test]
    fn the_order_of_keys_makes_no_difference_and_a_string_is_no_number() {
        let of = |json: &str| UnitValue::from(serde_json::from_str::<Value>(json).unwrap());
        assert_eq!(of(r#"{"a": 1, "b": 2}"#), of(r#"{"b":2,"a":1}"#));
        assert_ne!(of("1"), of("\"1\""));
    }
}

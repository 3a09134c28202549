//! Whether fields cover a value that is kept as text, without making the value: each pass over each class asks.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Fields, PathElement};

/// Whether every leaf of this JSON is owned.
pub(super) fn covers(fields: &Fields, json: &str) -> bool {
    Covers(fields).deserialize(&mut serde_json::Deserializer::from_str(json)).unwrap_or(false)
}

/// Reads a value; what comes out is whether it is covered.
struct Covers<'f>(&'f Fields);

impl<'de> DeserializeSeed<'de> for Covers<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        match self.0 {
            Fields::Whole => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| true),
            Fields::Parts { .. } => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Covers<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut all = true;
        while let Some(part) = map.next_key_seed(Part(self.0))? {
            if let Some(part) = part {
                all &= map.next_value_seed(Covers(part))?;
            } else {
                map.next_value::<IgnoredAny>()?;
                all = false;
            }
        }
        Ok(all)
    }

    /// Which part an item is may depend on its content.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            list.push(item);
        }
        Ok(self.0.covers_json(&Value::Array(list)))
    }

    // A scalar has no parts.

    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// Reads a key; what comes out is what is owned below it.
struct Part<'f>(&'f Fields);

impl<'de, 'f> DeserializeSeed<'de> for Part<'f> {
    type Value = Option<&'f Fields>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'f> Visitor<'_> for Part<'f> {
    type Value = Option<&'f Fields>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let Fields::Parts { parts, .. } = self.0 else { return Ok(None) };
        let is_field = |element: &PathElement| matches!(element, PathElement::Field(field) if **field == *key);
        Ok(parts.iter().find(|(element, _)| is_field(element)).map(|(_, below)| below))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::field_set::FieldSet;
    use crate::engine::unit::Unit;

    #[test]
    fn text_is_covered_exactly_if_its_value_is() {
        let whole = json!({});
        let sets = [
            json!({".": {}, "f:a": {}, "f:b": {"f:c": {}}}),
            json!({"f:a": {}, "f:b": {}}),
            json!({"k:{\"name\":\"x\"}": {"f:name": {}, "f:port": {}}}),
            json!({"i:0": {}, "v:\"y\"": {}}),
            json!({"f:quoted\"key": {}}),
            whole,
        ];
        let values = [
            json!({"a": 1, "b": {"c": [1, {"d": null}]}}),
            json!({"a": 1, "b": {"c": 1, "d": 2}}),
            json!({"a": 1}),
            json!({"a": 1, "z": 1}),
            json!([{"name": "x", "port": 1}]),
            json!([{"name": "x", "port": 1, "other": 2}]),
            json!(["x", "y"]),
            json!(["x", "z"]),
            json!({"quoted\"key": "a\nb"}),
            json!("text"),
            json!(1.5),
            json!(-1),
            json!(true),
            json!(null),
        ];
        let mut covered = 0;
        for set in &sets {
            let set = FieldSet::decode(&json!({"f:spec": {"f:x": set}})).unwrap();
            let fields = set.of(&Unit::spec("x")).unwrap();
            for value in &values {
                assert_eq!(covers(fields, &value.to_string()), fields.covers_json(value), "{value} by {fields:?}");
                covered += usize::from(fields.covers_json(value));
            }
        }
        assert!((values.len() + 6..).contains(&covered), "{covered} is too few for this to say anything");
    }
}

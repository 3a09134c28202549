//! Serde reads a document's values, so that the typed mirror of a document is one `deserialize` away.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::{Content, Node};

impl<'de> IntoDeserializer<'de> for &'de Node<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de Node<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.content {
            Content::Null => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Number(number) => number.clone().deserialize_any(visitor).map_err(serde::de::Error::custom),
            Content::String(text) => visitor.visit_borrowed_str(text),
            Content::Sequence(items) => SeqDeserializer::new(items.iter()).deserialize_any(visitor),
            Content::Mapping(mapping) => {
                MapDeserializer::new(mapping.entries().iter().map(|entry| (&*entry.key, &entry.value)))
                    .deserialize_any(visitor)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.content {
            Content::Null => visitor.visit_none(),
            Content::Bool(_) | Content::Number(_) | Content::String(_) | Content::Sequence(_) | Content::Mapping(_) => {
                visitor.visit_some(self)
            }
        }
    }

    /// Enums are written as the name of a variant without fields.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.as_str() {
            Some(text) => text.into_deserializer().deserialize_enum(name, variants, visitor),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

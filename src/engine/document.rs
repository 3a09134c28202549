//! A parsed document: a tree of values in which each value and each key knows its place in the file.
//!
//! The tree borrows from the file's text. It is made by `files::yaml`, read through [`Node::get`], serde
//! ([`deserialize`]) and the schema validator ([`json`]), and dropped once the file's classes are made.

pub mod deserialize;
pub mod json;
mod mapping;

use std::borrow::Cow;

use serde_json::Value;

pub use self::mapping::{DuplicateKey, Entry, Mapping};

/// A part of a file: byte offsets into its text. Files are at most 1 MiB, so 32 bits are plenty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte; equal to `start` for something that isn't written, such as an omitted value.
    pub end: u32,
}

impl Span {
    /// Whether nothing is written there.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One document of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document<'t> {
    /// The topmost value.
    pub root: Node<'t>,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'t> {
    /// The place. Of a value reached through an alias: where its anchor is.
    pub span: Span,
    /// The value.
    pub content: Content<'t>,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Content<'t> {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A string, its quotes and escapes resolved.
    String(Cow<'t, str>),
    /// A list.
    Sequence(Vec<Node<'t>>),
    /// A map from strings.
    Mapping(Mapping<'t>),
}

impl<'t> Node<'t> {
    /// The map, if it is one.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&Mapping<'t>> {
        match &self.content {
            Content::Mapping(mapping) => Some(mapping),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::String(_) | Content::Sequence(_) => None,
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::String(text) => Some(text),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Sequence(_) | Content::Mapping(_) => None,
        }
    }

    /// What it is, in a few words: `the number 10`, `a list`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.content {
            Content::Null => "nothing (null)".to_owned(),
            Content::Bool(value) => value.to_string(),
            Content::Number(number) => format!("the number {number}"),
            Content::String(_) => "a string".to_owned(),
            Content::Sequence(_) => "a list".to_owned(),
            Content::Mapping(_) => "a map".to_owned(),
        }
    }

    /// The list's items; none if it is no list.
    #[must_use]
    pub fn items(&self) -> &[Node<'t>] {
        match &self.content {
            Content::Sequence(items) => items,
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::String(_) | Content::Mapping(_) => &[],
        }
    }

    /// The map's entries; none if it is no map.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'t>] {
        self.as_mapping().map_or(&[], Mapping::entries)
    }

    /// The entry of a key; `None` as well if this is no map.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry<'t>> {
        self.as_mapping()?.entry(key)
    }

    /// The value of a key; `None` as well if this is no map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node<'t>> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Follows a JSON pointer (RFC 6901) such as `/metadata/labels/a~1b` or `/policy/enforce/0`.
    #[must_use]
    pub fn find(&self, pointer: &str) -> Option<Found<'_, 't>> {
        let mut found = Found { key_span: None, node: self };
        for segment in pointer.split('/').skip(1) {
            let segment = unescape(segment);
            found = match &found.node.content {
                Content::Mapping(mapping) => {
                    let entry = mapping.entry(&segment)?;
                    Found { key_span: Some(entry.key_span), node: &entry.value }
                }
                Content::Sequence(items) => Found { key_span: None, node: items.get(segment.parse::<usize>().ok()?)? },
                Content::Null | Content::Bool(_) | Content::Number(_) | Content::String(_) => return None,
            };
        }
        Some(found)
    }

    /// The same, apart from the file's text.
    #[must_use]
    pub fn detached(&self) -> Node<'static> {
        let content = match &self.content {
            Content::Null => Content::Null,
            Content::Bool(value) => Content::Bool(*value),
            Content::Number(number) => Content::Number(number.clone()),
            Content::String(text) => Content::String(text.clone().into_owned().into()),
            Content::Sequence(items) => Content::Sequence(items.iter().map(Node::detached).collect()),
            Content::Mapping(mapping) => {
                let entry = |entry: &Entry<'_>| Entry {
                    key: entry.key.clone().into_owned().into(),
                    key_span: entry.key_span,
                    value: entry.value.detached(),
                };
                Content::Mapping(Mapping::new(mapping.entries().iter().map(entry).collect()).0)
            }
        };
        Node { span: self.span, content }
    }

    /// The value without its places.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::String(text) => Value::String(text.clone().into_owned()),
            Content::Sequence(items) => items.iter().map(Node::to_value).collect(),
            Content::Mapping(mapping) => {
                mapping.entries().iter().map(|entry| (entry.key.clone().into_owned(), entry.value.to_value())).collect()
            }
        }
    }
}

/// What a JSON pointer leads to.
#[derive(Clone, Copy, Debug)]
pub struct Found<'n, 't> {
    /// The place of the key, if the last step went into a map.
    pub key_span: Option<Span>,
    /// The value.
    pub node: &'n Node<'t>,
}

impl Found<'_, '_> {
    /// The place to point at for the whole value: its key or, in a list and for a document, its beginning.
    #[must_use]
    pub fn heading(&self) -> Span {
        self.key_span.unwrap_or_else(|| self.node.entries().first().map_or(self.node.span, |entry| entry.key_span))
    }

    /// The place of the value as it is written, or of its key if it isn't.
    #[must_use]
    pub fn value_span(&self) -> Span {
        let is_container = matches!(self.node.content, Content::Sequence(_) | Content::Mapping(_));
        if is_container || self.node.span.is_empty() { self.heading() } else { self.node.span }
    }
}

fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') { segment.replace("~1", "/").replace("~0", "~").into() } else { segment.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, at: u32) -> Entry<'static> {
        let span = Span { start: at, end: at + 1 };
        let value = Node { span, content: Content::Number(at.into()) };
        Entry { key: Cow::Owned(key.to_owned()), key_span: span, value }
    }

    #[test]
    fn a_pointer_with_escapes_leads_to_key_and_value() {
        let (inner, _) = Mapping::new(vec![entry("a/b~c", 7)]);
        let node = |content| Node { span: Span::default(), content };
        let list = node(Content::Sequence(vec![node(Content::Null), node(Content::Mapping(inner))]));
        let found = list.find("/1/a~1b~0c").unwrap();
        assert_eq!(found.key_span.unwrap().start, 7);
        assert_eq!(found.node.to_value(), 7);
        assert!(list.find("/2").is_none());
        assert!(list.find("/1/a").is_none());
        assert!(list.find("").unwrap().key_span.is_none());
    }
}

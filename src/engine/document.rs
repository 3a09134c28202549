//! A parsed document: a tree of values in which each value and each key knows its place in the file.
//!
//! The tree borrows from the file's text. It is made by `files::yaml`, read through [`Node::get`], serde
//! ([`deserialize`]) and the schema validator ([`json`]), and dropped once the file's classes are made.

pub mod deserialize;
pub mod json;

use std::borrow::Cow;

use serde_json::Value;

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

/// The entries of a map in the order of the file, each key once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping<'t> {
    entries: Vec<Entry<'t>>,
    /// The entries' indices ordered by key; left out for small maps, where a scan is faster.
    index: Option<Box<[u32]>>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'t> {
    /// The key.
    pub key: Cow<'t, str>,
    /// The place of the key.
    pub key_span: Span,
    /// The value.
    pub value: Node<'t>,
}

/// A key that stands twice in one map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The key.
    pub key: String,
    /// Where it stands first.
    pub first: Span,
    /// Where it stands again.
    pub second: Span,
}

/// Maps with more entries than this are looked up by binary search.
const SCAN_AT_MOST: usize = 16;

impl<'t> Mapping<'t> {
    /// Makes a map. Of entries with the same key the first one stays; the others are returned.
    #[must_use]
    pub fn new(mut entries: Vec<Entry<'t>>) -> (Self, Vec<DuplicateKey>) {
        let mut duplicates = Vec::new();
        let duplicate = |first: &Entry<'_>, second: &Entry<'_>| DuplicateKey {
            key: second.key.clone().into_owned(),
            first: first.key_span,
            second: second.key_span,
        };
        if entries.len() <= SCAN_AT_MOST {
            let mut position = 1;
            while position < entries.len() {
                let (earlier, rest) = entries.split_at(position);
                if let Some(first) = earlier.iter().find(|first| first.key == rest[0].key) {
                    duplicates.push(duplicate(first, &rest[0]));
                    entries.remove(position);
                } else {
                    position += 1;
                }
            }
            return (Self { entries, index: None }, duplicates);
        }
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|a, b| entries[*a].key.cmp(&entries[*b].key));
        let mut again = vec![false; entries.len()];
        for same in order.chunk_by(|a, b| entries[*a].key == entries[*b].key) {
            for second in &same[1..] {
                duplicates.push(duplicate(&entries[same[0]], &entries[*second]));
                again[*second] = true;
            }
        }
        if !duplicates.is_empty() {
            let mut again = again.iter();
            entries.retain(|_| again.next() == Some(&false));
            order = (0..entries.len()).collect();
            order.sort_by(|a, b| entries[*a].key.cmp(&entries[*b].key));
        }
        let index = order.into_iter().map_while(|position| u32::try_from(position).ok()).collect();
        (Self { entries, index: Some(index) }, duplicates)
    }

    /// The entries, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Entry<'t>] {
        &self.entries
    }

    /// The entries, to make another map of them.
    #[must_use]
    pub fn into_entries(self) -> Vec<Entry<'t>> {
        self.entries
    }

    /// The entry of a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry<'t>> {
        let Some(index) = &self.index else { return self.entries.iter().find(|entry| entry.key == key) };
        let found = index.binary_search_by(|position| (*self.entries[*position as usize].key).cmp(key)).ok()?;
        Some(&self.entries[index[found] as usize])
    }
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

    /// Whether it is `true`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        matches!(self.content, Content::Bool(true))
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
                mapping.entries.iter().map(|entry| (entry.key.clone().into_owned(), entry.value.to_value())).collect()
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
    fn small_and_large_maps_find_the_same_and_keep_the_first_of_duplicates() {
        for size in [1_u32, 2, 15, 16, 17, 40, 500] {
            // Every key twice, in two different orders.
            let keys = (0..size).chain((0..size).rev()).map(|number| format!("k{number}"));
            let entries: Vec<_> = keys.zip(0..).map(|(key, at)| entry(&key, at)).collect();
            let (mapping, mut duplicates) = Mapping::new(entries);
            assert_eq!(mapping.entries().len(), size as usize);
            for number in 0..size {
                assert_eq!(mapping.entry(&format!("k{number}")).unwrap().key_span.start, number);
            }
            assert!(mapping.entry("k").is_none());
            assert!(mapping.entry("k9999").is_none());
            duplicates.sort_by_key(|duplicate| duplicate.first.start);
            for (number, duplicate) in (0..size).zip(&duplicates) {
                assert_eq!(duplicate.key, format!("k{number}"));
                assert_eq!(duplicate.first.start, number);
                assert_eq!(duplicate.second.start, 2 * size - 1 - number);
            }
            assert_eq!(duplicates.len(), size as usize);
        }
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

//! A map of a document: entries in the order of the file, each key once, found quickly also if there are many.

use std::borrow::Cow;

use super::{Node, Span};

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

#[cfg(test)]
mod tests {
    use super::super::Content;
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
}

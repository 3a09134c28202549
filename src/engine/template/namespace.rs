//! What a template's expressions see of a namespace.

use std::sync::Arc;

use crate::engine::expression::Keys;

/// What Kubernetes allows all annotations of an object together, in bytes of keys and values. For labels it has no such
/// rule, and here it is the same.
pub const BYTES_AT_MOST: usize = 256 * 1024;

/// How many labels, and how many annotations, expressions are made for. Kubernetes has no such rule.
pub const ENTRIES_AT_MOST: usize = 1000;

/// A namespace, as far as templates are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: Arc<str>,
    /// Its labels.
    pub labels: Entries,
    /// Those of its annotations that an expression may ask for.
    pub annotations: Entries,
}

impl Namespace {
    /// A namespace of which those annotations are kept that are asked for.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(
        name: &str,
        labels: impl IntoIterator<Item = (K, V)>,
        annotations: impl IntoIterator<Item = (K, V)>,
        kept: &Keys,
    ) -> Self {
        let annotations = annotations.into_iter().filter(|(key, _)| kept.contains(key.as_ref()));
        Self { name: name.into(), labels: labels.into_iter().collect(), annotations: annotations.collect() }
    }

    /// Whether it has more labels or annotations than the cost of an expression is bounded for.
    #[must_use]
    pub fn is_oversized(&self) -> bool {
        let is_oversized = |entries: &Entries| {
            let size: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
            entries.0.len() > ENTRIES_AT_MOST || size > BYTES_AT_MOST
        };
        is_oversized(&self.labels) || is_oversized(&self.annotations)
    }
}

/// Keys with a value each, ordered by key. A slice rather than a map: there may be ten thousand namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries(Box<[(Box<str>, Box<str>)]>);

impl Entries {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(&self.0[found].1)
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Entries {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entry = |(key, value): (K, V)| (key.as_ref().into(), value.as_ref().into());
        let mut entries: Vec<(Box<str>, Box<str>)> = entries.into_iter().map(entry).collect();
        entries.sort();
        entries.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(entries.into())
    }
}

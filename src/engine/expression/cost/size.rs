//! How large a value can be: of a string its bytes, of a list its items and how large each can be.

use std::sync::Arc;

use crate::engine::expression::declared::Type;
use crate::engine::template::namespace::{BYTES_AT_MOST, ENTRIES_AT_MOST};

/// What a string of a variable is counted as. All that a cluster says of itself is shorter.
const TEXT: usize = 64;
/// What a list of a variable is counted as.
const ITEMS: u64 = 8;

/// What the labels and annotations of a namespace are like: how many there are, and how large the largest key or value is.
///
/// Each of the two has at most [`ENTRIES_AT_MOST`] entries and [`BYTES_AT_MOST`] bytes: many small ones or a few large ones.
/// No other shape costs more than these, because an estimate is a sum of products of both numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    labels: (u64, usize),
    annotations: (u64, usize),
}

const MANY: (u64, usize) = (ENTRIES_AT_MOST as u64, BYTES_AT_MOST / ENTRIES_AT_MOST);
/// With keys as long as a key can be.
const LONG_KEYS: (u64, usize) = (BYTES_AT_MOST as u64 / 317, 317);
const ONE: (u64, usize) = (1, BYTES_AT_MOST);

/// The shapes that may cost most.
pub(super) const SHAPES: [Shape; 3] = [
    Shape { labels: MANY, annotations: MANY },
    Shape { labels: LONG_KEYS, annotations: LONG_KEYS },
    Shape { labels: LONG_KEYS, annotations: ONE },
];

impl Shape {
    /// A map of a namespace, by its name.
    pub(super) fn map(self, name: &str) -> Size {
        let (count, item) = if name == "annotations" { self.annotations } else { self.labels };
        Size { count, item: Some(Arc::new(Size::text(item))) }
    }
}

/// How large a value can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Size {
    count: u64,
    /// Of a list or map: how large an item can be.
    item: Option<Arc<Size>>,
}

impl Size {
    /// A number, or true or false.
    pub(super) fn scalar() -> Self {
        Self { count: 1, item: None }
    }

    /// A string of so many bytes.
    pub(super) fn text(bytes: usize) -> Self {
        Self { count: (bytes as u64).max(1), item: None }
    }

    /// A list or map of these items.
    pub(super) fn list(items: Vec<Self>) -> Self {
        let count = items.len() as u64;
        let item = items.into_iter().reduce(Self::or).unwrap_or(Self::scalar());
        Self { count, item: Some(Arc::new(item)) }
    }

    /// A variable of this type.
    pub(super) fn of(declared: &Type) -> Self {
        match declared {
            Type::Text | Type::Version | Type::Any => Self::text(TEXT),
            Type::List(item) | Type::Map(item) => Self { count: ITEMS, item: Some(Arc::new(Self::of(item))) },
            // Of a record, only the fields are values.
            Type::Record(_) | Type::Bool | Type::Int | Type::Uint | Type::Double | Type::Null | Type::Nothing => {
                Self::scalar()
            }
        }
    }

    /// How many items it has; of a string, how many bytes.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How large an item is, if it has items.
    pub(super) fn item(&self) -> Option<Self> {
        self.item.as_deref().cloned()
    }

    /// All of it.
    pub(super) fn total(&self) -> u64 {
        match &self.item {
            // An item costs more than a byte: it is a value of its own.
            Some(item) => self.count.saturating_mul(item.total().saturating_add(8)),
            None => self.count,
        }
    }

    /// The larger of two.
    pub(super) fn or(self, other: Self) -> Self {
        let item = match (self.item, other.item) {
            (Some(a), Some(b)) => Some(Arc::new((*a).clone().or((*b).clone()))),
            (a, b) => a.or(b),
        };
        Self { count: self.count.max(other.count), item }
    }

    /// Both, one behind the other.
    pub(super) fn plus(self, other: Self) -> Self {
        let count = self.count.saturating_add(other.count);
        Self { count, ..self.or(other) }
    }

    /// What comes of a loop over so many items that gives this for one.
    pub(super) fn repeated(self, times: u64) -> Self {
        if self.item.is_some() { Self { count: self.count.saturating_mul(times), ..self } } else { self }
    }

    /// A string in which each byte, and each place between two, is replaced by another string.
    pub(super) fn replaced(self, by: &Self) -> Self {
        let places = self.count.saturating_add(1);
        Self { count: self.count.saturating_add(places.saturating_mul(by.count)), item: None }
    }

    /// A string, cut into pieces: many small ones or one large one, so each is counted as both.
    pub(super) fn split(text: &Self) -> Self {
        Self { count: text.count.saturating_add(2), item: Some(Arc::new(Self { count: text.count, item: None })) }
    }

    /// The items of a list with a string between them.
    pub(super) fn joined(&self, between: &Self) -> Self {
        let item = self.item.as_deref().map_or(1, Self::total);
        Self { count: self.count.saturating_mul(item.saturating_add(between.count)).max(1), item: None }
    }
}

//! What an expression may name: the variables of its place, and their types.

use std::fmt;
use std::sync::{Arc, LazyLock};

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub r#type: Type,
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A whole number written with a `u`.
    Uint,
    /// A number with a fraction.
    Double,
    /// A string.
    Text,
    /// What `semver()` makes of a string.
    Version,
    /// `null`.
    Null,
    /// A list of values of a type.
    List(Arc<Type>),
    /// A map from any keys to values of a type.
    Map(Arc<Type>),
    /// A map of which each key is known.
    Record(Arc<Record>),
    /// What an empty list has as items.
    Nothing,
    /// A value whose type depends on the evaluation.
    Any,
}

/// A map of which each key is known. It is no value by itself: an expression names one of its fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is called in messages: `cluster.gatewayAPI`.
    pub path: &'static str,
    /// Its fields.
    pub fields: Vec<(&'static str, Type)>,
}

impl Record {
    /// The type of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Type> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, field)| field)
    }
}

impl Type {
    /// A list of values of a type.
    #[must_use]
    pub fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }

    /// Whether the type is only known at evaluation.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Any | Self::Nothing)
    }

    /// Whether a value of this type can be one of another: as far as both are known.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b)) | (Self::Map(a), Self::Map(b)) => a.fits(b),
            (a, b) => a.is_open() || b.is_open() || a == b,
        }
    }

    /// The type of a value that is of one of two types.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, one) | (one, Self::Nothing) => one,
            (Self::List(a), Self::List(b)) => Self::list((*a).clone().or((*b).clone())),
            (a, b) if a == b => a,
            _ => Self::Any,
        }
    }
}

/// The type in a few words: `a string`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Uint => "an unsigned number",
            Self::Double => "a number with a fraction",
            Self::Text => "a string",
            Self::Version => "a version",
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Record(_) => "a map",
            Self::Nothing | Self::Any => "anything",
        })
    }
}

/// `cluster`: what is known of the cluster, [`Facts`](crate::engine::facts::Facts).
static CLUSTER: LazyLock<Variable> = LazyLock::new(|| {
    let kubernetes = Record { path: "cluster.kubernetes", fields: vec![("version", Type::Text)] };
    let gateway_api = Record {
        path: "cluster.gatewayAPI",
        fields: vec![
            ("bundleVersion", Type::Text),
            ("channel", Type::Text),
            ("servedVersions", Type::list(Type::Text)),
        ],
    };
    let record = |record| Type::Record(Arc::new(record));
    let fields = vec![("kubernetes", record(kubernetes)), ("gatewayAPI", record(gateway_api))];
    Variable { name: "cluster", r#type: record(Record { path: "cluster", fields }) }
});

/// `namespace`: what a template's expressions may ask of a namespace,
/// [`Namespace`](crate::engine::template::namespace::Namespace).
static NAMESPACE: LazyLock<Variable> = LazyLock::new(|| {
    let map = || Type::Map(Arc::new(Type::Text));
    let fields = vec![("name", Type::Text), ("labels", map()), ("annotations", map())];
    Variable { name: "namespace", r#type: Type::Record(Arc::new(Record { path: "namespace", fields })) }
});

/// The variable `namespace`.
#[must_use]
pub fn namespace() -> Variable {
    NAMESPACE.clone()
}

/// The variable `cluster`.
#[must_use]
pub fn cluster() -> Variable {
    CLUSTER.clone()
}

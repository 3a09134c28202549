//! A GatewayClass as the API server has it, reduced to what planning needs.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::defaults::DefaultClass;
use super::field_set::{DecodeFieldsError, FieldSet};
use super::pool::Pool;
use super::unit::{Unit, Units};

/// The name under which a program writes: `metadata.managedFields[].manager`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldManager(Arc<str>);

/// A text that the API server wouldn't take as a field manager.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a field manager: 1 to 128 printable characters")]
pub struct FieldManagerError {
    /// The text as it was given.
    pub name: String,
}

impl FieldManager {
    /// Takes a name by the API server's rule: 1 to 128 printable characters.
    pub fn new(name: &str) -> Result<Self, FieldManagerError> {
        let printable = |c: char| c == ' ' || !(c.is_control() || c.is_whitespace());
        if name.is_empty() || name.len() > 128 || !name.chars().all(printable) {
            return Err(FieldManagerError { name: name.to_owned() });
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a manager came to own its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// One entry of `managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// The manager's name.
    pub name: Arc<str>,
    /// How it came to own its fields.
    pub operation: Operation,
    /// Whether the entry belongs to a subresource (`status`), which is written apart.
    pub subresource: Option<Box<str>>,
    /// The last change of the entry.
    pub time: Option<Timestamp>,
    /// What it owns.
    pub fields: Arc<FieldSet>,
}

/// A GatewayClass as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// `metadata.name`.
    pub name: Arc<str>,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.resourceVersion`.
    pub resource_version: ResourceVersion,
    /// Whether it has a deletionTimestamp.
    pub phase: Phase,
    /// Every label, annotation and field of `spec`.
    pub units: Units,
    /// `metadata.finalizers`, in the order of the object.
    pub finalizers: Box<[Box<str>]>,
    /// Who owns what, in the order of the object.
    pub managers: Box<[Manager]>,
}

/// What many classes have in common.
#[derive(Debug, Default)]
pub struct Pools {
    names: Pool<str>,
    fields: Pool<FieldSet>,
}

/// Where an object stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is there.
    Present,
    /// It has a deletionTimestamp and waits for its finalizers.
    Terminating,
}

/// A `metadata.resourceVersion`. Versions of one resource can be ordered (KEP-5504), so that an event older than
/// the answer to a write is known to be old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceVersion(Box<str>);

impl ResourceVersion {
    /// The version's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this version is known to be older than another one. Texts that aren't numbers are never older.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        match (self.0.parse::<u128>(), other.0.parse::<u128>()) {
            (Ok(this), Ok(other)) => this < other,
            (Err(_), _) | (_, Err(_)) => false,
        }
    }
}

impl From<&str> for ResourceVersion {
    fn from(version: &str) -> Self {
        Self(version.into())
    }
}

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ResourceVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// An object that no API server would send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// A piece of metadata that each object has is missing.
    #[error("the object has no metadata.{field}")]
    Metadata {
        /// The missing field.
        field: &'static str,
    },
    /// An entry of `managedFields` can't be read.
    #[error("the managedFields entry of {manager:?} of class {class} can't be decoded")]
    ManagedFields {
        /// The class.
        class: String,
        /// The entry's manager.
        manager: String,
        /// What is wrong with it.
        source: DecodeFieldsError,
    },
}

impl Live {
    /// Reduces an object to what planning needs.
    pub fn new(metadata: ObjectMeta, spec: Map<String, Value>) -> Result<Self, LiveError> {
        let name: Arc<str> = metadata.name.ok_or(LiveError::Metadata { field: "name" })?.into();
        let uid = metadata.uid.ok_or(LiveError::Metadata { field: "uid" })?.into();
        // The answer to a dry run that would create an object has none.
        let version = metadata.resource_version.unwrap_or_default();
        let spec = spec.into_iter().map(|(field, value)| (Unit::spec(&field), value));
        let labels = metadata.labels.into_iter().flatten().map(|(key, value)| (Unit::label(&key), value.into()));
        let annotations =
            metadata.annotations.into_iter().flatten().map(|(key, value)| (Unit::annotation(&key), value.into()));
        let managers = metadata
            .managed_fields
            .into_iter()
            .flatten()
            .map(|entry| manager(entry, &name))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            uid,
            resource_version: version.as_str().into(),
            phase: if metadata.deletion_timestamp.is_some() { Phase::Terminating } else { Phase::Present },
            units: spec.chain(labels).chain(annotations).collect(),
            finalizers: metadata.finalizers.into_iter().flatten().map(Into::into).collect(),
            managers,
            name,
        })
    }

    /// Gives back memory that others hold as well: a class that is as wanted has the units of its default, and most
    /// classes have the owners of most others.
    pub fn share(&mut self, default: Option<&DefaultClass>, pools: &mut Pools) {
        if let Some(default) = default {
            self.name = default.name.clone();
            self.units.share(&default.units);
        }
        for manager in &mut self.managers {
            pools.names.share(&mut manager.name);
            pools.fields.share(&mut manager.fields);
        }
    }

    /// What a field manager owns by server-side apply.
    #[must_use]
    pub fn applied_by(&self, manager: &FieldManager) -> Option<&FieldSet> {
        self.managers
            .iter()
            .find(|entry| {
                *entry.name == *manager.as_str() && entry.operation == Operation::Apply && entry.subresource.is_none()
            })
            .map(|entry| &*entry.fields)
    }

    /// Everybody who owns a part of a unit's value, in the order of the object.
    pub fn owners(&self, unit: &Unit) -> impl Iterator<Item = &Manager> {
        self.managers.iter().filter(move |manager| manager.fields.of(unit).is_some())
    }

    /// Whether it has a finalizer.
    #[must_use]
    pub fn has_finalizer(&self, name: &str) -> bool {
        self.finalizers.iter().any(|finalizer| **finalizer == *name)
    }

    /// The value of an annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.units.annotation(key)?.as_str()
    }
}

fn manager(entry: ManagedFieldsEntry, class: &str) -> Result<Manager, LiveError> {
    let name = entry.manager.unwrap_or_default();
    let fields = entry.fields_v1.map_or_else(|| Value::Object(Map::new()), |fields| fields.0);
    let fields = FieldSet::decode(&fields).map_err(|source| LiveError::ManagedFields {
        class: class.to_owned(),
        manager: name.clone(),
        source,
    })?;
    Ok(Manager {
        name: name.into(),
        operation: if entry.operation.as_deref() == Some("Apply") { Operation::Apply } else { Operation::Update },
        subresource: entry.subresource.filter(|name| !name.is_empty()).map(Into::into),
        time: entry.time.map(|time| time.0),
        fields: Arc::new(fields),
    })
}

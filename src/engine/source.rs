//! Sources: the directory, each ConfigMap of the platform, each ConfigMap of a tenant. Each is accepted or rejected on
//! its own, and keeps its last good content.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::author::Author;
use super::diagnostic::Diagnostic;

/// A ConfigMap: written as `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigMapName {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl fmt::Display for ConfigMapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A text that names no ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no ConfigMap; write NAMESPACE/NAME")]
pub struct ConfigMapNameError {
    /// The text as it was given.
    pub text: String,
}

impl FromStr for ConfigMapName {
    type Err = ConfigMapNameError;

    fn from_str(text: &str) -> Result<Self, ConfigMapNameError> {
        let is_name = |part: &str| {
            let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
            !part.is_empty() && part.len() <= 253 && part.chars().all(is_allowed)
        };
        match text.split_once('/') {
            Some((namespace, name)) if is_name(namespace) && is_name(name) => {
                Ok(Self { namespace: namespace.into(), name: name.into() })
            }
            Some(_) | None => Err(ConfigMapNameError { text: text.to_owned() }),
        }
    }
}

/// A source. Of two that hold the same name, the lesser one keeps it, unless they are of two tenants of which one has
/// applied the class already.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceId {
    /// The platform's directory.
    Directory,
    /// A ConfigMap of the platform.
    ConfigMap(ConfigMapName),
    /// A ConfigMap of a tenant.
    Tenant {
        /// The tenant's name.
        tenant: Arc<str>,
        /// The ConfigMap.
        config_map: ConfigMapName,
    },
}

impl SourceId {
    /// Who writes it.
    #[must_use]
    pub fn author(&self) -> Author {
        match self {
            Self::Directory | Self::ConfigMap(_) => Author::Platform,
            Self::Tenant { tenant, .. } => Author::Tenant(tenant.clone()),
        }
    }

    /// The ConfigMap that it is, if it is one.
    #[must_use]
    pub fn config_map(&self) -> Option<&ConfigMapName> {
        match self {
            Self::Directory => None,
            Self::ConfigMap(name) | Self::Tenant { config_map: name, .. } => Some(name),
        }
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => f.write_str("directory"),
            Self::ConfigMap(name) | Self::Tenant { config_map: name, .. } => write!(f, "configmap {name}"),
        }
    }
}

impl Serialize for SourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How the last load of a source ended, or of all of them together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub enum LoadState {
    /// There was none yet.
    #[default]
    Pending,
    /// Its content is in force.
    Accepted,
    /// Its content is refused; that of the last good load, if there was one, stays in force.
    Rejected,
}

/// Whether a source describes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// It describes nothing at all, which may be a mistake.
    Empty,
    /// It describes something.
    Filled,
}

/// What is told of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Which one it is.
    pub id: SourceId,
    /// The uid of the ConfigMap that it is.
    pub uid: Option<Arc<str>>,
    /// How its last load ended.
    pub state: LoadState,
    /// Whether what is in force of it describes anything.
    pub filling: Filling,
    /// Whether anything of it is or was in force.
    pub in_force: bool,
    /// How many classes of it are in force.
    pub classes: usize,
    /// The digest of its content that was accepted last, in hexadecimal.
    pub digest: Option<String>,
    /// When that was.
    pub loaded_at: Option<Timestamp>,
    /// What the last load found: errors if it was rejected, else warnings.
    pub findings: Arc<[Diagnostic]>,
}

/// What is known of a tenant's sources as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantState {
    /// The tenant's name.
    pub name: Arc<str>,
    /// Whether it is known which ConfigMaps it has.
    pub listing: Listing,
    /// Whether one of its ConfigMaps was seen to be deleted, so that to have none may be meant.
    pub deletion: Deletion,
    /// What may come of a class that the tenant drops.
    pub leaving: Leaving,
    /// Why its ConfigMaps aren't known, if the server told.
    pub trouble: Option<Arc<str>>,
}

/// Whether a tenant's ConfigMaps are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Not in each of its namespaces.
    Incomplete,
    /// They are.
    Complete,
}

/// Whether a ConfigMap of a tenant was seen to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// None was.
    None,
    /// One was.
    Seen,
}

/// What may come of a class that leaves the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// What it is marked for: it is deleted if `onRemove: Delete` marked it.
    AsMarked,
    /// It is released in any case: its author may not delete classes (any more).
    Released,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_map_is_named_with_its_namespace() {
        let name: ConfigMapName = "platform/defaults.v1".parse().unwrap();
        assert_eq!((&*name.namespace, &*name.name), ("platform", "defaults.v1"));
        for text in ["", "platform", "/", "a/", "/a", "a/b/c", "A/b", "a/b c", "a/b?x=1"] {
            assert!(text.parse::<ConfigMapName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_platform_s_sources_come_before_a_tenant_s() {
        let name = |text: &str| text.parse::<ConfigMapName>().unwrap();
        let tenant = |tenant: &str, map| SourceId::Tenant { tenant: tenant.into(), config_map: name(map) };
        let ordered = [
            SourceId::Directory,
            SourceId::ConfigMap(name("z/z")),
            tenant("a", "z/a"),
            tenant("a", "z/b"),
            tenant("b", "a/a"),
        ];
        assert!(ordered.is_sorted());
    }
}

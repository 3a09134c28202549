//! Who wrote a default, and the field manager that it is applied under: the platform's own, or below it one for each
//! tenant, `classkeeper/team-a`.

use std::fmt;
use std::sync::Arc;

use super::live::{FieldManager, FieldManagerError, Live, Manager, Operation};

/// The longest name of an installation: with a tenant's, it still is a field manager.
const INSTALLATION_AT_MOST: usize = 64;

/// Who wrote a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Author {
    /// The platform: its directory, or one of its ConfigMaps.
    #[default]
    Platform,
    /// A tenant of this name.
    Tenant(Arc<str>),
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("the platform"),
            Self::Tenant(name) => write!(f, "the tenant {name}"),
        }
    }
}

/// An installation of classkeeper: the field manager of the platform's classes, with those of its tenants below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    platform: FieldManager,
}

/// A text that isn't an installation's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstallationError {
    /// The API server wouldn't take it.
    #[error(transparent)]
    FieldManager(#[from] FieldManagerError),
    /// It looks like a tenant's field manager.
    #[error("{name:?} has a /, behind which the name of a tenant stands")]
    Slash {
        /// The text as it was given.
        name: String,
    },
    /// There is no room for a tenant's name.
    #[error("{name:?} is longer than {INSTALLATION_AT_MOST} characters; the name of a tenant must fit behind it")]
    Long {
        /// The text as it was given.
        name: String,
    },
}

impl Installation {
    /// Takes the field manager of the platform's classes.
    pub fn new(name: &str) -> Result<Self, InstallationError> {
        let platform = FieldManager::new(name)?;
        if name.contains('/') {
            return Err(InstallationError::Slash { name: name.to_owned() });
        }
        if name.len() > INSTALLATION_AT_MOST {
            return Err(InstallationError::Long { name: name.to_owned() });
        }
        Ok(Self { platform })
    }

    /// The field manager of the platform's classes.
    #[must_use]
    pub fn platform(&self) -> &FieldManager {
        &self.platform
    }

    /// The field manager of an author's classes.
    #[must_use]
    pub fn manager(&self, author: &Author) -> FieldManager {
        match author {
            Author::Platform => self.platform.clone(),
            Author::Tenant(name) => match FieldManager::new(&format!("{}/{name}", self.platform)) {
                Ok(manager) => manager,
                Err(error) => unreachable!("tenants' names are DNS labels: {error}"),
            },
        }
    }

    /// Whose a field manager is; `None` if it is none of this installation's.
    #[must_use]
    pub fn author(&self, manager: &str) -> Option<Author> {
        match manager.strip_prefix(self.platform.as_str())? {
            "" => Some(Author::Platform),
            rest => rest.strip_prefix('/').map(|tenant| Author::Tenant(tenant.into())),
        }
    }

    /// The authors under whose field managers anything of a class was applied, in the order of the object.
    pub fn authors_of<'a>(&'a self, live: &'a Live) -> impl Iterator<Item = Author> + 'a {
        applied(live).filter_map(|entry| self.author(&entry.name))
    }

    /// Whether anything of a class was applied by this installation, whoever's the default was.
    #[must_use]
    pub fn applies_to(&self, live: &Live) -> bool {
        applied(live).any(|entry| are_siblings(&entry.name, self.platform.as_str()))
    }
}

/// Whether two field managers belong to one installation: the platform's and its tenants', or one and the same.
#[must_use]
pub fn are_siblings(one: &str, other: &str) -> bool {
    let installation = |manager: &str| manager.split('/').next().unwrap_or_default().len();
    let length = installation(one);
    length == installation(other) && one.as_bytes()[..length] == other.as_bytes()[..length]
}

/// Whether a field manager or one of its siblings has applied a unit of a class.
#[must_use]
pub fn is_kept_by_sibling(live: &Live, manager: &FieldManager) -> bool {
    let is_unit = |entry: &Manager| entry.fields.units().next().is_some();
    applied(live).any(|entry| are_siblings(&entry.name, manager.as_str()) && is_unit(entry))
}

/// Another field manager of the same installation that has applied units of a class.
#[must_use]
pub fn sibling_on<'a>(live: &'a Live, manager: &FieldManager) -> Option<&'a str> {
    let is_sibling = |entry: &&Manager| {
        *entry.name != *manager.as_str()
            && are_siblings(&entry.name, manager.as_str())
            && entry.fields.units().next().is_some()
    };
    applied(live).find(is_sibling).map(|entry| &*entry.name)
}

/// The entries of those who own a part of a class by apply.
fn applied(live: &Live) -> impl Iterator<Item = &Manager> {
    let is_apply = |entry: &&Manager| entry.operation == Operation::Apply && entry.subresource.is_none();
    live.managers.iter().filter(is_apply).filter(|entry| !entry.fields.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_author_has_a_field_manager_that_tells_them() {
        let installation = Installation::new("classkeeper").unwrap();
        for (author, manager) in
            [(Author::Platform, "classkeeper"), (Author::Tenant("team-a".into()), "classkeeper/team-a")]
        {
            assert_eq!(installation.manager(&author).as_str(), manager);
            assert_eq!(installation.author(manager), Some(author));
        }
        for other in ["classkeeper-2", "classkeeper-2/team-a", "kubectl", "", "class"] {
            assert_eq!(installation.author(other), None, "{other}");
        }
    }

    #[test]
    fn siblings_are_those_of_one_installation() {
        assert!(are_siblings("classkeeper", "classkeeper/a") && are_siblings("classkeeper/b", "classkeeper/a"));
        assert!(are_siblings("helm", "helm"));
        assert!(!are_siblings("classkeeper", "classkeeper-2") && !are_siblings("classkeeper-2/a", "classkeeper/a"));
    }

    #[test]
    fn every_tenant_s_name_fits_behind_an_installation_s() {
        let longest = Installation::new(&"i".repeat(64)).unwrap();
        assert_eq!(longest.manager(&Author::Tenant("t".repeat(63).into())).as_str().len(), 128);
        assert!(matches!(Installation::new(&"i".repeat(65)), Err(InstallationError::Long { .. })));
        assert!(matches!(Installation::new("a/b"), Err(InstallationError::Slash { .. })));
        assert!(matches!(Installation::new(""), Err(InstallationError::FieldManager(_))));
    }
}

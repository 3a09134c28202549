//! Defaults: what a source asks for, and what all sources together do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::author::Author;
use super::policy::Policy;
use super::template::Template;
use super::tenancy::Tenant;
use super::unit::Units;
use super::when::When;

/// One class that the files describe, whatever the kind of document it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultClass {
    /// The class's `metadata.name`.
    pub name: Arc<str>,
    /// What the class should have.
    pub units: Units,
    /// How it is kept.
    pub policy: Arc<Policy>,
    /// The condition under which it counts; `None`: always.
    pub when: Option<Arc<When>>,
    /// Who wrote it, and so the field manager that it is applied under.
    pub author: Author,
    /// Where it is written.
    pub origin: Origin,
}

/// The place of a document: shown as `10-kgateway.yaml:1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file's name, without its directory.
    pub file: Arc<str>,
    /// The line of the document's first key, from 1.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// All that accepted files describe, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    classes: BTreeMap<Arc<str>, Arc<DefaultClass>>,
    tenants: BTreeMap<Arc<str>, Arc<Tenant>>,
    templates: BTreeMap<Arc<str>, Arc<Template>>,
}

/// What one document describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Described {
    /// A class.
    Class(Arc<DefaultClass>),
    /// A tenant.
    Tenant(Arc<Tenant>),
    /// A class for each namespace that matches.
    Template(Arc<Template>),
}

impl Defaults {
    /// The default of a class.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<DefaultClass>> {
        self.classes.get(name)
    }

    /// All classes, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DefaultClass>> {
        self.classes.values()
    }

    /// How many classes there are, those of templates left out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether nothing is described at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty() && self.tenants.is_empty() && self.templates.is_empty()
    }

    /// All templates, ordered by name.
    pub fn templates(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.templates.values()
    }

    /// What all of these describe together, which is what the one describes if only one does; `None` if there are none.
    /// No two of them describe the same.
    pub(super) fn merged<'d>(all: &(impl Iterator<Item = &'d Arc<Self>> + Clone)) -> Option<Arc<Self>> {
        let mut filled = all.clone().filter(|defaults| !defaults.is_empty());
        let (first, second) = (filled.next(), filled.next());
        let (Some(first), Some(second)) = (first, second) else { return first.or(all.clone().next()).cloned() };
        let mut merged = Self::clone(first);
        for defaults in std::iter::once(second).chain(filled) {
            merged.classes.extend(defaults.classes.iter().map(|(name, class)| (name.clone(), class.clone())));
            merged.tenants.extend(defaults.tenants.iter().map(|(name, tenant)| (name.clone(), tenant.clone())));
            merged.templates.extend(defaults.templates.iter().map(|(name, template)| (name.clone(), template.clone())));
        }
        Some(Arc::new(merged))
    }

    /// Everything that is described.
    pub fn described(&self) -> impl Iterator<Item = Described> {
        let classes = self.classes.values().cloned().map(Described::Class);
        let tenants = self.tenants.values().cloned().map(Described::Tenant);
        classes.chain(tenants).chain(self.templates.values().cloned().map(Described::Template))
    }

    /// A template.
    #[must_use]
    pub fn template(&self, name: &str) -> Option<&Arc<Template>> {
        self.templates.get(name)
    }

    /// All tenants, ordered by name.
    pub fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.tenants.values()
    }

    /// A tenant.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.tenants.get(name)
    }
}

impl Extend<Described> for Defaults {
    fn extend<I: IntoIterator<Item = Described>>(&mut self, described: I) {
        for described in described {
            match described {
                Described::Class(class) => {
                    self.classes.insert(class.name.clone(), class);
                }
                Described::Tenant(tenant) => {
                    self.tenants.insert(tenant.name.clone(), tenant);
                }
                Described::Template(template) => {
                    self.templates.insert(template.name.clone(), template);
                }
            }
        }
    }
}

impl FromIterator<Described> for Defaults {
    fn from_iter<I: IntoIterator<Item = Described>>(described: I) -> Self {
        let mut defaults = Self::default();
        defaults.extend(described);
        defaults
    }
}

impl FromIterator<Arc<DefaultClass>> for Defaults {
    fn from_iter<I: IntoIterator<Item = Arc<DefaultClass>>>(classes: I) -> Self {
        let classes = classes.into_iter().map(|class| (class.name.clone(), class)).collect();
        Self { classes, ..Self::default() }
    }
}

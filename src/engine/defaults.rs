//! The defaults in force: what all accepted files together ask for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::policy::Policy;
use super::template::Template;
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
    pub policy: Policy,
    /// The condition under which it counts; `None`: always.
    pub when: Option<Arc<When>>,
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

/// All classes of the accepted files, by name, and the templates of further ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    classes: BTreeMap<Arc<str>, Arc<DefaultClass>>,
    templates: Vec<Arc<Template>>,
}

impl Defaults {
    /// The default of a class.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<DefaultClass>> {
        self.classes.get(name)
    }

    /// All defaults, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DefaultClass>> {
        self.classes.values()
    }

    /// The same with these templates.
    #[must_use]
    pub fn with_templates(self, templates: Vec<Arc<Template>>) -> Self {
        Self { templates, ..self }
    }

    /// The templates, in the order of the files.
    #[must_use]
    pub fn templates(&self) -> &[Arc<Template>] {
        &self.templates
    }

    /// How many classes there are, those of templates left out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there is neither a class nor a template.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty() && self.templates.is_empty()
    }
}

impl FromIterator<Arc<DefaultClass>> for Defaults {
    fn from_iter<I: IntoIterator<Item = Arc<DefaultClass>>>(classes: I) -> Self {
        let classes = classes.into_iter().map(|class| (class.name.clone(), class)).collect();
        Self { classes, templates: Vec::new() }
    }
}

//! The defaults in force: what all accepted files together ask for.

use std::fmt;
use std::sync::Arc;

use super::policy::Policy;
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

/// All classes of the accepted files, ordered by name, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults(Box<[Arc<DefaultClass>]>);

impl Defaults {
    /// The default of a class.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<DefaultClass>> {
        let index = self.0.binary_search_by(|class| (*class.name).cmp(name)).ok()?;
        Some(&self.0[index])
    }

    /// All defaults, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DefaultClass>> {
        self.0.iter()
    }

    /// How many classes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no class.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of classes with the same name the last one counts.
impl FromIterator<Arc<DefaultClass>> for Defaults {
    fn from_iter<I: IntoIterator<Item = Arc<DefaultClass>>>(classes: I) -> Self {
        let mut classes: Vec<_> = classes.into_iter().collect();
        // Stable, so that the last one comes first.
        classes.reverse();
        classes.sort_by(|a, b| a.name.cmp(&b.name));
        classes.dedup_by(|later, earlier| later.name == earlier.name);
        Self(classes.into())
    }
}

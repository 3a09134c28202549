//! What users say on the class itself: the annotations `classkeeper.dev/reconcile` and `classkeeper.dev/ignore`.
//!
//! A malformed value is reported, and read as the safe choice: leave alone.

use super::live::Live;
use super::unit::Unit;

/// The annotation that pauses a class.
pub const RECONCILE: &str = "classkeeper.dev/reconcile";
/// The annotation that names units to leave alone, separated by commas.
pub const IGNORE: &str = "classkeeper.dev/ignore";

/// The annotation that outlives a default with `onRemove: Delete`; honoured while our own apply owns it.
pub const ON_REMOVE: &str = "classkeeper.dev/on-remove";
/// The value of [`ON_REMOVE`] that asks for the deletion of the class.
pub const ON_REMOVE_DELETE: &str = "Delete";
/// The annotation by which an admission policy knows a class that must not be deleted.
pub const PROTECTED: &str = "classkeeper.dev/protected";
/// The value of [`PROTECTED`] that says so.
pub const PROTECTED_TRUE: &str = "true";
/// Helm's annotation on what it installed: the release's name.
pub const HELM_RELEASE: &str = "meta.helm.sh/release-name";
/// Helm's annotation that keeps a resource when its chart drops it.
pub const HELM_POLICY: &str = "helm.sh/resource-policy";
/// The value of [`HELM_POLICY`] that does so.
pub const HELM_KEEP: &str = "keep";

/// Whether a class is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconcile {
    /// It is, the usual case.
    Enabled,
    /// Its user paused it.
    Disabled,
    /// Its user said something else; what is wrong with it. Read as `Disabled`.
    Malformed(String),
}

impl Reconcile {
    /// Reads the annotation.
    #[must_use]
    pub fn of(live: &Live) -> Self {
        match live.annotation(RECONCILE).map(str::trim) {
            None | Some("enabled") => Self::Enabled,
            Some("disabled") => Self::Disabled,
            Some(other) => Self::Malformed(format!(
                "the annotation {RECONCILE} is {other:?}, not \"disabled\" or \"enabled\"; the class is left alone"
            )),
        }
    }
}

/// Which units of a class are left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignore {
    /// These, sorted; often none.
    Units(Vec<Unit>),
    /// All: the annotation names something that is no unit; what is wrong with it.
    Malformed(String),
}

impl Ignore {
    /// Reads the annotation.
    #[must_use]
    pub fn of(live: &Live) -> Self {
        let text = live.annotation(IGNORE).unwrap_or_default();
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        match names.map(str::parse).collect::<Result<Vec<Unit>, _>>() {
            Ok(mut units) => {
                units.sort();
                Self::Units(units)
            }
            Err(error) => Self::Malformed(format!("the annotation {IGNORE}: {error}; every unit is left alone")),
        }
    }

    /// Whether a unit is left alone.
    #[must_use]
    pub fn covers(&self, unit: &Unit) -> bool {
        match self {
            Self::Units(units) => units.binary_search(unit).is_ok(),
            Self::Malformed(_) => true,
        }
    }

    /// What is wrong with the annotation.
    #[must_use]
    pub fn complaint(&self) -> Option<&str> {
        match self {
            Self::Units(_) => None,
            Self::Malformed(complaint) => Some(complaint),
        }
    }
}
